"""The jet probability of the simulation: how likely its tracks all come from the primary vertex."""

import numpy as np
from scipy.special import gammaincc

from jetsmith.io import FloatArray, IntArray
from jetsmith.simulation.tables import sum_by

# The survival function of the significance of tracks from the primary vertex: sums of
# fraction * exp(-(s / scale)^power), fitted to the negative side of light jets of simulated ttbar.
_RESOLUTION = ((0.755, 1.46, 2.0), (0.151, 2.99, 1.0), (0.094, 5.18, 1.0))
_PROBABILITY_FLOOR = 1e-4


def track_probability(significance: FloatArray) -> FloatArray:
    """Probability that a track of the primary vertex has at least this significance (>= 0)."""
    sums = [fraction * np.exp(-((significance / scale) ** power)) for fraction, scale, power in _RESOLUTION]
    return np.asarray(np.clip(np.sum(sums, axis=0), _PROBABILITY_FLOOR, 1.0))


def jet_probability(jet: IntArray, significance: FloatArray, n_jets: int) -> FloatArray:
    """Jet probability as CMS' Jet_Proba: -log10(probability that all positive tracks are primary) / 4.

    With P the product of n track probabilities that is P sum_{k<n} (-ln P)^k / k!, a regularised
    gamma function. 0 without tracks.
    """
    positive = significance >= 0
    minus_log = -np.log(track_probability(significance[positive]))
    exponent = sum_by(jet[positive], minus_log, n_jets)
    count = np.bincount(jet[positive], minlength=n_jets)
    combined = gammaincc(np.maximum(count, 1), exponent)
    return np.where(count > 0, -np.log10(np.maximum(combined, 1e-30)) / 4, 0.0)
