"""The numbers of a ROC figure, and the figure of nothing but them."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from jetsmith.metrics import Interval
from jetsmith.plots import style as looks
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import count, doubts_text, interval, interval_text, label_text, share, split_text

INSIDE = 10  # lines of a legend within the frame; of more it would hide the curves, and stands below
STACKED = 0.35  # of a line more that errors above each other take
LETTERS, LETTERS_BELOW = 40, 30  # of a title in a line of a legend, in one column and in two
BELOW_SIZE, BELOW_LINE = 8.5, 0.025  # of letters below, and the height of a line over the width of the figure
ROUNDED = 0.999  # numbers of the curve have a few digits
BANDS = (
    "Bands are 68.3% intervals of the mistag rate at a signal efficiency, of the statistics of both classes."
)


class Reading(Record):
    """The curve at one mistag rate; `signal_efficiency` is None where too few background jets pass.

    Its interval holds the binomial errors of the signal and, through the threshold, of the background.
    `doubt` is `ties` where jets of one score leap over the mistag rate: such a part of them passes that it is
    just reached, which no cut gives.
    """

    mistag: float
    signal_efficiency: Interval | None
    doubt: Literal["", "ties"] = ""


class Marked(Record):
    """A working point of calibrate, with the efficiencies that it has on these jets.

    `target` is the mistag rate of the first background that it was made for, `doubt` the mark of calibrate.
    """

    name: str
    target: float
    threshold: float
    signal_efficiency: Interval
    mistag: Interval
    doubt: str = ""


class Leap(NamedTuple):
    """Signal efficiencies between which there is no cut, since many jets have one score, or none."""

    low: float
    high: float


class Curve(Record):
    """The curve of one tagger; lists run by rising efficiency.

    Attributes:
        tagger: Its name.
        title: Its name on plots.
        folds: Cross-validation folds; 0 for none.
        n_signal: Signal jets, unweighted, and their effective number.
        n_background: The same for the background.
        auc: Area under the curve.
        signal_efficiency: Abscissae.
        mistag: Ordinates, with the ends of their intervals at the signal efficiency, which hold the
            statistics of both classes.
        leaps: Where the curve is a straight line (on linear axes): a part of jets of one score passes.
        ratio_signal_efficiency: Abscissae of the lower panel.
        ratio: Background rejection over that of the first tagger, with the ends of this tagger's band.
        readings: Signal efficiencies at the mistag rates that working points are asked for.
        working_points: Those of calibrate, where given.
    """

    tagger: str
    title: str
    folds: int
    n_signal: int
    n_signal_effective: float
    n_background: int
    n_background_effective: float
    auc: Interval
    signal_efficiency: tuple[float, ...]
    mistag: tuple[float, ...]
    mistag_low: tuple[float, ...]
    mistag_high: tuple[float, ...]
    leaps: tuple[Leap, ...] = ()
    ratio_signal_efficiency: tuple[float, ...] = ()
    ratio: tuple[float, ...] = ()
    ratio_low: tuple[float, ...] = ()
    ratio_high: tuple[float, ...] = ()
    readings: tuple[Reading, ...]
    working_points: tuple[Marked, ...]


class PtRange(Record):
    """The curves of jets in a bin of transverse momentum [GeV]; the end bins hold the jets beyond, too."""

    low_gev: float
    high_gev: float
    curves: tuple[Curve, ...]


class RocNumbers(looks.Numbers):
    """All that the figure shows; `message` says why `curves` is empty where it is.

    `is_first` tells whether this background is the one that fixes the working points. The curves are
    over the same jets: those left out, as shares of each class, are without a score of one of the taggers.
    `ranges` are not drawn: the page lets choose them.
    """

    SECTION = "ROC curves"

    plot: str = "roc"
    sample: str
    signal: ClassSpec
    background: ClassSpec
    is_first: bool
    curves: tuple[Curve, ...]
    signal_left_out: float
    background_left_out: float
    ranges: tuple[PtRange, ...] = ()

    def heading(self) -> str:
        """Sample and classes."""
        signal, background = self.signal_and_background()
        return f"{self.sample}: {signal} against {background}"

    def caption(self) -> str:
        """Jets, bands, panel and markers, and the jets that are in no curve."""
        signal, background = self.signal_and_background()
        panel = (
            " Lower panel: background rejection over that of the first tagger, whose own error is not in the "
            "bands of the others."
        )
        out = self.signal_left_out, self.background_left_out
        left_out = (
            f" Left out, without a score of one of the taggers: {100 * out[0]:.2g}% of {signal} and "
            f"{100 * out[1]:.2g}% of {background} jets."
        )
        return (
            f"{count(max(c.n_signal for c in self.curves))} {signal} and "
            f"{count(max(c.n_background for c in self.curves))} {background} jets, "
            f"{split_text(self.curves[0].folds)}. {BANDS}"
            + (panel if len(self.curves) > 1 else "")
            + (
                " Markers: working points of the calibration, where curves are drawn."
                if self.curves[0].working_points
                else ""
            )
            + (left_out if any(out) else "")
            + lines_text(self.curves, signal)
            + _tied(self.curves)
            + doubts_text(
                {f"{c.title} {point.name}": point.doubt for c in self.curves for point in c.working_points}
            )
        )

    def alternative(self) -> str:
        """Whose areas."""
        signal, background = self.signal_and_background()
        areas = ", ".join(f"{c.title} AUC {interval_text(c.auc)}" for c in self.curves)
        return f"Mistag rate of {background} jets against efficiency of {signal} jets: {areas}."

    def signal_and_background(self) -> tuple[str, str]:
        """Labels of the classes, as plain text."""
        return label_text(self.signal.label), label_text(self.background.label)


def lines_text(curves: Sequence[Curve], signal: str) -> str:
    """What captions say of curves that leap: which, and where; nothing where none does."""
    found = [
        f"{curve.title} from " + ", ".join(f"{one.low:.1%} to {one.high:.1%}" for one in curve.leaps)
        for curve in curves
        if curve.leaps
    ]
    if not found:
        return ""
    return (
        f" Where many jets share a score, or have none, a part of them passes, which no cut gives; {signal} "
        f"efficiencies of such lines, straight on linear axes: {'; '.join(found)}."
    )


def _tied(curves: Sequence[Curve]) -> str:
    """Of which curves no cut has a mistag rate at which they are read."""
    found = [
        f"{curve.title} at {', '.join(rates)}"
        for curve in curves
        if (rates := [share(one.mistag) for one in curve.readings if one.doubt])
    ]
    if not found:
        return ""
    return (
        " Many jets of one score leap over mistag rates at which curves are read, so that no cut gives what "
        f"stands in tables there: {'; '.join(found)}."
    )


def draw(numbers: RocNumbers, style: PlotSpec) -> Figure:
    """Curves with their bands above, the ratio of rejections to the first tagger below."""
    if not numbers.curves:
        return looks.message_figure(numbers.message, style, numbers.sample)
    with looks.rc():
        several = len(numbers.curves) > 1
        titles = [legend_text(curve) for curve in numbers.curves]
        below = _lines_of(titles) > INSIDE
        if below:
            titles = [legend_text(curve, LETTERS_BELOW) for curve in numbers.curves]
        n_lines = _lines_of(titles)
        grown = BELOW_LINE * -(-n_lines // 2) if below else 0.0
        figure = looks.new_figure(style, (1.0 if several else 0.85) + grown)
        panels: list[Axes] = (
            list(figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))) if several else [figure.subplots()]
        )
        main, lower = panels[0], panels[1:]
        if numbers.signal_left_out or numbers.background_left_out:
            main.text(
                0.02, 0.02, left_out_text(numbers), transform=main.transAxes, fontsize=looks.LEGEND_SIZE,
                color=looks.GREY, gid="left_out",
            )  # fmt: skip
        signs = _signs(numbers)
        for index, (curve, title) in enumerate(zip(numbers.curves, titles, strict=True)):
            _draw_curve(main, curve, title, looks.line_style(index), signs)
            for axes in lower:
                _draw_ratio(axes, curve, looks.line_style(index))
        _dress(main, numbers, signs, 0.0 if below else n_lines + STACKED * sum("$^{" in of for of in titles))
        if below:
            handles, texts = main.get_legend_handles_labels()
            figure.legend(
                handles, texts, loc="outside lower left", ncols=2, fontsize=BELOW_SIZE, frameon=False,
                columnspacing=1.0, borderaxespad=0.0,
            )  # fmt: skip
        looks.title_line(main, style, f"{numbers.sample}, {split_text(numbers.curves[0].folds)}")
        for axes in lower:
            _dress_ratio(axes, numbers)
        (lower or [main])[-1].set_xlabel(f"{looks.tex(numbers.signal.label)} jet efficiency")
    return figure


def left_out_text(numbers: RocNumbers) -> str:
    """Shares of the jets that are in no curve, of both classes."""
    shares = zip(
        (numbers.signal, numbers.background),
        (numbers.signal_left_out, numbers.background_left_out),
        strict=True,
    )
    found = [f"{100 * share:.2g}% of {looks.tex(c.label)}" for c, share in shares]
    return f"without a score of all taggers: {' and '.join(found)} jets"


def _signs(numbers: RocNumbers) -> dict[str, str]:
    """A marker for each working point that any tagger has, the loosest first."""
    points = [point for curve in numbers.curves for point in marked(curve)]
    # A tagger may lack the tight ones, so the order is that of the mistag, not of the first tagger.
    names = list(dict.fromkeys(p.name for p in sorted(points, key=lambda p: -p.target)))
    return {name: looks.marker(k) for k, name in enumerate(names)}


def _draw_curve(axes: Axes, curve: Curve, title: str, look: dict[str, Any], signs: Mapping[str, str]) -> None:
    axes.plot(curve.signal_efficiency, curve.mistag, gid=curve.tagger, label=title, **look)
    axes.fill_between(
        curve.signal_efficiency,
        curve.mistag_low,
        curve.mistag_high,
        color=look["color"],
        alpha=0.2,
        linewidth=0,
    )
    for point in marked(curve):
        axes.plot(
            [point.signal_efficiency.value], [point.mistag.value], signs[point.name], color=look["color"],
            markersize=7, markeredgecolor="white", markeredgewidth=0.8, zorder=5,
        )  # fmt: skip


def marked(curve: Curve) -> list[Marked]:
    """Working points on the curve: where it is not drawn, for lack of background jets, none is."""
    return [point for point in curve.working_points if point.mistag.value >= ROUNDED * curve.mistag[0]]


def _lines_of(titles: Sequence[str]) -> int:
    return sum(title.count("\n") + 1 for title in titles)


def legend_text(curve: Curve, letters: int = LETTERS) -> str:
    """Title and area as the page has it: `DeepJet (AUC 0.9612 ± 0.0008)`, or with errors above each other."""
    area = interval(**asdict(curve.auc))
    ends = f"$^{{{area['up']}}}_{{{area['down']}}}$" if area["up"] else ""
    title = "\n".join(map(looks.plain, textwrap.wrap(curve.title, letters)))
    return f"{title} (AUC {area['text']}{ends})"


def _dress(axes: Axes, numbers: RocNumbers, signs: Mapping[str, str], n_lines: float) -> None:
    """Axes, legends and room for `n_lines` of titles; 0 where these stand elsewhere."""
    lowest = min(curve.mistag[0] for curve in numbers.curves)
    start = min(curve.signal_efficiency[0] for curve in numbers.curves)
    left = min(float(np.floor(start * 10)) / 10, 0.5)
    bottom = 10 ** np.floor(np.log10(0.9 * min(lowest, 0.09)))
    # Head room above 1 for the legend: the curves end in the upper right corner.
    top = (1 / bottom) ** (0.1 + 0.09 * n_lines)
    axes.set(
        yscale="log",
        ylim=(bottom, top),
        xlim=(left, 1 + 0.01 * (1 - left)),
        ylabel=f"{looks.tex(numbers.background.label)} jet mistag rate",
    )
    axes.set_yticks([10.0**k for k in range(round(np.log10(bottom)), 1)])
    axes.yaxis.set_minor_locator(
        FixedLocator([k * 10.0**d for d in range(round(np.log10(bottom)), 0) for k in range(2, 10)])
    )
    axes.axhline(1, color="black", linewidth=0.6)
    axes.grid(which="major", linestyle="-")
    axes.set_axisbelow(True)
    opaque: dict[str, Any] = {"frameon": True, "facecolor": "white", "edgecolor": "white", "framealpha": 1.0}
    taggers = axes.legend(loc="upper left", borderaxespad=0.6, borderpad=0.2, **opaque) if n_lines else None
    if signs:
        handles = [
            Line2D([], [], color=looks.GREY, marker=marker, linestyle="none", label=name)
            for name, marker in signs.items()
        ]
        axes.legend(
            handles=handles, title="working point", title_fontsize=looks.LEGEND_SIZE, loc="lower right",
            ncols=len(signs), columnspacing=0.8, handlelength=1, **opaque,
        )  # fmt: skip
        if taggers is not None:
            axes.add_artist(taggers)


def _draw_ratio(axes: Axes, curve: Curve, look: dict[str, Any]) -> None:
    axes.plot(curve.ratio_signal_efficiency, curve.ratio, gid=curve.tagger, **look)
    axes.fill_between(
        curve.ratio_signal_efficiency,
        curve.ratio_low,
        curve.ratio_high,
        color=look["color"],
        alpha=0.2,
        linewidth=0,
    )


def _dress_ratio(axes: Axes, numbers: RocNumbers) -> None:
    values = np.concatenate([curve.ratio for curve in numbers.curves])
    low, high = max(float(values.min()), 0.02), min(float(values.max()), 50.0)
    is_log = high / low > 5
    # Room below the curves, for the name of the first tagger.
    room = (high / low) ** 0.3 if is_log else 1.0 + 0.45 * (high - low + 0.1) / low
    axes.set(ylabel="Rejection ratio", ylim=(max(low / room, 0.0), high * (1.4 if is_log else 1.1)))
    if is_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator([m * 10.0**k for k in range(-2, 2) for m in (1, 2, 5)]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(which="major", linestyle="-")
    axes.set_axisbelow(True)
    axes.text(
        0.02, 0.06, f"relative to {looks.plain(numbers.curves[0].title)}", transform=axes.transAxes,
        fontsize=looks.LEGEND_SIZE, color=looks.GREY,
    )  # fmt: skip
