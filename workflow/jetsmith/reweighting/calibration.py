"""From the log-odds of a classifier to the log of the ratio of densities, on events that it has not seen."""

from collections.abc import Sequence

import numpy as np

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics import effective_count
from jetsmith.ratios import MAX_LOG_RATIO, RatioCalibration
from jetsmith.specs.ratios import RatioSpec

_STEPS = 100
LEAST = 10.0  # effective events of each class in a bin of `histogram` and `isotonic`
PLATT_BINS = 50  # of signed weights


def straight(slope: float, intercept: float, method: str, counts: Sequence[float]) -> RatioCalibration:
    """log ratio = slope * logit + intercept."""
    knots = (0.0, 1.0), (intercept, intercept + slope)
    return RatioCalibration(method, *knots, True, counts[0], counts[1], slope)


def fit_calibration(
    logit: FloatArray, target_mask: BoolArray, weight: FloatArray, ratio: RatioSpec
) -> RatioCalibration:
    """Fit the calibration with levelled classes and signed weights; a straight line to these in 50 bins.

    With both classes at the same sum of weights the calibrated odds are the density ratio, so no class prior
    is left over. `none` has no fit and takes the log-odds as they are: trainings are levelled too.

    Args:
        logit: log(p_target/p_source) of the classifier, shape (N,).
        target_mask: True for events of the target, shape (N,).
        weight: Generator weights, shape (N,).
        ratio: The method, and bins of those that have some.

    Raises:
        InputError: A class has no events of positive summed weight, or too few for bins.
    """
    weight = np.asarray(weight, np.float64)
    counts = effective_count(weight[~target_mask]), effective_count(weight[target_mask])
    if ratio.calibration == "none":
        return straight(1.0, 0.0, "none", counts)
    sums = [weight[~target_mask].sum(), weight[target_mask].sum()]
    for name, total in zip(("source", "target"), sums, strict=True):
        if not total > 0:
            raise InputError(
                f"reweighting: the calibration split has no {name} events whose weights add up to more than 0"
            )
    levelled = weight / np.where(target_mask, sums[1], sums[0]) / 2
    x = np.clip(logit, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    if ratio.calibration == "platt":
        if (levelled < 0).any():  # the loss has no lower bound where few events of one sign are alone
            x, target_mask, levelled = _as_events(*binned(x, target_mask, levelled, PLATT_BINS, least=0.0))
        return straight(*_logistic(x, target_mask, levelled), "platt", counts)
    at, target, source = binned(x, target_mask, levelled, ratio.calibration_bins, LEAST)
    if len(at) < 2 or not (np.diff(at) > 0).all():
        raise InputError(
            f"reweighting: too few events for a calibration in {ratio.calibration_bins} bins, with "
            f"{LEAST:g} effective ones of each generator; take `calibration: platt`, or fewer bins"
        )
    if ratio.calibration == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        share = IsotonicRegression().fit_transform(
            at, target / (target + source), sample_weight=target + source
        )
        value = np.log(share) - np.log1p(-share)
    else:
        value = np.log(target) - np.log(source)
    slope, _ = _logistic(*_as_events(at, target, source))
    knots = tuple(at.tolist()), tuple(value.tolist())
    return RatioCalibration(ratio.calibration, *knots, False, *counts, slope)


def _as_events(
    at: FloatArray, target: FloatArray, source: FloatArray
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Log-odds, truth and weights of two events a bin, which stand for all of it."""
    return np.tile(at, 2), np.repeat([False, True], len(at)), np.concatenate([source, target])


def binned(
    x: FloatArray, truth: BoolArray, weight: FloatArray, n_bins: int, least: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean log-odds, and sums of target and source, in bins of equal number.

    A bin where the weights of a class do not add up to more than 0, or are worth less than `least` events,
    joins the next, so that each has a ratio.
    """

    def fills(rows: IntArray) -> bool:
        classes = [weight[rows[truth[rows] == kind]] for kind in (True, False)]
        return all(w.sum() > 0 and effective_count(w) >= least for w in classes)

    order = np.argsort(x, kind="stable")
    bins: list[IntArray] = []
    start = 0
    for stop in np.linspace(0, len(x), n_bins + 1).astype(int)[1:]:
        if fills(order[start:stop]):
            bins.append(order[start:stop])
            start = stop
    rest = order[start:]  # joins the last, and more where that does not suffice
    while bins and (len(rest) or not fills(bins[-1])):
        rest = np.concatenate([bins.pop(), rest])
        if fills(rest):
            bins.append(rest)
            break
    at = np.array([x[rows].mean() for rows in bins])
    target, source = (
        np.array([weight[rows[truth[rows] == kind]].sum() for rows in bins]) for kind in (True, False)
    )
    return at, target, source


def _logistic(x: FloatArray, truth: BoolArray, weight: FloatArray) -> tuple[float, float]:
    """Slope and intercept of the smallest weighted cross-entropy; weights are 0 or more."""
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
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while loss(parameters - scale * step) > current and scale > 1e-9:
            scale /= 2
        parameters = parameters - scale * step
        previous, current = current, loss(parameters)
        if previous - current < 1e-14:
            break
    return float(parameters[0]), float(parameters[1])
