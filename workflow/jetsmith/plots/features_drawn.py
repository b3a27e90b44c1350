"""Small multiples of features: a cell each, histograms by class, and at the left what is missing.

Cells are placed by hand: the engine that lays out other figures takes minutes for a hundred axes. A cell is
drawn in units of its bins, which are of equal width on every kind of axis, and has ticks at round values.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.features_found import Class, Feature, is_constant, share_text
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.texts import minus

COLUMNS = 4
CELL_IN = 1.6  # height of a cell
BELOW_IN, ABOVE_IN = 0.42, 0.24  # of that what is no frame: ticks and label, name
HEAD_IN = 0.72
STRIP = 0.16  # of the bins' width: what is missing, left of them
PEAKED = 25.0  # largest bin over the median of the filled ones, from which its axis is logarithmic


def draw_features(
    features: Sequence[Feature], classes: Sequence[ClassSpec], title: str, style: PlotSpec
) -> Figure:
    """A figure of all features, row by row.

    Args:
        features: Described.
        classes: With labels and colours.
        title: What they are of.
        style: Look of the plots.
    """
    columns = min(COLUMNS, len(features))
    rows = -(-len(features) // columns)
    scale = style.width_in / looks.WIDTH_IN
    width_in, height_in = 1.5 * style.width_in, scale * (HEAD_IN + rows * CELL_IN)
    with looks.rc():
        figure = Figure((width_in, height_in), dpi=style.dpi, facecolor="white")
        _head(figure, classes, title, style, height_in, scale)
        for k, feature in enumerate(features):
            row, column = divmod(k, columns)
            bottom = 1 - scale * (HEAD_IN + (row + 1) * CELL_IN - BELOW_IN) / height_in
            frame_in = scale * (CELL_IN - BELOW_IN - ABOVE_IN)
            axes = figure.add_axes(((column + 0.05) / columns, bottom, 0.9 / columns, frame_in / height_in))
            _draw_cell(axes, feature, classes)
    return figure


def _head(
    figure: Figure, classes: Sequence[ClassSpec], title: str, style: PlotSpec, height_in: float, scale: float
) -> None:
    figure.text(
        0.0125,
        1 - 0.1 * scale / height_in,
        looks.plain(f"{style.label}: {title}"),
        va="top",
        **looks.HEADLINE,
    )
    handles = [Line2D([], [], color=one.color, label=looks.tex(one.label)) for one in classes]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.0, 1 - 0.33 * scale / height_in), ncols=8,
        frameon=False,
    )  # fmt: skip


def _draw_cell(axes: Axes, feature: Feature, classes: Sequence[ClassSpec]) -> None:
    colors = {one.name: one.color for one in classes}
    shown = [one for one in feature.classes if one.name in colors]
    lines = [one for one in shown if one.fractions]
    axes.set_title(looks.plain(feature.feature), fontsize=8.5, loc="left", pad=2.5, color=looks.GREY)
    axes.set_xlabel(looks.tex(feature.label), fontsize=9.5, labelpad=1.5)
    axes.set(xlim=(0, 1), yticks=[])
    axes.minorticks_off()
    axes.tick_params(labelsize=8, length=3, pad=2, top=False)
    if is_constant(feature.all) or not lines:
        axes.set(xticks=[], ylim=(0, 1))
        value = feature.default if feature.all.default == 1 else feature.all.low
        said = "nothing" if value is None else f"always {minus(f'{value:g}')}"
        axes.text(0.5, 0.5, said, ha="center", va="center", color=looks.GREY, fontsize=9)
        return
    place = np.linspace(0, 1, len(feature.edges))
    axes.add_collection(
        LineCollection(
            [_steps(one.fractions, place) for one in lines],
            colors=[colors[one.name] for one in lines],
            linewidths=1.15,
            gid=feature.feature,
        ),
        autolim=False,
    )
    _heights(axes, lines)
    ticks, texts = ticks_of(feature)
    if feature.is_code:
        _draw_missing(axes, shown, colors)
        axes.set_xlim(-STRIP, 1)
        kept = np.flatnonzero(ticks > 0.6 * STRIP)  # others would touch the word
        ticks, texts = np.append(ticks[kept], -STRIP / 2), [*(texts[k] for k in kept), "missing"]
    axes.set_xticks(ticks, texts)
    missing = max(feature.replaced.values(), default=0.0)
    notes = (
        [f"{minus(f'{feature.default:g}')}: ≤ {share_text(missing)} missing"]
        if missing and not feature.is_code and feature.default is not None
        else []
    )
    notes += ["log"] if axes.get_yscale() == "log" else []
    axes.set_title(", ".join(notes), fontsize=8, loc="right", pad=2.5, color=looks.GREY)


def _steps(fractions: Sequence[float], place: FloatArray) -> FloatArray:
    """The outline of a histogram from the axis and back, shape (2 B + 2, 2)."""
    heights = np.concatenate([[0.0], np.repeat(fractions, 2), [0.0]])
    return np.stack([np.repeat(place, 2), heights], axis=1)


def _heights(axes: Axes, lines: Sequence[Class]) -> None:
    values = np.concatenate([np.asarray(one.fractions) for one in lines])
    filled, high = values[values > 0], float(values.max())
    if high > PEAKED * float(np.median(filled)):
        low = max(float(filled.min()), high * 1e-5)
        axes.set(yscale="log", ylim=(low / 1.5, high * (high / low) ** 0.12), yticks=[])
        axes.minorticks_off()
    else:
        axes.set_ylim(0, high * 1.12)


def _draw_missing(axes: Axes, shown: Sequence[Class], colors: dict[str, str]) -> None:
    """Bars of the share that is missing, side by side, on an axis from 0 to 1 of their own."""
    n = max(len(shown), 1)
    step = 0.86 * STRIP / n
    left = -STRIP + 0.07 * STRIP + step * np.arange(n)
    transform = axes.get_xaxis_transform()
    axes.axvspan(-STRIP, 0, color="#f1f3f5", zorder=0)
    axes.axvline(0, color=looks.GREY, linewidth=0.7)
    axes.bar(
        left[: len(shown)], [one.default for one in shown], step, align="edge",
        color=[colors[one.name] for one in shown], transform=transform,
    )  # fmt: skip


class Binned(Protocol):
    """What has bins as `describing.axis_of` gives them."""

    @property
    def axis(self) -> str:
        """Their kind."""

    @property
    def edges(self) -> Sequence[float]:
        """Of the bins."""

    @property
    def width(self) -> float:
        """Up to where they are linear."""


def ticks_of(feature: Binned) -> tuple[FloatArray, list[str]]:
    """Places between 0 and 1 of round values on a feature's axis, and these as text."""
    edges = np.asarray(feature.edges)
    low, high = edges[0], edges[-1]
    values = np.asarray(_round_values(feature, low, high), np.float64)
    values = values[(values >= low) & (values <= high)]
    place = np.interp(values, edges, np.linspace(0, 1, len(edges)))
    return place, [_round(value) for value in values]


def _round_values(feature: Binned, low: float, high: float) -> Sequence[float] | FloatArray:
    if feature.axis == "log":
        values = 10.0 ** np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1)
        return values[:: -(-len(values) // 4) or 1]
    if feature.axis == "asinh":
        return _decades(low, high, feature.width)
    return MaxNLocator(4, integer=feature.axis == "whole", steps=[1, 2, 5, 10]).tick_values(low, high)


def _decades(low: float, high: float, width: float) -> FloatArray:
    """0 and powers of ten on both sides, not so many that they touch."""
    reach = max(abs(low), abs(high))
    top, bottom = np.floor(np.log10(reach)), np.ceil(np.log10(width))
    powers = np.arange(bottom + 1, top + 1)
    powers = powers[:: -(-len(powers) // 2)] if len(powers) else np.array([top])
    return np.concatenate([-(10.0 ** powers[::-1]), [0.0], 10.0**powers])


def _round(value: float) -> str:
    if value and not 1e-3 <= abs(value) < 1e5:
        power = int(np.floor(np.log10(abs(value)) + 1e-9))
        mantissa = value / 10.0**power
        front = "" if mantissa == 1 else "-" if mantissa == -1 else rf"{mantissa:.3g}\cdot"
        return rf"${front}10^{{{power}}}$"
    return minus(f"{value:.4g}")
