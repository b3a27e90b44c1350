"""Protects figures of decorrelation: on made-up background where the answer is known."""

from statistics import NormalDist

import numpy as np
import pytest

from jetsmith.errors import InputError
from jetsmith.metrics import Bins, Interval, Sums, passes, reading, working_point
from jetsmith.metrics import decorrelation as measured
from tests.unit.test_decorrelation import drawn, slow

EDGES = np.linspace(40, 200, 17)


def test_jensen_shannon() -> None:
    """0 of equal shapes whatever their sums, 1 of those that share nothing, and a value by hand."""
    first = np.array([[2.0, 2, 0], [1, 0, 0], [1, 1, 0]])
    second = np.array([[7.0, 7, 0], [0, 3, -1], [5, 0, 0]])
    found = measured.jensen_shannon(first, second)
    half = (0.5 * np.log2(0.5 / 0.75) + 0.5 * np.log2(0.5 / 0.25) + np.log2(1 / 0.75)) / 2
    np.testing.assert_allclose(found, [0, 1, half], atol=1e-12)


def test_sculpting_of_a_cut_that_does_not_know_the_mass() -> None:
    """It is what chance alone makes, which is taken off: the interval holds 0, in most of the samples."""
    held, seen = 0, []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        mass, passed = rng.uniform(40, 200, 4000), rng.random(4000) < 0.1
        found = measured.sculpting(mass, rng.uniform(0.5, 1.5, 4000), passed, EDGES, 100, seed)
        held += found.true.low == 0
        seen.append(found.seen / found.by_chance)
        assert found.by_chance == pytest.approx(15 / 8 / np.log(2) / 400 / 0.9, rel=0.3)
    assert held >= 7
    assert np.mean(seen) == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize(("bound", "most"), [(0.1, 0.95), (0.3, 0.85), (0.7, 0.85)])
def test_intervals_hold_the_true_divergence(bound: float, most: float) -> None:
    """Protects: intervals around what a sample shows, which held the true JSD in a fifth of samples (0.1).

    Two Gaussian columns; the true JSD of a cut at a standard deviation is that of integrals. Near 0 intervals
    are too long.
    """
    edges, size, normal = np.linspace(-2, 2, 21), 2000, NormalDist()
    fine = np.linspace(-8, 8, 64_001)
    pdf = np.exp(-(fine**2) / 2)
    pass_ = np.array([1 - normal.cdf((1 - bound * x) / np.sqrt(1 - bound**2)) for x in fine])
    place = measured.bin_of_column(fine, edges)
    spectra = [np.bincount(place, pdf * of, 20) for of in (pass_, 1 - pass_)]
    true, held = float(measured.jensen_shannon(*spectra)), 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=size)
        y = bound * x + np.sqrt(1 - bound**2) * rng.normal(size=size)
        left = measured.sculpting(x, np.ones(size), y > 1, edges, 200, seed)
        held += left.true.low <= true <= left.true.high
    assert 0.55 <= held / 60 <= most


@pytest.mark.parametrize("n_pass", [60, 200])
def test_a_narrow_peak_fills_few_bins(n_pass: int) -> None:
    """Protects: all that independence would add taken off, which held the true JSD in 16 and 43%.

    4 GeV at an edge of 8 bins, of which two or three are filled, over a flat spectrum that fails.
    """
    edges, peak = np.linspace(40, 200, 9), NormalDist(121.3, 4)
    shape = np.diff([peak.cdf(edge) for edge in edges])
    true = float(measured.jensen_shannon(shape, np.ones(8)))
    held = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        mass = np.append(rng.normal(121.3, 4, n_pass), rng.uniform(40, 200, 4000))
        passed = np.arange(len(mass)) < n_pass
        held.append(measured.sculpting(mass, np.ones(len(mass)), passed, edges, 200, seed).true)
    assert 0.55 <= np.mean([one.low <= true <= one.high for one in held]) <= 0.85
    assert np.mean([one.value for one in held]) == pytest.approx(true, abs=0.004)


@pytest.mark.parametrize("bound", [0.1, 0.3, 0.7, 0.97, 0.99])
def test_intervals_hold_the_true_correlation(bound: float) -> None:
    """Protects: all that independence would add taken off, which held none of r = 0.99, half of 0.97.

    Of Gaussian columns dCor² is known (Székely, Rizzo and Bakirov, 2007).
    """

    def of_gaussian(r: float) -> float:
        return float(r * np.arcsin(r) + np.sqrt(1 - r**2) - r * np.arcsin(r / 2) - np.sqrt(4 - r**2) + 1)

    true, held = of_gaussian(bound) / of_gaussian(1.0), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=300)
        y = bound * x + np.sqrt(1 - bound**2) * rng.normal(size=300)
        held.append(measured.distance_correlation(x, y, np.ones(300), seed).true)
    assert 0.5 <= np.mean([one.low <= true <= one.high for one in held]) <= 0.85
    spread = float(np.std([one.value for one in held]) / np.sqrt(60))
    assert np.mean([one.value for one in held]) == pytest.approx(true, abs=4 * spread)


def test_a_column_that_is_the_score_is_known_to_be() -> None:
    """Protects: 0.9965 of an interval of no width where 1 is seen, and is true."""
    x = np.random.default_rng(1).normal(size=1000)
    found = measured.distance_correlation(x, 2 * x + 1, np.ones(1000), 1)
    assert (found.seen, found.true.value) == (pytest.approx(1), pytest.approx(1))
    assert 0 < found.by_chance < 0.01


def test_sculpting_of_a_cut_on_the_mass() -> None:
    """Protects: the definition of ATL-PHYS-PUB-2018-014, what passes beside what fails, not beside all.

    Half of what lies above 120 GeV passes, and nothing below; of what fails 2/3 lie below.
    """
    rng = np.random.default_rng(1)
    mass = rng.uniform(40, 200, 40_000)
    passed = (mass > 120) & (rng.random(40_000) < 0.5)
    found = measured.sculpting(mass, np.ones(40_000), passed, EDGES, 100, 1)
    wanted = (2 / 3 * np.log2(2) + 1 / 3 * np.log2(1 / 2) + np.log2(3 / 2)) / 2
    assert found.true.low < wanted < found.true.high
    assert found.true.low > 100 * found.by_chance
    back = measured.inverse(found.true)
    assert back.low < 1 / wanted < back.high
    assert measured.inverse(found.true.__class__(0.1, 0.0, 0.2)).high == np.inf
    for cut, which in ((0, "passes"), (300, "fails")):
        with pytest.raises(InputError, match=f"background that {which} has no positive sum"):
            measured.sculpting(mass, np.ones(40_000), mass < cut, EDGES, 10, 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_sculpting_of_a_few_rows(sign: int) -> None:
    """Protects: intervals of NaN, since a replica drew none of the rows that pass, or those below 0 alone."""
    rng = np.random.default_rng(2)
    mass, passed = rng.uniform(40, 200, 500), np.arange(500) < 3
    weight = np.where(passed, [2.0, 0.5, 0.5 * sign] + [0.0] * 497, 1.0)
    for seed in range(20):
        found = measured.sculpting(mass, weight, passed, EDGES, 50, seed)
        assert np.isfinite([found.true.low, found.true.high, found.by_chance]).all()
        assert found.true.low <= found.true.value <= found.true.high


def test_rejection() -> None:
    """Of two Gaussians at a distance of 1.5 that of the tail beyond it, at half of the signal."""
    rng = np.random.default_rng(3)
    signal, background = rng.normal(1.5, 1, 100_000), rng.normal(0, 1, 100_000)
    one = np.ones(100_000)
    cut = measured.cut_at(signal, one, background, one, 0.5, level=0.999)
    found = cut.rejection
    assert found.low < 1 / NormalDist().cdf(-1.5) < found.high
    assert found.high / found.low < 1.15


def test_a_rejection_knows_how_few_jets_fix_its_cut() -> None:
    """Protects: intervals of the background's counts alone, which held the rejection in 9% of samples."""
    wanted, one, held = 1 / NormalDist().cdf(-2), (np.ones(200), np.ones(20_000)), 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        signal, background = rng.normal(2, 1, 200), rng.normal(0, 1, 20_000)
        found = measured.cut_at(signal, one[0], background, one[1], 0.5).rejection
        held += found.low <= wanted <= found.high
    assert 0.5 <= held / 60 <= 0.85


def test_a_cut_says_what_the_signal_has_there() -> None:
    """Protects: R50 of a signal that is at 59%, since its scores are rounded; refusals name the signal."""
    rng = np.random.default_rng(1)
    background, one = rng.normal(0, 1, 5000), np.ones(5000)
    score = rng.normal(2, 1, 5000)
    cut = measured.cut_at(np.round(score * 2) / 2, one, background, one, 0.5)
    assert (cut.reached, cut.doubt) == (pytest.approx(0.59, abs=0.02), "ties")
    rounded = [np.round(x * 2) / 2 for x in (score, background)]
    cut = measured.cut_at(rounded[0], one, rounded[1], one, 0.5)
    read = reading(*(Sums(x, one, Bins(x), "x") for x in rounded), 0.5, role="signal")  # R50 of other figures
    assert cut.background == Interval(read.value, read.low, read.high)
    assert cut.background.value < 0.8 * cut.passed.mean()
    cut = measured.cut_at(score, one, background, one, 0.5)
    assert (cut.reached, cut.doubt) == (0.5, "")
    assert measured.cut_at(score[:50], one[:50], background, one, 0.5).doubt == "few"
    untagged = np.where(rng.random(5000) < 0.4, -np.inf, score)
    with pytest.raises(InputError, match=r"at signal efficiency 0\.7: only 0\.\d+ of the signal can pass"):
        measured.cut_at(untagged, one, background, one, 0.7)
    with pytest.raises(InputError, match=r"at signal efficiency 0\.5: 1 signal jets"):
        measured.cut_at(score[:1], one[:1], background, one, 0.5)


def test_a_cut() -> None:
    """What passes is what the rejection counts, with signed weights; nothing that passes is refused."""
    rng = np.random.default_rng(4)
    signal, background = rng.normal(1.5, 1, 500), rng.normal(0, 1, 3000)
    one, weight = np.ones(500), np.where(rng.random(3000) < 0.05, -1.0, 1.0)
    cut = measured.cut_at(signal, one, background, weight, 0.5)
    threshold = np.sort(signal)[250]
    np.testing.assert_array_equal(cut.passed, background >= threshold)
    assert cut.rejection.value == pytest.approx(weight.sum() / weight[cut.passed].sum())
    with pytest.raises(InputError, match=r"at signal efficiency 0\.5: of the background nothing"):
        measured.cut_at(signal, one, background - 50, weight, 0.5)


@pytest.mark.parametrize("n", [5, 64, 150])
def test_distance_correlation(n: int) -> None:
    """The definition, pair by pair, for any number of rows, ties and weights of 0 among them."""
    x, y, weight = drawn(n, 1, 0.1)
    weight[:2] = 1.0, 0.7
    found = measured.squared_distance_correlation(x, y, weight)
    assert found == pytest.approx(slow(x, y, weight), rel=1e-9)
    assert measured.squared_distance_correlation(2 - 3 * y, y, weight) == pytest.approx(1)


def test_distance_correlation_with_its_interval() -> None:
    """Independent columns are where chance puts them; a parabola is far from it."""
    rng = np.random.default_rng(5)
    x, noise, weight = rng.normal(0, 1, 3000), rng.normal(0, 1, 3000), rng.uniform(0.5, 1.5, 3000)
    nothing = measured.distance_correlation(x, noise, weight, 1)
    assert nothing.seen == pytest.approx(nothing.by_chance, abs=1.5 * nothing.by_chance)
    assert nothing.true.low == 0
    bound = measured.distance_correlation(x**2 + noise, x, weight, 1)
    assert bound.true.low > 10 * bound.by_chance
    assert 0.01 < (bound.true.high - bound.true.low) / bound.true.value < 0.5
    with pytest.raises(InputError, match="does not vary"):
        measured.squared_distance_correlation(x, np.ones(3000), weight)


def test_a_threshold_a_bin_flattens() -> None:
    """A score that is nearly the mass passes the same share of other background in each bin."""
    rng = np.random.default_rng(7)
    mass = rng.uniform(40, 200, 40_000)
    score, one = mass / 100 + rng.normal(0, 0.3, 40_000), np.ones(20_000)
    half = slice(0, 20_000), slice(20_000, None)
    flat = measured.flattened(score[half[1]], mass[half[1]], score[half[0]], mass[half[0]], one, EDGES)
    for values, least, most in ((score[half[1]], 0.3, 1.0), (flat, 0.0, 0.005)):
        passed = passes(values, working_point(values, one, 0.1).threshold)
        found = measured.sculpting(mass[half[1]], one, passed, EDGES, 20, 1)
        assert least < found.true.value < most
    below = mass[half[0]] < 190
    with pytest.raises(InputError, match="no background from 190 to 200"):
        measured.flattened(score, mass, score[half[0]][below], mass[half[0]][below], one[below], EDGES)
