"""The numbers of data beside simulation, and the figure of nothing but them: cells with ratios below."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.features_drawn import PEAKED, STRIP, ticks_of
from jetsmith.plots.histograms import Histograms, binned, histogram, named, of_errors
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import count, minus

COLUMNS = 3
CELL_IN, RATIO_IN = 2.55, 0.52  # height of a cell, and of its ratio
BELOW_IN, ABOVE_IN, HEAD_IN = 0.5, 0.26, 0.95
RATIO_RANGE = (0.5, 1.5)
HIDDEN = 4.0  # what has no value over the largest bin, from which the axis is logarithmic, too
DIFFERENT = 0.01  # p after Bonferroni below which a distribution is said to differ


class Layer(Record):
    """One class of simulation: sums of weights by bin, the last of what has no value, and their errors."""

    name: str
    label: str
    color: str
    sums: tuple[float, ...]
    errors: tuple[float, ...]


class Cell(Record):
    """One distribution.

    Attributes:
        feature: Its name, or that of the tagger whose discriminant it is.
        label: TeX.
        axis: Kind of its bins.
        edges: Of the B bins; end ones hold what lies beyond.
        width: Up to where the axis is linear.
        default: What stands for no value; None where that is what is not finite.
        n_data: Rows of data.
        n_simulation: Rows of simulation.
        scale: Factor on the weights of simulation.
        data: Sums of weights, shape (B + 1,): the last of what has no value.
        data_errors: Of these.
        layers: Of simulation.
        distance: Of Kolmogorov and Smirnov between shapes of data and simulation; None with too few events.
        p: Probability of at least this where they are equal.
        why: Why there is nothing to draw, where there is not.
    """

    feature: str
    label: str
    axis: str
    edges: tuple[float, ...]
    width: float
    default: float | None
    n_data: int
    n_simulation: int
    scale: float
    data: tuple[float, ...]
    data_errors: tuple[float, ...]
    layers: tuple[Layer, ...]
    distance: float | None
    p: float | None
    why: str

    def simulation(self) -> FloatArray:
        """All layers together: sums and errors, shape (2, B + 1)."""
        sums = np.sum([layer.sums for layer in self.layers], axis=0)
        errors = np.sqrt(np.sum(np.square([layer.errors for layer in self.layers]), axis=0))
        return np.stack([sums, errors])

    @property
    def has_missing(self) -> bool:
        """Whether something has no value."""
        return any(of[-1] for of in (self.data, *(layer.sums for layer in self.layers)))


class CommissioningNumbers(looks.Numbers):
    """All that the figure shows; `lacking`: features that the files of a sample do not have."""

    SECTION = "Data and simulation"
    WIDE = True

    plot: str = "commissioning"
    commissioning: str
    shown: str
    data: str
    simulation: tuple[str, ...]
    is_pseudo: bool
    to_data: bool
    is_sequence: bool
    lacking: tuple[str, ...]
    cells: tuple[Cell, ...]

    def heading(self) -> str:
        """Pair, and what is shown of it."""
        return f"{self.commissioning}: {self.shown}"

    def different(self) -> list[Cell]:
        """Distributions that are not the same in data and simulation, at 1% for all of the figure."""
        tested = [cell for cell in self.cells if cell.p is not None]
        return [cell for cell in tested if (cell.p or 0.0) * len(tested) < DIFFERENT]

    def caption(self) -> str:
        """What is drawn, how it is scaled, and which distributions differ."""
        n_data, n_simulation = (
            max(getattr(cell, key) for cell in self.cells) for key in ("n_data", "n_simulation")
        )
        kind = "pseudo-data, simulation presented as data" if self.is_pseudo else "data"
        scaled = "scaled to the data" if self.to_data else "scaled to the luminosity"
        what = "constituents of " if self.is_sequence else ""
        found = sorted(self.different(), key=lambda cell: -(cell.distance or 0.0))
        tested = sum(cell.p is not None for cell in self.cells)
        said = f"{len(found)} of {tested} shapes differ (p below 1% for all together)"
        if found:
            worst = ", ".join(f"{cell.feature} by {cell.distance:.2g}" for cell in found[:3])
            said += f", most {worst} (largest difference of the cumulative distributions)"
        lacking = f" Not in all files: {', '.join(self.lacking)}." if self.lacking else ""
        return (
            f"Points: {what}{count(n_data)} jets of {self.data} ({kind}). Areas: {what}{count(n_simulation)} "
            f"jets of {', '.join(self.simulation)} by class, {scaled}; hatched: their statistical error. "
            "Below, data over simulation; open triangles: beyond the panel. End bins hold what lies beyond; "
            "what has no value, such as jets "
            f"that are not tagged, stands in a bin at the left. {said}.{lacking}"
        )

    def alternative(self) -> str:
        """What, and how many differ."""
        return (
            f"{len(self.cells)} distributions of {self.data} and {', '.join(self.simulation)}, "
            f"{len(self.different())} of them different in shape."
        )

    def histograms(self) -> Histograms:
        """Data and each class of each distribution; what has no value as an axis with one bin of its own."""
        found = {}
        for cell in self.cells:
            axis = binned(cell.edges, "value", cell.label)
            of = [("data", "data", cell.data, cell.data_errors)]
            of += [(one.name, one.label, one.sums, one.errors) for one in cell.layers]
            for name, label, sums, errors in of:
                key = f"{cell.feature}/{name}"
                found[key] = histogram([axis], sums[:-1], of_errors(errors[:-1]), label)
                if cell.has_missing:
                    none = named(["no value"], "value", cell.label)
                    found[f"{key}/no value"] = histogram([none], sums[-1:], of_errors(errors[-1:]), label)
        return found


def draw(numbers: CommissioningNumbers, style: PlotSpec) -> Figure:
    """A cell a distribution; cells are placed by hand, as of features."""
    columns = min(COLUMNS, len(numbers.cells))
    rows = -(-len(numbers.cells) // columns)
    scale = style.width_in / looks.WIDTH_IN
    width_in, height_in = 1.5 * style.width_in, scale * (HEAD_IN + rows * CELL_IN)
    with looks.rc():
        figure = Figure((width_in, height_in), dpi=style.dpi, facecolor="white")
        _head(figure, numbers, style, scale / height_in)
        for k, cell in enumerate(numbers.cells):
            row, column = divmod(k, columns)
            bottom = 1 - scale * (HEAD_IN + (row + 1) * CELL_IN - BELOW_IN) / height_in
            low = scale * RATIO_IN / height_in
            high = scale * (CELL_IN - BELOW_IN - ABOVE_IN) / height_in - low
            left, width = (column + 0.17) / columns, 0.8 / columns
            ratio = figure.add_axes((left, bottom, width, 0.94 * low))
            axes = figure.add_axes((left, bottom + low, width, high))
            _draw_cell(axes, ratio, cell)
    return figure


def _head(figure: Figure, numbers: CommissioningNumbers, style: PlotSpec, scale: float) -> None:
    title = looks.plain(f"{style.label}: {numbers.heading()}")
    figure.text(0.0125, 1 - 0.1 * scale, title, va="top", **looks.HEADLINE)
    known = {layer.name: layer for cell in numbers.cells for layer in cell.layers}
    points = Line2D([], [], color="black", marker="o", linestyle="", markersize=4, label=looks.plain(
        f"{numbers.data}{' (pseudo-data)' if numbers.is_pseudo else ''}"
    ))  # fmt: skip
    handles = [points, *(Patch(color=one.color, label=looks.tex(one.label)) for one in known.values())]
    handles.append(Patch(facecolor="none", edgecolor=looks.GREY, hatch="////", label="simulation, error"))
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.0, 1 - 0.33 * scale), ncols=8, frameon=False
    )


def _draw_cell(axes: Axes, ratio: Axes, cell: Cell) -> None:
    axes.set_title(looks.plain(cell.feature), fontsize=9.5, loc="left", pad=3, color=looks.GREY)
    ratio.set_xlabel(looks.tex(cell.label), fontsize=10.5, labelpad=1.5)
    for one in (axes, ratio):
        one.tick_params(labelsize=8.5, length=3, pad=2, which="both", top=False)
        one.set_xlim(-STRIP if cell.has_missing else 0, 1)
    axes.minorticks_off()
    ratio.minorticks_off()
    if cell.why:
        axes.text(0.5, 0.5, cell.why, transform=axes.transAxes, ha="center", color=looks.GREY, fontsize=9)
        axes.set(xticks=[], yticks=[])
        ratio.set(xticks=[], yticks=[])
        return
    p = "too few events" if cell.p is None else f"KS {cell.distance:.2g}, p {cell.p:.1g}"
    axes.set_title(looks.plain(p), fontsize=8.5, loc="right", pad=3, color=looks.GREY)
    place = np.linspace(0, 1, len(cell.edges))
    stretches = [(place, slice(0, -1))]
    if cell.has_missing:
        stretches.append((np.array([-0.9, -0.2]) * STRIP, slice(-1, None)))
        for one in (axes, ratio):
            one.axvspan(-STRIP, 0, color="#f1f3f5", zorder=0)
            one.axvline(0, color=looks.GREY, linewidth=0.7)
    ratio.set(ylim=RATIO_RANGE, yticks=[0.75, 1, 1.25])
    for edges, part in stretches:
        _draw_stretch(axes, ratio, cell, edges, part)
    _heights(axes, cell)
    ticks, texts = ticks_of(cell)
    if cell.has_missing:
        kept = np.flatnonzero(ticks > 0.6 * STRIP)  # others would touch the word
        word = "none" if cell.default is None else minus(f"{cell.default:g}")
        ticks, texts = np.append(ticks[kept], -STRIP / 2), [*(texts[k] for k in kept), word]
    axes.set_xticks(ticks, [""] * len(ticks))
    ratio.set_xticks(ticks, texts)
    ratio.axhline(1, color=looks.GREY, linewidth=0.8)


def _draw_stretch(axes: Axes, ratio: Axes, cell: Cell, edges: FloatArray, part: slice) -> None:
    total = np.zeros(len(edges) - 1)
    for layer in reversed(cell.layers):  # the signal on top
        above = total + np.asarray(layer.sums[part])
        axes.stairs(above, edges, baseline=total, fill=True, color=layer.color)
        total = above
    value, error = (np.asarray(of)[part] for of in (cell.data, cell.data_errors))
    spread = cell.simulation()[1][part]
    hatched: dict[str, Any] = {
        "step": "post",
        "facecolor": "none",
        "edgecolor": looks.GREY,
        "hatch": "/////",
        "linewidth": 0,
    }
    low, high = (np.append(of, of[-1]) for of in (total - spread, total + spread))
    axes.fill_between(edges, low, high, **hatched)
    centres = (edges[:-1] + edges[1:]) / 2
    points: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 2.6, "elinewidth": 0.9}
    filled = error > 0
    axes.errorbar(centres[filled], value[filled], error[filled], gid=f"data of {cell.feature}", **points)
    known = total > 0
    one = np.where(known, total, 1.0)
    low, high = (np.append(of, of[-1]) for of in ((total - spread) / one, (total + spread) / one))
    ratio.fill_between(edges, low, high, where=np.append(known, known[-1]), **hatched)
    filled &= known
    ratio.errorbar(
        centres[filled],
        (value / one)[filled],
        (error / one)[filled],
        gid=f"ratio of {cell.feature}",
        **points,
    )
    looks.beyond(ratio, centres[filled], (value / one)[filled], "black")


def _heights(axes: Axes, cell: Cell) -> None:
    total = cell.simulation()[0]
    values = np.concatenate([total, cell.data])
    filled = values[values > 0]
    if not len(filled):
        return
    high = float(filled.max())
    inside = max(*cell.data[:-1], *cell.simulation()[0][:-1])  # beside what has no value
    if high > PEAKED * float(np.median(filled)) or high > HIDDEN * inside > 0:
        low = max(float(filled.min()), high * 1e-5)
        axes.set(yscale="log", ylim=(low / 1.5, high * (high / low) ** 0.2))
    else:
        axes.set_ylim(0, high * 1.25)
