"""Combine the measurements of a judgement, and write scale factors for others."""

from jetsmith.job import job
from jetsmith.measuring.corrections import combine_measurements

with job(snakemake):
    combine_measurements(
        judgement=snakemake.wildcards.judgement,
        measurements=dict(zip(snakemake.params.measurements, snakemake.input, strict=True)),
        abseta_max=snakemake.params.abseta_max,
        output=snakemake.output.corrections,
        numbers=snakemake.output.numbers,
    )
