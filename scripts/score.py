"""Score a sample with one classifier."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.scoring import score
from jetsmith.specs.classifiers import JudgedSpec

with job(snakemake):
    score(
        spec=JudgedSpec(**snakemake.params.spec),
        model=snakemake.input.model,
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output.scores,
        threads=snakemake.threads,
    )
