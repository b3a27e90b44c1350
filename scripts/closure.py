"""Test the weights of a reweighter on events that nothing was fitted on."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.reweighting.closure import closure
from jetsmith.specs.classifiers import RatioSpec, RowsSpec
from jetsmith.specs.run import ClosureSpec

with job(snakemake):
    closure(
        spec=RowsSpec(**snakemake.params.spec),
        scores=snakemake.input.scores,
        packed=Path(snakemake.input.packed[0]).parents[1],
        weights=dict(zip(snakemake.params.datasets, snakemake.input.weights, strict=True)),
        settings=ClosureSpec(**snakemake.params.settings),
        seed=snakemake.params.seed,
        output=snakemake.output[0],
        threads=snakemake.threads,
        ratio=RatioSpec(**snakemake.params.ratio),
        n_members=snakemake.params.n_members,
    )
