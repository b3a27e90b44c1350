"""Permutation importance: what a tagger loses where inputs have the values of other jets.

The importance of Breiman (Machine Learning 45 (2001) 5) for any model. Of features that say the same it sees
none: the model reads the others. So groups are exchanged too, and flat features that go together.
"""

import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import rankdata

from jetsmith import metrics
from jetsmith.handed.explanation import Lost
from jetsmith.io import BoolArray, FloatArray
from jetsmith.packed.arrays import FlatGroup, Packed, SequenceGroup
from jetsmith.specs.features import Inputs

TOGETHER = 24  # exchanges that are scored in one call: a network is loaded once for all of them
ALIKE = 0.7  # mean |rank correlation| from which flat features are exchanged together, too


@dataclass(frozen=True)
class Exchange:
    """Features of a group that get the values of other jets, together.

    Attributes:
        group: The group.
        features: Which.
        whole: Of a sequence: whether jets exchange their lists; else constituents exchange values.
    """

    group: str
    features: tuple[str, ...]
    whole: bool = False


def of_features(inputs: Sequence[Inputs]) -> list[Exchange]:
    """Each feature by itself."""
    return [Exchange(given.group, (name,)) for given in inputs for name in given.features]


def of_groups(inputs: Sequence[Inputs]) -> list[Exchange]:
    """Each group as a whole."""
    return [Exchange(given.group, given.features, whole=True) for given in inputs]


def of_correlated(inputs: Sequence[Inputs], packed: Packed) -> list[Exchange]:
    """Flat features of a group that go together, where they are two at least and not all of the group.

    By average linkage of 1 - |Spearman's correlation|, over the jets.
    """
    return [
        Exchange(given.group, family)
        for given in inputs
        if given.kind == "flat"
        for family in families(packed.groups[given.group].values, given.features)
        if 1 < len(family) < len(given.features)
    ]


def families(values: FloatArray, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Names of columns of values, shape (N, F), by whether these rise together."""
    ranks = rankdata(values, axis=0)
    varies = np.ptp(ranks, axis=0) > 0
    known = [name for name, one in zip(names, varies, strict=True) if one]
    if len(known) < 2:
        return []
    alike = np.abs(np.corrcoef(ranks[:, varies], rowvar=False))
    distances = np.clip(1 - alike[np.triu_indices(len(known), 1)], 0, None)
    family = fcluster(linkage(distances, "average"), 1 - ALIKE, "distance")
    return [
        tuple(name for name, number in zip(known, family, strict=True) if number == k)
        for k in np.unique(family)
    ]


def exchanged(packed: Packed, exchange: Exchange, seed: int) -> Packed:
    """The jets with some features of others, by one random order for all of them.

    Of a flat group jets get the values of other jets. Of a sequence real constituents get those of others, of
    any jet, and the number of constituents and their other features stay; or, as a whole, jets get the lists
    of other jets, with their numbers.
    """
    rng = np.random.default_rng([seed, zlib.crc32(repr(exchange).encode())])
    group = packed.groups[exchange.group]
    if isinstance(group, SequenceGroup) and exchange.whole:
        found: FlatGroup | SequenceGroup = _lists_of(group, rng.permutation(len(packed)))
    else:
        columns = [group.names.index(name) for name in exchange.features]
        values = np.array(group.values)
        values[:, columns] = values[rng.permutation(len(values))][:, columns]
        found = replace(group, values=values)
    return replace(packed, groups={**packed.groups, exchange.group: found})


def _lists_of(group: SequenceGroup, order: np.ndarray) -> SequenceGroup:
    """The lists of jets in another order."""
    counts = np.diff(group.offsets)[order]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    index = np.arange(offsets[-1]) + np.repeat(group.offsets[:-1][order] - offsets[:-1], counts)
    return replace(group, values=group.values[index], offsets=offsets)


def batched(versions: Iterable[Packed], size: int) -> Iterator[list[Packed]]:
    """So many at a time, made when they are asked for."""
    waiting = iter(versions)
    while some := list(itertools.islice(waiting, size)):
        yield some


def losses(
    packed: Packed,
    exchanges: Sequence[Exchange],
    judge: Callable[[Sequence[Packed]], list[FloatArray]],
    is_signal: BoolArray,
    seed: int,
) -> tuple[FloatArray, list[Lost]]:
    """The discriminant of jets as they are, and what each exchange costs in the area under the ROC curve.

    Args:
        packed: N jets, in memory.
        exchanges: Which.
        judge: Gives the discriminant of the jets of each version of them, shape (N,) each.
        is_signal: Shape (N,).
        seed: Of the orders; each follows from it and from what is exchanged alone.
    """
    versions = itertools.chain([packed], (exchanged(packed, exchange, seed) for exchange in exchanges))
    before, *after = [score for some in batched(versions, TOGETHER) for score in judge(some)]
    found = []
    for exchange, score in zip(exchanges, after, strict=True):
        loss = metrics.auc_difference(before, score, packed.weight, is_signal)
        found.append(Lost(exchange.group, exchange.features, loss.value, loss.low, loss.high))
    return before, found
