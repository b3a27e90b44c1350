"""What of a class passes where another has a given efficiency: one number, whoever reads it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetsmith import metrics
from jetsmith.errors import InputError

Array = np.ndarray[Any, Any]


def sums(signal: Array, ws: Array, background: Array, wb: Array) -> tuple[metrics.Sums, metrics.Sums]:
    bins = metrics.Bins(signal, background)
    return metrics.Sums(signal, ws, bins, "signal"), metrics.Sums(background, wb, bins, "background")


def slow_reading(given: Array, w: Array, wanted: Array, of: Array, target: float) -> float:
    """The sums written out: score by score downwards, and a part of the jets of the last one."""
    needed, best, passed = target * w.sum() * (1 - 1e-12), 0.0, 0.0
    for score in sorted({*given, *wanted}, reverse=True):
        reached, more = w[given >= score].sum(), of[wanted >= score].sum()
        if reached >= needed:
            part = (needed - best) / (reached - best)
            return float(np.clip((passed + part * (more - passed)) / of.sum(), 0, 1))
        best, passed = max(best, reached), more
    raise AssertionError


@settings(max_examples=150)
@given(
    st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 0.3, 2.0]), st.sampled_from([0.1, 0.5, 0.93])
)
def test_a_reading_is_its_slow_twin(seed: int, signed: bool, step: float, target: float) -> None:
    """Ties, float32 and weights below 0; and what is compared between scores is the same number."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 300))
    y = rng.random(n) < 0.5
    score = (rng.normal(size=n) + y).astype(np.float32)
    score = (np.round(score / step) * step).astype(np.float32) if step else score
    weight = np.where(rng.random(n) < 0.1, -1.0, 1.0) if signed else rng.choice([0.5, 1.0, 2.0], n)
    if min(metrics.effective_count(weight[mask]) * target for mask in (y, ~y)) < 1:
        return
    if min(weight[y].sum(), weight[~y].sum()) <= 0:
        return
    signal, background = sums(score[y], weight[y], score[~y], weight[~y])
    found = metrics.reading(background, signal, target)
    slow = slow_reading(score[~y], weight[~y], score[y], weight[y], target)
    assert found.value == pytest.approx(slow, abs=1e-9)
    assert metrics.efficiencies_at(score, weight, y, [target])[0] == pytest.approx(slow, abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_without_ties_a_reading_is_that_of_the_working_point() -> None:
    """What the table says is what a cut gives."""
    rng = np.random.default_rng(1)
    s, b, ones = rng.normal(size=2000) + 1, rng.normal(size=2000), np.ones(2000)
    signal, background = sums(s, ones, b, ones)
    for target in (0.1, 0.01, 0.3333):
        point = metrics.working_point(b, ones, target)
        found = metrics.reading(background, signal, target)
        assert found.value == pytest.approx(np.mean(s >= point.threshold), abs=1.5 / 2000)
        assert found.doubt == ""


def test_scores_that_leap_over_a_rate_are_in_doubt() -> None:
    """A spike of 5% above the cut at 1%; one that ends just there leaves a cut with that rate."""
    rng = np.random.default_rng(2)
    x = rng.random(20_000)
    ones = np.ones(len(x))
    for low, high, doubt in ((0.945, 0.995, "ties"), (0.94, 0.99, ""), (0.0, 0.9, "")):
        spiked = np.where((x > low) & (x < high), high, x)
        found = metrics.reading(*sums(spiked, ones, spiked, ones)[::-1], 0.01)
        assert found.value == pytest.approx(0.01, abs=1e-6)
        assert found.doubt == doubt


@pytest.mark.parametrize(("n_signal", "n_background"), [(300, 30_000), (20_000, 500)])
def test_bands_of_curves_and_of_rejections_know_both_classes(n_signal: int, n_background: int) -> None:
    """The signal fixes the threshold: of few such jets the mistag rate at 50% is as uncertain as they are."""
    from scipy.stats import norm

    rng, truth, held, ends = np.random.default_rng(5), float(norm.sf(2)), [], []
    of_signal, of_background = np.ones(n_signal), np.ones(n_background)
    for _ in range(250):
        s, b = rng.normal(2, 1, n_signal), rng.normal(size=n_background)
        signal, background = sums(s, of_signal, b, of_background)
        curve = metrics.roc_curve_of(signal, background, 200)
        low, high = (np.interp(0.5, curve.signal_efficiency, end) for end in metrics.mistag_band(curve))
        found = metrics.reading(signal, background, 0.5, role="signal")
        held.append((low <= truth <= high, found.low <= truth <= found.high))
        ends.append(((high - low) / truth, (found.high - found.low) / truth))
    band, read = np.mean(ends, axis=0)  # single ones differ by what lies between points of the curve
    assert band == pytest.approx(read, rel=0.05)
    assert np.mean(held, axis=0) == pytest.approx([0.683, 0.683], abs=0.1)


def test_a_band_holds_its_curve_and_no_less_than_the_background_alone() -> None:
    """Signed weights and ties, from the first point to the last."""
    rng = np.random.default_rng(6)
    n = 2000
    for step in (0, 0.5):
        s, b = rng.normal(1, 1, n), rng.normal(size=n)
        s, b = (np.round(x / step) * step if step else x for x in (s, b))
        weight = np.where(rng.random(n) < 0.1, -1.0, 1.0)
        curve = metrics.roc_curve(s, weight, b, weight)
        low, high = metrics.mistag_band(curve)
        assert (low > 0).all()
        assert (low <= curve.background_low * (1 + 1e-9)).all()
        assert (high >= curve.background_high * (1 - 1e-9)).all()
        assert (high <= 1).all()


def test_bands_end_where_jets_are_tagged() -> None:
    """Protects: ends along the jump to (1, 1), at jets that pass no cut: .151 where .0998 is read."""
    rng = np.random.default_rng(7)
    s, b = rng.normal(2, 1, 1000), rng.normal(size=50_000)
    s[rng.random(1000) < 0.2], b[rng.random(50_000) < 0.9] = -np.inf, -np.inf
    signal, background = sums(s, np.ones(1000), b, np.ones(50_000))
    curve = metrics.roc_curve_of(signal, background)
    at = float(np.mean(s > -np.inf)) - 0.005  # less than its error below the last one
    low, high = (np.interp(at, curve.signal_efficiency, end) for end in metrics.mistag_band(curve))
    found = metrics.reading(signal, background, at, role="signal")
    assert (low, high) == (pytest.approx(found.low, rel=0.1), pytest.approx(found.high, rel=0.03))


def test_bands_where_the_curve_stands_are_of_the_background() -> None:
    """Protects: low ends of 1/20 of the mistag rate where no signal passes, high ends of 1 where all does.

    200 jets of the signal, between ends that 50,000 of the background go beyond on either side.
    """
    rng = np.random.default_rng(8)
    s, b = rng.uniform(-0.5, 2.6, 200), rng.normal(size=50_000)
    curve = metrics.roc_curve(s, np.ones(200), b, np.ones(50_000))
    low, high = metrics.mistag_band(curve)
    none, whole = curve.signal_efficiency == 0, curve.signal_efficiency == 1
    assert none.sum() > 10
    assert whole.sum() > 10
    np.testing.assert_allclose(low[none], curve.background_low[none])
    assert (high[none] > curve.background_high[none]).all()
    for end, own in ((low, curve.background_low), (high, curve.background_high)):
        np.testing.assert_allclose(end[whole], own[whole])


def test_what_cannot_be_read_is_refused() -> None:
    """Too few jets, and jets that are not tagged."""
    rng = np.random.default_rng(3)
    x, ones = rng.random(50), np.ones(50)
    with pytest.raises(InputError, match="leave less than one above it"):
        metrics.reading(*sums(x, ones, x, ones), 0.01)
    dull = np.where(x < 0.9, -np.inf, x)
    with pytest.raises(InputError, match=r"only .* of the signal can pass"):
        metrics.reading(*sums(dull, ones, x, ones), 0.5, role="signal")


@pytest.mark.parametrize("swap", [False, True])
def test_intervals_of_readings_hold_the_truth(swap: bool) -> None:
    """Either class may be the smaller one: the error of the threshold counts as that of what passes."""
    from scipy.stats import norm

    rng = np.random.default_rng(4)
    truth = float(norm.sf(2 - 1.5))  # of the other class, 1.5 higher, behind the cut of norm.sf(2)
    held = []
    for _ in range(300):
        sizes = (300, 20_000) if swap else (20_000, 300)
        s, b = rng.normal(1.5, 1, sizes[0]), rng.normal(0, 1, sizes[1])
        signal, background = sums(s, np.ones(len(s)), b, np.ones(len(b)))
        found = metrics.reading(background, signal, float(norm.sf(2)))
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) == pytest.approx(0.683, abs=0.09)
