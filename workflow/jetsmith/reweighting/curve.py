"""The calibration curve of a density ratio: the fraction of the target in bins of it."""

from dataclasses import dataclass

import numpy as np

from jetsmith.handed.closure import CalibrationBin
from jetsmith.io import FloatArray
from jetsmith.reweighting.events import HeldOut

N_BINS = 10  # of equal content
_SMALLEST = 1e-6  # eigenvalue of a correlation matrix that counts as a degree of freedom


@dataclass(frozen=True)
class Calibrated:
    """The curve; chi2 of observed and predicted fractions with all their correlations."""

    bins: tuple[CalibrationBin, ...]
    chi2: float
    n_dof: int


def calibration_curve(events: HeldOut) -> Calibrated:
    """Predicted and observed fractions of the target, both generators levelled to a sum of 1.

    An event of ratio r is of the target with probability p = r / (1 + r) (levelled priors), so in each bin
    the signed sum of w (y - p) is 0 within errors: y is 1 for the target, 0 for the source. Classes are
    levelled with the sums that were found, which correlates the bins; the covariance says so. Events outside
    the region of validity are left out. There is no curve where ratios of the target are not known.
    """
    inside, p = ~events.outside, events.ratio / (1 + events.ratio)
    if not inside.any() or not events.known.all():
        return Calibrated((), 0.0, 1)
    edges = np.unique(np.quantile(events.ratio[inside], np.linspace(0, 1, N_BINS + 1)))
    n = max(len(edges) - 1, 1)
    place = np.clip(np.searchsorted(edges, events.ratio, side="right") - 1, 0, n - 1)
    apart, covariance = np.zeros(n), np.zeros((n, n))
    total, target, predicted = np.zeros(n), np.zeros(n), np.zeros(n)
    for is_target in (True, False):
        mask = events.target_mask == is_target
        w = events.generator[mask] / events.generator[mask].sum()
        squares = float(w @ w)
        used = inside[mask]
        bins, w, at = place[mask][used], w[used], p[mask][used]
        residual = is_target - at
        found = np.bincount(bins, w * residual, n)
        moved = np.bincount(bins, w**2 * residual, n)
        covariance += np.diag(np.bincount(bins, (w * residual) ** 2, n)) + squares * np.outer(found, found)
        covariance -= np.outer(found, moved) + np.outer(moved, found)
        apart += found
        total += np.bincount(bins, w, n)
        predicted += np.bincount(bins, w * at, n)
        target += np.bincount(bins, w, n) * is_target
    sigma = np.sqrt(np.maximum(np.diag(covariance), 0))
    chi2, n_dof = _chi2(apart, covariance, sigma)
    high = np.append(edges[1:], edges[-1])
    shown = tuple(
        CalibrationBin(
            low=float(edges[k]),
            high=float(high[k]),
            content=float(total[k] / 2),
            predicted=float(predicted[k] / total[k]),
            observed=float(target[k] / total[k]),
            error=float(sigma[k] / total[k]),
        )
        for k in range(n)
        if total[k] > 0
    )
    return Calibrated(shown, chi2, n_dof)


def _chi2(apart: FloatArray, covariance: FloatArray, sigma: FloatArray) -> tuple[float, int]:
    """Of differences with correlations, and the number of independent ones, 1 at least."""
    some = sigma > 0
    scale = sigma[some]
    values, vectors = np.linalg.eigh(covariance[np.ix_(some, some)] / np.outer(scale, scale))
    kept = values > _SMALLEST
    pulls = vectors[:, kept].T @ (apart[some] / scale)
    return float(np.sum(pulls**2 / values[kept])), max(int(kept.sum()), 1)
