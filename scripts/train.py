"""Train one classifier."""

from pathlib import Path

from jetsmith.chosen import Without
from jetsmith.job import job, of_training
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.training import train

with job(snakemake):
    train(
        spec=RecipeSpec(**snakemake.params.spec),
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output[0],
        **of_training(snakemake),
        taught=snakemake.params.taught,
        without=Without(**snakemake.params.without) if snakemake.params.without else None,
        replica=snakemake.params.replica,
    )
