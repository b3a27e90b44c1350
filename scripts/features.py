"""Compute a feature group of one partition, or its rows."""

from jetsmith.derivations import from_plain
from jetsmith.features.compute import compute_features
from jetsmith.job import job
from jetsmith.specs.features import ColumnGroup

with job(snakemake):
    compute_features(
        group=ColumnGroup(**snakemake.params.spec) if snakemake.params.spec else None,
        ways=from_plain(snakemake.params.ways),
        skim=snakemake.input.rows,
        output=snakemake.output.features,
        meta=snakemake.output.meta,
        further=snakemake.params.further,
        resolution=snakemake.input.get("resolution"),
        signs=snakemake.params.signs,
        dataset=snakemake.wildcards.dataset,
        part=snakemake.wildcards.part,
    )
