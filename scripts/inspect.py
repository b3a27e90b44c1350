"""Look into the files of a dataset and plan its partitions."""

from jetsmith.job import job
from jetsmith.skimming.inspection import inspect_dataset
from jetsmith.specs.datasets import ReadingSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec, XRootDSpec

with job(snakemake):
    inspect_dataset(
        name=snakemake.wildcards.dataset,
        spec=ReadingSpec(**snakemake.params.spec),
        files=snakemake.params.files,
        n_parts=snakemake.params.n_parts,
        target=PartitionSpec(**snakemake.params.target),
        output=snakemake.output[0],
        settings=SkimSpec(**snakemake.config.get("skim", {})),
        xrootd=XRootDSpec(**snakemake.config.get("xrootd", {})),
        threads=snakemake.threads,
        jet_id=snakemake.params.jet_id,
        has_cross_section=snakemake.params.has_cross_section,
    )
