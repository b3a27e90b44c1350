"""Test the weights of a reweighter on events that nothing was fitted on."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.reweighting.closure import closure
from jetsmith.specs.classifiers import ComparedSpec
from jetsmith.specs.run import GatesSpec

with job(snakemake):
    closure(
        spec=ComparedSpec(**snakemake.params.spec),
        packed=Path(snakemake.input.packed[0]).parents[1],
        weights=dict(zip(snakemake.params.datasets, snakemake.input.weights, strict=True)),
        settings=GatesSpec(**snakemake.params.settings),
        seed=snakemake.params.seed,
        output=snakemake.output[0],
        threads=snakemake.threads,
        conserve=snakemake.params.conserve,
        conserve_in=snakemake.params.conserve_in,
        held_out_at=snakemake.params.held_out_at,
        at=snakemake.params.at,
        refine=snakemake.params.refine,
    )
