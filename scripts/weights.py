"""Write the event weights of one dataset."""

from jetsmith.job import job
from jetsmith.reweighting.weights import write_weights
from jetsmith.specs.classifiers import RowsSpec

with job(snakemake):
    write_weights(
        spec=RowsSpec(**snakemake.params.spec),
        scores=snakemake.input.scores,
        datasets=list(snakemake.params.datasets.items()),
        dataset=snakemake.wildcards.dataset,
        output=snakemake.output.weights,
        calibration_output=snakemake.output.numbers,
    )
