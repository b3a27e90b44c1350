"""How much of the target is in a mixture of both: the ratio of the densities is all that a fit needs.

Of p(x|f) = (1 - f) source(x) + f target(x) = source(x) (1 + f (r(x) - 1)) the events enter by their ratio r
alone, which is therefore a sufficient statistic: a fit to it has the variance of one to all variables.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics import Interval

NEAR = 1e-9  # of the ends of the range that the likelihood is defined in
STEP = 1e-3  # first, from where a maximum or the end of an interval is looked for


def unbinned(ratio: FloatArray, weight: FloatArray | None = None) -> Interval:
    """Largest likelihood of each event's ratio, and the 68.3% interval.

    Args:
        ratio: f_target/f_source of the mixture's events, shape (N,); its mean over the source is 1.
        weight: Weights of the mixture's events, shape (N,), also below 0. The likelihood is scaled so that
            its curvature is that of the sandwich variance: weights may depend on the ratio.

    Returns:
        The fraction of the target: not cut at 0 or 1, beyond which it may come to lie by chance.

    Raises:
        InputError: All ratios are 1, or the likelihood has no maximum.
    """
    weight = np.ones(len(ratio)) if weight is None else np.asarray(weight, np.float64)
    return _fit(np.asarray(ratio, np.float64) - 1, weight, weight**2)


def binned(content: FloatArray, variance: FloatArray, source: FloatArray, target: FloatArray) -> Interval:
    """Largest likelihood of a histogram of the score, and the 68.3% interval.

    Args:
        content: Sums of weights of the mixture in bins of the score, shape (B,).
        variance: Sums of the squares of these weights, shape (B,).
        source: Fractions of the source there, shape (B,); their statistical errors are not in the interval.
        target: The same of the target.

    Raises:
        InputError: As `unbinned`; a bin of the mixture is filled where the source has nothing.
    """
    filled = content != 0
    if (source[filled] <= 0).any():
        raise InputError(
            "mixture: bins where the mixture has events and the source has none; take wider bins"
        )
    d = target[filled] / source[filled] - 1
    return _fit(d, content[filled], variance[filled])


def _fit(d: FloatArray, counts: FloatArray, variance: FloatArray) -> Interval:
    """The fraction f of log(1 + f d) with so many events each, and their variances, shape (N,) all.

    From 0 and 1, where every density is above 0, outwards: at the very ends of the range an event of negative
    weight has any likelihood that it likes.
    """
    low, high = _domain(d)

    def slope(f: float) -> float:
        return float(counts @ (d / (1 + f * d)))

    left, right = _until(slope, 0.0, low, +1), _until(slope, 1.0, high, -1)
    if left is None or right is None:
        raise InputError("mixture: the likelihood has no maximum: negative weights outweigh the others")
    best = float(brentq(slope, left, right))
    squares = (d / (1 + best * d)) ** 2
    if not counts @ squares > 0:
        raise InputError("mixture: the likelihood has no maximum: negative weights outweigh the others")
    counts = counts * (counts @ squares / (variance @ squares))  # the slope then varies as it is steep
    top = counts @ np.log1p(best * d)

    def above(f: float) -> float:
        return float(counts @ np.log1p(f * d) - top + 0.5)

    ends = []
    for limit in (low, high):
        end = _until(above, best, limit, -1)
        ends.append(limit if end is None else float(brentq(above, end, best)))
    return Interval(best, *ends)


def _domain(d: FloatArray) -> tuple[float, float]:
    """Fractions at which no event has a density below 0."""
    if not (d < 0).any() or not (d > 0).any():
        raise InputError("mixture: all ratios lie on one side of 1, so that the likelihood has no maximum")
    low, high = float(-1 / d.max()), float(-1 / d.min())
    return low + NEAR * (high - low), high - NEAR * (high - low)


def _until(function: Callable[[float], float], start: float, limit: float, sign: int) -> float | None:
    """The first of growing steps from a start to a limit at which a function has a sign; None for none."""
    step, found = STEP, start
    while sign * function(found) <= 0:
        if found == limit:
            return None
        found = max(limit, found - step) if limit < start else min(limit, found + step)
        step *= 2
    return found
