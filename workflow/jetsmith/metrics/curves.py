"""ROC curves and areas under them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.io import FloatArray
from jetsmith.metrics.efficiencies import LEVEL, Interval, binomial, check_scores, from_here_up

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


class _Sorted:
    """Scores in rising order with the sums of w and w^2 of all jets from each one upwards."""

    def __init__(self, score: FloatArray, weight: FloatArray, what: str) -> None:
        check_scores(score, weight, what)
        order = np.argsort(score)
        self.score = np.asarray(score)[order]
        weights = np.asarray(weight, np.float64)[order]
        self.above = from_here_up(weights)  # (N + 1,)
        self.above2 = from_here_up(weights**2)
        self.total, self.total2 = self.above[0], self.above2[0]
        self.fraction = self.above / self.total
        if (weights < 0).any():
            # Jets of one score pass together: sums within them are nobody's efficiency.
            together = np.searchsorted(self.score, self.score, side="left")
            self.fraction[:-1] = self.fraction[:-1][together]
            falling = np.maximum.accumulate(self.fraction[::-1])[::-1]
            self.fraction = (np.clip(falling, 0, 1) + np.clip(np.minimum.accumulate(self.fraction), 0, 1)) / 2

    def first(self, threshold: FloatArray) -> npt.NDArray[np.intp]:
        """Position of the lowest jet that passes each threshold."""
        return np.searchsorted(self.score, threshold, side="left")


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
    s = _Sorted(signal, signal_weight, "ROC curve: signal")
    b = _Sorted(background, background_weight, "ROC curve: background")
    threshold = _thresholds(s, b, n_points)
    i, j = s.first(threshold), b.first(threshold)
    kept = (b.above[j] > 0) & (b.above[j] ** 2 >= (1 - 1e-9) * b.above2[j])
    threshold, i, j = threshold[kept], i[kept], j[kept]
    columns = []
    for side, at in ((s, i), (b, j)):
        total, total2 = np.full(len(at), side.total), np.full(len(at), side.total2)
        columns.append(binomial(side.fraction[at] * side.total, side.above2[at], total, total2, level))
    (signal_value, signal_low, signal_high, _), (value, low, high, _) = columns
    return Roc(threshold.astype(np.float64), signal_value, value, signal_low, signal_high, low, high)


def _thresholds(signal: _Sorted, background: _Sorted, n_points: int) -> FloatArray:
    """Scores at which the curve is given, falling, without repetitions."""
    n_signal = n_points // 4
    positive = background.fraction[:-1][background.fraction[:-1] > 0]
    smallest = float(positive.min()) if len(positive) else 1.0
    targets = np.geomspace(smallest * (1 - 1e-12), 1, n_points - n_signal)
    at_background = background.score[_reach(background.fraction, targets)]
    at_signal = signal.score[_reach(signal.fraction, np.linspace(0, 1, n_signal + 1)[1:])]
    return np.unique(np.concatenate([at_background, at_signal]))[::-1]


def _reach(falling: FloatArray, targets: FloatArray) -> npt.NDArray[np.intp]:
    """Highest position where the falling fraction, shape (N + 1,), still reaches each target."""
    rising = falling[:-1][::-1]
    steps = np.searchsorted(rising, targets * (1 - 1e-12), side="left")
    return np.maximum(len(rising) - 1 - steps, 0)


def auc(
    signal: FloatArray, signal_weight: FloatArray, background: FloatArray, background_weight: FloatArray
) -> float:
    """Weighted probability that a signal jet scores higher than a background jet; ties count half.

    Raises:
        InputError: As `roc_curve`.
    """
    check_scores(signal, signal_weight, "AUC: signal")
    check_scores(background, background_weight, "AUC: background")
    values, place = np.unique(np.concatenate([signal, background]), return_inverse=True)
    n = len(signal)
    s = np.bincount(place[:n], signal_weight, len(values))
    b = np.bincount(place[n:], background_weight, len(values))
    return float(weighed_auc(s, b))


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
    value = auc(signal, signal_weight, background, background_weight)
    generator = np.random.default_rng(seed)
    pooled = np.sort(np.concatenate([signal, background]))
    edges = np.unique(pooled[np.linspace(0, len(pooled) - 1, N_AUC_BINS).astype(np.intp)])
    means: list[npt.NDArray[Any]] = []
    replicas: list[npt.NDArray[Any]] = []
    for score, weight in ((signal, signal_weight), (background, background_weight)):
        place = np.searchsorted(edges, score, side="right") - 1
        weight = np.asarray(weight, np.float64)
        means.append(np.bincount(place, weight, len(edges)))
        replicas.append(cell_replicas(place, weight, len(edges), bootstraps, generator))
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
