"""Check that a classifier's inputs can be had from the files of a sample."""

from functools import partial

from jetsmith.derivations import from_plain
from jetsmith.features.derived import available_with_derived, stand_ins
from jetsmith.job import job
from jetsmith.skimming.suitability import check_classifier
from jetsmith.specs.classifiers import ComparedSpec, TruthSpec
from jetsmith.specs.features import ColumnGroup
from jetsmith.specs.skimming import XRootDSpec

with job(snakemake):
    check_classifier(
        spec=ComparedSpec(**snakemake.params.spec),
        inspections=snakemake.input,
        derivable=partial(available_with_derived, ways=from_plain(snakemake.params.ways)),
        output=snakemake.output[0],
        told=[TruthSpec(**told) for told in snakemake.params.told],
        groups=[ColumnGroup(**group) for group in snakemake.params.groups],
        stand_ins=partial(stand_ins, ways=from_plain(snakemake.params.ways)),
        xrootd=XRootDSpec(**snakemake.config.get("xrootd", {})),
        sample=snakemake.wildcards.sample,
        is_turned=snakemake.params.is_turned,
    )
