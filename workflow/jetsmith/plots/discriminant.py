"""Shapes of a tagger's discriminant by class, with the thresholds of its working points."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetsmith import metrics
from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.histograms import Histograms, binned, histogram, of_errors
from jetsmith.plots.inputs import Threshold, digits, evaluated, lacking_text, read_test, read_thresholds
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import count, label_text, split_text

MAX_BINS = 50
MIN_BINS = 8
LEAST = 1e-6  # of the fullest bin: samples flat in momentum have jets that weigh next to nothing


class Shape(Record):
    """Distribution of one class: fraction of its weight a bin, with statistical errors.

    Jets that were not tagged are in no bin; `not_tagged` is their fraction.
    """

    name: str
    label: str
    color: str
    n: int
    n_effective: float
    not_tagged: float
    fraction: tuple[float, ...]
    error: tuple[float, ...]


class DiscriminantNumbers(looks.Numbers):
    """All that the figure shows; weight outside `edges` is counted in the end bins.

    `lacking`: labels of classes without jets.
    """

    SECTION = "Discriminants"

    plot: str = "discriminant"
    tagger: str
    sample: str
    folds: int
    form: str
    edges: tuple[float, ...]
    shapes: tuple[Shape, ...]
    thresholds: tuple[Threshold, ...]
    lacking: tuple[str, ...] = ()

    def caption(self) -> str:
        """Jets by class, bands and lines."""
        rest = " with jets that are not tagged" if any(shape.not_tagged for shape in self.shapes) else ""
        low, high = self.edges[0], self.edges[-1]
        outside = [point.name for point in self.thresholds if not low <= point.threshold <= high]
        beyond = f" Beyond the axis: {', '.join(outside)}." if outside else ""
        has_lines = len(self.thresholds) > len(outside)
        lines = " Dashed lines: thresholds of the working points, with their intervals." if has_lines else ""
        return (
            f"Each class adds up to one{rest}; end bins hold what lies beyond; jets: {self._jets()}; "
            f"{split_text(self.folds)}. Bands are statistical.{lines}{beyond}"
            f"{lacking_text(self.lacking)}"
        )

    def alternative(self) -> str:
        """Whose shapes."""
        return f"Shapes of the {self.title} discriminant for {self._jets()}."

    def histograms(self) -> Histograms:
        """Each class, as a fraction of its weight."""
        axis = binned(self.edges, "discriminant", f"{self.title} discriminant")
        return {
            shape.name: histogram([axis], shape.fraction, of_errors(shape.error), shape.label)
            for shape in self.shapes
        }

    def _jets(self) -> str:
        return ", ".join(f"{label_text(shape.label)} ({count(shape.n)})" for shape in self.shapes)


def plot_discriminant(
    spec: ClassifierSpec,
    scores: str | Path,
    style: PlotSpec,
    output: str | Path,
    numbers: str | Path | None = None,
) -> DiscriminantNumbers:
    """Read the test jets of a tagger; write `output`.pdf, .png and .json.

    Args:
        spec: The tagger.
        scores: Its score file.
        style: Look of the plots.
        output: Path without suffix.
        numbers: Numbers file of calibrate, for the threshold lines.

    Raises:
        InputError: A file lacks what is needed.
    """
    found = compute(
        spec, read_test(scores, spec), read_thresholds(numbers, spec) if numbers is not None else ()
    )
    looks.save(draw(found, style), found, output)
    return found


def compute(spec: ClassifierSpec, jets: ScoredJets, thresholds: Sequence[Threshold]) -> DiscriminantNumbers:
    """Histograms of signal and backgrounds; fewer bins where jets are few."""
    classes = evaluated(spec)
    there = known = [(c, found) for c in classes if (found := jets.of(c)).weight.sum() > 0]
    form = spec.discriminant.form if spec.discriminant is not None else "ratio"
    scores = [tagged for _, found in known if len(tagged := _tagged(found.discriminant))]
    known = known if scores else []
    edges = _edges(scores, form)
    shapes = tuple(_shape(c, found, edges) for c, found in known)
    if not any(share > 0 for shape in shapes for share in shape.fraction):  # of all that was tagged
        known, shapes = [], ()
    or_none = ", or none that were tagged" if there else ""
    return DiscriminantNumbers(
        tagger=spec.judgement,
        title=spec.title,
        sample=spec.sample,
        folds=spec.folds,
        form=form,
        edges=digits(edges),
        shapes=shapes,
        thresholds=tuple(thresholds),
        lacking=tuple(c.label for c in classes if c not in [one for one, _ in there]),
        message=""
        if known
        else f"No jets of the classes that are evaluated{or_none} ({split_text(spec.folds)})",
    )


def _tagged(score: FloatArray) -> FloatArray:
    """The scores of the jets that were tagged."""
    return score[score > -np.inf]


def _edges(scores: Sequence[FloatArray], form: str) -> FloatArray:
    if not scores:
        return np.array([0.0, 1.0])
    n = int(np.clip(np.sqrt(min(map(len, scores))), MIN_BINS, MAX_BINS))
    if form == "ratio" and min(map(np.min, scores)) >= 0 and max(map(np.max, scores)) <= 1:
        return np.linspace(0, 1, n + 1)
    # Far tails of a logarithm would squeeze everything else.
    low = min(float(np.quantile(s, 0.001)) for s in scores)
    high = max(float(np.quantile(s, 0.999)) for s in scores)
    return np.linspace(np.floor(low), np.ceil(high) + float(np.ceil(high) == np.floor(low)), n + 1)


def _shape(wanted: ClassSpec, jets: ScoredJets, edges: FloatArray) -> Shape:
    score, weight = jets.discriminant, jets.weight
    tagged, total = score > -np.inf, weight.sum()
    inside, of_tagged = np.clip(score[tagged], edges[0], edges[-1]), weight[tagged]
    return Shape(
        name=wanted.name,
        label=wanted.label,
        color=wanted.color,
        n=len(score),
        n_effective=metrics.effective_count(weight),
        not_tagged=digits([weight[~tagged].sum() / total])[0],
        fraction=digits(np.histogram(inside, edges, weights=of_tagged)[0] / total),
        error=digits(np.sqrt(np.histogram(inside, edges, weights=of_tagged**2)[0]) / total),
    )


def draw(numbers: DiscriminantNumbers, style: PlotSpec) -> Figure:
    """Normalised steps with error bands on a log axis; dashed lines where jets begin to pass."""
    if not numbers.shapes:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        figure = looks.new_figure(style, 0.78)
        axes = figure.subplots()
        edges = np.asarray(numbers.edges)
        for shape in numbers.shapes:
            _draw_shape(axes, shape, edges)
        values = np.concatenate([shape.fraction for shape in numbers.shapes])
        lowest = max(values[values > 0].min(), values.max() * LEAST)
        bottom = 10 ** np.floor(np.log10(lowest))
        decades = np.log10(values.max() / bottom)
        axes.set(
            yscale="log",
            ylim=(bottom, values.max() * 10 ** (0.22 * decades + 0.15)),
            xlim=(edges[0], edges[-1]),
            ylabel="Fraction of jets / bin",
            xlabel=f"{looks.plain(numbers.title)} discriminant"
            + (" (log ratio)" if numbers.form == "log_ratio" else ""),
        )
        _draw_thresholds(axes, numbers.thresholds)
        long = any(shape.not_tagged for shape in numbers.shapes)
        axes.legend(loc="upper center", ncols=min(len(numbers.shapes), 2 if long else 3), borderaxespad=0.3)
        looks.title_line(axes, style, f"{numbers.sample}, {split_text(numbers.folds)}")
    return figure


def _draw_shape(axes: Axes, shape: Shape, edges: FloatArray) -> None:
    fraction, error = np.asarray(shape.fraction), np.asarray(shape.error)
    label = f"{looks.tex(shape.label)} ({shape.n:,}"
    label += f", {100 * shape.not_tagged:.2g}% not tagged)" if shape.not_tagged else ")"
    axes.stairs(fraction, edges, color=shape.color, linewidth=1.8, label=label, gid=shape.name)
    axes.fill_between(
        edges,
        np.append(np.maximum(fraction - error, 1e-12), 1e-12),
        np.append(fraction + error, 1e-12),
        step="post", color=shape.color, alpha=0.22, linewidth=0,
    )  # fmt: skip


def _draw_thresholds(axes: Axes, thresholds: Sequence[Threshold]) -> None:
    left, right = axes.get_xlim()
    shown = [point for point in thresholds if left <= point.threshold <= right]
    level, last = 0, -np.inf
    for point in sorted(shown, key=lambda point: point.threshold):
        # Close thresholds would write their names over each other: they step down.
        level = level + 1 if point.threshold - last < 0.04 * (right - left) else 0
        last = point.threshold
        axes.axvline(
            point.threshold, ymax=0.84, color=looks.GREY, linestyle=(0, (4, 2)), linewidth=1.1, gid=point.name
        )
        axes.axvspan(
            max(point.threshold_low, left), min(point.threshold_high, right), ymax=0.84,
            color=looks.GREY, alpha=0.13, linewidth=0,
        )  # fmt: skip
        axes.annotate(
            looks.plain(point.name), (point.threshold, 0.84), xycoords=("data", "axes fraction"),
            xytext=(-3, -2 - 13 * level), textcoords="offset points",
            ha="right", va="top", color=looks.GREY, fontsize=looks.LEGEND_SIZE,
            bbox={"facecolor": "white", "alpha": 0.7, "pad": 0.5, "linewidth": 0},
        )  # fmt: skip
