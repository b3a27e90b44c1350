"""The weights as a systematic variation: spectra before and after, and their ratio."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jetsmith import io
from jetsmith.handed.closure import Closure
from jetsmith.plots import spectra
from jetsmith.plots import style as looks
from jetsmith.plots.histograms import Histograms
from jetsmith.plots.spectra import Spectrum
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, Members
from jetsmith.specs.plots import PlotSpec
from jetsmith.texts import label_text

MAX_FEATURES = 6
KNOWN = 0.2  # relative error above which a bin has no say in the range of the ratio
REACHES = (0.05, 0.1, 0.2, 0.4, 1.0)  # distances from 1 that the ratio may show


class SystematicNumbers(looks.Numbers):
    """All that the figure shows: spectators first, then the inputs that the weights move most."""

    SECTION = "Reweighting"
    WIDE = True

    plot: str = "systematic"
    reweighter: str
    members: Members
    parameters: tuple[str, ...]
    source: ClassSpec
    target: ClassSpec
    spectra: tuple[Spectrum, ...]

    def heading(self) -> str:
        """Of which reweighter, as what."""
        return f"{self.title}: the weights as a systematic variation"

    def caption(self) -> str:
        """What is nominal, what varied, and which errors are drawn."""
        band = spectra.weight_error_text(self.spectra, self.members)
        return (
            f"{self._drawn()}Held-out events of {label_text(self.source.label)}, as they are (nominal) and "
            f"reweighted (variation). {band} Lower panels: ratio to the nominal "
            "spectrum, whose statistical error is the band around 1. The variation is made of the same "
            f"events: it shares most of that error. Points: {label_text(self.target.label)}, with "
            "statistical errors, open triangles beyond the panel. Spectators, which the weights do not know, "
            "come first, then the features "
            "that move most; the number in each panel is the share of the weights that change their bin, "
            "bins below 0 by their size."
        )

    def _drawn(self) -> str:
        """Of a reweighter with parameters: what the weights are that are shown."""
        if not self.parameters:
            return ""
        names = ", ".join(self.parameters)
        return (
            f"Weights are those at values of {names} that are drawn for each event of the source, which is "
            "no variation to use: that is weight_at_…, at one value for all events. "
        )

    def alternative(self) -> str:
        """How far each spectrum moves."""
        moved = ", ".join(f"{100 * s.moved:.1f}% in {s.feature}" for s in self.spectra)
        return f"Nominal and reweighted spectra of {self.title}; weights that change their bin: {moved}."

    def histograms(self) -> Histograms:
        """Spectra that are shown."""
        return spectra.all_histograms(self.spectra)


def plot_systematic(
    spec: ClassifierSpec, closure: str | Path, style: PlotSpec, output: str | Path, labels: Mapping[str, str]
) -> SystematicNumbers:
    """Read the closure test of a reweighter; write `output`.pdf, .png and .json.

    Args:
        spec: The reweighter.
        closure: Its JSON of the closure stage.
        style: Look of the plots.
        output: Path without suffix.
        labels: TeX labels by feature; a feature without one goes by its name.

    Raises:
        InputError: The file is no closure test of it, or another version's.
    """
    found = compute(spec, io.read_record(Closure, closure, reweighter=spec.name).histograms, labels)
    looks.save(draw(found, style), found, output)
    return found


def compute(
    spec: ClassifierSpec, histograms: Sequence[Mapping[str, Any]], labels: Mapping[str, str]
) -> SystematicNumbers:
    """Six spectra at most.

    Args:
        spec: The reweighter, source class first.
        histograms: Records of the closure test.
        labels: TeX labels by feature.
    """
    every = {entry["feature"]: spectra.spectrum_of(entry, labels) for entry in histograms}
    ranked = spectra.ranked(spec, {name: found.moved for name, found in every.items()})
    return SystematicNumbers(
        title=spec.title,
        reweighter=spec.name,
        members=spec.members,
        parameters=spec.parameters,
        source=spec.classes[0],
        target=spec.classes[1],
        spectra=tuple(every[name] for name in ranked[:MAX_FEATURES]),
        message="" if ranked else f"{spec.title}: the closure test has no spectra",
    )


def draw(numbers: SystematicNumbers, style: PlotSpec) -> Figure:
    """A cell a feature: spectra above, ratios to the nominal one below."""
    if not numbers.spectra:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        figure, places = spectra.grid(len(numbers.spectra), style, numbers.title, _handles(numbers))
        for place, spectrum in zip(places, numbers.spectra, strict=True):
            _draw_cell(figure, place, spectrum, numbers)
    return figure


def _handles(numbers: SystematicNumbers) -> list[Any]:
    source, target = numbers.source, numbers.target
    point: dict[str, Any] = {"color": target.color, "marker": "o", "markersize": 4, "linestyle": "none"}
    return [
        Patch(facecolor=source.color, alpha=0.35, label=f"{looks.tex(source.label)} (nominal)"),
        Line2D([], [], color=spectra.REWEIGHTED_COLOR, label="reweighted"),
        *spectra.weight_error_handles(numbers.spectra),
        Line2D([], [], label=f"{looks.tex(target.label)} (target)", **point),
    ]


def _draw_cell(figure: Figure, place: SubplotSpec, spectrum: Spectrum, numbers: SystematicNumbers) -> None:
    main, below = spectra.panels(figure, place, spectrum)
    edges, source, after = spectrum.edges, spectrum.source, spectrum.reweighted
    filled: dict[str, Any] = {"fill": True, "color": numbers.source.color, "alpha": 0.35}
    line: dict[str, Any] = {"color": spectra.REWEIGHTED_COLOR, "linewidth": 1.3, "baseline": None}
    points: dict[str, Any] = {"fmt": "o", "color": numbers.target.color, "markersize": 2.4, "linewidth": 0.8}
    main.stairs(source, edges, gid="nominal", **filled)
    band = spectra.over(spectrum.source_error, source)
    below.stairs(1 + band, edges, baseline=1 - band, **filled)
    spectra.draw_weight_error(main, below, spectrum, source)
    main.stairs(after, edges, gid="variation", **line)
    below.stairs(spectra.over(after, source), edges, gid="variation_ratio", **line)
    x, target, error = spectra.middle(spectrum), spectrum.target, spectrum.target_error
    main.errorbar(x, target, error, gid="target", **points)
    ratio, bar = spectra.over(target, source), spectra.over(error, source)
    below.errorbar(x, ratio, bar, **points)
    moved = np.abs(spectra.over(after, source) - 1)[band < KNOWN]
    wanted = np.abs(ratio - 1)[np.hypot(band, bar) < KNOWN]
    farthest = 1.1 * np.concatenate([moved, wanted]).max(initial=0.0)
    reach = next((found for found in REACHES if found >= farthest), REACHES[-1])
    below.set(ylim=(1 - reach, 1 + reach), yticks=(1 - reach / 2, 1, 1 + reach / 2))
    looks.beyond(below, x, ratio, numbers.target.color)
    below.set_ylabel("Ratio", fontsize=12, loc="center")
    spectra.note(main, f"{100 * spectrum.moved:.1f}% moved")
