"""Simulate one part of a dataset of the embedded demo."""

from jetsmith.job import job
from jetsmith.simulate import simulate_part
from jetsmith.simulation.parameters import Detector
from jetsmith.simulation.processes import Physics
from jetsmith.specs.datasets import SimulateSpec

with job(snakemake):
    simulate_part(
        name=snakemake.wildcards.dataset,
        spec=SimulateSpec(**snakemake.params.spec),
        process=Physics(
            tuple(snakemake.params.settings), snakemake.params.boosted, keep=snakemake.params.keep
        ),
        detector=Detector.from_plain(snakemake.params.detector),
        part=int(snakemake.wildcards.part),
        seed=snakemake.params.seed,
        scale=snakemake.params.scale,
        output=snakemake.output[0],
    )
