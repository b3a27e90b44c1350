"""Distances of features as points: a line a feature, a column a pair of samples, a colour a class."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jetsmith.plots import style as looks
from jetsmith.specs.plots import PlotSpec

if TYPE_CHECKING:
    from jetsmith.plots.shifts import Compared

LINE_IN, HEAD_IN, FOOT_IN = 0.2, 0.95, 0.62  # heights of a line, and of what stands above and below
NAMES_IN, PAIR_IN = 3.1, 3.6  # widths


def draw_shifts(
    found: Sequence["Compared"], labels: Mapping[str, str], title: str, large: float, style: PlotSpec
) -> Figure:
    """A figure of all comparisons.

    Args:
        found: Not empty.
        labels: TeX label of each feature, in the order of the lines.
        title: What they are of.
        large: Distance from which they may be flagged.
        style: Look of the plots.
    """
    pairs = list(dict.fromkeys((one.first, one.second) for one in found))
    scale = style.width_in / looks.WIDTH_IN
    width_in = scale * (NAMES_IN + PAIR_IN * max(len(pairs), 2) + 0.15)
    height_in = scale * (HEAD_IN + LINE_IN * (len(labels) + 1) + FOOT_IN)
    column = (1 - scale * (NAMES_IN + 0.15) / width_in) / len(pairs)
    with looks.rc():
        figure = Figure((width_in, height_in), dpi=style.dpi, facecolor="white")
        top, bottom = 1 - scale * HEAD_IN / height_in, scale * FOOT_IN / height_in
        high = 1.08 * max(one.distance + one.error for one in found)
        for k, pair in enumerate(pairs):
            left = scale * NAMES_IN / width_in + k * column
            axes = figure.add_axes((left, bottom, column * (0.94 if len(pairs) > 1 else 1), top - bottom))
            _draw_pair(axes, [one for one in found if (one.first, one.second) == pair], list(labels), large)
            axes.set_xlim(0, max(high, 1.5 * large))
            axes.set_title(looks.plain(" and ".join(pair)), fontsize=11, color=looks.GREY, loc="right", pad=5)
            names = [looks.tex(label) for label in labels.values()] if k == 0 else []
            axes.set_yticks(np.arange(len(names)), names, fontsize=9.5)
            axes.set_xlabel("Distance (KS)", fontsize=11)
        _head(figure, found, title, style, scale / height_in, scale / width_in)
    return figure


def _draw_pair(axes: Axes, found: Sequence["Compared"], names: Sequence[str], large: float) -> None:
    classes = list(dict.fromkeys(one.of_class for one in found))
    for lane, name in enumerate(classes):
        of = [one for one in found if one.of_class == name]
        y = np.array([names.index(one.feature) for one in of]) + 0.62 * ((lane + 0.5) / len(classes) - 0.5)
        x, error = np.array([one.distance for one in of]), [one.error for one in of]
        axes.errorbar(x, y, xerr=error, fmt="none", ecolor=of[0].color, elinewidth=0.8)
        filled = np.array([one.flagged for one in of])
        for mask, face in ((filled, of[0].color), (~filled, "white")):
            axes.plot(
                x[mask], y[mask], "o", markersize=3.4, markeredgecolor=of[0].color, markerfacecolor=face,
                markeredgewidth=0.8, gid=f"{name}.{'flagged' if mask is filled else 'open'}",
            )  # fmt: skip
    axes.axvline(large, color=looks.GREY, linewidth=0.9, linestyle=(0, (5, 2)))
    axes.set_ylim(len(names) - 0.4, -0.6)
    for line in range(0, len(names), 2):
        axes.axhspan(line - 0.5, line + 0.5, color="#f1f3f5", zorder=0)
    axes.minorticks_off()
    axes.tick_params(labelsize=9.5, length=3, top=False)
    axes.tick_params(axis="y", length=0)


def _head(
    figure: Figure, found: Sequence["Compared"], title: str, style: PlotSpec, inch: float, across: float
) -> None:
    """Title and legend; an inch is so much of the height, and so much of the width."""
    figure.text(
        0.12 * across, 1 - 0.1 * inch, looks.plain(f"{style.label}: {title}"), va="top", **looks.HEADLINE
    )
    classes = {one.of_class: (one.label, one.color) for one in found}
    handles = [
        Line2D([], [], color=color, marker="o", markersize=4, linestyle="none", label=looks.plain(label))
        for label, color in classes.values()
    ]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.0, 1 - 0.3 * inch), ncols=8, frameon=False,
        handletextpad=0.2,
    )  # fmt: skip
