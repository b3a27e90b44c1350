"""Write one tagger as a bundle."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec
from jetsmith.specs.features import raw_specs

with job(snakemake):
    from jetsmith.bundling import bundle  # here, so that a job without ONNX says which extra it lacks

    bundle(
        spec=RecipeSpec(**snakemake.params.spec),
        discriminants=[DiscriminantSpec(**found) for found in snakemake.params.discriminants],
        features=raw_specs(snakemake.params.features),
        sorted_by=snakemake.params.sorted_by,
        model=snakemake.input.model,
        packed=Path(snakemake.input.packed[0]).parents[1],
        calibrations=snakemake.input.calibrations,
        numbers=snakemake.input.numbers,
        output=snakemake.output[0],
        threads=snakemake.threads,
    )
