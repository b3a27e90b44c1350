"""The closure test of a reweighter: what a fresh classifier tells apart, and fractions of the target."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetsmith import io
from jetsmith.handed.closure import Area, Closure
from jetsmith.metrics import Interval
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.plots.spectra import REWEIGHTED_COLOR, SOURCE_DASHES
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import interval_text, label_text

SMALLEST_REACH = 0.02  # of the lower panels, so that noise looks like noise
LABEL_SIZE = 12.5


class Judged(Record):
    """A ROC curve of the fresh classifier, at the false-positive rates of the figure.

    `status` is that of the gate on its area, nothing where there is none.
    """

    name: str
    auc: Interval
    status: str
    true_positive: tuple[float, ...]


class Fraction(Record):
    """Events of one bin of the ratio; `error` is that of observed - predicted."""

    predicted: float
    observed: float
    error: float


class ClosureNumbers(looks.Numbers):
    """All that the figure shows; chi2 and status of the calibration as its gate has them."""

    SECTION = "Reweighting"
    WIDE = True

    plot: str = "closure"
    reweighter: str
    source: ClassSpec
    target: ClassSpec
    status: str
    folds: int
    false_positive: tuple[float, ...]
    judged: tuple[Judged, ...]
    fractions: tuple[Fraction, ...]
    chi2: float | None
    n_dof: int | None
    calibration: str

    def heading(self) -> str:
        """Of which reweighter."""
        return f"{self.title}: closure test"

    def caption(self) -> str:
        """Who judges what, and what is drawn where weights are negative."""
        folds = " The curves of the folds are averaged at each false-positive rate." if self.folds else ""
        source, target = label_text(self.source.label), label_text(self.target.label)
        return (
            "Held-out events. Left: ROC curves of boosted trees that know nothing of the weights, between "
            f"{source} and {target} (as signal): by generator weights alone, with the source weighted, and "
            "with the target weighted by the inverse ratio. Below: how far they lie above the diagonal, on "
            "which they lie where the densities agree. Areas have intervals of 68.3% and are of the weights "
            "as they are; where some are negative, the curves are made monotone, by the mean of the running "
            f"maximum and minimum.{folds} Right: fraction of the target in bins of the ratio, observed "
            "against what the ratio says; below, their difference. χ² has the correlations of the bins."
        )

    def alternative(self) -> str:
        """Areas and status."""
        areas = ", ".join(f"{judged.name} {interval_text(judged.auc)}" for judged in self.judged)
        return (
            f"Closure test of {self.title}, {self.status}: areas under the ROC curve of a fresh classifier "
            f"{areas}; calibration {self.calibration}, {_chi2_text(self)}."
        )


def _chi2_text(numbers: ClosureNumbers) -> str:
    if numbers.chi2 is None:
        return "no ratio of the target in the region of validity"
    return f"χ²/dof {numbers.chi2:.1f}/{numbers.n_dof}"


def plot_closure(
    spec: ClassifierSpec, closure: str | Path, style: PlotSpec, output: str | Path
) -> ClosureNumbers:
    """Read the closure test of a reweighter; write `output`.pdf, .png and .json.

    Args:
        spec: The reweighter.
        closure: Its JSON of the closure stage.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: The file is no closure test of it, or another version's.
    """
    found = compute(spec, io.read_record(Closure, closure, reweighter=spec.name))
    looks.save(draw(found, style), found, output)
    return found


def compute(spec: ClassifierSpec, test: Closure) -> ClosureNumbers:
    """The curves with a point in common, and the fractions.

    Args:
        spec: The reweighter, source class first.
        test: What closure found of it.
    """
    gates = {gate.name: gate for gate in test.gates}
    areas = {
        "before weighting": (test.auc_before, ""),
        "after weighting": (test.auc_after, gates["separation"].status),
        "roles swapped": (test.auc_swapped, gates["swapped"].status),
    }
    judged = [_judged(name, area, status) for name, (area, status) in areas.items() if area is not None]
    n = max(len(one.true_positive) for one in judged)
    values = gates["calibration"].values  # none where no event is in the region of validity
    return ClosureNumbers(
        title=spec.title,
        reweighter=spec.name,
        source=spec.classes[0],
        target=spec.classes[1],
        status=test.status,
        folds=spec.folds,
        false_positive=digits(np.linspace(0, 1, n)),
        judged=tuple(judged),
        fractions=tuple(
            Fraction(predicted=predicted, observed=observed, error=error)
            for predicted, observed, error in (
                digits((b.predicted, b.observed, b.error)) for b in test.calibration
            )
        ),
        chi2=values.get("chi2"),
        n_dof=int(values["n_dof"]) if "n_dof" in values else None,
        calibration=gates["calibration"].status,
    )


def _judged(name: str, area: Area, status: str) -> Judged:
    return Judged(
        name=name,
        auc=Interval(area.value, area.low, area.high),
        status=status,
        true_positive=digits(area.curve),
    )


def draw(numbers: ClosureNumbers, style: PlotSpec) -> Figure:
    """ROC curves on the left, fractions on the right; differences from the diagonals below."""
    with looks.rc():
        wide = style.model_copy(update={"width_in": 1.75 * style.width_in})
        figure = looks.new_figure(wide, 0.55)
        (roc, fractions), (above, apart) = figure.subplots(2, 2, sharex="col", height_ratios=(2.6, 1))
        for axes in (roc, fractions):
            axes.axline((0, 0), slope=1, color=looks.GREY, linewidth=0.8)
        for axes in (above, apart):
            axes.axhline(0, color=looks.GREY, linewidth=0.8)
        _draw_curves(roc, above, numbers)
        _draw_fractions(fractions, apart, numbers)
        said = f"{style.label}: {numbers.title}, closure test: {numbers.status}"
        figure.suptitle(looks.plain(said), x=0.01, ha="left", fontproperties=looks.HEADLINE)
    return figure


def _draw_curves(main: Axes, below: Axes, numbers: ClosureNumbers) -> None:
    styles: tuple[dict[str, Any], ...] = (
        {"color": numbers.source.color, "linestyle": SOURCE_DASHES},
        {"color": REWEIGHTED_COLOR, "linestyle": "-"},
        {"color": numbers.target.color, "linestyle": (0, (6, 1.5, 1.2, 1.5))},
    )
    reach = SMALLEST_REACH
    for judged, look in zip(numbers.judged, styles, strict=False):
        said = filter(None, (interval_text(judged.auc), judged.status))
        label = f"{judged.name}: {', '.join(said)}"
        x = numbers.false_positive if judged.true_positive else ()
        main.plot(x, judged.true_positive, label=label, gid=judged.name, **look)
        distance = np.subtract(judged.true_positive, x)
        below.plot(x, distance, **look)
        if judged.status:
            reach = max(reach, 1.3 * float(np.abs(distance).max(initial=0.0)))
    main.legend(
        loc="lower right", title="Area under the curve, gate", title_fontsize=looks.LEGEND_SIZE,
        handlelength=1.7, borderaxespad=0.3,
    )  # fmt: skip
    main.set(xlim=(0, 1), ylim=(0, 1))
    main.set_ylabel(f"True positives ({looks.tex(numbers.target.label)})", fontsize=LABEL_SIZE)
    below.set_ylim(-reach, reach)
    below.set_ylabel("True − false", fontsize=LABEL_SIZE, loc="center")
    below.set_xlabel(f"False positives ({looks.tex(numbers.source.label)})", fontsize=LABEL_SIZE)


def _draw_fractions(main: Axes, below: Axes, numbers: ClosureNumbers) -> None:
    predicted, observed, error = (
        np.array([getattr(fraction, name) for fraction in numbers.fractions])
        for name in ("predicted", "observed", "error")
    )
    points: dict[str, Any] = {"fmt": "o", "color": REWEIGHTED_COLOR, "markersize": 4, "linewidth": 1.1}
    main.errorbar(predicted, observed, error, **points)
    below.errorbar(predicted, observed - predicted, error, **points)
    reach = max(SMALLEST_REACH, 1.2 * float((np.abs(observed - predicted) + error).max(initial=0.0)))
    main.text(
        0.04, 0.95, f"{_chi2_text(numbers)}\ncalibration: {numbers.calibration}", transform=main.transAxes,
        ha="left", va="top", fontsize=looks.LEGEND_SIZE, color=looks.GREY, linespacing=1.35,
    )  # fmt: skip
    ends = np.concatenate([predicted, observed - error, observed + error]) if len(predicted) else [0.0, 1.0]
    room = 0.12 * (max(ends) - min(ends))
    main.set(xlim=(min(ends) - room, max(ends) + room), ylim=(min(ends) - room, max(ends) + room))
    main.set_ylabel(f"Observed fraction of {looks.tex(numbers.target.label)}", fontsize=LABEL_SIZE)
    below.set_ylim(-reach, reach)
    below.set_ylabel("Observed −\npredicted", fontsize=LABEL_SIZE, loc="center")
    below.set_xlabel(f"Predicted fraction of {looks.tex(numbers.target.label)}", fontsize=LABEL_SIZE)
