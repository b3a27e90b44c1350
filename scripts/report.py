"""Write the page that shows the run."""

from jetsmith.job import job
from jetsmith.provenance import record
from jetsmith.report.page import write_report

with job(snakemake):
    accepted = snakemake.params.accepted
    write_report(
        output=snakemake.output[0],
        run=snakemake.params.run,
        title=snakemake.params.title,
        accounts=snakemake.input.accounts,
        inspections=snakemake.input.inspections,
        plots=snakemake.input.plots,
        numbers=snakemake.input.numbers,
        planes=snakemake.input.planes,
        measurements=snakemake.input.measurements,
        closures=snakemake.input.closures,
        untested=snakemake.input.untested,
        checks=snakemake.input.checks,
        scans=snakemake.input.scans,
        provenance=record() | ({"accepted": accepted} if accepted else {}),
    )
