"""Efficiency of each working point against transverse momentum, by class."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetsmith import metrics
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import (
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
from jetsmith.texts import doubts_text, split_text

COUNTED = 0.5  # effective jets that pass, of which a logarithmic axis has no point below
ASIDE, REACH = 0.08, 0.8  # of a bin: from one working point to the next, and over all of them at most
SHADES = (1.0, 0.72, 0.5)  # of a class's colour, one a working point


class Points(Record):
    """Efficiencies of one class at one working point, one a bin; None where a bin is empty.

    `doubt` is the mark of calibrate, where few jets or ties fix the point.
    """

    name: str
    working_point: str
    threshold: float
    efficiency: tuple[float | None, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n_effective: tuple[float, ...]
    doubt: str = ""


class EfficiencyNumbers(looks.Numbers):
    """All that the figure shows; jets outside `pt_edges_gev` count in the end bins, as in the corrections."""

    SECTION = "Efficiencies"

    plot: str = "efficiency"
    tagger: str
    sample: str
    folds: int
    classes: tuple[ClassSpec, ...]
    pt_edges_gev: tuple[float, ...]
    points: tuple[Points, ...]

    def caption(self) -> str:
        """Bins, bars and arrows."""
        return (
            "Efficiency of each working point in bins of transverse momentum, "
            f"{split_text(self.folds)}. Classes are by truth; a correction file may count by hadron flavour. "
            "Bars are 68.3% intervals; an arrow is the upper end of one where no jet passes, or jets that "
            "together weigh less than half a one. Jets beyond the bins count in the end bins."
            + doubts_text({points.working_point: points.doubt for points in self.points})
        )

    def alternative(self) -> str:
        """Whose efficiencies."""
        return f"Efficiencies of {self.title} against transverse momentum, a panel a class."


def plot_efficiency(
    spec: ClassifierSpec,
    scores: str | Path,
    numbers: str | Path,
    pt_bins_gev: Sequence[float],
    style: PlotSpec,
    output: str | Path,
) -> EfficiencyNumbers:
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
    found = compute(spec, read_test(scores, spec), read_thresholds(numbers, spec), pt_bins_gev)
    looks.save(draw(found, style), found, output)
    return found


def compute(
    spec: ClassifierSpec, jets: ScoredJets, thresholds: Sequence[Threshold], pt_bins_gev: Sequence[float]
) -> EfficiencyNumbers:
    """Weighted efficiencies with Wilson intervals, for signal and backgrounds, bin by bin."""
    classes = evaluated(spec)
    points = [_points(c, point, jets, pt_bins_gev) for c in classes for point in thresholds]
    filled = any(value is not None for p in points for value in p.efficiency)
    why = "No jets in the bins" if thresholds else "No working points"
    return EfficiencyNumbers(
        tagger=spec.judgement,
        title=spec.title,
        sample=spec.sample,
        folds=spec.folds,
        classes=classes,
        pt_edges_gev=tuple(float(edge) for edge in pt_bins_gev),
        points=tuple(points),
        message="" if filled else f"{why} ({split_text(spec.folds)})",
    )


def _points(wanted: ClassSpec, point: Threshold, jets: ScoredJets, edges: Sequence[float]) -> Points:
    jets = jets.of(wanted)
    place = metrics.bin_of(jets.pt_gev, edges)
    found = efficiencies_by_bin(jets, place, len(edges) - 1, point.threshold)
    return Points(
        name=wanted.name,
        working_point=point.name,
        threshold=point.threshold,
        efficiency=tuple(known(e.value) for e in found),
        low=digits([e.low for e in found]),
        high=digits([e.high for e in found]),
        n_effective=digits([e.n_effective for e in found]),
        doubt=point.doubt,
    )


def draw(numbers: EfficiencyNumbers, style: PlotSpec) -> Figure:
    """One panel a class: the signal on a linear axis, backgrounds on logarithmic ones."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        panels = len(numbers.classes)
        figure = looks.new_figure(style, 0.38 + 0.3 * panels)
        rows = np.atleast_1d(
            figure.subplots(panels, 1, sharex=True, height_ratios=[1.35] + [1] * (panels - 1))
        )
        for index, (axes, wanted) in enumerate(zip(rows, numbers.classes, strict=True)):
            chosen = [p for p in numbers.points if p.name == wanted.name]
            for k, points in enumerate(chosen):
                aside = (k - (len(chosen) - 1) / 2) * min(ASIDE, REACH / len(chosen))
                _draw_points(axes, points, numbers.pt_edges_gev, wanted.color, k, aside, is_log=index > 0)
            _dress(axes, chosen, wanted, is_signal=index == 0)
        _name_points(list(rows))
        rows[-1].set(xlim=(numbers.pt_edges_gev[0], numbers.pt_edges_gev[-1]), xlabel=r"jet $p_T$ [GeV]")
        looks.pt_axis(rows[-1], numbers.pt_edges_gev)
        looks.title_line(rows[0], style, f"{numbers.sample}, {split_text(numbers.folds)}")
    return figure


def _draw_points(
    axes: Axes, points: Points, edges: Sequence[float], color: str, k: int, aside: float, is_log: bool
) -> None:
    filled = [bin_ for bin_, value in enumerate(points.efficiency) if value is not None]
    if not filled:
        return
    low_edge, high_edge = np.asarray(edges[:-1])[filled], np.asarray(edges[1:])[filled]
    # Small steps aside, so that intervals of equal bins stay apart.
    if looks.is_far(edges):
        centre = low_edge * (high_edge / low_edge) ** (0.5 + aside)
    else:
        centre = low_edge + (high_edge - low_edge) * (0.5 + aside)
    value = np.asarray([points.efficiency[bin_] for bin_ in filled], float)
    low, high, n_effective = (np.asarray(of)[filled] for of in (points.low, points.high, points.n_effective))
    look: dict[str, Any] = {"color": color, "alpha": SHADES[k % len(SHADES)], "linewidth": 1.2}
    point = value * n_effective >= COUNTED if is_log else np.ones(len(value), bool)
    axes.errorbar(
        centre[point], value[point], yerr=np.stack([value - low, high - value])[:, point],
        xerr=np.stack([centre - low_edge, high_edge - centre])[:, point], fmt=looks.marker(k),
        markersize=5.5, label=points.working_point, gid=f"{points.name}.{points.working_point}", **look,
    )  # fmt: skip
    # Where no jet passes a logarithmic axis has no point, and where a few of tiny weights pass it would reach
    # down for decades: an arrow hangs from the upper end of the interval.
    looks.upper_ends(axes, centre[~point], high[~point], **look)


def _name_points(rows: Sequence[Axes]) -> None:
    """In the uppermost panel, by the first one that has some: of a class there may be no jets."""
    named = next((found for axes in rows if (found := axes.get_legend_handles_labels())[0]), None)
    if named is not None:
        rows[0].legend(*named, loc="upper right", ncols=len(named[0]), columnspacing=1.2, handlelength=1.2)


def _dress(axes: Axes, points: Sequence[Points], wanted: ClassSpec, is_signal: bool) -> None:
    name = looks.tex(wanted.label)
    axes.grid(axis="y", which="major")
    axes.set_axisbelow(True)
    if is_signal:
        axes.set(ylim=(0, 1.28), ylabel=f"{name} efficiency", yticks=np.linspace(0, 1, 6))
        return
    values = [low for of in points for low in _lowest(of)]
    lowest = min(values, default=1e-3)
    axes.set(yscale="log", ylim=(10 ** np.floor(np.log10(lowest) - 0.3), 1.5), ylabel=f"{name} mistag")


def _lowest(of: Points) -> Iterator[float]:
    """What a logarithmic axis reaches down to, a bin: its point, or the end of its arrow."""
    for value, high, n_effective in zip(of.efficiency, of.high, of.n_effective, strict=True):
        if value is not None:
            yield value if value * n_effective >= COUNTED else (1 - looks.ARROW) * high
