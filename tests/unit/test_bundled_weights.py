"""Protects what leaves of a reweighter: a bundle gives the weights of stage weights, or it is not written."""

import copy
import json
import runpy
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import awkward as ak
import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from jetsmith import bundling_reweighters, io, ratios
from jetsmith.bundle import DOWN, OUTSIDE, RATIO, UP, Bundle, Reweighter
from jetsmith.bundle_inputs import read
from jetsmith.bundles import _weights
from jetsmith.bundles._graph import Graph
from jetsmith.errors import InputError
from jetsmith.halves import halves_error
from jetsmith.ratios import RatioCalibration
from jetsmith.specs.classifiers import LossSpec, Members, TrainingSpec
from jetsmith.specs.ratios import RatioSpec
from tests.unit.bundled import small_bundle
from tests.unit.bundled_weights import TOY, Made, make, numbers, raw_events, recipe, write_closure

pytestmark = [  # Keras on numpy 2
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
Array = np.ndarray[Any, Any]
ROOT = Path(__file__).parent.parent.parent
CLASSES = TrainingSpec(epochs=25, patience=25, learning_rate=0.3, balance="class", negative_weights="classes")
NETWORK: dict[str, Any] = {
    "backend": "keras",
    "model": "dense",
    "architecture": {"dense": [12], "dropout": 0.0, "activation": "silu", "batch_norm": None},
    "losses": {"classes": LossSpec()},
    "training": TrainingSpec(epochs=5, patience=5, balance="class", learning_rate=0.05, batch_size=128),
}


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three folds of an ensemble of four, with bins and a region of validity."""
    return make(tmp_path_factory.mktemp("folded"), recipe(folds=3), members=4)


@pytest.fixture(scope="module")
def bundled(folded: Made) -> Reweighter:
    """It as a bundle."""
    return folded.bundle("shared")


def table(made: Made, of: Array) -> dict[str, Array]:
    """The weights of source events, by their numbers."""
    rows = io.read_rows(made.folder / "old.parquet")
    place = np.searchsorted(ak.to_numpy(rows["event"]), of)
    return {name: ak.to_numpy(rows[name])[place] for name in ak.fields(rows)}


WAYS: dict[str, tuple[dict[str, Any], RatioSpec, int, float]] = {
    "a line": ({}, RatioSpec(), 0, 0.0),
    "no calibration": ({}, RatioSpec(calibration="none", conserve=False), 0, 0.0),
    "isotonic, pairs": ({}, RatioSpec(calibration="isotonic", calibration_bins=8), 2, 0.0),
    "histogram, bins": (
        {},
        RatioSpec(
            calibration="histogram", calibration_bins=8, conserve_in={"x0": (-1, 0, 1)},
            valid={"tail": (0.1, 1.5)},
        ),
        4,
        0.0,
    ),
    "replicas": ({"members": "bootstrap"}, RatioSpec(conserve_in={"x0": (-1, 0, 1)}), 3, 0.0),
    "seeds": ({"members": "seeds"}, RatioSpec(), 2, 0.0),
    "replicas of a network": (NETWORK | {"members": "bootstrap"}, RatioSpec(), 2, 0.1),
    "four classes": ({"training": CLASSES}, RatioSpec(valid={"x1": (-2, 2)}), 0, 0.1),
    "four classes of scikit-learn": (
        {"training": CLASSES, "backend": "sklearn", "architecture": {}}, RatioSpec(), 0, 0.1,
    ),
    "a network": (NETWORK, RatioSpec(conserve_in={"tail": (0, 0.7, 2)}), 0, 0.1),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_bundle_gives_the_weights_of_the_table(way: str, tmp_path: Path) -> None:
    """Without folds a held-out event has one weight: that of the stage's own file, to float32."""
    changes, ratio, members, negative = WAYS[way]
    made = make(tmp_path, recipe(**changes), ratio, members, negative)
    reweighter = made.bundle()
    assert reweighter.check() < 1e-6
    events, number, target = raw_events(tmp_path / "packed", "test")
    found = reweighter(events)
    expected = table(made, number[~target])
    np.testing.assert_array_equal(found.outside[~target], expected["outside"])
    assert found.outside.any() == bool(ratio.valid)
    assert expected["ratio"].std() > 0.1
    names = ["ratio", "weight"] + (["weight_up", "weight_down"] if members else [])
    for name in names:
        np.testing.assert_allclose(getattr(found, name)[~target], expected[name], rtol=3e-5, err_msg=name)
    page = (reweighter.folder / "README.md").read_text()
    assert ("- Of train:" in page) == (not members)
    if members:
        whose = {"seeds": "of each member", "bootstrap": "of the first member (each learns from a replica"}
        of_halves = "of the first member (it learns from one half"
        assert f"- Of train, {whose.get(changes.get('members', 'halves'), of_halves)}" in page
    if not members:
        assert found.weight_up is None
        assert found.weight_down is None


def test_the_card_has_the_settings_of_the_model(tmp_path: Path) -> None:
    """Of a scan they are those of the chosen point, and not those of the file."""
    made = make(tmp_path, recipe())
    file = recipe(
        training=TrainingSpec(epochs=25, patience=25, learning_rate=0.05), architecture={"max_depth": 7}
    )
    page = (replace(made, spec=file).bundle().folder / "README.md").read_text()
    assert "learning_rate: 0.3" in page
    assert "max_depth: 2" in page


KNOTS = st.lists(st.integers(-80, 80), min_size=2, max_size=6, unique=True).map(sorted)
LOGITS = st.floats(-25, 25) | st.sampled_from([-np.inf, np.inf, 20.0, -20.0, 0.0, 0.25])


@st.composite
def told(draw: st.DrawFn) -> tuple[list[RatioCalibration], Array]:
    """Calibrations of some folds, and log-odds of members of an event, (K, M): also at knots and infinite."""
    n_folds, n_members = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 4, 6]))
    found = []
    for _ in range(n_folds):
        at = [x / 4 for x in draw(KNOTS)]
        value = draw(st.lists(st.floats(-30, 30), min_size=len(at), max_size=len(at)))
        extends = draw(st.booleans())
        at, value = (at[:2], value[:2]) if extends else (at, value)
        slope = draw(st.floats(-3, 3))
        found.append(RatioCalibration("", tuple(at), tuple(value), extends, 0.0, 0.0, slope))
    n = n_folds * n_members
    logits = draw(st.lists(LOGITS, min_size=n, max_size=n))
    return found, np.reshape(logits, (n_folds, n_members))


@given(told(), st.sampled_from(get_args(Members)))
def test_nodes_are_the_functions_of_the_stage(
    case: tuple[list[RatioCalibration], Array], members: Members
) -> None:
    """Any calibration, number of folds and of members: log ratio, its error and what is outside."""
    calibrations, logits = case
    graph = Graph()
    n_folds, n_members = logits.shape
    names = [graph.input(f"fold{k}", ["N", n_members], TensorProto.DOUBLE) for k in range(n_folds)]
    folds = [
        _weights.of_fold(graph, name, by, n_members, members)
        for name, by in zip(names, calibrations, strict=True)
    ]
    said = _weights.mean_of_folds(graph, folds)
    one = graph.constant([[1.0]], np.float64)
    found = _weights.outputs(graph, said, said.outside, one)
    for name, tensor in found.items():
        graph.output(name, tensor, ["N"], TensorProto.BOOL if name == OUTSIDE else TensorProto.FLOAT)
    session = onnxruntime.InferenceSession(
        graph.finished("nodes", {}).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    got = dict(
        zip(found, session.run(None, {f"fold{k}": logits[k][None] for k in range(n_folds)}), strict=True)
    )
    right, outside = ratios.mean_of_folds(
        [ratios.log_ratios(of[:, None], by, members) for of, by in zip(logits, calibrations, strict=True)]
    )
    assert got[OUTSIDE].tolist() == outside.tolist()
    np.testing.assert_allclose(np.log(got[RATIO].astype(float)), np.log(right.nominal), atol=1e-6)
    assert (UP in got) == (DOWN in got) == (n_members > 1)
    if n_members > 1 and not outside[0]:
        expected = ratios.weights(right, np.ones(1), outside)
        np.testing.assert_allclose(got[UP], expected.up.astype(np.float32), rtol=1e-5)
        np.testing.assert_allclose(got[DOWN], expected.down.astype(np.float32), rtol=1e-5)


def test_up_and_down_are_how_far_the_columns_of_members_are_apart(folded: Made) -> None:
    """Of the table alone, event by event, a number at a time: two pairs, each member's weights normalised."""
    rows = io.read_rows(folded.folder / "old.parquet")
    members = np.array([rows[f"weight_member{k}"] for k in range(4)], np.float64)
    weight, outside = np.asarray(rows["weight"]), np.asarray(rows["outside"])
    students = 1.3213  # of two degrees of freedom
    for event in np.flatnonzero(~outside)[::17]:
        a, b, c, d = np.log(members[:, event] / weight[event])
        within = ((a - b) ** 2 + (c - d) ** 2) / 8
        between = ((a + b) / 2 - (c + d) / 2) ** 2 / 2
        error = students * np.sqrt(max(within - between / 2, within / 2))
        assert np.log(rows["weight_up"][event] / weight[event]) == pytest.approx(error, rel=2e-3)
        assert np.log(rows["weight_down"][event] / weight[event]) == pytest.approx(-error, rel=2e-3)
    assert (np.asarray(rows["weight_up"]) > weight)[~outside].all()


def test_an_event_of_none_gets_the_mean_of_all_folds(folded: Made, bundled: Reweighter) -> None:
    """By hand: ratios of each fold by its own calibration, their mean, and the factor of its bin."""
    events, _, _ = raw_events(folded.folder / "packed", "calibration")
    found, told = bundled(events), numbers(folded)
    assert len(told["calibrations"]) == 3
    given, groups = bundled.about["groups"][0], bundled.groups
    assert [feature["name"] for feature in given["features"]] == ["tail", "x0", "x1"]
    values = read(groups, events)
    scored = bundling_reweighters.predicted(folded.spec, folded.folder / "model", values, groups, 1)
    place = np.clip(
        np.searchsorted(told["sum_factors"]["edges"], np.log1p(events["event"]["tail"]), "right") - 1, 0, 2
    )
    members = np.array(told["sum_factors"]["members"])[:, place]  # (M, N)
    mean = np.array(told["sum_factors"]["factors"])[place]
    logs, by_fold = [], []
    for each, calibration in zip(scored, told["calibrations"], strict=True):
        p = np.array(each, np.float64)  # (M, N, 2)
        logit = np.log(p[..., 1] / p[..., 0]).mean(axis=0)
        logs.append(calibration["slope"] * logit + calibration["intercept"])
        # Each member by itself, with the factor of its own: their logarithms differ by the error.
        by_member = calibration["slope"] * np.log(p[..., 1] / p[..., 0]) + calibration["intercept"]
        by_fold.append(halves_error(by_member + np.log(members / mean)))
    np.testing.assert_allclose(found.ratio, np.exp(logs).mean(axis=0), rtol=1e-5)
    inside = (events["event"]["x0"] >= -2) & (events["event"]["x0"] < 2.5)
    np.testing.assert_array_equal(found.outside, ~inside)
    np.testing.assert_allclose(found.weight, np.where(inside, found.ratio * mean, 1), rtol=1e-5)
    assert found.weight_up is not None
    assert found.weight_down is not None
    for values, sign in ((found.weight_up, 1), (found.weight_down, -1)):
        right = mean * np.exp(np.array(logs) + sign * np.array(by_fold)).mean(axis=0)
        np.testing.assert_allclose(values, np.where(inside, right, 1), rtol=2e-5)
    assert (found.weight_up[inside] > found.weight[inside]).all()
    assert (found.weight_down[inside] < found.weight[inside]).all()


def test_the_sum_is_conserved_for_new_events(tmp_path: Path) -> None:
    """Of 100,000 other source events, by all folds, within the error of the factor; logs would not be."""
    training = TrainingSpec(epochs=25, patience=25, learning_rate=1.0, balance="class")
    trees = {"max_depth": 8, "min_child_weight": 0.5}  # that learn much by chance: folds are far apart
    made = make(tmp_path, recipe(folds=8, training=training, architecture=trees), RatioSpec())
    x = TOY.draw(0, 100_000, np.random.default_rng(5))[0]
    bundle = made.bundle()
    events = {"event": {"tail": x[:, 2], "x0": x[:, 0], "x1": x[:, 1]}}
    found, told = bundle(events), numbers(made)
    weight = io.read_rows(tmp_path / "old.parquet")["weight"]
    error = float(np.std(weight) / np.sqrt(len(weight)))
    assert error < 0.015
    assert abs(found.weight.mean(dtype=float) - 1) < 2 * error
    values = read(bundle.groups, events)
    scored = bundling_reweighters.predicted(made.spec, tmp_path / "model", values, bundle.groups, 1)
    logs = [
        by["slope"] * ratios.log_odds(p[:, 0], p[:, 1]) + by["intercept"]
        for (p,), by in zip(scored, told["calibrations"], strict=True)
    ]
    (factor,) = told["sum_factors"]["factors"]
    assert factor * np.exp(np.mean(logs, axis=0)).mean() < 1 - 2 * error


def test_the_mean_of_folds_is_nearer_to_the_truth(folded: Made, bundled: Reweighter) -> None:
    """What the mean is for: on new events it is no worse than the models of one fold, on the average."""

    x = np.concatenate([TOY.draw(k, 3000, np.random.default_rng(99 + k))[0] for k in (0, 1)])
    events = {"event": {"tail": x[:, 2], "x0": x[:, 0], "x1": x[:, 1]}}
    truth = TOY.log_ratio(x)
    values = read(bundled.groups, events)
    scored = bundling_reweighters.predicted(folded.spec, folded.folder / "model", values, bundled.groups, 1)
    off = []
    for each, record in zip(scored, numbers(folded)["calibrations"], strict=True):
        logits = np.array([ratios.log_odds(p[:, 0], p[:, 1]) for p in each])
        of_fold = ratios.log_ratios(logits, RatioCalibration.of_record(record), folded.spec.members)
        off.append(np.mean((of_fold.value - truth) ** 2))
    assert np.mean((np.log(bundled(events).ratio) - truth) ** 2) < np.mean(off)


def test_what_has_no_weight_is_outside(bundled: Reweighter) -> None:
    """An input that is missing, a number beyond the region; each has weight 1, up and down too."""
    x0 = np.array([0.0, np.nan, np.inf, -2.0, np.nextafter(np.float32(-2), np.float32(-3)), 2.5, 0.0, 0.0])
    x1 = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, np.nan, 0.0])
    tail = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, np.nan])
    found = bundled({"event": {"tail": tail, "x0": x0, "x1": x1}})
    assert found.outside.tolist() == [False, True, True, False, True, True, False, True]
    assert found.weight_up is not None
    assert found.weight_down is not None
    for values in (found.weight, found.weight_up, found.weight_down):
        assert (values[found.outside] == 1).all()
    assert (found.weight_up[~found.outside] > found.weight[~found.outside]).all()
    assert (found.weight_down[~found.outside] < found.weight[~found.outside]).all()
    assert np.isfinite(found.ratio).all()
    none = bundled({"event": {"tail": tail[:0], "x0": x0[:0], "x1": x1[:0]}})
    assert len(none.weight) == len(none.outside) == 0


def test_other_units_and_missing_inputs_are_refused(bundled: Reweighter, folded: Made) -> None:
    """MeV for GeV, with both ranges; an input that is not there at all."""
    events, _, _ = raw_events(folded.folder / "packed", "test")
    given = events["event"]
    with pytest.raises(InputError, match=r"event\.tail: .* of .* values lie far .* GeV, found"):
        bundled({"event": {**given, "tail": 1000 * given["tail"]}})
    with pytest.raises(InputError, match=r"event\.x0: this input is missing"):
        bundled({"event": {"tail": given["tail"], "x1": given["x1"]}})


def test_a_mask_is_no_number(bundled: Reweighter) -> None:
    """NumPy's mask and None, whatever lies below, are as NaN: outside."""
    x0, tail = np.array([0.1, 0.1, 0.3]), np.full(3, 0.5)
    here = np.array([False, True, False])
    for column in (np.ma.MaskedArray(x0, mask=here), ak.Array([0.1, None, 0.3]), [0.1, None, 0.3]):
        found = bundled({"event": {"x0": column, "x1": np.zeros(3), "tail": tail}})
        assert found.outside.tolist() == [False, True, False]


def _slope_off(graph: Any, logits: str, calibration: RatioCalibration, *given: Any) -> Any:
    other = RatioCalibration(
        calibration.method, calibration.at, tuple(1.001 * y for y in calibration.value),
        calibration.extends, 0.0, 0.0, calibration.slope,
    )  # fmt: skip
    return _of_fold(graph, logits, other, *given)


_of_fold = _weights.of_fold
WRONG: dict[str, tuple[str, Any]] = {
    "a calibration": ("of_fold", _slope_off),
    "a region": ("beyond", lambda graph, groups, column, region: _beyond(graph, groups, column, (-2, 2.4))),
    "a factor": ("factor", lambda graph, *given: graph.constant([[1.0]], np.float64)),
    "a member's factor": ("of_members", lambda graph, *given: None),
    "missing inputs": ("lacking", lambda graph, *given: graph.constant([[False]], np.bool_)),
    "an error": ("quantile", lambda n: 1.0),
}  # fmt: skip
_beyond = _weights.beyond


@pytest.mark.parametrize("what", WRONG)
def test_a_bundle_that_differs_is_not_written(
    what: str, folded: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number of the graph wrong: the message shows an event, and nothing is left behind."""
    name, wrong = WRONG[what]
    monkeypatch.setattr(_weights, name, wrong)
    with pytest.raises(InputError, match=r"toy: no bundle is written: of [\d,]+ events [\d,]+ get other"):
        folded.bundle("wrong")
    assert not list(folded.folder.glob("*wrong*"))


@pytest.mark.parametrize("members", ["bootstrap", "seeds"])
def test_a_bundle_with_another_error_is_not_written(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of members that are no pairs, with folds: the page says of what it is, and no other error passes."""
    made = make(tmp_path, recipe(folds=3, members=members), members=3)
    found = made.bundle()
    assert found.check() < 1e-6
    page = (found.folder / "README.md").read_text()
    assert {"bootstrap": "by bootstrap replicas", "seeds": "of the training alone"}[members] in page
    right = _weights.half_width
    for wrong in (lambda kind, n: 1.01 * right(kind, n), lambda kind, n: 0.99 * right(kind, n)):
        monkeypatch.setattr(_weights, "half_width", wrong)
        with pytest.raises(InputError, match=r"toy: no bundle is written: of [\d,]+ events [\d,]+ get other"):
            made.bundle("wrong")
    as_halves = made.spec.model_copy(update={"members": "halves"})
    monkeypatch.setattr(_weights, "half_width", right)
    with pytest.raises(
        ValueError, match="3 of kind `halves`, where pairs"
    ):  # of three members there are no pairs: nothing is guessed
        Made(as_halves, made.ratio, tmp_path).bundle("wrong")
    assert not list(tmp_path.glob("*wrong*"))


def test_numbers_of_others_are_refused(folded: Made) -> None:
    """Changed ones, those of a run without folds, those of another reweighter: nothing is fitted instead."""
    about = numbers(folded)
    about["calibrations"] = about["calibrations"][:1]
    (folded.folder / "changed.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"changed\.json"):
        bundling_reweighters.read_told(folded.spec, {}, folded.folder / "changed.json")
    del about["checksum"]
    io.write_json(folded.folder / "fewer.json", about)
    with pytest.raises(InputError, match=r"has 1 calibrations, but toy has 3 folds; run weights again"):
        bundling_reweighters.read_told(folded.spec, {}, folded.folder / "fewer.json")
    other = folded.spec.model_copy(update={"name": "another"})
    with pytest.raises(InputError, match="toy"):
        bundling_reweighters.read_told(other, {}, folded.folder / "old.json")


def test_what_is_in_a_bundle(folded: Made, bundled: Reweighter) -> None:
    """Files, checksums, classes and region in inputs.json, numbers as stage weights has them, the page."""
    names = {path.name for path in bundled.folder.iterdir() if path.is_file()}
    assert names == {"model.onnx", "inputs.json", "reference.npz", "README.md", "SHA256SUMS"}
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=bundled.folder, check=True)
    told = numbers(folded)
    assert bundled.classes == ("old", "new")
    assert bundled.about["valid"] == {"x0": [-2.0, 2.5]}
    assert bundled.about["calibrations"] == told["calibrations"]
    assert bundled.about["sum_factors"] == told["sum_factors"]
    assert len(told["sum_factors"]["factors"]) == 3
    with np.load(bundled.folder / "reference.npz", allow_pickle=False) as file:
        assert set(file) == {"event", "ratio", "weight", "weight_up", "weight_down", "outside"}
        assert len(file["event"]) == len(file["ratio"]) > 500
    page = (bundled.folder / "README.md").read_text()
    for word in (
        "must not be used",
        "They must not be summed",
        "seeds 0, 1, 2, 3",
        "out of fold",
        "`x0` in [-2, 2.5)",
        "Backend xgboost",
    ):
        assert word in page, word


def test_a_verdict_is_what_one_reads_first(folded: Made) -> None:
    """Failed weights do not look fine: on the page, in inputs.json, and where they are loaded."""
    failed = write_closure(folded.folder / "failed.json", "failed")
    with pytest.warns(UserWarning, match=r"failed their closure test \(sum\) and are not to be used"):
        found = folded.bundle("failed", failed)
    assert found.closure == "failed"
    page = (found.folder / "README.md").read_text()
    assert page.startswith("# toy\n\n**FAILED**: these weights failed their closure test")
    assert page.index("Gates: sum.") < 150
    assert "| sum | failed | the sum of the source is 1.2 of what it was |" in page
    unclear = folded.bundle("unclear", write_closure(folded.folder / "unclear.json", "not conclusive"))
    assert (unclear.folder / "README.md").read_text().startswith("# toy\n\n**NOT CONCLUSIVE**, which is not")
    passed = folded.bundle("passed", write_closure(folded.folder / "passed.json", "passed"))
    assert (passed.folder / "README.md").read_text().startswith("# toy\n\nThese weights passed")


def test_weights_that_nothing_tested_say_so(bundled: Reweighter) -> None:
    """Not tested is not passed."""
    assert bundled.closure == "not tested"
    assert (bundled.folder / "README.md").read_text().startswith("# toy\n\n**NOT TESTED**")


def test_the_example_runs(bundled: Reweighter, folded: Made, tmp_path: Path) -> None:
    """The processor of docs/reweighting.md, with the names of this toy's inputs, and as a worker gets it."""
    page = (ROOT / "docs/reweighting.md").read_text().partition("## Taking the weights along")[2]
    code = page.partition("```python\n")[2].partition("```")[0]
    for name, ours in {"z_pt": "tail", "ht": "x0", "jet1_pt": "x1"}.items():
        assert f'"{name}"' in code
        code = code.replace(f'"{name}"', f'"{ours}"')
    (tmp_path / "example.py").write_text(code)
    processor = runpy.run_path(str(tmp_path / "example.py"))["Reweighted"](bundled.folder)
    processor.reweighter = copy.deepcopy(processor.reweighter)
    given = raw_events(folded.folder / "packed", "test")[0]["event"]
    jets = ak.zip({"ht": given["x0"], "leading_pt": given["x1"]})
    generator = np.where(np.arange(len(jets)) % 10 == 0, -1.0, 1.0)
    events = ak.zip({"Z": ak.zip({"pt": given["tail"]}), "Jet": jets, "genWeight": generator}, depth_limit=1)
    found = processor.process(events)
    weights = bundled({"event": given})
    assert found["target"] == pytest.approx(float(generator @ weights.weight))
    assert found["source"] == generator.sum()
    assert found["outside"] == weights.outside.sum() > 0
    assert found.keys() == {"source", "target", "outside"}  # up and down are no error of a sum


def test_bundles_of_the_other_kind_are_refused(bundled: Reweighter, tmp_path: Path) -> None:
    """Each says what reads it."""
    with pytest.raises(InputError, match="is no tagger; read it with Reweighter"):
        Bundle(bundled.folder)
    with pytest.raises(InputError, match="is no reweighter; read it with Bundle"):
        Reweighter(small_bundle(tmp_path / "tagger"))
