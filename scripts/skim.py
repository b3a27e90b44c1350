"""Read one partition of a dataset: rows and the report of what became of its entries."""

from jetsmith.job import job
from jetsmith.skim import skim_partition
from jetsmith.specs import DatasetSpec, SelectionSpec, SkimSpec

with job(snakemake.log[0]):
    skim_partition(
        name=snakemake.wildcards.dataset,
        spec=DatasetSpec(**snakemake.params.spec),
        selection=SelectionSpec(**snakemake.params.selection),
        settings=SkimSpec(**snakemake.params.settings),
        plan=snakemake.input.plan,
        part=snakemake.params.part,
        output=snakemake.output.rows,
        report=snakemake.output.report,
        data_root=snakemake.params.data_root,
    )
