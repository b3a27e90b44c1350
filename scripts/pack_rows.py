"""Pack the rows of a sample into memory-mapped splits."""

from jetsmith.hashing import SPLITS
from jetsmith.job import job
from jetsmith.packed.pack_rows import pack_rows
from jetsmith.packed.packing import Packing
from jetsmith.specs.run import SampleSpec, SplitSpec

with job(snakemake):
    names = snakemake.params.generators
    pack_rows(
        packing=Packing(
            sample=snakemake.wildcards.sample,
            splits=SplitSpec(**snakemake.params.splits),
            seed=snakemake.params.seed,
            kept_truth=snakemake.params.kept_truth,
            outputs=dict(zip(SPLITS, snakemake.output, strict=True)),
        ),
        sample=SampleSpec(**snakemake.params.sample),
        generators=names,
        rows={name: snakemake.input[f"rows_{name}"] for name in names},
        accounts={name: snakemake.input[f"account_{name}"] for name in names},
        kinematics=snakemake.params.kinematics,
        content=snakemake.params.content,
    )
