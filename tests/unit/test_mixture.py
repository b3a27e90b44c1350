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
        b = binned(np.histogram(score, edges)[0].astype(float), *templates, len(score))
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


def test_mixtures_without_a_maximum_are_refused() -> None:
    """Ratios on one side of 1, bins that the source does not fill, weights that cancel."""
    with pytest.raises(InputError, match="one side of 1"):
        unbinned(np.array([1.5, 2.0]))
    with pytest.raises(InputError, match="take wider bins"):
        binned(np.ones(3), np.array([0.5, 0.5, 0.0]), np.array([0.2, 0.3, 0.5]), 3)
    with pytest.raises(InputError, match="no maximum"):
        unbinned(np.array([0.5, 2.0, 2.0]), np.array([1.0, 1.0, -3.0]))
