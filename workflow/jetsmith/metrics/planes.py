"""Working points in a plane: two cuts at once, which let chosen parts of two backgrounds pass.

Of one background, where both judgements have the same first one, each cut lets its own part pass by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from jetsmith.cuts import passes
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics.efficiencies import LEVEL, Efficiency, Interval, check_scores, efficiency
from jetsmith.metrics.thresholds import DOUBTS, FAR, MIN_PASSING, threshold_at, threshold_pulls, working_point


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
        backgrounds: What of the two backgrounds passes, on the samples that the cuts were found on; of one
            background what passes either cut by itself.
        targets: What was asked for.
        n_passing: Effective jets of each background that were expected to pass; of one, either cut.
        doubt: `few` where of one of them these are fewer than asked for, `ties` where jets of one score push
            what passes of one of them off its target by more than three standard deviations, `few, ties`
            where both hold; else empty.
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
    candidates = _candidates(of_first, of_second)
    first, second = _cuts(of_first, of_second, targets, candidates)
    found = (of_first.efficiency(first, second), of_second.efficiency(first, second))
    steps = _steps(targets, (found[0].n_effective, found[1].n_effective), level)
    moved = _moved(of_first, of_second, targets, steps, candidates)
    n_passing = tuple(at.n_effective * target for at, target in zip(found, targets, strict=True))
    return PlanePoint(
        _interval(first, [point[0] for point in moved]),
        _interval(second, [point[1] for point in moved]),
        backgrounds=found,
        targets=targets,
        n_passing=(n_passing[0], n_passing[1]),
        doubt=DOUBTS[min(n_passing) < min_passing, _is_off(found, targets)],
    )


def _is_off(found: tuple[Efficiency, Efficiency], targets: tuple[float, float]) -> bool:
    """Whether no cuts near these give the targets within the errors that as many jets have."""
    return any(
        abs(at.value - target) > FAR * (target * (1 - target) / at.n_effective) ** 0.5
        for at, target in zip(found, targets, strict=True)
    )


def point_apart(
    of: Pair, targets: tuple[float, float], min_passing: float = MIN_PASSING, level: float = LEVEL
) -> PlanePoint:
    """Cuts each of which lets its own part of one background pass by itself, whatever the other one does.

    Each is a `working_point` of that background, with its interval.

    Args:
        of: The background.
        targets: Efficiencies of the first cut and of the second, in (0, 1).
        min_passing: Effective jets that pass a cut, fewer of which leave the point in doubt.
        level: Probability content of the intervals.

    Raises:
        InputError: As `working_point`.
    """
    one, other = (
        working_point(score, of.weight, target, level, min_passing, f"background ({which} cut)")
        for which, score, target in zip(("first", "second"), (of.first, of.second), targets, strict=True)
    )
    few, tied = (any(mark in point.doubt for point in (one, other)) for mark in ("few", "ties"))
    return PlanePoint(
        Interval(one.threshold, one.threshold_low, one.threshold_high),
        Interval(other.threshold, other.threshold_low, other.threshold_high),
        backgrounds=(one.background, other.background),
        targets=targets,
        n_passing=(one.n_passing, other.n_passing),
        doubt=DOUBTS[few, tied],
    )


def pulls_apart(of: Pair, cuts: tuple[float, float], others: Sequence[Pair]) -> list[FloatArray]:
    """What each jet of the background contributes to efficiencies of other jets behind both cuts.

    As `cut_pulls`, of cuts that `point_apart` found: each moves as that of a single score
    (`threshold_pulls`), while the other one stays. The same jets fix both, so their shares add up jet by jet.

    Args:
        of: The background, N jets.
        cuts: Both, as `point_apart` found them of these jets.
        others: Jets whose efficiencies are looked at.

    Returns:
        Of each of `others` pulls, shape (N,), with a sum of 0.

    Raises:
        InputError: As `threshold_pulls`.
    """
    of_first = [(np.where(passes(o.second, cuts[1]), o.first, -np.inf), o.weight) for o in others]
    of_second = [(np.where(passes(o.first, cuts[0]), o.second, -np.inf), o.weight) for o in others]
    first = threshold_pulls(of.first, of.weight, cuts[0], of_first)
    second = threshold_pulls(of.second, of.weight, cuts[1], of_second)
    return [one + other for one, other in zip(first, second, strict=True)]


def cut_pulls(
    of_first: Pair, of_second: Pair, cuts: tuple[float, float], others: Sequence[Pair]
) -> list[tuple[FloatArray, FloatArray]]:
    """What each jet of the backgrounds contributes to efficiencies of other jets through the cuts.

    With another jet that passes, a background has its efficiency at higher cuts, and others lose: by how much
    follows from the cuts at either efficiency a standard deviation up and down. To first order the error of
    an efficiency from those of both cuts is the root of the sum of squares of its pulls; that of a difference
    between two pairs of scores of the same jets is that of the differences of their pulls.

    Args:
        of_first: The background whose efficiency fixes the first cut, N jets.
        of_second: That of the second, M jets.
        cuts: Both, as `plane_point` found them of these jets.
        others: Jets whose efficiencies are looked at.

    Returns:
        Of each of `others` pulls of both backgrounds, shapes (N,) and (M,), with sums of 0.

    Raises:
        InputError: The backgrounds are too few to say how far the cuts move.
    """
    sides = of_first, of_second
    found = [side.efficiency(*cuts) for side in sides]
    targets, effective = (found[0].value, found[1].value), (found[0].n_effective, found[1].n_effective)
    steps = _steps(targets, effective, LEVEL)
    moved = _moved(of_first, of_second, targets, steps, _candidates(of_first, of_second))
    if not np.isfinite(moved).all():
        raise InputError("working point: too few jets of the backgrounds to say how far its cuts move")
    pulls = []
    for of in others:
        ends = [of.efficiency(*there).value for there in moved]
        slopes = (ends[0] - ends[1]) / (2 * steps[0]), (ends[2] - ends[3]) / (2 * steps[1])
        one, other = (
            -slope * side.weight * (side.passing(*cuts) - target) / side.weight.sum()
            for slope, side, target in zip(slopes, sides, targets, strict=True)
        )
        pulls.append((one, other))
    return pulls


def together(jets: Pair, first: float, second: float, level: float = LEVEL) -> Interval | None:
    """What passes both cuts over what either of them tells: A D / (B C), 1 where the scores are independent.

    A jets pass both cuts, B the first alone, C the second alone, D none. An estimate of A by the other three
    (the ABCD method) is too small by this factor. Ends are those of its logarithm, whose variance is the sum
    of those of the four.

    Returns:
        None where the weights of one of the four do not add up to more than 0.
    """
    passing = passes(jets.first, first), passes(jets.second, second)
    logarithm = variance = 0.0
    for one, other in ((True, True), (True, False), (False, True), (False, False)):
        weight = jets.weight[(passing[0] == one) & (passing[1] == other)]
        total = float(weight.sum())
        if not total > 0:
            return None
        logarithm += np.log(total) * (1 if one == other else -1)
        variance += float(weight @ weight) / total**2
    away = NormalDist().inv_cdf(0.5 + level / 2) * variance**0.5
    return Interval(*(float(np.exp(logarithm + by)) for by in (0.0, -away, away)))


def _candidates(of_first: Pair, of_second: Pair) -> FloatArray:
    """Scores that the second cut may be, rising."""
    found = np.unique(np.concatenate([of_first.second, of_second.second]))
    found = found[found > -np.inf]
    if not len(found):
        raise InputError("working point: no jet of the backgrounds has a second score")
    return found


def _steps(targets: tuple[float, float], effective: tuple[float, float], level: float) -> tuple[float, float]:
    """How far the efficiencies of both backgrounds fluctuate."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    first, second = (
        float(z * np.sqrt(t * (1 - t) / n)) if n > 0 else np.inf
        for t, n in zip(targets, effective, strict=True)
    )
    return first, second


def _moved(
    of_first: Pair,
    of_second: Pair,
    targets: tuple[float, float],
    steps: tuple[float, float],
    candidates: FloatArray,
) -> list[tuple[float, float]]:
    """Cuts with either target a step up and down; NaN where there are too few jets to say how far."""
    moved = []
    for k in range(2):
        for sign in (1, -1):
            first, second = (t + sign * steps[k] * (j == k) for j, t in enumerate(targets))
            try:
                moved.append(_cuts(of_first, of_second, (first, second), candidates))
            except InputError:
                moved.append((np.nan, np.nan))
    return moved


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
