"""Move the inputs of one tagger."""

from pathlib import Path

from jetsmith.explaining.changed import Limits
from jetsmith.explaining.perturb import perturb
from jetsmith.job import job
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec
from jetsmith.specs.resilience import MovesSpec

with job(snakemake):
    perturb(
        judgement=snakemake.params.judgement,
        spec=RecipeSpec(**snakemake.params.spec),
        discriminant=DiscriminantSpec(**snakemake.params.discriminant),
        signal=TruthSpec(**snakemake.params.signal),
        backgrounds=[TruthSpec(**found) for found in snakemake.params.backgrounds],
        model=snakemake.input.model,
        packed=Path(snakemake.input.packed[0]).parents[1],
        output=snakemake.output.moves,
        moves=MovesSpec(**snakemake.params.moves),
        limits={g: {f: Limits(**x) for f, x in of.items()} for g, of in snakemake.params.limits.items()},
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
