"""Working points with two cuts, in both runs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from jetsmith import metrics
from jetsmith.columns import KEY
from jetsmith.comparing.content import Cuts, Plane
from jetsmith.comparing.differences import (
    LEAST,
    OTHER,
    OTHER_SCALE,
    of_points,
)
from jetsmith.comparing.folder import Results
from jetsmith.comparing.jets import Common, in_common
from jetsmith.comparing.numbers import jets_of
from jetsmith.handed.comparison import Jets, Number
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import Interval
from jetsmith.scored import ScoredJets
from jetsmith.scored import in_common as scored_by_both
from jetsmith.texts import label_text

Scored = tuple[ScoredJets, FloatArray]
"""Jets with the first score, and the second one of the same jets, shape (N,)."""
Truths = Mapping[str, tuple[str, tuple[int, ...]]]
"""Label and truth ids of classes, by name."""


def of_planes(before: Results, after: Results) -> tuple[list[Jets], list[Number]]:
    """Jets and numbers of the planes that both runs have, of the same judgements on the same sample.

    Raises:
        InputError: As the methods of `Results`, or a score file is damaged.
    """
    jets: list[Jets] = []
    numbers: list[Number] = []
    for name, first in before.planes.items():
        second = after.planes.get(name)
        if second is None or (first.judgements, first.sample) != (second.judgements, second.sample):
            continue  # the configuration says so
        points = [point for point in first.points if point in second.points]
        own = _scored(before, first), _scored(after, second)
        sides = [
            replace(one[0], discriminant=_packed([_passes(one, plane.points[p]) for p in points]))
            for one, plane in zip(own, (first, second), strict=True)
        ]
        common = in_common(sides[0], sides[1], (before.datasets(first.sample), after.datasets(first.sample)))
        truths = _truths(before, first), _truths(after, second)
        subject = f"plane {name}"
        found: list[Number] = []
        for k, point in enumerate(points):
            pair = first.points[point], second.points[point]
            flags = _bit(common.before, k), _bit(common.after, k)
            found += _thresholds(subject, first, point, pair)
            found += _efficiencies(subject, first, point, pair, truths, own, common, flags)
        is_paired = any(number.paired for number in found)
        why = common.why or ("" if is_paired else f"fewer than {LEAST} jets of a class in common")
        jets.append(Jets(subject, first.sample, common.n_before, common.n_after, len(common), is_paired, why))
        numbers += found
    return jets, numbers


def _scored(run: Results, plane: Plane) -> Scored:
    """Test jets that both taggers have scored."""
    found = [jets_of(run, name, run.tagger(name), plane.sample) for name in plane.judgements]
    first, second = scored_by_both(found, list(KEY))
    return first, second.discriminant


def _passes(jets: Scored, cuts: Cuts) -> BoolArray:
    first, second = cuts.thresholds
    return _both(jets, first.value, second.value)


def _both(jets: Scored, first: float, second: float) -> BoolArray:
    """Which jets pass both cuts, shape (N,)."""
    found: BoolArray = metrics.passes(jets[0].discriminant, first) & metrics.passes(jets[1], second)
    return found


def _packed(flags: list[BoolArray]) -> FloatArray:
    """Which points a jet passes as one number, a bit a point: jets of both runs are matched but once."""
    found: FloatArray = np.sum([flag * 2.0**k for k, flag in enumerate(flags)], axis=0)
    return found


def _bit(packed: FloatArray, k: int) -> BoolArray:
    found: BoolArray = (packed.astype(np.int64) >> k) & 1 == 1
    return found


def _truths(run: Results, plane: Plane) -> Truths:
    """The classes that judge either discriminant."""
    return {name: about for judgement in plane.judgements for name, about in run.truths(judgement).items()}


def _thresholds(subject: str, plane: Plane, point: str, pair: tuple[Cuts, Cuts]) -> Iterator[Number]:
    for k, judgement in enumerate(plane.judgements):
        before, after = (_finite(cuts.thresholds[k]) for cuts in pair)
        what = f"threshold of {point} on {judgement}"
        yield Number(subject, plane.sample, what, False, before, after, why=OTHER_SCALE)


def _efficiencies(
    subject: str,
    plane: Plane,
    point: str,
    pair: tuple[Cuts, Cuts],
    truths: tuple[Truths, Truths],
    own: tuple[Scored, Scored],
    common: Common,
    flags: tuple[BoolArray, BoolArray],
) -> Iterator[Number]:
    """Of each class behind both cuts, those of each run, with the errors of all thresholds."""
    for name, before in pair[0].efficiencies.items():
        after = pair[1].efficiencies.get(name)
        if after is None or any(name not in found for found in truths):
            continue
        label, ids = truths[0][name]
        what = f"{label_text(label)} efficiency of {point}"
        number = Number(subject, plane.sample, what, True, before, after)
        if set(ids) != set(truths[1][name][1]):
            yield replace(number, why=OTHER)
            continue
        sides = [_moved(jets, ids, cuts) for jets, cuts in zip(own, pair, strict=True)]
        mask = common.of(ids)
        yield of_points(number, sides, common.weight[mask], flags[0][mask], flags[1][mask])


def _moved(jets: Scored, ids: tuple[int, ...], cuts: Cuts) -> tuple[float, float]:
    """Effective jets of a class that pass both cuts, and how far its efficiency moves with their intervals.

    In quadrature, which is cautious: backgrounds are to pass as often, so that where one cut is found higher
    the other is found lower, and what both do cancels in part.
    """
    mask = np.isin(jets[0].label, ids) & jets[0].chosen
    weight = jets[0].weight[mask]
    if not weight.sum() > 0:
        return 0.0, 0.0

    def passing(first: float, second: float) -> FloatArray:
        return weight[_both(jets, first, second)[mask]]

    def share(first: float, second: float) -> float:
        return float(passing(first, second).sum() / weight.sum())

    first, second = cuts.thresholds
    value = share(first.value, second.value)
    ends = (
        (share(first.low, second.value), share(first.high, second.value)),
        (share(first.value, second.low), share(first.value, second.high)),
    )
    moved = np.linalg.norm([max(low - value, value - high, 0.0) for low, high in ends])
    return metrics.effective_count(passing(first.value, second.value)), float(moved)


def _finite(found: Interval) -> Interval | None:
    """An interval for a file, which has no infinite numbers."""
    return found if np.isfinite([found.low, found.high]).all() else None
