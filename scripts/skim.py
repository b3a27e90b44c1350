"""Read one partition of a dataset: rows and the report of what became of its entries."""

from jetsmith.job import job
from jetsmith.skimming.partition import skim_partition
from jetsmith.specs.datasets import CutsSpec, ReadingSpec
from jetsmith.specs.skimming import SkimSpec, XRootDSpec

with job(snakemake):
    skim_partition(
        name=snakemake.wildcards.dataset,
        spec=ReadingSpec(**snakemake.params.spec),
        selection=CutsSpec(**snakemake.params.selection),
        settings=SkimSpec(**snakemake.config.get("skim", {})),
        plan=snakemake.input.plan,
        part=int(snakemake.wildcards.part),
        rows=snakemake.output.rows,
        report=snakemake.output.report,
        identity=snakemake.output.identity,
        golden_json=snakemake.input.get("golden_json"),
        xrootd=XRootDSpec(**snakemake.config.get("xrootd", {})),
        threads=snakemake.threads,
    )
