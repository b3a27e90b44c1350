"""Protects the fit of a mixture: unbiased, with intervals that cover, as good as a fit to the densities."""

import numpy as np
import pytest

from jetsmith.errors import InputError
from jetsmith.metrics import effective_count
from jetsmith.reweighting.mixture import binned, unbinned
from tests.densities import Densities

TOY = Densities(3, tail=False)
FRACTION = 0.3


def test_the_fit_covers_and_loses_nothing_to_bins() -> None:
    """400 mixtures: pulls around 0, 68% of intervals hold the truth; 40 bins cost next to nothing."""
    rng = np.random.default_rng(1)
    source, target = (TOY.log_ratio(TOY.draw(k, 100_000, rng)[0]) for k in (0, 1))
    edges = np.quantile(source, np.linspace(0, 1, 41))
    edges[0], edges[-1] = -np.inf, np.inf
    templates = [np.histogram(x, edges)[0] / len(x) for x in (source, target)]
    found = []
    for _ in range(400):
        n = rng.poisson([1400, 600])
        score = np.concatenate([TOY.log_ratio(TOY.draw(k, n[k], rng)[0]) for k in (0, 1)])
        f = unbinned(np.exp(score))
        content = np.histogram(score, edges)[0].astype(float)
        b = binned(content, content, *templates)
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
    for _ in range(300):
        score = np.concatenate([TOY.log_ratio(TOY.draw(k, n, rng)[0]) for k, n in ((0, 1400), (1, 600))])
        weight = np.where(rng.random(len(score)) < 0.1, -1.0, 1.0)
        f = unbinned(np.exp(score), weight)
        covers.append(f.low <= FRACTION <= f.high)
        plain = unbinned(np.exp(score))
        wider.append((f.high - f.low) / (plain.high - plain.low))
    assert np.mean(wider) == pytest.approx(np.sqrt(len(weight) / effective_count(weight)), rel=0.03)
    assert np.mean(covers) == pytest.approx(0.683, abs=0.09)


def test_signs_that_depend_on_the_ratio() -> None:
    """Protects: errors of the effective number alone, 0.77 of what is right where what is like the target has
    most of the weights below 0; those of 40 bins likewise."""
    rng = np.random.default_rng(3)
    source, target = rng.normal(size=200_000), 1 + rng.normal(size=200_000)
    edges = np.r_[-np.inf, np.quantile(source, np.linspace(0, 1, 41)[1:-1]), np.inf]
    templates = [np.histogram(x, edges)[0] / len(x) for x in (source, target)]
    found: list[list[float]] = []
    for _ in range(200):
        x = rng.normal(size=5000) + (rng.random(5000) < FRACTION)
        negative = np.clip(0.05 + 0.3 / (1 + np.exp(-3 * (x - 0.5))), 0, 0.45)
        weight = np.where(rng.random(5000) < negative, -1.0, 1.0) / (1 - 2 * negative)
        sums = (np.histogram(x, edges, weights=w)[0] for w in (weight, weight**2))
        fits = unbinned(np.exp(x - 0.5), weight), binned(*sums, *templates)
        found.append([y for f in fits for y in (f.value, f.high - f.low, f.low <= FRACTION <= f.high)])
    for value, width, covers in np.array(found).T.reshape(2, 3, -1):
        assert width.mean() / 2 == pytest.approx(value.std(), rel=0.15)
        assert covers.mean() == pytest.approx(0.683, abs=0.1)


def test_mixtures_without_a_maximum_are_refused() -> None:
    """Ratios on one side of 1, bins that the source does not fill, weights that cancel."""
    with pytest.raises(InputError, match="one side of 1"):
        unbinned(np.array([1.5, 2.0]))
    with pytest.raises(InputError, match="take wider bins"):
        binned(np.ones(3), np.ones(3), np.array([0.5, 0.5, 0.0]), np.array([0.2, 0.3, 0.5]))
    with pytest.raises(InputError, match="no maximum"):
        unbinned(np.array([0.5, 2.0, 2.0]), np.array([1.0, 1.0, -3.0]))
