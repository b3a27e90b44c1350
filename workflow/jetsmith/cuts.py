"""One comparison of a score with a threshold, and one of a value with the edges of bins.

Both are those of float64, which correctionlib and C++ make of a float32 score and a threshold read from
JSON. NumPy compares a float32 array with a Python float in float32, where a threshold may round to
the score above or below it: nothing here leaves that to chance. Needs NumPy alone, since what analyses
import compares here, too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]


def passes(score: FloatArray, threshold: float) -> BoolArray:
    """Which jets pass: score >= threshold as float64 has it, shape (N,). -inf never does."""
    return np.asarray(score >= exact_in(threshold, score.dtype))


def exact_in(threshold: float, kind: np.dtype[Any]) -> Any:
    """The lowest number of a score's type at or above a threshold: compares the same, but fast."""
    if kind != np.float32:
        return np.float64(threshold)
    single = np.float32(threshold)
    return single if float(single) >= threshold else np.nextafter(single, np.float32(np.inf))


def written(threshold: float, kind: np.dtype[Any]) -> float:
    """A number for files that parts the same scores as the float32 `threshold`, whoever reads it.

    A quarter of the way down to the float32 below: rounded to float32 it is the threshold again, as
    float64 it lies between both, and the last bit of a decimal reader does not matter.
    """
    if kind != np.float32:
        return float(threshold)
    single = np.float32(threshold)
    return float(single) - (float(single) - float(np.nextafter(single, np.float32(-np.inf)))) / 4


def bin_of(values: npt.ArrayLike, edges: Sequence[float] | FloatArray) -> npt.NDArray[np.intp]:
    """Bin of each value, shape (N,): lower edges belong to it; beyond the edges the end bins count.

    That is correctionlib's `Binning` with `flow: clamp`.
    """
    place = np.searchsorted(np.asarray(edges, np.float64), np.asarray(values, np.float64), side="right") - 1
    return np.clip(place, 0, len(edges) - 2)


def bin_of_column(values: npt.ArrayLike, edges: Sequence[float] | FloatArray) -> npt.NDArray[np.intp]:
    """As `bin_of`; what is no number (the soft-drop mass of a jet without subjets) is in the first bin."""
    return np.where(np.isnan(np.asarray(values, np.float64)), 0, bin_of(values, edges))


def bins_of(values: FloatArray, edges: Sequence[Sequence[float]]) -> npt.NDArray[np.intp]:
    """Bin of each row in several features together, the last one's running fastest.

    Args:
        values: Shape (N, F).
        edges: Of each of the F features.

    Returns:
        Shape (N,); see `bin_of`. That is correctionlib's `MultiBinning` with `flow: clamp`.
    """
    places = [bin_of(values[:, k], found) for k, found in enumerate(edges)]
    return np.ravel_multi_index(tuple(places), [len(found) - 1 for found in edges])


def closed(edges: Sequence[float]) -> list[float]:
    """The edges, the last one moved up so little that it belongs to the last bin, rounded to float32 too."""
    last = exact_in(float(edges[-1]), np.dtype(np.float32))
    above = np.nextafter(last, np.float32(np.inf))
    return [*map(float, edges[:-1]), float(last) + (float(above) - float(last)) / 4]
