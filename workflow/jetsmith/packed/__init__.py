"""The rows of a sample as memory-mapped arrays, split and ordered by identity."""
