"""Judge the trainings of a tagger with other weights of a loss."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.loss_scanning import scan_losses
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec

with job(snakemake):
    scan_losses(
        loss=snakemake.params.loss,
        weights=snakemake.params.weights,
        points=[RecipeSpec(**point) for point in snakemake.params.points],
        seeds=snakemake.params.seeds,
        discriminant=DiscriminantSpec(**snakemake.params.discriminant),
        signal=TruthSpec(**snakemake.params.signal),
        background=TruthSpec(**snakemake.params.background),
        columns=snakemake.params.columns,
        models=snakemake.input.models,
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output.scan,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
