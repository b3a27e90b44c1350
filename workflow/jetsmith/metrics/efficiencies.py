"""Effective counts, weighted efficiencies with intervals, and the discriminant."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.cuts import exact_in
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.specs.classifiers import DiscriminantSpec

LEVEL = 0.683
EPSILON = 1e-10  # in both terms of the logarithm, as ATLAS does


@dataclass(frozen=True)
class Interval:
    """A number and the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Efficiency(Interval):
    """A weighted efficiency; NaN in [0, 1] where no jets define it."""

    n_effective: float


def discriminant(spec: DiscriminantSpec, probabilities: Mapping[str, FloatArray]) -> FloatArray:
    """One number a jet: S/(S + sum f_i B_i), or ln[(S + 1e-10)/(sum f_i B_i + 1e-10)].

    Args:
        spec: Classes of S, classes of B with their fractions f, and the form.
        probabilities: Class probabilities by class name, shape (N,) each.

    Returns:
        Shape (N,), float64; the ratio is 0 where all its terms are, NaN where one of them is.

    Raises:
        InputError: A class of the discriminant has no probability.
    """
    lacking = sorted((set(spec.signal) | set(spec.background)) - set(probabilities))
    if lacking:
        raise InputError(
            f"discriminant: no probability of {', '.join(lacking)}; "
            f"there are those of {', '.join(sorted(probabilities))}"
        )
    doubles = {name: np.asarray(p, np.float64) for name, p in probabilities.items()}
    signal = sum((doubles[name] for name in spec.signal), np.float64(0))
    background = sum((f * doubles[name] for name, f in spec.background.items()), np.float64(0))
    if spec.form == "log_ratio":
        return np.asarray(np.log((signal + EPSILON) / (background + EPSILON)), np.float64)
    total = np.asarray(signal + background)
    return np.divide(signal, total, out=np.zeros(total.shape), where=total != 0)


def effective_count(weight: FloatArray) -> float:
    """Number of unweighted jets of the same relative error: (sum w)^2 / sum w^2; 0 for none."""
    weight = np.asarray(weight, np.float64)
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def efficiency(pass_mask: BoolArray, weight: FloatArray, level: float = LEVEL) -> Efficiency:
    """Weighted efficiency with a Wilson interval of effective counts.

    The effective count is e(1 - e)/variance, with the variance of a ratio of weighted sums,
    sum over passing w^2 (1 - e)^2 + sum over failing w^2 e^2, over (sum w)^2: the number of jets
    for unit weights, and right also where passing and failing jets differ in weight. It is
    (sum w)^2 / sum w^2 at most, and just that at e = 0 and e = 1: where only jets of small weight
    happen to pass, the variance that they show says nothing of the heavy ones that might have.
    Negative weights enter all sums as they are; an efficiency that they push out of [0, 1] is set
    to the nearer end.

    Args:
        pass_mask: Shape (N,), True for jets that pass.
        weight: Shape (N,).
        level: Probability content of the interval.

    Returns:
        The efficiency; value NaN, interval [0, 1] where the weights do not add up to more than 0.
    """
    weight = np.asarray(weight, np.float64)
    passing = weight[pass_mask]
    found = binomial(
        passing.sum(), passing @ passing, np.asarray(weight.sum()), np.asarray(weight @ weight), level
    )
    return Efficiency(*(float(x) for x in found))


@dataclass(frozen=True)
class EfficiencyTable:
    """Efficiencies as in `Efficiency`, arrays of shape (G, T): groups of jets by thresholds."""

    value: FloatArray
    low: FloatArray
    high: FloatArray
    n_effective: FloatArray


def efficiency_table(
    score: FloatArray,
    weight: FloatArray,
    thresholds: FloatArray,
    group: IntArray | None = None,
    n_groups: int = 1,
    level: float = LEVEL,
) -> EfficiencyTable:
    """What `efficiency` gives for many groups of jets and several thresholds, in one pass.

    Args:
        score: Shape (N,); a jet passes at or above a threshold, see `cuts.passes`.
        weight: Shape (N,), signed.
        thresholds: Shape (T,), in any order.
        group: Group of each jet, shape (N,), in 0 … n_groups - 1; one group where None.
        n_groups: Groups, G.
        level: Probability content of the intervals.
    """
    passing, passing2 = passing_sums(score, weight, thresholds, group, n_groups)
    total, total2 = (np.broadcast_to(sums[:, :1], passing[:, 1:].shape) for sums in (passing, passing2))
    return EfficiencyTable(*binomial(passing[:, 1:], passing2[:, 1:], total, total2, level))


def passing_sums(
    score: FloatArray, weight: FloatArray, thresholds: FloatArray, group: IntArray | None, n_groups: int
) -> tuple[FloatArray, FloatArray]:
    """Sums of w and of w^2 of all jets, first column, and of those that pass each threshold.

    Returns:
        Two arrays of shape (G, 1 + T).
    """
    thresholds, weight = np.asarray(thresholds, np.float64), np.asarray(weight, np.float64)
    order = np.argsort(thresholds)
    cuts = [exact_in(threshold, score.dtype) for threshold in thresholds[order]]
    kept = np.flatnonzero(score >= cuts[0])  # few, so the sums over groups of jets that pass are cheap
    steps = np.zeros(len(kept), np.intp)
    for cut in cuts[1:]:  # a few thresholds, not jets
        steps += score[kept] >= cut
    if group is not None:
        steps += group[kept] * np.intp(len(cuts))
    found = []
    for power in (1, 2):
        values = weight if power == 1 else weight * weight
        total = np.array([values.sum()]) if group is None else np.bincount(group, values, n_groups)
        between = np.bincount(steps, values[kept], n_groups * len(cuts)).reshape(n_groups, len(cuts))
        sums = np.empty((n_groups, 1 + len(cuts)))
        sums[:, 0] = total
        sums[:, 1 + order] = np.cumsum(between[:, ::-1], axis=1)[:, ::-1]  # column k passes k + 1 cuts
        found.append(sums)
    return found[0], found[1]


def binomial(
    passing: FloatArray, passing2: FloatArray, total: FloatArray, total2: FloatArray, level: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Efficiency, Wilson interval and effective count from sums of w and w^2; any shape."""
    known = total > 0
    norm = np.where(known, total, 1.0)
    value = np.clip(passing / norm, 0.0, 1.0)
    variance = ((1 - 2 * value) * passing2 + value**2 * total2) / norm**2
    spread = value * (1 - value)
    inside = (spread > 0) & (variance > 0)
    plain = norm**2 / np.where(known, total2, np.inf)
    shown = np.where(inside, spread / np.where(inside, variance, 1.0), plain)
    count = np.where(known, np.minimum(shown, plain), 0.0)
    z2 = NormalDist().inv_cdf(0.5 + level / 2) ** 2
    safe = np.maximum(count, 1e-9)
    centre = (value + z2 / (2 * safe)) / (1 + z2 / safe)
    half = np.sqrt(z2 * (spread / safe + z2 / (4 * safe**2))) / (1 + z2 / safe)
    low = np.where(known, np.clip(np.minimum(centre - half, value), 0, 1), 0.0)
    high = np.where(known, np.clip(np.maximum(centre + half, value), 0, 1), 1.0)
    return np.where(known, value, np.nan), low, high, count


def in_quadrature(
    value: FloatArray, low: FloatArray, high: FloatArray, less: FloatArray, more: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Ends of intervals, any shape, that hold a second error: that of a cut which other jets fix.

    Args:
        value: What is read at the cut.
        low: Lower end of its own interval.
        high: Upper end.
        less: What is read where the cut leaves less; what is not below the value adds nothing.
        more: Where it leaves more; likewise.
    """
    down = np.hypot(value - low, np.maximum(value - less, 0))
    up = np.hypot(high - value, np.maximum(more - value, 0))
    return value - down, value + up


def from_here_up(values: npt.NDArray[Any]) -> FloatArray:
    """Sums from each entry to the last, shape (N,) -> (N + 1,), the final one 0."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)


def check_scores(score: FloatArray, weight: FloatArray, what: str) -> None:
    """Refuse an empty class, one without positive sum of weights, and values that are no numbers.

    A score of -inf is one: that of a jet which passes no threshold.

    Raises:
        InputError: Names `what`.
    """
    if len(score) != len(weight):
        raise InputError(f"{what}: {len(score)} scores but {len(weight)} weights")
    check_numbers(score, weight, what)
    check_total(np.sum(weight, dtype=np.float64), len(score), what)


def check_numbers(score: FloatArray, weight: FloatArray, what: str) -> float:
    """The smallest weight, 0 at most, of jets whose scores and weights are numbers.

    A weight of +inf is left to `check_total`.

    Raises:
        InputError: As `check_scores`.
    """
    highest, smallest = np.max(score, initial=-np.inf), np.min(weight, initial=0)  # NaN wins
    if not highest < np.inf or not smallest > -np.inf:
        raise InputError(f"{what}: scores or weights that are not finite")
    return float(smallest)


def check_total(total: float, n_jets: int, what: str) -> None:
    """Refuse a class without positive sum of weights, or with one beyond all numbers, as `check_scores`."""
    if total == np.inf:
        raise InputError(f"{what}: scores or weights that are not finite")
    if not total > 0:
        raise InputError(f"{what}: {n_jets} jets, whose weights do not add up to more than 0")
