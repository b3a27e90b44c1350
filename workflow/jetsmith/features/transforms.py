"""The transforms of features, by their names in the configuration; float64 in, float64 out."""

import numpy as np

from jetsmith.features.table import Array


def abs(values: Array) -> Array:
    """Absolute value."""
    return np.asarray(np.abs(values))


def log(values: Array) -> Array:
    """Natural logarithm."""
    return np.asarray(np.log(values))


def log10(values: Array) -> Array:
    """Logarithm to the base 10."""
    return np.asarray(np.log10(values))


def log1p(values: Array) -> Array:
    """ln(1 + x)."""
    return np.asarray(np.log1p(values))


def signed_log1p(values: Array) -> Array:
    """ln(1 + |x|) with the sign of x."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))
