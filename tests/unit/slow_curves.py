"""ROC curves and working points by sorting the sample: slow twins of those of `jetsmith.metrics`."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from jetsmith import metrics

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sorted:
    """Different scores in falling order, and sums of w and w^2 of the jets at or above each."""

    score: Array
    above: Array
    above2: Array

    @property
    def monotone(self) -> Array:
        """Half of (largest sum from the top to here + smallest from here to the end), cut to [0, all]."""
        highest = np.maximum.accumulate(np.append(0, self.above))[1:]
        lowest = np.minimum.accumulate(self.above[::-1])[::-1]
        return (np.clip(highest, 0, self.above[-1]) + np.clip(lowest, 0, self.above[-1])) / 2

    def passing(self, threshold: float) -> int:
        """How many of the scores pass."""
        return int((self.score >= threshold).sum())


def in_order(score: Array, weight: Array) -> Sorted:
    """Sort the sample."""
    order = np.argsort(-score, kind="stable")
    scores, weights = score[order].astype(np.float64), weight[order]  # comparisons are those of float64
    ends = np.append(scores[1:] != scores[:-1], True)
    return Sorted(scores[ends], np.cumsum(weights)[ends], np.cumsum(weights**2)[ends])


def first(sums: Array, needed: float) -> int:
    """The first place at which sums reach what is needed, the last where none does."""
    reached = np.flatnonzero(sums >= needed)
    return int(reached[0]) if len(reached) else len(sums) - 1


def interval(passing: float, passing2: float, total: float, total2: float, level: float) -> list[float]:
    """Value, ends and effective count of one efficiency (Wilson)."""
    value = min(max(passing / total, 0), 1)
    variance = ((1 - 2 * value) * passing2 + value**2 * total2) / total**2
    kish = total**2 / total2
    count = min(value * (1 - value) / variance, kish) if 0 < value < 1 and variance > 0 else kish
    z2 = NormalDist().inv_cdf(0.5 + level / 2) ** 2
    centre = (value + z2 / (2 * count)) / (1 + z2 / count)
    half = (z2 * (value * (1 - value) / count + z2 / (4 * count**2))) ** 0.5 / (1 + z2 / count)
    return [value, max(min(centre - half, value), 0), min(max(centre + half, value), 1), count]


def roc_curve(s: Array, ws: Array, b: Array, wb: Array, n_points: int, level: float = 0.683) -> list[Array]:
    """The fields of `metrics.Roc`, in their order."""
    signal, background = in_order(s, ws), in_order(b, wb)
    thresholds = set()
    smallest = background.monotone[background.monotone > 0][0] / background.above[-1]
    n_signal = n_points // 4
    for side, targets in (
        (signal, np.linspace(0, 1, n_signal + 1)[1:]),
        (background, np.geomspace(smallest * (1 - 1e-12), 1, n_points - n_signal)),
    ):
        needed = targets * side.above[-1] * (1 - 1e-12)
        thresholds |= {float(side.score[first(side.monotone, need)]) for need in needed}
    rows = []
    for threshold in sorted(thresholds, reverse=True):
        last = background.passing(threshold) - 1
        above, above2 = (background.above[last], background.above2[last]) if last >= 0 else (0, 0)
        if above <= 0 or above**2 < (1 - 1e-9) * above2:
            continue
        row = [threshold]
        for side in (signal, background):
            last = side.passing(threshold) - 1
            at = (side.monotone[last], side.above2[last]) if last >= 0 else (0.0, 0.0)
            row += interval(*at, side.above[-1], side.above2[-1], level)[:3]
        rows.append(row)
    columns = np.array(rows).reshape(-1, 7).T
    return [columns[k] for k in (0, 1, 4, 2, 3, 5, 6)]


def working_point(b: Array, wb: Array, target: float, level: float = 0.683) -> metrics.WorkingPoint | None:
    """One of `metrics.working_points` with `min_passing` 100; None where it is refused."""
    sides = in_order(b, wb)
    total, total2 = sides.above[-1], sides.above2[-1]
    if total**2 / total2 * target < 1 - 1e-9:
        return None

    def reach(efficiency: float) -> int:
        return first(sides.above, max(efficiency * total * (1 - 1e-12), np.finfo(float).tiny))

    at = reach(target)
    if sides.score[at] == -np.inf:
        return None
    found = metrics.Efficiency(*interval(sides.above[at], sides.above2[at], total, total2, level))
    sigma = (target * (1 - target) / found.n_effective) ** 0.5
    around = NormalDist().inv_cdf(0.5 + level / 2) * sigma
    lowest = sides.score[sides.score > -np.inf][-1]
    ends = [max(sides.score[reach(e)], lowest) for e in (min(target + around, 1), max(target - around, 0))]
    passing = found.n_effective * target
    marks = {"few": passing < 100 - 1e-9, "ties": found.value - target > 3 * sigma}
    doubt: Any = ", ".join(mark for mark, holds in marks.items() if holds)
    return metrics.WorkingPoint(
        float(sides.score[at]), float(ends[0]), float(ends[1]), found, target, passing, doubt
    )
