"""Write the event weights of one dataset."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.reweighting.weights import write_weights
from jetsmith.specs.classifiers import RowsSpec
from jetsmith.specs.ratios import RatioSpec

with job(snakemake):
    write_weights(
        spec=RowsSpec(**snakemake.params.spec),
        scores=snakemake.input.scores,
        datasets=list(snakemake.params.datasets.items()),
        dataset=snakemake.wildcards.dataset,
        output=snakemake.output.weights,
        numbers=snakemake.output.numbers,
        ratio=RatioSpec(**snakemake.params.ratio),
        n_members=snakemake.params.n_members,
        at=snakemake.params.at,
        packed=Path(snakemake.input.packed[0]).parents[1],
    )
