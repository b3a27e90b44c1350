"""Draw one tagger's discriminant."""

from jetsmith.job import job
from jetsmith.plots.discriminant import plot_discriminant
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec

with job(snakemake):
    plot_discriminant(
        spec=ClassifierSpec(**snakemake.params.spec),
        scores=snakemake.input.scores,
        numbers=snakemake.input.numbers,
        style=PlotSpec(**snakemake.params.style),
        output=snakemake.output.png.removesuffix(".png"),
    )
