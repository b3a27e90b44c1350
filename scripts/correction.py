"""Write the mean weights of a reweighter in bins."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.reweighting.correction import correction
from jetsmith.specs.classifiers import RowsSpec
from jetsmith.specs.features import RawSpec

with job(snakemake):
    correction(
        spec=RowsSpec(**snakemake.params.spec),
        packed=Path(snakemake.input.packed[0]).parents[1],
        weights=dict(zip(snakemake.params.generators, snakemake.input.weights, strict=True)),
        generators=snakemake.params.generators,
        bins=snakemake.params.bins,
        features={name: RawSpec(**raw) for name, raw in snakemake.params.features.items()},
        output=snakemake.output[0],
        n_members=snakemake.params.n_members,
        closure=snakemake.input.get("closure"),
    )
