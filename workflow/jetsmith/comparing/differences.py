"""A number of both runs, with its difference and what that is worth: by pairs of jets, or by intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from jetsmith import metrics
from jetsmith.comparing.significance import apart, p_value
from jetsmith.handed.comparison import Number
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import Difference, Interval

LEAST = 100  # effective jets of either class in common from which pairs are compared
PLENTY = 50.0  # effective jets that the other run lets expect: fewer than 10 are five errors away

FEW = f"fewer than {metrics.LEAST_PASSING:g} jets pass"
FEW_FIX = f"fewer than {metrics.LEAST_PASSING:g} jets fix its threshold"
OTHER = "its classes are others in the second run"
OTHER_SCALE = "each training has a scale of its own"


@dataclass(frozen=True)
class Count:
    """Effective jets of a class in a run, those of them that pass, and their efficiency."""

    jets: float
    passing: float
    efficiency: float

    @classmethod
    def of(cls, weight: FloatArray, passed: BoolArray) -> Self:
        """Of jets of the class, shape (N,) each."""
        passing = metrics.effective_count(weight[passed])
        return cls(metrics.effective_count(weight), passing, metrics.efficiency(passed, weight).value)

    @classmethod
    def at(cls, jets: float, efficiency: float) -> Self:
        """Of an efficiency, where weights of jets are not at hand."""
        return cls(jets, jets * efficiency, efficiency)


def at_point(number: Number, weight: FloatArray, before: BoolArray, after: BoolArray, moved: float) -> Number:
    """A number with the difference of efficiencies of the same jets, at the threshold of each run.

    Args:
        number: Without a difference.
        weight: Of the jets, shape (N,).
        before: Whether a jet passes in the first run, shape (N,).
        after: Whether it does in the second, shape (N,).
        moved: What the errors of thresholds move the difference by.
    """
    change = after.astype(np.float64) - before
    value = float(weight @ change / weight.sum())
    pulls = weight * (change - value)
    error = float(np.hypot((pulls @ pulls) ** 0.5 / weight.sum(), moved))
    return paired(number, Difference(value, value - error, value + error, error))


def of_points(
    number: Number,
    counts: Sequence[Count],
    weight: FloatArray,
    before: BoolArray,
    after: BoolArray,
    moved: float,
) -> Number:
    """A number with the difference of efficiencies behind cuts: of the same jets, if these are enough.

    Args:
        number: Without a difference.
        counts: Of each run jets of the class, in common or not.
        weight: Of the jets in common, shape (N,).
        before: Whether these pass in the first run, shape (N,).
        after: Whether they do in the second, shape (N,).
        moved: What the errors of thresholds move the difference by.
    """
    if not enough(counts):
        return replace(number, why=FEW)
    if not is_enough(weight):
        return by_intervals(number, moved)
    return at_point(number, weight, before, after, moved)


def enough(counts: Sequence[Count]) -> bool:
    """Whether jets that pass are enough to compare in two runs.

    That is in both, or in one, by whose efficiency so many of the other's should pass that chance alone does
    not leave few: a run that has lost nearly all of them is one that differs, a small one is not.
    """
    few, many = sorted(counts, key=lambda count: count.passing)
    if few.passing >= metrics.LEAST_PASSING:
        return True
    return many.passing >= metrics.LEAST_PASSING and few.jets * many.efficiency >= PLENTY


def is_enough(weight: FloatArray) -> bool:
    """Whether jets are enough for a comparison by pairs."""
    return bool(weight.sum() > 0 and metrics.effective_count(weight) >= LEAST)


def paired(number: Number, found: Difference, replicas: int | None = None) -> Number:
    """A number with its difference on the same jets."""
    difference = Interval(found.value, found.low, found.high)
    return replace(with_chance(number, difference, found.error, replicas), paired=True)


def by_intervals(number: Number, moved: float = 0.0) -> Number:
    """A number with the difference of what both runs quote, and a further error of it."""
    if number.before is None or number.after is None:
        return replace(number, why="one of the runs has no such number")
    found, error = apart(number.before, number.after)
    down, up = (float(np.hypot(side, moved)) for side in (found.value - found.low, found.high - found.value))
    difference = Interval(found.value, found.value - down, found.value + up)
    return with_chance(number, difference, float(np.hypot(error, moved)), None)


def with_chance(number: Number, difference: Interval, error: float, replicas: int | None = None) -> Number:
    """A number with its difference, and its chance: after the number of replicas that its error is of."""
    if difference.value == 0:
        return replace(number, difference=difference, z=0.0, p=1.0)
    if error <= 0:
        return replace(number, difference=difference, why="its error is not known")
    z = difference.value / error
    return replace(number, difference=difference, z=z, p=p_value(z, replicas))
