"""Read all partitions of a dataset on a Dask cluster of its own."""

from pathlib import Path

from jetsmith.cluster import skim_dataset
from jetsmith.job import job
from jetsmith.specs import DatasetSpec, SelectionSpec, SkimSpec, XRootDSpec

with job(snakemake.log[0]):
    skim_dataset(
        name=Path(snakemake.input.plan).stem,
        spec=DatasetSpec(**snakemake.params.spec),
        selection=SelectionSpec(**snakemake.params.selection),
        settings=SkimSpec(**snakemake.config.get("skim", {})),
        plan=snakemake.input.plan,
        outputs={key: list(paths) for key, paths in snakemake.output.items()},
        code=snakemake.params.code,
        golden_json=snakemake.input.get("golden_json"),
        xrootd=XRootDSpec(**snakemake.config.get("xrootd", {})),
        threads=snakemake.threads,
    )
