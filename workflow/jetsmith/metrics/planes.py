"""Working points in a plane: two cuts at once, which let chosen parts of two backgrounds pass."""

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from jetsmith.cuts import passes
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics.efficiencies import LEVEL, Efficiency, Interval, check_scores, efficiency
from jetsmith.metrics.thresholds import MIN_PASSING, threshold_at


@dataclass(frozen=True)
class Pair:
    """Jets of a class with both scores, shape (N,) each; -inf passes no cut."""

    first: FloatArray
    second: FloatArray
    weight: FloatArray

    def passing(self, first: float, second: float) -> BoolArray:
        """Which jets pass both cuts, shape (N,)."""
        return passes(self.first, first) & passes(self.second, second)

    def efficiency(self, first: float, second: float) -> Efficiency:
        """What passes both cuts."""
        return efficiency(self.passing(first, second), self.weight)


@dataclass(frozen=True)
class PlanePoint:
    """Two cuts with the intervals from the size of both samples.

    Attributes:
        first, second: The cuts; a jet passes at or above both. Ends are inf or -inf where none is known.
        backgrounds: What of the two backgrounds passes, on the samples that the cuts were found on.
        targets: What was asked for.
        n_passing: Effective jets of each background that were expected to pass.
        doubt: `few` where of one of them these are fewer than asked for, else empty.
    """

    first: Interval
    second: Interval
    backgrounds: tuple[Efficiency, Efficiency]
    targets: tuple[float, float]
    n_passing: tuple[float, float]
    doubt: str


def plane_point(
    of_first: Pair,
    of_second: Pair,
    targets: tuple[float, float],
    min_passing: float = MIN_PASSING,
    level: float = LEVEL,
) -> PlanePoint:
    """Cuts at which two backgrounds have given efficiencies, both with both cuts.

    To each second cut belongs the first one at which the first background has its efficiency. Along this line
    the second background's efficiency moves from what it is with the first cut alone to what it is with the
    second alone; where it passes its target is found by halving, to a jet. Ends of the intervals are the cuts
    at each target ± z sqrt(variance of the efficiency), whose distances are added in quadrature.

    Args:
        of_first: The background whose efficiency the first target is.
        of_second: That of the second target.
        targets: Efficiencies in (0, 1).
        min_passing: Effective jets that pass, fewer of which leave the point in doubt.
        level: Probability content of the intervals.

    Raises:
        InputError: No two cuts give both efficiencies, or a class is empty or has scores that are no numbers.
    """
    for role, pair in (("first", of_first), ("second", of_second)):
        for score in (pair.first, pair.second):
            check_scores(score, pair.weight, f"working point: {role} background")
    candidates = np.unique(np.concatenate([of_first.second, of_second.second]))
    candidates = candidates[candidates > -np.inf]
    if not len(candidates):
        raise InputError("working point: no jet of the backgrounds has a second score")
    first, second = _cuts(of_first, of_second, targets, candidates)
    found = tuple(pair.efficiency(first, second) for pair in (of_first, of_second))
    z = NormalDist().inv_cdf(0.5 + level / 2)
    moved = []
    for k, (target, at) in enumerate(zip(targets, found, strict=True)):
        step = z * np.sqrt(target * (1 - target) / at.n_effective) if at.n_effective > 0 else np.inf
        for sign in (1, -1):
            there = tuple(t + sign * step * (j == k) for j, t in enumerate(targets))
            try:
                moved.append(_cuts(of_first, of_second, (there[0], there[1]), candidates))
            except InputError:  # too few jets to say how far
                moved.append((np.nan, np.nan))
    n_passing = tuple(at.n_effective * target for at, target in zip(found, targets, strict=True))
    return PlanePoint(
        _interval(first, [point[0] for point in moved]),
        _interval(second, [point[1] for point in moved]),
        backgrounds=(found[0], found[1]),
        targets=targets,
        n_passing=(n_passing[0], n_passing[1]),
        doubt="few" if min(n_passing) < min_passing else "",
    )


def _cuts(
    of_first: Pair, of_second: Pair, targets: tuple[float, float], candidates: FloatArray
) -> tuple[float, float]:
    """The two cuts; `candidates` are scores that the second may be, rising."""

    @cache
    def on_line(place: int) -> tuple[float, float]:
        """First cut of a second one, and the second background's efficiency; NaN beyond the line."""
        cut = float(candidates[place])
        score = np.where(passes(of_first.second, cut), of_first.first, -np.inf)
        first = threshold_at(score, of_first.weight, targets[0]) if 0 < targets[0] < 1 else np.nan
        return first, np.nan if np.isnan(first) else of_second.efficiency(first, cut).value

    if np.isnan(on_line(0)[0]):
        raise InputError(f"working point at {targets[0]:g}: less of the first background can pass both cuts")
    low, high = 0, len(candidates) - 1
    while low < high:  # the last candidate of the line
        middle = (low + high + 1) // 2
        low, high = (middle, high) if not np.isnan(on_line(middle)[0]) else (low, middle - 1)
    ends = [on_line(0)[1], on_line(low)[1]]
    if not min(ends) <= targets[1] <= max(ends):
        raise InputError(
            f"working point at {targets[0]:g} and {targets[1]:g}: where {targets[0]:g} of the first "
            f"background passes, two cuts let {min(ends):.4g} to {max(ends):.4g} of the second pass"
        )
    falls = ends[0] >= ends[1]
    below, above = 0, low
    while above - below > 1:
        middle = (below + above) // 2
        reached = on_line(middle)[1] >= targets[1]
        below, above = (middle, above) if reached == falls else (below, middle)
    nearest = min((below, above), key=lambda place: abs(on_line(place)[1] - targets[1]))
    return on_line(nearest)[0], float(candidates[nearest])


def _interval(cut: float, moved: list[float]) -> Interval:
    """A cut with ends: distances of the moved ones, those below and those above in quadrature."""
    away = np.array(moved) - cut
    if np.isnan(away).any():
        return Interval(cut, -np.inf, np.inf)
    low, high = (np.sqrt(np.sum(np.clip(sign * away, 0, None) ** 2)) for sign in (-1, 1))
    return Interval(cut, float(cut - low), float(cut + high))
