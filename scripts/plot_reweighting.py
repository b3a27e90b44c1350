"""Draw the spectra before and after reweighting."""

from jetsmith.job import job
from jetsmith.plots.reweighting import plot_reweighting
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec

with job(snakemake):
    plot_reweighting(
        spec=ClassifierSpec(**snakemake.params.spec),
        closure=snakemake.input.closure,
        weights=snakemake.input.weights,
        datasets=snakemake.params.datasets,
        labels=snakemake.params.labels,
        style=PlotSpec(**snakemake.params.style),
        output=snakemake.output.png.removesuffix(".png"),
    )
