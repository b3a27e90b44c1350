"""ROC curves and areas under them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.io import FloatArray
from jetsmith.metrics.cumulative import Bins, Sums, rising
from jetsmith.metrics.efficiencies import LEVEL, Interval, binomial, check_scores, in_quadrature

N_AUC_BINS = 1024  # of equal rank, so that what happens within one does not matter


@dataclass(frozen=True)
class Roc:
    """Points of a ROC curve, all shape (P,), by falling threshold, efficiencies rising."""

    threshold: FloatArray
    signal_efficiency: FloatArray
    background_efficiency: FloatArray
    signal_low: FloatArray
    signal_high: FloatArray
    background_low: FloatArray
    background_high: FloatArray


def roc_curve(
    signal: FloatArray,
    signal_weight: FloatArray,
    background: FloatArray,
    background_weight: FloatArray,
    n_points: int = 500,
    level: float = LEVEL,
) -> Roc:
    """Weighted ROC curve, exact at each of its points.

    Thresholds are scores of the samples: most at background efficiencies with equal steps of the
    logarithm down to the last background jet, the others at equal steps of signal efficiency.
    No point has less than one effective background jet above it. Where weights are negative,
    efficiencies are made monotone: half of (running maximum from above + running minimum from
    below), which does not pull to one side as a running maximum does.

    Args:
        signal: Scores, shape (N,).
        signal_weight: Shape (N,).
        background: Scores, shape (M,).
        background_weight: Shape (M,).
        n_points: Largest number of points.
        level: Probability content of the intervals (Wilson, see `efficiency`).

    Raises:
        InputError: A class is empty, sums to no positive weight or has scores that are not finite.
    """
    bins = Bins(signal, background)
    return roc_curve_of(
        Sums(signal, signal_weight, bins, "ROC curve: signal"),
        Sums(background, background_weight, bins, "ROC curve: background"),
        n_points,
        level,
    )


def roc_curve_of(signal: Sums, background: Sums, n_points: int = 500, level: float = LEVEL) -> Roc:
    """The curve of `roc_curve` for classes whose sums, in the same bins, serve other numbers, too.

    Args:
        signal: Sums of this class.
        background: Likewise.
        n_points: Largest number of points.
        level: Probability content of the intervals.
    """
    if signal.bins is not background.bins:
        raise ValueError("sums of both classes have to be in the same bins")
    n_signal = n_points // 4
    classes = signal, background
    smallest = background.smallest() / background.total * (1 - 1e-12)
    targets = np.linspace(0, 1, n_signal + 1)[1:], np.geomspace(smallest, 1, n_points - n_signal)
    needed = [sums.total * aim * (1 - 1e-12) for sums, aim in zip(classes, targets, strict=True)]
    # A point of one class is one of the other, too: the bins of both are looked into.
    wanted = [sums.reached_in(need, monotone=True) for sums, need in zip(classes, needed, strict=True)]
    steps = [sums.steps(wanted[0] | wanted[1]) for sums in classes]
    reached = [found.reach(found.monotone, need) for found, need in zip(steps, needed, strict=True)]
    falling = -np.sort(-np.concatenate(reached))
    threshold = falling[np.append(True, falling[1:] < falling[:-1])]
    at = steps[1].at(threshold)
    above, above2 = steps[1].above[at], steps[1].above2[at]
    threshold = threshold[(above > 0) & (above**2 >= (1 - 1e-9) * above2)]
    columns = []
    for sums, found in zip(classes, steps, strict=True):
        at = found.at(threshold)
        total, total2 = np.full(len(at), sums.total), np.full(len(at), sums.total2)
        columns.append(binomial(found.monotone[at], found.above2[at], total, total2, level))
    (signal_value, signal_low, signal_high, _), (value, low, high, _) = columns
    return Roc(threshold, signal_value, value, signal_low, signal_high, low, high)


def mistag_band(roc: Roc) -> tuple[FloatArray, FloatArray]:
    """Ends of the background efficiency at the signal efficiency of each point, shape (P,) each.

    The signal fixes the threshold, on jets of its own, so its error is one of the background that passes: by
    as much as the curve rises or falls to the ends of the signal's interval. It is added to the binomial
    error of the background in quadrature, in the logarithm. No threshold is among jets that are not tagged:
    beyond the last that are, the curve stands still, as in `reading`. Where all of the signal passes, nothing
    says how far below it a threshold may be, and the interval is that of the background.
    """
    value, tagged = roc.background_efficiency, roc.threshold > -np.inf
    efficiency, mistag = (np.append(0.0, of[tagged]) for of in (roc.signal_efficiency, value))
    inside = roc.signal_efficiency < 1

    def along(of_signal: FloatArray) -> FloatArray:
        """Of points of one efficiency the first, as `reading`; `interp` has the last: it goes backwards."""
        at = np.minimum(of_signal, efficiency[-1])
        found = np.interp(-at, -efficiency[::-1], mistag[::-1])
        return np.where(inside & (found > 0), found, value)  # an efficiency of 0 moves nothing

    own, moved = (roc.background_low, roc.background_high), (along(roc.signal_low), along(roc.signal_high))
    with np.errstate(divide="ignore"):  # an interval of jets of next to no weight may reach down to 0
        low, high = in_quadrature(*map(np.log, (value, *own, *moved)))
    return np.exp(low), np.minimum(np.exp(high), 1)


def auc(
    signal: FloatArray, signal_weight: FloatArray, background: FloatArray, background_weight: FloatArray
) -> float:
    """Weighted probability that a signal jet scores higher than a background jet; ties count half.

    Raises:
        InputError: As `roc_curve`.
    """
    return _Pooled(signal, signal_weight, background, background_weight).auc()


class _Pooled:
    """Jets of both classes by rising score: `score`, `weight` and `is_signal`, shape (N + M,) each."""

    def __init__(
        self,
        signal: FloatArray,
        signal_weight: FloatArray,
        background: FloatArray,
        background_weight: FloatArray,
    ) -> None:
        check_scores(signal, signal_weight, "AUC: signal")
        check_scores(background, background_weight, "AUC: background")
        score = np.concatenate([signal, background])
        order = rising(score)
        self.score = score[order]
        self.weight = np.concatenate([signal_weight, background_weight]).astype(np.float64)[order]
        self.is_signal = order < len(signal)

    def auc(self) -> float:
        """See `auc`: the trapezoids between different scores."""
        ends = np.flatnonzero(np.append(self.score[1:] != self.score[:-1], True))
        s, b = (
            np.append(0.0, np.cumsum(np.where(mask, self.weight, 0.0))[ends])
            for mask in (self.is_signal, ~self.is_signal)
        )
        return float(np.diff(s) @ (b[1:] + b[:-1]) / (2 * s[-1] * b[-1]))


def weighed_auc(signal: npt.NDArray[Any], background: npt.NDArray[Any]) -> FloatArray:
    """AUC of histograms, shape (…, B) -> (…), a bin being a tie."""
    below = np.cumsum(background, axis=-1) - background / 2
    total = signal.sum(axis=-1) * background.sum(axis=-1)
    return np.asarray((signal * below).sum(axis=-1) / total)


def auc_interval(
    signal: FloatArray,
    signal_weight: FloatArray,
    background: FloatArray,
    background_weight: FloatArray,
    bootstraps: int,
    seed: int | list[int],
    level: float = LEVEL,
) -> Interval:
    """AUC with the central interval of a Poisson bootstrap.

    Jets are put into bins of equal rank; a replica draws each bin's sum of weights, those of
    positive and of negative jets apart, from a scaled Poisson distribution of the same mean and
    variance (Bohm and Zech, arXiv 1309.1287), which is what drawing each jet a Poisson(1) number
    of times gives, exactly so for equal weights. A replica in which a class has no positive sum has
    no area: it counts as 0 for the lower and as 1 for the upper end.

    Args:
        signal: Scores, shape (N,).
        signal_weight: Shape (N,).
        background: Scores, shape (M,).
        background_weight: Shape (M,).
        bootstraps: Replicas.
        seed: Of the replicas.
        level: Probability content.

    Returns:
        Its value is exact, as `auc`.
    """
    jets = _Pooled(signal, signal_weight, background, background_weight)
    value = jets.auc()
    generator = np.random.default_rng(seed)
    ranks = np.linspace(0, len(jets.score) - 1, N_AUC_BINS).astype(np.intp)
    edges = np.unique(jets.score[ranks])
    place = np.repeat(
        np.arange(len(edges)), np.diff(np.searchsorted(jets.score, edges), append=len(jets.score))
    )
    means: list[npt.NDArray[Any]] = []
    replicas: list[npt.NDArray[Any]] = []
    for mask in (jets.is_signal, ~jets.is_signal):
        there, weight = place[mask], jets.weight[mask]
        means.append(np.bincount(there, weight, len(edges)))
        replicas.append(cell_replicas(there, weight, len(edges), bootstraps, generator))
    known = np.all([sums.sum(axis=1) > 0 for sums in replicas], axis=0)
    drawn = np.zeros(bootstraps)
    drawn[known] = weighed_auc(*(sums[known] for sums in replicas)) - float(weighed_auc(*means)) + value
    low = np.quantile(np.where(known, drawn, 0.0), 0.5 - level / 2)
    high = np.quantile(np.where(known, drawn, 1.0), 0.5 + level / 2)
    return Interval(value, min(float(low), value), max(float(high), value))


def cell_replicas(
    place: npt.NDArray[np.intp], weight: FloatArray, n_bins: int, n: int, generator: np.random.Generator
) -> FloatArray:
    """Sums of weights a bin in each replica, shape (n, n_bins)."""
    drawn = np.zeros((n, n_bins))
    for mask in (weight > 0, weight < 0):
        if not mask.any():
            continue
        sums = np.bincount(place[mask], weight[mask], n_bins)
        squares = np.bincount(place[mask], weight[mask] ** 2, n_bins)
        filled = sums != 0
        scale = np.divide(squares, sums, out=np.zeros(n_bins), where=filled)
        counts = np.divide(sums**2, squares, out=np.zeros(n_bins), where=filled)
        drawn += scale * generator.poisson(counts, (n, n_bins))
    return drawn
