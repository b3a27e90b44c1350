"""Look into one tagger."""

from pathlib import Path

from jetsmith.explaining.stage import explain
from jetsmith.job import job
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec
from jetsmith.specs.explain import JetsSpec

with job(snakemake):
    explain(
        spec=RecipeSpec(**snakemake.params.spec),
        discriminant=DiscriminantSpec(**snakemake.params.discriminant),
        signal=TruthSpec(**snakemake.params.signal),
        background=TruthSpec(**snakemake.params.background),
        model=snakemake.input.model,
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output.explanation,
        jets=JetsSpec(**snakemake.params.jets),
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
