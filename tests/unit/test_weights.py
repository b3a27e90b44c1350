"""Protects the weights of a reweighter: calibration, normalisation, errors, by value and against twins."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io, members, ratios
from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.halves import halves_error
from jetsmith.hashing import SPLITS
from jetsmith.reweighting.calibration import binned, fit_calibration, straight
from jetsmith.reweighting.scores import ReweighterScores, read_scores
from jetsmith.reweighting.summary import summarise
from jetsmith.reweighting.weights import event_weights, write_weights
from jetsmith.specs.classifiers import Members
from jetsmith.specs.ratios import RatioSpec
from jetsmith.spread import members_error
from tests.unit.test_reweighting import DATASETS, SPEC

Array = np.ndarray[Any, Any]
PLATT = RatioSpec()


def scores(
    logit: Array, target: Array, weight: Array, each: Array | None = None, members: Members = "halves"
) -> ReweighterScores:
    """Events 0, 1, … of one dataset of each generator."""
    n = len(logit)
    key = {"run": np.ones(n, int), "luminosity_block": np.ones(n, int), "event": np.arange(n)}
    split = np.full(n, SPLITS.index("calibration"), np.int8)
    logits = logit[None] if each is None else logit + each
    return ReweighterScores(
        key,
        target.astype(int),
        split,
        np.zeros(n, int),
        weight,
        logits,
        target,
        *np.zeros((2, n), bool),
        np.ones(n),
        members,
    )


def weights_of(found: ReweighterScores, ratio: RatioSpec = PLATT, bins: Array | None = None) -> Any:
    """All weights by a calibration that changes nothing."""
    bins = np.zeros(len(found.weight), int) if bins is None else bins
    return event_weights(found, [straight(1, 0, "none", (1, 1))], ratio, bins)


def test_calibration_is_scikit_learns_for_positive_weights() -> None:
    """Slope and intercept of an unregularised logistic regression with levelled classes."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    truth = rng.random(3000) < 0.3
    x, weight = rng.normal(truth * 1.5, 1), rng.gamma(4, 0.25, 3000)
    ours = fit_calibration(x, truth, weight, PLATT).record()
    levelled = weight / np.where(truth, weight[truth].sum(), weight[~truth].sum()) * 1500
    theirs = LogisticRegression(C=1e9, tol=1e-10).fit(x[:, None], truth, sample_weight=levelled)
    assert ours["slope"] == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
    assert ours["intercept"] == pytest.approx(theirs.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("method", ["platt", "isotonic", "histogram"])
def test_calibrations_find_a_known_ratio(method: str) -> None:
    """Log-odds that are off by a straight line, a tenth of the weights below 0: each method undoes it."""
    rng = np.random.default_rng(4)
    truth = rng.random(60_000) < 0.5
    x = rng.normal(np.where(truth, 0.5, -0.5), 1)  # log ratio x
    weight = np.where(rng.random(len(x)) < 0.1, -1.0, 1.0)
    found = fit_calibration((x - 0.3) / 1.4, truth, weight, RatioSpec(calibration=method))  # type: ignore[arg-type]
    middle = np.linspace(-1.5, 1.5, 7)
    np.testing.assert_allclose(found.log_ratio((middle - 0.3) / 1.4), middle, atol=0.15)
    assert found.slope == pytest.approx(1.4, abs=0.05)
    assert found.method == method


def test_no_calibration_takes_the_odds_as_they_are() -> None:
    """Also where the calibration split would say something else."""
    found = fit_calibration(
        np.array([3.0, 3, 3, 3]), np.arange(4) < 1, np.ones(4), RatioSpec(calibration="none")
    )
    assert found.log_ratio(np.array([-2.0, 3])).tolist() == [-2, 3]


def test_an_isotonic_calibration_rises_and_ends_flat() -> None:
    """A ratio that falls in between is levelled; beyond the knots it stays."""
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 1, 20_000)
    truth = rng.random(20_000) < np.where(x < 0.5, 0.5, 0.45)
    found = fit_calibration(x, truth, np.ones(20_000), RatioSpec(calibration="isotonic"))
    assert (np.diff(found.value) >= 0).all()
    assert found.log_ratio(np.array([-9.0, 9])).tolist() == [found.value[0], found.value[-1]]
    other = fit_calibration(x, truth, np.ones(20_000), RatioSpec(calibration="histogram"))
    assert (np.diff(other.value) < 0).any()


def test_too_few_events_for_bins_are_refused() -> None:
    """Bins whose weights cancel join others, until one is left."""
    truth = np.arange(60) % 2 == 0
    with pytest.raises(InputError, match="too few events for a calibration in 20 bins"):
        fit_calibration(
            np.arange(60.0),
            truth,
            np.where(np.arange(60) % 4 < 2, 1.0, -0.9),
            RatioSpec(calibration="histogram"),
        )


def test_a_classifier_that_learned_nothing_gives_weights_of_one() -> None:
    """A constant output is legal."""
    truth = np.arange(1000) < 300
    found = scores(np.full(1000, 0.3), truth, np.ones(1000))
    weights = event_weights(found, found.calibrate(PLATT), PLATT, np.zeros(1000, int))
    assert weights.weight == pytest.approx(np.ones(1000))
    assert weights.ratio == pytest.approx(np.ones(1000))


def test_each_fold_is_calibrated_on_the_others() -> None:
    """By value: a fold whose scores are off by 3 has no say in its own calibration, and half in another's."""
    rng = np.random.default_rng(8)
    n = 9000
    truth, fold = np.arange(n) % 2 == 1, np.arange(n) // 2 % 3
    x = rng.normal(np.where(truth, 0.5, -0.5), 1)
    found = dataclasses.replace(scores(x + 3.0 * (fold == 0), truth, np.ones(n)), fold=fold)
    values = [by.log_ratio(np.zeros(1))[0] for by in found.calibrate(PLATT)]
    assert values[0] == pytest.approx(0, abs=0.1)
    assert max(values[1:]) < -0.3
    weights = event_weights(found, found.calibrate(PLATT), PLATT, np.zeros(n, int))
    np.testing.assert_allclose(np.log(weights.ratio[fold == 0]), (x + 3)[fold == 0], atol=0.6)


def test_calibration_needs_both_classes() -> None:
    """An empty class is named."""
    with pytest.raises(InputError, match="no target events"):
        fit_calibration(np.zeros(10), np.zeros(10, bool), np.ones(10), PLATT)


def test_signed_weights_fix_the_ratio_by_value() -> None:
    """A constant classifier of a source whose negative events lie where the ratio is large: by hand."""
    logit = np.array([1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0])
    truth = np.array([False, False, False, False, False, True, True])
    weight = np.array([1.0, 1.0, -1.0, 2.0, 1.0, 1.0, 1.0])
    found = fit_calibration(logit, truth, weight, PLATT)
    # Signed shares at logit ±1: source 1/4 and 3/4, target 1/2 and 1/2, so that the ratios are 2 and 2/3.
    np.testing.assert_allclose(np.exp(found.log_ratio(np.array([1.0, -1.0]))), [2, 2 / 3], rtol=1e-6)
    assert summarise(np.ones(2), np.array([-1.0, 1.0]), np.zeros(2, bool))["normalisation"] is None


@given(st.integers(0, 2**32 - 1))
def test_every_bin_has_weight_of_both_classes(seed: int) -> None:
    """Whatever weights below 0 do, also behind the last bin; all events are in one."""
    rng = np.random.default_rng(seed)
    n = 60
    truth, x = rng.random(n) < 0.5, rng.normal(size=n)
    weight = np.where(rng.random(n) < 0.4, -1.0, 1.0)
    for kind in (True, False):
        weight[truth == kind] += max(0.0, 0.1 - weight[truth == kind].mean())
    at, target, source = binned(x, truth, weight, 20, 0.0)
    assert len(at) >= 1
    assert (target > 0).all()
    assert (source > 0).all()
    assert target.sum() == pytest.approx(weight[truth].sum())
    assert source.sum() == pytest.approx(weight[~truth].sum())


def test_a_region_of_negative_weight_does_not_run_away() -> None:
    """Where the source has more below 0 than above, the loss has no lower bound; the slope stays finite."""
    rng = np.random.default_rng(9)
    truth = np.arange(8000) % 2 == 0
    x = rng.normal(np.where(truth, 0.4, -0.4), 1)
    weight = np.where(~truth & (x > 1.6), -0.5, 1.0)
    found = fit_calibration(x, truth, weight, PLATT).record()
    assert 0.5 < found["slope"] < 2


def test_a_calibration_tells_its_effective_counts() -> None:
    """Of the source and of the target, from signed weights."""
    logit = np.array([1.0, -1, 1, -1, 1, -1])
    truth = np.array([True, True, False, False, False, False])
    found = fit_calibration(logit, truth, np.array([1.0, 1, 2, 2, 2, -1]), PLATT)
    assert (found.n_source, found.n_target) == (pytest.approx(25 / 13), pytest.approx(2))


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_the_unit_of_generator_weights_does_not_matter(scale: float) -> None:
    """The calibration is that of the weights as they are."""
    rng = np.random.default_rng(18)
    truth, x = rng.random(300) < 0.4, rng.normal(size=300)
    generator = rng.choice([-1.0, 1, 2], 300, p=[0.1, 0.6, 0.3])
    one, other = (fit_calibration(x, truth, by * generator, PLATT) for by in (1.0, scale))
    assert other.value == pytest.approx(one.value)
    assert other.n_target == pytest.approx(one.n_target)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_sum_of_the_source_is_conserved_in_each_bin(seed: int, n_bins: int) -> None:
    """To rounding, over all events, with weights below 0 and events outside, which keep weight 1."""
    rng = np.random.default_rng(seed)
    n = 400
    target, bins = rng.random(n) < 0.3, rng.integers(0, n_bins, n)
    generator = rng.choice([-1.0, 2.0], n, p=[0.1, 0.9])
    logit = np.where(rng.random(n) < 0.05, np.inf, rng.normal(size=n))
    found = scores(logit, target, generator, rng.normal(0, 0.1, (4, n)))
    weights = weights_of(found, bins=bins)
    for values in (weights.weight, *weights.each):
        for k in range(n_bins):
            at = ~target & (bins == k)
            assert generator[at] @ values[at] == pytest.approx(generator[at].sum(), rel=1e-9)
    assert (weights.weight[target] == 1).all()
    assert (weights.outside == np.isinf(logit)).all()
    assert (weights.weight[weights.outside] == 1).all()
    alone = weights_of(scores(logit, target, generator), bins=bins)
    for values in (alone.up, alone.down):
        np.testing.assert_array_equal(values, alone.weight)


@pytest.mark.parametrize("method", ["platt", "isotonic", "histogram", "none"])
@pytest.mark.parametrize("n_bins", [20, 100])
def test_every_event_has_an_error_of_the_size_of_its_members(method: str, n_bins: int) -> None:
    """Pieces of a curve are flat or steep by chance, and errors are not: none is 0, none many times more."""
    rng = np.random.default_rng(0)
    truth = rng.random(20_000) < 0.5
    x = rng.normal(np.where(truth, 0.25, -0.25), 1)
    logits = np.array([0.5 * x + 0.15 * rng.normal() + 0.1 * rng.normal() * x for _ in range(6)])
    ratio = RatioSpec(calibration=method, calibration_bins=n_bins)  # type: ignore[arg-type]
    found = fit_calibration(logits.mean(axis=0), truth, np.ones(len(x)), ratio)
    error = ratios.log_ratios(logits, found, "halves").error()
    # A straight line by scikit-learn, whose slope carries the members' spread into log ratios.
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(C=1e9, tol=1e-10).fit(logits.mean(axis=0)[:, None], truth)
    slope = 1.0 if method == "none" else line.coef_[0, 0]
    assert 0.8 < slope < 1.3
    rows = rng.integers(0, len(x), 200)
    expected = [slow_error([slope * logit for logit in logits[:, k]]) for k in rows]
    np.testing.assert_allclose(error[rows], expected, rtol=3e-3)
    assert error.min() > 0


def slow_error(values: Sequence[float]) -> float:
    """Of six members in three pairs: `halves_error`, a number at a time, and Student's of three."""
    pairs = [(values[k], values[k + 1]) for k in (0, 2, 4)]
    within = sum((a - b) ** 2 for a, b in pairs) / 3 / 4
    means = [(a + b) / 2 for a, b in pairs]
    middle = sum(means) / 3
    between = sum((mean - middle) ** 2 for mean in means) / 2
    return float(np.sqrt(max(within - 2 / 3 * between, within / 3)) * 1.1978039)


@pytest.mark.parametrize("kind", ["tilt", "offset and tilt", "curved"])
def test_up_and_down_are_how_the_normalised_members_differ(kind: str) -> None:
    """Event by event against a loop; members that differ coherently leave no event of average error without.

    What a member's normalisation takes away is no error: an offset of its own changes nothing.
    """
    rng = np.random.default_rng(12)
    n = 4000
    x, bins = rng.normal(size=n), rng.integers(0, 2, n)
    a, b, c = (size * rng.normal(size=(6, 1)) for size in (0.2, 0.1, 0.05))
    moved = b * x + (a if kind != "tilt" else 0) + (c * (x**2 - 1) if kind == "curved" else 0)
    logit, nothing = 0.5 * x, np.zeros(n, bool)
    found = weights_of(scores(logit, nothing, np.ones(n), moved), bins=bins)
    mean = logit + moved.mean(axis=0)
    members = []
    for of in logit + moved:
        ratio = np.exp(of)
        members.append(ratio / np.array([ratio[bins == k].mean() for k in (0, 1)])[bins])
    weight = np.exp(mean) / np.array([np.exp(mean)[bins == k].mean() for k in (0, 1)])[bins]
    np.testing.assert_allclose(found.weight, weight, rtol=1e-9)
    for event in range(0, n, 40):
        right = slow_error([np.log(of[event] / weight[event]) for of in members])
        assert np.log(found.up[event] / weight[event]) == pytest.approx(right, rel=1e-6)
        assert np.log(found.down[event] / weight[event]) == pytest.approx(-right, rel=1e-6)
    assert (found.up > found.weight).all()
    assert (found.down < found.weight).all()
    more = weights_of(scores(logit, nothing, np.ones(n), moved + rng.normal(0, 0.3, (6, 1))), bins=bins)
    np.testing.assert_allclose(more.up / more.weight, found.up / found.weight, rtol=1e-9)


def test_up_and_down_cover_the_truth_of_an_event() -> None:
    """Replicas of coherent tilts around the truth: 68.3% of true normalised weights lie between."""
    rng = np.random.default_rng(13)
    n, n_members, inside = 400, 20, []
    x, nothing = rng.normal(size=n), np.zeros(n, bool)
    truth = np.exp(0.5 * x) / np.exp(0.5 * x).mean()
    for _ in range(400):
        own = rng.normal(size=2) + rng.normal(size=(n_members, 2))  # a sample, and replicas of it
        each = 0.1 * (own[:, :1] + own[:, 1:] * x)
        found = weights_of(scores(0.5 * x, nothing, np.ones(n), each, "bootstrap"))
        inside.append(((found.down < truth) & (truth < found.up)).mean())
    assert np.mean(inside) == pytest.approx(0.683, abs=0.06)


def test_bundles_conserve_the_sum_that_folds_conserve() -> None:
    """New events and all folds by factors of one fold an event; logs would not."""
    rng = np.random.default_rng(11)
    n, n_folds, line = 200_000, 5, straight(1, 0, "none", (1, 1))
    errors = rng.normal(0, 0.6, (n_folds, 6, 4))  # of fold and member, in four regions

    def of_folds(region: Array) -> list[ratios.LogRatios]:
        logits = 0.2 * region + errors[:, :, region]
        return [ratios.log_ratios(each, line, "halves") for each in logits]

    seen, new = rng.integers(0, 4, (2, n))
    own, each = rng.integers(0, n_folds, n), of_folds(seen)
    counted = np.choose(own, [fold.ratio for fold in each])
    factor = np.full(n, 1 / counted.mean())
    mean, outside = ratios.mean_of_folds(of_folds(new))
    weight = ratios.weights(mean, factor, outside).nominal
    error = np.hypot(weight.std(), counted.std() / counted.mean()) / np.sqrt(n)
    assert abs(weight.mean() - 1) < 5 * error
    logs = np.exp(np.mean([fold.value for fold in of_folds(new)], axis=0)) * factor
    assert logs.mean() < 0.99


def test_sums_are_not_conserved_where_nobody_asks() -> None:
    """Then the weight is the ratio."""
    logit = np.array([0.0, 1.0, 2.0, 0.5])
    weights = weights_of(scores(logit, np.arange(4) > 2, np.ones(4)), RatioSpec(conserve=False))
    np.testing.assert_allclose(weights.weight, [*np.exp(logit[:3]), 1])
    np.testing.assert_allclose(weights.ratio, np.exp(logit))


def test_a_bin_whose_weights_cancel_is_refused() -> None:
    """No factor conserves a sum of 0."""
    found = scores(np.zeros(4), np.zeros(4, bool), np.array([1.0, 1, 1, -1]))
    with pytest.raises(InputError, match="take wider bins"):
        weights_of(found, bins=np.array([0, 0, 1, 1]))


def test_log_odds_are_cut_at_twenty() -> None:
    """Of the classifier and of the calibrated ratio, by value; 20 itself is not cut, what is has weight 1."""
    found = scores(np.array([25.0, -20, 12, 10.5, 0, -9.5]), np.zeros(6, bool), np.ones(6))
    weights = event_weights(
        found, [straight(2, -1, "platt", (1, 1))], RatioSpec(conserve=False), np.zeros(6, int)
    )
    np.testing.assert_allclose(weights.ratio, np.exp([20.0, -20, 20, 20, -1, -20]))
    assert weights.outside.tolist() == [True, True, True, False, False, False]
    assert weights.weight[:3].tolist() == [1, 1, 1]
    plain = weights_of(scores(np.array([20.0, -20.0, 20.1]), np.zeros(3, bool), np.ones(3)))
    assert plain.outside.tolist() == [False, False, True]


def test_the_error_of_halves_is_that_of_a_mean() -> None:
    """Means of numbers: the interval holds the truth in 68.3% of 4,000 tries, whatever the seeds add."""
    rng = np.random.default_rng(6)
    n, pairs, tries = 200, 5, 4000
    for noise in (0.0, 0.1):
        data = rng.normal(size=(n, tries))
        values = np.empty((2 * pairs, tries))
        for k in range(pairs):
            half = rng.permutation(n) < n // 2
            values[2 * k], values[2 * k + 1] = data[half].mean(0), data[~half].mean(0)
        values += rng.normal(0, noise, values.shape)
        covered = (np.abs(values.mean(0)) < halves_error(values)).mean()
        # Pairs share the data: with no noise of their own they are less than so many degrees of freedom.
        assert covered == pytest.approx(0.683, abs=0.05)


def test_the_error_of_halves_by_hand() -> None:
    """Two pairs; the twin of the formula, with Student's quantile of two degrees of freedom."""
    a, b, c, d = 1.0, 1.4, 0.9, 1.7
    within = ((a - b) ** 2 + (c - d) ** 2) / 2 / 4
    mean = [(a + b) / 2, (c + d) / 2]
    between = (mean[0] - mean[1]) ** 2 / 2
    expected = np.sqrt(within - between / 2) * 1.3213
    assert halves_error(np.array([a, b, c, d])) == pytest.approx(expected, rel=1e-3)
    assert halves_error(np.ones((4, 3))).tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", get_args(Members))
def test_members_make_up_and_down_and_weights_of_their_own(tmp_path: Path, kind: Members) -> None:
    """From score files: log ratios are averaged, and the error is that of `members_error`."""
    rng = np.random.default_rng(7)
    n = 400
    truth = np.arange(n) % 2 == 1
    middle = rng.normal(np.where(truth, 0.4, -0.4), 1, n)
    each = middle + rng.normal(0, 0.2, (4, n))
    table: dict[str, Any] = {
        "run": np.ones(n, "u4"),
        "luminosity_block": np.ones(n, "u4"),
        "event": np.arange(n).astype("u8"),
    }
    table |= {
        "dataset": np.where(truth, 2, 0).astype("i4"),
        "split": (np.arange(n) // 2 % 4).astype("i1"),
        "weight": np.ones(n),
        "scored": np.ones(n, bool),
    }
    for k, logit in enumerate(each):
        p = 1 / (1 + np.exp(-logit))
        table |= {members.column(k, "power_shower"): (1 - p), members.column(k, "dipole_shower"): p}
    io.write_rows(tmp_path / "scores.parquet", ak.zip(table, depth_limit=1))
    ratio = RatioSpec(calibration="none", conserve=False)
    spec = SPEC.model_copy(update={"members": kind})
    write_weights(
        spec, tmp_path / "scores.parquet", DATASETS, "old", tmp_path / "old.parquet", ratio=ratio, n_members=4
    )
    rows = io.read_rows(tmp_path / "old.parquet")
    source = ~truth
    log = np.log(ak.to_numpy(rows["weight"]))
    np.testing.assert_allclose(log, each.mean(0)[source], atol=1e-6)
    np.testing.assert_allclose(
        np.log(ak.to_numpy(rows["weight_up"])) - log, members_error(each, kind)[source], atol=1e-6
    )
    np.testing.assert_allclose(
        log - np.log(ak.to_numpy(rows["weight_down"])), members_error(each, kind)[source], atol=1e-6
    )
    for k in range(4):
        np.testing.assert_allclose(np.log(ak.to_numpy(rows[f"weight_member{k}"])), each[k][source], atol=1e-5)


def test_scores_and_weights_by_value(tmp_path: Path) -> None:
    """Rows of other generators are left out; weights are in order of run, block and event together."""
    run, block = np.array([2, 1, 1, 2, 1, 1]), np.array([1, 3, 2, 1, 2, 9])
    event, dataset = np.array([1, 2, 9, 0, 3, 0]), np.array([0, 0, 0, 0, 0, 1])
    extra = np.arange(40)
    table = {
        "run": np.append(run, np.full(40, 5)).astype("u4"),
        "luminosity_block": np.append(block, np.ones(40)).astype("u4"),
        "event": np.append(event, extra).astype("u8"),
        "dataset": np.append(dataset, np.where(extra % 2, 2, 0)).astype("i4"),
        "split": np.append([3, 3, 0, 1, 2, 2], np.full(40, 2)).astype("i1"),
        "weight": np.append(np.arange(1.0, 7), np.ones(40)),
        "scored": np.ones(46, bool),
    }
    p = np.append(np.full(6, 0.2), np.where(extra % 4 < 2, 0.25, 0.75)).astype("f4")
    table |= {"p_power_shower": (1 - p).astype("f4"), "p_dipole_shower": p}
    path = tmp_path / "scores.parquet"
    io.write_rows(path, ak.zip(table, depth_limit=1))
    found = read_scores(SPEC, path, DATASETS)
    kept = table["dataset"] != 1
    assert found.target_mask.tolist() == (table["dataset"][kept] == 2).tolist()
    assert found.weight.tolist() == table["weight"][kept].tolist()
    np.testing.assert_allclose(found.logit, np.log(p[kept] / (1 - p[kept])), rtol=1e-5)
    outputs = tmp_path / "old.parquet", tmp_path / "old.json"
    write_weights(SPEC, path, DATASETS, "old", *outputs)
    rows = io.read_rows(outputs[0])
    keys = list(zip(*(ak.to_list(rows[name]) for name in EVENT_KEY), strict=True))
    assert keys == sorted(keys)
    assert keys[:5] == [(1, 2, 3), (1, 2, 9), (1, 3, 2), (2, 1, 0), (2, 1, 1)]
    assert ak.to_list(rows["weight_generator"][:5]) == [5, 3, 2, 4, 1]
    splits = json.loads(outputs[1].read_text())["splits"]
    counts = [splits[name]["n_events"] for name in SPLITS]
    assert counts == [np.sum((table["dataset"] == 0) & (table["split"] == k)) for k in range(4)]
    for name, values in (("weight", [np.nan]), ("p_dipole_shower", [np.nan])):
        spoilt = {**table, name: np.append(table[name][:-1], values).astype(table[name].dtype)}
        io.write_rows(path, ak.zip(spoilt, depth_limit=1))
        with pytest.raises(InputError, match=r"are no(t| n)"):
            read_scores(SPEC, path, DATASETS)


def test_summary_by_hand() -> None:
    """Each number of three weights, one of them not reweightable; none of no events."""
    weight, generator = np.array([0.5, 2.0, 1.0]), np.array([1.0, 2.0, -1.0])
    found = summarise(weight, generator, np.array([False, True, False]))
    after, before = 3.5**2 / (0.25 + 16 + 1), 2**2 / 6
    assert found == {
        "n_events": 3,
        "n_outside": 1,
        "fraction_outside": pytest.approx(1 / 3),
        "largest_weight": 2.0,
        "mean_weight": pytest.approx(3.5 / 3),
        "normalisation": pytest.approx(3.5 / 2),
        "n_effective": pytest.approx(after),
        "n_effective_fraction": pytest.approx(after / before),
    }
    none = summarise(np.zeros(0), np.zeros(0), np.zeros(0, bool))
    assert {name for name, value in none.items() if value is None} == {
        "fraction_outside", "largest_weight", "mean_weight", "normalisation", "n_effective_fraction",
    }  # fmt: skip
