"""Spectra before and after reweighting against the target, with ratios, and the weights themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from jetsmith import io, metrics
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.plots import spectra
from jetsmith.plots import style as looks
from jetsmith.plots.histograms import Histograms
from jetsmith.plots.inputs import TEST, digits
from jetsmith.plots.spectra import Spectrum
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, Members
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record

MAX_FEATURES = 11  # with the weights a grid of 3 × 4
WEIGHT_BINS = 40
FEW = 100  # the largest weight over the smallest, below which there is room for 2 and 5 beside powers of ten


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
    members: Members
    source: ClassSpec
    target: ClassSpec
    spectra: tuple[Spectrum, ...]
    left_out: tuple[str, ...]
    weights: Weights | None

    def caption(self) -> str:
        """Events and panels, and which features there was no room for."""
        rest = f" Not shown: {', '.join(self.left_out)}." if self.left_out else ""
        band = spectra.weight_error_text(self.spectra, self.members)
        return (
            "Held-out events. Bars are statistical errors of the reweighted source. "
            f"{band} Lower panels: ratio to the target, whose statistical "
            "error is the band around 1, open triangles beyond the panel; χ² is of statistical errors alone. "
            "The features that differ most "
            f"without weights come first.{rest}"
        )

    def alternative(self) -> str:
        """Whose spectra, and of what."""
        names = ", ".join(spectrum.feature for spectrum in self.spectra)
        return f"Spectra of source, reweighted source and target of {self.title} in {names}."

    def histograms(self) -> Histograms:
        """Spectra that are shown."""
        return spectra.all_histograms(self.spectra)


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
        members=spec.members,
        title=spec.title,
        source=spec.classes[0],
        target=spec.classes[1],
        spectra=tuple(spectra.spectrum_of(h, labels) for h in ranked[:MAX_FEATURES]),
        left_out=tuple(h["feature"] for h in ranked[MAX_FEATURES:]),
        weights=_weights(*weights),
        message="" if ranked else f"{spec.title}: the closure test has no spectra",
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
        handles = spectra.target_handles(numbers.spectra, numbers.source, numbers.target)
        cells = len(numbers.spectra) + (numbers.weights is not None)
        figure, places = spectra.grid(cells, style, numbers.title, handles)
        for place, spectrum in zip(places, numbers.spectra, strict=False):
            _draw_cell(figure, place, spectrum, numbers)
        if numbers.weights is not None:
            _draw_weights(figure.add_subplot(places[-1]), numbers.weights, numbers.source)
    return figure


def _draw_cell(figure: Figure, place: SubplotSpec, spectrum: Spectrum, numbers: ReweightingNumbers) -> None:
    main, below = spectra.panels(figure, place, spectrum)
    spectra.draw_against_target(main, below, spectrum, numbers.source, numbers.target)
    spectra.note(main, spectra.chi2_text(spectrum))


def _draw_weights(axes: Axes, weights: Weights, source: ClassSpec) -> None:
    axes.stairs(weights.count, weights.edges, color=source.color, linewidth=1.6, gid="weights")
    axes.axvline(1, color=looks.GREY, linewidth=0.7)
    most = max(weights.count)
    axes.set(xscale="log", yscale="log", ylim=(0.5, most * (2 * most) ** 0.5))  # a third for the note
    few = weights.edges[-1] < FEW * weights.edges[0]
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("weight of the source", fontsize=13)
    axes.set_ylabel("Events / bin", fontsize=12)
    axes.tick_params(labelsize=10.5)
    spectra.note(
        axes,
        f"{weights.n:,} events\neffectively {weights.n_effective:,.0f}\nlargest weight {weights.largest:.3g}",
    )
