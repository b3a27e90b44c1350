"""Spectra before and after reweighting against the target, with ratios, and the weights themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from jetsmith import io, metrics
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import TEST, digits
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record

COLUMNS = 3
MAX_FEATURES = 11  # with the weights a grid of 3 × 4
WEIGHT_BINS = 40
REWEIGHTED_COLOR = "#1a1a1a"
RATIO_RANGE = (0.5, 1.5)


class Spectrum(Record):
    """Fractions a bin of one feature, with their errors; chi2 a degree of freedom to the target."""

    feature: str
    label: str
    edges: tuple[float, ...]
    source: tuple[float, ...]
    source_error: tuple[float, ...]
    reweighted: tuple[float, ...]
    reweighted_error: tuple[float, ...]
    target: tuple[float, ...]
    target_error: tuple[float, ...]
    chi2_before: float
    chi2_after: float


class Weights(Record):
    """Held-out source events a bin of the weight, and what they are effectively worth."""

    edges: tuple[float, ...]
    count: tuple[int, ...]
    n: int
    n_effective: float
    largest: float


class ReweightingNumbers(looks.Numbers):
    """All that the figure shows, the features that differ most before first; `left_out` has the others."""

    SECTION = "Reweighting"
    WIDE = True

    plot: str = "reweighting"
    reweighter: str
    source: ClassSpec
    target: ClassSpec
    spectra: tuple[Spectrum, ...]
    left_out: tuple[str, ...]
    weights: Weights | None

    def caption(self) -> str:
        """Events and panels, and which features there was no room for."""
        rest = f" Not shown: {', '.join(self.left_out)}." if self.left_out else ""
        return (
            "Held-out events. Lower panels: ratio to the target, whose statistical error is the band. "
            f"The features that differ most without weights come first.{rest}"
        )

    def alternative(self) -> str:
        """Whose spectra, and of what."""
        names = ", ".join(spectrum.feature for spectrum in self.spectra)
        return f"Spectra of source, reweighted source and target of {self.title} in {names}."


def plot_reweighting(
    spec: ClassifierSpec,
    closure: str | Path,
    style: PlotSpec,
    output: str | Path,
    weights: Sequence[str | Path] = (),
    datasets: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> ReweightingNumbers:
    """Read the closure test and the weights of a reweighter; write `output`.pdf, .png and .json.

    Args:
        spec: The reweighter.
        closure: Its JSON of the closure stage.
        style: Look of the plots.
        output: Path without suffix.
        weights: Weights of each dataset, in the order of `datasets`; none: no distribution of them.
        datasets: Generator by dataset.
        labels: TeX labels by feature; a feature without one goes by its name.

    Raises:
        InputError: A file lacks what is needed.
    """
    source = {
        name: path
        for path, (name, generator) in zip(weights, (datasets or {}).items(), strict=True)
        if generator == spec.classes[0].generator
    }
    content = io.read_json(closure, reweighter=spec.name)
    try:
        found = compute(spec, content["histograms"], _read_weights(spec, source), labels or {})
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{closure}: histograms: not what closure writes ({error}); run closure again"
        ) from error
    looks.save(draw(found, style), found, output)
    return found


def _read_weights(spec: ClassifierSpec, paths: Mapping[str, str | Path]) -> tuple[FloatArray, FloatArray]:
    """Weights and generator weights of the test events of some datasets."""
    columns = ["split", "weight", "weight_generator"]
    parts = [io.read_rows(path, columns, reweighter=spec.name, dataset=name) for name, path in paths.items()]
    kept = [rows[rows["split"] == TEST] for rows in parts]
    if not kept:
        return np.zeros(0), np.zeros(0)
    weight, generator = (
        np.concatenate([np.asarray(ak.to_numpy(rows[name]), np.float64) for rows in kept])
        for name in ("weight", "weight_generator")
    )
    return weight, generator


def compute(
    spec: ClassifierSpec,
    histograms: Sequence[Mapping[str, Any]],
    weights: tuple[FloatArray, FloatArray],
    labels: Mapping[str, str],
) -> ReweightingNumbers:
    """The features that differ most before the weights, and the distribution of the weights.

    Args:
        spec: The reweighter, source class first.
        histograms: Records of the closure test.
        weights: Weights and generator weights of held-out source events, shape (N,) each.
        labels: TeX labels by feature.
    """
    ranked = sorted(histograms, key=lambda h: -h["chi2_before"] / h["n_dof"])
    return ReweightingNumbers(
        reweighter=spec.name,
        title=spec.title,
        source=spec.classes[0],
        target=spec.classes[1],
        spectra=tuple(_spectrum(h, labels) for h in ranked[:MAX_FEATURES]),
        left_out=tuple(h["feature"] for h in ranked[MAX_FEATURES:]),
        weights=_weights(*weights),
        message="" if ranked else f"{spec.title}: the closure test has no spectra",
    )


def _spectrum(entry: Mapping[str, Any], labels: Mapping[str, str]) -> Spectrum:
    parts = {
        name: values
        for kind in ("source", "reweighted", "target")
        for name, values in (
            (kind, digits(entry[kind])),
            (f"{kind}_error", digits(np.sqrt(entry[f"{kind}_variance"]))),
        )
    }
    return Spectrum(
        feature=entry["feature"],
        label=labels.get(entry["feature"]) or entry["feature"],
        edges=digits(entry["edges"], 9),
        chi2_before=entry["chi2_before"] / entry["n_dof"],
        chi2_after=entry["chi2_after"] / entry["n_dof"],
        **parts,
    )


def _weights(weight: FloatArray, generator: FloatArray) -> Weights | None:
    if not len(weight):
        return None
    if not (weight > 0).all():
        raise InputError(
            f"{int((~(weight > 0)).sum()):,} weights of the source are not positive; run weights again"
        )
    low, high = float(weight.min()), float(weight.max())
    if not high > low * 1.01:
        low, high = low / 1.5, high * 1.5
    edges = np.geomspace(low * (1 - 1e-9), high * (1 + 1e-9), WEIGHT_BINS + 1)
    return Weights(
        edges=digits(edges, 9),
        count=tuple(int(n) for n in np.histogram(weight, edges)[0]),
        n=len(weight),
        n_effective=metrics.effective_count(weight * generator),
        largest=float(weight.max()),
    )


def draw(numbers: ReweightingNumbers, style: PlotSpec) -> Figure:
    """A grid: a cell a feature, spectra above and ratios to the target below; the weights last."""
    if not numbers.spectra:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        cells = len(numbers.spectra) + (numbers.weights is not None)
        columns = min(COLUMNS, cells)
        rows = -(-cells // columns)
        wide = style.model_copy(update={"width_in": style.width_in * (0.35 + 0.4 * columns)})
        figure = looks.new_figure(
            wide, (0.52 + 3.35 * rows * style.width_in / looks.WIDTH_IN) / wide.width_in
        )
        grid = figure.add_gridspec(rows, columns)
        for index, spectrum in enumerate(numbers.spectra):
            _draw_cell(figure, grid[index // columns, index % columns], spectrum, numbers)
        if numbers.weights is not None:
            index = cells - 1
            _draw_weights(
                figure.add_subplot(grid[index // columns, index % columns]), numbers.weights, numbers.source
            )
        figure.suptitle(
            looks.plain(f"{style.label}: {numbers.title}"), x=0.01, ha="left", fontsize=14, fontweight="bold",
            fontstyle="italic",
        )  # fmt: skip
        figure.legend(
            handles=_handles(numbers), loc="outside upper right", ncols=3, fontsize=12.5, borderaxespad=0.2
        )
    return figure


def _handles(numbers: ReweightingNumbers) -> list[Any]:
    return [
        Line2D(
            [], [], color=numbers.source.color, label=looks.tex(numbers.source.label), linestyle=(0, (5, 1.5))
        ),
        Line2D(
            [], [], color=REWEIGHTED_COLOR, marker="o", markersize=4, linestyle="none", label="reweighted"
        ),
        Patch(
            facecolor=numbers.target.color, alpha=0.35, label=f"{looks.tex(numbers.target.label)} (target)"
        ),
    ]


def _draw_cell(figure: Figure, place: SubplotSpec, spectrum: Spectrum, numbers: ReweightingNumbers) -> None:
    inner = place.subgridspec(2, 1, height_ratios=(2.4, 1), hspace=0)
    main = figure.add_subplot(inner[0])
    below = figure.add_subplot(inner[1], sharex=main)
    edges = np.asarray(spectrum.edges)
    source, target, after = map(np.asarray, (spectrum.source, spectrum.target, spectrum.reweighted))
    target_error, after_error = np.asarray(spectrum.target_error), np.asarray(spectrum.reweighted_error)
    middle = (edges[1:] + edges[:-1]) / 2
    main.stairs(target, edges, fill=True, color=numbers.target.color, alpha=0.35, gid="target")
    main.stairs(
        source, edges, color=numbers.source.color, linestyle=(0, (5, 1.5)), linewidth=1.5, gid="source"
    )
    main.errorbar(
        middle,
        after,
        after_error,
        fmt="o",
        color=REWEIGHTED_COLOR,
        markersize=2.6,
        linewidth=0.9,
        gid="reweighted",
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        band = np.where(target > 0, target_error / target, np.nan)
        ratios = [np.where(target > 0, values / target, np.nan) for values in (source, after, after_error)]
    below.stairs(1 + band, edges, baseline=1 - band, fill=True, color=numbers.target.color, alpha=0.35)
    below.stairs(
        ratios[0], edges, baseline=None, color=numbers.source.color, linestyle=(0, (5, 1.5)), linewidth=1.3
    )
    below.errorbar(
        middle, ratios[1], ratios[2], fmt="o", color=REWEIGHTED_COLOR, markersize=2.4, linewidth=0.8
    )
    below.axhline(1, color=looks.GREY, linewidth=0.7)
    below.set(
        ylim=RATIO_RANGE, xlim=(edges[0], edges[-1]), xlabel=looks.tex(spectrum.label), yticks=(0.75, 1, 1.25)
    )
    _dress(main, below, spectrum)


def _dress(main: Axes, below: Axes, spectrum: Spectrum) -> None:
    values = np.concatenate([spectrum.source, spectrum.target, spectrum.reweighted])
    high, smallest = float(values.max()), float(values[values > 0].min(initial=1.0))
    if high / max(smallest, 1e-12) > 100:
        main.set(yscale="log", ylim=(max(smallest / 2, high * 1e-5), high * (high / smallest) ** 0.25))
    else:
        main.set_ylim(0, high * 1.35)
        main.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))
    main.text(
        0.97, 0.94, rf"$\chi^2$/dof {spectrum.chi2_before:.3g} $\to$ {spectrum.chi2_after:.3g}",
        transform=main.transAxes, ha="right", va="top", fontsize=10.5, color=looks.GREY,
    )  # fmt: skip
    main.set_ylabel("Fraction / bin", fontsize=12)
    main.tick_params(labelbottom=False)
    below.set_ylabel("Ratio", fontsize=12, loc="center")
    below.xaxis.set_major_locator(MaxNLocator(4))
    for axes in (main, below):
        axes.tick_params(labelsize=10.5)


def _draw_weights(axes: Axes, weights: Weights, source: ClassSpec) -> None:
    axes.stairs(weights.count, weights.edges, color=source.color, linewidth=1.6, gid="weights")
    axes.axvline(1, color=looks.GREY, linewidth=0.7)
    axes.set(xscale="log", yscale="log", ylim=(0.5, max(weights.count) * 12))
    axes.set_xlabel("weight of the source", fontsize=13)
    axes.set_ylabel("Events / bin", fontsize=12)
    axes.tick_params(labelsize=10.5)
    axes.text(
        0.97, 0.96,
        f"{weights.n:,} events\neffectively {weights.n_effective:,.0f}\nlargest weight {weights.largest:.3g}",
        transform=axes.transAxes, ha="right", va="top", fontsize=10.5, color=looks.GREY, linespacing=1.35,
    )  # fmt: skip
