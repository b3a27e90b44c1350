"""Write what figures show as a submission to HEPData."""

from jetsmith.job import job
from jetsmith.publishing import publish

with job(snakemake):
    publish(
        **{name: list(paths) for name, paths in snakemake.input.items()},
        title=snakemake.params.title,
        label=snakemake.params.label,
        output=snakemake.output[0],
    )
