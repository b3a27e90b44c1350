"""Draw one tagger's efficiency."""

from jetsmith.job import job
from jetsmith.plots.efficiency import plot_efficiency
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec

with job(snakemake):
    plot_efficiency(
        spec=ClassifierSpec(**snakemake.params.spec),
        scores=snakemake.input.scores,
        numbers=snakemake.input.numbers,
        pt_bins_gev=snakemake.params.pt_bins_gev,
        style=PlotSpec(**snakemake.params.style),
        output=snakemake.output.png.removesuffix(".png"),
    )
