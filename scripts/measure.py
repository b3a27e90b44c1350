"""Measure scale factors of a tagger's working points."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.measuring.jets import Source
from jetsmith.measuring.stage import measure
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.measurements import FitSpec

with job(snakemake):
    packed = snakemake.input.get(
        "packed"
    )  # results/packed/{sample}/{split}/{group}, where a variable is fitted
    folder = Path(packed[0]).parents[2] if packed else Path()
    samples = {
        name: Source(name, scores, folder / name, splits)
        for scores, (name, splits) in zip(
            snakemake.input.scores, snakemake.params.splits.items(), strict=True
        )
    }
    measure(
        name=snakemake.wildcards.measurement,
        spec=JudgedSpec(**snakemake.params.spec),
        settings=FitSpec(**snakemake.params.settings),
        data=samples[snakemake.params.data],
        simulation=samples[snakemake.params.simulation],
        varied={source: samples[name] for source, name in snakemake.params.varied.items()},
        is_pseudo=snakemake.params.is_pseudo,
        numbers=snakemake.input.calibration,
        seed=snakemake.params.seed,
        output=snakemake.output.numbers,
        workspaces=snakemake.output.workspaces,
    )
