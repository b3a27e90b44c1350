"""Jets of two classes by their places among the different scores: other weights cost no other sort."""

import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics.curves import weighed_auc
from jetsmith.metrics.efficiencies import from_here_up


class Ranked:
    """Jets of both classes; U different scores.

    Args:
        score: Shape (N,).
        is_signal: Shape (N,); others are background.
    """

    def __init__(self, score: FloatArray, is_signal: BoolArray) -> None:
        place: IntArray = np.unique(score, return_inverse=True)[1]
        self._n = int(place.max()) + 1
        self._classes = [(rows, place[rows]) for rows in map(np.flatnonzero, (~is_signal, is_signal))]

    def sums(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights of background and of signal at each score, the lowest first, shape (U,) each."""
        background, signal = (
            np.bincount(place, weight[rows], self._n).astype(np.float64) for rows, place in self._classes
        )
        return background, signal

    def above(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights of background and of signal at or above each score, from none to all; (1 + U,) each."""
        background, signal = (from_here_up(sums)[::-1] for sums in self.sums(weight))
        return background, signal

    def auc(self, weight: FloatArray) -> float:
        """The area with these weights, ties counting half."""
        background, signal = self.sums(weight)
        return float(weighed_auc(signal, background))
