"""Reweighting of one generator to another: weights, and the test that they close.

A reweighter is a classifier whose two classes are generators, the source first, the target second.
Its probability ratio p_target/p_source, calibrated, is the ratio of the two densities of events.
"""
