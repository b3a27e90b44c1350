"""The spectrum of a column of background that passes and that fails, at three efficiencies of the signal."""

import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics import Interval, bin_of_column
from jetsmith.metrics import decorrelation as measured
from jetsmith.plots import style as looks
from jetsmith.plots.histograms import Histograms, binned, histogram, of_errors
from jetsmith.plots.inputs import LABELS, digits, evaluated, read_test
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import interval, label_text, share, split_text

EFFICIENCIES = (0.7, 0.5, 0.3)  # of the signal
COLORS = ("#3f90da", "#ffa90e", "#bd1f01")
BOOTSTRAPS = 200


class Rejection(NamedTuple):
    """With the ends of its interval; no upper one where all of the background may be rejected."""

    value: float
    low: float
    high: float | None


class Cut(Record):
    """Background that passes where the signal has an efficiency: its spectrum, and that of what fails.

    `seen` is the divergence of Jensen and Shannon, base 2, of one from the other, `by_chance` what a cut that
    does not know the column has on average, `true` the true one. The signal has the efficiency `reached`
    there, and the one that is asked for where the rejection is read; `doubt` says whether few of its jets fix
    the cut, or many share its score.
    """

    signal_efficiency: float
    shape: tuple[float, ...]
    error: tuple[float, ...]
    failing: tuple[float, ...]
    failing_error: tuple[float, ...]
    seen: float
    true: Interval
    by_chance: float
    rejection: Rejection
    reached: float
    doubt: str


class Missing(Record):
    """An efficiency of the signal without a cut, and why there is none."""

    signal_efficiency: float
    why: str


class SculptingNumbers(looks.Numbers):
    """All that the figure shows; shapes are shares of the weight by bin, with statistical errors."""

    SECTION = "Efficiencies"

    plot: str = "sculpting"
    judgement: str
    folds: int
    column: str
    edges: tuple[float, ...]
    signal: ClassSpec
    background: ClassSpec
    shape: tuple[float, ...]
    error: tuple[float, ...]
    cuts: tuple[Cut, ...]
    missing: tuple[Missing, ...]
    correlation: Interval | None
    correlation_seen: float | None
    correlation_by_chance: float | None

    def heading(self) -> str:
        """Of what."""
        return f"{self.title}: {self.column} of background that passes"

    def caption(self) -> str:
        """The figures of each cut, and the correlation."""
        cuts = "; ".join(
            f"at {share(cut.signal_efficiency)}{_doubt(cut)} "
            f"{_true(cut.seen, cut.by_chance, cut.true)} (1/JSD as seen {_inverse(cut.seen)}; "
            f"background rejection {_text(cut.rejection)})"
            for cut in self.cuts
        )
        correlation = "none can be told"
        if self.correlation and self.correlation_seen is not None and self.correlation_by_chance is not None:
            correlation = _true(self.correlation_seen, self.correlation_by_chance, self.correlation)
        missing = "".join(f" None at {share(one.signal_efficiency)}: {one.why}." for one in self.missing)
        return (
            f"Spectrum of {self.column} of {label_text(self.background.label)}, all, and where it passes or "
            f"fails (dashed) at efficiencies of {label_text(self.signal.label)}, {split_text(self.folds)}. "
            f"Divergence of Jensen and Shannon (JSD, base 2) between both: {cuts or 'none'}."
            f"{missing} Rejections are read at the efficiency itself, on straight lines between scores; "
            "their intervals hold the number of signal jets that fix the cut. "
            "What is seen has chance in it; by chance is what an independent score has; the interval is that "
            "of the true number. "
            f"Squared distance correlation of discriminant and column: {correlation}."
        )

    def alternative(self) -> str:
        """The same, shorter."""
        return f"{self.column} of {self.background.name} before and after cuts on {self.title}."

    def histograms(self) -> Histograms:
        """All background, and what passes and what fails at each efficiency of the signal."""
        if not self.shape:
            return {}
        axis = [binned(self.edges, self.column, LABELS.get(self.column) or self.column)]
        found = {"all": histogram(axis, self.shape, of_errors(self.error))}
        for cut in self.cuts:
            at = f"{cut.signal_efficiency:g}"
            found[f"passing_at_{at}"] = histogram(axis, cut.shape, of_errors(cut.error))
            found[f"failing_at_{at}"] = histogram(axis, cut.failing, of_errors(cut.failing_error))
        return found


def _doubt(cut: Cut) -> str:
    """The efficiency that the signal has in place of the one asked for, or that few jets fix it."""
    if cut.doubt == "ties":
        return f" ({cut.reached:.1%} pass, since many jets of the signal share a score)"
    return " (few jets of the signal fix it)" if cut.doubt == "few" else ""


def _text(found: Interval | Rejection) -> str:
    if found.high is None:
        return f"{found.value:.3g}, above {found.low:.3g}"
    said = interval(found.value, found.low, found.high)
    return f"{said['text']} {said['up']} {said['down']}".strip()


def _true(seen: float, by_chance: float, true: Interval) -> str:
    return f"{seen:.2g} seen, by chance {by_chance:.2g}, true {_text(true)}"


def _inverse(divergence: float) -> str:
    return f"{1 / divergence:.3g}" if divergence > 0 else "without end"


def plot_sculpting(
    spec: ClassifierSpec, scores: str | Path, style: PlotSpec, seed: int, output: str | Path
) -> SculptingNumbers:
    """Read the test jets of a tagger; write `output`.pdf, .png and .json.

    Args:
        spec: The tagger, with the discriminant that judges it, and the column that it is to leave alone.
        scores: Its score file.
        style: Look of the plots.
        seed: Of replicas, and of what chance does.
        output: Path without suffix.

    Raises:
        InputError: The file is damaged or another's.
    """
    (column,) = spec.decorrelate
    found = compute(spec, read_test(scores, spec, columns=[column]), seed)
    looks.save(draw(found, style), found, output)
    return found


def compute(spec: ClassifierSpec, jets: ScoredJets, seed: int) -> SculptingNumbers:
    """Spectra, divergences and correlation of the first background."""
    ((column, edges),) = spec.decorrelate.items()
    signal, background, *_ = evaluated(spec)
    of_signal, of_background = jets.of(signal), jets.of(background)
    message = ""
    if column not in jets.columns:
        message = f"Files of sample {spec.sample} have no {column}"
    elif not all(found.weight.sum() > 0 for found in (of_signal, of_background)):
        message = f"No jets of the classes that are evaluated ({split_text(spec.folds)})"
    numbers = SculptingNumbers(
        title=spec.title,
        judgement=spec.judgement,
        folds=spec.folds,
        column=column,
        edges=edges,
        signal=signal,
        background=background,
        shape=(),
        error=(),
        cuts=(),
        missing=(),
        correlation=None,
        correlation_seen=None,
        correlation_by_chance=None,
        message=message,
    )
    if message:
        return numbers
    values = np.asarray(of_background.columns[column], np.float64)
    cuts = [_cut(at, of_signal, of_background, values, edges, seed) for at in EFFICIENCIES]
    correlation = measured.held_out(
        partial(measured.distance_correlation, seed=seed),
        *(of_background.discriminant, values, of_background.weight),
    )
    return numbers.model_copy(
        update={
            **_shape(values, of_background.weight, edges),
            "cuts": tuple(cut for cut in cuts if isinstance(cut, Cut)),
            "missing": tuple(cut for cut in cuts if isinstance(cut, Missing)),
            "correlation": correlation and correlation.true,
            "correlation_seen": correlation and correlation.seen,
            "correlation_by_chance": correlation and correlation.by_chance,
        }
    )


def _shape(values: FloatArray, weight: FloatArray, edges: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
    """Shares of the weight by bin, and their errors."""
    place, total = bin_of_column(values, edges), weight.sum()
    sums, squares = (np.bincount(place, w, len(edges) - 1) for w in (weight, weight**2))
    return {"shape": digits(sums / total), "error": digits(np.sqrt(squares) / abs(total))}


def _cut(
    at: float,
    signal: ScoredJets,
    background: ScoredJets,
    values: FloatArray,
    edges: tuple[float, ...],
    seed: int,
) -> Cut | Missing:
    try:
        cut = measured.cut_at(
            signal.discriminant, signal.weight, background.discriminant, background.weight, at
        )
        found = measured.sculpting(values, background.weight, cut.passed, np.asarray(edges), BOOTSTRAPS, seed)
    except InputError as error:
        return Missing(signal_efficiency=at, why=str(error))
    failing = _shape(values[~cut.passed], background.weight[~cut.passed], edges)
    return Cut(
        signal_efficiency=at,
        **_shape(values[cut.passed], background.weight[cut.passed], edges),
        failing=failing["shape"],
        failing_error=failing["error"],
        seen=found.seen,
        true=found.true,
        by_chance=found.by_chance,
        rejection=_rejection(cut.rejection),
        reached=cut.reached,
        doubt=cut.doubt,
    )


def _rejection(found: Interval) -> Rejection:
    return Rejection(found.value, found.low, found.high if math.isfinite(found.high) else None)


def draw(numbers: SculptingNumbers, style: PlotSpec) -> Figure:
    """A step a spectrum."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        figure = looks.new_figure(style, 0.66)
        axes = figure.subplots()
        axes.stairs(numbers.shape, numbers.edges, color="black", linewidth=1.6, label="all", gid="all")
        colors = dict(zip(EFFICIENCIES, COLORS, strict=True))
        for cut in numbers.cuts:
            label = f"signal {share(cut.signal_efficiency)}, JSD {cut.seen:.2g}"
            axes.stairs(
                cut.shape,
                numbers.edges,
                color=colors[cut.signal_efficiency],
                label=looks.plain(label),
                gid=str(cut.signal_efficiency),
            )
            axes.stairs(
                cut.failing,
                numbers.edges,
                color=colors[cut.signal_efficiency],
                linestyle="--",
                gid=f"{cut.signal_efficiency}.fails",
            )
        for one in numbers.missing:
            label = looks.plain(f"signal {share(one.signal_efficiency)}: no cut")
            axes.plot([], [], " ", label=label, gid=str(one.signal_efficiency))
        axes.set_xlabel(LABELS.get(numbers.column) or looks.plain(numbers.column), fontsize=12)
        axes.set_ylabel("share of the background", fontsize=12)
        axes.set_ylim(bottom=0)
        axes.legend(loc="best", fontsize=10)
        looks.title_line(axes, style, numbers.title)
    return figure
