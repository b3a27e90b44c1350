"""Put the members of an ensemble into one model."""

from jetsmith.assembling import assemble
from jetsmith.job import job

with job(snakemake):
    assemble(
        classifier=snakemake.wildcards.classifier,
        models=snakemake.input.models,
        output=snakemake.output.model,
    )
