"""Measure scale factors of a tagger's working points."""

from jetsmith.job import job
from jetsmith.measuring.jets import sources
from jetsmith.measuring.stage import measure
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.measurements import FitSpec

with job(snakemake):
    measure(
        name=snakemake.wildcards.measurement,
        spec=JudgedSpec(**snakemake.params.spec),
        settings=FitSpec(**snakemake.params.settings),
        samples=sources(snakemake.input.scores, snakemake.params.splits, snakemake.input.get("packed", ())),
        data=snakemake.params.data,
        simulation=snakemake.params.simulation,
        varied=snakemake.params.varied,
        turned=snakemake.params.turned,
        is_pseudo=snakemake.params.is_pseudo,
        numbers=snakemake.input.calibration,
        seed=snakemake.params.seed,
        output=snakemake.output.numbers,
        workspaces=snakemake.output.workspaces,
    )
