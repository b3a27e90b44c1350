"""Corrections of the shape of a discriminant, bin by bin, with their errors, and of pseudo-data the truth."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field

from jetsmith import io
from jetsmith.handed.shape import Shape, ShapeRow
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import doubts_text

BELOW = "below"


class Curve(Record):
    """Scale factors of one flavour in one bin of |eta| and pt, by bin of the discriminant."""

    abseta: tuple[float, float]
    value: tuple[float, ...]
    statistic: tuple[float, ...]
    total: tuple[float, ...]
    true: tuple[float, ...]
    p: float | None


class Panel(Record):
    """One flavour in one bin of pt; its bins that may have jets."""

    flavour: str
    pt_gev: tuple[float, float]
    labels: tuple[str, ...]
    curves: tuple[Curve, ...]


class ShapesNumbers(looks.Numbers):
    """All that the figure shows; rows of panels by pt, in each by flavour."""

    SECTION = "Fits to data"
    WIDE: ClassVar[bool] = True

    plot: str = "shapes"
    judgement: str
    is_pseudo: bool
    sources: tuple[str, ...]
    panels: tuple[tuple[Panel, ...], ...]
    doubts: dict[str, str] = Field(default_factory=dict)  # marks of calibrate, of the points of tags

    def heading(self) -> str:
        """Of what."""
        return f"{self.title}: corrections of the shape"

    def caption(self) -> str:
        """What bands are, and how well found and true agree."""
        said = (
            "Jets of data over those of simulation by bin of the discriminant, the number in a bin of pt and "
            "|eta| being conserved: b jets (left) and light jets (right). Bars: 68.3%, with "
            f"{', '.join(self.sources)}; ticks on them: statistics of data and simulation alone."
        )
        tested = [c.p for row in self.panels for panel in row for c in panel.curves if c.p is not None]
        if self.is_pseudo:
            said += " Data are simulation; lines are true scale factors, of events that were not presented."
            said += f" Smallest p of {len(tested)}: {min(tested):.2g}." if tested else ""
        return said + doubts_text(self.doubts)

    def alternative(self) -> str:
        """Ranges of the scale factors."""
        ranges = []
        for place, flavour in enumerate(("b", "light")):
            values = [
                v for row in self.panels if len(row) > place for c in row[place].curves for v in c.value
            ]
            ranges.append(f"{flavour} jets {min(values):.2f} to {max(values):.2f}")
        return f"Scale factors of the shape of {self.title}: {', '.join(ranges)}."


def plot_shapes(
    spec: ClassifierSpec, shape: str | Path, style: PlotSpec, output: str | Path
) -> ShapesNumbers:
    """Read what was found of a judgement; write `output`.pdf, .png and .json.

    Args:
        spec: The tagger with its discriminant.
        shape: results/scale_factors/{judgement}.shape.json.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: The file is damaged or another's.
    """
    found = compute(spec, io.read_record(Shape, shape, judgement=spec.judgement))
    looks.save(draw(found, style), found, output)
    return found


def compute(spec: ClassifierSpec, found: Shape) -> ShapesNumbers:
    """A panel a flavour and bin of pt; of bins in pt that one flavour lacks, none."""
    columns = [
        [
            _panel(flavour, [row for row in rows if row.pt_gev == pt], found.discriminant_edges[place])
            for pt in dict.fromkeys(row.pt_gev for row in rows)
        ]
        for place, (flavour, rows) in enumerate((("b", found.heavy), ("light", found.light)))
    ]
    n = max(map(len, columns))
    return ShapesNumbers(
        title=spec.title,
        judgement=spec.judgement,
        is_pseudo=found.is_pseudo,
        sources=("lf", "hf"),
        panels=tuple(tuple(column[k] for column in columns if k < len(column)) for k in range(n)),
        doubts=found.doubts,
    )


def _panel(flavour: str, rows: Sequence[ShapeRow], edges: Sequence[float]) -> Panel:
    used = [k for k in range(len(edges)) if any(row.own[k] > 0 for row in rows)]
    labels = [f"{BELOW} {edges[0]:g}", *(f"{a:g}–{b:g}" for a, b in pairwise(edges))]

    def kept(values: Sequence[float]) -> tuple[float, ...]:
        return digits([values[k] for k in used]) if values else ()

    return Panel(
        flavour=flavour,
        pt_gev=rows[0].pt_gev,
        labels=tuple(labels[k] for k in used),
        curves=tuple(
            Curve(
                abseta=row.abseta,
                value=kept(row.value),
                statistic=kept(row.error),
                total=kept(row.total(("lf", "hf"))),
                true=kept(row.true),
                p=None if row.p is None else digits([row.p])[0],
            )
            for row in rows
        ),
    )


def draw(numbers: ShapesNumbers, style: PlotSpec) -> Figure:
    """Panels in two columns, a row a bin of pt; bins of the discriminant are as wide as each other."""
    with looks.rc():
        wide = style.model_copy(update={"width_in": style.width_in * 1.8})
        figure = looks.new_figure(wide, 0.06 + 0.3 * len(numbers.panels))
        grid = figure.subplots(len(numbers.panels), 2, squeeze=False)
        for axes_row, row in zip(grid, numbers.panels, strict=True):
            for axes in axes_row[len(row) :]:
                axes.set_axis_off()
            for axes, panel in zip(axes_row, row, strict=False):
                _draw_panel(axes, panel)
        looks.title_line(grid[0, 0], style, numbers.title, grid[0, -1])
    return figure


def _draw_panel(axes: Axes, panel: Panel) -> None:
    axes.axhline(1, color=looks.GREY, linewidth=0.8)
    edges = np.arange(len(panel.labels) + 1)
    n = len(panel.curves)
    for index, curve in enumerate(panel.curves):
        color = looks.line_style(index)["color"]
        x = edges[:-1] + 0.5 + 0.5 * ((index + 0.5) / n - 0.5)
        low, high = curve.abseta
        name = f"|$\\eta$| {low:g} to {high:g}"
        axes.errorbar(x, curve.value, curve.total, fmt=looks.marker(index), color=color, label=name)
        axes.errorbar(x, curve.value, curve.statistic, fmt="none", ecolor=color, capsize=3, elinewidth=0)
        if curve.true:
            axes.stairs(curve.true, edges, color=color, linestyle=":", linewidth=1.6, baseline=None)
    axes.set_xticks(edges[:-1] + 0.5, panel.labels, rotation=30, ha="right")
    axes.set_xlim(0, edges[-1])
    axes.margins(y=0.15)
    axes.set_ylabel(f"{panel.flavour} jets, {panel.pt_gev[0]:g} to {panel.pt_gev[1]:g} GeV")
    if n > 1:
        axes.legend(fontsize=looks.LEGEND_SIZE)
