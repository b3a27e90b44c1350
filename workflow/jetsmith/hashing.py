"""Splits and folds as functions of identity: a data set that is added later moves no event.

Every decision about an event comes from a hash of its key and the seed, never from its place in a
file. The mix is that of splitmix64 (Steele, Lea and Flood, OOPSLA 2014), applied once a word.
"""

import hashlib
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith import columns
from jetsmith.specs.run import SplitSpec

SPLITS = ("train", "validation", "calibration", "test")
FITTED = SPLITS[:2]  # what a training sees, the second for its early stop
POISSON = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(19)])  # beyond lies less than 2^-53

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


def hash64(
    run: npt.ArrayLike, luminosity_block: npt.ArrayLike, event: npt.ArrayLike, seed: int, salt: str
) -> npt.NDArray[np.uint64]:
    """A hash of an event's key.

    Args:
        run: Run numbers, shape (N,).
        luminosity_block: Luminosity blocks, shape (N,).
        event: Event numbers, shape (N,).
        seed: Seed of the configuration.
        salt: Name of the decision, so that decisions do not depend on one another.

    Returns:
        Shape (N,), uniform over all 64-bit numbers.
    """
    words = [np.asarray(part).astype(np.uint64) for part in (run, luminosity_block, event)]
    start = int.from_bytes(hashlib.blake2b(f"{seed}/{salt}".encode(), digest_size=8).digest(), "little")
    state = np.full(np.broadcast_shapes(*(word.shape for word in words)), start, np.uint64)
    for word in words:
        state = _mix(np.add(state ^ word, _GOLDEN))
    return state


def named_seed(seed: int, *names: str) -> list[int]:
    """Seed of numpy's generators for what names say: under other names other numbers are drawn.

    Args:
        seed: Of the configuration.
        names: As those of a measurement and of a working point.
    """
    return [seed, zlib.crc32("/".join(names).encode())]


def key_digest(table: Mapping[str, Any]) -> str:
    """Digest of the keys of all rows in their order: files of the same rows have the same.

    Args:
        table: Has the columns of `columns.KEY`, shape (N,) each.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, column in columns.KEY.items():
        digest.update(np.asarray(table[name]).astype(column.dtype).tobytes())
    return digest.hexdigest()


def uniform(
    run: npt.ArrayLike, luminosity_block: npt.ArrayLike, event: npt.ArrayLike, seed: int, salt: str
) -> npt.NDArray[np.float64]:
    """A number in [0, 1) from an event's key; arguments as in `hash64`.

    Returns:
        Shape (N,), float64 with 53 random bits.
    """
    found = hash64(run, luminosity_block, event, seed, salt)
    return (found >> np.uint64(11)).astype(np.float64) * 2.0**-53


def split_of(
    run: npt.ArrayLike, luminosity_block: npt.ArrayLike, event: npt.ArrayLike, seed: int, splits: SplitSpec
) -> npt.NDArray[np.int8]:
    """The split of each event.

    Returns:
        Shape (N,), index in `SPLITS`. All jets of an event are in one split.
    """
    edges = np.cumsum([getattr(splits, name) for name in SPLITS])[:-1]
    where: npt.NDArray[Any] = np.searchsorted(
        edges, uniform(run, luminosity_block, event, seed, "split"), side="right"
    )
    return where.astype(np.int8)


def fold_of(
    run: npt.ArrayLike, luminosity_block: npt.ArrayLike, event: npt.ArrayLike, seed: int, folds: int
) -> npt.NDArray[np.int8]:
    """The cross-validation fold of each event, 0 where there are none (`folds` 0).

    Returns:
        Shape (N,), in 0 … folds - 1. Independent of the split.
    """
    place = uniform(run, luminosity_block, event, seed, "fold")
    return np.floor(place * max(folds, 1)).astype(np.int8)


def replica_of(
    run: npt.ArrayLike, luminosity_block: npt.ArrayLike, event: npt.ArrayLike, seed: int
) -> npt.NDArray[np.int8]:
    """How often each event is in a bootstrap replica: Poisson with mean 1, by the seed of the replica.

    Returns:
        Shape (N,), 0 or above. All jets of an event have the same, and so have events of two datasets with
        one key, as they share split and fold: right for one event under two generators, and where they have
        nothing but a number in common it does no harm.
    """
    place = uniform(run, luminosity_block, event, seed, "replica")
    return np.searchsorted(POISSON, place, side="right").astype(np.int8)
