"""Measure corrections of the shape of a discriminant."""

from jetsmith.job import job
from jetsmith.measuring.jets import sources
from jetsmith.measuring.shape import Region, measure_shape
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.shapes import UnfoldSpec

with job(snakemake):
    heavy, light = map(Region.of, snakemake.params.regions)
    measure_shape(
        spec=JudgedSpec(**snakemake.params.spec),
        settings=UnfoldSpec(**snakemake.params.settings),
        regions=(heavy, light),
        samples=sources(snakemake.input.scores, snakemake.params.splits),
        is_pseudo=snakemake.params.is_pseudo,
        numbers=snakemake.input.calibration,
        seed=snakemake.params.seed,
        output=snakemake.output.numbers,
        corrections=snakemake.output.corrections,
    )
