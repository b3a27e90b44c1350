"""Read all partitions of a dataset on a Dask cluster of its own."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.skimming.cluster import skim_dataset
from jetsmith.specs.datasets import CutsSpec, ReadingSpec
from jetsmith.specs.skimming import SkimSpec, XRootDSpec

with job(snakemake):
    skim_dataset(
        name=Path(snakemake.input.plan).stem,
        spec=ReadingSpec(**snakemake.params.spec),
        selection=CutsSpec(**snakemake.params.selection),
        settings=SkimSpec(**snakemake.config.get("skim", {})),
        plan=snakemake.input.plan,
        outputs={key: list(paths) for key, paths in snakemake.output.items()},
        code=snakemake.params.code,
        golden_json=snakemake.input.get("golden_json"),
        xrootd=XRootDSpec(**snakemake.config.get("xrootd", {})),
        threads=snakemake.threads,
    )
