"""Write the page that shows the run, and one a tagger."""

from jetsmith.job import job
from jetsmith.provenance import record
from jetsmith.report.page import write_report

with job(snakemake):
    accepted = snakemake.params.accepted
    write_report(
        output=snakemake.output[0],
        run=snakemake.params.run,
        title=snakemake.params.title,
        bundled=snakemake.params.bundled,
        is_published=snakemake.params.is_published,
        provenance=record() | ({"accepted": accepted} if accepted else {}),
        **dict(snakemake.input.items()),
    )
