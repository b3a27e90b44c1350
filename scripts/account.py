"""Account for every event of a dataset."""

from jetsmith.job import job
from jetsmith.skimming.account import account_dataset

with job(snakemake):
    account_dataset(
        name=snakemake.wildcards.dataset,
        plan=snakemake.input.plan,
        reports=snakemake.input.reports,
        identities=snakemake.input.identities,
        output=snakemake.output[0],
        max_loss_fraction=snakemake.params.max_loss_fraction,
        cross_section_pb=snakemake.params.cross_section_pb,
        luminosity_ifb=snakemake.params.luminosity_ifb,
        allow_duplicates=snakemake.params.allow_duplicates,
        generated=snakemake.params.generated,
        allow_same_sums=snakemake.params.allow_same_sums,
    )
