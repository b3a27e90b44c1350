"""The configuration as frozen, strict records.

A record that a stage gets holds what that stage reads, and the next extends it: a colour is a field of
`ClassSpec` alone, which no stage left of the plots gets (`jetsmith.stages`).

Light on purpose: every batch job parses the Snakefile, and with it imports this module.
A stage gets its record as a plain dict in `params` (Snakemake compares those) and builds it
anew with `model_validate`.
"""
