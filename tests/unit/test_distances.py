"""The distance of two samples: its null is what it says, and a known shift has the known distance."""

from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from jetsmith.metrics.distances import EXPECTED, Distance, distance, kolmogorov

BATCHES, BINS = 128, 32
EDGES = np.array([NormalDist().inv_cdf((k + 1) / BINS) for k in range(BINS - 1)])


def sums(rng: np.random.Generator, n: int, shift: float = 0.0, kind: str = "unit") -> np.ndarray:
    """Sums of weights, shape (G, B), of n normal events; `correlated`: five entries each, nearly the same."""
    batch = rng.integers(0, BATCHES, n)
    x, weight = rng.normal(shift, 1, n), np.ones(n)
    if kind == "signed":
        weight = np.where(rng.random(n) < 0.2, -1.0, 1.0) * rng.exponential(1, n)
    if kind == "correlated":
        batch, weight = np.repeat(batch, 5), np.ones(5 * n)
        x = np.repeat(x, 5) + rng.normal(0, 0.1, 5 * n)
    place = batch * BINS + np.searchsorted(EDGES, x)
    return np.bincount(place, weight, BATCHES * BINS).reshape(BATCHES, BINS)


def toys(n_toys: int, kind: str, shift: float = 0.0, n: tuple[int, int] = (2000, 1000)) -> list[Distance]:
    rng = np.random.default_rng(7)
    found = [distance(sums(rng, n[0], 0, kind), sums(rng, n[1], shift, kind)) for _ in range(n_toys)]
    assert all(one is not None for one in found)
    return [one for one in found if one is not None]


def test_the_law_of_kolmogorov() -> None:
    """The series is scipy's function, at both ends too."""
    x = np.array([1e-3, 0.1, 0.3, 0.5, 0.8276, 1.36, 2, 4])
    np.testing.assert_allclose(kolmogorov(x), stats.kstwobign.sf(x), atol=1e-7)


@pytest.mark.parametrize("kind", ["unit", "signed", "correlated"])
def test_equal_samples_are_flagged_as_often_as_stated(kind: str) -> None:
    """With weights of both signs, and with correlated entries: never more often.

    Hardly less often where entries are independent; several nearly equal ones an event make smoother curves
    of the same variance, whose largest difference is smaller.
    """
    p = np.array([one.p for one in toys(600, kind)])
    for level, least, most in ((0.2, 0.12, 0.235), (0.05, 0.022, 0.075), (0.01, 0.0, 0.022)):
        assert least * (0.4 if kind == "correlated" else 1) <= np.mean(p < level) < most, level


def test_entries_are_not_counted_as_events() -> None:
    """Five nearly equal entries an event are one; else half of all equal pairs would be flagged at 5%."""
    found = toys(100, "correlated")
    assert 1650 < np.median([one.n_first for one in found]) < 2400
    wrong = [kolmogorov(one.value * np.sqrt(5 * 2000 / 3)) < 0.05 for one in found]
    assert np.mean(wrong) > 0.35


def test_effective_events_of_signed_weights() -> None:
    """(sum w)^2 / sum w^2 on average; what a bin does not change is no part of it."""
    expected = 2000 * 0.6**2 / 2
    assert np.median([one.n_first for one in toys(100, "signed")]) == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("kind", ["unit", "signed", "correlated"])
def test_a_known_shift_has_its_distance_and_error(kind: str) -> None:
    """2 Phi(shift / 2) - 1, or a little more, being the largest of many; the error is the spread of toys."""
    found = toys(150, kind, shift=0.5)
    true = 2 * NormalDist().cdf(0.25) - 1
    values = np.array([one.value for one in found])
    assert true - 0.01 < np.mean(values) < true + 0.5 * np.mean([one.null for one in found])
    assert np.std(values) == pytest.approx(np.mean([one.error for one in found]), rel=0.25)
    assert np.median([one.p for one in found]) < 1e-3


def test_what_equal_samples_are_apart() -> None:
    """`null` is the mean of the toys, a little more where bins are coarse."""
    found = toys(300, "unit")
    mean, null = np.mean([one.value for one in found]), np.mean([one.null for one in found])
    assert 0.85 < mean / null < 1.0
    assert stats.kstwobign.mean() == pytest.approx(EXPECTED, abs=1e-4)


def test_no_distance_without_events() -> None:
    """Too few effective events, or none above zero, are no sample."""
    rng = np.random.default_rng(1)
    some = sums(rng, 1000)
    assert distance(some, sums(rng, 10)) is None
    assert distance(some, np.zeros_like(some)) is None
    assert distance(-some, some) is None


def test_all_in_one_bin() -> None:
    """Constants that are equal are no shift, and others are the largest there is."""
    one, other = np.zeros((2, BATCHES, 3))
    one[:, 1], other[:, 2] = 10, 10
    same = distance(one, one)
    apart = distance(one, other)
    assert same is not None
    assert apart is not None
    assert (same.value, same.p) == (0, 1)
    assert (apart.value, apart.error) == (1, 0)
    assert apart.p < 1e-9
