"""Compare a tagger with its trainings without some inputs."""

from pathlib import Path

from jetsmith.ablating import ablate
from jetsmith.job import job
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec

with job(snakemake):
    ablate(
        spec=RecipeSpec(**snakemake.params.spec),
        without={name: RecipeSpec(**less) for name, less in snakemake.params.without.items()},
        discriminant=DiscriminantSpec(**snakemake.params.discriminant),
        signal=TruthSpec(**snakemake.params.signal),
        background=TruthSpec(**snakemake.params.background),
        model=snakemake.input.model,
        models=snakemake.input.models,
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output.ablation,
        working_points=snakemake.params.working_points,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
