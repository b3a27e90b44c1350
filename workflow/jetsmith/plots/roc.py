"""ROC curves: mistag rate against signal efficiency of all taggers of a sample, one background a figure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogFormatterSciNotation, NullFormatter

from jetsmith import metrics
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import (
    ScoredJets,
    Threshold,
    digits,
    evaluated,
    read_test,
    read_thresholds,
    split_text,
)
from jetsmith.specs import ClassifierSpec, ClassSpec, PlotSpec, Record

MISTAGS = (0.1, 0.01, 0.001)
N_RATIO = 120
RELIABLE_COUNT = 3.0  # effective background jets below which the curve is not drawn: 60% errors say nothing


class Interval(Record):
    """A value with its 68.3% interval."""

    value: float
    low: float
    high: float


class Reading(Record):
    """The curve at one mistag rate; `signal_efficiency` is None where too few background jets are left.

    Its interval holds the binomial errors of the signal and, through the threshold, of the background.
    """

    mistag: float
    signal_efficiency: Interval | None


class Marked(Record):
    """A working point of calibrate, with the efficiencies that it has on these jets."""

    name: str
    threshold: float
    signal_efficiency: Interval
    mistag: Interval


class Curve(Record):
    """The curve of one tagger; lists run by rising efficiency.

    Attributes:
        tagger: Its name.
        title: Its name on plots.
        folds: Cross-validation folds; 0 for none.
        n_signal: Signal jets, unweighted, and their effective number.
        n_background: The same for the background.
        auc: Area under the curve.
        signal_efficiency: Abscissae.
        mistag: Ordinates, with the ends of their binomial intervals.
        ratio_signal_efficiency: Abscissae of the lower panel.
        ratio: Background rejection over that of the first tagger, with the ends of this tagger's band.
        readings: Signal efficiencies at 10, 1 and 0.1% mistag.
        working_points: Those of calibrate, where given.
    """

    tagger: str
    title: str
    folds: int
    n_signal: int
    n_signal_effective: float
    n_background: int
    n_background_effective: float
    auc: Interval
    signal_efficiency: tuple[float, ...]
    mistag: tuple[float, ...]
    mistag_low: tuple[float, ...]
    mistag_high: tuple[float, ...]
    ratio_signal_efficiency: tuple[float, ...] = ()
    ratio: tuple[float, ...] = ()
    ratio_low: tuple[float, ...] = ()
    ratio_high: tuple[float, ...] = ()
    readings: tuple[Reading, ...]
    working_points: tuple[Marked, ...]


class RocNumbers(Record):
    """All that the figure shows; `message` says why `curves` is empty where it is.

    `is_first` tells whether this background is the one that fixes the working points.
    """

    plot: str = "roc"
    sample: str
    signal: ClassSpec
    background: ClassSpec
    is_first: bool
    curves: tuple[Curve, ...]
    message: str = ""


def plot_roc(
    specs: Sequence[ClassifierSpec],
    scores: Sequence[str | Path],
    background: str,
    style: PlotSpec,
    output: str | Path,
    numbers: Sequence[str | Path] = (),
    bootstraps: int = 200,
    seed: int = 0,
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

    Raises:
        InputError: A file lacks what is needed, or no tagger has this background.
    """
    files = numbers or [None] * len(specs)
    chosen = [
        (spec, path, calibrated)
        for spec, path, calibrated in zip(specs, scores, files, strict=True)
        if background in {c.name for c in evaluated(spec)[1:]}
    ]
    if not chosen:
        raise InputError(f"{output}: no tagger has `{background}` among `evaluation.backgrounds`")
    found = compute(
        [spec for spec, _, _ in chosen],
        [read_test(path) for _, path, _ in chosen],
        background,
        [read_thresholds(path) if path is not None else () for _, _, path in chosen],
        bootstraps,
        seed,
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
) -> RocNumbers:
    """ROC curves of taggers for one background, each by its own discriminant.

    Args:
        specs: Taggers of one sample, all with this background.
        jets: Test jets of each.
        background: Name of the background class.
        thresholds: Working points of each, or nothing.
        bootstraps: Replicas of the interval of the AUC.
        seed: Of the replicas.
    """
    curves: list[Curve] = []
    message = ""
    for spec, scored, points in zip(specs, jets, thresholds, strict=True):
        signal, *others = evaluated(spec)
        other = next(c for c in others if c.name == background)
        lacking = [c.name for c in (signal, other) if not scored.scores(c)[1].sum() > 0]
        if lacking:
            message = f"No jets of class {' or '.join(lacking)} ({split_text(spec.folds)})"
            continue
        curves.append(_curve(spec, scored, signal, other, points, bootstraps, seed))
    signal, *others = evaluated(specs[0])
    other = next(c for c in others if c.name == background)
    return RocNumbers(
        sample=specs[0].sample,
        signal=signal,
        background=other,
        is_first=other == others[0],
        curves=_with_ratios(curves),
        message="" if curves else message,
    )


def _curve(
    spec: ClassifierSpec,
    scored: ScoredJets,
    signal: ClassSpec,
    background: ClassSpec,
    points: Sequence[Threshold],
    bootstraps: int,
    seed: int,
) -> Curve:
    (s, ws), (b, wb) = scored.scores(signal), scored.scores(background)
    roc = metrics.roc_curve(s, ws, b, wb, n_points=300)
    count = metrics.effective_count(wb)
    kept = roc.background_efficiency * count >= min(RELIABLE_COUNT, count)
    with np.errstate(invalid="ignore"):  # replicas of a few jets may draw none at all
        auc, low, high = metrics.auc_interval(s, ws, b, wb, bootstraps, seed)
    if not np.isfinite([low, high]).all():
        low, high = 0.0, 1.0
    return Curve(
        tagger=spec.name,
        title=spec.title,
        folds=spec.folds,
        n_signal=len(s),
        n_signal_effective=metrics.effective_count(ws),
        n_background=len(b),
        n_background_effective=count,
        auc=Interval(value=auc, low=low, high=high),
        signal_efficiency=digits(roc.signal_efficiency[kept]),
        mistag=digits(roc.background_efficiency[kept]),
        mistag_low=digits(roc.background_low[kept]),
        mistag_high=digits(roc.background_high[kept]),
        readings=tuple(_reading(mistag, s, ws, b, wb) for mistag in MISTAGS),
        working_points=tuple(
            Marked(
                name=point.name,
                threshold=point.threshold,
                signal_efficiency=_interval(metrics.efficiency(s >= point.threshold, ws)),
                mistag=_interval(metrics.efficiency(b >= point.threshold, wb)),
            )
            for point in points
        ),
    )


def _interval(found: metrics.Efficiency) -> Interval:
    return Interval(value=found.value, low=found.low, high=found.high)


def _reading(mistag: float, s: FloatArray, ws: FloatArray, b: FloatArray, wb: FloatArray) -> Reading:
    """Signal efficiency at a mistag rate: its binomial error and that of the threshold, in quadrature."""
    if metrics.effective_count(wb) * mistag < 1:
        return Reading(mistag=mistag, signal_efficiency=None)
    point = metrics.working_point(b, wb, mistag)
    at, below, above = (
        metrics.efficiency(s >= threshold, ws)
        for threshold in (point.threshold, point.threshold_low, point.threshold_high)
    )
    down = float(np.hypot(at.value - at.low, max(at.value - above.value, 0)))
    up = float(np.hypot(at.high - at.value, max(below.value - at.value, 0)))
    return Reading(
        mistag=mistag,
        signal_efficiency=Interval(value=at.value, low=max(at.value - down, 0), high=min(at.value + up, 1)),
    )


def _with_ratios(curves: Sequence[Curve]) -> tuple[Curve, ...]:
    """Add the lower panel: rejections at equal signal efficiency, interpolated in the logarithm."""
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
    # Where several points share an efficiency the last and largest mistag counts, as interp needs rising abscissae.
    efficiency, mistag = np.asarray(curve.signal_efficiency), np.log(values)
    last = np.append(np.diff(efficiency) > 0, True)
    return np.asarray(np.interp(grid, efficiency[last], mistag[last]))


def draw(numbers: RocNumbers, style: PlotSpec) -> Figure:
    """Curves with their bands above, the ratio of rejections to the first tagger below."""
    if not numbers.curves:
        return looks.message_figure(numbers.message, style, numbers.sample)
    with looks.rc():
        several = len(numbers.curves) > 1
        figure = looks.new_figure(style, 1.0 if several else 0.85)
        main, *lower = np.atleast_1d(
            figure.subplots(2, 1, sharex=True, height_ratios=(3, 1)) if several else figure.subplots()
        )
        for index, curve in enumerate(numbers.curves):
            _draw_curve(main, curve, looks.line_style(index))
            for axes in lower:
                _draw_ratio(axes, curve, looks.line_style(index))
        _dress(main, numbers)
        looks.title_line(main, style, f"{numbers.sample}, {split_text(numbers.curves[0].folds)}")
        for axes in lower:
            _dress_ratio(axes, numbers)
        (lower or [main])[-1].set_xlabel(f"{looks.tex(numbers.signal.label)} jet efficiency")
    return figure


def _draw_curve(axes: Axes, curve: Curve, look: dict[str, object]) -> None:
    axes.plot(curve.signal_efficiency, curve.mistag, gid=curve.tagger, label=legend_text(curve), **look)  # type: ignore[arg-type]
    axes.fill_between(
        curve.signal_efficiency, curve.mistag_low, curve.mistag_high, color=look["color"], alpha=0.2, linewidth=0
    )  # type: ignore[arg-type]
    for marker, point in zip(looks.markers(len(curve.working_points)), curve.working_points, strict=True):
        axes.plot(
            [point.signal_efficiency.value], [point.mistag.value], marker, color=look["color"],
            markersize=7, markeredgecolor="white", markeredgewidth=0.8, zorder=5,
        )  # type: ignore[arg-type]  # fmt: skip


def legend_text(curve: Curve) -> str:
    """Title and area: `DeepJet (AUC 0.9612 ± 0.0008)`."""
    error = (curve.auc.high - curve.auc.low) / 2
    if error > 0.2:  # a handful of jets: no interval worth its digits
        return f"{looks.plain(curve.title)} (AUC {curve.auc.value:.2f})"
    places = int(np.clip(1 - np.floor(np.log10(error)), 2, 5)) if error > 0 else 4
    return f"{looks.plain(curve.title)} (AUC {curve.auc.value:.{places}f} ± {error:.{places}f})"


def _dress(axes: Axes, numbers: RocNumbers) -> None:
    lowest = min(curve.mistag[0] for curve in numbers.curves)
    marked = [point for curve in numbers.curves for point in curve.working_points if point.mistag.value > 0]
    lowest = min([lowest, *(point.mistag.value for point in marked)])
    start = min(
        [curve.signal_efficiency[0] for curve in numbers.curves] + [point.signal_efficiency.value for point in marked]
    )
    left = min(float(np.floor(start * 10)) / 10, 0.5)
    bottom = 10 ** np.floor(np.log10(0.9 * min(lowest, 0.09)))
    # Head room above 1 for the legend: the curves end in the upper right corner.
    names = [point.name for point in numbers.curves[0].working_points]
    top = (1 / bottom) ** (0.05 + 0.055 * (len(numbers.curves) + bool(names)))
    axes.set(
        yscale="log",
        ylim=(bottom, top),
        xlim=(left, 1 + 0.01 * (1 - left)),
        ylabel=f"{looks.tex(numbers.background.label)} jet mistag rate",
    )
    axes.set_yticks([10.0**k for k in range(round(np.log10(bottom)), 1)])
    axes.yaxis.set_minor_locator(
        FixedLocator([k * 10.0**d for d in range(round(np.log10(bottom)), 0) for k in range(2, 10)])
    )
    axes.axhline(1, color="black", linewidth=0.6)
    axes.grid(which="major", linestyle="-")
    axes.set_axisbelow(True)
    opaque = {"frameon": True, "facecolor": "white", "edgecolor": "white", "framealpha": 1.0}
    taggers = axes.legend(loc="upper left", borderaxespad=0.6, borderpad=0.2, **opaque)
    if names:
        handles = [
            Line2D([], [], color=looks.GREY, marker=marker, linestyle="none", label=name)
            for marker, name in zip(looks.markers(len(names)), names, strict=True)
        ]
        axes.legend(handles=handles, title="working point", loc="lower right", ncols=len(names), columnspacing=0.8,
                    handlelength=1, title_fontsize=looks.LEGEND_SIZE, **opaque)  # fmt: skip
        axes.add_artist(taggers)


def _draw_ratio(axes: Axes, curve: Curve, look: dict[str, object]) -> None:
    axes.plot(curve.ratio_signal_efficiency, curve.ratio, gid=curve.tagger, **look)  # type: ignore[arg-type]
    axes.fill_between(
        curve.ratio_signal_efficiency, curve.ratio_low, curve.ratio_high, color=look["color"], alpha=0.2, linewidth=0
    )  # type: ignore[arg-type]


def _dress_ratio(axes: Axes, numbers: RocNumbers) -> None:
    values = np.concatenate([curve.ratio for curve in numbers.curves])
    low, high = max(float(values.min()) / 1.3, 0.02), min(float(values.max()) * 1.3, 50.0)
    axes.set(ylabel="Rejection ratio", ylim=(low, high))
    if high / low > 6:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(2, 0.5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="major", linestyle="-")
    axes.set_axisbelow(True)
    axes.text(
        0.02, 0.06, f"relative to {looks.plain(numbers.curves[0].title)}", transform=axes.transAxes,
        fontsize=looks.LEGEND_SIZE, color=looks.GREY,
    )  # fmt: skip
