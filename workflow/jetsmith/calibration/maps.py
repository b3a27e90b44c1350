"""Thresholds and binned efficiencies from arrays of jets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import WorkingPoint, bin_of, closed, effective_count, working_point, written
from jetsmith.metrics.efficiencies import LEVEL, binomial, passing_sums
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import JudgedClass


def counts(jets: ScoredJets, entry: JudgedClass) -> dict[str, Any]:
    """How many jets of a truth class there are, how many of them fail as not tagged, and those left out.

    Returns:
        n_jets and n_effective of those that have a score or were not tagged; n_not_tagged with its share of
        them; n_without_score with its share of all.
    """
    known = jets.of(entry)
    n, n_all = len(known), int(jets.of_class(entry).sum())
    n_not_tagged = int(np.isneginf(known.discriminant).sum())
    return {
        "n_jets": n,
        "n_effective": effective_count(known.weight),
        "n_not_tagged": n_not_tagged,
        "share_not_tagged": n_not_tagged / n if n else None,
        "n_without_score": n_all - n,
        "share_without_score": (n_all - n) / n_all if n_all else None,
    }


@dataclass(frozen=True)
class EfficiencyMap:
    """Efficiencies of one truth class at one working point.

    Attributes:
        value: Shape (n_abseta, n_pt).
        low: Lower end of the interval, same shape.
        high: Upper end.
        filled_mask: False where a bin had no jets (of positive summed weight) and has the value of a
            wider region: all pt of its |eta| bin, or all jets of the class where that is empty too. Its
            interval holds those of all filled bins of that region.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    filled_mask: npt.NDArray[np.bool_]


def efficiency_map(
    jets: ScoredJets, threshold: float, pt_bins_gev: Sequence[float], abseta_bins: Sequence[float]
) -> EfficiencyMap:
    """Efficiency of jets of one class in bins of |eta| and pt, as correctionlib counts them.

    Args:
        jets: Jets of one class, with `jet_pt_gev` and `jet_eta`.
        threshold: Jets pass at or above it.
        pt_bins_gev: Edges [GeV]; jets outside count in the end bins.
        abseta_bins: Edges; the last one belongs to the last bin.

    Raises:
        InputError: No jets of positive summed weight at all, or jets outside the |eta| bins, for which
            the correction would be an error.
    """
    n_eta, n_pt = len(abseta_bins) - 1, len(pt_bins_gev) - 1
    edges = closed(abseta_bins)
    abseta = np.abs(np.asarray(jets.columns["jet_eta"], np.float64))
    outside = int(((abseta < edges[0]) | (abseta >= edges[-1])).sum())
    if outside:
        raise InputError(
            f"efficiencies: {outside:,} of {len(abseta):,} jets have |eta| outside the bins, {edges[0]:g} to "
            f"{abseta_bins[-1]:g}; selection: `abseta_bins` must hold all that `abseta_max` lets through"
        )
    place = bin_of(abseta, edges) * n_pt + bin_of(jets.pt_gev, pt_bins_gev)
    (total, passing), (total2, passing2) = (
        sums.T.reshape(2, n_eta, n_pt)
        for sums in passing_sums(jets.discriminant, jets.weight, np.array([threshold]), place, n_eta * n_pt)
    )
    sums = np.stack([passing, passing2, total, total2])  # (4, n_eta, n_pt)
    if not total.sum() > 0:
        raise InputError("efficiencies: no jets whose weights add up to more than 0")
    filled = sums[2] > 0
    in_eta = np.broadcast_to(sums.sum(axis=2, keepdims=True), sums.shape)
    everywhere = np.broadcast_to(sums.sum(axis=(1, 2), keepdims=True), sums.shape)
    by_eta = in_eta[2] > 0
    used = np.where(filled, sums, np.where(by_eta, in_eta, everywhere))
    value, low, high, _ = binomial(used[0], used[1], used[2], used[3], LEVEL)
    low, high = _widened(low, filled, by_eta, np.min), _widened(high, filled, by_eta, np.max)
    return EfficiencyMap(value, low, high, filled)


def _widened(end: FloatArray, filled: BoolArray, by_eta: BoolArray, most: Any) -> FloatArray:
    """Ends of intervals; those of empty bins reach as far as any of the filled bins they borrow from.

    Args:
        end: Shape (n_abseta, n_pt), of an empty bin that of the whole region.
        filled: Same shape.
        by_eta: True where the region is the |eta| bin, else it is all bins.
        most: np.min for lower ends, np.max for upper ones.
    """
    neutral = np.inf if most is np.min else -np.inf
    known = np.where(filled, end, neutral)
    of_region = np.where(by_eta, most(known, axis=1, keepdims=True), most(known))
    return np.where(filled, end, most([end, of_region], axis=0))


def find_thresholds(
    background: ScoredJets, working_points: Mapping[str, float]
) -> tuple[dict[str, WorkingPoint], dict[str, str]]:
    """Thresholds of the working points, and why those that cannot be defined cannot.

    A point that the sample is too small for (less than one effective background jet above it) is
    left out, so that a small run still calibrates the others; both outputs say so.

    Raises:
        InputError: None can be defined.
    """
    found: dict[str, WorkingPoint] = {}
    undefined: dict[str, str] = {}
    for name, target in working_points.items():
        try:
            point = working_point(background.discriminant, background.weight, target)
            found[name] = replace(point, threshold=written(point.threshold, background.discriminant.dtype))
        except InputError as error:
            undefined[name] = str(error)
    if not found:
        raise InputError("; ".join(undefined.values()) or "no working points are configured")
    return found, undefined
