"""Splits depend on identity alone: the promise that a data set added later moves no event."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetsmith import columns
from jetsmith.hashing import SPLITS, fold_of, hash64, key_digest, replica_of, split_of, uniform
from jetsmith.specs.run import SplitSpec

WORD = 2**64 - 1
N = 40_000


def scalar_hash(run: int, luminosity_block: int, event: int, seed: int, salt: str) -> int:
    """The slow twin, in Python's own integers."""
    state = int.from_bytes(hashlib.blake2b(f"{seed}/{salt}".encode(), digest_size=8).digest(), "little")
    for word in (run, luminosity_block, event):
        state = ((state ^ word) + 0x9E3779B97F4A7C15) & WORD
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & WORD
        state ^= state >> 31
    return state


@settings(max_examples=50, deadline=None)
@given(
    run=st.integers(0, 2**32 - 1),
    block=st.integers(0, 2**32 - 1),
    event=st.integers(0, WORD),
    seed=st.integers(0, 2**40),
)
def test_hash_is_that_of_the_scalar_twin(run: int, block: int, event: int, seed: int) -> None:
    """The vectorised mix wraps as 64-bit arithmetic does, for every key."""
    key = np.array([run], np.uint32), np.array([block], np.uint32), np.array([event], np.uint64)
    expected = scalar_hash(run, block, event, seed, "split")
    assert int(hash64(*key, seed, "split")[0]) == expected
    assert uniform(*key, seed, "split")[0] == (expected >> 11) * 2.0**-53


def test_uniform_is_flat_and_salts_are_independent() -> None:
    """Neighbouring event numbers spread evenly, and two decisions on one event do not correlate."""
    ones, events = np.ones(N, np.uint32), np.arange(N, dtype=np.uint64)
    first, second = (uniform(ones, ones, events, 1, salt) for salt in ("split", "fold"))
    assert first.min() >= 0
    assert first.max() < 1
    counts = np.histogram(first, 20, (0, 1))[0]
    assert np.sum((counts - N / 20) ** 2) / (N / 20) < 45  # chi2 of 19 degrees, p = 7e-4
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


def test_splits_have_their_fractions_and_stay_when_events_are_added() -> None:
    """An event's split depends on its own key: more events, or another order, change nothing."""
    spec = SplitSpec(train=0.4, validation=0.1, calibration=0.2, test=0.3)
    ones, events = np.ones(N, np.uint32), np.arange(N, dtype=np.uint64)
    split = split_of(ones, ones, events, 3, spec)
    for index, name in enumerate(SPLITS):
        assert np.mean(split == index) == pytest.approx(getattr(spec, name), abs=0.01)
    chosen = np.random.default_rng(0).permutation(N)[:100]
    assert np.array_equal(split_of(ones[:100], ones[:100], events[chosen], 3, spec), split[chosen])
    assert np.mean(split_of(ones, ones, events, 4, spec) == split) < 0.5


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_are_even_and_independent_of_the_split(folds: int) -> None:
    """Every fold has its share within every split."""
    ones, events = np.ones(N, np.uint32), np.arange(N, dtype=np.uint64)
    fold = fold_of(ones, ones, events, 3, folds)
    split = split_of(ones, ones, events, 3, SplitSpec())
    assert set(fold) == set(range(folds))
    for index in range(len(SPLITS)):
        shares = np.bincount(fold[split == index], minlength=folds) / np.sum(split == index)
        assert shares == pytest.approx(np.full(folds, 1 / folds), abs=0.025)


def test_without_folds_there_is_one() -> None:
    """`folds: 0` labels every event 0, and empty input gives empty output."""
    key = np.arange(5, dtype=np.uint64)
    assert fold_of(key, key, key, 0, 0).tolist() == [0] * 5
    assert len(split_of([], [], [], 0, SplitSpec())) == 0


def test_keys_have_a_digest() -> None:
    """Of values and their order, each column's; not of the type that a file stores them in."""
    rows = {name: np.arange(5) + i for i, name in enumerate(columns.KEY)}
    digest = key_digest(rows)
    assert digest == key_digest({name: values.astype(np.int16) for name, values in rows.items()})
    others = [{name: values[::-1] for name, values in rows.items()}]
    others += [{**rows, name: values + (values == 4)} for name, values in rows.items()]
    assert digest not in [key_digest(other) for other in others]
    assert len({key_digest(other) for other in others}) == 5


def test_a_replica_is_poisson_and_follows_from_the_key() -> None:
    """Against a twin that adds up the probabilities; another order, or more events, change no count."""
    ones, events = np.ones(N, np.uint32), np.arange(N, dtype=np.uint64)
    times = replica_of(ones, ones, events, 7)
    place = uniform(ones, ones, events, 7, "replica")
    for k in range(500):
        n, below = 0, math.exp(-1)
        while place[k] >= below:
            n += 1
            below += math.exp(-1) / math.factorial(n)
        assert times[k] == n
    counts = np.bincount(times, minlength=5)[:5]
    expected = N * np.array([math.exp(-1) / math.factorial(k) for k in range(5)])
    assert np.sum((counts - expected) ** 2 / expected) < 20  # chi2 of 5 degrees, p = 1e-3
    chosen = np.random.default_rng(0).permutation(N)[:100]
    assert np.array_equal(replica_of(ones[:100], ones[:100], events[chosen], 7), times[chosen])
    other = replica_of(ones, ones, events, 8)
    assert abs(np.corrcoef(times, other)[0, 1]) < 0.02
    for decision in (split_of(ones, ones, events, 7, SplitSpec()), fold_of(ones, ones, events, 7, 5)):
        assert abs(np.corrcoef(times, decision)[0, 1]) < 0.02
