"""Protects that curves and working points of a histogram are those of a sorted sample, to the bit."""

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jetsmith import metrics
from jetsmith.errors import InputError
from tests.unit import slow_curves

Array = np.ndarray[Any, Any]

SHAPES = {
    "few values": lambda rng, n: rng.integers(-5, 5, n),
    "normal": lambda rng, n: rng.normal(0, 3, n),
    "peaks at the ends": lambda rng, n: 1 / (1 + np.exp(-rng.normal(0, 30, n))),
    "close together": lambda rng, n: 1 + 1e-13 * rng.normal(size=n),
    "denormal": lambda rng, n: rng.integers(0, 99, n) * 5e-324,
    "all magnitudes": lambda rng, n: rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-300, 300, n),
    "one value": lambda rng, n: np.zeros(n),
    "both zeros": lambda rng, n: rng.choice([-0.0, 0.0, 1.0], n),
}


@st.composite
def classes(draw: st.DrawFn) -> tuple[Array, Array]:
    """Scores and weights of a class: any shape and type, a share not tagged, weights of either sign."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.sampled_from([1, 2, 7, 40, 300]))
    with np.errstate(over="ignore"):
        score = SHAPES[draw(st.sampled_from(sorted(SHAPES)))](rng, n).astype(
            draw(st.sampled_from(["f4", "f8"]))
        )
    score[~(score < np.inf)] = 0
    score[rng.random(n) < draw(st.sampled_from([0, 0, 0.3]))] = -np.inf
    weight = rng.choice([0.5, 1.0, 1.5, 3.0], n)
    negative = rng.random(n) < draw(st.sampled_from([0, 0, 0.1, 0.3, 0.5]))
    if draw(st.booleans()):  # more often so at high scores, as generators may have it
        negative &= score > np.median(score)
    weight[negative] *= -1
    weight[rng.random(n) < draw(st.sampled_from([0, 0.2]))] = 0
    if weight.sum() <= 0:
        weight[draw(st.integers(0, n - 1))] += 1 - weight.sum()
    return score, weight


@settings(max_examples=500, deadline=None)
@given(classes(), classes(), st.sampled_from([2, 5, 40, 500]))
def test_a_curve_is_that_of_the_sorted_sample(
    signal: tuple[Array, Array], background: tuple[Array, Array], n_points: int
) -> None:
    """The same thresholds, efficiencies and intervals."""
    found = metrics.roc_curve(*signal, *background, n_points=n_points)
    wanted = slow_curves.roc_curve(*signal, *background, n_points)
    assert found.threshold.tolist() == wanted[0].tolist()
    for ours, slow in zip(vars(found).values(), wanted, strict=True):
        np.testing.assert_allclose(ours, slow, rtol=1e-9, atol=1e-12)


@settings(max_examples=500, deadline=None)
@given(classes(), st.sampled_from([0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99]))
def test_a_working_point_is_that_of_the_sorted_sample(background: tuple[Array, Array], target: float) -> None:
    """The same thresholds, interval and doubt; refused where that of the sorted sample is."""
    wanted = slow_curves.working_point(*background, target)
    if wanted is None:
        with pytest.raises(InputError):
            metrics.working_point(*background, target)
        return
    found = metrics.working_point(*background, target)
    names = ("threshold", "threshold_low", "threshold_high", "doubt")
    assert [getattr(found, name) for name in names] == [getattr(wanted, name) for name in names]
    assert astuple(found.background) == pytest.approx(astuple(wanted.background), rel=1e-9)
    assert found.n_passing == pytest.approx(wanted.n_passing, rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_many_jets_are_as_exact(shape: str, share: float) -> None:
    """More jets than bins are made from, so that some bins hold none of that part, and many a few."""
    rng = np.random.default_rng(7)
    given = []
    for n, push in ((60_000, 1), (90_000, 0)):
        given.append((SHAPES[shape](rng, n) + push).astype(np.float64))
        given.append(rng.choice([0.5, 1.0, 2.0], n) * np.where(rng.random(n) < share, -1, 1))
    found, wanted = metrics.roc_curve(*given), slow_curves.roc_curve(*given, 500)
    assert found.threshold.tolist() == wanted[0].tolist()
    for ours, slow in zip(vars(found).values(), wanted, strict=True):
        np.testing.assert_allclose(ours, slow, rtol=1e-9, atol=1e-12)
    for point in metrics.working_points(given[2], given[3], [0.1, 0.01, 0.001]):
        slow_point = slow_curves.working_point(given[2], given[3], point.target)
        assert slow_point is not None
        assert (point.threshold, point.threshold_low) == (slow_point.threshold, slow_point.threshold_low)
        assert point.threshold_high == slow_point.threshold_high


@given(arrays(np.float64, 50, elements=st.floats(allow_nan=False)))
def test_bins_are_in_the_order_of_scores(score: Array) -> None:
    """No lower bin for a higher score, the same for the same, also of scores that made no bin."""
    bins = metrics.Bins(score[:10], score[10:20])
    place = bins.of(np.sort(score))
    assert (np.diff(place) >= 0).all()
    assert 0 <= place[0] <= place[-1] < bins.n
    assert bins.of(np.array([0.0]))[0] == bins.of(np.array([-0.0]))[0]


def test_sums_serve_several_numbers() -> None:
    """Curves and points of sums that are made once are those of the classes; the bins have to be the same."""
    rng = np.random.default_rng(3)
    b, c, light = ((rng.normal(k, 1, 500), rng.gamma(4, 0.25, 500)) for k in (2, 1, 0))
    bins = metrics.Bins(b[0], c[0], light[0])
    sums = [metrics.Sums(*one, bins, "jets") for one in (b, c, light)]
    for other, background in ((c, sums[1]), (light, sums[2])):
        found, wanted = metrics.roc_curve_of(sums[0], background), metrics.roc_curve(*b, *other)
        for ours, theirs in zip(vars(found).values(), vars(wanted).values(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    found_point, point = metrics.working_points_of(sums[2], [0.1])[0], metrics.working_point(*light, 0.1)
    assert found_point.threshold == point.threshold
    with pytest.raises(ValueError, match="same bins"):
        metrics.roc_curve_of(sums[0], metrics.Sums(*c, metrics.Bins(c[0]), "jets"))
