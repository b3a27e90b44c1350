"""Write the rows of a partition as a ROOT file, for people who look with ROOT."""

from jetsmith.io import write_root
from jetsmith.job import job

with job(snakemake):
    write_root(snakemake.output[0], snakemake.input[0])
