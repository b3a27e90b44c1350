"""Fit resolution functions of tracks to a sample, or take those of a file."""

from jetsmith.derivations import from_plain
from jetsmith.features.resolution import fit_resolution
from jetsmith.job import job

with job(snakemake):
    fit_resolution(
        skims=snakemake.input.get("skims", []),
        ways=from_plain(snakemake.params.ways),
        output=snakemake.output.functions,
        numbers=snakemake.output.numbers,
        file=snakemake.input.get("file"),
    )
