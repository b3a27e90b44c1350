"""The embedded demo: Pythia events through a parametric detector to PFNano files.

The absolute performance of taggers on these files is the simulation's own; orderings and ratios
are what it is for.
"""
