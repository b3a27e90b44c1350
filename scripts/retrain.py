"""Train a point of a scan by halving again, with more epochs."""

from pathlib import Path

from jetsmith.choosing import promoted
from jetsmith.job import job, of_training
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.training import train

with job(snakemake):
    train(
        spec=promoted(RecipeSpec(**snakemake.params.spec), snakemake.input.promoted),
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output[0],
        **of_training(snakemake),
        taught=snakemake.params.taught,
    )
