"""How much a score says of a column that it is to leave alone, such as a mass, and what that costs.

All of it is of background that no training has seen. A finite sample shows some of each even where the two
are independent: a figure has beside it what chance alone makes of so many rows (`by_chance`).
"""

from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple, TypeVar

import numpy as np

from jetsmith.cuts import bin_of_column, passes
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics.cumulative import Bins, Sums
from jetsmith.metrics.curves import cell_replicas
from jetsmith.metrics.efficiencies import LEVEL, Interval, check_scores, from_here_up
from jetsmith.metrics.readings import reading
from jetsmith.metrics.thresholds import working_points_of

GROUPS = 20  # of the jackknife
DRAWS = 20  # of rows at random
MOST = 100_000  # rows of a distance correlation, the first ones: their order is drawn
T = TypeVar("T")


class Measured(NamedTuple):
    """A number from 0, of independent score and column, to 1, to which a finite sample adds something.

    Attributes:
        seen: What the sample shows.
        by_chance: What such samples show on average where the two are independent.
        true: The true number, and its interval, from 0 to 1: less what chance adds to this one, which is less
            the more they depend on each other.
    """

    seen: float
    by_chance: float
    true: Interval


def _measured(seen: float, by_chance: float, true: float, down: float, up: float) -> Measured:
    ends = (min(max(true + shift, 0.0), 1.0) for shift in (0.0, -down, up))
    return Measured(seen, by_chance, Interval(*ends))


def jensen_shannon(first: FloatArray, second: FloatArray) -> FloatArray:
    """Divergence of Jensen and Shannon of histograms, shape (…, B) -> (…), base 2: from 0 to 1.

    Bins whose sum of weights is below 0 count as empty.
    """
    p, q = (np.maximum(np.asarray(h, np.float64), 0) for h in (first, second))
    p, q = (h / h.sum(axis=-1, keepdims=True) for h in (p, q))
    mean = (p + q) / 2

    def towards(r: FloatArray) -> FloatArray:
        ratio = np.divide(r, mean, out=np.ones_like(r), where=r > 0)
        return np.asarray((r * np.log2(ratio)).sum(axis=-1))

    return (towards(p) + towards(q)) / 2


def sculpting(
    column: FloatArray,
    weight: FloatArray,
    passed: BoolArray,
    edges: FloatArray,
    bootstraps: int,
    seed: int | list[int],
    level: float = LEVEL,
) -> Measured:
    """Divergence of the column's spectrum of rows that pass from that of rows that fail; 1/JSD: its inverse.

    It is that of ATL-PHYS-PUB-2018-014, base 2, as it is seen. A replica of the Poisson bootstrap adds what
    chance adds to this divergence once more: the replicas' mean is beyond what is seen by as much as that is
    beyond the true one, and the interval is as theirs about their mean. It is too long where the true one is
    0, and too short where a few tens of rows pass, spread over many bins, most of which hold one or none.

    Args:
        column: Of background, shape (N,); beyond the edges the end bins count.
        weight: Signed, shape (N,).
        passed: Shape (N,).
        edges: Of bins, shape (B + 1,).
        bootstraps: Replicas.
        seed: Of replicas, and of rows that pass at random.
        level: Probability content.

    Raises:
        InputError: Those that pass, or those that fail, have no positive sum of weights.
    """
    weight, passed = np.asarray(weight, np.float64), np.asarray(passed, bool)
    for which, mask in (("passes", passed), ("fails", ~passed)):
        if not weight[mask].sum() > 0:
            raise InputError(f"spectrum after a cut: background that {which} has no positive sum of weights")
    n_bins, rng = len(edges) - 1, np.random.default_rng(seed)
    place = bin_of_column(column, edges)

    def found(sums: FloatArray) -> FloatArray:
        """Of sums (R, 2, B), without those of a few rows, or of weights below 0, that have no spectrum."""
        kept = np.all(np.any(sums > 0, axis=2), axis=1)
        return jensen_shannon(sums[kept, 1], sums[kept, 0])

    def cells(mask: BoolArray) -> FloatArray:
        return np.asarray(np.bincount(place + n_bins * mask, weight, 2 * n_bins).reshape(1, 2, n_bins))

    value = float(found(cells(passed))[0])
    draws = found(np.concatenate([cells(rng.permutation(passed)) for _ in range(DRAWS)]))
    chance = float(draws.mean()) if len(draws) else value
    drawn = cell_replicas(place + n_bins * passed, weight, 2 * n_bins, bootstraps, rng)
    replicas = found(drawn.reshape(bootstraps, 2, n_bins))
    if not len(replicas):
        return _measured(value, chance, value, 1.0, 1.0)
    mean = float(replicas.mean())
    low, high = np.quantile(replicas - mean, [0.5 - level / 2, 0.5 + level / 2])
    return _measured(value, chance, 2 * value - mean, -float(low), float(high))


def inverse(divergence: Interval) -> Interval:
    """1/JSD; without an upper end where the divergence has 0 within its interval."""
    return Interval(
        *(1 / x if x > 0 else np.inf for x in (divergence.value, divergence.high, divergence.low))
    )


class Cut(NamedTuple):
    """Background where the signal has an efficiency.

    Attributes:
        passed: Which rows pass, shape (M,), for their spectrum.
        background: What of it passes at the efficiency: a `reading`, so of jets of one score a part.
        reached: Efficiency that the signal has where `passed` do; above it where jets share a score.
        doubt: As of a `WorkingPoint`, of the signal: `few`, `ties` or empty.
    """

    passed: BoolArray
    background: Interval
    reached: float
    doubt: str

    @property
    def rejection(self) -> Interval:
        """1 / their share; R50 at 50%."""
        return inverse(self.background)


def cut_at(
    signal: FloatArray,
    signal_weight: FloatArray,
    background: FloatArray,
    background_weight: FloatArray,
    signal_efficiency: float,
    level: float = LEVEL,
) -> Cut:
    """What a cut on scores leaves of background. Shapes (N,) and (M,) in pairs.

    Raises:
        InputError: As `working_point` of the signal; background that passes has no positive sum of weights.
    """
    of_signal, of_background = (
        Sums(score, weight, Bins(score), f"cut: {role}")
        for score, weight, role in (
            (signal, signal_weight, "signal"),
            (background, background_weight, "background"),
        )
    )
    (point,) = working_points_of(of_signal, [signal_efficiency], level, role="signal")
    passed = passes(background, point.threshold)
    share = reading(of_signal, of_background, signal_efficiency, level, role="signal")
    if not (background_weight[passed].sum() > 0 and share.value > 0):
        raise InputError(
            f"cut at signal efficiency {signal_efficiency:g}: of the background nothing with a positive sum "
            "of weights passes"
        )
    return Cut(passed, Interval(share.value, share.low, share.high), point.background.value, point.doubt)


def squared_distance_correlation(x: FloatArray, y: FloatArray, weight: FloatArray) -> float:
    """Weighted dCor², as the loss `disco` has it, in float64 and n log² n steps, for any number of rows.

    Args:
        x: Finite, shape (N,).
        y: Finite, shape (N,).
        weight: Signed, shape (N,).

    Raises:
        InputError: The sum of weights is not above 0, or one of the columns does not vary.
    """
    weight = np.asarray(weight, np.float64)
    if not weight.sum() > 0:
        raise InputError("distance correlation: the sum of weights is not above 0")
    for what, values in (("first", x), ("second", y)):
        if np.ptp(values[weight != 0]) == 0:
            raise InputError(f"distance correlation: the {what} column does not vary")
    order = np.argsort(x, kind="stable")
    p = weight[order] / weight.sum()
    x, y = (np.asarray(values, np.float64)[order] for values in (x, y))
    x, y = x - p @ x, y - p @ y
    to_x, to_y = _mean_distances(x, p), _mean_distances(y, p)

    def covariance(towards: FloatArray, distances: FloatArray) -> float:
        slope = towards + (p @ distances - distances) * _signed(p) - _signed(p * distances)
        return float(2 * np.sum(p * x * slope))

    def variance(z: FloatArray, distances: FloatArray) -> float:
        return float(2 * (p @ z**2) - 2 * (p @ distances**2) + (p @ distances) ** 2)

    product = variance(x, to_x) * variance(y, to_y)
    if not product > 0:
        raise InputError("distance correlation: weights below 0 outweigh others, and leave no variance")
    return covariance(2 * _earlier(y, p) - to_y, to_y) / float(product**0.5)


def _signed(values: FloatArray) -> FloatArray:
    return np.asarray(2 * np.cumsum(values) - values - values.sum())


def _mean_distances(y: FloatArray, p: FloatArray) -> FloatArray:
    order, found = np.argsort(y, kind="stable"), np.empty(len(y))
    found[order] = y[order] * _signed(p[order]) - _signed(p[order] * y[order])
    return found


def _earlier(y: FloatArray, p: FloatArray) -> FloatArray:
    """Sum over all j before i of p_j |y_i - y_j|, by merging halves that are sorted in y; (n,) -> (n,)."""
    n, size = len(y), 1 << max(len(y) - 1, 0).bit_length()
    y, p = (np.concatenate([values, np.zeros(size - n)]) for values in (y, p))
    found, order, half = np.zeros(size), np.arange(size), 1
    while half < size:
        rows = order.reshape(-1, 2 * half)
        rows = np.take_along_axis(rows, np.argsort(y[rows], axis=1, kind="stable"), axis=1)
        second, values = (rows & half) > 0, y[rows]
        weights = np.where(second, 0.0, p[rows])
        below, sums = np.cumsum(weights, axis=1), np.cumsum(weights * values, axis=1)
        told = values * (2 * below - below[:, -1:]) - (2 * sums - sums[:, -1:])
        found[rows[second]] += told[second]
        order = rows.ravel()
        half *= 2
    return found[:n]


def distance_correlation(
    score: FloatArray, column: FloatArray, weight: FloatArray, seed: int | list[int], level: float = LEVEL
) -> Measured:
    """`squared_distance_correlation` with the interval of a jackknife that leaves out groups of rows.

    What rows in another order give on average is what chance adds to 0, and to d it adds (1 - d) of that: a
    column that is the score has 1 in any sample.

    Raises:
        InputError: As there; rows in another order have 1 or more, from weights below 0.
    """
    rng = np.random.default_rng(seed)
    value = squared_distance_correlation(score, column, weight)
    group = rng.permutation(len(score)) % GROUPS
    left = [
        squared_distance_correlation(score[kept], column[kept], weight[kept])
        for kept in (group != k for k in range(GROUPS))
    ]
    error = float(np.sqrt((GROUPS - 1) * np.var(left)))
    chance = float(
        np.mean([squared_distance_correlation(score, rng.permutation(column), weight) for _ in range(DRAWS)])
    )
    if not chance < 1:
        raise InputError("distance correlation: weights below 0 outweigh others, and chance alone makes it 1")
    half = NormalDist().inv_cdf(0.5 + level / 2) * error / (1 - chance)
    return _measured(value, chance, (value - chance) / (1 - chance), half, half)


def held_out(
    measure: Callable[[FloatArray, FloatArray, FloatArray], T],
    score: FloatArray,
    column: FloatArray,
    weight: FloatArray,
) -> T | None:
    """A distance correlation of rows that were tagged and have the column, of at most `MOST`.

    None where too few rows, a score or a column that does not vary, or weights below 0 leave none.
    """
    told = np.flatnonzero((score > -np.inf) & np.isfinite(column))[:MOST]
    if len(told) <= 2 * GROUPS:
        return None
    try:
        return measure(score[told], column[told], weight[told])
    except InputError:
        return None


def flattened(
    score: FloatArray,
    column: FloatArray,
    background: FloatArray,
    background_column: FloatArray,
    background_weight: FloatArray,
    edges: FloatArray,
) -> FloatArray:
    """A score whose cuts have one background efficiency in all bins of a column: a threshold a bin.

    It is 1 less the efficiency of background of that bin at the score; for reference, what a decorrelation
    after the training does. Background is to be that of another split than the rows are.

    Args:
        score: Of rows, shape (N,).
        column: Theirs, shape (N,).
        background: Scores of background, shape (M,).
        background_column: Shape (M,).
        background_weight: Signed, shape (M,).
        edges: Of bins, shape (B + 1,); beyond them the end bins count.

    Raises:
        InputError: A bin has no background.
    """
    check_scores(background, background_weight, "flattened score: background")
    place, found = bin_of_column(column, edges), np.empty(len(score))
    background_place = bin_of_column(background_column, edges)
    for k in range(len(edges) - 1):
        inside = background_place == k
        sums = np.asarray(background_weight, np.float64)[inside]
        if not sums.sum() > 0:
            raise InputError(
                f"flattened score: no background from {edges[k]:g} to {edges[k + 1]:g}; wider bins"
            )
        order = np.argsort(background[inside])
        above = from_here_up(sums[order]) / sums.sum()
        rows = place == k
        found[rows] = 1 - above[np.searchsorted(background[inside][order], score[rows], side="left")]
    return found
