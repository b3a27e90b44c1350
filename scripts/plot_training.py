"""Draw the loss of one training."""

from jetsmith.job import job
from jetsmith.plots.training import plot_training
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec

with job(snakemake):
    plot_training(
        spec=ClassifierSpec(**snakemake.params.spec),
        model=snakemake.input[0],
        style=PlotSpec(**snakemake.params.style),
        output=snakemake.output.png.removesuffix(".png"),
    )
