"""Check that a classifier's inputs can be had from the files of its sample."""

from functools import partial

from jetsmith.features.derived import available_with_derived
from jetsmith.job import job
from jetsmith.specs import ClassifierSpec, FeatureGroup, XRootDSpec
from jetsmith.suitability import check_classifier

with job(snakemake.log[0]):
    check_classifier(
        spec=ClassifierSpec(**snakemake.params.spec),
        inspections=snakemake.input,
        derivable=partial(available_with_derived, obj=snakemake.params.spec["object"]),
        output=snakemake.output[0],
        groups=[FeatureGroup(**group) for group in snakemake.params.groups],
        xrootd=XRootDSpec(**snakemake.config.get("xrootd", {})),
    )
