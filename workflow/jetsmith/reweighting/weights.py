"""Weights of source events from the calibrated probability ratio of a reweighter."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io
from jetsmith.columns import row_key
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import effective_count
from jetsmith.specs.classifiers import RowsSpec

MAX_LOG_RATIO = 20.0  # numerical support alone: exp(20) stays far from overflow in sums of squares
_STEPS = 100


@dataclass(frozen=True)
class RatioCalibration:
    """log(f_target/f_source) = slope * logit + intercept, then times `normalisation`.

    Attributes:
        slope: 1 for a calibrated classifier.
        intercept: 0 for a calibrated classifier that saw as much of the source as of the target.
        normalisation: Makes the mean weight of the source's calibration split 1, where the mean
            is weighted by the generator weights.
        n_source: Effective count of source events that it was fitted on.
        n_target: The same of the target.
    """

    slope: float
    intercept: float
    normalisation: float
    n_source: float
    n_target: float


def fit_ratio(logit: FloatArray, target_mask: BoolArray, weight: FloatArray) -> RatioCalibration:
    """Fit the calibration by weighted logistic regression with levelled classes (Platt).

    With both classes at the same sum of weights the calibrated odds are the density ratio, so no
    class prior is left over. Newton steps, halved until the loss falls; signed weights enter the
    loss as they are.

    Args:
        logit: log(p_target/p_source) of the classifier, shape (N,).
        target_mask: True for events of the target, shape (N,).
        weight: Generator weights, shape (N,).

    Raises:
        InputError: A class has no events of positive summed weight, or the fit has no minimum.
    """
    weight = np.asarray(weight, np.float64)
    sums = [weight[~target_mask].sum(), weight[target_mask].sum()]
    for name, total in zip(("source", "target"), sums, strict=True):
        if not total > 0:
            raise InputError(
                f"reweighting: the calibration split has no {name} events whose weights add up to more than 0"
            )
    levelled = weight / np.where(target_mask, sums[1], sums[0]) / 2
    x = np.clip(logit, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    slope, intercept = _logistic(x, target_mask, levelled)
    ratio = np.exp(np.clip(slope * x + intercept, -MAX_LOG_RATIO, MAX_LOG_RATIO))[~target_mask]
    mean = float(weight[~target_mask] @ ratio / sums[0])
    if not mean > 0:
        raise InputError("reweighting: the mean weight of the source's calibration split is not positive")
    counts = effective_count(weight[~target_mask]), effective_count(weight[target_mask])
    return RatioCalibration(slope, intercept, 1 / mean, *counts)


def _logistic(x: FloatArray, truth: BoolArray, weight: FloatArray) -> tuple[float, float]:
    """Slope and intercept of the smallest weighted cross-entropy."""
    sign = np.where(truth, -1.0, 1.0)
    design = np.column_stack([x, np.ones(len(x))])

    def loss(parameters: FloatArray) -> float:
        return float(weight @ np.logaddexp(0, sign * (design @ parameters)))

    parameters = np.array([1.0, 0.0])
    current = loss(parameters)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(design @ parameters)))
        gradient = design.T @ (weight * (p - truth))
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design
        hessian += 1e-12 * np.eye(2)  # a constant logit has no slope
        if np.linalg.eigvalsh(hessian)[0] <= 0:
            raise InputError("reweighting: negative weights outweigh the others in the calibration split")
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while loss(parameters - scale * step) > current and scale > 1e-9:
            scale /= 2
        parameters = parameters - scale * step
        previous, current = current, loss(parameters)
        if previous - current < 1e-14:
            break
    return float(parameters[0]), float(parameters[1])


def density_ratio(logit: FloatArray, calibration: RatioCalibration) -> tuple[FloatArray, BoolArray]:
    """Weights of events, and which of them were clipped.

    Args:
        logit: log(p_target/p_source), shape (N,), infinite where a probability is 0.
        calibration: Of `fit_ratio`.

    Returns:
        Weights, shape (N,), positive and finite; True where log-odds lay beyond ±20.
    """
    x = np.clip(logit, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    log_ratio = calibration.slope * x + calibration.intercept
    clipped = np.clip(log_ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    return np.exp(clipped) * calibration.normalisation, (x != logit) | (clipped != log_ratio)


@dataclass(frozen=True)
class ReweighterScores:
    """Scores of a reweighter with what belongs to them, all arrays of shape (N,).

    Attributes:
        key: Run, luminosity block, event; jet index too where rows are jets.
        dataset: Index in the sample's datasets.
        split: Index in SPLITS.
        weight: Generator weight as packed.
        logit: log(p_target/p_source).
        target_mask: True for events of the target's datasets.
    """

    key: dict[str, npt.NDArray[Any]]
    dataset: npt.NDArray[np.int64]
    split: npt.NDArray[np.int8]
    weight: FloatArray
    logit: FloatArray
    target_mask: BoolArray

    def calibrate(self) -> RatioCalibration:
        """Fit the ratio on the calibration split alone."""
        rows = self.split == SPLITS.index("calibration")
        return fit_ratio(self.logit[rows], self.target_mask[rows], self.weight[rows])


def read_scores(spec: RowsSpec, scores: str | Path, datasets: Sequence[tuple[str, str]]) -> ReweighterScores:
    """Read the scores of a reweighter; rows of other generators are left out.

    Args:
        spec: The reweighter.
        scores: results/scores/{reweighter}/{sample}.parquet.
        datasets: Name and generator of the sample's datasets, in its order.

    Raises:
        InputError: The file lacks a column or holds scores that are not numbers.
    """
    generators = [generator for _, generator in datasets]
    source, target = spec.classes
    names = row_key(spec.object)
    wanted = [*names, "dataset", "split", "weight", f"p_{source.name}", f"p_{target.name}"]
    rows = io.read_rows(scores, wanted, classifier=spec.name, sample=spec.sample)
    table = {name: np.asarray(ak.to_numpy(rows[name])) for name in wanted}
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(table[f"p_{c.name}"].astype(np.float64)) for c in (source, target)]
        logit = logs[1] - logs[0]
    if np.isnan(logit).any() or not np.isfinite(table["weight"]).all():
        raise InputError(f"{scores}: probabilities or weights that are no numbers; train {spec.name} again")
    of_class = np.array([{source.generator: 0, target.generator: 1}.get(g, -1) for g in generators])
    side = of_class[table["dataset"]]
    kept = side >= 0
    return ReweighterScores(
        key={name: table[name][kept] for name in names},
        dataset=table["dataset"][kept].astype(np.int64),
        split=table["split"][kept].astype(np.int8),
        weight=table["weight"][kept].astype(np.float64),
        logit=logit[kept],
        target_mask=side[kept] == 1,
    )


def write_weights(
    spec: RowsSpec,
    scores: str | Path,
    datasets: Sequence[tuple[str, str]],
    dataset: str,
    output: str | Path,
    calibration_output: str | Path | None = None,
) -> None:
    """Write one weight an event of one dataset, ordered by the event key.

    An event of the source counts `weight_generator * weight`; events of the target have weight 1.
    The calibration is fitted on split `calibration`, and normalised so that the mean weight there,
    weighted by the generator weights, is 1.

    Args:
        spec: The reweighter: class 0 is the source, class 1 the target.
        scores: results/scores/{reweighter}/{sample}.parquet.
        datasets: Name and generator of the sample's datasets, in its order.
        dataset: The one to write.
        output: Parquet with run, luminosity_block, event, split, weight_generator, weight.
        calibration_output: JSON: the calibration, and `summarise` of each split; None for none.

    Raises:
        InputError: See `read_scores`, `fit_ratio`.
    """
    names = [name for name, _ in datasets]
    found = read_scores(spec, scores, datasets)
    calibration = found.calibrate()
    rows = np.flatnonzero(found.dataset == names.index(dataset))
    rows = rows[np.lexsort([found.key[name][rows] for name in reversed(found.key)])]
    ratio, clipped = density_ratio(found.logit, calibration)
    weight = np.where(found.target_mask | clipped, 1.0, ratio)
    used = ~found.target_mask & ~clipped  # those that are outside keep what they have
    weight[used] *= found.weight[used].sum() / (found.weight[used] @ weight[used])
    ratio, clipped, weight = ratio[rows], clipped[rows], weight[rows]
    generator, split = found.weight[rows], found.split[rows]
    columns = {name: values[rows] for name, values in found.key.items()}
    columns |= {"split": split, "weight_generator": generator, "ratio": ratio, "weight": weight}
    columns |= {"outside": clipped}
    io.write_rows(output, ak.zip(columns, depth_limit=1), reweighter=spec.name, dataset=dataset)
    if calibration_output is not None:
        splits = {
            name: summarise(weight[split == k], generator[split == k], clipped[split == k])
            for k, name in enumerate(SPLITS)
        }
        subject = {"reweighter": spec.name, "dataset": dataset}
        io.write_json(calibration_output, {**subject, "calibration": asdict(calibration), "splits": splits})


def summarise(weight: FloatArray, generator: FloatArray, clipped: BoolArray) -> dict[str, float | None]:
    """Numbers that tell whether weights can be used; None where there are no events.

    Args:
        weight: Weights, shape (N,).
        generator: Generator weights, shape (N,).
        clipped: Shape (N,).

    Returns:
        n_events, n_clipped, fraction_clipped, largest_weight, mean_weight (plain), normalisation
        (mean weighted by the generator weights), n_effective, and n_effective_fraction, the
        effective count over that without the weights.
    """
    n = len(weight)
    total, before = float(generator.sum()), effective_count(generator)
    after = effective_count(generator * weight)
    return {
        "n_events": n,
        "n_clipped": int(clipped.sum()),
        "fraction_clipped": float(clipped.mean()) if n else None,
        "largest_weight": float(weight.max()) if n else None,
        "mean_weight": float(weight.mean()) if n else None,
        "normalisation": float(generator @ weight / total) if total > 0 else None,
        "n_effective": after,
        "n_effective_fraction": after / before if before > 0 else None,
    }
