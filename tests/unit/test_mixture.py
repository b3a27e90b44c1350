"""Protects the fit of a mixture: unbiased, with intervals that cover, as good as a fit to the densities."""

from typing import Any

import numpy as np
import pytest

from jetsmith.errors import InputError
from jetsmith.reweighting.mixture import binned, unbinned
from tests.densities import Densities

Array = np.ndarray[Any, Any]
TOY = Densities(3, tail=False)
FRACTION = 0.3


def templates_of(edges: Array, source: Array, target: Array) -> dict[str, Array]:
    """Fractions in bins."""
    given = {"source": source, "target": target}
    return {name: np.histogram(x, edges)[0] / len(x) for name, x in given.items()}


def test_the_fit_covers_and_loses_nothing_to_bins() -> None:
    """400 mixtures: pulls around 0, 68% of intervals hold the truth; 40 bins cost next to nothing."""
    rng = np.random.default_rng(1)
    source, target = (TOY.log_ratio(TOY.draw(k, 100_000, rng)[0]) for k in (0, 1))
    edges = np.quantile(source, np.linspace(0, 1, 41))
    edges[0], edges[-1] = -np.inf, np.inf
    templates = templates_of(edges, source, target)
    mean_one = np.exp(source - np.log(np.mean(np.exp(source))))  # as it is of densities, which these are
    found = []
    for _ in range(400):
        n = rng.poisson([1400, 600])
        score = np.concatenate([TOY.log_ratio(TOY.draw(k, n[k], rng)[0]) for k in (0, 1)])
        f = unbinned(np.exp(score), source=mean_one)
        content = np.histogram(score, edges)[0].astype(float)
        b = binned(content, variance=content, **templates)
        found.append([f.value, f.low <= FRACTION <= f.high, b.value, b.low <= FRACTION <= b.high])
    value, covers, of_bins, bins_cover = np.array(found).T
    spread = value.std() / 20
    assert value.mean() == pytest.approx(FRACTION, abs=4 * spread)
    assert of_bins.mean() == pytest.approx(FRACTION, abs=4 * spread + 0.01)
    assert covers.mean() == pytest.approx(0.683, abs=0.08)
    assert bins_cover.mean() == pytest.approx(0.683, abs=0.08)
    assert of_bins.var() < 1.15 * value.var()


def test_signed_weights_widen_the_interval() -> None:
    """A tenth of the events below 0: unbiased, with the interval of their effective number."""
    rng = np.random.default_rng(2)
    covers, wider = [], []
    source = np.exp(TOY.log_ratio(TOY.draw(0, 100_000, rng)[0]))
    for _ in range(300):
        score = np.concatenate([TOY.log_ratio(TOY.draw(k, n, rng)[0]) for k, n in ((0, 1400), (1, 600))])
        weight = np.where(rng.random(len(score)) < 0.1, -1.0, 1.0)
        f = unbinned(np.exp(score), source=source, weight=weight)
        covers.append(f.low <= FRACTION <= f.high)
        plain = unbinned(np.exp(score), source=source)
        wider.append((f.high - f.low) / (plain.high - plain.low))
    assert np.mean(wider) == pytest.approx(1 / 0.8, rel=0.03)  # by the mean of the weights
    assert np.mean(covers) == pytest.approx(0.683, abs=0.09)


def test_signs_that_depend_on_the_ratio() -> None:
    """Protects: errors of the effective number alone, 0.77 of what is right where what is like the target has
    most of the weights below 0; those of 40 bins likewise."""
    rng = np.random.default_rng(3)
    source, target = rng.normal(size=200_000), 1 + rng.normal(size=200_000)
    edges = np.r_[-np.inf, np.quantile(source, np.linspace(0, 1, 41)[1:-1]), np.inf]
    templates = templates_of(edges, source, target)
    found: list[list[float]] = []
    for _ in range(200):
        x = rng.normal(size=5000) + (rng.random(5000) < FRACTION)
        negative = np.clip(0.05 + 0.3 / (1 + np.exp(-3 * (x - 0.5))), 0, 0.45)
        weight = np.where(rng.random(5000) < negative, -1.0, 1.0) / (1 - 2 * negative)
        content, variance = (np.histogram(x, edges, weights=w)[0] for w in (weight, weight**2))
        fits = (
            unbinned(np.exp(x - 0.5), source=np.exp(source - 0.5), weight=weight),
            binned(content, variance=variance, **templates),
        )
        found.append([y for f in fits for y in (f.value, f.high - f.low, f.low <= FRACTION <= f.high)])
    for value, width, covers in np.array(found).T.reshape(2, 3, -1):
        assert width.mean() / 2 == pytest.approx(value.std(), rel=0.15)
        assert covers.mean() == pytest.approx(0.683, abs=0.1)


@pytest.mark.parametrize("factor", [1.0, 0.7, 3.32])
def test_the_factor_of_the_ratio_does_not_matter(factor: float) -> None:
    """Published ratios are not normalised: all have one factor, which the source's own ratios tell."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=20_000) + (rng.random(20_000) < FRACTION)
    source = rng.normal(size=100_000)
    weight = np.where(rng.random(len(source)) < 0.1, -1.0, 1.0)
    found = unbinned(factor * np.exp(x - 0.5), source=factor * np.exp(source - 0.5), source_weight=weight)
    assert found.value == pytest.approx(FRACTION, abs=0.03)
    right = unbinned(np.exp(x - 0.5), source=np.exp(source - 0.5), source_weight=weight)
    assert (found.value, found.low, found.high) == pytest.approx((right.value, right.low, right.high))


def test_the_interval_has_the_fluctuation_of_the_source() -> None:
    """As many events of the source as of the mixture: without their part it would cover 45%."""
    rng = np.random.default_rng(5)
    covers, narrow = [], []
    for _ in range(400):
        x, source = rng.normal(size=(2, 1000)) + np.array([rng.random(1000) < FRACTION, np.zeros(1000)])
        found = unbinned(np.exp(x - 0.5), source=np.exp(source - 0.5))
        covers.append(found.low <= FRACTION <= found.high)
        right = np.exp(source - 0.5) * np.ones(1000) / np.exp(source - 0.5).mean()
        many = unbinned(np.exp(x - 0.5) / np.exp(source - 0.5).mean(), source=np.tile(right, 100))
        narrow.append(many.low <= FRACTION <= many.high)
    assert np.mean(covers) == pytest.approx(0.683, abs=0.08)
    assert np.mean(narrow) < 0.55


def test_mixtures_without_a_maximum_are_refused() -> None:
    """Ratios on one side of 1, bins that the source does not fill, weights that cancel."""
    even = np.array([0.5, 1.5])
    with pytest.raises(InputError, match="one side of 1"):
        unbinned(np.array([1.5, 2.0]), source=even)
    with pytest.raises(InputError, match="take wider bins"):
        binned(
            np.ones(3),
            variance=np.ones(3),
            source=np.array([0.5, 0.5, 0.0]),
            target=np.array([0.2, 0.3, 0.5]),
        )
    with pytest.raises(InputError, match="no maximum"):
        unbinned(np.array([0.5, 2.0, 2.0]), source=even, weight=np.array([1.0, 1.0, -3.0]))


GOOD = np.array([0.5, 2.0])
EVEN = np.array([0.5, 1.5])
BAD_EVENTS: dict[str, tuple[tuple[Any, ...], str]] = {
    "NaN": ((np.array([0.5, np.nan]), EVEN), r"ratio: 1 of 2 are no ratios of densities, .*: nan of event 1"),
    "a ratio below 0": ((np.array([-1.0, 2.0]), EVEN), r"ratio: 1 of 2 .*: -1 of event 0"),
    "infinity of the source": ((GOOD, np.array([1.0, np.inf])), r"source: 1 of 2 .*: inf of event 1"),
    "too few weights": ((GOOD, EVEN, np.ones(3)), r"ratio has the shape \(2,\), and weight \(3,\)"),
    "no events": ((GOOD[:0], EVEN), r"ratio has the shape \(0,\)"),
    "a weight that is none": ((GOOD, EVEN, np.array([1.0, np.nan])), r"weight: nan at place 1"),
    "no source": ((GOOD, EVEN, None, np.array([1.0, -1.0])), r"source_weight: adds up to 0"),
}


@pytest.mark.parametrize("what", BAD_EVENTS)
def test_events_that_tell_nothing_are_refused_by_name(what: str) -> None:
    """What is no ratio of densities, or no weight of each event."""
    (ratio, *others), message = BAD_EVENTS[what]
    named = dict(zip(("source", "weight", "source_weight"), others, strict=False))
    with pytest.raises(InputError, match=message):
        unbinned(ratio, **named)


HALVES, OTHERS = np.array([0.5, 0.5]), np.array([0.2, 0.8])
BAD_BINS: dict[str, tuple[tuple[Any, ...], str]] = {
    "contents for fractions": ((GOOD, GOOD, 10 * HALVES, OTHERS), r"source: fractions add up to 10; divide"),
    "bins that lack events": ((GOOD, GOOD, HALVES, 0.9 * OTHERS), r"target: fractions add up to 0\.9"),
    "NaN": ((np.array([1.0, np.nan]), GOOD, HALVES, OTHERS), r"content: nan at place 1"),
    "no variance": ((GOOD, np.array([1.0, 0.0]), HALVES, OTHERS), r"variance: not above 0"),
    "too many bins": ((GOOD, np.ones(3), HALVES, OTHERS), r"one number a bin is needed of each: "),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_BINS)
def test_bins_that_tell_nothing_are_refused_by_name(what: str) -> None:
    """Contents in the place of fractions, numbers that are not finite, bins that do not fit together."""
    (content, *others), message = BAD_BINS[what]
    named = dict(zip(("variance", "source", "target"), others, strict=True))
    with pytest.raises(InputError, match=message):
        binned(content, **named)


def test_a_call_by_place_is_refused() -> None:
    """Protects: a second argument that was `weight` and is `source` now gave a fraction of -0.2 for 0.3."""
    with pytest.raises(TypeError, match="positional"):
        unbinned(GOOD, np.ones(2))  # type: ignore[call-arg, misc]
    with pytest.raises(TypeError, match="positional"):
        binned(GOOD, HALVES, OTHERS, 2.0)  # type: ignore[call-arg, misc]
