"""Two scores of the same jets: differences whose intervals know that the jets are the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics.curves import auc
from jetsmith.metrics.efficiencies import LEVEL, Interval, effective_count


@dataclass(frozen=True)
class Difference(Interval):
    """A difference, or a ratio, the ends of its interval, and its standard deviation."""

    error: float


def auc_difference(
    before: FloatArray, after: FloatArray, weight: FloatArray, is_signal: BoolArray, level: float = LEVEL
) -> Difference:
    """AUC of one score less that of another of the same jets, with the interval of DeLong et al.

    (Biometrics 44 (1988) 837, with weights.) The area is a mean over signal jets of the share of the
    background below each, and over background jets of the share of the signal above each: what a jet adds to
    the difference is known, and so is the variance. Jets that both scores place alike add nothing to it.

    Args:
        before: Scores, shape (N,).
        after: Other scores of these jets, shape (N,).
        weight: Signed, shape (N,).
        is_signal: Shape (N,); others are background.
        level: Probability content.

    Raises:
        InputError: A class is empty, sums to no positive weight or has scores that are not finite.
    """
    weight = np.asarray(weight, np.float64)
    areas = [
        auc(score[is_signal], weight[is_signal], score[~is_signal], weight[~is_signal])
        for score in (before, after)
    ]
    value = areas[0] - areas[1]
    placed = _placements(before, weight, is_signal) - _placements(after, weight, is_signal)
    variance = 0.0
    for mask in (is_signal, ~is_signal):
        pulls = weight[mask] * (placed[mask] - value)
        variance += float(pulls @ pulls) / float(weight[mask].sum()) ** 2
    half = NormalDist().inv_cdf(0.5 + level / 2) * variance**0.5
    return Difference(value, value - half, value + half, variance**0.5)


def _placements(score: FloatArray, weight: FloatArray, is_signal: BoolArray) -> FloatArray:
    """Share of the other class on the right side of each jet, shape (N,); ties count half."""
    values, place = np.unique(score, return_inverse=True)
    found = np.empty(len(score))
    for mask, sign in ((is_signal, 1.0), (~is_signal, -1.0)):
        other = np.bincount(place[~mask], weight[~mask], len(values))
        share = (np.cumsum(other) - other / 2) / other.sum()
        found[mask] = (share if sign > 0 else 1 - share)[place[mask]]
    return found


def efficiency_differences(
    before: FloatArray,
    after: FloatArray,
    weight: FloatArray,
    is_signal: BoolArray,
    targets: Sequence[float],
    bootstraps: int,
    seed: int | list[int],
    level: float = LEVEL,
) -> list[Difference]:
    """Signal efficiency of one score less that of another, each at the same background efficiency.

    Each score has its own threshold, on these jets. Intervals are those of a Poisson bootstrap in which a jet
    counts as often for both scores, and the thresholds are found anew.

    Args:
        before: Scores, shape (N,).
        after: Other scores of these jets, shape (N,).
        weight: Signed, shape (N,).
        is_signal: Shape (N,).
        targets: Background efficiencies.
        bootstraps: Replicas.
        seed: Of these.
        level: Probability content.

    Returns:
        One a target.
    """
    placed, wanted = [_falling(score) for score in (before, after)], np.asarray(targets, np.float64)
    drawn = []
    for drawn_weight in _replicas(weight, bootstraps, seed):
        both = [_efficiencies(place, drawn_weight, is_signal, wanted) for place in placed]
        drawn.append(both[0] - both[1])
    return _differences(np.array(drawn), level)


def rejection_ratios(
    before: FloatArray,
    after: FloatArray,
    weight: FloatArray,
    is_signal: BoolArray,
    efficiencies: Sequence[float],
    bootstraps: int,
    seed: int | list[int],
    level: float = LEVEL,
) -> list[Difference]:
    """Background rejection of one score over that of another, each at the same signal efficiency.

    Args:
        before: Scores, shape (N,).
        after: Other scores of these jets, whose rejection is the denominator, shape (N,).
        weight: Signed, shape (N,).
        is_signal: Shape (N,).
        efficiencies: Signal efficiencies.
        bootstraps: Replicas, as those of `efficiency_differences`.
        seed: Of these.
        level: Probability content.

    Returns:
        One an efficiency. Where no background is left in a replica, half of an effective jet stands for it.
    """
    placed, wanted = [_falling(score) for score in (before, after)], np.asarray(efficiencies, np.float64)
    least = 0.5 / max(effective_count(np.asarray(weight)[~is_signal]), 0.5)
    drawn = []
    for drawn_weight in _replicas(weight, bootstraps, seed):
        both = [np.maximum(_efficiencies(place, drawn_weight, ~is_signal, wanted), least) for place in placed]
        drawn.append(both[1] / both[0])
    return _differences(np.array(drawn), level)


def _replicas(weight: FloatArray, bootstraps: int, seed: int | list[int]) -> Iterator[FloatArray]:
    """Weights as they are, and then times the counts of each replica."""
    weight = np.asarray(weight, np.float64)
    generator = np.random.default_rng(seed)
    yield weight
    for _ in range(bootstraps):  # a few hundred
        yield weight * generator.poisson(1.0, len(weight))


def _differences(drawn: FloatArray, level: float) -> list[Difference]:
    """What was measured, the first row, with what replicas, all others, say of it; shape (1 + B, T)."""
    low, high = np.quantile(drawn[1:], [0.5 - level / 2, 0.5 + level / 2], axis=0)
    ends = np.minimum(low, drawn[0]), np.maximum(high, drawn[0])
    columns = (drawn[0], *ends, drawn[1:].std(axis=0, ddof=1))
    return [Difference(*map(float, one)) for one in zip(*columns, strict=True)]


def efficiencies_at(
    score: FloatArray, weight: FloatArray, is_signal: BoolArray, targets: Sequence[float]
) -> FloatArray:
    """Signal efficiencies at background efficiencies, shape (T,), as `efficiency_differences` has them."""
    return _efficiencies(_falling(score), np.asarray(weight, np.float64), is_signal, np.asarray(targets))


def _falling(score: FloatArray) -> IntArray:
    """Place of each score among the different ones, the highest first."""
    place: IntArray = np.unique(-np.asarray(score), return_inverse=True)[1]
    return place


def _efficiencies(
    place: IntArray, weight: FloatArray, is_signal: BoolArray, targets: FloatArray
) -> FloatArray:
    """Signal efficiencies at background efficiencies, shape (T,), on straight lines between different scores.

    That is what a part of the jets of one score would give, as for the area, where ties count half.
    """
    n = int(place.max()) + 1
    signal, background = (
        np.append(0.0, np.cumsum(np.bincount(place[mask], weight[mask], n)))
        for mask in (is_signal, ~is_signal)
    )
    rising = np.maximum.accumulate(background)  # weights below 0
    return np.asarray(np.interp(targets * background[-1], rising, signal) / signal[-1])
