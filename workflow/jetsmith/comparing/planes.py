"""Working points with two cuts, in both runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jetsmith import metrics
from jetsmith.columns import KEY
from jetsmith.comparing.content import Cuts, Plane
from jetsmith.comparing.differences import OTHER, OTHER_SCALE, Count, of_points
from jetsmith.comparing.folder import Results
from jetsmith.comparing.jets import Matched, matched
from jetsmith.comparing.numbers import TOO_FEW, Truths, jets_of
from jetsmith.errors import InputError
from jetsmith.handed.comparison import Jets, Number
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics import Interval
from jetsmith.metrics.planes import Pair, cut_pulls, pulls_apart
from jetsmith.scored import ScoredJets
from jetsmith.scored import in_common as scored_by_both
from jetsmith.texts import label_text

UNKNOWN = "too few jets say how far its cuts move"


@dataclass(frozen=True)
class Scored:
    """Jets that both taggers of a plane have scored, shape (N,)."""

    jets: ScoredJets
    second: FloatArray

    def of(self, ids: tuple[int, ...]) -> tuple[Pair, IntArray]:
        """Those of a class, and their rows."""
        rows = np.flatnonzero(np.isin(self.jets.label, ids) & self.jets.chosen)
        first, second = self.jets.discriminant[rows], self.second[rows]
        return Pair(first, second, self.jets.weight[rows]), rows

    def count(self, ids: tuple[int, ...], passed: BoolArray) -> Count:
        """Of a class, by which of all jets pass, shape (N,)."""
        mask = np.isin(self.jets.label, ids) & self.jets.chosen
        return Count.of(self.jets.weight[mask], passed[mask])

    def passing(self, cuts: Cuts) -> BoolArray:
        """Which jets pass both, shape (N,)."""
        return Pair(self.jets.discriminant, self.second, self.jets.weight).passing(*_values(cuts))


@dataclass(frozen=True)
class Both:
    """Jets of a split in both runs, scored by both taggers."""

    sides: tuple[Scored, Scored]
    matched: Matched


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
        planes = first, second
        test, calibration = (_both((before, after), planes, split) for split in ("test", "calibration"))
        truths = _truths(before, first), _truths(after, second)
        subject = f"plane {name}"
        found: list[Number] = []
        for point in (point for point in first.points if point in second.points):
            pair = first.points[point], second.points[point]
            found += _thresholds(subject, first, point, pair)
            found += _efficiencies(subject, planes, point, pair, truths, test, calibration)
        is_paired = any(number.paired for number in found)
        common = test.matched.common
        why = "" if is_paired else common.why or _why_unpaired(found)
        jets.append(Jets(subject, first.sample, common.n_before, common.n_after, len(common), is_paired, why))
        numbers += found
    return jets, numbers


def _why_unpaired(numbers: Sequence[Number]) -> str:
    """Why no number of a plane is compared on the same jets; thresholds never are."""
    judged = [number for number in numbers if number.percent]
    if not judged:
        return "no working point that both runs have"
    if all(number.why for number in judged):  # of none is it for lack of jets in common
        return "; ".join(dict.fromkeys(number.why for number in judged))
    return TOO_FEW


def _both(runs: tuple[Results, Results], planes: tuple[Plane, Plane], split: str) -> Both:
    first, second = (_scored(run, plane, split) for run, plane in zip(runs, planes, strict=True))
    sample = planes[0].sample
    datasets = runs[0].datasets(sample), runs[1].datasets(sample)
    return Both((first, second), matched((first.jets, second.jets), datasets))


def _scored(run: Results, plane: Plane, split: str) -> Scored:
    """Jets of a split that both taggers have scored."""
    found = [jets_of(run, name, run.tagger(name), plane.sample, split) for name in plane.judgements]
    first, second = scored_by_both(found, list(KEY))
    return Scored(first, second.discriminant)


def _truths(run: Results, plane: Plane) -> Truths:
    """The classes that judge either discriminant."""
    return {name: about for judgement in plane.judgements for name, about in run.truths(judgement).items()}


def _thresholds(subject: str, plane: Plane, point: str, pair: tuple[Cuts, Cuts]) -> Iterator[Number]:
    for k, judgement in enumerate(plane.judgements):
        before, after = (_shown(cuts.thresholds[k]) for cuts in pair)
        what = f"threshold of {point} on {judgement}"
        yield Number(subject, plane.sample, what, False, before, after, why=OTHER_SCALE)


def _efficiencies(
    subject: str,
    planes: tuple[Plane, Plane],
    point: str,
    pair: tuple[Cuts, Cuts],
    truths: tuple[Truths, Truths],
    test: Both,
    calibration: Both,
) -> Iterator[Number]:
    """Of each class behind both cuts, those of each run, with the errors of all cuts."""
    names = [
        name
        for name in pair[0].efficiencies
        if name in pair[1].efficiencies and all(name in found for found in truths)
    ]
    sides = [
        _pulls(plane, cuts, of, names, *scored)
        for plane, cuts, of, *scored in zip(planes, pair, truths, test.sides, calibration.sides, strict=True)
    ]
    passed = [side.passing(cuts) for side, cuts in zip(test.sides, pair, strict=True)]
    flags = [flag[rows] for flag, rows in zip(passed, test.matched.rows, strict=True)]
    for name in names:
        label, ids = truths[0][name]
        what = f"{label_text(label)} efficiency of {point}"
        before, after = (cuts.efficiencies[name] for cuts in pair)
        number = Number(subject, planes[0].sample, what, True, before, after)
        if set(ids) != set(truths[1][name][1]):
            yield replace(number, why=OTHER)
            continue
        counts = [side.count(ids, flag) for side, flag in zip(test.sides, passed, strict=True)]
        pulls = [side[name] for side in sides if side is not None]
        if len(pulls) < len(sides):
            yield replace(number, why=UNKNOWN)
            continue
        common, moved = test.matched.common, calibration.matched.away(pulls)
        mask = common.of(ids)
        yield of_points(number, counts, common.weight[mask], flags[0][mask], flags[1][mask], moved)


def _pulls(
    plane: Plane, cuts: Cuts, truths: Truths, names: Sequence[str], test: Scored, calibration: Scored
) -> dict[str, FloatArray] | None:
    """What jets of the split calibration move efficiencies by, (N,) by class; None where nobody knows."""
    if not all(np.isfinite([cut.low, cut.high]).all() for cut in cuts.thresholds):
        return None  # the run itself could not say how far its cuts move
    if not set(plane.backgrounds) <= set(truths):
        return None
    (first, first_rows), (second, second_rows) = (
        calibration.of(truths[name][1]) for name in plane.backgrounds
    )
    if min(_fixing(plane, cuts, first, second)) < metrics.LEAST_PASSING:
        return None
    others = [test.of(truths[name][1])[0] for name in names]
    by_class: dict[str, FloatArray] = {name: np.zeros(len(calibration.jets)) for name in names}
    try:
        if plane.apart:
            for name, pull in zip(names, pulls_apart(first, _values(cuts), others), strict=True):
                by_class[name][first_rows] = pull
            return by_class
        found = cut_pulls(first, second, _values(cuts), others)
    except InputError:
        return None
    for name, (of_first, of_second) in zip(names, found, strict=True):
        by_class[name][first_rows] += of_first
        by_class[name][second_rows] += of_second
    return by_class


def _fixing(plane: Plane, cuts: Cuts, first: Pair, second: Pair) -> list[float]:
    """Effective jets of each background that its cuts let pass; of one background by either cut."""
    at = _values(cuts)
    passing = (
        [metrics.passes(score, cut) for score, cut in zip((first.first, first.second), at, strict=True)]
        if plane.apart
        else [pair.passing(*at) for pair in (first, second)]
    )
    weights = (first.weight, first.weight if plane.apart else second.weight)
    return [metrics.effective_count(w[mask]) for w, mask in zip(weights, passing, strict=True)]


def _values(cuts: Cuts) -> tuple[float, float]:
    first, second = cuts.thresholds
    return first.value, second.value


def _shown(found: Interval) -> Interval:
    """A threshold for a file, which has no infinite numbers; without errors where nobody knows them."""
    is_known = np.isfinite([found.low, found.high]).all()
    return found if is_known else Interval(found.value, found.value, found.value)
