"""What was fitted: jets of data that pass and fail, those of each class after the fit, and their ratio."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jetsmith import io
from jetsmith.handed.measurement import Bin, Measurement
from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record

OTHERS = ("other", "other", "#c8ccd0")  # name, label and colour of what is of no class
RATIO_RANGE = (0.5, 1.5)


class Layer(Record):
    """Jets of one class after the fit: bins of those that pass, then of those that fail."""

    name: str
    label: str
    color: str
    jets: tuple[float, ...]


class Panel(Record):
    """One fit; without layers where it has no result. `p` is None where nothing is left to be tested."""

    point: str
    low_gev: float
    high_gev: float
    data: tuple[float, ...]
    layers: tuple[Layer, ...]
    p: float | None


class FitsNumbers(looks.Numbers):
    """All that the figure shows; panels by working point, in each by bin of pt."""

    SECTION = "Fits to data"
    WIDE: ClassVar[bool] = True

    plot: str = "fits"
    measurement: str
    variable: str
    is_pseudo: bool
    method: str
    panels: tuple[tuple[Panel, ...], ...]

    def heading(self) -> str:
        """Of what."""
        return f"{self.measurement}: fits"

    def caption(self) -> str:
        """What a panel has, and how well fits describe their data."""
        what = f"Bins of {self.variable}" if self.variable else "One bin each"
        tested = [panel.p for row in self.panels for panel in row if panel.p is not None]
        well = f" Smallest p of {len(tested)} fits: {min(tested):.2g}." if tested else ""
        kind = "pseudo-data" if self.is_pseudo else "data"
        if self.method == "negative_tags":
            return (
                f"Jets that pass with turned signs (left) and that fail (right of the line): points are "
                f"{kind}, areas classes in simulation, scaled to as many jets; below, data over these, "
                "of those that pass the scale factor of light jets; open triangles: beyond the panel."
            )
        return (
            f"{what}, of jets that pass (left) and that fail (right of the line): points are {kind}, areas "
            f"classes after the fit; below, data over all of these; open triangles: beyond the panel.{well}"
        )

    def alternative(self) -> str:
        """The same, shorter."""
        return (
            f"Data and fitted classes of {self.measurement}, {len(self.panels)} working points by bin of pt."
        )


def plot_fits(
    spec: ClassifierSpec, measured: str | Path, style: PlotSpec, output: str | Path, measurement: str
) -> FitsNumbers:
    """Read a measurement; write `output`.pdf, .png and .json.

    Args:
        spec: The tagger with its discriminant.
        measured: results/scale_factors/{measurement}.json.
        style: Look of the plots.
        output: Path without suffix.
        measurement: Its name.

    Raises:
        InputError: The file is damaged or another's.
    """
    one = io.read_record(Measurement, measured, measurement=measurement, judgement=spec.judgement)
    found = compute(spec, one)
    looks.save(draw(found, style), found, output)
    return found


def compute(spec: ClassifierSpec, one: Measurement) -> FitsNumbers:
    """A panel a fit."""
    classes = [c for c in (spec.signal_class, *spec.background_classes) if c is not None]
    known = [*((c.name, c.label, c.color) for c in classes), OTHERS]
    edges = one.pt_edges_gev
    return FitsNumbers(
        title=spec.title,
        measurement=one.measurement,
        variable=one.variable,
        is_pseudo=one.is_pseudo,
        method=one.method,
        panels=tuple(
            tuple(_panel(point, edges[k], edges[k + 1], found, known) for k, found in enumerate(bins))
            for point, bins in one.points.items()
        ),
    )


def _panel(point: str, low: float, high: float, found: Bin, known: Sequence[tuple[str, str, str]]) -> Panel:
    layers = [
        Layer(name=name, label=label, color=color, jets=digits(found.fitted[name]))
        for name, label, color in known
        if name in found.fitted
    ]
    p = found.factor.p if found.factor is not None else None
    return Panel(point=point, low_gev=low, high_gev=high, data=digits(found.seen), layers=tuple(layers), p=p)


def draw(numbers: FitsNumbers, style: PlotSpec) -> Figure:
    """A row of panels a working point, each with a ratio below."""
    n_rows, n_columns = len(numbers.panels), max(map(len, numbers.panels))
    with looks.rc():
        wide = style.model_copy(update={"width_in": style.width_in * 2})
        figure = looks.new_figure(wide, 0.02 + 0.26 * n_rows)
        grid = figure.subplots(
            2 * n_rows, n_columns, sharex=True, squeeze=False, gridspec_kw={"height_ratios": [3, 1] * n_rows}
        )
        for k, row in enumerate(numbers.panels):
            for j, panel in enumerate(row):
                _draw(grid[2 * k, j], grid[2 * k + 1, j], panel)
            grid[2 * k, 0].set_ylabel(looks.plain(f"jets, {row[0].point}"))
            grid[2 * k + 1, 0].set_ylabel("ratio")
        what = f"bins of {numbers.variable}: " if numbers.variable else ""
        grid[-1, -1].set_xlabel(looks.plain(f"{what}pass | fail"))
        known = {layer.name: layer for row in numbers.panels for panel in row for layer in panel.layers}
        handles = [Patch(color=layer.color, label=looks.tex(layer.label)) for layer in known.values()]
        if handles:
            figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        looks.title_line(grid[0, 0], style, numbers.measurement, grid[0, -1])
    return figure


def _draw(axes: Axes, ratio: Axes, panel: Panel) -> None:
    data: FloatArray = np.array(panel.data)
    edges = np.arange(len(data) + 1)
    centres = edges[:-1] + 0.5
    total = np.zeros(len(data))
    for layer in panel.layers:
        above = total + layer.jets
        axes.stairs(above, edges, baseline=total, fill=True, color=layer.color)
        total = above
    error = np.sqrt(data)
    kwargs: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 3.5, "elinewidth": 1.2}
    axes.errorbar(centres, data, error, gid="data", **kwargs)
    ratio.axhline(1, color=looks.GREY, linewidth=0.8)
    ratio.set_ylim(*RATIO_RANGE)
    if panel.layers:
        shown = total > 0
        value, spread = np.stack([data, error])[:, shown] / total[shown]
        ratio.errorbar(centres[shown], value, spread, **kwargs)
        looks.beyond(ratio, centres[shown], value, "black")
    else:
        axes.text(0.5, 0.5, "no result", transform=axes.transAxes, ha="center", color=looks.GREY)
    for one in (axes, ratio):
        one.axvline(len(data) / 2, color=looks.GREY, linewidth=1.0)
        one.set_xlim(0, len(data))
        one.set_xticks([])
        one.minorticks_off()
    axes.set_ylim(0, 1.35 * max([1.0, *(data + error), *total]))
    p = "" if panel.p is None else f", p {panel.p:.2g}"
    axes.text(
        0.96, 0.95, looks.plain(f"{panel.low_gev:g} to {panel.high_gev:g} GeV{p}"), transform=axes.transAxes,
        ha="right", va="top", fontsize=looks.LEGEND_SIZE,
    )  # fmt: skip
