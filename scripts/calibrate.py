"""Find one tagger's working points and efficiencies."""

from jetsmith.calibration.stage import calibrate
from jetsmith.job import job
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.run import PointsSpec

with job(snakemake):
    calibrate(
        spec=JudgedSpec(**snakemake.params.spec),
        scores=snakemake.input[0],
        working_points=snakemake.params.working_points,
        pt_bins_gev=snakemake.params.pt_bins_gev,
        abseta_bins=snakemake.params.abseta_bins,
        third_bins=snakemake.params.third_bins,
        settings=PointsSpec(**snakemake.params.settings),
        thresholds=snakemake.params.thresholds,
        output=snakemake.output.corrections,
        numbers_output=snakemake.output.numbers,
    )
