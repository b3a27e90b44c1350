"""Draw the ROC curves of all taggers of a sample against one background."""

from jetsmith.job import job
from jetsmith.plots.roc import plot_roc
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec

with job(snakemake):
    plot_roc(
        specs=[ClassifierSpec(**spec) for spec in snakemake.params.specs],
        scores=snakemake.input.scores,
        background=snakemake.wildcards.background,
        style=PlotSpec(**snakemake.params.style),
        output=snakemake.output.png.removesuffix(".png"),
        numbers=snakemake.input.numbers,
        seed=snakemake.params.seed,
    )
