"""Working points: thresholds of given background efficiencies, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics.efficiencies import (
    LEVEL,
    Efficiency,
    check_scores,
    effective_count,
    efficiency_table,
    from_here_up,
)

MIN_PASSING = 100.0  # effective jets above a threshold: its efficiency is known to a tenth
ROUNDING = 1e-9  # a count that is just reached must not fail for its last bit
N_BINS = 1 << 16


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
            beyond its error; else empty.
    """

    threshold: float
    threshold_low: float
    threshold_high: float
    background: Efficiency
    target: float
    n_passing: float
    doubt: Literal["", "few", "ties"]


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
        min_passing: Effective jets above a threshold, fewer of which leave it in doubt.
        role: What messages call the jets.

    Raises:
        InputError: Fewer than one effective background jet is expected above a threshold, the jets
            that can pass one are too few for a target, or scores or weights are no numbers.
    """
    check_scores(background, weight, f"working point: {role}")
    background, weight = np.asarray(background), np.asarray(weight, np.float64)
    targets = np.asarray(efficiencies, np.float64)
    n_effective = effective_count(weight)
    for target in efficiencies:
        if not n_effective * target >= 1 - ROUNDING:
            raise InputError(
                f"working point at {role} efficiency {target:g}: {len(background)} {role} jets "
                f"(effectively {n_effective:.1f}) leave less than one above it; "
                f"it needs {1 / target:.0f} at least"
            )
    finder = _Finder(background, weight)
    thresholds = finder.find(targets)
    for target in targets[np.isnan(thresholds)]:
        share = float(weight[background > -np.inf].sum() / weight.sum())
        raise InputError(
            f"working point at {role} efficiency {target:g}: only {share:.4g} of the {role} can pass "
            "a threshold, the other jets are not tagged; ask for less"
        )
    table = efficiency_table(background, weight, thresholds, level=level)
    counts = table.n_effective[0]
    sigma = np.sqrt(targets * (1 - targets) / counts)
    around = NormalDist().inv_cdf(0.5 + level / 2) * sigma
    ends = finder.find(np.concatenate([np.minimum(targets + around, 1), np.maximum(targets - around, 0)]))
    low, high = np.where(np.isnan(ends), finder.lowest, ends).reshape(2, -1)
    few, tied = counts * targets < min_passing - ROUNDING, table.value[0] - targets > 3 * sigma
    return [
        WorkingPoint(
            threshold=float(thresholds[k]),
            threshold_low=float(low[k]),
            threshold_high=float(high[k]),
            background=Efficiency(*(float(x[0, k]) for x in vars(table).values())),
            target=float(target),
            n_passing=float(counts[k] * target),
            doubt="few" if few[k] else "ties" if tied[k] else "",
        )
        for k, target in enumerate(targets)
    ]


def threshold_at(score: FloatArray, weight: FloatArray, efficiency: float) -> float:
    """The highest score at which the weighted efficiency reaches a target; NaN where none does.

    Args:
        score: Shape (N,); -inf passes no threshold, and counts in the denominator.
        weight: Shape (N,), signed, in float64.
        efficiency: Target in (0, 1].
    """
    return float(_Finder(score, weight).find(np.array([efficiency]))[0])


class _Finder:
    """Finds the highest scores at which the weighted fraction from there up reaches a target.

    A histogram tells the bins in which a target can be reached, and only the jets of those are
    sorted: exact for any weights, without sorting the sample.
    """

    def __init__(self, score: FloatArray, weight: FloatArray) -> None:
        self.total = float(weight.sum())
        can_pass = score > -np.inf
        if not can_pass.all():
            score, weight = score[can_pass], weight[can_pass]
        self.score, self.weight = score, weight
        self.lowest = float(score.min(initial=np.inf))
        width = float(score.max(initial=-np.inf)) - self.lowest
        scale = np.divide(N_BINS - 1, width) if width > 0 else 0.0
        scale = scale if np.isfinite(scale) else 0.0  # one bin is as exact as many
        # In float64: scores of a denormal spread have a scale beyond float32.
        self.place = ((score.astype(np.float64) - self.lowest) * scale).astype(np.intp)
        sums = np.bincount(self.place, weight, N_BINS)
        self.above = from_here_up(sums)  # (N_BINS + 1,): weight in bin k and higher
        self.positive = sums
        if weight.min(initial=0.0) < 0:
            self.positive = np.bincount(self.place, np.maximum(weight, 0), N_BINS)

    def find(self, targets: FloatArray) -> FloatArray:
        """Scores that reach each target, shape (T,); a target of 0 gives the first that passes.

        NaN where none reaches it, since too many jets pass no threshold at all.
        """
        needed = np.maximum(targets * self.total * (1 - 1e-12), np.finfo(float).tiny)
        spans = [self._bins(float(need)) for need in needed]
        wanted = np.zeros(N_BINS, bool)
        for last, first in spans:  # a few working points, not jets
            wanted[max(last, 0) : first + 1] = True
        chosen = np.flatnonzero(wanted[self.place])
        chosen = chosen[np.argsort(-self.score[chosen], kind="stable")]
        return np.array(
            [self._find_one(float(need), *span, chosen) for need, span in zip(needed, spans, strict=True)]
        )

    def _bins(self, need: float) -> tuple[int, int]:
        """Lowest and highest bin in which a sum of weights may be reached first; -1 where in none."""
        whole = np.flatnonzero(self.above[:-1] >= need)  # no higher bin reaches it as a whole
        inside = np.flatnonzero(self.above[1:] + self.positive >= need)  # nor any above inside
        return int(whole[-1]) if len(whole) else -1, int(inside[-1]) if len(inside) else -1

    def _find_one(self, need: float, last: int, first: int, chosen: npt.NDArray[np.intp]) -> float:
        place = self.place[chosen]  # falling, since the scores are
        ends = np.searchsorted(-place, [-first, -max(last, 0) + 1])
        jets = chosen[ends[0] : ends[1]]
        sums = self.above[first + 1] + np.cumsum(self.weight[jets])
        ordered = self.score[jets]
        group_ends = np.append(ordered[1:] != ordered[:-1], True)  # all jets of one score pass together
        reached = np.flatnonzero(group_ends & (sums >= need))
        if len(reached):
            return float(ordered[reached[0]])
        return float(ordered[-1]) if last >= 0 and len(jets) else np.nan
