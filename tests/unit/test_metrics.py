"""Protects efficiencies, ROC curves, areas and working points, with signed weights and ties."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from jetsmith import metrics
from jetsmith.errors import InputError
from jetsmith.specs.classifiers import DiscriminantSpec

Array = np.ndarray[Any, Any]


@st.composite
def samples(draw: st.DrawFn, signed: bool = False) -> tuple[Array, Array, Array, Array]:
    """Scores with many ties and weights of two classes, of positive sum."""
    found = []
    for _ in range(2):
        n = draw(st.integers(2, 30))
        found.append(draw(arrays(np.float32, n, elements=st.integers(-5, 5).map(float))))
        weight = draw(arrays(np.float64, n, elements=st.sampled_from([0.5, 1.0, 1.5, 3.0])))
        if signed:
            flipped = draw(arrays(np.bool_, n))
            weight = np.where(flipped, -weight, weight)
            weight[0] = abs(weight).sum() + 1
        found.append(weight)
    return found[0], found[1], found[2], found[3]


def slow_auc(signal: Array, signal_weight: Array, background: Array, background_weight: Array) -> float:
    """Twin of `auc`: every pair."""
    total = 0.0
    for s, ws in zip(signal, signal_weight, strict=True):
        for b, wb in zip(background, background_weight, strict=True):
            total += ws * wb * (1.0 if s > b else 0.5 if s == b else 0.0)
    return total / (signal_weight.sum() * background_weight.sum())


def slow_threshold(score: Array, weight: Array, target: float) -> float:
    """Twin of the quantile: every score from the top, until the efficiency reaches the target."""
    for candidate in sorted(set(score.tolist()), reverse=True):
        passing = weight[score >= candidate].sum() / weight.sum()
        if passing >= target * (1 - 1e-12) and passing > 0:
            return float(candidate)
    return float(score.min())


def slow_efficiency(mask: Array, weight: Array) -> tuple[float, float]:
    """Twin of value and effective count of `efficiency`, jet by jet."""
    value = sum(w for m, w in zip(mask, weight, strict=True) if m) / sum(weight)
    value = min(max(value, 0.0), 1.0)
    pairs = list(zip(mask, weight, strict=True))
    variance = sum(w * w * ((1 - value) ** 2 if m else value**2) for m, w in pairs) / sum(weight) ** 2
    kish = sum(weight) ** 2 / sum(w * w for w in weight)
    if value in (0, 1) or variance == 0:
        return value, kish
    return value, min(value * (1 - value) / variance, kish)


@given(samples(signed=True))
def test_auc_is_that_of_all_pairs(sample: tuple[Array, Array, Array, Array]) -> None:
    """Ties count half, weights keep their sign."""
    assert metrics.auc(*sample) == pytest.approx(slow_auc(*sample), abs=1e-12)


@given(samples())
def test_auc_is_sklearns_and_invariant_under_monotone_maps(sample: tuple[Array, Array, Array, Array]) -> None:
    """Same as scikit-learn for positive weights; only the order of the scores counts."""
    s, ws, b, wb = sample
    truth = np.repeat([1, 0], [len(s), len(b)])
    theirs = roc_auc_score(truth, np.concatenate([s, b]), sample_weight=np.concatenate([ws, wb]))
    ours = metrics.auc(s, ws, b, wb)
    assert ours == pytest.approx(theirs, abs=1e-12)
    assert metrics.auc(np.exp(s) + s, ws, np.exp(b) + b, wb) == pytest.approx(ours, abs=1e-12)


@given(samples(signed=True), st.sampled_from([2, 10, 100]))
def test_roc_rises_and_stays_in_its_bands(sample: tuple[Array, Array, Array, Array], n_points: int) -> None:
    """Monotone for any weights, within [0, 1], thresholds falling, intervals around values."""
    roc = metrics.roc_curve(*sample, n_points=n_points)
    assert len(roc.threshold) <= n_points
    assert (np.diff(roc.threshold) < 0).all()
    for value, low, high in (
        (roc.signal_efficiency, roc.signal_low, roc.signal_high),
        (roc.background_efficiency, roc.background_low, roc.background_high),
    ):
        assert (np.diff(value) >= -1e-12).all()
        assert ((low >= 0) & (low <= value) & (value <= high) & (high <= 1)).all()


@given(samples())
def test_roc_points_are_exact(sample: tuple[Array, Array, Array, Array]) -> None:
    """Each point has the efficiencies of its threshold, and lies on scikit-learn's curve."""
    s, ws, b, wb = sample
    roc = metrics.roc_curve(*sample, n_points=40)
    for k, threshold in enumerate(roc.threshold):
        for side, weight, found in ((s, ws, roc.signal_efficiency), (b, wb, roc.background_efficiency)):
            assert found[k] == pytest.approx(weight[side >= threshold].sum() / weight.sum(), abs=1e-12)
    truth = np.repeat([1, 0], [len(s), len(b)])
    fpr, tpr, _ = sklearn_roc_curve(
        truth, np.concatenate([s, b]), sample_weight=np.concatenate([ws, wb]), drop_intermediate=False
    )
    distance = np.abs(fpr[:, None] - roc.background_efficiency) + np.abs(tpr[:, None] - roc.signal_efficiency)
    assert (distance.min(axis=0) < 1e-9).all()


def test_roc_reaches_the_smallest_mistag_smoothly() -> None:
    """From one background jet to all of them, without a gap of more than a step in the bulk."""
    rng = np.random.default_rng(1)
    s, b = rng.normal(1.5, 1, 20_000), rng.normal(0, 1, 20_000)
    roc = metrics.roc_curve(s, np.ones(20_000), b, np.ones(20_000), n_points=400)
    assert roc.background_efficiency[0] == pytest.approx(1 / 20_000)
    assert roc.background_efficiency[-1] == pytest.approx(1.0)
    bulk = roc.background_efficiency[roc.background_efficiency > 0.01]
    assert np.diff(np.log(bulk)).max() < 0.06


@given(samples(signed=True), st.data())
def test_efficiency_is_its_slow_twin(sample: tuple[Array, Array, Array, Array], data: st.DataObject) -> None:
    """Value and effective count, jet by jet; the interval holds the value."""
    _, weight, _, _ = sample
    mask = data.draw(arrays(np.bool_, len(weight)))
    found = metrics.efficiency(mask, weight)
    value, count = slow_efficiency(mask, weight)
    assert (found.value, found.n_effective) == pytest.approx((value, count), rel=1e-6, abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_efficiency_of_unit_weights_is_wilsons() -> None:
    """The textbook interval: 3 of 10 at 95%."""
    found = metrics.efficiency(np.arange(10) < 3, np.ones(10), level=0.95)
    assert found.n_effective == pytest.approx(10)
    assert (found.low, found.high) == pytest.approx((0.10779, 0.60322), abs=2e-5)


def test_one_light_jet_that_passes_does_not_make_a_small_error() -> None:
    """A biased sample: the heavy jets that might have passed keep the upper limit where it was at 0."""
    weight = np.append(np.ones(999), 1e-3)
    none, light = (metrics.efficiency(mask, weight) for mask in (np.arange(1000) < 0, np.arange(1000) == 999))
    assert light.value == pytest.approx(1e-6, rel=2e-3)
    assert light.high >= none.high > 9e-4


def test_efficiency_without_jets_is_nan_in_the_whole_range() -> None:
    """No division by zero, no invented number."""
    found = metrics.efficiency(np.zeros(0, bool), np.zeros(0))
    assert np.isnan(found.value)
    assert (found.low, found.high, found.n_effective) == (0, 1, 0)


def test_interval_covers_with_weights_that_differ_between_passing_and_failing() -> None:
    """68.3% of intervals hold the truth where passing jets are ten times heavier."""
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(600):
        mask = rng.random(800) < 0.05
        weight = np.where(mask, rng.gamma(2, 5, 800), rng.gamma(2, 0.5, 800))
        truth = 0.05 * 10 / (0.05 * 10 + 0.95)
        found = metrics.efficiency(mask, weight)
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) == pytest.approx(0.683, abs=0.06)


def test_effective_count() -> None:
    """Ten unit weights count ten; a negative one takes away from the sum, not from the squares."""
    assert metrics.effective_count(np.ones(10)) == pytest.approx(10)
    assert metrics.effective_count(np.array([1.0, 1, 1, -1])) == pytest.approx(1)
    assert metrics.effective_count(np.zeros(0)) == 0


@settings(max_examples=200)
@given(samples(signed=True), st.sampled_from([0.1, 0.25, 0.5, 0.9]))
def test_working_point_is_its_slow_twin(sample: tuple[Array, Array, Array, Array], target: float) -> None:
    """Exact with ties and negative weights, where the cumulative sum is not monotone."""
    score, weight, _, _ = sample
    if metrics.effective_count(weight) * target < 1:
        with pytest.raises(InputError, match="leave less than one"):
            metrics.working_point(score, weight, target)
        return
    found = metrics.working_point(score, weight, target)
    assert found.threshold == slow_threshold(score, weight, target)
    assert found.threshold_low <= found.threshold <= found.threshold_high


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_working_points_of_many_jets(dtype: str) -> None:
    """The histogram finds the cut of a full sort, and the background efficiency is the target."""
    rng = np.random.default_rng(2)
    score = (1 / (1 + np.exp(-4 * rng.standard_normal(100_000)))).astype(dtype)
    weight = rng.gamma(4, 0.25, 100_000)
    order = np.argsort(-score, kind="stable")
    cumulative = np.cumsum(weight[order]) / weight.sum()
    for point in metrics.working_points(score, weight, [0.1, 0.01, 0.001]):
        assert point.threshold == score[order][np.searchsorted(cumulative, point.target)]
        assert point.background.value == pytest.approx(point.target, abs=2e-5)
        assert point.doubt == ("few" if point.target == 0.001 else "")  # 80 effective ones
        assert point.threshold_low < point.threshold < point.threshold_high


def test_threshold_interval_covers_the_true_quantile() -> None:
    """68.3% of intervals hold the quantile of the uniform distribution."""
    rng = np.random.default_rng(3)
    points = [metrics.working_point(rng.random(2000), np.ones(2000), 0.05) for _ in range(500)]
    covered = np.mean([p.threshold_low <= 0.95 <= p.threshold_high for p in points])
    assert covered == pytest.approx(0.683, abs=0.06)


def test_pulls_of_a_threshold_are_those_of_a_bootstrap() -> None:
    """The slow twin: the threshold found anew from drawn jets; signed weights, jets that were not tagged."""
    rng = np.random.default_rng(13)
    n = 4000
    background = np.where(rng.random(n) < 0.05, -np.inf, rng.normal(size=n))
    weight = np.where(rng.random(n) < 0.1, -1.0, 1.0)
    signal, ones = rng.normal(size=3 * n) + 1.5, np.ones(3 * n)
    cut = metrics.working_point(background, weight, 0.1).threshold
    found = metrics.threshold_pulls(background, weight, cut, [(signal, ones), (signal - 9, ones)])
    drawn = [rng.poisson(1.0, n) for _ in range(400)]
    cuts = [metrics.threshold_at(background, weight * times, 0.1) for times in drawn]
    spread = [np.std([np.mean(score >= one) for one in cuts]) for score in (signal, signal - 9)]
    assert found[0].sum() == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(found[0]) == pytest.approx(spread[0], rel=0.15)
    assert np.linalg.norm(found[1]) == pytest.approx(spread[1], abs=1e-9)  # none of these near the threshold
    drawn_apart = np.array([np.mean(signal >= one) for one in cuts]) - np.mean(signal >= cut)
    told = np.array([found[0] @ (times - 1.0) for times in drawn])
    assert np.corrcoef(drawn_apart, told)[0, 1] > 0.9  # jet by jet, not only as a whole


def test_pulls_of_jets_of_one_score_are_none() -> None:
    """Where the threshold cannot move it moves nothing; without jets there is nothing to say."""
    ones = np.ones(50)
    (found,) = metrics.threshold_pulls(ones, ones, 1.0, [(ones, ones)])
    assert not found.any()
    with pytest.raises(InputError, match="threshold"):
        metrics.threshold_pulls(ones[:0], ones[:0], 1.0, [(ones, ones)])


def test_working_point_says_when_it_is_not_reliable() -> None:
    """Few jets above the threshold, or ties that make the efficiency jump over the target."""
    rng = np.random.default_rng(4)
    assert metrics.working_point(rng.random(500), np.ones(500), 0.01).doubt == "few"
    tied = np.where(np.arange(2000) < 600, 1.0, rng.random(2000))
    point = metrics.working_point(tied, np.ones(2000), 0.1)
    assert point.background.value == pytest.approx(0.3)
    assert point.doubt == "ties"
    for plateau, doubt in ((-1.0, "few"), (1.0, "few, ties")):
        score = np.where(np.arange(500) < 400, plateau, rng.random(500))
        assert metrics.working_point(score, np.ones(500), 0.1).doubt == doubt


def test_auc_interval_is_that_of_drawing_jets() -> None:
    """The binned bootstrap gives the spread of the plain one, for signed weights too."""
    rng = np.random.default_rng(6)
    n = 500
    s, b = rng.normal(0.7, 1, n), rng.normal(0, 1, n)
    ws, wb = (np.where(rng.random(n) < 0.15, -1.0, 1.0) * rng.gamma(4, 0.25, n) for _ in range(2))
    found = metrics.auc_interval(s, ws, b, wb, 2000, 1)
    plain = [metrics.auc(s, ws * rng.poisson(1, n), b, wb * rng.poisson(1, n)) for _ in range(1000)]
    assert found.low < found.value < found.high
    assert (found.high - found.low) / 2 == pytest.approx(np.std(plain), rel=0.12)
    assert metrics.auc_interval(s, ws, b, wb, 50, 1) == metrics.auc_interval(s, ws, b, wb, 50, 1)


def test_auc_interval_covers_one_half() -> None:
    """68.3% of intervals of equal distributions hold 1/2."""
    rng = np.random.default_rng(8)
    covered = []
    for k in range(300):
        s, b = rng.normal(size=(2, 200))
        found = metrics.auc_interval(s, np.ones(200), b, np.ones(200), 200, k)
        covered.append(found.low <= 0.5 <= found.high)
    assert np.mean(covered) == pytest.approx(0.683, abs=0.08)


def test_discriminants() -> None:
    """Both forms, with fractions; zeros stay finite."""
    p = {"b": np.array([0.6, 0.0]), "c": np.array([0.3, 0.0]), "light": np.array([0.1, 0.0])}
    ratio = DiscriminantSpec(signal=("b",), background={"c": 1.0, "light": 1.0})
    assert metrics.discriminant(ratio, p) == pytest.approx([0.6, 0.0])
    log = DiscriminantSpec(signal=("b",), background={"c": 0.018, "light": 0.982}, form="log_ratio")
    assert metrics.discriminant(log, p) == pytest.approx([np.log(0.6 / (0.018 * 0.3 + 0.982 * 0.1)), 0.0])
    with pytest.raises(InputError, match="no probability of light"):
        metrics.discriminant(ratio, {"b": p["b"], "c": p["c"]})


@pytest.mark.parametrize(
    ("score", "weight", "message"),
    [
        ([1.0, np.nan], [1.0, 1.0], "not finite"),
        ([1.0, 2.0], [1.0, -1.0], "do not add up"),
        ([], [], "0 jets"),
        ([1.0], [1.0, 1.0], "1 scores but 2 weights"),
    ],
)
def test_bad_samples_are_refused(score: list[float], weight: list[float], message: str) -> None:
    """Scores that are no numbers, and classes without weight, never give a curve."""
    good = (np.arange(4.0), np.ones(4))
    bad = (np.array(score), np.array(weight))
    for call in (metrics.auc, metrics.roc_curve):
        with pytest.raises(InputError, match=message):
            call(*good, *bad)
    with pytest.raises(InputError, match=message):
        metrics.working_point(*bad, 0.5)


@given(samples(signed=True), st.data())
def test_efficiency_table_is_the_efficiency_of_each_group(
    sample: tuple[Array, Array, Array, Array], data: st.DataObject
) -> None:
    """One pass over all groups and thresholds gives what a mask a group and threshold gives."""
    score, weight, _, _ = sample
    group = data.draw(arrays(np.int64, len(score), elements=st.integers(0, 2)))
    thresholds = np.array([1.0, -2.5, 0.1, 1.0])
    found = metrics.efficiency_table(score, weight, thresholds, group, 4)
    for k in range(4):
        for j, threshold in enumerate(thresholds):
            one = metrics.efficiency((score >= threshold)[group == k], weight[group == k])
            here = [x[k, j] for x in (found.value, found.low, found.high, found.n_effective)]
            want = [one.value, one.low, one.high, one.n_effective]
            assert here == pytest.approx(want, rel=1e-6, abs=1e-9, nan_ok=True)


@st.composite
def tied_to_the_score(draw: st.DrawFn) -> tuple[Array, Array, Array, Array]:
    """Signed weights whose sign follows the score, as a generator's may: negative more often at high ones."""
    found = []
    for _ in range(2):
        n = draw(st.integers(5, 40))
        score = draw(arrays(np.float32, n, elements=st.integers(-4, 4).map(float)))
        size = draw(arrays(np.float64, n, elements=st.sampled_from([0.5, 1.0, 2.0])))
        chance = draw(arrays(np.int64, n, elements=st.integers(0, 9)))
        weight = np.where(chance < score + 4, -size, size)
        lowest = int(np.argmin(score))
        weight[lowest] = 1 + abs(weight).sum()
        if draw(st.booleans()):
            score[draw(st.integers(0, n - 1))] = -np.inf
        found += [score, weight]
    return found[0], found[1], found[2], found[3]


def slow_monotone(score: Array, weight: Array) -> dict[float, float]:
    """Twin of the efficiencies of a curve: by each score the mean of the running maximum and minimum."""
    cuts = sorted(set(score.tolist()), reverse=True)
    plain = [sum(w for s, w in zip(score, weight, strict=True) if s >= cut) / sum(weight) for cut in cuts]
    found = {}
    for k, cut in enumerate(cuts):
        above, below = max([0.0, *plain[: k + 1]]), min(plain[k:])
        found[cut] = (min(max(above, 0), 1) + min(max(below, 0), 1)) / 2
    return found


def at(found: dict[float, float], threshold: float) -> float:
    """Efficiency of the lowest score that passes; 0 where none does."""
    passing = [cut for cut in found if cut >= threshold]
    return found[min(passing)] if passing else 0.0


@settings(max_examples=200)
@given(tied_to_the_score())
def test_roc_of_signed_weights_is_its_slow_twin(sample: tuple[Array, Array, Array, Array]) -> None:
    """Values, not shapes: a curve of |w|, or one of the running maximum alone, is another curve."""
    s, ws, b, wb = sample
    signal, background = slow_monotone(s, ws), slow_monotone(b, wb)
    roc = metrics.roc_curve(*sample, n_points=60)
    for k, threshold in enumerate(roc.threshold):
        assert roc.signal_efficiency[k] == pytest.approx(at(signal, threshold), abs=1e-12)
        assert roc.background_efficiency[k] == pytest.approx(at(background, threshold), abs=1e-12)


def test_negative_weights_cancel_in_curves_and_points() -> None:
    """A third of the jets above the cut is negative: 0.0208 of the background passes, not 0.06 as of |w|."""
    score = np.linspace(0, 1, 1000, endpoint=False)
    weight = np.where((np.arange(1000) >= 940) & (np.arange(1000) % 3 == 0), -1.0, 1.0)
    total = weight.sum()
    above = score >= 0.94
    wanted = weight[above].sum() / total
    assert wanted == pytest.approx(20 / 960)
    roc = metrics.roc_curve(score, np.ones(1000), score, weight, n_points=2000)
    nearest = int(np.argmin(abs(roc.threshold - 0.94)))
    assert roc.threshold[nearest] == pytest.approx(0.94, abs=2e-3)
    assert roc.background_efficiency[nearest] == pytest.approx(wanted, abs=2e-3)
    found = metrics.efficiency(metrics.passes(score, 0.94), weight)
    assert found.value == pytest.approx(wanted)
    assert metrics.efficiency_table(score, weight, np.array([0.94])).value.tolist() == [[found.value]]


@settings(max_examples=200)
@given(tied_to_the_score(), st.sampled_from([0.1, 0.25, 0.5, 0.9]))
def test_working_points_with_jets_that_were_not_tagged(
    sample: tuple[Array, Array, Array, Array], target: float
) -> None:
    """-inf counts in the denominator and passes nothing; a target out of reach is refused with the reach."""
    score, weight, _, _ = sample
    reached = [
        cut
        for cut in sorted(set(score[score > -np.inf].tolist()), reverse=True)
        if weight[score >= cut].sum() >= target * weight.sum() * (1 - 1e-12)
    ]
    if metrics.effective_count(weight) * target < 1:
        return
    if not reached:
        with pytest.raises(InputError, match=r"only .* of the background can pass a threshold"):
            metrics.working_point(score, weight, target)
        return
    point = metrics.working_point(score, weight, target)
    assert point.threshold == reached[0]
    assert -np.inf < point.threshold_low <= point.threshold <= point.threshold_high


@pytest.mark.parametrize(("target", "n"), [(0.99, 2), (0.5, 2), (0.3, 4), (0.1, 10), (1e-5, 100_000)])
def test_so_many_jets_are_enough(target: float, n: int) -> None:
    """Protects: `1 jets leave less than one above it; it needs 1 at least`. What is said to do does."""
    for count in {1, n - 1}:
        score = np.arange(count, dtype=np.float64)
        with pytest.raises(InputError, match=f"{count} background jets .*it needs {n} at least"):
            metrics.working_point(score, np.ones(count), target)
    metrics.working_point(np.arange(n, dtype=np.float64), np.ones(n), target)


def test_the_fault_of_the_dropped_jets() -> None:
    """A quarter not tagged: the threshold of 10% is that of 13.3% of the tagged ones; 80% is out of reach."""
    score = np.append(np.arange(750.0), np.full(250, -np.inf)).astype(np.float32)
    point = metrics.working_point(score, np.ones(1000), 0.1)
    assert point.threshold == 650
    assert point.background.value == 0.1
    with pytest.raises(InputError, match=r"efficiency 0\.8: only 0\.75 of the background can pass"):
        metrics.working_point(score, np.ones(1000), 0.8)
    assert metrics.auc(score, np.ones(1000), score, np.ones(1000)) == pytest.approx(0.5)
    with pytest.raises(InputError, match="only 0 of the background"):
        metrics.working_point(np.full(50, -np.inf), np.ones(50), 0.5)


def test_denormal_scores_have_working_points() -> None:
    """Scores that differ by denormals alone: the search is in float64, and no bin is NaN."""
    score = (np.arange(1000) * np.finfo(np.float32).smallest_subnormal).astype(np.float32)
    assert metrics.working_point(score, np.ones(1000), 0.1).threshold == score[900]


@pytest.mark.parametrize(
    ("n", "asked", "doubt"), [(10_000, {}, ""), (9_999, {}, "few"), (999, {"min_passing": 9}, "")]
)
def test_a_hundred_jets_above_are_enough(n: int, asked: dict[str, float], doubt: str) -> None:
    """The verdict at its limit: 100 effective jets are enough, fewer only where asked for."""
    assert metrics.working_point(np.arange(float(n)), np.ones(n), 0.01, **asked).doubt == doubt


@pytest.mark.parametrize("n", [10, 49, 1000])
def test_one_jet_above_is_enough_for_a_point(n: int) -> None:
    """One jet of n at 1/n defines a point, whatever the last bit of n * (1/n); one jet less does not."""
    assert metrics.working_point(np.arange(float(n)), np.ones(n), 1 / n).threshold == n - 1
    with pytest.raises(InputError, match=f"needs {n} at least"):
        metrics.working_point(np.arange(n - 1.0), np.ones(n - 1), 1 / n)


def test_efficiency_table_of_one_group_and_one_threshold() -> None:
    """No groups, one threshold, signed weights: the value by hand."""
    score, weight = np.array([0.1, 0.5, 0.9], np.float32), np.array([2.0, -0.5, 1.0])
    found = metrics.efficiency_table(score, weight, np.array([0.5]))
    assert found.value.tolist() == [[0.2]]
    grouped = metrics.efficiency_table(score, weight, np.array([0.5]), np.zeros(3, int), 1)
    np.testing.assert_array_equal([*vars(grouped).values()], [*vars(found).values()])


def test_replicas_without_jets_make_an_interval_wide() -> None:
    """One jet against one: a third of the replicas draw no signal; the area may then be anything."""
    found = metrics.auc_interval(np.array([1.0]), np.ones(1), np.array([0.0]), np.ones(1), 500, 1)
    assert found == metrics.Interval(1, 0, 1)


def test_probabilities_that_are_no_numbers_have_no_discriminant() -> None:
    """NaN stays NaN in both forms: the ratio must not say 0 of a jet without a score."""
    p = {"b": np.array([np.nan, 0.2]), "c": np.array([0.1, 0.3])}
    for form in ("ratio", "log_ratio"):
        found = metrics.discriminant(DiscriminantSpec(signal=("b",), background={"c": 1.0}, form=form), p)
        assert np.isnan(found).tolist() == [True, False]


def test_the_mean_of_both_monotone_curves_is_cut_to_the_unit_interval() -> None:
    """Sums of 2, -1/2 of the total and back, by hand: each running end is cut before the mean is taken."""
    score = np.array([3.0, 2.0, 1.0, 0.0])
    four = np.ones(4)
    roc = metrics.roc_curve(score, np.array([4.0, -3.0, -2.0, 3.0]), score, four, n_points=50)
    assert roc.threshold.tolist() == [3, 2, 1, 0]
    # From above: 2, 0.5, -0.5, 1 of the total; maxima 2, 2, 2, 2, minima -0.5, -0.5, -0.5, 1.
    assert roc.signal_efficiency == pytest.approx([0.5, 0.5, 0.5, 1])
    roc = metrics.roc_curve(score, np.array([-1.0, 4.0, -2.0, 1.0]), score, four, n_points=50)
    # -0.5, 1.5, 0.5, 1; maxima 0 (of no jets), 1.5, 1.5, 1.5, minima -0.5, 0.5, 0.5, 1.
    assert roc.signal_efficiency == pytest.approx([0, 0.75, 0.75, 1])


def test_a_curve_ends_where_less_than_one_effective_background_jet_is_left() -> None:
    """One jet is enough, of any weight; a pair that nearly cancels is not."""
    score = np.array([2.0, 1.0, 0.0])
    pair = metrics.roc_curve(score, np.ones(3), score, np.array([1.0, -0.5, 5.0]), n_points=50)
    assert pair.threshold.tolist() == [2, 0]
    ones = metrics.roc_curve(score, np.ones(3), score, np.array([0.1, 0.7, 0.3]), n_points=50)
    assert ones.threshold.tolist() == [2, 1, 0]


def test_points_of_a_curve_lie_where_they_should() -> None:
    """Three quarters at equal steps of the log of the mistag, a quarter at equal steps of efficiency."""
    n = 1000
    signal, background = np.arange(n) / n + 0.5 / n, np.arange(n) / n
    roc = metrics.roc_curve(signal, np.ones(n), background, np.ones(n), n_points=40)
    mistags, efficiencies = 10 ** np.linspace(-3, 0, 30), np.linspace(0.1, 1, 10)
    wanted = [background[n - int(np.ceil(e * n - 1e-6))] for e in mistags]
    wanted += [signal[n - int(np.ceil(e * n - 1e-6))] for e in efficiencies]
    assert roc.threshold.tolist() == sorted(set(wanted), reverse=True)


def test_ends_of_an_area_are_the_quantiles_of_its_replicas() -> None:
    """The interval of a level is inside that of a larger one, on both sides, about as a Gaussian's is."""
    rng = np.random.default_rng(13)
    s, b, ones = rng.normal(0.5, 1, 400), rng.normal(0, 1, 400), np.ones(400)
    one = metrics.auc_interval(s, ones, b, ones, 2000, 1)
    two = metrics.auc_interval(s, ones, b, ones, 2000, 1, level=0.954)
    assert (one.value - two.low) / (one.value - one.low) == pytest.approx(2, abs=0.2)
    assert (two.high - one.value) / (one.high - one.value) == pytest.approx(2, abs=0.2)
    assert (one.high - one.value) / (one.value - one.low) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("seed", range(30))
def test_working_points_of_jets_that_share_a_bin(seed: int) -> None:
    """Signed weights of close scores, a few bins of the search hold them all: the point is inside a bin."""
    rng = np.random.default_rng(seed)
    score = np.append(rng.integers(0, 3, 60) / 2 + 1e-7 * rng.integers(0, 20, 60), [0.0, 1.0])
    weight = np.append(rng.choice([-1.0, 1.0, 2.0], 60, p=[0.35, 0.45, 0.2]), [60.0, 1.0])
    for target in (0.1, 0.2, 0.4):
        if metrics.effective_count(weight) * target >= 1:
            found = metrics.working_point(score, weight, target)
            assert found.threshold == slow_threshold(score, weight, target)


@pytest.mark.parametrize(("n_tied", "doubt"), [(127, ""), (130, "ties")])
def test_ties_may_push_the_efficiency_three_errors_up(n_tied: int, doubt: str) -> None:
    """1000 jets at a target of 0.1: the error is 0.0095, so that the limit is 0.1285."""
    score = np.where(np.arange(1000) < n_tied, 2000.0, np.arange(1000))
    point = metrics.working_point(score, np.ones(1000), 0.1)
    assert point.background.value == pytest.approx(n_tied / 1000)
    assert point.doubt == doubt


def test_the_interval_of_a_threshold_by_hand() -> None:
    """Targets 0.1 ± 0.0095 of a thousand different scores; at the reach of the tagged ones it ends there."""
    point = metrics.working_point(np.arange(1000.0), np.ones(1000), 0.1)
    assert (point.threshold_low, point.threshold, point.threshold_high) == (890, 900, 909)
    assert (point.target, point.n_passing) == (0.1, pytest.approx(100))
    score = np.append(np.arange(750.0) + 7, np.full(250, -np.inf))
    assert metrics.working_point(score, np.ones(1000), 0.745).threshold_low == 7


def test_a_log_ratio_without_signal_by_value() -> None:
    """1e-10 in both terms of the logarithm."""
    spec = DiscriminantSpec(signal=("b",), background={"c": 1.0}, form="log_ratio")
    found = metrics.discriminant(spec, {"b": np.array([0.0, 1.0]), "c": np.array([1.0, 0.0])})
    np.testing.assert_allclose(found, [-10 * np.log(10), 10 * np.log(10)], rtol=1e-9)


@pytest.mark.parametrize(("score", "weight"), [(np.inf, 1.0), (0.5, np.inf), (0.5, np.nan)])
def test_infinite_scores_and_weights_are_refused(score: float, weight: float) -> None:
    """+inf is no score, -inf is one."""
    for call in (metrics.working_point, lambda s, w, _: metrics.auc(s, w, s, w)):
        with pytest.raises(InputError, match="not finite"):
            call(np.array([0.1, score]), np.array([1.0, weight]), 0.5)


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_the_unit_of_weights_does_not_matter(scale: float) -> None:
    """Generator weights are cross-sections in any unit: each number is that of the weights as they are."""
    rng = np.random.default_rng(17)
    s, b = rng.normal(0.5, 1, 60), rng.normal(0, 1, 60)
    ws, wb = (rng.choice([-1.0, 1, 2], 60, p=[0.1, 0.6, 0.3]) for _ in range(2))
    here, there = (s, ws, b, wb), (s, scale * ws, b, scale * wb)
    assert metrics.auc(*there) == metrics.auc(*here)
    areas = [vars(metrics.auc_interval(*given, 50, 1)) for given in (there, here)]
    assert areas[0] == pytest.approx(areas[1], abs=1e-12)
    for one, other in zip(
        vars(metrics.roc_curve(*there)).values(), vars(metrics.roc_curve(*here)).values(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert metrics.working_point(b, scale * wb, 0.2) == metrics.working_point(b, wb, 0.2)
    assert metrics.efficiency(b > 0, scale * wb) == metrics.efficiency(b > 0, wb)
    assert metrics.effective_count(scale * wb) == metrics.effective_count(wb)
