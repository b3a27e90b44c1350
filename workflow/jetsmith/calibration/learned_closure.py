"""Closure of efficiencies: jets that they predict to pass, and those that do, in bins of a variable.

Of a network and of binned efficiencies alike, on the same jets, which neither has seen. The errors are those
of the counts and of what was learned: of few events a map deviates from the truth as a network does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from jetsmith.calibration.maps import EfficiencyMap
from jetsmith.handed.closure import Gate, Status
from jetsmith.handed.learned import Agreement, ClosureBin, Curve
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import effective_count, efficiency

LEVEL = 0.01  # probability that right efficiencies fail in any of the curves
EFFECTIVE_A_BIN = 20  # effective jets that pass, and that fail, of which a bin has no fewer on average
SMALLEST = 0.5  # of the jets that a bin would have if all had the same: smaller ones join the one before


@dataclass(frozen=True)
class Predicted:
    """Efficiencies of N jets, and how what is wrong with them goes along from jet to jet.

    Attributes:
        efficiency: Shape (N,).
        moves: Efficiencies moved by one standard deviation less these, one independent source a row,
            shape (S, N). What two bins have in common of a source is correlated.
    """

    efficiency: FloatArray
    moves: FloatArray


def of_network(members: FloatArray) -> Predicted:
    """Of members in pairs, shape (M, N): half of the difference of each pair, which are M/2 of one source."""
    differences = (members[::2] - members[1::2]) / 2
    return Predicted(members.mean(axis=0), differences / np.sqrt(len(differences)))


def of_map(found: EfficiencyMap, place: npt.NDArray[np.intp]) -> Predicted:
    """Of binned efficiencies: each group of bins that share jets is a source.

    Args:
        found: The map.
        place: Bin of each jet in all axes, shape (N,).
    """
    numbers, group = np.unique(found.group.ravel(), return_inverse=True)
    error = (found.high - found.low).ravel()[place] / 2
    own = group.reshape(-1)[place] == np.arange(len(numbers))[:, np.newaxis]  # (G, N)
    return Predicted(found.value.ravel()[place], own * error)


@dataclass(frozen=True)
class Jets:
    """N jets of a class of the split test, shape (N,) each."""

    weight: FloatArray
    pass_mask: BoolArray


def lower_edges(values: FloatArray, n_bins: int) -> FloatArray:
    """Where bins of about as many jets begin, rising; values that many jets have are never divided.

    Args:
        values: Shape (N,).
        n_bins: Bins, at most.
    """
    edges = np.unique(np.quantile(values, np.arange(n_bins) / n_bins, method="lower"))
    least = SMALLEST * len(values) / n_bins
    while len(edges) > 1:  # bins, not jets
        counts = np.bincount(np.searchsorted(edges, values, side="right") - 1, minlength=len(edges))
        small = np.flatnonzero(counts < least)
        if not len(small):
            break
        edges = np.delete(edges, max(int(small[0]), 1))
    return edges


def bins_of(jets: Jets, values: FloatArray, most: int) -> FloatArray:
    """Where the bins of a curve begin; fewer than two where too few jets pass or fail to tell anything."""
    counts = [effective_count(jets.weight[mask]) for mask in (jets.pass_mask, ~jets.pass_mask)]
    n_bins = min(most, int(min(counts) // EFFECTIVE_A_BIN))
    return lower_edges(values, n_bins) if n_bins > 1 else np.zeros(0)


def curve(
    about: Curve, jets: Jets, values: FloatArray, network: Predicted, binned: Predicted, most: int
) -> Curve:
    """Compare both predictions in bins of a variable.

    Args:
        about: Whose curve, without bins.
        jets: Of the class.
        values: The variable, shape (N,).
        network: What the network predicts.
        binned: What the binned efficiencies predict.
        most: Bins, at most.

    Returns:
        With bins where enough jets pass and fail; statuses are not decided yet (`judged`).
    """
    edges = bins_of(jets, values, most)
    if len(edges) < 2:
        return about
    place = np.searchsorted(edges, values, side="right") - 1
    n = len(edges)
    total = np.bincount(place, jets.weight, n)
    if not (total > 0).all():  # as where most weights are below 0
        return about
    counted = [efficiency(jets.pass_mask[place == k], jets.weight[place == k]) for k in range(n)]
    sums = [_sums(jets, place, n, of) for of in (network, binned)]
    highs = [*edges[1:], values.max()]
    bins = tuple(
        ClosureBin(
            low=float(edges[k]),
            high=float(highs[k]),
            n_jets=int((place == k).sum()),
            counted=counted[k].value,
            counted_low=counted[k].low,
            counted_high=counted[k].high,
            network=float(sums[0][0][k] / total[k]),
            network_error=float(np.sqrt(sums[0][1][k, k]) / total[k]),
            binned=float(sums[1][0][k] / total[k]),
            binned_error=float(np.sqrt(sums[1][1][k, k]) / total[k]),
        )
        for k in range(n)
    )
    found = [agreement(jets, place, of, *s) for of, s in zip((network, binned), sums, strict=True)]
    return replace(about, bins=bins, network=found[0], binned=found[1])


def _sums(
    jets: Jets, place: npt.NDArray[np.intp], n_bins: int, of: Predicted
) -> tuple[FloatArray, FloatArray]:
    """Jets that are predicted to pass by bin, (B,), and the covariance of what was learned, (B, B)."""
    predicted = np.bincount(place, jets.weight * of.efficiency, n_bins).astype(np.float64)
    rows = [np.bincount(place, jets.weight * move, n_bins) for move in of.moves]  # sources, not jets
    moves: FloatArray = np.stack(rows).astype(np.float64)
    return predicted, moves.T @ moves


def agreement(
    jets: Jets, place: npt.NDArray[np.intp], of: Predicted, predicted: FloatArray, covariance: FloatArray
) -> Agreement | None:
    """Counted against predicted jets; status is "not conclusive" until `judged`. None: none is predicted.

    The variance of a count is the larger of what jets show and what the prediction has: where few pass, none
    may.
    """
    n = len(predicted)
    if not (predicted > 0).all():
        return None
    counted = np.bincount(place, jets.weight * jets.pass_mask, n)
    squares = jets.weight**2
    shown = np.bincount(place, squares * (jets.pass_mask - of.efficiency) ** 2, n)
    expected = np.bincount(place, squares * of.efficiency * (1 - of.efficiency), n)
    covariance = covariance + np.diag(np.maximum(shown, expected))
    off = counted - predicted
    chi2 = float(off @ np.linalg.solve(covariance, off))
    deviation, error = (
        float(np.sqrt((x / predicted).sum() / predicted.sum())) for x in (off**2, np.diag(covariance))
    )
    return Agreement(chi2, n, float(stats.chi2.sf(chi2, n)), deviation, error, "not conclusive")


def judged(curves: Sequence[Curve], tolerance: float) -> tuple[Curve, ...]:
    """The curves with their statuses: right efficiencies fail in any of them in 1 of 100 tests.

    Failed: a deviation that matters, and that statistics would hardly ever make. Passed: neither a deviation
    that matters, nor statistics that could hide one.
    """
    level = LEVEL / max(len(curves), 1)

    def status(found: Agreement) -> Status:
        if found.deviation > tolerance and found.p_value < level:
            return "failed"
        return "passed" if max(found.deviation, found.error) <= tolerance else "not conclusive"

    def of(found: Agreement | None) -> Agreement | None:
        return None if found is None else replace(found, status=status(found))

    return tuple(replace(one, network=of(one.network), binned=of(one.binned)) for one in curves)


def gates(curves: Sequence[Curve], tolerance: float) -> tuple[Gate, ...]:
    """Of each class a gate for what the network is given, and one for what it is not; curves are `judged`."""
    names = dict.fromkeys((one.class_name, one.is_given) for one in curves)
    return tuple(
        _gate(
            f"{name}, {'given' if is_given else 'not given'}",
            [one for one in curves if (one.class_name, one.is_given) == (name, is_given)],
            tolerance,
            LEVEL / len(curves),
        )
        for name, is_given in names
    )


def _gate(name: str, curves: Sequence[Curve], tolerance: float, level: float) -> Gate:
    tested = [(one, one.network) for one in curves if one.network is not None]
    failed = [pair for pair in tested if pair[1].status == "failed"]
    n_passed = sum(found.status == "passed" for _, found in tested)
    values = {"n_curves": float(len(curves)), "n_failed": float(len(failed)), "n_passed": float(n_passed)}
    if tested:
        values["p_value"] = min(found.p_value for _, found in tested)
        values["deviation"] = max(found.deviation for _, found in tested)
    limits = {"p_value": level, "deviation": tolerance}
    if failed:
        worst, found = min(failed, key=lambda pair: pair[1].p_value)
        why = (
            f"{len(failed)} of {len(curves)} fail; {worst.point} against {worst.group}.{worst.feature}: "
            f"predicted jets are off by {found.deviation:.1%}, where statistics make {found.error:.1%} "
            f"(p {found.p_value:.1g})"
        )
        return Gate(name, "failed", values, limits, why)
    if n_passed < len(curves):
        why = (
            f"too few jets in {len(curves) - n_passed} of {len(curves)} to tell deviations of "
            f"{tolerance:.0%}; none fails"
        )
        return Gate(name, "not conclusive", values, limits, why)
    why = f"predicted jets are those that are counted, to {values['deviation']:.1%} or better"
    return Gate(name, "passed", values, limits, why)
