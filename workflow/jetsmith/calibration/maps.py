"""Thresholds and binned efficiencies from arrays of jets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.calibration.axes import Axis
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics import WorkingPoint, effective_count, efficiency, passes, working_point, written
from jetsmith.metrics.efficiencies import LEVEL, binomial, check_scores
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import JudgedClass
from jetsmith.specs.run import MarksSpec

ANOTHER = (
    "ask for another efficiency, or take more jets"  # behind why no threshold has one that was asked for
)


def counts(jets: ScoredJets, entry: JudgedClass) -> dict[str, Any]:
    """How many jets of a truth class there are, how many of them fail as not tagged, and those left out.

    Returns:
        n_jets and n_effective of those that have a score or were not tagged; n_not_tagged with its share of
        them; n_without_score with its share of all.
    """
    known = jets.of(entry)
    n, n_all = len(known), int(jets.of_class(entry).sum())
    n_not_tagged = int(np.isneginf(known.discriminant).sum())
    return {
        "n_jets": n,
        "n_effective": effective_count(known.weight),
        "n_not_tagged": n_not_tagged,
        "share_not_tagged": n_not_tagged / n if n else None,
        "n_without_score": n_all - n,
        "share_without_score": (n_all - n) / n_all if n_all else None,
    }


@dataclass(frozen=True)
class Line:
    """Corners of an efficiency in one bin of |eta| (and of a third variable); constant beyond the ends.

    Attributes:
        pt_gev: Rising, shape (n,): mean pt of each group of bins.
        value: Efficiency there.
        low, high: Ends of its interval.
    """

    pt_gev: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class EfficiencyMap:
    """Efficiencies of one truth class at one working point, shape (n_abseta, n_pt, …) each.

    Attributes:
        value: Those of a group of bins of pt where jets of one are too few.
        low: Lower end of the interval.
        high: Upper end.
        filled_mask: False where a bin had no jets (of positive summed weight): it has the value of its group,
            else of its |eta| bin, else of all jets of the class. Its interval holds those of all filled bins
            of that |eta| bin (and third bin), or of all.
        group: Bins of one number share their jets.
        lines: By bin of all axes but pt, where efficiencies are to be lines in pt.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    filled_mask: BoolArray
    group: npt.NDArray[np.intp]
    lines: Mapping[tuple[int, ...], Line] | None = None


def efficiency_map(
    weight: FloatArray,
    place: IntArray,
    pass_mask: BoolArray,
    axes: Sequence[Axis],
    min_effective: float = 0.0,
) -> EfficiencyMap:
    """Efficiency of jets of one class in bins of |eta|, pt and more, as correctionlib counts them.

    Args:
        weight: Of jets of one class, signed, shape (N,).
        place: Bin of each, as `axes.places` gives it.
        pass_mask: True for jets that pass, shape (N,).
        axes: |eta|, pt, and what else.
        min_effective: Effective jets of a bin; with fewer it shares those of the next bins in pt.

    Raises:
        InputError: No jets of positive summed weight at all.
    """
    shape = tuple(axis.n_bins for axis in axes)
    sums = np.stack(
        [
            np.bincount(place[chosen], values[chosen], int(np.prod(shape))).reshape(shape)
            for chosen in (pass_mask, slice(None))
            for values in (weight, weight**2)
        ]
    )  # (4, n_abseta, n_pt, …): w and w^2 of those that pass, then of all
    if not sums[2].sum() > 0:
        raise InputError("efficiencies: no jets whose weights add up to more than 0")
    filled = sums[2] > 0
    group = grouped(sums[2], sums[3], min_effective)
    of_group = np.stack([np.bincount(group.ravel(), x.ravel())[group] for x in sums])
    rows = tuple(range(2, sums.ndim))  # an |eta| bin as a whole
    in_eta = np.broadcast_to(sums.sum(axis=rows, keepdims=True), sums.shape)
    everywhere = np.broadcast_to(sums.sum(axis=(1, *rows), keepdims=True), sums.shape)
    used = np.where(of_group[2] > 0, of_group, np.where(in_eta[2] > 0, in_eta, everywhere))
    value, low, high, _ = binomial(used[0], used[1], used[2], used[3], LEVEL)
    low, high = _widened(low, filled, np.min), _widened(high, filled, np.max)
    return EfficiencyMap(value, low, high, filled, group)


def shared_bins(found: EfficiencyMap) -> list[tuple[tuple[int, ...], int]]:
    """Groups of several bins of pt: the place of the first one, and the last bin of pt."""
    groups = []
    for number in np.unique(found.group):
        members = np.argwhere(found.group == number)
        if len(members) > 1:
            groups.append((tuple(int(k) for k in members[0]), int(members[-1][1])))
    return groups


def grouped(total: FloatArray, total2: FloatArray, min_effective: float) -> npt.NDArray[np.intp]:
    """Which bins share their jets: neighbours in pt, from the lowest on, until they have enough.

    What is left at the upper end goes to the last group that has enough; a row without enough is one group.

    Args:
        total: Sums of weights by bin, shape (n_abseta, n_pt, …).
        total2: Sums of their squares.
        min_effective: Effective jets that a group has at least; some in any case.

    Returns:
        Numbers of groups, the same shape.
    """
    group = np.zeros(total.shape, np.intp)
    n_groups = 0
    for row in np.ndindex(total.shape[0], *total.shape[2:]):
        index = (row[0], slice(None), *row[1:])
        ends = _ends(total[index], total2[index], min_effective)
        group[index] = n_groups + np.repeat(np.arange(len(ends)), np.diff([0, *ends]))
        n_groups += len(ends)
    return group


def _ends(total: FloatArray, total2: FloatArray, min_effective: float) -> list[int]:
    """Where the groups of a row end, the last one at its last bin."""
    ends: list[int] = []
    begin = 0
    for end in range(1, len(total) + 1):  # bins, not jets
        weight, squares = total[begin:end].sum(), total2[begin:end].sum()
        if weight > 0 and weight**2 >= min_effective * squares:
            ends.append(end)
            begin = end
    return [*ends[:-1], len(total)]


def _widened(end: FloatArray, filled: BoolArray, most: Any) -> FloatArray:
    """Ends of intervals; of bins without jets they reach as far as any filled one of the row, or of all.

    Args:
        end: Shape (n_abseta, n_pt, …), of a bin without jets that of what it borrows from.
        filled: Same shape.
        most: np.min for lower ends, np.max for upper ones.
    """
    neutral = np.inf if most is np.min else -np.inf
    known = np.where(filled, end, neutral)
    of_row = np.where(filled.any(axis=1, keepdims=True), most(known, axis=1, keepdims=True), most(known))
    return np.where(filled, end, most([end, np.broadcast_to(of_row, end.shape)], axis=0))


def find_thresholds(
    background: ScoredJets, working_points: Mapping[str, float], marks: MarksSpec
) -> tuple[dict[str, WorkingPoint], dict[str, str]]:
    """Thresholds of the working points, and why those that are left out are.

    A point that too few jets fix is marked, and left out unless `marks` allows it, so that a small run still
    comes to its end, with the other points or with none; both outputs say so.

    Raises:
        InputError: There is no background, its scores are no numbers, or no point is asked for.
    """
    if not working_points:
        raise InputError("no working points are configured")
    check_scores(background.discriminant, background.weight, "working point: background")
    found: dict[str, WorkingPoint] = {}
    undefined: dict[str, str] = {}
    for name, target in working_points.items():
        try:
            point = working_point(
                background.discriminant, background.weight, target, min_passing=marks.min_passing
            )
        except InputError as error:
            undefined[name] = f"{error}; {ANOTHER}"
            continue
        if "few" in point.doubt and not marks.allow_few_passing:
            undefined[name] = too_few(f"{target:g}", point.n_passing, marks) + pass_together(point)
        else:
            found[name] = replace(point, threshold=written(point.threshold, background.discriminant.dtype))
    return found, undefined


def given_thresholds(background: ScoredJets, thresholds: Mapping[str, float]) -> dict[str, WorkingPoint]:
    """Working points of thresholds that are given, and what of the background passes them.

    Raises:
        InputError: There is no background.
    """
    check_scores(background.discriminant, background.weight, "working point: background")
    found = {}
    for name, threshold in thresholds.items():
        passed = efficiency(passes(background.discriminant, threshold), background.weight)
        n_passing = passed.n_effective * passed.value
        found[name] = WorkingPoint(
            threshold,
            threshold,
            threshold,
            background=passed,
            target=passed.value,
            n_passing=n_passing,
            doubt="",
        )
    return found


def too_few(target: str, n_passing: float, marks: MarksSpec) -> str:
    """Why a working point is left out that few jets fix, and what would help."""
    return (
        f"working point at efficiency {target}: effectively {n_passing:.1f} jets are expected above its "
        f"threshold, and min_passing is {marks.min_passing:g}; take more events or a looser point, or set "
        "calibration: {allow_few_passing: true}, which writes it all the same, marked"
    )


def pass_together(point: WorkingPoint) -> str:
    """What more events do not help against, behind `too_few`: jets of one score; empty without them."""
    if "ties" not in point.doubt:
        return ""
    return f". Many jets have one score there, and pass together: {100 * point.background.value:.3g}%"
