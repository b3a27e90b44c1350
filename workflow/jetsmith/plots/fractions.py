"""Rejection of two backgrounds at a signal efficiency, by the fraction that a discriminant gives one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from jetsmith import metrics
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics import Interval
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits, evaluated
from jetsmith.scored import NOT_TAGGED, ScoredJets, in_common, read_split
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, DiscriminantSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import label_text, share, split_text

SIGNAL_EFFICIENCY = 0.7
LEAST_REJECTION = 1.5  # of the first background: a tagger with less has nothing to trade at this efficiency
FRACTIONS = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Scanned(Record):
    """One fraction, and what is rejected with it; `is_own` where it is the one of the tagger's file.

    `doubt` is `ties` where signal jets of one score leap over the efficiency, so that no cut has it.
    """

    fraction: float
    first: Interval
    second: Interval
    is_own: bool = False
    doubt: Literal["", "ties"] = ""


class Curve(Record):
    """One tagger, by rising fraction; `lacking`: how many fractions have no point, for too few jets."""

    tagger: str
    title: str
    points: tuple[Scanned, ...]
    lacking: int = 0


class FractionsNumbers(looks.Numbers):
    """All that the figure shows."""

    SECTION = "ROC curves"

    plot: str = "fractions"
    sample: str
    folds: int
    signal_efficiency: float
    signal: ClassSpec
    first: ClassSpec
    second: ClassSpec
    curves: tuple[Curve, ...]
    left_out: tuple[str, ...]  # titles of taggers that reject next to nothing
    untold: tuple[str, ...] = ()  # and of those of which too few jets are tagged

    def heading(self) -> str:
        """Of what."""
        first, second = label_text(self.first.label), label_text(self.second.label)
        return f"{first} and {second} rejection by their fraction"

    def caption(self) -> str:
        """What is scanned, and the marks."""
        signal, first, second = (label_text(c.label) for c in (self.signal, self.first, self.second))
        own = "; ".join(
            f"{curve.title} {point.fraction:.3g}"
            for curve in self.curves
            for point in curve.points
            if point.is_own
        )
        lacking = [
            f"{curve.title} {curve.lacking} of {curve.lacking + len(curve.points)}"
            for curve in self.curves
            if curve.lacking
        ]
        tied = [curve.title for curve in self.curves if any(point.doubt for point in curve.points)]
        return (
            f"Rejection (1 over mistag) of {first} and {second} jets where {share(self.signal_efficiency)} "
            f"of {signal} jets pass, {split_text(self.folds)}. Along a curve the fraction of {second} in "
            f"the discriminant's background goes from {FRACTIONS[0]:g} to {FRACTIONS[-1]:g}; scores are the "
            f"same. Marked: what the taggers' files have ({own or 'none'}). Bars are 68.3% intervals, of the "
            "statistics of the signal, too, which fixes the cut."
            + (
                f" Many {signal} jets of one score leap over that efficiency, which no cut has at some "
                f"fractions: {', '.join(tied)}."
                if tied
                else ""
            )
            + (
                f" Fractions without a point, since too few jets of a background pass: {', '.join(lacking)}."
                if lacking
                else ""
            )
            + (
                f" Not shown, since they reject next to nothing: {', '.join(self.left_out)}."
                if self.left_out
                else ""
            )
            + (
                f" Not shown, since too few of their jets are tagged: {', '.join(self.untold)}."
                if self.untold
                else ""
            )
        )

    def alternative(self) -> str:
        """The same, shorter."""
        return f"Rejection of {self.second.name} against that of {self.first.name}, a curve a tagger."


def plot_fractions(
    specs: Sequence[ClassifierSpec],
    sample: str,
    scores: Sequence[str | Path],
    style: PlotSpec,
    output: str | Path,
) -> FractionsNumbers:
    """Read the test jets of taggers of a sample; write `output`.pdf, .png and .json.

    Args:
        specs: Taggers with the same signal and first two backgrounds, which their discriminants tell apart.
        sample: Which sample.
        scores: Score file of each.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: A file is damaged or another's, or the taggers have scored other jets.
    """
    jets = [
        read_split(path, "test", spec, [f"p_{name}" for name in _outputs(_weighed(spec)[0])], sample)
        for path, spec in zip(scores, specs, strict=True)
    ]
    found = compute(specs, sample, in_common(jets))
    looks.save(draw(found, style), found, output)
    return found


def _outputs(spec: DiscriminantSpec) -> tuple[str, ...]:
    """What a discriminant is made of."""
    return (*spec.signal, *spec.background)


def compute(specs: Sequence[ClassifierSpec], sample: str, jets: Sequence[ScoredJets]) -> FractionsNumbers:
    """A curve a tagger."""
    signal, first, second, *_ = evaluated(specs[0])
    known = all(jets[0].of(c).weight.sum() > 0 for c in (signal, first, second))
    curves = [_curve(spec, of, signal, first, second) for spec, of in zip(specs, jets, strict=True) if known]
    told = [curve for curve in curves if curve.points]
    shown = [curve for curve in told if _best(curve) >= LEAST_REJECTION]
    return FractionsNumbers(
        sample=sample,
        folds=specs[0].folds,
        signal_efficiency=SIGNAL_EFFICIENCY,
        signal=signal,
        first=first,
        second=second,
        curves=tuple(shown),
        left_out=tuple(curve.title for curve in told if curve not in shown),
        untold=tuple(curve.title for curve in curves if not curve.points),
        message=""
        if shown
        else f"Too few jets of the classes that are evaluated ({split_text(specs[0].folds)})",
    )


def _best(curve: Curve) -> float:
    """The largest rejection of the first background."""
    return max(point.first.value for point in curve.points)


def with_fraction(spec: ClassifierSpec, fraction: float) -> DiscriminantSpec:
    """A tagger's discriminant with another fraction of the second background; within each, shares stay."""
    asked, parts = _weighed(spec)
    sums = [sum(asked.background[name] for name in part) for part in parts]
    scale = [(1 - fraction) / sums[0], fraction / sums[1]]
    background = {
        name: asked.background[name] * factor
        for part, factor in zip(parts, scale, strict=True)
        for name in part
    }
    return asked.model_copy(update={"background": background})


def own_fraction(spec: ClassifierSpec) -> float:
    """The fraction of the second background that a tagger's file has."""
    asked, parts = _weighed(spec)
    return sum(asked.background[name] for name in parts[1]) / sum(asked.background.values())


def _weighed(spec: ClassifierSpec) -> tuple[DiscriminantSpec, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The discriminant, and its outputs of either background."""
    if spec.discriminant is None or spec.background_parts is None:
        raise ValueError(f"{spec.name}: its discriminant has no two backgrounds")
    return spec.discriminant, spec.background_parts


def _curve(
    spec: ClassifierSpec, jets: ScoredJets, signal: ClassSpec, first: ClassSpec, second: ClassSpec
) -> Curve:
    own = own_fraction(spec)
    of = [jets.of(c) for c in (signal, first, second)]
    roles = [f"fractions: {c.name}" for c in (signal, first, second)]
    points = []
    fractions = sorted({*FRACTIONS, own})
    for fraction in fractions:  # a few, not jets
        with_it = with_fraction(spec, fraction)
        scores = [_discriminant(with_it, found) for found in of]
        passing, *others = (
            metrics.Sums(score, found.weight, metrics.Bins(score), role)
            for score, found, role in zip(scores, of, roles, strict=True)
        )
        try:  # of both backgrounds, with the error of the signal that fixes the threshold
            mistags = [metrics.reading(passing, other, SIGNAL_EFFICIENCY, role="signal") for other in others]
        except InputError:  # too few jets, or too few of them tagged
            continue
        if min(found.low for found in mistags) > 0:
            points.append(
                Scanned(
                    fraction=fraction,
                    first=_rejection(mistags[0]),
                    second=_rejection(mistags[1]),
                    is_own=fraction == own,
                    doubt=mistags[0].doubt,
                )
            )
    return Curve(
        tagger=spec.judgement,
        title=spec.title,
        points=tuple(points),
        lacking=len(fractions) - len(points),
    )


def _discriminant(spec: DiscriminantSpec, jets: ScoredJets) -> FloatArray:
    probabilities = {name: jets.columns[f"p_{name}"] for name in _outputs(spec)}
    return np.where(np.isneginf(jets.discriminant), NOT_TAGGED, metrics.discriminant(spec, probabilities))


def _rejection(mistag: Interval) -> Interval:
    return Interval(*digits([1 / mistag.value, 1 / mistag.high, 1 / mistag.low]))


def draw(numbers: FractionsNumbers, style: PlotSpec) -> Figure:
    """Both rejections on logarithmic axes, the tagger's own fraction marked."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.sample)
    with looks.rc():
        figure = looks.new_figure(style, 0.8)
        axes = figure.subplots()
        for index, curve in enumerate(numbers.curves):
            look = looks.line_style(index)
            x, y = ([getattr(point, key).value for point in curve.points] for key in ("first", "second"))
            axes.plot(x, y, gid=curve.tagger, label=looks.plain(curve.title), **look)
            for point in curve.points:
                if point.is_own:
                    axes.errorbar(
                        point.first.value, point.second.value,
                        xerr=_bars(point.first), yerr=_bars(point.second),
                        fmt="o", markersize=7, color=look["color"], markeredgecolor="white", zorder=5,
                    )  # fmt: skip
        axes.set(
            xscale="log",
            yscale="log",
            xlabel=f"{looks.tex(numbers.first.label)} rejection",
            ylabel=f"{looks.tex(numbers.second.label)} rejection",
        )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
        axes.grid(which="major")
        axes.set_axisbelow(True)
        said = f"{looks.tex(numbers.signal.label)} efficiency {100 * numbers.signal_efficiency:g}%"
        axes.legend(loc="best", title=said, title_fontsize=looks.LEGEND_SIZE)
        looks.title_line(axes, style, f"{numbers.sample}, {split_text(numbers.folds)}")
    return figure


def _bars(found: Interval) -> FloatArray:
    return np.array([[found.value - found.low], [found.high - found.value]])
