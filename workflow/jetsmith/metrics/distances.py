"""How far two weighted samples of one number are apart, with an error, and a p-value of their being equal.

The distance of Kolmogorov and Smirnov, the largest difference of the two cumulative distributions: the share
of the events that some cut would see move. It needs no model of the shift, and does not depend on units.
"""

from typing import NamedTuple

import numpy as np

from jetsmith.io import FloatArray

EXPECTED = 0.8687  # mean of the limiting distribution of sqrt(n) D, sqrt(pi/2) ln 2
N_TERMS = 100
FEWEST = 20.0  # effective events of a sample, below which the limit is none


class Distance(NamedTuple):
    """A distance of two samples.

    Attributes:
        value: From 0 to 1; the largest of many fluctuating differences, and so a little too large.
        error: Of it, where the two are as far apart: standard deviation of the difference at its place.
        null: What equal samples of the same effective sizes are apart on average.
        p: Probability that equal samples are at least as far apart.
        n_first: Effective events of the first sample.
        n_second: Of the second.
    """

    value: float
    error: float
    null: float
    p: float
    n_first: float
    n_second: float


def kolmogorov(x: FloatArray | float) -> FloatArray:
    """Probability that the limit of sqrt(n) D exceeds x: 2 sum (-1)^(k - 1) exp(-2 k^2 x^2)."""
    k = np.arange(1, N_TERMS + 1)
    terms = np.where(k % 2 == 1, 2.0, -2.0) * np.exp(-2 * np.square(np.multiply.outer(x, k)))
    return np.where(np.asarray(x) < 0.2, 1.0, np.clip(terms.sum(axis=-1), 0, 1))


def distance(first: FloatArray, second: FloatArray) -> Distance | None:
    """Distance of two samples from their sums of weights in bins, by batches of independent events.

    Whatever correlates entries, such as constituents of one jet or jets of one event, is within a batch:
    the spread of the batches then gives the variance of each cumulative distribution, signed weights
    included, and from it the number of independent events of weight 1 that would vary as much. With this
    the distribution of Kolmogorov holds; that the distance is looked for between bins alone makes the
    p-value larger, never smaller.

    Args:
        first: Sums of weights, shape (G, B): G batches of events, drawn by a hash of the event, B bins in
            rising order, the same for both samples.
        second: Likewise.

    Returns:
        None where one of them has no positive sum of weights, or too few effective events.
    """
    cdf_first, variance_first, n_first = _cumulative(first)
    cdf_second, variance_second, n_second = _cumulative(second)
    if min(n_first, n_second) < FEWEST:
        return None
    apart = np.abs(cdf_first - cdf_second)
    at = int(np.argmax(apart))
    value, root = float(apart[at]), float(np.sqrt(n_first * n_second / (n_first + n_second)))
    return Distance(
        value=value,
        error=float(np.sqrt(variance_first[at] + variance_second[at])),
        null=EXPECTED / root,
        # Stephens' correction for few events, J. R. Stat. Soc. B 32 (1970) 115.
        p=float(kolmogorov((root + 0.12 + 0.11 / root) * value)),
        n_first=n_first,
        n_second=n_second,
    )


def _cumulative(sums: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Cumulative distribution at the upper edges of all bins but the last, its variance, effective events."""
    batches = len(sums)
    up_to = np.cumsum(sums, axis=1)  # (G, B)
    each, below = up_to[:, -1:], up_to[:, :-1]
    total = float(each.sum())
    if total <= 0:
        return np.zeros(below.shape[1]), np.zeros(below.shape[1]), 0.0
    cdf = below.sum(axis=0) / total
    spread = np.square(below - cdf * each).sum(axis=0) * batches / (batches - 1)
    variance = spread / total**2
    inside = (cdf > 0) & (cdf < 1)
    varied = float(variance[inside].sum())
    if varied > 0:
        return cdf, variance, float((cdf * (1 - cdf))[inside].sum() / varied)
    # All in one bin: what their weights say.
    return cdf, variance, float(total**2 / np.square(each).sum())
