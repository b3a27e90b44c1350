"""Confusion matrix: of the jets of each true class, the share of which each output is the largest."""

from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from jetsmith import metrics
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics.efficiencies import LEVEL, binomial
from jetsmith.plots import style as looks
from jetsmith.plots.histograms import Histograms, histogram, named
from jetsmith.plots.inputs import digits, known
from jetsmith.scored import Probabilities, read_probabilities
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import ClassifiedSpec
from jetsmith.strict import Record
from jetsmith.texts import count, label_text, split_text

NOT_TAGGED = "not_tagged"  # the column of jets that fail every threshold
ANNOTATED = 12  # classes up to which numbers stand in the cells
NAMED = 40  # classes up to which each has its name on the axes; of more, every second, third, …
COLORS = "Blues"  # its lightness falls all the way: a print in grey says the same
DARK = 0.7  # of the colour scale, from where numbers are white
TICKS = (0, 1, 5, 10, 20, 40, 60, 80, 100)  # [%]; the scale is that of the root, which shows small ones, too
LETTERS = 36  # of all names side by side, beyond which they stand upright
TRAINED = {
    "levelled": "of classes that weigh the same in the training",
    "natural": "of classes as frequent as in the training",
    "": "as those who trained it have them",
}


class Row(Record):
    """Jets of one true class, by column of the matrix.

    Attributes:
        name: Of the class.
        label: TeX.
        n: Jets, unweighted.
        n_effective: Their effective number.
        weight: Sum of the weights.
        squares: Sum of their squares.
        share: Of the weight of the row; None where that does not add up to more than 0.
        low: Lower ends of the binomial intervals.
        high: Upper ends.
    """

    name: str
    label: str
    n: int
    n_effective: float
    weight: tuple[float, ...]
    squares: tuple[float, ...]
    share: tuple[float | None, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class ConfusionNumbers(looks.Numbers):
    """All that the figure shows.

    `columns` are the classes in the order of the outputs, and `not_tagged` behind them where there are such
    jets. Shares that negative weights push out of [0, 1] are set to the nearer end.
    """

    SECTION = "Confusion matrices"

    plot: str = "confusion"
    tagger: str
    sample: str
    folds: int
    trained: Literal["levelled", "natural", ""]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def heading(self) -> str:
        """Of which tagger."""
        return f"{self.title}: confusion matrix"

    def caption(self) -> str:
        """What a cell is, and what it is not."""
        n_unnamed = len(self.rows) > NAMED
        return (
            "Of the jets of each true class (rows) the share of which each output (columns) has the largest "
            f"probability, the first of equal ones; {split_text(self.folds)}. Probabilities are those "
            f"{TRAINED[self.trained]}: this is no working point."
            + (" Jets that were not tagged have a column of their own." if self.has_not_tagged else "")
            + (" The JSON file has the name of every class." if n_unnamed else "")
        )

    def alternative(self) -> str:
        """The diagonal, of as many classes as a sentence bears."""
        found = [
            f"{row.name} {100 * share:.1f}%"
            for k, row in enumerate(self.rows[:ANNOTATED])
            if (share := row.share[k]) is not None
        ]
        more = len(self.rows) - ANNOTATED
        own = ", ".join(found) or "none"
        return f"Confusion matrix of {self.title}; jets assigned to their own class: {own}" + (
            f", and {more} further classes." if more > 0 else "."
        )

    def histograms(self) -> Histograms:
        """Sums of weights by true class and largest output."""
        axes = (
            named([row.name for row in self.rows], "true", "true class"),
            named(self.columns, "largest", "largest output"),
        )
        weights, squares = ([getattr(row, name) for row in self.rows] for name in ("weight", "squares"))
        return {"confusion": histogram(axes, weights, squares, self.title)}

    @property
    def has_not_tagged(self) -> bool:
        """Whether the last column is of jets that were not tagged."""
        return self.columns[-1:] == (NOT_TAGGED,)


def plot_confusion(
    tagger: ClassifiedSpec, scores: str | Path, style: PlotSpec, output: str | Path
) -> ConfusionNumbers:
    """Read the test jets of a tagger; write `output`.pdf, .png and .json.

    Args:
        tagger: Its classes.
        scores: Its score file.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: The file is damaged or another's, or has one number a jet.
    """
    names = [c.name for c in tagger.classes]
    found = compute(tagger, read_probabilities(scores, "test", tagger.name, tagger.sample, names))
    looks.save(draw(found, style), found, output)
    return found


def compute(tagger: ClassifiedSpec, jets: Probabilities) -> ConfusionNumbers:
    """Weighted shares with Wilson intervals; jets without a score, and those of no class, are left out."""
    column = chosen(jets)
    has_not_tagged = bool((jets.not_tagged & jets.scored).any())
    names = [c.name for c in tagger.classes] + [NOT_TAGGED] * has_not_tagged
    rows = []
    for wanted in tagger.classes:  # of classes, not jets
        mask = np.isin(jets.label, wanted.truth) & jets.scored
        rows.append(_row(wanted.name, wanted.label, jets, mask, column, len(names)))
    return ConfusionNumbers(
        tagger=tagger.name,
        title=tagger.title,
        sample=tagger.sample,
        folds=tagger.folds,
        trained=tagger.trained,
        columns=tuple(names),
        rows=tuple(rows),
        message=""
        if any(value is not None for row in rows for value in row.share)
        else f"No jets of the classes of the tagger ({split_text(tagger.folds)})",
    )


def chosen(jets: Probabilities) -> IntArray:
    """The output of the largest probability of each jet, the first of equal ones; C where it was not tagged.

    Of jets without a score it means nothing.

    Returns:
        Shape (N,).
    """
    has_score = jets.scored & ~jets.not_tagged
    # NaN would count as the largest.
    largest = np.where(has_score[:, None], jets.probabilities, 0).argmax(axis=1)
    return np.asarray(np.where(jets.not_tagged, jets.probabilities.shape[1], largest), np.intp)


def _row(
    name: str, label: str, jets: Probabilities, mask: BoolArray, column: IntArray, n_columns: int
) -> Row:
    weight, place = jets.weight[mask], column[mask]
    sums, squares = (np.asarray(np.bincount(place, w, n_columns), np.float64) for w in (weight, weight**2))
    share, low, high, _ = binomial(sums, squares, weight.sum(), np.asarray(weight @ weight), LEVEL)
    return Row(
        name=name,
        label=label,
        n=len(weight),
        n_effective=digits([metrics.effective_count(weight)])[0],
        weight=digits(sums),
        squares=digits(squares),
        share=tuple(known(value) for value in share),
        low=digits(low),
        high=digits(high),
    )


def draw(numbers: ConfusionNumbers, style: PlotSpec) -> Figure:
    """Cells in shades, true classes from the top; numbers in them where classes are few."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    n_rows, n_columns = len(numbers.rows), len(numbers.columns)
    share = np.array([[np.nan if v is None else v for v in row.share] for row in numbers.rows])
    with looks.rc():
        figure = looks.new_figure(style, 0.28 + 0.6 * min(1.0, max(n_rows, 2) / 6))
        axes = figure.subplots()
        cells = axes.pcolormesh(
            np.arange(n_columns + 1) - 0.5, np.arange(n_rows + 1) - 0.5, share,
            cmap=COLORS, norm=PowerNorm(0.5, 0, 1), gid="cells", rasterized=n_rows > NAMED,
        )  # fmt: skip
        bar = figure.colorbar(cells, ax=axes, pad=0.02, ticks=[tick / 100 for tick in TICKS])
        bar.ax.set_yticklabels([str(tick) for tick in TICKS])
        bar.ax.minorticks_off()
        bar.set_label("% of the true class")
        axes.set(xlim=(-0.5, n_columns - 0.5), ylim=(n_rows - 0.5, -0.5))
        if numbers.has_not_tagged and n_rows <= NAMED:
            axes.axvline(n_columns - 1.5, color=looks.GREY, linewidth=1.2)
        _name(axes, numbers)
        if n_rows <= ANNOTATED:
            _annotate(axes, share)
        looks.title_line(axes, style, f"{numbers.sample}, {split_text(numbers.folds)}")
    return figure


def _name(axes: Axes, numbers: ConfusionNumbers) -> None:
    """Classes along both axes, with the effective number of jets of each true one."""
    labels = [looks.tex(row.label) for row in numbers.rows]
    counted = [f"{label} ({count(row.n_effective)})" for label, row in zip(labels, numbers.rows, strict=True)]
    labels += ["not tagged"] * numbers.has_not_tagged
    n = len(numbers.rows)
    step = -(-n // NAMED)
    size = float(np.clip(200 / (n / step), 5.0, 12.5))
    axes.minorticks_off()
    axes.tick_params(which="both", length=0, labelsize=size)
    shown = sorted(
        {*range(0, n - step // 2, step), *range(n, len(labels))}
    )  # the last has its name in any case
    letters = len(labels) * max(len(label_text(row.label)) for row in numbers.rows)
    axes.set_xticks(shown, [labels[k] for k in shown], rotation=90 if letters > LETTERS else 0)
    axes.set_yticks(range(0, n, step), counted[::step])
    axes.set(xlabel=f"largest output of {looks.plain(numbers.title)}", ylabel="true class (effective jets)")


def _annotate(axes: Axes, share: FloatArray) -> None:
    shade = PowerNorm(0.5, 0, 1)(share)
    size = float(np.clip(100 / max(share.shape), 7.0, 14.0))
    for (row, column), value in np.ndenumerate(share):  # of cells, not jets
        if np.isfinite(value):
            color = "white" if shade[row, column] > DARK else "black"
            text = percent(float(value))
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size, gid="share")


def percent(share: float) -> str:
    """A share in per cent to a tenth; nothing, and what is less than that, say so."""
    if share == 0:
        return "0"
    return "<0.1" if share < 0.0005 else f"{100 * share:.1f}"
