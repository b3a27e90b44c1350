"""Stages explain and perturb: what a tagger lives by, and what small moves of its inputs cost.

Explain asks by two ways that see different things.
"""
