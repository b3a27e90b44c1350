"""Areas and efficiencies of both runs, with the significance of their differences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jetsmith import metrics
from jetsmith.comparing.content import Calibrated, Contrast
from jetsmith.comparing.differences import (
    FEW,
    FEW_FIX,
    LEAST,
    OTHER,
    OTHER_SCALE,
    Count,
    by_intervals,
    enough,
    is_enough,
    of_points,
    paired,
)
from jetsmith.comparing.folder import Results
from jetsmith.comparing.jets import Common, Matched, in_common, matched, read_jets
from jetsmith.handed.comparison import Jets, Number
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import Interval
from jetsmith.plots.roc_figure import Curve, Reading
from jetsmith.scored import ScoredJets
from jetsmith.texts import label_text, share

BOOTSTRAPS = 200
MISSING = "the second run does not have it"
TOO_FEW = f"fewer than {LEAST} jets of a class in common"
SEED = 1  # of replicas: the same folders give the same page
Pair = tuple[FloatArray, FloatArray, FloatArray, BoolArray]
"""Scores of the second run, of the first, weights, and which jets are signal; shape (N,) each."""
Truths = Mapping[str, tuple[str, tuple[int, ...]]]
"""Label and truth ids of classes, by name."""


@dataclass(frozen=True)
class Fixed:
    """Jets of the split calibration, which fix the thresholds of each run, and what runs have in common."""

    jets: tuple[ScoredJets, ScoredJets]
    matched: Matched

    def is_by_enough(
        self,
        both: tuple[Calibrated, Calibrated],
        truths: tuple[Truths, Truths],
        thresholds: tuple[Interval, Interval],
    ) -> bool:
        """Whether enough jets lie above each threshold for its error to be Gaussian; see `moved`."""
        return all(
            threshold.low == threshold.high  # given, not found
            or _count(jets, truth[one.background][1], threshold).passing >= metrics.LEAST_PASSING
            for jets, truth, one, threshold in zip(self.jets, truths, both, thresholds, strict=True)
        )

    def moved(
        self,
        both: tuple[Calibrated, Calibrated],
        truths: tuple[Truths, Truths],
        thresholds: tuple[Interval, Interval],
        own: tuple[ScoredJets, ScoredJets],
    ) -> dict[str, float]:
        """What the errors of both thresholds move the difference of an efficiency by, by class in both runs.

        Jets that fix both thresholds move both: what is left of them is the difference.

        Args:
            both: Whose background fixes the thresholds.
            truths: Classes of each run.
            thresholds: Of a working point.
            own: Jets of the test split, whose efficiencies these are.
        """
        names = [name for name in truths[0] if name in truths[1]]
        pulls = [
            _pulls(jets, truth[one.background][1], threshold, [_of(test, truth[name][1]) for name in names])
            for jets, truth, one, threshold, test in zip(
                self.jets, truths, both, thresholds, own, strict=True
            )
        ]
        return {name: self.matched.away(of) for name, *of in zip(names, *pulls, strict=True)}


def _pulls(
    jets: ScoredJets,
    background: tuple[int, ...],
    threshold: Interval,
    others: Sequence[tuple[FloatArray, FloatArray]],
) -> list[FloatArray]:
    """What jets of the split calibration move each efficiency by, (N,); 0 where the threshold is given."""
    rows = np.flatnonzero(np.isin(jets.label, background) & jets.chosen)
    found: list[FloatArray] = [np.zeros(len(jets)) for _ in others]
    if threshold.low < threshold.high:
        score, weight = jets.discriminant[rows], jets.weight[rows]
        pulls = metrics.threshold_pulls(score, weight, threshold.value, others)
        for of, by in zip(found, pulls, strict=True):
            of[rows] = by
    return found


def _of(jets: ScoredJets, ids: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Scores and weights of a class."""
    mask = np.isin(jets.label, ids) & jets.chosen
    return jets.discriminant[mask], jets.weight[mask]


def compared(
    before: Results, after: Results, bootstraps: int = BOOTSTRAPS
) -> tuple[list[Jets], list[Number], list[str]]:
    """Jets and numbers of all judgements that both runs have, and what no gate can know.

    Args:
        before: The first run.
        after: The second.
        bootstraps: Replicas of intervals of efficiencies.

    Returns:
        Jets; numbers; curves of the first run of which nothing is known, each with the reason.

    Raises:
        InputError: As the methods of `Results`, or a score file is damaged.
    """
    calibrated = before.calibrated, after.calibrated
    contrasts = before.contrasts, after.contrasts
    jets: list[Jets] = []
    numbers: list[Number] = []
    unknown = [f"{name}: {MISSING}" for name in sorted(set(calibrated[0]) - set(calibrated[1]))]
    for judgement in (name for name in calibrated[0] if name in calibrated[1]):
        both = calibrated[0][judgement], calibrated[1][judgement]
        pairs = [
            (contrasts[0][key], contrasts[1][key])
            for key in contrasts[0]
            if key in contrasts[1] and all(judgement in one[key].curves for one in contrasts)
        ]
        unknown += [
            f"{_curve_name(judgement, one)}: {MISSING}"
            for key, one in contrasts[0].items()
            if judgement in one.curves and key not in [both[0].key for both in pairs]
        ]
        calibrated_on = [both[0].sample] if both[0].sample == both[1].sample else []
        for sample in dict.fromkeys([*calibrated_on, *(first.sample for first, _ in pairs)]):
            own = (
                jets_of(before, judgement, both[0].tagger, sample),
                jets_of(after, judgement, both[1].tagger, sample),
            )
            datasets = before.datasets(sample), after.datasets(sample)
            common = in_common(*own, datasets)
            found: list[Number] = []
            for pair in pairs:
                if pair[0].sample == sample:
                    of_curve = _of_contrast(judgement, *pair, common, bootstraps)
                    unknown += _unknown(judgement, *pair, of_curve, common.why)
                    found += of_curve
            if sample in calibrated_on:
                truths = before.truths(judgement), after.truths(judgement)
                split = (
                    jets_of(before, judgement, both[0].tagger, sample, "calibration"),
                    jets_of(after, judgement, both[1].tagger, sample, "calibration"),
                )
                fixed = Fixed(split, matched(split, datasets))
                found += _at_points(judgement, both, truths, own, common, fixed)
            is_paired = any(number.paired for number in found)
            why = common.why or ("" if is_paired else TOO_FEW)
            counts = common.n_before, common.n_after, len(common)
            jets.append(Jets(judgement, sample, *counts, is_paired, why))
            numbers += found
    return jets, numbers, unknown


def _curve_name(judgement: str, contrast: Contrast) -> str:
    signal, background = label_text(contrast.signal.label), label_text(contrast.background.label)
    return f"{judgement} on {contrast.sample}, {signal} against {background}"


def _unknown(
    judgement: str, first: Contrast, second: Contrast, numbers: Sequence[Number], why: str
) -> Iterator[str]:
    """What no gate can know of a curve: anything, or what it is at mistag rates that the first run can tell.

    Args:
        judgement: Whose curve.
        first: The figure of the first run.
        second: That of the second.
        numbers: Of `_of_contrast`.
        why: Why there are no jets in common, where there are none.
    """
    area, *found = numbers
    readings = first.curves[judgement].readings, second.curves[judgement].readings
    read = {one.mistag for one in readings[1] if one.signal_efficiency is not None}
    judged = {mistag for mistag, number in zip(_in_both(*readings), found, strict=True) if number.rejection}
    told = [one.mistag for one in readings[0] if _is_told(first.curves[judgement], one.mistag)]
    name = _curve_name(judgement, first)
    if not area.paired:
        yield f"{name}: {area.why or why or TOO_FEW}"
        return
    if lacking := [share(mistag) for mistag in told if mistag not in read]:
        yield f"{name}: the second run does not read it at {', '.join(lacking)} mistag"
    if few := [share(mistag) for mistag in told if mistag in read and mistag not in judged]:
        yield f"{name}: {FEW} of those in common at {', '.join(few)} mistag"


def _in_both(first: Sequence[Reading], second: Sequence[Reading]) -> list[float]:
    """Mistag rates at which both curves are read, in the order of the first."""
    there = {one.mistag for one in second}
    return [one.mistag for one in first if one.mistag in there]


def of_closures(before: Results, after: Results) -> list[Number]:
    """Areas of fresh classifiers after weighting, of reweighters that both runs have."""
    first, second = before.closures, after.closures
    return [
        by_intervals(
            Number(
                name,
                str(before.setting(f"classifiers.{name}.sample", "")),
                "AUC of a fresh classifier after weighting",
                False,
                first[name].auc_after,
                second[name].auc_after,
            )
        )
        for name in first
        if name in second
    ]


def jets_of(run: Results, judgement: str, tagger: str, sample: str, split: str = "test") -> ScoredJets:
    """Jets of a run, with the score of a judgement."""
    path, classes = run.scores(tagger, sample), run.class_names(tagger)
    return read_jets(path, tagger, sample, classes, run.discriminant(judgement), split)


def _of_contrast(
    judgement: str, first: Contrast, second: Contrast, common: Common, bootstraps: int
) -> list[Number]:
    """The area, and signal efficiencies at mistag rates."""
    signal, background = label_text(first.signal.label), label_text(first.background.label)
    curve, other = first.curves[judgement], second.curves[judgement]
    here, there = ({reading.mistag: reading for reading in one.readings} for one in (curve, other))
    area = Number(judgement, first.sample, f"AUC against {background}", False, curve.auc, other.auc)
    readings = {
        mistag: Number(
            judgement,
            first.sample,
            f"{signal} efficiency at {share(mistag)} {background} mistag",
            True,
            here[mistag].signal_efficiency,
            there[mistag].signal_efficiency,
            doubt=here[mistag].doubt or there[mistag].doubt,
        )
        for mistag in _in_both(curve.readings, other.readings)
    }
    classes = [[set(c.truth) for c in (one.signal, one.background)] for one in (first, second)]
    if classes[0] != classes[1]:
        return [replace(number, why=OTHER) for number in (area, *readings.values())]
    is_signal, is_background = common.of(first.signal.truth), common.of(first.background.truth)
    if not all(is_enough(common.weight[mask]) for mask in (is_signal, is_background)):
        passing = {mistag: [_passing(one, mistag) for one in (curve, other)] for mistag in readings}
        few = {mistag for mistag, both in passing.items() if _is_few(*zip(*both, strict=True))}
        return [
            by_intervals(area),
            *(replace(n, why=FEW) if m in few else by_intervals(n) for m, n in readings.items()),
        ]
    mask = is_signal | is_background
    pair = common.after[mask], common.before[mask], common.weight[mask], is_signal[mask]
    return [paired(area, metrics.auc_difference(*pair)), *_at_mistags(readings, pair, bootstraps)]


def _passing(curve: Curve, mistag: float) -> tuple[Count, float]:
    """Jets of the signal, and effective ones of background, above the threshold of a mistag rate."""
    (found,) = (reading.signal_efficiency for reading in curve.readings if reading.mistag == mistag)
    signal = Count.at(curve.n_signal_effective, found.value if found else 0.0)
    return signal, curve.n_background_effective * mistag


def _is_told(curve: Curve, mistag: float) -> bool:
    """Whether enough jets of a run say what its curve is there."""
    signal, background = _passing(curve, mistag)
    return min(signal.passing, background) >= metrics.LEAST_PASSING


def _is_few(signals: Sequence[Count], backgrounds: Sequence[float]) -> bool:
    """Whether effective jets that pass in the runs are too few: of the signal one may have lost all of them.

    Background fixes the threshold of each run, and has to be enough in both.
    """
    return not enough(signals) or min(backgrounds) < metrics.LEAST_PASSING


def _at_mistags(readings: Mapping[float, Number], pair: Pair, bootstraps: int) -> Iterator[Number]:
    """Efficiencies at the same mistag rate, and what the rejection becomes at the first run's efficiency."""
    after, before, weight, is_signal = pair
    n_signal, n_background = (metrics.effective_count(weight[mask]) for mask in (is_signal, ~is_signal))
    found = [metrics.efficiencies_at(score, weight, is_signal, list(readings)) for score in (before, after)]
    signals = {
        mistag: [Count.at(n_signal, float(one)) for one in both]
        for mistag, both in zip(readings, np.stack(found, axis=1), strict=True)
    }
    tested = [mistag for mistag in readings if not _is_few(signals[mistag], [n_background * mistag])]
    judged = [mistag for mistag in tested if signals[mistag][0].passing >= metrics.LEAST_PASSING]
    of = [signals[mistag][0].efficiency for mistag in judged]
    curves = metrics.differences_of_curves(*pair, tested, of, bootstraps, SEED)
    for mistag, number in readings.items():
        if number.before is None or number.after is None:  # less of the jets are tagged
            yield by_intervals(number)
        elif mistag not in tested:
            yield replace(number, why=FEW)
        else:
            k = tested.index(mistag)
            # Of the jets, and by the function, that the difference is of: else these need not agree.
            sides = curves.first[k], curves.second[k]
            second, first = (Interval(one.value, one.low, one.high) for one in sides)
            compared = paired(replace(number, before=first, after=second), curves.differences[k], bootstraps)
            ratio = curves.ratios[judged.index(mistag)] if mistag in judged else None
            yield replace(compared, rejection=ratio)


def _at_points(
    judgement: str,
    both: tuple[Calibrated, Calibrated],
    truths: tuple[Truths, Truths],
    own: tuple[ScoredJets, ScoredJets],
    common: Common,
    fixed: Fixed,
) -> Iterator[Number]:
    """Thresholds, and the efficiency of each class at each run's own, with the errors of both."""
    sample = both[0].sample
    for name, point in both[0].points.items():
        if name not in both[1].points:
            continue
        points = point, both[1].points[name]
        thresholds = points[0].threshold, points[1].threshold
        what = f"threshold of {name}"
        yield Number(judgement, sample, what, False, *thresholds, why=OTHER_SCALE)
        moved = fixed.moved(both, truths, thresholds, own)
        is_fixed = fixed.is_by_enough(both, truths, thresholds)
        for of_class, efficiency in point.efficiencies.items():
            if of_class not in points[1].efficiencies or any(of_class not in found for found in truths):
                continue
            label, ids = truths[0][of_class]
            number = Number(
                judgement,
                sample,
                f"{label_text(label)} efficiency of {name}",
                True,
                efficiency,
                points[1].efficiencies[of_class],
            )
            if set(ids) != set(truths[1][of_class][1]):
                yield replace(number, why=OTHER)
                continue
            counts = [_count(jets, ids, threshold) for jets, threshold in zip(own, thresholds, strict=True)]
            if enough(counts) and not is_fixed:
                yield replace(number, why=FEW_FIX)
                continue
            mask = common.of(ids)
            first, second = (
                metrics.passes(score[mask], threshold.value)
                for score, threshold in zip((common.before, common.after), thresholds, strict=True)
            )
            yield of_points(number, counts, common.weight[mask], first, second, moved[of_class])


def _count(jets: ScoredJets, ids: tuple[int, ...], threshold: Interval) -> Count:
    """Of a class, above a threshold."""
    score, weight = _of(jets, ids)
    return Count.of(weight, metrics.passes(score, threshold.value))
