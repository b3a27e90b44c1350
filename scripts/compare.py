"""Write what differs between this run and a finished one."""

from jetsmith.comparing.compare import compare_with
from jetsmith.job import job

with job(snakemake):
    compare_with(
        against=snakemake.params.against,
        ledger=snakemake.params.ledger,
        files=list(snakemake.input),
        run=snakemake.params.run,
        output=snakemake.output[0],
        tolerance=snakemake.params.tolerance,
    )
