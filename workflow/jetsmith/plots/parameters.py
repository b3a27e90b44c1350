"""Spectra at values of parameters that a reweighter was not trained at, side by side."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from jetsmith import io
from jetsmith.handed.closure import WORST, Closure, Interpolation
from jetsmith.metrics import Interval
from jetsmith.plots import spectra
from jetsmith.plots import style as looks
from jetsmith.plots.histograms import Histograms
from jetsmith.plots.spectra import Spectrum
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, Members
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import interval_text, label_text, point_text

MAX_VALUES = 4
MAX_FEATURES = 3
HEADING_WIDTH = 34  # letters over a cell


class Value(Record):
    """Values of the parameters that were held out, with the area after weighting, None where there is none.

    `status` is the worse of the gates on area and spectra there.
    """

    parameters: dict[str, float]
    status: str
    auc: Interval | None
    spectra: tuple[Spectrum, ...]


class ParametersNumbers(looks.Numbers):
    """All that the figure shows: values in rising order, of each the same features; `left_out` has others."""

    SECTION = "Reweighting"
    WIDE = True

    plot: str = "parameters"
    reweighter: str
    members: Members
    ensemble: bool
    source: ClassSpec
    target: ClassSpec
    values: tuple[Value, ...]
    left_out: tuple[str, ...]

    def heading(self) -> str:
        """Of which reweighter, and where."""
        return f"{self.title}: values of parameters that were held out"

    def caption(self) -> str:
        """What is compared at each value, which features, and which values there was no room for."""
        source, target = label_text(self.source.label), label_text(self.target.label)
        rest = (
            f" Values that agree better are not shown: {'; '.join(self.left_out)}." if self.left_out else ""
        )
        shown = [spectrum for value in self.values for spectrum in value.spectra]
        band = spectra.weight_error_text(shown, self.members, self.ensemble)
        return (
            f"Held-out events of {source}, as they are and weighted at the values above each cell, and of "
            f"{target} that were generated there and trained nothing. Areas are those of a fresh classifier "
            "after weighting, with intervals of 68.3%; the verdict is the worse of both gates. Bars "
            f"are statistical errors of the reweighted source. {band} Lower "
            "panels: ratio to the target, whose statistical error is the band around 1, open triangles "
            "beyond the panel; χ² is of statistical "
            "errors alone. Spectators, which the weights do not know, come first, then the features that "
            f"move most at any of the values.{rest}"
        )

    def alternative(self) -> str:
        """Area and chi2 at each value."""
        said = "; ".join(
            f"at {point_text(value.parameters)} {value.status}, area {_area(value)}, χ²/dof "
            + ", ".join(f"{s.chi2_before:.3g} → {s.chi2_after:.3g} in {s.feature}" for s in value.spectra)
            for value in self.values
        )
        return f"Source, reweighted source and target of {self.title} at values that were held out: {said}."

    def histograms(self) -> Histograms:
        """Spectra that are shown, by the values of the parameters."""
        return {
            name: found
            for value in self.values
            for name, found in spectra.all_histograms(
                value.spectra, ",".join(f"{name}={x:g}" for name, x in value.parameters.items())
            ).items()
        }


def _area(value: Value) -> str:
    return "unknown" if value.auc is None else interval_text(value.auc)


def plot_parameters(
    spec: ClassifierSpec, closure: str | Path, style: PlotSpec, output: str | Path, labels: Mapping[str, str]
) -> ParametersNumbers:
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
    test = io.read_record(Closure, closure, reweighter=spec.name)
    ensemble = any(entry["weight_error"] for entry in test.histograms)
    found = compute(spec, test.interpolations, labels, ensemble)
    looks.save(draw(found, style), found, output)
    return found


def compute(
    spec: ClassifierSpec,
    tested: Sequence[Interpolation],
    labels: Mapping[str, str],
    ensemble: bool = False,
) -> ParametersNumbers:
    """Four values at most, those that agree worst, and three features.

    Args:
        spec: The reweighter, source class first.
        tested: What closure found at each value that was held out.
        labels: TeX labels by feature.
        ensemble: Whether weights have an error.
    """
    ranked = sorted(tested, key=_badness, reverse=True)
    chosen = sorted(ranked[:MAX_VALUES], key=_point)
    every = [{h["feature"]: spectra.spectrum_of(h, labels) for h in one.histograms} for one in chosen]
    names = _features(spec, every)
    return ParametersNumbers(
        title=spec.title,
        reweighter=spec.name,
        members=spec.members,
        ensemble=ensemble,
        source=spec.classes[0],
        target=spec.classes[1],
        values=tuple(
            Value(
                parameters=one.parameters,
                status=one.status,
                auc=None if (area := one.auc_after) is None else Interval(area.value, area.low, area.high),
                spectra=tuple(of[name] for name in names),
            )
            for one, of in zip(chosen, every, strict=True)
        ),
        left_out=tuple(point_text(one.parameters) for one in sorted(ranked[MAX_VALUES:], key=_point)),
        message=""
        if names
        else f"{spec.title}: the closure test has no spectra at values that were held out",
    )


def _badness(found: Interpolation) -> tuple[int, float]:
    """By status, then by how far the area lies from one half."""
    return -WORST.index(found.status), abs((found.auc_after or found.auc_before).value - 0.5)


def _point(found: Interpolation) -> tuple[float, ...]:
    return tuple(found.parameters.values())


def _features(spec: ClassifierSpec, every: Sequence[Mapping[str, Spectrum]]) -> list[str]:
    """Names of those that are shown, by how far they move at any value."""
    moved = {name: max(of[name].moved for of in every) for name in (every[0] if every else ())}
    return spectra.ranked(spec, moved)[:MAX_FEATURES]


def draw(numbers: ParametersNumbers, style: PlotSpec) -> Figure:
    """A column a value and a row a feature; the features of a single value stand side by side."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    by_feature = zip(*(value.spectra for value in numbers.values), strict=True)
    cells = [pair for row in by_feature for pair in zip(numbers.values, row, strict=True)]
    columns = len(numbers.values) if len(numbers.values) > 1 else len(cells)
    shown = [spectrum for _, spectrum in cells]
    with looks.rc():
        handles = spectra.target_handles(shown, numbers.source, numbers.target)
        figure, places = spectra.grid(len(cells), style, numbers.title, handles, columns)
        for k, (place, (value, spectrum)) in enumerate(zip(places, cells, strict=True)):
            alike = [other for other in shown if other.feature == spectrum.feature]
            main, below = spectra.panels(figure, place, spectrum, alike)
            spectra.draw_against_target(main, below, spectrum, numbers.source, numbers.target)
            spectra.note(main, spectra.chi2_text(spectrum))
            if k < columns:
                main.set_title(_head(value), fontsize=11.5, color=looks.GREY, pad=6)
            if k % columns:
                main.set_ylabel("")
                below.set_ylabel("")
    return figure


def _head(value: Value) -> str:
    """What stands above a column."""
    lines = textwrap.wrap(point_text(value.parameters), HEADING_WIDTH)
    return looks.plain("\n".join([*lines, f"area {_area(value)}, {value.status}"]))
