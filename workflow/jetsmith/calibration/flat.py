"""Working points of flat efficiency: thresholds by pt, so that as much of the signal passes everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetsmith.calibration.axes import Axis
from jetsmith.calibration.maps import ANOTHER, grouped, pass_together, too_few
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import DOUBTS, bin_of, working_point, written
from jetsmith.scored import ScoredJets
from jetsmith.specs.run import MarksSpec


@dataclass(frozen=True)
class FlatPoint:
    """Thresholds of one efficiency of the signal, shape (n_pt,) each.

    Attributes:
        target: The efficiency.
        threshold: Jets of a bin of pt pass at or above it.
        threshold_low: Threshold if more of the signal had passed.
        threshold_high: Threshold if less had.
        group: Bins of one number have one threshold, since the jets of one alone are too few.
        doubt: As of a working point, all marks of all bins.
    """

    target: float
    threshold: FloatArray
    threshold_low: FloatArray
    threshold_high: FloatArray
    group: npt.NDArray[np.intp]
    doubt: str

    def passes(self, jets: ScoredJets, pt: Axis) -> BoolArray:
        """Which jets pass, shape (N,), as float64 compares."""
        threshold = self.threshold[bin_of(pt.of(jets), pt.edges)]
        return np.asarray(jets.discriminant.astype(np.float64) >= threshold)


def flat_points(
    signal: ScoredJets, efficiencies: Mapping[str, float], pt: Axis, marks: MarksSpec
) -> tuple[dict[str, FlatPoint], dict[str, str]]:
    """Thresholds by bin of pt, and why points that are left out are.

    Bins of pt are put together until each has enough jets for `marks.min_passing` above the threshold.

    Args:
        signal: Jets of the signal, split `calibration`.
        efficiencies: Of the signal, by name of the point.
        pt: Bins; jets outside count in the end bins.
        marks: How many jets a threshold takes.
    """
    place = bin_of(pt.of(signal), pt.edges)
    total, total2 = (
        np.asarray(np.bincount(place, signal.weight**power, pt.n_bins), np.float64) for power in (1, 2)
    )
    found: dict[str, FlatPoint] = {}
    undefined: dict[str, str] = {}
    for name, target in efficiencies.items():
        at_least = marks.min_passing / target
        try:
            while True:
                group = grouped(total[None], total2[None], at_least)[0]
                points = [
                    working_point(
                        signal.discriminant[chosen],
                        signal.weight[chosen],
                        target,
                        min_passing=marks.min_passing,
                        role="signal",
                    )
                    for chosen in (group[place] == number for number in range(group[-1] + 1))
                ]
                few, tied = (any(mark in point.doubt for point in points) for mark in ("few", "ties"))
                if not few or len(points) == 1:
                    break
                at_least *= 2  # those that pass weigh more than others, and count for fewer
        except InputError as error:
            undefined[name] = f"{error}; {ANOTHER}"
            continue
        if few and not marks.allow_few_passing:
            undefined[name] = too_few(f"{target:g}", points[0].n_passing, marks) + pass_together(points[0])
            continue
        kind = signal.discriminant.dtype
        value, low, high = (
            np.array([getattr(point, field) for point in points])[group]
            for field in ("threshold", "threshold_low", "threshold_high")
        )
        found[name] = FlatPoint(
            target, np.array([written(v, kind) for v in value]), low, high, group, DOUBTS[few, tied]
        )
    return found, undefined
