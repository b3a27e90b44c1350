"""How a discriminant and its loosest working point depend on momentum, pseudorapidity and pile-up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetsmith import metrics
from jetsmith.io import FloatArray, IntArray
from jetsmith.metrics import Interval
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import (
    LABELS,
    Threshold,
    digits,
    efficiencies_by_bin,
    evaluated,
    known,
    read_test,
    read_thresholds,
)
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import share, split_text

AGAINST = {"jet_pt_gev": LABELS["jet_pt_gev"], "jet_eta": r"jet $|\eta|$", "n_pv": LABELS["n_pv"]}
N_BINS = 6  # of equal counts, where the configuration has none


class Dependence(Record):
    """One class in bins of one column; None where a bin has no jets of it, or no positive sum of weights.

    `error` is the standard error of `mean`; None of one jet, too, which does not tell how jets scatter.
    """

    name: str
    mean: tuple[float | None, ...]
    error: tuple[float | None, ...]
    efficiency: tuple[float | None, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Against(Record):
    """All classes against one column; jets beyond the edges count in the end bins."""

    column: str
    edges: tuple[float, ...]
    centres: tuple[float, ...]
    classes: tuple[Dependence, ...]


class DependenceNumbers(looks.Numbers):
    """All that the figure shows."""

    SECTION = "Efficiencies"
    WIDE = True

    plot: str = "dependence"
    tagger: str
    sample: str
    folds: int
    classes: tuple[ClassSpec, ...]
    working_point: Threshold | None
    against: tuple[Against, ...]

    def heading(self) -> str:
        """Whose dependence."""
        return f"{self.title}: dependence on the jet and on pile-up"

    def caption(self) -> str:
        """What is above, what below, and what a slope means."""
        point, below = self.working_point, ""
        if point is not None:
            target = share(point.background_efficiency)
            below = (
                f" Below: efficiency of the working point {point.name} ({target} of the first background), "
            )
            below += "with 68.3% intervals; an arrow is the upper end of one where no jet passes."
        begin = "Above: mean" if below else "Mean"
        return (
            f"{begin} of the discriminant of each class, of jets that were tagged "
            f"({split_text(self.folds)}), with its standard error{self._open()}.{below} Points are at the "
            "mean of the jets of a bin; of pseudorapidity and of vertices bins have equal counts. A slope "
            "may be that of the tagger, or of the mixture of jets of a class."
        )

    def _open(self) -> str:
        classes = [of for one in self.against for of in one.classes]
        pairs = [pair for of in classes for pair in zip(of.mean, of.error, strict=True)]
        is_alone = any(mean is not None and error is None for mean, error in pairs)
        return "; open points are of one jet, whose error is not known" if is_alone else ""

    def alternative(self) -> str:
        """Against what."""
        return f"{self.title} against {', '.join(one.column for one in self.against)}."


def plot_dependence(
    spec: ClassifierSpec,
    scores: str | Path,
    numbers: str | Path,
    pt_bins_gev: Sequence[float],
    style: PlotSpec,
    output: str | Path,
) -> DependenceNumbers:
    """Read the test jets and the thresholds of a tagger; write `output`.pdf, .png and .json.

    Args:
        spec: The tagger.
        scores: Its score file.
        numbers: Numbers file of calibrate.
        pt_bins_gev: Edges of the bins [GeV].
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: A file lacks what is needed.
    """
    jets = read_test(scores, spec, columns=list(AGAINST))
    found = compute(spec, jets, read_thresholds(numbers, spec), pt_bins_gev)
    looks.save(draw(found, style), found, output)
    return found


def compute(
    spec: ClassifierSpec, jets: ScoredJets, thresholds: Sequence[Threshold], pt_bins_gev: Sequence[float]
) -> DependenceNumbers:
    """Means and efficiencies of signal and backgrounds, bin by bin, of columns with two values at least."""
    classes = evaluated(spec)
    point = thresholds[0] if thresholds else None
    against = []
    for column in AGAINST:
        of_all = np.concatenate([_values(jets.of(c), column) for c in classes])
        if len(of_all) and of_all.min() < of_all.max():
            edges = pt_bins_gev if column == "jet_pt_gev" else _edges(of_all)
            against.append(_against(column, edges, of_all, jets, classes, point))
    return DependenceNumbers(
        title=spec.title,
        tagger=spec.judgement,
        sample=spec.sample,
        folds=spec.folds,
        classes=classes,
        working_point=point,
        against=tuple(against),
        message=""
        if any(map(_is_told, against))
        else f"No jets of the classes that are evaluated ({split_text(spec.folds)})",
    )


def _is_told(against: Against) -> bool:
    """Whether a bin of any class has a number."""
    return any(value is not None for of in against.classes for value in (*of.mean, *of.efficiency))


def _values(jets: ScoredJets, column: str) -> FloatArray:
    """Of a column that the scores may lack, shape (N,) or (0,); of pseudorapidity its size."""
    found = jets.columns.get(column, np.zeros(0))
    return np.abs(found) if column == "jet_eta" else np.asarray(found)


def _edges(values: FloatArray) -> tuple[float, ...]:
    """Of bins with about as many jets each; whole numbers may make fewer."""
    found = np.unique(np.quantile(values, np.linspace(0, 1, N_BINS + 1), method="higher"))
    return tuple(map(float, found))


def _against(
    column: str,
    edges: Sequence[float],
    of_all: FloatArray,
    jets: ScoredJets,
    classes: Sequence[ClassSpec],
    point: Threshold | None,
) -> Against:
    place, n_bins = metrics.bin_of(of_all, edges), len(edges) - 1
    counts, sums = (np.bincount(place, weights, n_bins) for weights in (None, of_all))
    middle = (np.asarray(edges[:-1], float) + np.asarray(edges[1:], float)) / 2
    centres = np.where(counts > 0, sums / np.maximum(counts, 1), middle)
    found = []
    for wanted in classes:
        of_class = jets.of(wanted)
        bins = metrics.bin_of(_values(of_class, column), edges)
        found.append(_dependence(wanted.name, of_class, bins, n_bins, point))
    return Against(column=column, edges=digits(edges), centres=digits(centres), classes=tuple(found))


def _dependence(
    name: str, jets: ScoredJets, place: IntArray, n_bins: int, point: Threshold | None
) -> Dependence:
    means = [_mean(jets.discriminant[place == k], jets.weight[place == k]) for k in range(n_bins)]  # few
    passing = efficiencies_by_bin(jets, place, n_bins, point.threshold if point else np.inf)
    return Dependence(
        name=name,
        mean=tuple(known(m.value) for m in means),
        error=tuple(known(m.high - m.value) for m in means),
        efficiency=tuple(known(e.value) if point else None for e in passing),
        low=digits([e.low for e in passing]),
        high=digits([e.high for e in passing]),
    )


def _mean(score: FloatArray, weight: FloatArray) -> Interval:
    """Weighted mean of the jets that were tagged, and its standard error; NaN of none, no error of one."""
    tagged = score > -np.inf
    score, weight = score[tagged], weight[tagged]
    total = float(weight.sum())
    if total <= 0:
        return Interval(np.nan, np.nan, np.nan)
    mean = float(weight @ score) / total
    squares = weight**2
    of_all = float(squares.sum())
    # Jets scatter less about their own mean than about the true one: of equal weights by (n - 1) / n.
    left = total**2 - 2 * total * float(weight @ squares) / of_all + of_all
    of_one = left <= 1e-9 * of_all
    error = np.nan if of_one else float(np.sqrt(squares @ (score - mean) ** 2 / left))
    return Interval(mean, mean - error, mean + error)


def draw(numbers: DependenceNumbers, style: PlotSpec) -> Figure:
    """A column of panels for each of what it depends on: means above, efficiencies below."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    n_rows = 2 if numbers.working_point else 1
    with looks.rc():
        figure = looks.new_figure(style, 0.1 + 0.36 * n_rows)
        panels = figure.subplots(n_rows, len(numbers.against), squeeze=False, sharey="row", sharex="col")
        for k, against in enumerate(numbers.against):
            for of, wanted in zip(against.classes, numbers.classes, strict=True):
                error = np.array(of.error, float)
                _draw(panels[0][k], against, of.mean, [error, error], wanted)
                if numbers.working_point:
                    value = np.array([0.0 if v is None else v for v in of.efficiency])
                    ends = [value - np.asarray(of.low), np.asarray(of.high) - value]
                    _draw(panels[1][k], against, of.efficiency, ends, wanted, is_log=True)
            panels[-1][k].set_xlabel(AGAINST[against.column], fontsize=12)
            if against.column == "jet_pt_gev":
                looks.pt_axis(panels[-1][k], against.edges)
        panels[0][0].set_ylabel("mean discriminant", fontsize=12)
        if numbers.working_point:
            panels[1][0].set_ylabel(f"efficiency at {looks.plain(numbers.working_point.name)}", fontsize=12)
            panels[1][0].set_yscale("log")
        low, high = panels[0][0].get_ylim()
        panels[0][0].set_ylim(low, high + (high - low) * min(0.13 * len(numbers.classes), 1))  # its legend
        panels[0][-1].legend(loc="upper right", fontsize=10)
        looks.title_line(panels[0][0], style, numbers.title, panels[0][-1])
    return figure


def _draw(
    axes: Axes,
    against: Against,
    values: Sequence[float | None],
    errors: Sequence[FloatArray],
    wanted: ClassSpec,
    is_log: bool = False,
) -> None:
    filled = [k for k, value in enumerate(values) if value is not None]
    y = np.array([values[k] for k in filled], float)
    x = np.asarray(against.centres)[filled]
    down, up = (np.maximum(np.asarray(error)[filled], 0) for error in errors)
    alone = np.isnan(up)  # a number without an error
    if is_log:
        none = y <= 0
        looks.upper_ends(axes, x[none], up[none], color=wanted.color, linewidth=1.2)
        y = np.where(none, np.nan, y)
    axes.errorbar(
        x, y, yerr=[down, up], fmt="o-", color=wanted.color, markersize=4, linewidth=1.2,
        label=looks.tex(wanted.label), gid=f"{against.column}.{wanted.name}",
    )  # fmt: skip
    axes.plot(x[alone], y[alone], "o", color=wanted.color, markerfacecolor="white", markersize=5, zorder=3)
