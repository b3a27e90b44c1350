"""Draw one figure."""

from jetsmith.job import job
from jetsmith.plots import plot

with job(snakemake):
    plot(
        name=snakemake.params.plot,
        files=dict(snakemake.input.items()),
        given=snakemake.params.given,
        output=snakemake.output.png.removesuffix(".png"),
    )
