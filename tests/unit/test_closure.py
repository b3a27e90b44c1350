"""Protects the closure test: right weights pass, wrong ones fail for the reason that is theirs.

Where the events cannot tell, it says so: "not conclusive" is not "passed".
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from scipy import stats

from jetsmith import io
from jetsmith.classifiers import Labelled, Task, xgboost
from jetsmith.errors import InputError
from jetsmith.handed.closure import Area, CalibrationBin, Closure, Gate, worst
from jetsmith.metrics import Interval, auc
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.reweighting import gates
from jetsmith.reweighting.closure import closure_of
from jetsmith.reweighting.curve import Calibrated, calibration_curve
from jetsmith.reweighting.events import HeldOut, match_rows
from jetsmith.reweighting.histograms import (
    chi2,
    chi2_edges,
    compare_features,
    spectrum,
    spectrum_edges,
    weight_error,
)
from jetsmith.reweighting.interpolation import interpolation_of
from jetsmith.reweighting.separation import separation, thinned_curve
from jetsmith.specs.classifiers import Members
from jetsmith.specs.features import Inputs
from jetsmith.specs.run import GatesSpec
from jetsmith.verdict import verdict
from tests import gaussians

Array = np.ndarray[Any, Any]
SETTINGS = GatesSpec(bootstraps=50)
BEFORE = Area(0.7, 0.69, 0.71)


def held_out_of(features: Array, target_mask: Array, generator: Array, weight: Array) -> HeldOut:
    """Events from arrays, as if these had been packed; the ratio is the weight, 1 for the target."""
    names = tuple("abcdefgh"[: features.shape[1]])
    packed = arrays.Packed(
        groups={"event": arrays.FlatGroup(features.astype("f4"), names)},
        label=np.zeros(len(features), "i4"),
        weight=generator,
        columns={},
        datasets=("source", "target"),
        generators=("source", "target"),
    )
    inputs = Inputs(group="event", kind="flat", length=0, features=names, sources=names)
    nobody = np.zeros(len(features), bool)
    return HeldOut(
        gaussians.SPEC,
        Rows.select([inputs], [packed]),
        target_mask,
        generator,
        np.where(target_mask, 1.0, weight),
        weight,
        np.zeros((len(features), 0)),
        nobody,
        np.zeros((len(features), 0), np.float32),
        np.zeros(len(features), np.int64),
    )


def status_of(found: Closure) -> dict[str, str]:
    """By gate."""
    return {gate.name: gate.status for gate in found.gates}


def test_right_weights_pass() -> None:
    """Signed ones, whose truth is known, on 40,000 events."""
    found = closure_of(gaussians.right(np.random.default_rng(1), 40_000), SETTINGS, 3)
    assert set(status_of(found).values()) == {"passed"}, found.gates
    assert found.status == "passed"


@pytest.mark.parametrize("name", gaussians.WRONG)
def test_wrong_weights_fail_for_their_reason(name: str) -> None:
    """Each kind on 40,000 events, by the gate that is named beside it."""
    gate, make = gaussians.WRONG[name]
    found = closure_of(make(np.random.default_rng(2), 40_000), SETTINGS, 1)
    assert status_of(found)[gate] == "failed"
    assert found.status == "failed"


@pytest.mark.parametrize("name", gaussians.WRONG)
def test_wrong_weights_never_pass_on_few_events(name: str) -> None:
    """On 4,000 events they fail, or it is said that these are too few."""
    found = closure_of(gaussians.WRONG[name][1](np.random.default_rng(3), 4000), SETTINGS, 1)
    assert found.status != "passed"


def test_too_few_events_are_counted() -> None:
    """Halves are drawn at random: the message says which number is too small."""
    words = (
        r"\d+ source and \d+ target events .* a random half has \d of one of both, and needs 10; take more"
    )
    with pytest.raises(InputError, match=words):
        closure_of(gaussians.right(np.random.default_rng(3), 16), SETTINGS, 1)


def test_the_interval_covers() -> None:
    """The area of right weights lies in its interval of 68% so often; benchmark `closure` measures it."""
    covers = []
    for k in range(40):
        events = gaussians.right(np.random.default_rng([9, k]), 1000, signed=k % 2 == 0)
        found = separation(events, events.generator * events.weight, 100, [k])
        assert found is not None
        covers.append(found.low <= 0.5 <= found.high)
    low, high = stats.binom.interval(0.998, len(covers), 0.683)
    assert low <= sum(covers) <= high


@pytest.mark.parametrize(
    ("value", "sigma", "status"),
    [
        (0.5, 0.0099, "passed"),
        (0.5199, 0.0099, "passed"),
        (0.5201, 0.01, "not conclusive"),  # its end lies beyond, and right weights do that
        (0.5301, 0.01, "failed"),
        (0.5, 0.0101, "not conclusive"),
        (0.5, 0.1, "not conclusive"),
        (0.79, 0.1, "not conclusive"),
        (0.81, 0.1, "failed"),
        (0.4971, 0.001, "passed"),
        (0.4969, 0.001, "failed"),  # significantly below one half, within the tolerance or not
        (0.44, 0.2, "not conclusive"),
    ],
)
def test_the_whole_interval_decides(value: float, sigma: float, status: str) -> None:
    """Passed within the tolerance and precise; failed where right weights would hardly ever lie."""
    area = Area(value, value - sigma, value + sigma)
    for found in (
        gates.separation_gate(BEFORE, area, SETTINGS),
        gates.swapped_gate(BEFORE, area, SETTINGS),
    ):
        assert found.status == status, found.why
        assert found.values["auc"] == value


def test_alike_before_is_not_conclusive() -> None:
    """What cannot be told apart before weighting says nothing about the weights; a failure stays one."""
    area, bad, learned_nothing = Area(0.5, 0.495, 0.505), Area(0.55, 0.545, 0.555), Area(0.5, 0.5, 0.5)
    for gate in (gates.separation_gate, gates.swapped_gate):
        found = gate(Area(0.535, 0.53, 0.54), area, SETTINGS)
        assert found.status == "not conclusive"
        assert "alike" in found.why
        assert gate(Area(0.535, 0.5301, 0.54), area, SETTINGS).status == "passed"
        assert gate(Area(0.5, 0.49, 0.51), bad, SETTINGS).status == "failed"
        assert gate(BEFORE, learned_nothing, SETTINGS).status == "not conclusive"


def test_weights_that_cancel_after_weighting() -> None:
    """No area: the weighted source fails, the inverse ratio is not conclusive."""
    assert gates.separation_gate(BEFORE, None, SETTINGS).status == "failed"
    assert gates.swapped_gate(BEFORE, None, SETTINGS).status == "not conclusive"


def test_a_failure_with_roles_swapped_says_what_the_target_lacks() -> None:
    """Protects: where the target has next to no events no inverse weight helps, which is nobody's mistake."""
    n, rng = 2000, np.random.default_rng(5)
    ratio = np.concatenate([np.where(np.arange(n) < 60, 0.001, 1.0), np.where(np.arange(n) < 9, 0.001, 1.0)])
    both = of_weights(np.ones(n))
    events = dataclasses.replace(both, ratio=rng.permuted(ratio.reshape(2, n), axis=1).ravel())
    bad, good = Area(0.55, 0.545, 0.555), Area(0.5, 0.495, 0.505)
    lacks = "3.0% of the source lies at ratios below which the target has fewer than 10 effective events"
    assert lacks in gates.swapped_gate(BEFORE, bad, SETTINGS, events).why
    assert "lies at ratios" not in gates.swapped_gate(BEFORE, good, SETTINGS, events).why
    assert "; 0.0% of the source" in gates.swapped_gate(BEFORE, bad, SETTINGS, both).why


def of_weights(weight: Array, generator: Array | None = None) -> HeldOut:
    """A source of these weights, and as many target events of ratio 1."""
    n = len(weight)
    plain = np.ones(n) if generator is None else generator
    target = np.arange(2 * n) >= n
    return held_out_of(
        np.zeros((2 * n, 1)), target, np.append(plain, np.ones(n)), np.append(weight, np.ones(n))
    )


def test_support_by_hand() -> None:
    """Effective events, the largest share, the target beyond the source, events outside."""
    even = gates.support_gate(of_weights(np.ones(200)), SETTINGS)
    assert even.status == "passed"
    assert even.values["n_effective"] == pytest.approx(200)
    assert even.values["largest_share"] == pytest.approx(1 / 200)
    heavy = gates.support_gate(of_weights(np.append(np.ones(999), 60.0)), SETTINGS)
    assert heavy.status == "failed"
    assert heavy.values["largest_share"] == pytest.approx(60 / 1059)
    assert heavy.why == "one event has 6% of the sum of weights"
    few = gates.support_gate(of_weights(np.append(np.ones(999), 600.0)), SETTINGS)
    assert few.status == "failed"
    assert few.why.startswith("the weighted source is worth 7 events (1,000 before)")
    assert gates.support_gate(of_weights(np.ones(99)), SETTINGS).status == "not conclusive"


def test_target_beyond_the_source() -> None:
    """Ten effective source events have ratios of 3 and more; 150 of 1,000 target events have 4."""
    events = of_weights(np.append(np.ones(990), np.full(10, 3.0)))
    ratio = events.ratio.copy()
    ratio[1000:1150] = 4
    found = gates.support_gate(dataclasses.replace(events, ratio=ratio), SETTINGS)
    assert found.values["uncovered"] == pytest.approx(0.15)
    assert found.status == "failed"
    ratio[1100:1150] = 3
    found = gates.support_gate(dataclasses.replace(events, ratio=ratio), SETTINGS)
    assert (found.status, found.values["uncovered"]) == ("passed", pytest.approx(0.1))
    ratio[1100] = 4
    assert gates.support_gate(dataclasses.replace(events, ratio=ratio), SETTINGS).status == "not conclusive"
    nowhere = dataclasses.replace(of_weights(np.ones(1000)), outside=np.ones(2000, bool))
    assert gates.support_gate(nowhere, SETTINGS).status == "failed"
    assert gates.calibration_gate(calibration_curve(nowhere), SETTINGS).status == "not conclusive"
    outside = np.arange(2000) < 201
    found = gates.support_gate(dataclasses.replace(of_weights(np.ones(1000)), outside=outside), SETTINGS)
    assert found.status == "failed"
    assert "outside the region of validity" in found.why


def test_the_sum() -> None:
    """To 1e-6 over all events where it was asked for; within three errors on those held out."""
    events = dataclasses.replace(of_weights(np.tile([0.5, 1.5], 100)), conserved={"weight": 1.0})
    assert gates.sum_gate(events).status == "passed"
    for conserved, status in (
        (1 + 9e-7, "passed"),
        (1 + 2e-6, "failed"),
        (0.979, "failed"),
        (np.nan, "failed"),
    ):
        for sums in ({"weight": conserved}, {"weight": 1.0, "weight_up": conserved}):
            assert gates.sum_gate(dataclasses.replace(events, conserved=sums)).status == status
    spread = 0.5 / np.sqrt(200)  # of a mean of 200 weights, each 0.5 from it
    for off, status in ((2.5, "passed"), (3.5, "failed")):
        shifted = dataclasses.replace(events, weight=events.weight + off * spread)
        assert gates.sum_gate(shifted).status == status
    few = dataclasses.replace(of_weights(np.append(np.full(100, 0.2), 80.0)), conserved={"weight": 1.0})
    assert gates.sum_gate(few).status == "not conclusive"


def test_a_sum_that_nobody_promised_is_not_judged() -> None:
    """Right weights of a shift, of events behind a cut: their sum is 1.08, shown, and no verdict."""
    x = np.abs(np.random.default_rng(3).normal(size=100_000))
    events = of_weights(np.exp(0.1 * x - 0.005))
    found = gates.sum_gate(dataclasses.replace(events, conserved=None))
    assert found.status == "not judged"
    assert found.values["held_out"] == pytest.approx(1.08, abs=0.01)
    assert "is not judged: that of the held-out source is 1.0" in found.why
    assert worst((found, Gate("separation", "passed", {}, {}, ""))) == "passed"
    assert gates.sum_gate(dataclasses.replace(events, conserved={"weight": 1.0})).status == "failed"


def test_fractions_by_hand() -> None:
    """Two ratios, levelled classes, signed weights: predicted and observed fractions of the target."""
    ratio = np.array([0.5, 0.5, 0.5, 2, 2] * 2)
    target = np.arange(10) >= 5
    generator = np.array([1, 1, 1, 3, -1, 2, 2, -1, 1, 1.0])  # source 3 and 2 of 5, target 3 and 2 of 5
    events = dataclasses.replace(held_out_of(np.zeros((10, 1)), target, generator, np.ones(10)), ratio=ratio)
    first, second = calibration_curve(events).bins
    assert (first.predicted, second.predicted) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (first.observed, second.observed) == (pytest.approx(0.5), pytest.approx(0.5))
    assert (first.content, second.content) == (pytest.approx(0.6), pytest.approx(0.4))


def fractions(*apart: float, error: float, chi2: float) -> Calibrated:
    """Bins of equal content in which the target has so much more than the ratio says."""
    bins = (CalibrationBin(1, 2, 1 / len(apart), 0.5, 0.5 + a, error) for a in apart)
    return Calibrated(tuple(bins), chi2, len(apart))


@pytest.mark.parametrize(
    ("apart", "error", "chi2", "status"),
    [
        (0.029, 0.02, 4.0, "passed"),
        (0.038, 0.02, 7.2, "not conclusive"),  # beyond the tolerance, and no three standard deviations
        (0.038, 0.01, 28.0, "failed"),
        (0.029, 0.001, 900.0, "passed"),  # significant, and it does not matter
        (0.01, 0.031, 0.2, "not conclusive"),
    ],
)
def test_fractions_beyond_the_tolerance_never_pass(
    apart: float, error: float, chi2: float, status: str
) -> None:
    """Known or not: what differs by more than is tolerated fails, or more events have to tell."""
    settings = SETTINGS.model_copy(update={"tolerance": 0.03})
    found = gates.calibration_gate(fractions(apart, -apart, error=error, chi2=chi2), settings)
    assert found.status == status, found.why
    assert (found.status == "passed") <= (found.values["deviation"] <= 0.03)


@pytest.mark.parametrize("signed", [True, False])
def test_chi2_of_fractions_is_one(signed: bool) -> None:
    """Of right ratios, whose bins are correlated by the levelling."""
    found = []
    for k in range(100):
        toy = gaussians.draw(np.random.default_rng(k), 4000, signed)
        found.append(calibration_curve(gaussians.events_of(toy, toy.ratio)))
    assert {curve.n_dof for curve in found} == {10}
    assert np.mean([curve.chi2 for curve in found]) == pytest.approx(10, abs=3 * np.sqrt(20 / 100) + 0.5)
    pulls = [(b.observed - b.predicted) / b.error for curve in found for b in curve.bins]
    assert np.std(pulls) == pytest.approx(1, abs=0.1)


def of_spectra(*pairs: tuple[float, float]) -> list[dict[str, Any]]:
    """chi2 before and after of features with ten degrees of freedom."""
    return [
        {"feature": f"f{k}", "chi2_before": a, "chi2_after": b, "n_dof": 10} for k, (a, b) in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ([(10, 10), (200, 20)], "passed"),
        ([(10, 10), (200, 31)], "failed"),  # above the limit of 3
        ([(10, 29.5)], "failed"),  # below it, and worse than before
        ([(20, 29.5)], "passed"),  # not significantly worse
        ([(10, 29.5)] * 60, "passed"),  # of many features one may look so
    ],
)
def test_spectra_after_weighting(pairs: list[tuple[float, float]], status: str) -> None:
    """Below the limit and not worse than before, as far as chance is no reason."""
    events = of_weights(np.ones(1000))
    assert gates.spectra_gate(events, of_spectra(*pairs), SETTINGS).status == status


def test_spectra_of_few_events_are_not_conclusive() -> None:
    """A chi-square needs ten effective events a bin, whatever it is."""
    found = gates.spectra_gate(of_weights(np.ones(109)), of_spectra((10, 99)), SETTINGS)
    assert found.status == "not conclusive"
    assert gates.spectra_gate(of_weights(np.ones(110)), of_spectra((10, 99)), SETTINGS).status == "failed"


def test_the_worst_gate_decides() -> None:
    """Failed before not conclusive before passed."""
    made = {s: Gate("sum", s, {}, {}, "") for s in ("passed", "not conclusive", "failed")}
    assert worst((made["passed"], made["passed"])) == "passed"
    assert worst((made["passed"], made["not conclusive"])) == "not conclusive"
    assert worst((made["not conclusive"], made["failed"], made["passed"])) == "failed"


def test_the_verdict_stops_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gate that failed ends it with its reason; one that is not conclusive is said aloud."""
    paths = []
    for name, status in (("good", "passed"), ("poor", "not conclusive"), ("bad", "failed")):
        found = tuple(Gate(gate, "passed", {}, {}, "fine") for gate in ("support", "sum"))
        found = (*found, Gate("separation", status, {}, {}, f"reason of {name}"))  # type: ignore[arg-type]
        test = Closure(name, "s", ("a", "b"), 1, worst(found), found, BEFORE, None, None, 1, 1, (), ())
        paths.append(tmp_path / f"{name}.json")
        io.write_record(paths[-1], test)
    output = tmp_path / "verdict.json"
    with pytest.raises(InputError, match="bad: separation: reason of bad") as stopped:
        verdict(paths, False, "page.html", output)
    assert "page.html shows it" in str(stopped.value)
    assert "reason of good" not in str(stopped.value)
    assert not output.exists()
    assert "poor: separation: reason of poor" in capsys.readouterr().err
    verdict(paths, True, "page.html", output)
    assert io.read_json(output) == {"good": "passed", "poor": "not conclusive", "bad": "failed"}
    assert "FAILED, and allowed to:\n  bad: separation: reason of bad" in capsys.readouterr().err
    verdict(paths[:2], False, "page.html", output)
    assert "NOT CONCLUSIVE" in capsys.readouterr().err
    verdict(paths[:1], False, "page.html", output, ["theirs"])
    assert io.read_json(output) == {"good": "passed", "theirs": "not tested"}
    assert "NOT TESTED, for lack of a dataset of the target:\n  theirs" in capsys.readouterr().err


def learned_by(monkeypatch: pytest.MonkeyPatch) -> list[Labelled]:
    """What the judge's trees will have learned from, a training after the other."""
    seen: list[Labelled] = []
    plain = xgboost.fit

    def spy(task: Task) -> Any:
        assert task.validation is task.train  # nothing else has a say in when they stop
        seen.append(task.train)
        return plain(task)

    monkeypatch.setattr(xgboost, "fit", spy)
    return seen


def test_the_judge_sees_negative_events_as_the_other_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trees see the class, turned where a weight is negative; both classes weigh the same."""
    seen = learned_by(monkeypatch)
    rng = np.random.default_rng(10)
    n = 400
    truth = rng.random(n) < 0.3
    weight = np.where(rng.random(n) < 0.2, -2.0, 1.0)
    weight[truth] = np.abs(weight[truth])
    events = held_out_of(rng.normal(size=(n, 1)), truth, weight, np.ones(n))
    separation(events, weight, 5, [1])
    judged = np.random.default_rng([1, 0]).random(n) < 0.5
    level = {kind: weight[truth == kind].sum() for kind in (True, False)}
    (learned,) = seen
    for k, row in enumerate(np.flatnonzero(~judged)):
        assert learned.target[k] == (bool(truth[row]) != (weight[row] < 0))
        assert learned.weight[k] == pytest.approx(abs(weight[row]) / level[bool(truth[row])] * (~truth).sum())
    seen.clear()
    separation(events, np.abs(weight), 5, [1])
    np.testing.assert_array_equal(seen[0].target, truth[~judged])


def test_one_half_learns_and_the_other_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, after and swapped share the halves; areas are of the judged half with its signed weights."""
    rng = np.random.default_rng(14)
    n = 400
    truth, x = rng.random(n) < 0.5, np.arange(float(n))[:, None]
    judged = np.random.default_rng([3, 0]).random(n) < 0.5
    trained = learned_by(monkeypatch)
    asked: list[tuple[Any, ...]] = []

    def area(*given: Any) -> Interval:
        asked.append(given)
        return Interval(0.6, 0.5, 0.8)

    monkeypatch.setattr(sys.modules["jetsmith.reweighting.separation"], "auc_interval", area)
    generator, weight = rng.permutation(n) + 1.0, rng.random(n) + 0.5
    events = dataclasses.replace(held_out_of(x, truth, generator, weight), ratio=weight + 1)
    found = closure_of(events, SETTINGS, 3)
    for shown in (found.auc_before, found.auc_after, found.auc_swapped):
        assert shown is not None
        assert (shown.value, shown.low, shown.high) == (0.6, 0.5, 0.8)
    inverse = np.where(truth, generator / (weight + 1), generator)
    for learned, given, used in zip(trained, asked, (generator, generator * weight, inverse), strict=True):
        assert learned.rows.matrix(slice(None))[:, 0].tolist() == np.flatnonzero(~judged).tolist()
        assert given[1].tolist() == used[judged & truth].tolist()
        assert given[3].tolist() == used[judged & ~truth].tolist()
        assert (len(given[0]), len(given[2]), given[4]) == (len(given[1]), len(given[3]), 50)
        assert given[5] == asked[0][5]


@pytest.mark.parametrize("signed", [True, False])
def test_the_curve_has_the_area(signed: bool) -> None:
    """It rises from 0 to 1, with 200 points at most; its area is that of the trees, signed weights or not."""
    rng = np.random.default_rng(21)
    target, source = rng.normal(0.5, 1, 20_000), rng.normal(0, 1, 20_000)
    weights = [np.where(rng.random(20_000) < 0.15 * signed, -1.0, 1.0) for _ in range(2)]
    curve = thinned_curve(target, weights[0], source, weights[1])
    assert len(curve) <= 200
    assert (curve[0], curve[-1]) == (0, 1)
    assert (np.diff(curve) >= 0).all()
    area = auc(target, weights[0], source, weights[1])
    assert np.trapezoid(curve, dx=1 / (len(curve) - 1)) == pytest.approx(area, abs=0.002)
    swapped = thinned_curve(source, weights[1], target, weights[0])
    assert np.trapezoid(swapped, dx=1 / (len(curve) - 1)) == pytest.approx(1 - area, abs=0.002)


def test_the_curve_by_hand() -> None:
    """Three of four target events lie above the source, one at half of it; no effective event, no curve."""
    target, source = np.array([5.0, 6, 7, 2.5]), np.array([1.0, 2, 3, 4])
    curve = np.array(thinned_curve(target, np.ones(4), source, np.ones(4)))
    assert curve[[0, 25, 49]] == pytest.approx([0, 0.75, 0.75])
    assert curve[[50, 75, 100]] == pytest.approx([1, 1, 1])
    assert thinned_curve(target, np.ones(4), source, np.array([1.0, 1, 1, -2])) == ()


def test_curves_of_folds_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each false-positive rate; where a fold has none there is none."""
    events = gaussians.right(np.random.default_rng(22), 2000)
    events = dataclasses.replace(events, fold=np.arange(2000) % 2)
    curves = iter([(0.0, 0.4, 1.0), (0.0, 0.7, 1.0), (0.0, 0.4, 1.0), ()])
    monkeypatch.setattr(
        sys.modules["jetsmith.reweighting.separation"], "thinned_curve", lambda *given: next(curves)
    )
    for expected in ((0.0, 0.55, 1.0), ()):
        found = separation(events, events.generator, 5, [1])
        assert found is not None
        assert found.curve == pytest.approx(expected)


@pytest.mark.parametrize(("n", "enough"), [(10, True), (9, False)])
def test_ten_events_of_each_class_in_each_half_are_enough(n: int, enough: bool) -> None:
    """The limit of the message that says so, whichever of the four is short."""
    half = np.random.default_rng([1, 0]).random(60) < 0.5
    for short in (half, ~half):
        for kind in (True, False):
            rows = np.flatnonzero(short)
            truth = np.full(60, not kind)
            truth[rows[:n]] = kind
            other = np.flatnonzero(~short)
            truth[other[: len(other) // 2]] = kind
            assert min((truth[other] == side).sum() for side in (True, False)) >= 10
            events = held_out_of(np.zeros((60, 1)), truth, np.ones(60), np.ones(60))
            if enough:
                found = separation(events, np.ones(60), 5, [1])
                assert found is not None
                assert found.value == pytest.approx(0.5)
            else:
                with pytest.raises(InputError, match="a random half has"):
                    separation(events, np.ones(60), 5, [1])


@pytest.mark.parametrize("kind", [True, False])
def test_generator_weights_that_cancel_stop_the_closure(kind: bool) -> None:
    """Source or target of no positive sum: a message, not an error of XGBoost or NaN."""
    rng = np.random.default_rng(11)
    truth = np.arange(200) % 2 == 0
    for weight in (0.0, -1.0):
        weights = np.where(truth == kind, weight, 1.0)
        events = held_out_of(rng.normal(size=(200, 1)), truth, weights, np.ones(200))
        with pytest.raises(InputError, match="do not add up to more than 0 in each half"):
            closure_of(events, SETTINGS, 1)
    with pytest.raises(InputError, match="a spectrum of 2 events whose weights add up to 0"):
        spectrum(np.zeros(2), np.array([1.0, -1]), np.array([0.0, 1]))


def test_one_heavy_event_widens_the_interval() -> None:
    """An event that outweighs all others gives numbers, and no gate that passed by them."""
    rng = np.random.default_rng(12)
    truth = np.arange(4000) % 2 == 0
    weight = np.where(np.arange(4000) == 1, 1e9, 1.0)
    found = closure_of(held_out_of(rng.normal(size=(4000, 1)), truth, np.ones(4000), weight), SETTINGS, 1)
    assert found.auc_after is not None
    assert np.isfinite([found.auc_after.value, found.auc_after.low, found.auc_after.high]).all()
    assert status_of(found)["support"] == "failed"
    assert status_of(found)["separation"] != "passed"


@pytest.mark.parametrize(("what", "value"), [("weight", np.nan), ("ratio", np.inf), ("ratio", 0.0)])
def test_numbers_that_are_none_are_refused(what: str, value: float) -> None:
    """Never a silent pass."""
    events = gaussians.right(np.random.default_rng(1), 100)
    spoilt = np.where(np.arange(100) == 60, value, getattr(events, what))
    with pytest.raises(InputError, match=r"not finite|not positive"):
        closure_of(dataclasses.replace(events, **{what: spoilt}), SETTINGS, 1)


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_the_unit_of_generator_weights_does_not_matter(scale: float) -> None:
    """Closure is that of the weights as they are."""
    events = gaussians.right(np.random.default_rng(18), 1000)
    one, other = (
        closure_of(dataclasses.replace(events, generator=g), SETTINGS, 1)
        for g in (events.generator, scale * events.generator)
    )
    assert other.auc_after == one.auc_after
    assert status_of(other) == status_of(one)
    for a, b in zip(one.gates, other.gates, strict=True):
        assert b.values == pytest.approx(a.values)


def test_spectra() -> None:
    """Normalised with outliers in the end bins; variances are sums of squares; chi2 by hand."""
    values, weight = np.array([-9.0, 0.5, 1.5, 99.0]), np.array([1.0, 1, -1, 3])
    content, variance = spectrum(values, weight, np.array([0.0, 1, 2]))
    assert content.tolist() == [0.5, 0.5]
    assert variance.tolist() == [2 / 16, 10 / 16]
    variances = np.array([0.1, 0.1])
    assert chi2(np.array([0.5, 0.5]), variances, np.array([0.7, 0.3]), variances) == (pytest.approx(0.4), 1)
    assert spectrum_edges(np.array([1.0, 2, 2, 4])).tolist() == [0.5, 1.5, 3.0, 5.0]
    assert spectrum_edges(np.array([3.0, 3.0])).tolist() == [2.5, 3.5]


def test_chi2_is_one_for_equal_densities() -> None:
    """Mean chi2/ndf of many features is 1, with negative weights too."""
    rng = np.random.default_rng(6)
    n = 4000
    generator = np.where(rng.random(n) < 0.2, -1.0, 1.0)
    features = rng.normal(size=(n, 30))
    found = compare_features(
        features,
        [f"f{k}" for k in range(30)],
        rng.random(n) < 0.5,
        generator,
        np.ones(n),
        np.zeros((n, 0)),
        "halves",
    )
    assert np.mean([h["chi2_after"] / h["n_dof"] for h in found]) == pytest.approx(1, abs=0.15)
    for h in found:
        assert sum(h["target"]) == pytest.approx(1)
        assert len(h["edges"]) == len(h["source_variance"]) + 1


def test_spectra_by_hand() -> None:
    """Source, target and reweighted of one feature, with signed weights; an outlier lies in the end bin."""
    x = np.array([0.0, 0, 1, 1, 1, 0])[:, None]
    target = np.array([False, False, False, False, True, True])
    generator, weight = np.array([1.0, 2, 2, -1, 3, 1]), np.array([2.0, 1, 3, 1, 9, 9])
    (found,) = compare_features(x, ("x",), target, generator, weight, np.zeros((6, 0)), "halves")
    assert found["weight_error"] == []
    assert found["edges"] == [-0.5, 0.5, 1.5]
    assert found["source"] == pytest.approx([3 / 4, 1 / 4])
    assert found["source_variance"] == pytest.approx([5 / 16, 5 / 16])
    assert found["target"] == pytest.approx([1 / 4, 3 / 4])
    assert found["target_variance"] == pytest.approx([1 / 16, 9 / 16])
    assert found["reweighted"] == pytest.approx([4 / 9, 5 / 9])
    assert found["reweighted_variance"] == pytest.approx([8 / 81, 37 / 81])


def test_the_error_of_the_weights_by_hand() -> None:
    """Of two pairs of halves, each member normalised for itself; signed weights; statistical errors stay."""
    x = np.array([0.0, 1, 1, 0, 1])[:, None]
    target = np.array([False, False, False, True, True])
    generator, weight = np.array([1.0, 2, -1, 1, 1]), np.ones(5)
    each = np.array([[1.0, 3, 2, 4], [1, 1, 1, 1], [1, 1, 1, 1], [9, 9, 9, 9], [9, 9, 9, 9]])
    (found,) = compare_features(x, ("x",), target, generator, weight, each, "halves")
    first = np.array([1 / 2, 3 / 4, 2 / 3, 4 / 5])  # of the four members, in the first bin
    within = np.mean([(first[0] - first[1]) ** 2, (first[2] - first[3]) ** 2]) / 4
    between = np.var([first[:2].mean(), first[2:].mean()], ddof=1)
    error = np.sqrt(max(within - between / 2, within / 2)) * stats.t.ppf(0.5 + 0.683 / 2, 2)
    assert found["weight_error"] == pytest.approx([error, error])
    scatter = np.std(first, ddof=1)
    for members, share in (("bootstrap", 1 + 1 / 4), ("seeds", 1 / 4)):
        (other,) = compare_features(x, ("x",), target, generator, weight, each, members)
        expected = scatter * np.sqrt(share) * stats.t.ppf(0.5 + 0.683 / 2, 3)
        assert other["weight_error"] == pytest.approx([expected, expected])
    (bare,) = compare_features(x, ("x",), target, generator, weight, np.zeros((5, 0)), "halves")
    assert bare | {"weight_error": found["weight_error"]} == found
    with pytest.raises(InputError, match="by member 1 of the ensemble add up to -1"):
        weight_error(np.zeros(1), np.array([[1.0], [-1.0]]), np.array([0.0, 1]), "halves")


def test_the_error_of_the_weights_covers() -> None:
    """Members that fluctuate by halves: the content of the mean lies within its error as often as it says."""
    rng, covers = np.random.default_rng(23), 0
    values, edges = rng.random(500), np.array([0.0, 0.5, 1])
    wave = np.where(values < 0.5, 1.0, -1.0)
    for _ in range(400):
        halves = rng.normal(0, 0.1, (5, 2)) * np.sqrt(2)  # the whole has 0.1: this is what half of it has
        common = rng.normal(0, 0.1)
        halves += common - halves.mean(axis=1, keepdims=True)  # of each pair the mean is that of all events
        members = np.exp(halves.reshape(10, 1) * wave)
        mean = np.bincount((values >= 0.5).astype(int), np.exp(common * wave))
        truth = np.array([(values < 0.5).mean(), (values >= 0.5).mean()])
        covers += abs(mean[0] / mean.sum() - truth[0]) < weight_error(values, members, edges, "halves")[0]
    low, high = stats.binom.interval(0.998, 400, 0.683)
    assert low <= covers <= high


@pytest.mark.parametrize("members", get_args(Members))
def test_the_test_knows_what_members_were_trained_on(members: Members) -> None:
    """Bands of all its figures, at values that were held out, too, have the error of that kind."""
    events = gaussians.right(np.random.default_rng(4), 4000)
    each = np.exp(np.random.default_rng(5).normal(0, 0.1, (4000, 4)))
    spec = events.spec.model_copy(update={"members": members})
    events = dataclasses.replace(events, spec=spec, each=each)
    by_source = (events.generator[:, np.newaxis] * each)[~events.target_mask].T
    for found in (
        closure_of(events, SETTINGS, 1).histograms,
        interpolation_of(events, "x_1", {"x": 1.0}, SETTINGS, 1).histograms,
    ):
        values = events.features[~events.target_mask, 0].astype(np.float64)
        expected = weight_error(values, by_source, np.array(found[0]["edges"]), members)
        assert found[0]["weight_error"] == pytest.approx(expected.tolist())


def test_chi2_of_a_feature_by_hand() -> None:
    """Target content in quantile bins, the source's outlier in the last one; an empty bin counts for none."""
    x = np.array([0.0, 1, 0, 9])[:, None]
    target = np.array([True, True, False, False])
    (found,) = compare_features(
        x, ("x",), target, np.array([1.0, 3, 1, 1]), np.array([1.0, 1, 1, 3]), np.zeros((4, 0)), "halves"
    )
    # One bin from 0 to 1, which holds them all: equal contents.
    assert (found["chi2_before"], found["chi2_after"], found["n_dof"]) == (0, 0, 1)
    x = np.array([0.0, 1, 2, 0, 9])[:, None]
    target = np.array([True, True, True, False, False])
    (found,) = compare_features(
        x,
        ("x",),
        target,
        np.array([1.0, 1, 2, 1, 1]),
        np.array([1.0, 1, 1, 1, 3]),
        np.zeros((5, 0)),
        "halves",
    )
    # Bins 0-1 and 1-2: target 1/4 and 3/4 (variances 1/16, 5/16); source 1/2 and 1/2 (1/4 each),
    # reweighted 1/4 and 3/4.
    assert found["chi2_before"] == pytest.approx(1 / 16 / (1 / 16 + 1 / 4) + 1 / 16 / (5 / 16 + 1 / 4))
    assert found["chi2_after"] == pytest.approx(0)
    assert found["n_dof"] == 1
    content, variance = np.array([0.2, 0.8, 0.0]), np.array([0.1, 0.1, 0.0])
    assert chi2(content, variance, content, variance) == (0, 1)
    assert chi2(np.full(4, 0.25), np.ones(4), np.full(4, 0.25), np.ones(4))[1] == 3


def test_edges_of_spectra() -> None:
    """Forty values have a bin each; of more, the tails of half a percent go into the end bins."""
    few = spectrum_edges(np.arange(40.0))
    assert few.tolist() == [k - 0.5 for k in range(41)]
    many = spectrum_edges(np.arange(1001.0))
    np.testing.assert_allclose(many, np.linspace(5, 995, 41))
    assert len(spectrum_edges(np.arange(41.0))) == 41
    peaked = np.append(np.zeros(100_000), np.arange(41.0))
    np.testing.assert_allclose(spectrum_edges(peaked), np.linspace(0, 40, 41))
    quantiles = chi2_edges(np.arange(301.0))
    np.testing.assert_allclose(quantiles, np.arange(31) * 10, atol=1)
    low, high = chi2_edges(np.full(5, 2.0))
    assert low == 2 < high


def test_matching_is_that_of_a_dictionary() -> None:
    """Keys of several columns, where sums and products of columns collide."""
    rng = np.random.default_rng(16)
    has = np.array([[a, b, c] for a in range(4) for b in range(-1, 5) for c in (0, 1, 2, 7)])
    has = has[rng.permutation(len(has))]
    wanted = has[rng.permutation(len(has))[:50]]
    place = {tuple(row): k for k, row in enumerate(has.tolist())}
    assert match_rows(wanted, has, "x").tolist() == [place[tuple(row)] for row in wanted.tolist()]
    with pytest.raises(InputError, match="packed events repeat"):
        match_rows(wanted, np.concatenate([has, has[:1]]), "x")
    with pytest.raises(InputError, match="2 weighted events are not packed"):
        match_rows(np.concatenate([wanted, [[9, 0, 0], [0, 0, 9]]]), has, "x")
