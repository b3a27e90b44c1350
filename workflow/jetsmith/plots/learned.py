"""Efficiencies counted and predicted, by networks and in bins, against what networks are not given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetsmith import io
from jetsmith.handed.learned import Agreement, Curve, Learned
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record

NETWORK, BINNED = "#d62728", "#1f77b4"
MOST = 3  # variables that are drawn; the JSON has all
RATIO_RANGE = (0.5, 1.5)
LONGEST = 2.0  # of the last bin, which may reach far, as drawn: in widths of the widest of the others


class Panel(Record):
    """One class at one working point against one variable; no bins where there are too few jets.

    `p_network` and `p_binned` are those of chi2 over all bins.
    """

    class_name: str
    label: str
    point: str
    variable: str
    variable_label: str
    edges: tuple[float, ...]
    counted: tuple[float, ...]
    counted_low: tuple[float, ...]
    counted_high: tuple[float, ...]
    network: tuple[float, ...]
    network_error: tuple[float, ...]
    binned: tuple[float, ...]
    binned_error: tuple[float, ...]
    p_network: float | None
    p_binned: float | None


class LearnedNumbers(looks.Numbers):
    """All that the figure shows; the loosest point alone is drawn."""

    SECTION = "Efficiencies"
    WIDE: ClassVar[bool] = True

    plot: str = "learned"
    learned: str
    judgement: str
    sample: str
    drawn_point: str
    panels: tuple[Panel, ...]

    def heading(self) -> str:
        """Of what."""
        return f"{self.title}: efficiencies learned by {self.learned}"

    def caption(self) -> str:
        """What is compared, and how well it agrees."""
        shown = [panel for panel in self.panels if panel.point == self.drawn_point and panel.edges]
        found = "; ".join(
            f"{panel.class_name} against {panel.variable.partition('.')[2]}: network {_p(panel.p_network)}, "
            f"bins {_p(panel.p_binned)}"
            for panel in shown
        )
        return (
            f"Efficiency of working point {self.drawn_point} of jets of the test split, counted and "
            "predicted, against variables that the network is not given. Bars and bands are 68.3% intervals; "
            "binned efficiencies are of the jets that the network learned from. p of chi2 over all bins: "
            f"{found}. A last bin that reaches far is drawn shorter."
        )

    def alternative(self) -> str:
        """The same, shorter."""
        return (
            f"Counted and predicted efficiencies of {self.title} against variables not given, a row a class."
        )


def plot_learned(
    spec: ClassifierSpec,
    found: str | Path,
    style: PlotSpec,
    output: str | Path,
    learned: str,
    labels: Mapping[str, str],
) -> LearnedNumbers:
    """Read what stage learn found; write `output`.pdf, .png and .json.

    Args:
        spec: The tagger with its discriminant.
        found: results/learned/{learned}.json.
        style: Look of the plots.
        output: Path without suffix.
        learned: Name of the entry.
        labels: TeX label of each variable, by `group.feature`.

    Raises:
        InputError: The file is damaged or another's.
    """
    one = io.read_record(Learned, found, learned=learned, judgement=spec.judgement)
    numbers = compute(spec, one, labels)
    looks.save(draw(numbers, style), numbers, output)
    return numbers


def compute(spec: ClassifierSpec, one: Learned, labels: Mapping[str, str]) -> LearnedNumbers:
    """A panel a curve of what is not given."""
    names = {c.name: c.label for c in (spec.signal_class, *spec.background_classes) if c is not None}
    panels = tuple(_panel(curve, names, labels) for curve in one.curves if not curve.is_given)
    point = next(iter(one.thresholds))
    if not panels:
        message = "`closes_in` names nothing that the network is not given"
    elif not any(panel.edges for panel in panels if panel.point == point):
        message = f"Too few jets pass or fail {point} to tell anything"
    else:
        message = ""
    return LearnedNumbers(
        title=spec.title,
        learned=one.learned,
        judgement=one.judgement,
        sample=one.sample,
        drawn_point=point,
        panels=panels,
        message=message,
    )


def _panel(curve: Curve, names: Mapping[str, str], labels: Mapping[str, str]) -> Panel:
    variable = f"{curve.group}.{curve.feature}"
    bins = curve.bins

    def p(of: Agreement | None) -> float | None:
        return None if of is None else digits([of.p_value])[0]

    return Panel(
        class_name=curve.class_name,
        label=names.get(curve.class_name, curve.class_name),
        point=curve.point,
        variable=variable,
        variable_label=labels.get(variable) or curve.feature,
        edges=digits([*(b.low for b in bins), *(b.high for b in bins[-1:])]),
        counted=digits([b.counted for b in bins]),
        counted_low=digits([b.counted_low for b in bins]),
        counted_high=digits([b.counted_high for b in bins]),
        network=digits([b.network for b in bins]),
        network_error=digits([b.network_error for b in bins]),
        binned=digits([b.binned for b in bins]),
        binned_error=digits([b.binned_error for b in bins]),
        p_network=p(curve.network),
        p_binned=p(curve.binned),
    )


def draw(numbers: LearnedNumbers, style: PlotSpec) -> Figure:
    """A row of panels a class, a column a variable, each with predicted over counted below."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    shown = [panel for panel in numbers.panels if panel.point == numbers.drawn_point]
    variables = list(dict.fromkeys(panel.variable for panel in shown))[:MOST]
    classes = list(dict.fromkeys(panel.class_name for panel in shown))
    with looks.rc():
        wide = style.model_copy(update={"width_in": style.width_in * (1 + 0.5 * (len(variables) - 1))})
        figure = looks.new_figure(wide, (0.1 + 0.5 * len(classes)) / (1 + 0.3 * (len(variables) - 1)))
        grid = figure.subplots(
            2 * len(classes),
            len(variables),
            squeeze=False,
            sharex="col",
            gridspec_kw={"height_ratios": [2.6, 1] * len(classes)},
        )
        for panel in shown:
            if panel.variable not in variables:
                continue
            row, column = classes.index(panel.class_name), variables.index(panel.variable)
            upper, lower = grid[2 * row, column], grid[2 * row + 1, column]
            _draw(upper, lower, panel)
            if column == 0:
                upper.set_ylabel(f"{looks.tex(panel.label)} efficiency")
                lower.set_ylabel("ratio")
            if row == len(classes) - 1:
                lower.set_xlabel(looks.tex(panel.variable_label))
        handles, texts = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside upper center", ncols=3)
        looks.title_line(grid[0, 0], style, f"{numbers.title}, {numbers.drawn_point}", grid[0, -1])
    return figure


def _draw(upper: Axes, lower: Axes, panel: Panel) -> None:
    if not panel.edges:
        upper.text(0.5, 0.5, "too few jets", transform=upper.transAxes, ha="center", color=looks.GREY)
        return
    edges = np.array(panel.edges)
    edges[-1] = min(edges[-1], edges[-2] + LONGEST * np.diff(edges[:-1]).max())
    centre, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    counted = np.array(panel.counted)
    errors = np.stack([counted - panel.counted_low, panel.counted_high - counted])
    known = counted > 0
    for name, color, line, value, error in (
        ("network", NETWORK, "-", panel.network, panel.network_error),
        ("bins of pt, |eta|", BINNED, (0, (5, 1.5)), panel.binned, panel.binned_error),
    ):
        _band(upper, edges, np.array(value), np.array(error), color, line, name)
        ratio = [np.divide(x, counted, out=np.ones(len(counted)), where=known) for x in (value, error)]
        _band(lower, edges, ratio[0], ratio[1], color, line, "")
    dots: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 4, "elinewidth": 1.2}
    upper.errorbar(centre, counted, errors, half, label="counted", gid="counted", **dots)
    relative = errors[:, known] / counted[known]
    lower.errorbar(centre[known], np.ones(int(known.sum())), relative, half[known], **dots)
    lower.axhline(1, color=looks.GREY, linewidth=0.8)
    lower.set_ylim(*RATIO_RANGE)
    upper.margins(x=0)
    upper.set_ylim(0, 1.25 * float(max(*panel.counted_high, *panel.network, *panel.binned)))
    text = f"network {_p(panel.p_network)}, bins {_p(panel.p_binned)}"
    upper.text(0.03, 0.93, text, transform=upper.transAxes, va="top", fontsize=looks.LEGEND_SIZE)


def _band(axes: Axes, edges: Any, value: Any, error: Any, color: str, line: Any, label: str) -> None:
    axes.stairs(value, edges, color=color, linestyle=line, linewidth=1.5, baseline=None, label=label or None)
    axes.stairs(value + error, edges, baseline=value - error, fill=True, color=color, alpha=0.2)


def _p(value: float | None) -> str:
    return "p –" if value is None else f"p {value:.2g}"
