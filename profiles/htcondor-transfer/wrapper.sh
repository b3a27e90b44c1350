#!/bin/sh
# Starts Snakemake in a job: with a Python that has jetsmith's dependencies at the node, on CVMFS or in the image.
# The driver hands JETSMITH_PYTHON on.
exec "${JETSMITH_PYTHON:-python3}" -m snakemake "$@"
