"""Response of an estimate, and how well it is resolved: weighted quantiles with intervals.

The response is the estimate over the truth. Its resolution is half the width of its central 68.3%, over its
median, so that a factor on all estimates changes none.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics.efficiencies import LEVEL, Interval

SHARES = (0.5 - LEVEL / 2, 0.5, 0.5 + LEVEL / 2)


def weighted_quantiles(
    values: FloatArray, weight: FloatArray, shares: tuple[float, ...] = SHARES
) -> FloatArray:
    """Quantiles of values with weights, signed ones too; of equal weights those that numpy calls `hazen`.

    The share at a value is the sum of weights below it and half its own. Weights below 0 make shares fall:
    they are made to rise as those of a ROC curve are, by half of (running maximum from below + running
    minimum from above), which pulls to neither side.

    Args:
        values: Shape (N,), N > 0.
        weight: Signed, shape (N,), or of R replicas (R, N).
        shares: Shape (S,).

    Returns:
        Shape (S,), or (R, S); NaN where the weights do not add up to more than 0.
    """
    order = np.argsort(values, kind="stable")
    ordered, weights = np.asarray(values, np.float64)[order], np.atleast_2d(weight)[:, order]
    total = weights.sum(axis=1, keepdims=True)
    known = total[:, 0] > 0
    share = (np.cumsum(weights, axis=1) - weights / 2) / np.where(known[:, None], total, 1.0)  # (R, N)
    if (weights < 0).any():
        rising = np.maximum.accumulate(share, axis=1)
        falling = np.minimum.accumulate(share[:, ::-1], axis=1)[:, ::-1]
        share = (np.clip(rising, 0, 1) + np.clip(falling, 0, 1)) / 2
    found = np.array([np.interp(shares, own, ordered) for own in share])  # some hundred replicas
    found[~known] = np.nan
    return found if np.ndim(weight) > 1 else np.asarray(found[0])


class Resolved(NamedTuple):
    """Median and resolution of the response of one estimate."""

    median: Interval
    resolution: Interval


class Compared(NamedTuple):
    """Two estimates of the same rows.

    Attributes:
        before: Of the first.
        after: Of the second.
        improvement: 1 - resolution after / resolution before.
    """

    before: Resolved
    after: Resolved
    improvement: Interval


def compared(
    before: FloatArray,
    after: FloatArray,
    weight: FloatArray,
    bootstraps: int,
    seed: int | list[int],
    level: float = LEVEL,
) -> Compared:
    """Responses of two estimates of the same rows, with intervals of a Poisson bootstrap.

    A row counts as often for both in a replica: what they share does not widen the interval of the
    improvement. Replicas without a positive sum of weights are left out.

    Args:
        before: Responses, finite, shape (N,).
        after: Others of these rows, shape (N,).
        weight: Signed, shape (N,).
        bootstraps: Replicas.
        seed: Of these.
        level: Probability content.

    Raises:
        InputError: The sum of weights is not above 0.
    """
    weight = np.asarray(weight, np.float64)
    if not weight.sum() > 0:
        raise InputError(f"response: {len(weight)} jets, whose weights do not add up to more than 0")
    counts = np.random.default_rng(seed).poisson(1.0, (bootstraps, len(weight)))
    weights = np.concatenate([weight[None], weight * counts])  # the first is what was measured
    (median, width), (median_after, width_after) = (
        _median_and_resolution(values, weights) for values in (before, after)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = 1 - width_after / width
    return Compared(
        Resolved(interval_of(median, level), interval_of(width, level)),
        Resolved(interval_of(median_after, level), interval_of(width_after, level)),
        interval_of(gain, level),
    )


def width_of(
    values: FloatArray, weight: FloatArray, bootstraps: int, seed: int | list[int], level: float = LEVEL
) -> Interval:
    """Half the width of the central 68.3%, which is 1 of a standard normal; shapes (N,), as `compared`."""
    weight = np.asarray(weight, np.float64)
    counts = np.random.default_rng(seed).poisson(1.0, (bootstraps, len(weight)))
    low, _, high = weighted_quantiles(values, np.concatenate([weight[None], weight * counts])).T
    return interval_of((high - low) / 2, level)


def _median_and_resolution(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N,) and (R, N) -> (R,) each."""
    low, median, high = weighted_quantiles(values, weights).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return median, (high - low) / 2 / median


def interval_of(replicas: npt.NDArray[Any], level: float = LEVEL) -> Interval:
    """The first, with the central interval of the finite others, which it lies within."""
    value, drawn = float(replicas[0]), replicas[1:][np.isfinite(replicas[1:])]
    if not len(drawn):
        return Interval(value, value, value)
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(value, min(float(low), value), max(float(high), value))
