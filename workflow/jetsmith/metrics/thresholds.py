"""Working points: thresholds of given background efficiencies, with intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NoReturn

import numpy as np

from jetsmith.cuts import passes
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics.cumulative import TINY, Bins, Steps, Sums
from jetsmith.metrics.efficiencies import LEVEL, Efficiency, binomial

MIN_PASSING = 100.0  # effective jets above a threshold: its efficiency is known to a tenth
ROUNDING = 1e-9  # a count that is just reached must not fail for its last bit
FAR = 3.0  # standard deviations of an efficiency beyond which jets of one score push it off

Doubt = Literal["", "few", "ties", "few, ties"]
DOUBTS: Mapping[tuple[bool, bool], Doubt] = {
    (False, False): "",
    (True, False): "few",
    (False, True): "ties",
    (True, True): "few, ties",
}
"""The marks of a point by whether few jets fix it, and whether ties push it off: neither hides the other."""


@dataclass(frozen=True)
class WorkingPoint:
    """A threshold with the interval from the size of the background sample.

    Attributes:
        threshold: The highest score at which the background efficiency reaches `target`.
        threshold_low: Threshold if the background had fluctuated up.
        threshold_high: Threshold if it had fluctuated down.
        background: Efficiency that the threshold has on the sample it was found on.
        target: Background efficiency that was asked for.
        n_passing: Effective number of background jets expected above the threshold.
        doubt: `few` where these are fewer than asked for, `ties` where jets of one score push the efficiency
            beyond its error, `few, ties` where both hold; else empty.
    """

    threshold: float
    threshold_low: float
    threshold_high: float
    background: Efficiency
    target: float
    n_passing: float
    doubt: Doubt


def working_point(
    background: FloatArray,
    weight: FloatArray,
    efficiency: float,
    level: float = LEVEL,
    min_passing: float = MIN_PASSING,
    role: str = "background",
) -> WorkingPoint:
    """The one of `working_points` with this efficiency."""
    return working_points(background, weight, [efficiency], level, min_passing, role)[0]


def working_points(
    background: FloatArray,
    weight: FloatArray,
    efficiencies: Sequence[float],
    level: float = LEVEL,
    min_passing: float = MIN_PASSING,
    role: str = "background",
) -> list[WorkingPoint]:
    """Thresholds of given weighted background efficiencies, exact, with their intervals.

    A threshold is the highest score at which the efficiency reaches its target. Its interval is
    that of order statistics: the thresholds at target ± z sqrt(variance of the efficiency). Jets of
    score -inf pass none, and count in the denominator.

    Args:
        background: Scores, shape (N,).
        weight: Shape (N,), signed.
        efficiencies: Targets in (0, 1).
        level: Probability content of the intervals.
        min_passing: Effective jets expected above a threshold, fewer of which leave it in doubt.
        role: What messages call the jets.

    Raises:
        InputError: Fewer than one effective background jet is expected above a threshold, the jets
            that can pass one are too few for a target, or scores or weights are no numbers.
    """
    sums = Sums(background, weight, Bins(background), f"working point: {role}")
    return working_points_of(sums, efficiencies, level, min_passing, role)


def working_points_of(
    background: Sums,
    efficiencies: Sequence[float],
    level: float = LEVEL,
    min_passing: float = MIN_PASSING,
    role: str = "background",
) -> list[WorkingPoint]:
    """The points of `working_points` for a class whose sums serve other numbers, too."""
    score, targets = background.score, np.asarray(efficiencies, np.float64)
    require_count(background, efficiencies, role)
    thresholds, steps = reached(background, targets)
    for target in targets[thresholds == -np.inf]:
        refuse_untagged(background, target, role)
    at = steps.at(thresholds)
    total, total2 = (np.full(targets.shape, sum_of) for sum_of in (background.total, background.total2))
    found = binomial(steps.above[at], steps.above2[at], total, total2, level)
    value, counts = found[0], found[-1]
    sigma = np.sqrt(targets * (1 - targets) / counts)
    around = NormalDist().inv_cdf(0.5 + level / 2) * sigma
    ends, _ = reached(background, np.append(np.minimum(targets + around, 1), np.maximum(targets - around, 0)))
    if (ends == -np.inf).any():
        ends = np.maximum(ends, score[score > -np.inf].min())
    low, high = ends.reshape(2, -1)
    few, tied = counts * targets < min_passing - ROUNDING, value - targets > FAR * sigma
    return [
        WorkingPoint(
            threshold=float(thresholds[k]),
            threshold_low=float(low[k]),
            threshold_high=float(high[k]),
            background=Efficiency(*(float(x[k]) for x in found)),
            target=float(target),
            n_passing=float(counts[k] * target),
            doubt=DOUBTS[bool(few[k]), bool(tied[k])],
        )
        for k, target in enumerate(targets)
    ]


def require_count(sums: Sums, efficiencies: Sequence[float], role: str) -> None:
    """Refuse efficiencies that less than one effective jet has."""
    n_effective = sums.total**2 / sums.total2
    for target in efficiencies:
        if not n_effective * target >= 1 - ROUNDING:
            raise InputError(
                f"working point at {role} efficiency {target:g}: {len(sums.score)} {role} jets "
                f"(effectively {n_effective:.1f}) leave less than one above it; "
                f"it needs {math.ceil((1 - ROUNDING) / target)} at least"
            )


def refuse_untagged(sums: Sums, target: float, role: str) -> NoReturn:
    """Say that too few jets can pass any threshold."""
    share = float(sums.weight[sums.score > -np.inf].sum() / sums.total)
    raise InputError(
        f"working point at {role} efficiency {target:g}: only {share:.4g} of the {role} can pass "
        "a threshold, the other jets are not tagged"
    )


def threshold_pulls(
    background: FloatArray,
    weight: FloatArray,
    threshold: float,
    others: Sequence[tuple[FloatArray, FloatArray]],
    level: float = LEVEL,
) -> list[FloatArray]:
    """What each jet of the background contributes to efficiencies of other jets through the threshold.

    With another jet that passes, the background has its efficiency at a higher threshold, and others lose: by
    how much follows from the thresholds at a standard deviation up and down. To first order the error of an
    efficiency from that of the threshold is the root of the sum of squares of its pulls; that of a difference
    between two scores of the same jets is that of the differences of their pulls.

    Args:
        background: Scores, shape (N,).
        weight: Shape (N,), signed.
        threshold: As `working_point` found it of these jets.
        others: Scores and weights of jets whose efficiencies are looked at.
        level: Probability content of the fluctuation that is tried.

    Returns:
        Of each of `others` an array of shape (N,), with the sum 0; 0 where no jet lies near enough for the
        threshold to move.

    Raises:
        InputError: No jets, no positive sum of weights, or scores or weights are no numbers.
    """
    weight = np.asarray(weight, np.float64)
    sums = Sums(background, weight, Bins(background), "threshold")
    passed = passes(background, threshold)
    share, n_effective = float(weight[passed].sum() / sums.total), sums.total**2 / sums.total2
    around = NormalDist().inv_cdf(0.5 + level / 2) * (max(share * (1 - share), 0.0) / n_effective) ** 0.5
    ends, _ = reached(sums, np.array([min(share + around, 1), max(share - around, 0)]))
    ends = np.maximum(ends, background[background > -np.inf].min(initial=np.inf))
    moved = [float(weight[passes(background, end)].sum() / sums.total) for end in ends]
    pulls = weight * (passed - share) / sums.total
    found: list[FloatArray] = []
    for score, of in others:
        slope = 0.0
        if moved[0] != moved[1] and of.sum() > 0:
            up, down = (float(of[passes(score, end)].sum() / of.sum()) for end in ends)
            slope = (up - down) / (moved[0] - moved[1])
        found.append(-slope * pulls)
    return found


def threshold_at(score: FloatArray, weight: FloatArray, efficiency: float) -> float:
    """The highest score at which the weighted efficiency reaches a target; NaN where none does.

    Args:
        score: Shape (N,); -inf passes no threshold, and counts in the denominator.
        weight: Shape (N,), signed, in float64.
        efficiency: Target in (0, 1].

    Raises:
        InputError: No jets, no positive sum of weights, or scores or weights are no numbers.
    """
    found = reached(Sums(score, weight, Bins(score), "threshold"), np.array([efficiency]))[0]
    return float(found[0]) if found[0] > -np.inf else np.nan


def reached(sums: Sums, targets: FloatArray) -> tuple[FloatArray, Steps]:
    """Highest scores at which efficiencies reach targets, and the sums there; a target of 0 gives the first.

    -inf where none does, since too many jets pass no threshold at all.
    """
    needed = np.maximum(targets * sums.total * (1 - 1e-12), TINY)
    steps = sums.steps(sums.reached_in(needed, monotone=False))
    return steps.reach(steps.highest, needed), steps
