"""Validation loss of the points of a scan against each key that it varies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jetsmith import io
from jetsmith.handed.scan import Scan
from jetsmith.plots import style as looks
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.strict import Record

POINT_COLOR, CHOSEN_COLOR = "#3f90da", "#bd1f01"
A_ROW = 2  # panels
WIDE_RANGE = 20.0  # largest value over smallest, above which an axis is logarithmic
MOST_TEXT = 14  # characters of a value that is no number


class ScanPoint(Record):
    """One training, with a text or a number for each key."""

    values: tuple[float | str, ...]
    validation_loss: float
    rung: int


class ScanNumbers(looks.Numbers):
    """All that the figure shows; `chosen` is the place of the chosen point."""

    SECTION = "Training"

    plot: str = "scan"
    classifier: str
    keys: tuple[str, ...]
    points: tuple[ScanPoint, ...]
    chosen: int

    def caption(self) -> str:
        """What was chosen of how many, and what its loss does not say."""
        return (
            f"Smallest validation loss of each of {len(self.points)} trainings. Chosen: {self._best()}. As "
            "the smallest of several it is smaller than on other jets: what the tagger can do is quoted on "
            "the test split."
        )

    def alternative(self) -> str:
        """Which keys, and what was chosen."""
        return f"Validation losses of {self.title} against {', '.join(self.keys)}; chosen: {self._best()}."

    def _best(self) -> str:
        point = self.points[self.chosen]
        settings = (f"{key} {_text(value)}" for key, value in zip(self.keys, point.values, strict=True))
        return f"{', '.join(settings)} (loss {point.validation_loss:.4g})"


def plot_scan(trained: TrainedSpec, table: str | Path, style: PlotSpec, output: str | Path) -> ScanNumbers:
    """Read the table of a scan; write `output`.pdf, .png and .json.

    Args:
        trained: The classifier.
        table: results/scans/{classifier}.json.
        style: Look of the plots.
        output: Path without suffix.
    """
    found = compute(trained, io.read_record(Scan, table, classifier=trained.name))
    looks.save(draw(found, style), found, output)
    return found


def compute(trained: TrainedSpec, scan: Scan) -> ScanNumbers:
    """The losses with the values of each key."""
    return ScanNumbers(
        classifier=trained.name,
        title=trained.title,
        keys=scan.keys,
        points=tuple(
            ScanPoint(
                values=tuple(_value(tried.settings[key]) for key in scan.keys),
                validation_loss=tried.validation_loss,
                rung=tried.rung,
            )
            for tried in scan.points
        ),
        chosen=scan.points.index(scan.best),
    )


def _value(found: Any) -> float | str:
    """A number as it is; anything else, truth values too, as text."""
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else str(found)


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def draw(numbers: ScanNumbers, style: PlotSpec) -> Figure:
    """A panel a key; the chosen point is marked in each."""
    n_rows = -(-len(numbers.keys) // A_ROW)
    with looks.rc():
        figure = looks.new_figure(style, 0.1 + 0.5 * n_rows)
        panels = figure.subplots(n_rows, min(A_ROW, len(numbers.keys)), squeeze=False).ravel()
        losses = np.array([point.validation_loss for point in numbers.points])
        rungs = np.array([point.rung for point in numbers.points])
        last = rungs == rungs.max()
        for k, (axes, key) in enumerate(zip(panels, numbers.keys, strict=False)):
            _draw_key(axes, [point.values[k] for point in numbers.points], losses, last, numbers.chosen)
            axes.set(xlabel=looks.plain(key.partition(".")[2]), ylabel="Validation loss")
        for axes in panels[len(numbers.keys) :]:
            axes.set_visible(False)
        panels[0].legend(loc="upper right")
        looks.title_line(panels[0], style, numbers.title, panels[min(len(numbers.keys), A_ROW) - 1])
    return figure


def _draw_key(axes: Axes, values: Sequence[float | str], losses: Any, last: Any, chosen: int) -> None:
    """Losses against the values of a key: along an axis where these are numbers, else a place each."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values):
        x = np.array(numbers)
        if x.min() > 0 and x.max() > WIDE_RANGE * x.min():
            axes.set_xscale("log")
        elif (x == x.round()).all():
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        names = list(dict.fromkeys(map(_text, values)))
        x = np.array([names.index(_text(value)) for value in values], float)
        short = [name if len(name) <= MOST_TEXT else f"{name[: MOST_TEXT - 1]}…" for name in names]
        axes.set_xticks(range(len(names)), [looks.plain(name) for name in short])
        axes.minorticks_off()
    if not last.all():
        axes.plot(
            x[~last], losses[~last], "o", color=looks.GREY, alpha=0.5, markersize=4, label="fewer epochs"
        )
    axes.plot(x[last], losses[last], "o", color=POINT_COLOR, markersize=5, label="tried", gid="tried")
    axes.plot(
        x[[chosen]], losses[[chosen]], "*", color=CHOSEN_COLOR, markersize=13, label="chosen", gid="chosen"
    )
    axes.margins(x=0.08)
    low, high = float(losses.min()), float(losses.max())
    span = (high - low) or abs(high) or 1.0
    axes.set_ylim(low - 0.08 * span, high + 0.35 * span)
