"""Pack a sample into memory-mapped splits."""

from jetsmith.hashing import SPLITS
from jetsmith.job import job
from jetsmith.packed.pack import pack_sample
from jetsmith.specs.features import ColumnGroup
from jetsmith.specs.run import SampleSpec, SplitSpec

with job(snakemake):
    names = snakemake.params.generators
    pack_sample(
        sample=SampleSpec(**snakemake.params.sample),
        generators=names,
        groups=[ColumnGroup(**group) for group in snakemake.params.groups],
        features={name: snakemake.input[f"features_{name}"] for name in names},
        accounts={name: snakemake.input[f"account_{name}"] for name in names},
        splits=SplitSpec(**snakemake.params.splits),
        seed=snakemake.params.seed,
        outputs=dict(zip(SPLITS, snakemake.output, strict=True)),
        kept_truth=snakemake.params.kept_truth,
        name=snakemake.wildcards.sample,
    )
