"""Stop the run where the weights of a reweighter failed their test, or taggers are worse than allowed."""

from jetsmith.job import job
from jetsmith.verdict import verdict

with job(snakemake):
    verdict(
        closures=snakemake.input.closures,
        allow_failed=snakemake.params.allow_failed_closure,
        page=snakemake.input.page,
        output=snakemake.output[0],
        untested=snakemake.params.untested,
        comparison=next(iter(snakemake.input.comparison), None),
    )
