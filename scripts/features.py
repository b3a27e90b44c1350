"""Compute the features of one partition."""

from jetsmith.features.compute import compute_features
from jetsmith.job import job
from jetsmith.specs.features import ColumnGroup

with job(snakemake):
    compute_features(
        groups=[ColumnGroup(**group) for group in snakemake.params.groups],
        obj=snakemake.params.object,
        skim=snakemake.input.rows,
        output=snakemake.output.features,
        meta=snakemake.output.meta,
        dataset=snakemake.wildcards.dataset,
        part=snakemake.wildcards.part,
    )
