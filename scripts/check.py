"""Check that a classifier's inputs can be had from the files of a sample."""

from jetsmith.derivations import from_plain
from jetsmith.features.derived import available_with_derived, origins, stand_ins
from jetsmith.job import job
from jetsmith.skimming.suitability import check_classifier
from jetsmith.specs.classifiers import ComparedSpec, TruthSpec
from jetsmith.specs.features import ColumnGroup
from jetsmith.specs.skimming import XRootDSpec

with job(snakemake):
    ways = from_plain(snakemake.params.ways)
    check_classifier(
        spec=ComparedSpec(**snakemake.params.spec),
        inspections=snakemake.input,
        derivable=lambda stored: available_with_derived(stored, ways),
        output=snakemake.output[0],
        told=[TruthSpec(**told) for told in snakemake.params.told],
        groups=[ColumnGroup(**group) for group in snakemake.params.groups],
        stand_ins=lambda wanted, stored: stand_ins(wanted, stored, ways),
        xrootd=XRootDSpec(**snakemake.config.get("xrootd", {})),
        sample=snakemake.wildcards.sample,
        is_turned=snakemake.params.is_turned,
        origins=lambda wanted, stored: origins(wanted, stored, ways),
    )
