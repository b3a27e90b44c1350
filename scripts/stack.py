"""Pack the scores of one classifier, as inputs of others."""

from pathlib import Path

from jetsmith.hashing import SPLITS
from jetsmith.job import job
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.stacking import stack

with job(snakemake):
    stack(
        spec=RecipeSpec(**snakemake.params.spec),
        packed=Path(snakemake.input.packed[0]).parents[1],
        scores=snakemake.input.scores,
        models=snakemake.input.models,
        seed=snakemake.params.seed,
        outputs=dict(zip(SPLITS, snakemake.output, strict=True)),
        threads=snakemake.threads,
    )
