"""Packed features back to what they were before their transform."""

from collections.abc import Callable

import numpy as np

from jetsmith.io import FloatArray

UNDO: dict[str, Callable[[FloatArray], FloatArray]] = {
    "none": lambda x: x,
    "abs": lambda x: x,
    "log": np.exp,
    "log10": lambda x: 10.0**x,
    "log1p": np.expm1,
    "signed_log1p": lambda x: np.sign(x) * np.expm1(np.abs(x)),
}
"""By transform; float64 in, float64 out. Of absolute values these themselves."""
