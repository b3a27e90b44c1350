"""Train one classifier without a part of the events, for the scores that others are trained on."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.training import Without, train

with job(snakemake):
    train(
        spec=RecipeSpec(**snakemake.params.spec),
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output[0],
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        gpus=snakemake.resources.get("gpu", 0),
        memory_mb=snakemake.resources.get("mem_mb", 0),
        events=Path(snakemake.log[0]).with_suffix("") if snakemake.config.get("tensorboard") else None,
        without=Without(int(snakemake.wildcards.fold), snakemake.params.folds),
    )
