"""Find the working points of two discriminants with a cut on each."""

from jetsmith.calibration.plane import calibrate_plane
from jetsmith.job import job
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.run import EfficienciesSpec

with job(snakemake):
    calibrate_plane(
        name=snakemake.wildcards.plane,
        specs=[JudgedSpec(**spec) for spec in snakemake.params.specs],
        scores=[snakemake.input.first, snakemake.input.second],
        points={name: tuple(targets) for name, targets in snakemake.params.points.items()},
        pt_bins_gev=snakemake.params.pt_bins_gev,
        abseta_bins=snakemake.params.abseta_bins,
        third_bins=snakemake.params.third_bins,
        settings=EfficienciesSpec(**snakemake.params.settings),
        output=snakemake.output.corrections,
        numbers_output=snakemake.output.numbers,
    )
