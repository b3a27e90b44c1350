"""What closure found of a reweighter, gate by gate, for page, figure and verdict."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from jetsmith.io import Stored

Status = Literal["passed", "not conclusive", "failed", "not judged"]
REFINED = "refined"  # the gate of `weight_refined` alone
WORST: tuple[Status, ...] = ("failed", "not conclusive", "passed")


@dataclass(frozen=True, slots=True)
class Gate(Stored):
    """One demand on the weights.

    Attributes:
        name: separation, support, calibration, spectra, swapped, sum, interpolation or refined.
        status: "not conclusive" is not "passed": the events cannot tell. "not judged" is a number to look
            at that nobody has promised: it changes no verdict.
        values: What was found, by its name.
        limits: What it was compared with, by its name.
        why: The reason, a sentence for people.
    """

    name: str
    status: Status
    values: dict[str, float]
    limits: dict[str, float]
    why: str


@dataclass(frozen=True, slots=True)
class Area(Stored):
    """Area under the ROC curve of a fresh classifier, with its interval of 68.3%, and the curve.

    Attributes:
        value: Of the weights as they are, negative ones too.
        low: Lower end of the interval.
        high: Upper end.
        curve: True-positive rates (of the target) at false-positive rates (of the source) from 0 to 1 in
            equal steps, made monotone where weights are negative (`metrics.roc_curve`); none where no
            threshold has an effective event of the source above it.
    """

    value: float
    low: float
    high: float
    curve: tuple[float, ...] = ()

    @property
    def sigma(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True)
class CalibrationBin(Stored):
    """Events of both generators with ratios in [low, high), levelled to the same sum of weights.

    Attributes:
        low: Smallest ratio target/source.
        high: Largest.
        content: Share of the levelled weights.
        predicted: Fraction of the target by the ratio.
        observed: Fraction of the target.
        error: Standard deviation of observed - predicted.
    """

    low: float
    high: float
    content: float
    predicted: float
    observed: float
    error: float


@dataclass(frozen=True, slots=True)
class Interpolation(Stored):
    """Held-out events of source and target at values of parameters that the reweighter was not trained at.

    Attributes:
        label: The values as a part of names of columns.
        parameters: The values.
        status: The worse of the gates.
        separation: A fresh classifier of features alone.
        spectra: Each feature and spectator.
        auc_before: Source against target, with generator weights alone.
        auc_after: The source weighted.
        n_source: Held-out events of the source.
        n_target: Of the target.
        histograms: A spectrum a feature and spectator, as those of `Closure`.
    """

    label: str
    parameters: dict[str, float]
    status: Status
    separation: Gate
    spectra: Gate
    auc_before: Area
    auc_after: Area | None
    n_source: int
    n_target: int
    histograms: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Closure(Stored):
    """The closure test of a reweighter, on events that nothing was fitted on.

    Attributes:
        reweighter: Whose.
        sample: On which.
        classes: Source and target.
        seed: Of everything random.
        status: The worst of the gates of the weights (`of_weights`).
        gates: In the order of the page.
        auc_before: Source against target, with generator weights alone.
        auc_after: The source weighted.
        auc_swapped: The target weighted by the inverse ratio; None where those weights do not add up to more
            than 0, or are not known.
        n_source: Held-out events of the source.
        n_target: Of the target.
        calibration: By rising ratio.
        histograms: A spectrum a feature and spectator (`reweighting.histograms.compare_features`).
        interpolations: Of a reweighter with parameters, at each of the values that are held out.
    """

    reweighter: str
    sample: str
    classes: tuple[str, ...]
    seed: int
    status: Status
    gates: tuple[Gate, ...]
    auc_before: Area
    auc_after: Area | None
    auc_swapped: Area | None
    n_source: int
    n_target: int
    calibration: tuple[CalibrationBin, ...]
    histograms: tuple[dict[str, Any], ...]
    interpolations: tuple[Interpolation, ...] = ()

    @property
    def of_weights(self) -> tuple[Gate, ...]:
        """Gates of the reweighter's weights, without that of the refined weights of the generators."""
        return of_weights(self.gates)


def of_weights(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """Without the gate `refined`: it is of other weights, which no bundle and no correction holds."""
    return tuple(gate for gate in gates if gate.name != REFINED)


def worst(gates: tuple[Gate, ...]) -> Status:
    """Failed, if any gate is; else not conclusive, if any is."""
    return worst_of([gate.status for gate in gates])


def worst_of(found: Collection[Status]) -> Status:
    """Failed, if any is; else not conclusive, if any is."""
    return next(status for status in WORST if status == "passed" or status in found)
