"""Spectra of source, reweighted source and target, as the closure test hands them over; what draws them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.histograms import Histograms, binned, histogram, of_errors
from jetsmith.plots.inputs import digits
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, Members
from jetsmith.specs.plots import PlotSpec
from jetsmith.spread import ERRORS
from jetsmith.strict import Record

COLUMNS = 3
RATIO_RANGE = (0.5, 1.5)
REWEIGHTED_COLOR = "#1a1a1a"
SOURCE_DASHES = (0, (5, 1.5))
WEIGHT_BAND: dict[str, Any] = {"fill": True, "facecolor": "#ffa90e", "edgecolor": "none", "alpha": 0.55}


class Spectrum(Record):
    """Fractions a bin of one feature, with their statistical errors; chi2 a degree of freedom to the target.

    `weight_error` is that of the reweighted fractions by the weights; it is empty without an ensemble.
    """

    feature: str
    label: str
    edges: tuple[float, ...]
    source: tuple[float, ...]
    source_error: tuple[float, ...]
    reweighted: tuple[float, ...]
    reweighted_error: tuple[float, ...]
    weight_error: tuple[float, ...]
    target: tuple[float, ...]
    target_error: tuple[float, ...]
    chi2_before: float
    chi2_after: float

    def histograms(self) -> Histograms:
        """Source, reweighted source and target, with statistical variances, by feature and part."""
        axis = [binned(self.edges, self.feature, self.label)]
        return {
            f"{self.feature}/{part}": histogram(
                axis, getattr(self, part), of_errors(getattr(self, f"{part}_error"))
            )
            for part in ("source", "reweighted", "target")
        }

    @property
    def moved(self) -> float:
        """Share of the sum of weights that goes to other bins, from 0 to 1.

        Sizes of the differences over sizes of both contents: half the former where no bin is below 0. Of
        signed weights, whose contents nearly cancel, that half would be above 1, and a share of nothing.
        """
        after, before = np.asarray(self.reweighted), np.asarray(self.source)
        return float(np.abs(after - before).sum() / (np.abs(after) + np.abs(before)).sum())


def spectrum_of(entry: Mapping[str, Any], labels: Mapping[str, str]) -> Spectrum:
    """A spectrum from what closure writes of a feature (`reweighting.histograms.compare_features`)."""
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
        weight_error=digits(entry["weight_error"]),
        chi2_before=entry["chi2_before"] / entry["n_dof"],
        chi2_after=entry["chi2_after"] / entry["n_dof"],
        **parts,
    )


def all_histograms(spectra: Sequence[Spectrum], folder: str = "") -> Histograms:
    """Those of several spectra, below a name where there is one."""
    found = (item for spectrum in spectra for item in spectrum.histograms().items())
    return {f"{folder}/{name}" if folder else name: values for name, values in found}


def ranked(spec: ClassifierSpec, moved: Mapping[str, float]) -> list[str]:
    """Features in the order in which they are shown: spectators first, then what the weights move most."""
    seen = {name for inputs in spec.spectators for name in inputs.features}
    return sorted(moved, key=lambda name: (name not in seen, -moved[name]))


def over(values: Sequence[float] | FloatArray, whole: Sequence[float] | FloatArray) -> FloatArray:
    """Ratio of two spectra, NaN where the lower one is not above 0, shape (B,)."""
    below = np.asarray(whole, np.float64)
    return np.asarray(np.divide(values, below, out=np.full(len(below), np.nan), where=below > 0))


def middle(spectrum: Spectrum) -> FloatArray:
    """Of each bin, shape (B,)."""
    edges = np.asarray(spectrum.edges)
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def draw_weight_error(main: Axes, below: Axes, spectrum: Spectrum, whole: Sequence[float]) -> None:
    """The band of the weights' error around the reweighted spectrum, and around its ratio to another one."""
    if not spectrum.weight_error:
        return
    after, error = np.asarray(spectrum.reweighted), np.asarray(spectrum.weight_error)
    main.stairs(after + error, spectrum.edges, baseline=after - error, gid="weight_error", **WEIGHT_BAND)
    high, low = over(after + error, whole), over(after - error, whole)
    below.stairs(high, spectrum.edges, baseline=low, gid="weight_error_ratio", **WEIGHT_BAND)


def weight_error_handles(shown: Sequence[Spectrum]) -> list[Patch]:
    """The entry of the band in a legend, where there is one."""
    look = {key: value for key, value in WEIGHT_BAND.items() if key != "fill"}
    return [Patch(label="error of the weights", **look)] if _has_weight_error(shown) else []


def weight_error_text(shown: Sequence[Spectrum], members: Members, ensemble: bool = False) -> str:
    """The sentence of a caption that says what the band is, by what the members were trained on.

    Args:
        shown: What the figure shows.
        members: What these were trained on.
        ensemble: Whether there are some, though spectra have no band: at values of parameters files of
            weights have the error of each event, and no weights of each member.
    """
    if _has_weight_error(shown):
        return f"The orange band is the error of the weights (68.3%), {ERRORS[members]}."
    if ensemble:
        return (
            "Weights at these values have errors by the ensemble, an event each (weight_at_…_up, "
            "weight_at_…_down); how those of a bin go together they do not say, and so there is no band."
        )
    return "There is no ensemble, and so no error of the weights."


def _has_weight_error(shown: Sequence[Spectrum]) -> bool:
    return any(spectrum.weight_error for spectrum in shown)


def target_handles(shown: Sequence[Spectrum], source: ClassSpec, target: ClassSpec) -> list[Any]:
    """What a legend says of `draw_against_target`."""
    points: dict[str, Any] = {"color": REWEIGHTED_COLOR, "marker": "o", "markersize": 4, "linestyle": "none"}
    return [
        Line2D([], [], color=source.color, label=looks.tex(source.label), linestyle=SOURCE_DASHES),
        Line2D([], [], label="reweighted", **points),
        *weight_error_handles(shown),
        Patch(facecolor=target.color, alpha=0.35, label=f"{looks.tex(target.label)} (target)"),
    ]


def draw_against_target(
    main: Axes, below: Axes, spectrum: Spectrum, source: ClassSpec, target: ClassSpec
) -> None:
    """Source, reweighted source and target, and below what the first two are to the third."""
    edges, whole = spectrum.edges, spectrum.target
    filled: dict[str, Any] = {"fill": True, "color": target.color, "alpha": 0.35}
    dashed: dict[str, Any] = {"color": source.color, "linestyle": SOURCE_DASHES}
    points: dict[str, Any] = {"fmt": "o", "color": REWEIGHTED_COLOR}
    main.stairs(whole, edges, gid="target", **filled)
    main.stairs(spectrum.source, edges, linewidth=1.5, gid="source", **dashed)
    band = over(spectrum.target_error, whole)
    below.stairs(1 + band, edges, baseline=1 - band, **filled)
    below.stairs(over(spectrum.source, whole), edges, baseline=None, linewidth=1.3, **dashed)
    draw_weight_error(main, below, spectrum, whole)
    x, after, error = middle(spectrum), spectrum.reweighted, spectrum.reweighted_error
    main.errorbar(x, after, error, markersize=2.6, linewidth=0.9, gid="reweighted", **points)
    ratio, bar = over(after, whole), over(error, whole)
    below.errorbar(x, ratio, bar, markersize=2.4, linewidth=0.8, **points)
    below.set(ylim=RATIO_RANGE, yticks=(0.75, 1, 1.25))
    looks.beyond(below, x, ratio, REWEIGHTED_COLOR)
    below.set_ylabel("Ratio", fontsize=12, loc="center")


def chi2_text(spectrum: Spectrum) -> str:
    """chi2 a degree of freedom before and after weighting, as TeX."""
    return rf"$\chi^2$/dof {spectrum.chi2_before:.3g} $\to$ {spectrum.chi2_after:.3g}"


def grid(
    n: int, style: PlotSpec, title: str, handles: Sequence[Any], columns: int = COLUMNS
) -> tuple[Figure, list[SubplotSpec]]:
    """A figure with a place for each of `n` cells, row by row, under title and legend, a line each."""
    columns = min(columns, n)
    rows = -(-n // columns)
    wide = style.model_copy(update={"width_in": style.width_in * (0.35 + 0.4 * columns)})
    height_in = 0.75 + 3.35 * rows * style.width_in / looks.WIDTH_IN
    figure = looks.new_figure(wide, height_in / wide.width_in)
    # A legend with a title, and no title of the figure: the layout keeps room for one of the two alone.
    figure.legend(
        handles=handles, loc="outside upper left", alignment="left", ncols=(1, 2, 4, 4)[columns - 1],
        title=(" " if columns > 1 else "\n").join(map(looks.plain, (f"{style.label}:", title))),
        title_fontproperties=looks.HEADLINE, fontsize=12.5, borderaxespad=0.2,
    )  # fmt: skip
    places = figure.add_gridspec(rows, columns)
    return figure, [places[k // columns, k % columns] for k in range(n)]


def panels(
    figure: Figure, place: SubplotSpec, spectrum: Spectrum, alike: Sequence[Spectrum] = ()
) -> tuple[Axes, Axes]:
    """Axes of the spectra and of their ratio below, dressed for all but the range of the ratio.

    Args:
        figure: The figure.
        place: Of the cell.
        spectrum: What it shows.
        alike: Spectra of the feature in other cells: all have the same axes.
    """
    shown = (spectrum, *alike)
    inner = place.subgridspec(2, 1, height_ratios=(2.4, 1), hspace=0)
    main = figure.add_subplot(inner[0])
    below = figure.add_subplot(inner[1], sharex=main)
    values = np.concatenate([part for s in shown for part in (s.source, s.target, s.reweighted)])
    high, smallest = float(values.max()), float(values[values > 0].min(initial=1.0))
    if high / max(smallest, 1e-12) > 100:
        main.set(yscale="log", ylim=(max(smallest / 2, high * 1e-5), high * (high / smallest) ** 0.25))
    else:
        main.set_ylim(0, high * 1.35)
        main.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))
    main.set_ylabel("Fraction / bin", fontsize=12)
    main.tick_params(labelbottom=False)
    below.axhline(1, color=looks.GREY, linewidth=0.7)
    ends = min(s.edges[0] for s in shown), max(s.edges[-1] for s in shown)
    below.set(xlim=ends, xlabel=looks.tex(spectrum.label))
    whole = all(edge % 1 == 0.5 for s in shown for edge in s.edges)  # numbers of jets, of partons
    below.xaxis.set_major_locator(MaxNLocator(4, integer=whole, steps=[1, 2, 5, 10]))
    below.minorticks_off()
    main.xaxis.minorticks_off()
    for axes in (main, below):
        axes.tick_params(labelsize=10.5)
    return main, below


def note(axes: Axes, text: str) -> None:
    """What stands in the upper right corner of a cell."""
    axes.text(
        0.97, 0.94, text, transform=axes.transAxes, ha="right", va="top", fontsize=10.5, color=looks.GREY,
        linespacing=1.35,
    )  # fmt: skip
