"""Two scores of the same jets: differences whose intervals know that the jets are the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics.curves import auc
from jetsmith.metrics.efficiencies import LEVEL, Interval, check_total, effective_count
from jetsmith.metrics.ranked import Ranked

LEAST_PASSING = 10.0  # effective jets that pass, from which errors are Gaussian


@dataclass(frozen=True)
class Difference(Interval):
    """A difference, or a ratio, the ends of its interval, and its standard deviation."""

    error: float


@dataclass(frozen=True)
class Curves:
    """Two scores of the same jets, at given efficiencies of either class.

    Attributes:
        differences: Signal efficiencies of the first less those of the second, one a background efficiency.
        first: Those of the first score, with intervals of the same replicas.
        second: Those of the second.
        ratios: Background rejections of the first over those of the second, one a signal efficiency. Errors
            are those of the logarithm, in which they are the same either way round, times the ratio.
    """

    differences: list[Difference]
    first: list[Difference]
    second: list[Difference]
    ratios: list[Difference]


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


def auc_of_weights(
    score: FloatArray, weight: FloatArray, other: FloatArray, level: float = LEVEL
) -> Difference:
    """Area between two weightings of the same jets, 1/2 where they have the same density in the score.

    As for `auc_difference` the area is a mean over jets, here of either weighting, so that what a jet adds to
    it is known: jets whose two weights agree add nothing.

    Args:
        score: Shape (N,).
        weight: Signed, shape (N,); the higher its jets, the larger the area.
        other: Signed, shape (N,).
        level: Probability content.

    Raises:
        InputError: Weights that add up to no positive sum, or scores that are not finite.
    """
    value = auc(score, weight, score, other)
    values, place = np.unique(score, return_inverse=True)
    below = []
    for of in (weight, other):
        at = np.bincount(place, of, len(values)) / of.sum()
        below.append((np.cumsum(at) - at / 2)[place])
    pulls = weight / weight.sum() * (below[1] - value) + other / other.sum() * (1 - below[0] - value)
    error = float(pulls @ pulls) ** 0.5
    half = NormalDist().inv_cdf(0.5 + level / 2) * error
    return Difference(value, value - half, value + half, error)


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

    Raises:
        InputError: Weights of a class do not add up to more than 0.
    """
    pair = before, after, weight, is_signal
    return differences_of_curves(*pair, targets, (), bootstraps, seed, level).differences


def differences_of_curves(
    before: FloatArray,
    after: FloatArray,
    weight: FloatArray,
    is_signal: BoolArray,
    targets: Sequence[float],
    efficiencies: Sequence[float],
    bootstraps: int,
    seed: int | list[int],
    level: float = LEVEL,
) -> Curves:
    """Efficiencies of both scores, differences, and ratios of background rejections, of the same replicas.

    Args:
        before: Scores, shape (N,).
        after: Other scores of these jets, shape (N,).
        weight: Signed, shape (N,).
        is_signal: Shape (N,).
        targets: Background efficiencies, as for `efficiency_differences`.
        efficiencies: Signal efficiencies, at each of which both scores have a rejection.
        bootstraps: Replicas.
        seed: Of these.
        level: Probability content.

    Returns:
        Where no background is left in a replica, half of an effective jet stands for it in a ratio.

    Raises:
        InputError: Weights of a class do not add up to more than 0.
    """
    weight = np.asarray(weight, np.float64)
    curves = [Ranked(score, is_signal) for score in (before, after)]
    at, of = np.asarray(targets, np.float64), np.asarray(efficiencies, np.float64)
    for mask in (is_signal, ~is_signal):
        check_total(weight[mask].sum(), int(mask.sum()), "paired scores")
    least = 0.5 / max(effective_count(weight[~is_signal]), 0.5)
    generator = np.random.default_rng(seed)
    read, logs = np.empty((2, 1 + bootstraps, len(at))), np.empty((1 + bootstraps, len(of)))
    for replica in range(bootstraps + 1):  # a few hundred; the first is what was measured
        drawn = weight if replica == 0 else weight * generator.poisson(1.0, len(weight))
        first, second = (curve.above(drawn) for curve in curves)
        if min(first[0][-1], first[1][-1]) <= 0:
            read[:, replica] = logs[replica] = np.nan
            continue
        read[:, replica] = _read(*first, at), _read(*second, at)
        mistags = [np.maximum(_read(*sums[::-1], of), least) for sums in (first, second)]
        logs[replica] = np.log(mistags[1] / mistags[0])
    ratios = []
    for one in of_replicas(logs, level, (np.log(least), -np.log(least))):
        value, low, high = map(float, np.exp([one.value, one.low, one.high]))
        ratios.append(Difference(value, low, high, value * one.error))
    of_first, of_second = (of_replicas(drawn, level, (0, 1)) for drawn in read)
    return Curves(of_replicas(read[0] - read[1], level, (-1, 1)), of_first, of_second, ratios)


def of_replicas(drawn: FloatArray, level: float, ends: tuple[float, float]) -> list[Difference]:
    """What was measured, with what replicas say of it.

    A replica in which a class has no positive sum of weights says nothing: it counts as the least that there
    is for the lower end, and as the most for the upper one, as in `auc_interval`. Where there is such a one
    the error is half of the interval at least.

    Args:
        drawn: The measured values, first row, and those of replicas, NaN where they have none; (1 + B, T).
        level: Probability content.
        ends: The least and the most that a value can be.
    """
    replicas = drawn[1:]
    known = ~np.isnan(replicas)
    low, high = (
        np.quantile(np.where(known, replicas, end), 0.5 + sign * level / 2, axis=0)
        for sign, end in zip((-1, 1), ends, strict=True)
    )
    low, high = np.minimum(low, drawn[0]), np.maximum(high, drawn[0])
    count = known.sum(axis=0)
    away = replicas - replicas.sum(axis=0, where=known) / np.maximum(count, 1)
    error = np.sqrt((away**2).sum(axis=0, where=known) / np.maximum(count - 1, 1))
    error = np.where(known.all(axis=0), error, np.maximum(error, (high - low) / 2))
    return [Difference(*map(float, one)) for one in zip(drawn[0], low, high, error, strict=True)]


def efficiencies_at(
    score: FloatArray, weight: FloatArray, is_signal: BoolArray, targets: Sequence[float]
) -> FloatArray:
    """Signal efficiencies at background efficiencies, shape (T,), as `efficiency_differences` has them."""
    weight = np.asarray(weight, np.float64)
    return _read(*Ranked(score, is_signal).above(weight), np.asarray(targets, np.float64))


def _read(given: FloatArray, wanted: FloatArray, at: FloatArray) -> FloatArray:
    """Efficiencies of a class at those of the other, shape (T,), on straight lines between different scores.

    That is what a part of the jets of one score would give, as for the area: ties count half. Where weights
    below 0 push an efficiency out of [0, 1], it is set to the nearer end. `reading` has the same.

    Args:
        given: Sums of the class whose efficiencies are given, as `Ranked.above` has them.
        wanted: Of the other.
        at: Efficiencies, shape (T,).
    """
    rising = np.maximum.accumulate(given)  # weights below 0
    # Just below: a target that is reached at a jet ends there, and not at the next one.
    found = np.interp(at * given[-1] * (1 - 1e-12), rising, wanted) / wanted[-1]
    return np.asarray(np.clip(found, 0, 1))
