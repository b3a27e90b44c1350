"""Write one reweighter as a bundle."""

from pathlib import Path

from jetsmith.job import job
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import raw_specs
from jetsmith.specs.parameters import ParameterValues

with job(snakemake):
    from jetsmith.bundling_reweighters import bundle_reweighter  # here, so that a job without ONNX says so

    bundle_reweighter(
        spec=RecipeSpec(**snakemake.params.spec),
        valid={name: (low, high) for name, (low, high) in snakemake.params.valid.items()},
        features=raw_specs(snakemake.params.features),
        sorted_by=snakemake.params.sorted_by,
        model=snakemake.input.model,
        packed=Path(snakemake.input.packed[0]).parents[1],
        weights=snakemake.input.weights,
        output=snakemake.output[0],
        threads=snakemake.threads,
        closure=snakemake.input.get("closure"),
        asked=ParameterValues(**snakemake.params.asked),
    )
