"""Score a sample with one classifier."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.scoring import score
from jetsmith.specs.classifiers import RecipeSpec, TruthSpec

with job(snakemake):
    score(
        spec=RecipeSpec(**snakemake.params.spec),
        model=snakemake.input.model,
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output.scores,
        threads=snakemake.threads,
        sample=snakemake.wildcards.sample,
        at=snakemake.params.at,
        judged=[TruthSpec(**judged) for judged in snakemake.params.judged],
    )
