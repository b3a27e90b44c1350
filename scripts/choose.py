"""Choose one of the trained points of a scan."""

from jetsmith.choosing import choose
from jetsmith.job import job

with job(snakemake):
    choose(
        classifier=snakemake.wildcards.classifier,
        method=snakemake.params.method,
        points=snakemake.params.points,
        trained=snakemake.params.trained,
        models=snakemake.input.models,
        output=snakemake.output.model,
        table=snakemake.output.table,
    )
