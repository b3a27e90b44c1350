"""Say which points of a scan by halving are trained in the next rung."""

from jetsmith.choosing import promote
from jetsmith.job import job

with job(snakemake):
    promote(
        classifier=snakemake.params.classifier,
        points=snakemake.params.points,
        models=snakemake.input.models,
        outputs=snakemake.output,
        rung=snakemake.params.rung,
    )
