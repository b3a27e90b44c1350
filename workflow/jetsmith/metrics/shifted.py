"""Areas of one score on two samples: what changes is to be the tagger, not the spectra of its jets."""

from dataclasses import dataclass

import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics.curves import auc
from jetsmith.metrics.efficiencies import LEVEL, effective_count
from jetsmith.metrics.paired import Difference, of_replicas
from jetsmith.metrics.ranked import Ranked

PT_BINS, ABSETA_BINS = 16, 3  # at most, of equal numbers of jets
JETS_A_BIN = 50  # ASSUME at least, on average, in each bin of the smaller sample


@dataclass(frozen=True)
class Jets:
    """Jets of a signal and a background, shape (N,) each.

    Attributes:
        weight: Signed, float64.
        is_signal: True for signal.
        cell: Which class and bin of the spectra, see `cells`.
        event: Numbers from 0 that jets of one event share, in both samples: a replica takes an event as a
            whole, and the same event of another sample alike.
    """

    weight: FloatArray
    is_signal: BoolArray
    cell: IntArray
    event: IntArray


@dataclass(frozen=True)
class Shift(Difference):
    """The area in a shifted sample less that in the nominal one, jets weighted to the nominal spectra.

    Attributes:
        unmatched: The difference without these weights.
        effective: Effective jets of signal and of background in the shifted sample, weighted.
        covered: Share of the nominal jets in bins in which the shifted sample has some: the others, of either
            sample, count for nothing.
    """

    unmatched: float
    effective: tuple[float, float]
    covered: float


def cells(
    nominal: tuple[BoolArray, FloatArray, FloatArray], shifted: tuple[BoolArray, FloatArray, FloatArray]
) -> tuple[IntArray, IntArray]:
    """Bins of each class in momentum and |pseudorapidity|, with edges from the nominal jets.

    Args:
        nominal: Whether signal, momentum and |pseudorapidity|, shape (N,) each.
        shifted: The same of M jets.

    Returns:
        Shapes (N,) and (M,), numbers from 0.
    """
    found = [np.zeros(len(side[0]), np.int64) for side in (nominal, shifted)]
    for of_signal in (False, True):
        here = [side[0] == of_signal for side in (nominal, shifted)]
        pt, eta = (
            [side[k][mask] for side, mask in zip((nominal, shifted), here, strict=True)] for k in (1, 2)
        )
        n_bins = max(min(map(len, pt)) // JETS_A_BIN, 1)
        in_eta = _quantiles(eta[0], min(ABSETA_BINS, n_bins))
        in_pt = _quantiles(pt[0], min(PT_BINS, max(n_bins // ABSETA_BINS, 1)))
        for cell, mask, x, y in zip(found, here, pt, eta, strict=True):
            place = np.searchsorted(in_pt, x, side="right") * (len(in_eta) + 1)
            cell[mask] = 2 * (place + np.searchsorted(in_eta, y, side="right")) + of_signal
    return found[0], found[1]


def _quantiles(values: FloatArray, n: int) -> FloatArray:
    """Inner edges of n bins with as many values in each; fewer where values are the same."""
    if not len(values) or n < 2:
        return np.zeros(0)
    return np.unique(np.quantile(values, np.arange(1, n) / n))


def matched(
    nominal: Jets, shifted: Jets, drawn: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Weights by which shifted jets have the spectra of the nominal ones, class by class.

    Args:
        nominal: N jets.
        shifted: M jets.
        drawn: Weights of both in place of theirs, of a replica.

    Returns:
        Of both, shapes (N,) and (M,); 0 in bins in which one of them has no positive sum.
    """
    first, second = drawn or (nominal.weight, shifted.weight)
    n_cells = 1 + max(int(jets.cell.max(initial=0)) for jets in (nominal, shifted))
    here, there = (
        np.bincount(jets.cell, weight, n_cells) for jets, weight in ((nominal, first), (shifted, second))
    )
    both = (here > 0) & (there > 0)
    factor = np.divide(here, there, out=np.zeros(n_cells), where=both)
    return first * both[nominal.cell], second * factor[shifted.cell]


def auc_shift(
    scores: tuple[FloatArray, FloatArray],
    nominal: Jets,
    shifted: Jets,
    bootstraps: int,
    seed: int | list[int],
    level: float = LEVEL,
) -> Shift | None:
    """What an area changes by from one sample to another, with the interval of a Poisson bootstrap of events.

    A replica counts each event of both samples as often as chance says, and the weights that level spectra
    are found anew; one without a class counts at both ends (`of_replicas`). An event that both samples have,
    as where one is the other with another detector, counts alike in both; where events share their numbers by
    accident, nothing is wrong by it: their scores know nothing of each other.

    Args:
        scores: Of nominal and shifted jets, shapes (N,) and (M,).
        nominal: N jets.
        shifted: M jets.
        bootstraps: Replicas.
        seed: Of these.
        level: Probability content.

    Returns:
        None where a class has no positive sum of weights, of all jets or in bins that both samples have.
    """
    sides = (nominal, shifted)
    weights = matched(nominal, shifted)
    if not (_have_both(sides, weights) and _have_both(sides, (nominal.weight, shifted.weight))):
        return None
    ranked = [Ranked(score, jets.is_signal) for score, jets in zip(scores, sides, strict=True)]
    generator = np.random.default_rng(seed)
    n_events = 1 + max(int(jets.event.max(initial=0)) for jets in sides)
    found = np.empty(1 + bootstraps)
    for replica in range(1 + bootstraps):  # a few hundred; the first is what was measured
        if replica:
            times = generator.poisson(1.0, n_events)
            drawn = nominal.weight * times[nominal.event], shifted.weight * times[shifted.event]
            weights = matched(nominal, shifted, drawn)
            if not _have_both(sides, weights):
                found[replica] = np.nan
                continue
        first, second = (of.auc(weight) for of, weight in zip(ranked, weights, strict=True))
        found[replica] = np.clip(second - first, -1, 1)  # weights below 0
    plain = [of.auc(jets.weight) for of, jets in zip(ranked, sides, strict=True)]
    here, there = matched(nominal, shifted)
    total = float(nominal.weight.sum())
    s = shifted.is_signal
    (change,) = of_replicas(found[:, np.newaxis], level, (-1, 1))
    return Shift(
        *(change.value, change.low, change.high, change.error),
        unmatched=plain[1] - plain[0],
        effective=(effective_count(there[s]), effective_count(there[~s])),
        covered=float(here.sum()) / total,
    )


def auc_change(scores: tuple[FloatArray, FloatArray], nominal: Jets, shifted: Jets) -> float:
    """The difference alone, as `auc_shift` has it: of a member of an ensemble, say."""
    values = []
    for score, jets, weight in zip(scores, (nominal, shifted), matched(nominal, shifted), strict=True):
        s = jets.is_signal
        values.append(auc(score[s], weight[s], score[~s], weight[~s]))
    return values[1] - values[0]


def _have_both(sides: tuple[Jets, Jets], weights: tuple[FloatArray, FloatArray]) -> bool:
    """Whether both classes of both samples have a positive sum of weights."""
    return all(
        weight[mask].sum() > 0
        for jets, weight in zip(sides, weights, strict=True)
        for mask in (jets.is_signal, ~jets.is_signal)
    )
