"""Pack a feature group of a sample into memory-mapped splits."""

from jetsmith.hashing import SPLITS
from jetsmith.job import job
from jetsmith.packed.pack import pack_group
from jetsmith.packed.packing import Packing
from jetsmith.specs.features import ColumnGroup
from jetsmith.specs.run import SplitSpec

with job(snakemake):
    names = snakemake.params.datasets
    pack_group(
        packing=Packing(
            sample=snakemake.wildcards.sample,
            splits=SplitSpec(**snakemake.params.splits),
            seed=snakemake.params.seed,
            kept_truth=snakemake.params.kept_truth,
            outputs=dict(zip(SPLITS, snakemake.output, strict=True)),
        ),
        group=ColumnGroup(**snakemake.params.spec),
        rows={name: snakemake.input[f"rows_{name}"] for name in names},
        features={name: snakemake.input[f"features_{name}"] for name in names},
        signs=snakemake.params.signs,
    )
