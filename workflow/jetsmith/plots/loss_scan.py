"""Rejection of background against what is left of a column, by the weight of a loss, of all such taggers."""

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from jetsmith import io
from jetsmith.handed.loss_scan import AtCut, LossScan, Weighed
from jetsmith.io import FloatArray
from jetsmith.metrics import Interval
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import LABELS, digits
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import count, interval, label_text

GREY = "#717581"
KEPT = 0.5  # share of the rejection that a decorrelation may leave, in the caption


class Left(Record):
    """What is left of one column: 1/JSD with its seed band, that of cuts by chance, squared correlation."""

    inverse: Interval
    by_chance: float
    correlation: Interval | None


class Weight(Record):
    """Trainings with one weight; bands are a standard deviation of the logarithm over seeds.

    `tied` has the efficiency of the signal where many of its jets share a score: mean, least, most.
    """

    weight: float
    rejection: Interval
    left: tuple[Left, ...]
    seeds: int
    tied: Interval | None


class Gain(Record):
    """The weight with the largest 1/JSD that leaves half of the rejection, over the smallest weight.

    Intervals are standard errors over seeds.
    """

    weight: float
    inverse: Interval
    kept: Interval


class Curve(Record):
    """One tagger."""

    tagger: str
    signal: str
    background: str
    jets: int
    weights: tuple[Weight, ...]
    flattened: Weight | None
    gain: Gain | None


class Equal(Record):
    """Rejection of one tagger over that of another where both leave the same of the column."""

    inverse: float
    first: str
    second: str
    ratio: Interval


class LossScanNumbers(looks.Numbers):
    """All that the figure shows."""

    SECTION = "Efficiencies"
    WIDE = True

    plot: str = "loss_scan"
    sample: str
    columns: tuple[str, ...]
    curves: tuple[Curve, ...]
    equal: tuple[Equal, ...]
    missing: tuple[str, ...]

    def heading(self) -> str:
        """Of what."""
        return f"Leaving {self.columns[0]} alone, and what it costs: sample {self.sample}"

    def caption(self) -> str:
        """What is drawn, what the best weight gains, and which way is better where they can be compared."""
        first = self.curves[0]
        n_seeds = first.weights[0].seeds
        gains = "; ".join(
            f"{curve.tagger} {_text(curve.gain.inverse)} (λ = {curve.gain.weight:g}, "
            f"{_text(curve.gain.kept)} of the rejection kept)"
            for curve in self.curves
            if curve.gain
        )
        equal = "; ".join(
            f"at 1/JSD = {one.inverse:.3g} {_text(one.ratio)} ({one.first} over {one.second})"
            for one in self.equal
        )
        ties = "; ".join(
            f"{curve.tagger}, λ = {one.weight:g}: {one.tied.value:.1%}"
            for curve in self.curves
            for one in curve.weights
            if one.tied
        )
        if ties:
            ties = f" Spectra are where more of the signal passes, since many jets share a score: {ties}."
        missing = f" Trainings without a cut: {'; '.join(self.missing)}." if self.missing else ""
        return (
            f"Rejection of {first.background} at 50% efficiency of {first.signal}, against 1/JSD (the "
            f"divergence of Jensen and Shannon, base 2, of the spectrum that passes from that which fails) "
            f"and against the squared distance correlation, both with what chance adds, on "
            f"{count(first.jets)} jets that no training has seen. Points are means over {n_seeds} "
            f"seeds, bars their standard deviation, numbers λ; dotted: "
            "1/JSD of cuts that know nothing of the column. Open diamonds: the smallest λ with a threshold "
            f"a bin of {self.columns[0]}, for reference. "
            f"1/JSD over that of the smallest λ, where half of the rejection is kept: {gains or 'none'}. "
            "The weight is chosen on the same jets. "
            f"Rejections at equal 1/JSD: {equal or 'nothing to compare'}. Intervals are standard errors over "
            f"seeds; all trainings are judged by the same jets, whose number is not in them.{ties}{missing}"
        )

    def alternative(self) -> str:
        """The same, shorter."""
        taggers = ", ".join(curve.tagger for curve in self.curves)
        return f"Rejection against 1/JSD of {self.columns[0]} by the weight of a loss: {taggers}."


def _text(found: Interval) -> str:
    said = interval(found.value, found.low, found.high)
    return f"{said['text']} {said['up']} {said['down']}".strip()


def plot_loss_scan(
    specs: Sequence[ClassifierSpec], scans: Sequence[str | Path], style: PlotSpec, output: str | Path
) -> LossScanNumbers:
    """Read what scan_losses found; write `output`.pdf, .png and .json.

    Args:
        specs: The taggers, of one sample, that are to leave one column alone.
        scans: results/loss_scans/{tagger}.json of each.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: A file is damaged or another tagger's.
    """
    found = [
        io.read_record(LossScan, path, tagger=spec.name) for spec, path in zip(specs, scans, strict=True)
    ]
    numbers = compute(specs, found)
    looks.save(draw(numbers, style), numbers, output)
    return numbers


def compute(specs: Sequence[ClassifierSpec], scans: Sequence[LossScan]) -> LossScanNumbers:
    """Means over seeds by weight, gains, and the taggers in pairs."""
    told = [(spec, scan) for spec, scan in zip(specs, scans, strict=True) if _of(scan)]
    curves = tuple(_curve(spec, scan) for spec, scan in told)
    pairs = itertools.combinations(told, 2)
    equal = [
        found
        for one, other in pairs
        if (one[1].signal, one[1].background) == (other[1].signal, other[1].background)
        for found in _equal(*one, *other)
    ]
    missing = [
        f"{spec.title}, λ = {one.weight:g}, training {one.seed} ({one.why or 'JSD is 0'})"
        for spec, scan in zip(specs, scans, strict=True)
        for one in scan.trainings
        if _run(one, one.cut) is None
    ]
    return LossScanNumbers(
        title=scans[0].sample,
        sample=scans[0].sample,
        columns=scans[0].columns,
        curves=curves,
        equal=tuple(equal),
        missing=tuple(missing),
        message="" if curves else "; ".join(missing[:1]) or "There are no jets of the classes",
    )


class Run(NamedTuple):
    """A training with a cut; logarithms of rejection and of 1/JSD by column."""

    training: Weighed
    cut: AtCut
    rejection: float
    inverse: tuple[float, ...]


def _run(training: Weighed, cut: AtCut | None) -> Run | None:
    if cut is None or any(left.seen <= 0 for left in cut.left):
        return None
    inverse = tuple(-math.log(left.seen) for left in cut.left)
    return Run(training, cut, math.log(cut.rejection), inverse)


def _of(scan: LossScan) -> list[list[Run]]:
    """Trainings by weight, without those that have no cut."""
    found: dict[float, list[Run]] = {}
    for training in scan.trainings:
        run = _run(training, training.cut)
        if run is not None:
            found.setdefault(training.weight, []).append(run)
    return list(found.values())


def _curve(spec: ClassifierSpec, scan: LossScan) -> Curve:
    classes = [c for c in (spec.signal_class, *spec.background_classes) if c is not None]
    of = _of(scan)
    smallest = [_run(run.training, run.training.flattened) for run in of[0]]
    flat = [run for run in smallest if run is not None]
    return Curve(
        tagger=spec.title,
        signal=_label(scan.signal, classes),
        background=_label(scan.background, classes),
        jets=scan.signal_jets + scan.background_jets,
        weights=tuple(map(_weight, of)),
        flattened=_weight(flat) if flat else None,
        gain=_gain(of),
    )


def _label(name: str, classes: Sequence[ClassSpec]) -> str:
    return next((label_text(c.label) for c in classes if c.name == name), name)


def _weight(runs: Sequence[Run]) -> Weight:
    left = []
    for k in range(len(runs[0].inverse)):
        correlations = [c for run in runs if (c := run.training.correlations[k]) is not None and c > 0]
        left.append(
            Left(
                inverse=_band([run.inverse[k] for run in runs]),
                by_chance=digits([len(runs) / sum(run.cut.left[k].by_chance for run in runs)])[0],
                correlation=_band([math.log(c) for c in correlations]) if correlations else None,
            )
        )
    reached = [run.cut.reached for run in runs]
    is_tied = any(run.cut.doubt == "ties" for run in runs)
    return Weight(
        weight=runs[0].training.weight,
        rejection=_band([run.rejection for run in runs]),
        left=tuple(left),
        seeds=len(runs),
        tied=Interval(float(np.mean(reached)), min(reached), max(reached)) if is_tied else None,
    )


def _band(logarithms: Sequence[float], of_mean: bool = False) -> Interval:
    """Mean of logarithms and their standard deviation, or that of the mean, as numbers."""
    mean, width = float(np.mean(logarithms)), 0.0
    if len(logarithms) > 1:
        width = float(np.std(logarithms, ddof=1)) / (math.sqrt(len(logarithms)) if of_mean else 1)
    return Interval(*digits(np.exp([mean, mean - width, mean + width])))


def _gain(of: Sequence[Sequence[Run]]) -> Gain | None:
    """See `Gain`; trainings are compared seed by seed."""
    start = {run.training.seed: run for run in of[0]}
    found = []
    for runs in of[1:]:
        both = [(start[run.training.seed], run) for run in runs if run.training.seed in start]
        if not both:
            continue
        kept = [run.rejection - first.rejection for first, run in both]
        more = [run.inverse[0] - first.inverse[0] for first, run in both]
        if np.mean(kept) >= math.log(KEPT):
            found.append((float(np.mean(more)), runs[0].training.weight, more, kept))
    if not found:
        return None
    _, weight, more, kept = max(found)
    return Gain(weight=weight, inverse=_band(more, of_mean=True), kept=_band(kept, of_mean=True))


def _equal(
    first_spec: ClassifierSpec, first: LossScan, second_spec: ClassifierSpec, second: LossScan
) -> Iterator[Equal]:
    """Where all seeds of both reach: in the middle of that, and at its end."""
    paths = [_by_seed(_of(scan)) for scan in (first, second)]
    reached = [path[:, 0] for by_seed in paths for path in by_seed]
    low, high = max(x.min() for x in reached), min(x.max() for x in reached)
    if min(map(len, paths)) < 2 or not low < high:
        return
    for place in ((low + high) / 2, high):
        sides = [[at(path, place) for path in by_seed] for by_seed in paths]
        value = float(np.mean(sides[0]) - np.mean(sides[1]))
        error = math.sqrt(sum(np.var(side, ddof=1) / len(side) for side in sides))
        yield Equal(
            inverse=digits([math.exp(place)])[0],
            first=first_spec.title,
            second=second_spec.title,
            ratio=Interval(*digits(np.exp([value, value - error, value + error]))),
        )


def _by_seed(of: Sequence[Sequence[Run]]) -> list[FloatArray]:
    """Of each seed its way through the weights: logarithms of 1/JSD and of rejection, shape (W, 2)."""
    found: dict[int, list[tuple[float, float]]] = {}
    for run in itertools.chain.from_iterable(of):
        found.setdefault(run.training.seed, []).append((run.inverse[0], run.rejection))
    return [np.asarray(path) for path in found.values()]


def at(path: FloatArray, place: float) -> float:
    """Where a way, shape (W, 2), first comes to a place that it comes to, on straight lines."""
    for (x, y), (next_x, next_y) in itertools.pairwise(path):
        if min(x, next_x) <= place <= max(x, next_x) and x != next_x:
            return float(y + (next_y - y) * (place - x) / (next_x - x))
    return math.nan


def draw(numbers: LossScanNumbers, style: PlotSpec) -> Figure:
    """A column of panels for each column of rows: rejection against 1/JSD above, against dCor² below."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        figure = looks.new_figure(style, 0.9)
        panels = figure.subplots(2, len(numbers.columns), squeeze=False, sharey=True)
        for k, column in enumerate(numbers.columns):
            for number, curve in enumerate(numbers.curves):
                _draw(panels[0][k], panels[1][k], curve, k, looks.line_style(number))
            what = (LABELS.get(column) or looks.plain(column)).split(" [")[0]
            panels[0][k].set_xlabel(f"1/JSD of {what}", fontsize=11)
            panels[1][k].set_xlabel(f"squared distance correlation with {what}", fontsize=11)
            for axes in panels[:, k]:
                axes.set(xscale="log", yscale="log")
                low, high = axes.get_xlim()
                _ticks(axes.xaxis, (1, 3) if high < 200 * low else (1,))
        for axes in panels[:, 0]:
            axes.set_ylabel("rejection at 50% efficiency", fontsize=11)
            _ticks(axes.yaxis, (1, 2, 3, 5))
        panels[0][-1].legend(loc="best", fontsize=9)
        looks.title_line(panels[0][0], style, numbers.title, panels[0][-1])
    return figure


def _ticks(axis: Axis, at: tuple[int, ...]) -> None:
    """Plain numbers where powers of ten stand far apart."""
    axis.set_major_locator(LogLocator(subs=at))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw(above: Axes, below: Axes, curve: Curve, k: int, look: dict[str, Any]) -> None:
    rejection = _ends([one.rejection for one in curve.weights])
    inverse = _ends([one.left[k].inverse for one in curve.weights])
    above.errorbar(
        inverse[:, 0], rejection[:, 0], xerr=_bars(inverse), yerr=_bars(rejection), fmt="o",
        markersize=4, linewidth=1.2, label=looks.plain(curve.tagger), gid=f"{k}.{curve.tagger}", **look,
    )  # fmt: skip
    for one, x, y in zip(curve.weights, inverse[:, 0], rejection[:, 0], strict=True):
        above.annotate(
            f"{one.weight:g}",
            (x, y),
            textcoords="offset points",
            xytext=(4, 4),
            fontsize=8,
            color=look["color"],
        )
    order = np.argsort(rejection[:, 0])
    chance = np.array([one.left[k].by_chance for one in curve.weights])
    above.plot(chance[order], rejection[order, 0], color=GREY, linestyle=":", linewidth=1)
    if curve.flattened:
        flat = curve.flattened
        above.plot(
            flat.left[k].inverse.value, flat.rejection.value, "D", mfc="none", color=look["color"], ms=6
        )
    told = [(one.left[k].correlation, one.rejection) for one in curve.weights]
    both = [(found, y) for found, y in told if found is not None]
    if both:
        x, y = (_ends(side) for side in zip(*both, strict=True))
        below.errorbar(x[:, 0], y[:, 0], xerr=_bars(x), yerr=_bars(y), fmt="o", markersize=4, **look)


def _ends(intervals: Sequence[Interval]) -> FloatArray:
    """Values with their ends, shape (n, 3)."""
    return np.array([(one.value, one.low, one.high) for one in intervals])


def _bars(intervals: FloatArray) -> FloatArray:
    """Lengths below and above of values with their ends, shape (n, 3) -> (2, n)."""
    found: FloatArray = np.abs(intervals[:, 1:] - intervals[:, :1]).T
    return found
