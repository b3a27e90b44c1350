"""Look again at files of a dataset whose times have changed."""

from jetsmith.job import job
from jetsmith.skimming.looking import look_again
from jetsmith.specs.skimming import SkimSpec

with job(snakemake):
    look_again(
        name=snakemake.wildcards.dataset,
        plan=snakemake.input[0],
        files=[
            path for path, time in zip(snakemake.params.files, snakemake.params.times, strict=True) if time
        ],
        output=snakemake.output[0],
        retries=SkimSpec(**snakemake.config.get("skim", {})).retries,
    )
