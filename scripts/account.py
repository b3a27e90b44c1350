"""Account for every event of a dataset."""

from jetsmith.account import account_dataset
from jetsmith.job import job

with job(snakemake.log[0]):
    account_dataset(
        name=snakemake.wildcards.dataset,
        plan=snakemake.input.plan,
        reports=snakemake.input.reports,
        max_loss_fraction=snakemake.params.max_loss_fraction,
        output=snakemake.output[0],
    )
