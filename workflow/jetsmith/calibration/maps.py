"""Thresholds and binned efficiencies from arrays of jets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError
from jetsmith.io import FloatArray, IntArray
from jetsmith.metrics import WorkingPoint, working_point
from jetsmith.metrics.efficiencies import LEVEL, binomial, passing_sums
from jetsmith.specs import ClassSpec


@dataclass(frozen=True)
class Jets:
    """Jets of one split, all arrays of shape (N,)."""

    score: FloatArray
    weight: FloatArray
    label: IntArray
    pt_gev: FloatArray
    abseta: FloatArray

    def of(self, entry: ClassSpec) -> "Jets":
        """Those of a truth class."""
        mask = np.isin(self.label, entry.truth)
        return Jets(*(getattr(self, name)[mask] for name in ("score", "weight", "label", "pt_gev", "abseta")))


@dataclass(frozen=True)
class EfficiencyMap:
    """Efficiencies of one truth class at one working point.

    Attributes:
        value: Shape (n_abseta, n_pt).
        low: Lower end of the interval, same shape.
        high: Upper end.
        filled_mask: False where a bin had no jets and has the value of a wider region: all pt of
            its |eta| bin, or all jets of the class where that is empty too.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    filled_mask: npt.NDArray[np.bool_]


def efficiency_map(
    jets: Jets, threshold: float, pt_bins_gev: Sequence[float], abseta_bins: Sequence[float]
) -> EfficiencyMap:
    """Efficiency of jets of one class in bins of |eta| and pt.

    Args:
        jets: Jets of one class; those outside the |eta| bins are left out.
        threshold: Jets pass at or above it.
        pt_bins_gev: Edges [GeV]; jets outside count in the end bins.
        abseta_bins: Edges; the last one belongs to the last bin.

    Raises:
        InputError: No jets of positive summed weight at all.
    """
    n_eta, n_pt = len(abseta_bins) - 1, len(pt_bins_gev) - 1
    inside = (jets.abseta >= abseta_bins[0]) & (jets.abseta <= abseta_bins[-1])
    eta = np.clip(np.searchsorted(abseta_bins, jets.abseta[inside], side="right") - 1, 0, n_eta - 1)
    pt = np.clip(np.searchsorted(pt_bins_gev, jets.pt_gev[inside], side="right") - 1, 0, n_pt - 1)
    (total, passing), (total2, passing2) = (
        sums.T.reshape(2, n_eta, n_pt)
        for sums in passing_sums(
            jets.score[inside], jets.weight[inside], np.array([threshold]), eta * n_pt + pt, n_eta * n_pt
        )
    )
    sums = np.stack([passing, passing2, total, total2])  # (4, n_eta, n_pt)
    if not total.sum() > 0:
        raise InputError("efficiencies: no jets whose weights add up to more than 0")
    filled = sums[2] > 0
    in_eta = np.broadcast_to(sums.sum(axis=2, keepdims=True), sums.shape)
    everywhere = np.broadcast_to(sums.sum(axis=(1, 2), keepdims=True), sums.shape)
    used = np.where(filled, sums, np.where(in_eta[2] > 0, in_eta, everywhere))
    value, low, high, _ = binomial(used[0], used[1], used[2], used[3], LEVEL)
    return EfficiencyMap(value, low, high, filled)


def find_thresholds(
    background: Jets, working_points: Mapping[str, float]
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
            point = working_point(background.score, background.weight, target)
            found[name] = replace(point, threshold=_below(point.threshold, background.score.dtype))
        except InputError as error:
            undefined[name] = str(error)
    if not found:
        raise InputError("; ".join(undefined.values()) or "no working points are configured")
    return found, undefined


def _below(threshold: float, kind: np.dtype[Any]) -> float:
    """A number that parts the same scores, halfway to the float32 below.

    correctionlib's JSON reader may be off by the last bit of a double, which would throw out the
    very jet that a threshold was taken from.
    """
    if kind != np.float32:
        return threshold
    return (threshold + float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))) / 2
