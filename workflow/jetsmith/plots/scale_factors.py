"""Scale factors against pt: each measurement, all together, and of pseudo-data the truth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetsmith import io
from jetsmith.handed.measurement import Measurement
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import doubts_text, label_text

Values = tuple[float | None, ...]
BAND = "#c8ccd0"
SPREAD = 0.5  # of a bin's width, over which measurements stand side by side


class Series(Record):
    """One measurement at one working point, by bin of pt; None where there is no result or no truth.

    `label` is that of the class.
    """

    name: str
    label: str
    is_pseudo: bool
    value: Values
    up: Values
    down: Values
    independent: Values
    true: Values


class Panel(Record):
    """A working point: measurements, and all together where each bin has a result; calibrate's mark of it."""

    point: str
    series: tuple[Series, ...]
    value: tuple[float, ...]
    up: tuple[float, ...]
    down: tuple[float, ...]
    doubt: str = ""

    def shown(self) -> list[tuple[str, list[float]]]:
        """What is to be named: all together, or by the name of each measurement what it has."""
        if self.value:
            return [("", [*self.value])]
        found = ((f" ({s.name})", [value for value in s.value if value is not None]) for s in self.series)
        return [(name, values) for name, values in found if values]


class ScaleFactorsNumbers(looks.Numbers):
    """All that the figure shows."""

    SECTION = "Fits to data"

    plot: str = "scale_factors"
    judgement: str
    label: str
    pt_edges_gev: tuple[float, ...]
    panels: tuple[Panel, ...]

    def heading(self) -> str:
        """Of what."""
        return f"{self.title}: scale factors"

    def labels(self) -> list[str]:
        """Of the classes that are measured."""
        return [*dict.fromkeys(series.label for panel in self.panels for series in panel.series)]

    def caption(self) -> str:
        """What bars and bands are, and what is not data."""
        measured = {series.name: series.is_pseudo for panel in self.panels for series in panel.series}
        of = {s.name: label_text(s.label) for panel in self.panels for s in panel.series}
        several = len(self.labels()) > 1
        names = [f"{name} of {label}" if several else name for name, label in of.items()]
        pseudo = [name for name, is_pseudo in measured.items() if is_pseudo]
        said = [
            f"Efficiency of {' and of '.join(map(label_text, self.labels()))} in data over that in "
            f"simulation, by measurement ({', '.join(names)}). Bars: 68.3%, everything together; ticks on "
            "them: statistics of data and simulation alone."
        ]
        if any(panel.value for panel in self.panels):
            whose = f" of {label_text(self.label)}" if several else ""
            said.append(f"Band: all measurements{whose} together.")
        if pseudo:
            said.append(
                f"{', '.join(pseudo)}: pseudo-data, simulation presented as data; lines are true scale "
                "factors, of events that were not presented."
            )
        return " ".join(said) + doubts_text({panel.point: panel.doubt for panel in self.panels})

    def alternative(self) -> str:
        """Ranges of the combination, else of each measurement."""
        ranges = [
            f"{panel.point}{name} {min(values):.3f} to {max(values):.3f}"
            for panel in self.panels
            for name, values in panel.shown()
        ]
        return f"Scale factors of {self.title} by bin of pt: {', '.join(ranges) or 'none in every bin'}."


def plot_scale_factors(
    spec: ClassifierSpec,
    measurements: Sequence[str | Path],
    combination: str | Path,
    style: PlotSpec,
    output: str | Path,
) -> ScaleFactorsNumbers:
    """Read what was measured of a judgement; write `output`.pdf, .png and .json.

    Args:
        spec: The tagger with its discriminant.
        measurements: results/scale_factors/{measurement}.json of each.
        combination: results/scale_factors/{judgement}.combination.json.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: A file is damaged or another's.
    """
    each = [io.read_record(Measurement, path, judgement=spec.judgement) for path in measurements]
    found = compute(spec, each, io.read_json(combination, judgement=spec.judgement))
    looks.save(draw(found, style), found, output)
    return found


def compute(
    spec: ClassifierSpec, measurements: Sequence[Measurement], combination: Mapping[str, Any]
) -> ScaleFactorsNumbers:
    """A panel a working point."""
    points = dict.fromkeys(point for one in measurements for point in one.points)
    labels = {c.name: c.label for c in (spec.signal_class, *spec.background_classes) if c is not None}
    panels = []
    for point in points:
        together = combination["points"].get(point, {})
        ends = {key: digits(together.get(key, ())) for key in ("value", "up", "down")}
        series = tuple(_series(one, point, labels) for one in measurements if point in one.points)
        doubt = next((one.doubts[point] for one in measurements if point in one.doubts), "")
        panels.append(Panel(point=point, series=series, doubt=doubt, **ends))
    return ScaleFactorsNumbers(
        title=spec.title,
        judgement=spec.judgement,
        label=spec.signal_class.label if spec.signal_class else "",
        pt_edges_gev=digits(measurements[0].pt_edges_gev),
        panels=tuple(panels),
    )


def _series(one: Measurement, point: str, labels: Mapping[str, str]) -> Series:
    bins = one.points[point]

    def of(field: str) -> Values:
        return tuple(None if b.factor is None else _digits(getattr(b.factor, field)) for b in bins)

    return Series(
        name=one.measurement,
        label=labels.get(one.measured, one.measured),
        is_pseudo=one.is_pseudo,
        value=of("value"),
        up=of("up"),
        down=of("down"),
        independent=of("independent"),
        true=tuple(None if b.true is None else _digits(b.true) for b in bins),
    )


def _digits(value: float) -> float:
    return digits([value])[0]


def draw(numbers: ScaleFactorsNumbers, style: PlotSpec) -> Figure:
    """Panels one below the other."""
    with looks.rc():
        figure = looks.new_figure(style, 0.2 + 0.36 * len(numbers.panels))
        grid = figure.subplots(len(numbers.panels), sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(grid, numbers.panels, strict=True):
            _draw_panel(axes, panel, np.array(numbers.pt_edges_gev))
        looks.pt_axis(grid[-1], numbers.pt_edges_gev)
        grid[-1].set(xlabel="jet $p_T$ [GeV]", xlim=(numbers.pt_edges_gev[0], numbers.pt_edges_gev[-1]))
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2)
        looks.title_line(grid[0], style, f"{numbers.title}, {', '.join(map(label_text, numbers.labels()))}")
    return figure


def _draw_panel(axes: Axes, panel: Panel, edges: Any) -> None:
    axes.axhline(1, color=looks.GREY, linewidth=0.8)
    if panel.value:
        value = np.array(panel.value)
        axes.stairs(
            value + panel.up, edges, baseline=value - panel.down, fill=True, color=BAND, label="all together"
        )
        axes.stairs(value, edges, color=looks.GREY, linewidth=1.0, baseline=None)
    shifts = (np.arange(len(panel.series)) + 0.5) / max(len(panel.series), 1) - 0.5
    if any(true is not None for series in panel.series for true in series.true):
        axes.plot([], [], color=looks.GREY, linestyle=":", linewidth=1.8, label="true")
    for index, (series, shift) in enumerate(zip(panel.series, shifts, strict=True)):
        color = looks.line_style(index)["color"]
        x = edges[:-1] + (0.5 + SPREAD * shift) * np.diff(edges)
        kept = [k for k, value in enumerate(series.value) if value is not None]
        y, up, down, own = (
            np.array([of[k] for k in kept], float)
            for of in (series.value, series.up, series.down, series.independent)
        )
        label = f"{series.name}{' (pseudo-data)' if series.is_pseudo else ''}"
        axes.errorbar(
            x[kept],
            y,
            [down, up],
            fmt=looks.marker(index),
            color=color,
            label=looks.plain(label),
            gid=series.name,
        )
        axes.errorbar(x[kept], y, own, fmt="none", ecolor=color, capsize=4, elinewidth=0)
        for k, true in enumerate(series.true):
            if true is not None:
                axes.plot(edges[k : k + 2], [true, true], color=color, linestyle=":", linewidth=1.8)
    axes.set_ylabel(looks.plain(f"scale factor, {panel.point}"))
    axes.margins(y=0.15)
