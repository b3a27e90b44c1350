"""Pack the values of a reweighter's parameters, as inputs."""

from pathlib import Path

from jetsmith.hashing import SPLITS
from jetsmith.job import job
from jetsmith.reweighting.parameters import write_parameters

with job(snakemake):
    write_parameters(
        reweighter=snakemake.wildcards.reweighter,
        sample=snakemake.params.sample,
        names=snakemake.params.names,
        generated_at=snakemake.params.generated_at,
        held_out=snakemake.params.held_out,
        seed=snakemake.params.seed,
        packed=Path(snakemake.input.packed[0]).parents[1],
        outputs=dict(zip(SPLITS, snakemake.output, strict=True)),
    )
