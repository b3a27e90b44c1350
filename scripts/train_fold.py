"""Train one classifier without a part of the events, for the scores that others are trained on."""

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
        without=Without(int(snakemake.wildcards.fold), snakemake.params.folds, snakemake.params.seed),
    )
