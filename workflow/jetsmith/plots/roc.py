"""ROC curves: mistag rate against signal efficiency of all taggers of a sample, one background a figure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from jetsmith import cuts, metrics
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics import Interval
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import (
    Threshold,
    digits,
    evaluated,
    read_test,
    read_thresholds,
    share_left_out,
)
from jetsmith.plots.roc_figure import Curve, Leap, Marked, PtRange, Reading, RocNumbers, draw
from jetsmith.scored import ScoredJets, in_common
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.texts import split_text

WORKING_POINTS = {"L": 0.1, "M": 0.01, "T": 0.001}
N_RATIO = 120
N_POINTS, N_POINTS_OF_RANGE = 300, 100
LEAP = 1.25  # ratio of mistag rates at and above a score that many jets share
STEP = 1.1  # of points on the straight line between such neighbours
SEEN = 1e-3  # signal efficiency from which captions name such a line; shorter ones are upright
DRAWN_COUNT = 3.0  # effective background jets below which the curve is not drawn: 60% errors say nothing


def plot_roc(
    specs: Sequence[ClassifierSpec],
    scores: Sequence[str | Path],
    background: str,
    style: PlotSpec,
    output: str | Path,
    numbers: Sequence[str | Path] = (),
    bootstraps: int = 200,
    seed: int = 0,
    working_points: Mapping[str, float] = WORKING_POINTS,
    sample: str = "",
    pt_bins_gev: Sequence[float] = (),
) -> RocNumbers:
    """Read the test jets of all taggers of a sample; write `output`.pdf, .png and .json.

    Args:
        specs: Taggers of one sample; those without this background are left out.
        scores: Score file of each.
        background: Name of the background class.
        style: Look of the plots.
        output: Path without suffix.
        numbers: Numbers file of calibrate of each tagger, to mark working points; none: no marks.
        bootstraps: Replicas of the interval of the AUC.
        seed: Of the replicas.
        working_points: Background efficiency by name: the mistag rates at which the curves are read.
        sample: Which sample; by default that of the first.
        pt_bins_gev: Edges of bins whose jets have curves of their own, for the page.

    Raises:
        InputError: A file lacks what is needed, or no tagger has this background.
    """
    files: Sequence[str | Path | None] = numbers or [None] * len(specs)
    chosen = [
        (spec, path, calibrated)
        for spec, path, calibrated in zip(specs, scores, files, strict=True)
        if background in {c.name for c in evaluated(spec)[1:]}
    ]
    if not chosen:
        raise InputError(f"{output}: no tagger has `{background}` among `evaluation.backgrounds`")
    found = compute(
        [spec for spec, _, _ in chosen],
        [read_test(path, spec, sample) for spec, path, _ in chosen],
        background,
        [read_thresholds(path, spec) if path is not None else () for spec, _, path in chosen],
        bootstraps,
        seed,
        sorted(working_points.values(), reverse=True),
        sample,
        pt_bins_gev,
    )
    looks.save(draw(found, style), found, output)
    return found


def compute(
    specs: Sequence[ClassifierSpec],
    jets: Sequence[ScoredJets],
    background: str,
    thresholds: Sequence[Sequence[Threshold]],
    bootstraps: int = 200,
    seed: int = 0,
    mistags: Sequence[float] = tuple(WORKING_POINTS.values()),
    sample: str = "",
    pt_bins_gev: Sequence[float] = (),
) -> RocNumbers:
    """ROC curves of taggers for one background, each by its own discriminant, all over the same jets.

    Args:
        specs: Taggers of one sample, all with this background.
        jets: Test jets of each.
        background: Name of the background class.
        thresholds: Working points of each, or nothing.
        bootstraps: Replicas of the interval of the AUC.
        seed: Of the replicas.
        mistags: Where the curves are read.
        sample: Which sample; by default that of the first.
        pt_bins_gev: Edges of bins whose jets have curves of their own, where they are enough.
    """
    jets = in_common(jets)

    def curves_of(chosen: Sequence[ScoredJets], n_points: int) -> tuple[list[Curve], str]:
        """Of these jets, and why there are none."""
        curves, message = [], ""
        for spec, scored, points in zip(specs, chosen, thresholds, strict=True):
            signal, other = _classes(spec, background)
            lacking = [c.name for c in (signal, other) if not scored.of(c).weight.sum() > 0]
            if lacking:
                of_all = " with a score of every tagger" if not scored.chosen.all() else ""
                message = f"No jets of class {' or '.join(lacking)}{of_all} ({split_text(spec.folds)})"
                continue
            curve = _curve(spec, scored, signal, other, points, mistags, bootstraps, seed, n_points)
            if curve.signal_efficiency:
                curves.append(curve)
            else:
                message = f"Less than one effective jet of class {other.name} ({split_text(spec.folds)})"
        return curves, message

    curves, message = curves_of(jets, N_POINTS)
    ranges = []
    if curves and len(pt_bins_gev) > 2:
        place = cuts.bin_of(jets[0].pt_gev, pt_bins_gev)
        for k, (low, high) in enumerate(pairwise(pt_bins_gev)):
            inside = [replace(one, chosen=one.chosen & (place == k)) for one in jets]
            if found := curves_of(inside, N_POINTS_OF_RANGE)[0]:
                ranges.append(PtRange(low_gev=low, high_gev=high, curves=tuple(found)))
    signal, *others = evaluated(specs[0])
    other = next(c for c in others if c.name == background)
    return RocNumbers(
        sample=sample or specs[0].sample,
        signal=signal,
        background=other,
        is_first=other == others[0],
        curves=with_ratios(curves),
        signal_left_out=digits([share_left_out(jets[0], signal)])[0],
        background_left_out=digits([share_left_out(jets[0], other)])[0],
        message="" if curves else message,
        ranges=tuple(ranges),
    )


def _classes(spec: ClassifierSpec, background: str) -> tuple[ClassSpec, ClassSpec]:
    """The signal of a tagger, and its background of this name."""
    signal, *others = evaluated(spec)
    return signal, next(c for c in others if c.name == background)


def _curve(
    spec: ClassifierSpec,
    scored: ScoredJets,
    signal: ClassSpec,
    background: ClassSpec,
    points: Sequence[Threshold],
    mistags: Sequence[float],
    bootstraps: int,
    seed: int,
    n_points: int,
) -> Curve:
    (s, ws), (b, wb) = (
        (jets.discriminant, jets.weight) for jets in (scored.of(signal), scored.of(background))
    )
    bins = metrics.Bins(s, b)
    passing = (
        metrics.Sums(s, ws, bins, "ROC curve: signal"),
        metrics.Sums(b, wb, bins, "ROC curve: background"),
    )
    roc = metrics.roc_curve_of(*passing, n_points)
    low, high = metrics.mistag_band(roc)
    count = metrics.effective_count(wb)
    kept = roc.background_efficiency * count >= min(DRAWN_COUNT, count)
    points_of = np.stack([roc.signal_efficiency, roc.background_efficiency, low, high])[:, kept]
    threshold, mistag = roc.threshold[kept], points_of[1]
    far = (mistag[1:] > LEAP * mistag[:-1]) & (np.diff(mistag) * count >= metrics.LEAST_PASSING)
    shares = np.zeros((2, len(threshold)))
    if far.any():  # else no jet need be looked up
        ends = np.append(False, far)
        shares[:, ends] = _shares_at(threshold[ends], (s, ws), (b, wb))
    (efficiency, mistag, low, high), leaps = _with_lines(points_of, shares)
    return Curve(
        tagger=spec.judgement,
        title=spec.title,
        folds=spec.folds,
        n_signal=len(s),
        n_signal_effective=metrics.effective_count(ws),
        n_background=len(b),
        n_background_effective=count,
        auc=metrics.auc_interval(s, ws, b, wb, bootstraps, seed),
        signal_efficiency=digits(efficiency),
        mistag=digits(mistag),
        mistag_low=digits(low),
        mistag_high=digits(high),
        leaps=tuple(Leap(*digits(ends)) for ends in leaps),
        readings=tuple(_reading(mistag, *passing) for mistag in mistags),
        working_points=tuple(
            Marked(
                name=point.name,
                target=point.background_efficiency,
                threshold=point.threshold,
                signal_efficiency=_interval(metrics.efficiency(metrics.passes(s, point.threshold), ws)),
                mistag=_interval(metrics.efficiency(metrics.passes(b, point.threshold), wb)),
                doubt=point.doubt,
            )
            for point in points
        ),
    )


def _shares_at(threshold: FloatArray, *classes: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Shares of the weight of signal and background whose score is that of a threshold, shape (2, T).

    They are 0 where few jets of the background have it: steps of single jets are no lines.

    Args:
        threshold: Falling, shape (T,).
        classes: Scores and weights of both.
    """
    rising, shares = threshold[::-1], np.zeros((2, len(threshold)))
    for k, (score, weight) in enumerate(classes):
        place = np.minimum(np.searchsorted(rising, score), len(rising) - 1)
        at = rising[place] == score
        sums, squares = (
            np.bincount(place[at], of[at], len(rising))[::-1]
            for of in (weight, np.square(weight, dtype=float))
        )
        shares[k] = sums / weight.sum()
    effective = np.divide(sums**2, squares, out=np.zeros(len(sums)), where=squares > 0)  # of background
    return np.where(effective >= metrics.LEAST_PASSING, shares, 0.0)


def _with_lines(points: FloatArray, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points of a curve, and more on straight lines along which many jets of one score pass.

    There a part of these jets passes, as for areas and readings. On a logarithmic axis such a line is bent: a
    straight one would have the mistag rate far too low. It begins above that score, which may be anywhere
    between two points; its band begins as wide as at the point before, in the logarithm.

    Args:
        points: Efficiency, mistag rate and the ends of its interval, by rising efficiency; shape (4, P).
        shares: Of signal and background, of jets with the score of each point; shape (2, P).

    Returns:
        Shape (4, P'), and the efficiencies where lines begin and end, (L, 2).
    """
    if points.shape[1] < 2:
        return points, np.zeros((0, 2))
    before, after = points[:, :-1], points[:, 1:]
    efficiency, mistag = np.clip(after[:2] - shares[:, 1:], before[:2], after[:2])
    tied = np.flatnonzero(after[1] / mistag > LEAP)
    width = mistag / before[1]
    begins = np.stack([efficiency, mistag, width * before[2], np.minimum(width * before[3], 1)])[:, tied]
    points = np.insert(points, tied + 1, begins, axis=1)
    lines = tied + 1 + np.arange(len(tied))  # places of the points where they begin
    ratio = np.ones(points.shape[1] - 1)
    ratio[lines] = points[1, lines + 1] / points[1, lines]
    pieces = np.maximum(np.ceil(np.log(ratio) / np.log(STEP)), 1).astype(np.intp)
    start = np.repeat(np.arange(len(pieces)), pieces)
    piece = np.arange(len(start)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    grown = ratio[start] ** (piece / pieces[start]) - 1
    part = np.divide(grown, ratio[start] - 1, out=np.zeros(len(start)), where=piece > 0)
    found = points[:, start] + part * (points[:, start + 1] - points[:, start])
    ends = np.stack([points[0, lines], points[0, lines + 1]], axis=1)
    return np.append(found, points[:, -1:], axis=1), ends[ends[:, 1] - ends[:, 0] > SEEN]


def _interval(found: metrics.Efficiency) -> Interval:
    return Interval(found.value, found.low, found.high)


def _reading(mistag: float, signal: metrics.Sums, background: metrics.Sums) -> Reading:
    """Signal efficiency at a mistag rate: its binomial error and that of the threshold, in quadrature."""
    try:
        found = metrics.reading(background, signal, mistag)
    except InputError:  # too few jets, or too few of them tagged
        return Reading(mistag=mistag, signal_efficiency=None)
    efficiency = Interval(found.value, found.low, found.high)
    return Reading(mistag=mistag, signal_efficiency=efficiency, doubt=found.doubt)


def with_ratios(curves: Sequence[Curve]) -> tuple[Curve, ...]:
    """Add the lower panel: rejections over that of the first curve at equal signal efficiency.

    They are interpolated in the logarithm.
    """
    if not curves:
        return ()
    first = curves[0]
    done = []
    for curve in curves:
        start = max(first.signal_efficiency[0], curve.signal_efficiency[0])
        grid = np.asarray(digits(np.linspace(start, 1, N_RATIO)))
        base = _log_at(grid, first, first.mistag)
        done.append(
            curve.model_copy(
                update={
                    "ratio_signal_efficiency": digits(grid),
                    "ratio": digits(np.exp(base - _log_at(grid, curve, curve.mistag))),
                    "ratio_low": digits(np.exp(base - _log_at(grid, curve, curve.mistag_high))),
                    "ratio_high": digits(np.exp(base - _log_at(grid, curve, curve.mistag_low))),
                }
            )
        )
    return tuple(done)


def _log_at(grid: FloatArray, curve: Curve, values: Sequence[float]) -> FloatArray:
    # Of points that share an efficiency the last, of the largest mistag, counts: interp needs rising ones.
    efficiency, mistag = np.asarray(curve.signal_efficiency), np.log(values)
    last = np.append(np.diff(efficiency) > 0, True)
    return np.asarray(np.interp(grid, efficiency[last], mistag[last]))
