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
OF_FRACTIONS = 1e-6  # what the sum of all may be off by
STEP = 1e-3  # first, from where a maximum or the end of an interval is looked for


def unbinned(
    ratio: FloatArray,
    *,
    source: FloatArray,
    weight: FloatArray | None = None,
    source_weight: FloatArray | None = None,
) -> Interval:
    """Largest likelihood of each event's ratio, and the 68.3% interval.

    Ratios count over their mean over the source, which is 1 of a ratio of densities, and some other number of
    what a classifier says or a file of weights holds: a mean 3% off moves a fraction of 0.30 by 0.025.

    Args:
        ratio: f_target/f_source of the mixture's events, shape (N,), above 0, up to a factor; the column
            `ratio` of results/weights/{reweighter}/{dataset}.parquet.
        source: The same of events of the source, by the same models, shape (M,); how their mean fluctuates
            is in the interval.
        weight: Weights of the mixture's events, shape (N,), also below 0. The likelihood is scaled so that
            its curvature is that of the sandwich variance: weights may depend on the ratio.
        source_weight: Weights of the events of the source, shape (M,), also below 0.

    Returns:
        The fraction of the target: not cut at 0 or 1, beyond which it may come to lie by chance.

    Raises:
        InputError: All ratios are 1, or the likelihood has no maximum; a ratio is not above 0 and finite, or
            a weight not finite; weights are not as many as ratios, or those of the source add up to nothing.
    """
    ratio, weight = _events("ratio", ratio, "weight", weight)
    source, source_weight = _events("source", source, "source_weight", source_weight)
    total = float(source_weight @ source)
    if not (source_weight.sum() > 0 and total > 0):
        raise InputError(
            f"mixture: source_weight: adds up to {source_weight.sum():g}, and times the ratios of the source "
            f"to {total:g}: these are no density; take more events of the source"
        )
    mean = total / source_weight.sum()
    found = _fit(ratio / mean - 1, weight, weight**2)
    spread = float(np.sqrt(np.sum((source_weight * (source / mean - 1)) ** 2)) / source_weight.sum())
    # Along the maximum: by how much the fraction rises with the logarithm of the ratios.
    density = 1 + found.value * (ratio / mean - 1)
    rises = (weight @ (ratio / mean / density**2)) / (weight @ ((ratio / mean - 1) / density) ** 2)
    low, high = (float(np.hypot(end - found.value, rises * spread)) for end in (found.low, found.high))
    return Interval(found.value, found.value - low, found.value + high)


def _events(
    name: str, ratio: FloatArray, name_of_weight: str, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Ratios and weights of events, checked; weights are 1 where there are none."""
    ratio = np.asarray(ratio, np.float64)
    weight = np.ones(ratio.shape) if weight is None else np.asarray(weight, np.float64)
    if ratio.ndim != 1 or not len(ratio) or weight.shape != ratio.shape:
        raise InputError(
            f"mixture: {name} has the shape {ratio.shape}, and {name_of_weight} {weight.shape}; one number "
            "an event is needed of each, and one event at least"
        )
    if not (right := np.isfinite(ratio) & (ratio > 0)).all():
        k = int(np.argmin(right))
        raise InputError(
            f"mixture: {name}: {int((~right).sum()):,} of {len(ratio):,} are no ratios of densities, which "
            f"are finite and above 0: {ratio[k]:g} of event {k}; leave these events out on both sides"
        )
    _require_finite(name_of_weight, weight)
    return ratio, weight


def _require_finite(name: str, values: FloatArray) -> None:
    if not np.isfinite(values).all():
        k = int(np.argmin(np.isfinite(values)))
        raise InputError(f"mixture: {name}: {values[k]:g} at place {k}, where finite numbers are needed")


def binned(content: FloatArray, *, variance: FloatArray, source: FloatArray, target: FloatArray) -> Interval:
    """Largest likelihood of a histogram of the score, and the 68.3% interval.

    Args:
        content: Sums of weights of the mixture in bins of the score, shape (B,).
        variance: Sums of the squares of these weights, shape (B,).
        source: Fractions of the source there, shape (B,); their statistical errors are not in the interval.
        target: The same of the target.

    Raises:
        InputError: The likelihood has no maximum; a bin of the mixture is filled where the source has
            nothing, or has a variance that is not above 0; numbers that are not finite, or not as many;
            fractions that do not add up to 1.
    """
    given = {"content": content, "variance": variance, "source": source, "target": target}
    content, variance, source, target = (np.asarray(values, np.float64) for values in given.values())
    if any(values.shape != content.shape or values.ndim != 1 for values in (variance, source, target)):
        shapes = ", ".join(f"{name} {np.shape(values)}" for name, values in given.items())
        raise InputError(f"mixture: one number a bin is needed of each: {shapes}")
    for name, values in given.items():
        _require_finite(name, np.asarray(values, np.float64))
    for name, values in (("source", source), ("target", target)):
        if abs(values.sum() - 1) > OF_FRACTIONS:
            raise InputError(
                f"mixture: {name}: fractions add up to {values.sum():.7g}; divide the contents by their sum, "
                "of bins that hold all events"
            )
    if not (variance[content != 0] > 0).all():
        raise InputError(
            "mixture: variance: not above 0 in a bin that has a content: sums of squared weights"
        )
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
