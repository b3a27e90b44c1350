"""Protects the reweighting: weights are the density ratio, and the closure test tells right from wrong.

The toy: events of two Gaussian features whose means differ, and a third that does not, so that the
ratio of the densities is known. A fifth of the generator weights is negative.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import io
from jetsmith.classifiers import Labelled, Task, xgboost
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.metrics import Interval
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.reweighting import closure, write_weights
from jetsmith.reweighting.closure import HeldOut, closure_numbers, held_out, match_rows, separation
from jetsmith.reweighting.histograms import chi2, chi2_edges, compare_features, spectrum, spectrum_edges
from jetsmith.reweighting.weights import summarise
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.run import ClosureSpec
from tests.unit.packed_jets import write_packed

Array = np.ndarray[Any, Any]
SHIFT = np.array([0.5, -0.3, 0.0])
DATASETS = [("old", "power"), ("other", "unused"), ("new", "dipole")]
SETTINGS = ClosureSpec(bootstraps=50, max_auc=0.53)
N = 6000  # of each generator

SPEC = ClassifierSpec(
    name="shower",
    role="reweighter",
    sample="events",
    backend="xgboost",
    title="Shower",
    object="event",
    classes=(
        ClassSpec(name="power_shower", generator="power", label="power", color="#1f77b4"),
        ClassSpec(name="dipole_shower", generator="dipole", label="dipole", color="#d62728"),
    ),
    inputs=(Inputs(group="event", kind="flat", length=0, features=("x", "y", "z"), sources=("x", "y", "z")),),
    training=TrainingSpec(balance="class"),
)


def held_out_of(
    features: Array, names: tuple[str, ...], target_mask: Array, generator: Array, weight: Array
) -> HeldOut:
    """Events from arrays, as if these had been packed."""
    packed = arrays.Packed(
        groups={"event": arrays.FlatGroup(features.astype("f4"), names)},
        label=np.zeros(len(features), "i4"),
        weight=generator,
        columns={},
        datasets=("old", "new"),
        generators=("power", "dipole"),
    )
    inputs = Inputs(group="event", kind="flat", length=0, features=names, sources=names)
    return HeldOut(SPEC, Rows.select([inputs], [packed]), target_mask, generator, weight)


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


def toy(rng: np.random.Generator, target: bool, n: int = N) -> tuple[Array, Array]:
    """Features and generator weights."""
    return rng.normal(SHIFT * target, 1, (n, 3)), np.where(rng.random(n) < 0.1, -1.0, 1.0)


def log_ratio(features: Array) -> Array:
    """log(f_target/f_source), analytic."""
    return np.asarray(features @ SHIFT - SHIFT @ SHIFT / 2)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packed features and scores of a classifier that is off: logit = 0.8 truth + 0.4."""
    folder = tmp_path_factory.mktemp("reweighting")
    rng = np.random.default_rng(1)
    features, weight, dataset = [], [], []
    for k, (_, generator) in enumerate(DATASETS):
        x, w = toy(rng, generator == "dipole", 200 if generator == "unused" else N)
        features.append(x)
        weight.append(w)
        dataset.append(np.full(len(x), k))
    x, w, d = np.concatenate(features), np.concatenate(weight), np.concatenate(dataset)
    n = len(x)
    shuffled = rng.permutation(n)
    x, w, d = x[shuffled], w[shuffled], d[shuffled]
    key = {"run": np.ones(n, "u4"), "luminosity_block": (np.arange(n) // 100).astype("u4")}
    key |= {"event": np.arange(n).astype("u8"), "jet_index": np.zeros(n, "i2")}
    split = rng.choice(4, n, p=[0.1, 0.1, 0.3, 0.5]).astype("i1")
    logit = 0.8 * log_ratio(x) + 0.4
    columns = {**key, "dataset": d.astype("i4"), "fold": np.zeros(n, "i1")}
    for k, name in enumerate(SPLITS):
        at = split == k
        packed = arrays.Packed(
            groups={"event": arrays.FlatGroup(x[at][:, [2, 0, 1]].astype("f4"), ("z", "x", "y"))},
            label=np.zeros(at.sum(), "i4"),
            weight=w[at],
            columns={field: values[at] for field, values in columns.items()},
            datasets=tuple(name for name, _ in DATASETS),
            generators=tuple(generator for _, generator in DATASETS),
        )
        write_packed(folder / "packed" / name, packed)
    p = 1 / (1 + np.exp(-logit))
    scores = {**key, "dataset": d, "split": split, "weight": w, "label": np.zeros(n, "i4")}
    scores["scored"] = np.ones(n, bool)
    scores |= {"p_power_shower": (1 - p).astype("f4"), "p_dipole_shower": p.astype("f4")}
    io.write_rows(folder / "scores.parquet", ak.zip(scores, depth_limit=1))
    for name in ("old", "new"):
        outputs = folder / f"{name}.parquet", folder / f"{name}.json"
        write_weights(SPEC, folder / "scores.parquet", DATASETS, name, *outputs)
    np.savez(folder / "truth.npz", event=key["event"], log_ratio=log_ratio(x))
    return folder


def run_closure(files: Path, output: Path, spec: ClassifierSpec = SPEC, **replaced: Path) -> dict[str, Any]:
    """Run the stage, with the weights of some datasets replaced."""
    weights = {"old": files / "old.parquet", "new": files / "new.parquet", **replaced}
    closure(spec, files / "scores.parquet", files / "packed", weights, SETTINGS, 7, output)
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def test_weights_are_the_known_ratio(files: Path) -> None:
    """The calibration undoes slope and offset of the scores; target events weigh 1."""
    rows = io.read_rows(files / "old.parquet")
    event, weight = ak.to_numpy(rows["event"]), ak.to_numpy(rows["weight"])
    truth = np.load(files / "truth.npz")
    difference = np.log(weight) - truth["log_ratio"][event]
    assert ak.to_numpy(rows["weight_generator"] * weight).sum() == pytest.approx(
        ak.to_numpy(rows["weight_generator"]).sum(), rel=1e-9
    )
    assert np.abs(difference).mean() < 0.06
    assert (ak.to_numpy(io.read_rows(files / "new.parquet")["weight"]) == 1).all()
    assert ak.fields(rows) == [
        "run", "luminosity_block", "event", "split", "weight_generator",
        "ratio", "weight", "weight_up", "weight_down", "outside",
    ]  # fmt: skip
    assert (np.diff(event) > 0).all()
    about = json.loads((files / "old.json").read_text())
    assert about["calibration"]["slope"] == pytest.approx(1.25, abs=0.2)
    assert about["splits"]["calibration"]["normalisation"] == pytest.approx(1, abs=0.05)
    assert about["splits"]["test"]["n_outside"] == 0
    assert 0.3 < about["splits"]["test"]["n_effective_fraction"] < 1


def test_same_input_same_bytes(files: Path, tmp_path: Path) -> None:
    """Weights and closure do not depend on anything but their arguments."""
    write_weights(SPEC, files / "scores.parquet", DATASETS, "old", tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (files / "old.parquet").read_bytes()
    first, second = (run_closure(files, tmp_path / f"{k}.json") for k in range(2))
    assert first == second


def test_closure_passes_with_right_weights(files: Path, tmp_path: Path) -> None:
    """A fresh classifier sees the difference before and not after; features agree after."""
    found = run_closure(files, tmp_path / "closure.json")
    assert found["auc_before"]["value"] > 0.6
    assert found["auc_after"]["value"] == pytest.approx(0.5, abs=0.03)
    assert found["passed"]
    assert found["conclusive"]
    assert found["worst_chi2_before"] > 5
    assert found["worst_chi2_after"] < 2.5
    assert [h["feature"] for h in found["histograms"]] == ["x", "y", "z"]
    assert found["weights"]["normalisation"] == pytest.approx(1, abs=0.1)


def test_closure_fails_with_wrong_weights(files: Path, tmp_path: Path) -> None:
    """Control: inverted weights, and no weights at all, do not pass."""
    rows = io.read_rows(files / "old.parquet")
    for name, weight in (("inverted", 1 / rows["weight"]), ("none", ak.ones_like(rows["weight"]))):
        io.write_rows(tmp_path / f"{name}.parquet", ak.with_field(rows, weight, "weight"))
        found = run_closure(files, tmp_path / f"{name}.json", old=tmp_path / f"{name}.parquet")
        assert not found["passed"]
        assert found["auc_after"]["low"] > 0.57


def test_closure_refuses_what_is_not_finite(files: Path, tmp_path: Path) -> None:
    """A NaN weight is an error, never a silent pass."""
    rows = io.read_rows(files / "old.parquet")
    weight = ak.to_numpy(rows["weight"]).copy()
    weight[ak.to_numpy(rows["split"]) == 3] = np.nan
    io.write_rows(tmp_path / "nan.parquet", ak.with_field(rows, weight, "weight"))
    with pytest.raises(InputError, match="not finite"):
        run_closure(files, tmp_path / "nan.json", old=tmp_path / "nan.parquet")


def test_closure_needs_each_event_once(files: Path, tmp_path: Path) -> None:
    """Repeated keys, unknown events and missing datasets are named."""
    rows = io.read_rows(files / "old.parquet")
    io.write_rows(tmp_path / "twice.parquet", ak.concatenate([rows, rows]))
    with pytest.raises(InputError, match="repeat"):
        run_closure(files, tmp_path / "x.json", old=tmp_path / "twice.parquet")
    io.write_rows(tmp_path / "moved.parquet", ak.with_field(rows, rows["event"] + 10**9, "event"))
    with pytest.raises(InputError, match="not packed"):
        run_closure(files, tmp_path / "x.json", old=tmp_path / "moved.parquet")
    with pytest.raises(InputError, match="no weights of dataset `old`"):
        closure(SPEC, files / "scores.parquet", files / "packed", {}, SETTINGS, 7, tmp_path / "x.json")


def test_features_that_are_not_packed_are_named(files: Path, tmp_path: Path) -> None:
    """A file of the sample may lack what the reweighter reads."""
    inputs = SPEC.inputs[0].model_copy(update={"features": ("x", "gone")})
    with pytest.raises(InputError, match="inputs: event: not packed: gone"):
        run_closure(files, tmp_path / "x.json", SPEC.model_copy(update={"inputs": (inputs,)}))


def test_closure_of_few_events_is_refused() -> None:
    """No verdict from a handful of events."""
    rng = np.random.default_rng(4)
    events = held_out_of(rng.normal(size=(20, 1)), ("x",), np.arange(20) < 10, np.ones(20), np.ones(20))
    with pytest.raises(InputError, match="too few"):
        closure_numbers(events, SETTINGS, 1)


def test_equal_samples_close_without_weights() -> None:
    """The test does not invent differences; without any before, it is not conclusive."""
    rng = np.random.default_rng(5)
    n = 4000
    events = held_out_of(rng.normal(size=(n, 2)), ("x", "y"), rng.random(n) < 0.5, np.ones(n), np.ones(n))
    found = closure_numbers(events, SETTINGS, 1)
    assert found["passed"]
    assert not found["conclusive"]
    scaled = dataclasses.replace(events, weight=np.where(events.target_mask, 1.0, 3.0))
    assert closure_numbers(scaled, SETTINGS, 1)["auc_after"]["value"] == pytest.approx(0.5, abs=0.03)


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
        features, [f"f{k}" for k in range(30)], rng.random(n) < 0.5, generator, np.ones(n)
    )
    assert np.mean([h["chi2_after"] / h["n_dof"] for h in found]) == pytest.approx(1, abs=0.15)
    for h in found:
        assert sum(h["target"]) == pytest.approx(1)
        assert len(h["edges"]) == len(h["source_variance"]) + 1


def signed_events(rng: np.random.Generator, n: int = 12_000) -> HeldOut:
    """A target whose negative share falls along the feature: |w| has another spectrum than w.

    Source and target follow one density of |w|; the target's signed density is that times (1 - 2 f(x)),
    f = 0.4 at the low end and 0.05 at the high one. The weights under test are 1: right for |w|.
    """
    x = rng.random((2 * n, 1))
    target = np.arange(2 * n) < n
    negative = target & (rng.random(2 * n) < 0.4 - 0.35 * x[:, 0])
    return held_out_of(x, ("x",), target, np.where(negative, -1.0, 1.0), np.ones(2 * n))


def test_weights_that_are_right_for_absolute_values_do_not_close() -> None:
    """A judge trained on |w| sees no difference and passes them; the signed spectra differ by half."""
    events = signed_events(np.random.default_rng(9))
    found = closure_numbers(events, SETTINGS, 1)
    assert not found["passed"]
    assert found["auc_after"]["low"] > SETTINGS.max_auc
    share = 1 - 2 * (0.4 - 0.35 * events.features[:, 0])
    right = dataclasses.replace(events, weight=np.where(events.target_mask, 1.0, share / share.mean()))
    closed = closure_numbers(right, SETTINGS, 1)
    assert closed["passed"]
    assert closed["auc_after"]["value"] == pytest.approx(0.5, abs=0.02)


def test_the_judge_sees_negative_events_as_the_other_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trees see the class, turned where a weight is negative; both classes weigh the same."""
    seen = learned_by(monkeypatch)
    rng = np.random.default_rng(10)
    n = 400
    truth = rng.random(n) < 0.3
    weight = np.where(rng.random(n) < 0.2, -2.0, 1.0)
    weight[truth] = np.abs(weight[truth])
    events = held_out_of(rng.normal(size=(n, 1)), ("x",), truth, weight, np.ones(n))
    separation(events, weight, 5, [1])
    half = np.random.default_rng([1, 0]).random(n) < 0.5
    level = {kind: weight[truth == kind].sum() for kind in (True, False)}
    for learned, judged in zip(seen, (half, ~half), strict=True):
        for k, row in enumerate(np.flatnonzero(~judged)):
            assert learned.target[k] == (bool(truth[row]) != (weight[row] < 0))
            assert learned.weight[k] == pytest.approx(
                abs(weight[row]) / level[bool(truth[row])] * (~truth).sum()
            )
    seen.clear()
    separation(events, np.abs(weight), 5, [1])
    np.testing.assert_array_equal(seen[0].target, truth[~half])


@pytest.mark.parametrize("kind", [True, False])
def test_weights_that_cancel_stop_the_closure(kind: bool) -> None:
    """Source or target of no positive sum: a message, not an error of XGBoost or NaN."""
    rng = np.random.default_rng(11)
    truth = np.arange(200) % 2 == 0
    for weight in (0.0, -1.0):
        weights = np.where(truth == kind, weight, 1.0)
        events = held_out_of(rng.normal(size=(200, 1)), ("x",), truth, weights, np.ones(200))
        with pytest.raises(InputError, match="do not add up to more than 0 in each half"):
            closure_numbers(events, SETTINGS, 1)
    with pytest.raises(InputError, match="a spectrum of 2 events whose weights add up to 0"):
        spectrum(np.zeros(2), np.array([1.0, -1]), np.array([0.0, 1]))


def test_one_heavy_event_widens_the_verdict() -> None:
    """An event that outweighs all others gives numbers, and an interval that knows nothing."""
    rng = np.random.default_rng(12)
    truth = np.arange(400) % 2 == 0
    weight = np.ones(400)
    weight[0] = 1e9
    events = held_out_of(rng.normal(size=(400, 1)), ("x",), truth, weight, np.ones(400))
    found = separation(events, weight, 50, [1])
    assert np.isfinite([found.value, found.low, found.high]).all()


@pytest.mark.parametrize(("low", "passed", "conclusive"), [(0.53, True, False), (0.5300001, False, True)])
def test_verdicts_at_the_limit(
    monkeypatch: pytest.MonkeyPatch, low: float, passed: bool, conclusive: bool
) -> None:
    """An interval that reaches down to the limit passes, and is not conclusive before weighting."""
    module = sys.modules["jetsmith.reweighting.closure"]  # the package has a function of that name
    monkeypatch.setattr(module, "separation", lambda *_: Interval(0.6, low, 0.7))
    events = held_out_of(np.arange(20.0)[:, None], ("x",), np.arange(20) % 2 == 0, np.ones(20), np.ones(20))
    found = closure_numbers(events, SETTINGS, 1)
    assert (found["passed"], found["conclusive"]) == (passed, conclusive)


def test_the_area_is_the_mean_of_both_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Value and ends by hand; each half is judged by trees of the other, with replicas of its own."""
    rng = np.random.default_rng(14)
    n = 400
    truth, x = rng.random(n) < 0.5, np.arange(float(n))[:, None]
    half = np.random.default_rng([3, 0]).random(n) < 0.5
    trained = learned_by(monkeypatch)
    asked: list[tuple[Any, ...]] = []

    def area(*given: Any) -> Interval:
        asked.append(given)
        return Interval(0.6, 0.5, 0.8) if len(asked) == 1 else Interval(0.4, 0.36, 0.48)

    monkeypatch.setattr(sys.modules["jetsmith.reweighting.closure"], "auc_interval", area)
    weight = rng.permutation(n) + 1.0
    found = separation(held_out_of(x, ("x",), truth, weight, np.ones(n)), weight, 7, [3])
    assert found.value == pytest.approx(0.5)
    assert found.value - found.low == pytest.approx(np.hypot(0.1, 0.04) / 2)
    assert found.high - found.value == pytest.approx(np.hypot(0.2, 0.08) / 2)
    for learned, given, judged in zip(trained, asked, (half, ~half), strict=True):
        assert learned.rows.matrix(slice(None))[:, 0].tolist() == np.flatnonzero(~judged).tolist()
        assert given[1].tolist() == weight[judged & truth].tolist()
        assert given[3].tolist() == weight[judged & ~truth].tolist()
        assert (len(given[0]), len(given[2]), given[4]) == (len(given[1]), len(given[3]), 7)
    assert asked[0][5] != asked[1][5]


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
            events = held_out_of(np.zeros((60, 1)), ("x",), truth, np.ones(60), np.ones(60))
            if enough:
                assert separation(events, np.ones(60), 5, [1]).value == pytest.approx(0.5)
            else:
                with pytest.raises(InputError, match="each half needs 10 of both"):
                    separation(events, np.ones(60), 5, [1])


@pytest.mark.parametrize("lacking", ["value", "low", "high"])
def test_a_missing_number_does_not_pass(monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    """`passed` needs all three; counts and the worst chi2 are those of events and histograms."""
    area = dataclasses.replace(Interval(0.5, 0.49, 0.51), **{lacking: np.nan})
    monkeypatch.setattr(sys.modules["jetsmith.reweighting.closure"], "separation", lambda *_: area)
    rng = np.random.default_rng(15)
    truth = np.arange(300) < 100
    events = held_out_of(rng.normal(size=(300, 4)), tuple("abcd"), truth, np.ones(300), rng.random(300))
    found = closure_numbers(events, SETTINGS, 1)
    assert found["passed"] is False
    assert (found["n_source"], found["n_target"]) == (200, 100)
    for when in ("before", "after"):
        shares = [h[f"chi2_{when}"] / h["n_dof"] for h in found["histograms"]]
        assert found[f"worst_chi2_{when}"] == sorted(shares)[-1] > sorted(shares)[0]


def test_spectra_by_hand() -> None:
    """Source, target and reweighted of one feature, with signed weights; an outlier lies in the end bin."""
    x = np.array([0.0, 0, 1, 1, 1, 0])[:, None]
    target = np.array([False, False, False, False, True, True])
    generator, weight = np.array([1.0, 2, 2, -1, 3, 1]), np.array([2.0, 1, 3, 1, 9, 9])
    (found,) = compare_features(x, ("x",), target, generator, weight)
    assert found["edges"] == [-0.5, 0.5, 1.5]
    assert found["source"] == pytest.approx([3 / 4, 1 / 4])
    assert found["source_variance"] == pytest.approx([5 / 16, 5 / 16])
    assert found["target"] == pytest.approx([1 / 4, 3 / 4])
    assert found["target_variance"] == pytest.approx([1 / 16, 9 / 16])
    assert found["reweighted"] == pytest.approx([4 / 9, 5 / 9])
    assert found["reweighted_variance"] == pytest.approx([8 / 81, 37 / 81])


def test_chi2_of_a_feature_by_hand() -> None:
    """Target content in quantile bins, the source's outlier in the last one; an empty bin counts for none."""
    x = np.array([0.0, 1, 0, 9])[:, None]
    target = np.array([True, True, False, False])
    (found,) = compare_features(x, ("x",), target, np.array([1.0, 3, 1, 1]), np.array([1.0, 1, 1, 3]))
    # One bin from 0 to 1, which holds them all: equal contents.
    assert (found["chi2_before"], found["chi2_after"], found["n_dof"]) == (0, 0, 1)
    x = np.array([0.0, 1, 2, 0, 9])[:, None]
    target = np.array([True, True, True, False, False])
    (found,) = compare_features(x, ("x",), target, np.array([1.0, 1, 2, 1, 1]), np.array([1.0, 1, 1, 1, 3]))
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


def test_held_out_events_by_value(tmp_path: Path) -> None:
    """Two jets an event and two groups of features: each weight meets the features of its own jet."""
    n = 12
    key = {"run": np.ones(n, "u4"), "luminosity_block": np.ones(n, "u4")}
    key |= {"event": (np.arange(n) // 2).astype("u8"), "jet_index": (np.arange(n) % 2).astype("i2")}
    dataset = (np.arange(n) // 2 % 3).astype("i4")
    packed = arrays.Packed(
        groups={
            "event": arrays.FlatGroup(
                np.stack([np.arange(n), 10.0 * np.arange(n)], axis=1).astype("f4"), ("z", "x")
            ),
            "other": arrays.FlatGroup(100.0 * np.arange(n, dtype="f4")[:, np.newaxis], ("y",)),
        },
        label=np.zeros(n, "i4"),
        weight=np.ones(n),
        columns={**key, "dataset": dataset, "fold": np.zeros(n, "i1")},
        datasets=tuple(name for name, _ in DATASETS),
        generators=tuple(generator for _, generator in DATASETS),
    )
    for k, name in enumerate(("train", "test")):
        at = np.arange(n) % 4 // 2 == k
        columns = {field: values[at] for field, values in packed.columns.items()}
        groups = {g: arrays.FlatGroup(found.values[at], found.names) for g, found in packed.groups.items()}
        part = dataclasses.replace(
            packed, groups=groups, label=packed.label[at], weight=packed.weight[at], columns=columns
        )
        write_packed(tmp_path / name, part)
    shuffled = np.array([11, 0, 5, 3, 4, 1, 2, 10, 9, 6, 7, 8])
    weights = {}
    for k, (name, _) in enumerate(DATASETS):
        rows = shuffled[dataset[shuffled] == k]
        table = {field: values[rows] for field, values in key.items()}
        table |= {"split": np.where(rows == 6, 0, 3).astype("i1")}
        table |= {"weight_generator": rows + 0.5, "weight": rows + 0.25}
        path = weights[name] = tmp_path / f"{name}.parquet"
        io.write_rows(path, ak.zip(table, depth_limit=1), reweighter=SPEC.name, dataset=name)
    read = {"event": ("x", "z"), "other": ("y",)}
    inputs = [SPEC.inputs[0].model_copy(update={"group": g, "features": f}) for g, f in read.items()]
    spec = SPEC.model_copy(update={"object": "ak4", "inputs": tuple(inputs)})
    found = held_out(spec, [tmp_path / "train", tmp_path / "test"], DATASETS, weights)
    rows = [row for k in (0, 2) for row in shuffled if dataset[row] == k and row != 6]
    assert found.names == ("x", "z", "y")
    assert found.features.tolist() == [[10.0 * row, row, 100.0 * row] for row in rows]
    assert found.weight.tolist() == [row + 0.25 for row in rows]
    assert found.generator.tolist() == [row + 0.5 for row in rows]
    assert found.target_mask.tolist() == [dataset[row] == 2 for row in rows]


def test_scores_and_weights_of_other_events_stop_the_closure(files: Path, tmp_path: Path) -> None:
    """One held-out event without its weight: the calibration would be summed up with another's."""
    rows = io.read_rows(files / "old.parquet")
    first = int(np.flatnonzero(ak.to_numpy(rows["split"]) == SPLITS.index("test"))[0])
    io.write_rows(tmp_path / "short.parquet", rows[np.arange(len(rows)) != first])
    with pytest.raises(InputError, match=r"held-out source events, but \d+ weights"):
        run_closure(files, tmp_path / "x.json", old=tmp_path / "short.parquet")


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_the_unit_of_generator_weights_does_not_matter(scale: float) -> None:
    """Calibration, closure, spectra and summaries are those of the weights as they are."""
    rng = np.random.default_rng(18)
    truth, x = rng.random(300) < 0.4, rng.normal(size=(300, 1))
    generator = rng.choice([-1.0, 1, 2], 300, p=[0.1, 0.6, 0.3])
    events = held_out_of(x, ("x",), truth, generator, np.where(truth, 1, rng.random(300)))
    scaled = dataclasses.replace(events, generator=scale * generator)
    one, other = (closure_numbers(e, SETTINGS, 1) for e in (events, scaled))
    assert other.pop("histograms")[0]["chi2_after"] == pytest.approx(one.pop("histograms")[0]["chi2_after"])
    assert other == one
    first, second = (summarise(e.weight, e.generator, truth) for e in (events, scaled))
    assert second == pytest.approx(first)
