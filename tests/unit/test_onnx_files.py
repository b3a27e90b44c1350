"""Reweighters that are ONNX files of others: what goes in, what comes out, which events have none."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from jetsmith import io, stages
from jetsmith.classifiers.onnx import Options
from jetsmith.configuration import targets
from jetsmith.configuration.load import load
from jetsmith.configuration.subjects import subjects
from jetsmith.errors import ConfigError, InputError
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.reweighting.weights import write_weights
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.ratios import RatioEntry
from jetsmith.training import train
from tests.unit.packed_jets import write_packed
from tests.unit.spoil import ROOT

Array = np.ndarray[Any, Any]
FEATURES = ("a", "b", "c", "pt")
TENSORS = [["a", "b", 0.5], ["c", "b", -1.0]]
DATASETS = [("mine", "powheg")]
MATRIX = np.random.default_rng(5).normal(size=(6, 2)).astype(np.float32)


def write_model(
    path: Path, last: str = "Softmax", n_outputs: int = 2, kind: int = TensorProto.FLOAT, labels: str = ""
) -> dict[str, Any]:
    """A function of x W, shape (n, outputs), of x, shape (n, 2, 3), and the options that name it.

    Args:
        path: The file.
        last: Operator that makes it.
        n_outputs: Numbers an event.
        kind: Precision.
        labels: `ahead` of the numbers, or `alone`: the place of the largest one.
    """
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["z"]),
        helper.make_node(last, ["z"], ["y"]),
    ]
    known = [
        numpy_helper.from_array(np.array([-1, 6]), "shape"),
        numpy_helper.from_array(MATRIX[:, :n_outputs].astype(helper.tensor_dtype_to_np_dtype(kind)), "w"),
    ]
    outputs = [helper.make_tensor_value_info("y", kind, ["n", n_outputs])]
    if labels:
        nodes.append(helper.make_node("ArgMax", ["y"], ["label"], axis=1, keepdims=0))
        label = helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])
        outputs = [label, *outputs] if labels == "ahead" else [label]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", kind, ["n", 2, 3])],
        outputs,
        known,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "file": str(path),
        "sha256": digest,
        "tensors": {"x": TENSORS},
        "divided_by": {"b": 4.0},
        "outputs": ["up", "nominal"][:n_outputs],
    }


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_model(tmp_path_factory.mktemp("onnx") / "model.onnx")


def spec_of(architecture: dict[str, Any], **changes: Any) -> ClassifierSpec:
    """Source `nominal`, target `up`, of which there are no events."""
    classes = [
        ClassSpec(name=name, generator=generator, label=name, color="#000000")
        for name, generator in (("nominal", "powheg"), ("up", "powheg_up"))
    ]
    content: dict[str, Any] = {
        "name": "up", "role": "reweighter", "sample": "tt", "backend": "onnx", "title": "Up",
        "object": "event", "classes": classes, "training": {}, "architecture": architecture,
        "inputs": [Inputs(group="event", kind="flat", length=0, features=FEATURES, sources=("z_y",))],
        "ratio": RatioEntry.resolved(RatioEntry(valid={"pt": (0, 1000)}), trains=False, exact_in={}),
    }  # fmt: skip
    return ClassifierSpec(**content | changes)


def write_events(folder: Path, values: Array) -> Path:
    """The events, of both signs, in four splits."""
    for k, split in enumerate(SPLITS):
        part = values[k::4]
        n = len(part)
        columns = {"run": np.ones(n, "u4"), "luminosity_block": np.ones(n, "u4"), "fold": np.zeros(n, "i1")}
        columns |= {"event": (np.arange(n) * 4 + k).astype("u8"), "dataset": np.zeros(n, "i2")}
        packed = arrays.Packed(
            groups={"event": arrays.FlatGroup(part.astype("f4"), FEATURES)},
            label=np.zeros(n, "i4"),
            weight=np.where(np.arange(n) % 5, 1.0, -0.5),
            columns=columns | {"jet_index": np.zeros(n, "i2")},
            datasets=("mine",),
            generators=("powheg",),
        )
        write_packed(folder / "packed" / split, packed)
    return folder / "packed"


def logits_of(event: Array) -> Array:
    """x W of one event, written out."""
    a, b, c, _ = (float(x) for x in event)
    return np.array([a, b / 4, 0.5, c, b / 4, -1.0]) @ MATRIX.astype(float)


def ratio_of(event: Array) -> float:
    """What the model says of one event."""
    z = logits_of(event)
    return float(np.exp(z[0] - z[1]))


@pytest.fixture(scope="module")
def made(given: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """80 events through train, score and weights; of some an input is not finite, some are not valid."""
    folder = tmp_path_factory.mktemp("made")
    values = np.random.default_rng(2).normal(size=(80, 4))
    values[:, 3] = 100.0
    values[[3, 17, 40], [0, 1, 2]] = [np.nan, np.inf, -np.inf]
    values[[5, 6, 7, 8], 3] = [999.99, 1000.0, -1e-3, np.nan]
    packed, spec = write_events(folder, values), spec_of(given)
    train(spec, packed, folder / "model", seed=1)
    score(spec, folder / "model", packed, folder / "scores.parquet")
    outputs = folder / "mine.parquet", folder / "mine.json"
    write_weights(spec, folder / "scores.parquet", DATASETS, "mine", *outputs, spec.ratio, packed=packed)
    return values.astype(np.float32), io.read_rows(outputs[0]), json.loads(outputs[1].read_text()), folder


def test_weights_are_those_of_the_model(made: Any) -> None:
    """As published, without calibration and normalisation; 1 where there is none: counted and listed."""
    values, rows, numbers, _ = made
    outside = np.isin(np.arange(80), [3, 17, 40, 6, 7, 8])
    assert np.asarray(rows["event"]).tolist() == [*range(80)]
    assert np.asarray(rows["outside"]).tolist() == outside.tolist()
    expected = [1.0 if out else ratio_of(event) for event, out in zip(values, outside, strict=True)]
    for name in ("weight", "weight_up", "weight_down"):
        np.testing.assert_allclose(np.asarray(rows[name]), expected, rtol=2e-5)
    assert np.std(expected) > 0.2
    assert numbers["splits"]["all"]["n_outside"] == 6
    assert [by["method"] for by in numbers["calibrations"]] == ["none"]
    assert np.isfinite(np.asarray(rows["ratio"])).all()
    assert (np.asarray(rows["ratio"]) > 0).all()


def test_sums_are_conserved_for_those_who_ask(made: Any, given: dict[str, Any]) -> None:
    """`conserve: true` of a file: the sum is what it was, and events without a ratio keep their weight."""
    folder = made[3]
    asked = RatioEntry.resolved(RatioEntry(valid={"pt": (0, 1000)}, conserve=True), trains=False, exact_in={})
    assert (asked.calibration, asked.conserve) == ("none", True)
    write_weights(
        spec_of(given, ratio=asked), folder / "scores.parquet", DATASETS, "mine", folder / "c.parquet",
        ratio=asked, packed=folder / "packed",
    )  # fmt: skip
    rows = io.read_rows(folder / "c.parquet")
    generator, weight = np.asarray(rows["weight_generator"]), np.asarray(rows["weight"])
    assert generator @ weight == pytest.approx(generator.sum(), rel=1e-12)
    assert (weight[np.asarray(rows["outside"])] == 1).all()


def test_defaults_depend_on_who_trained() -> None:
    """Our own are calibrated and conserve sums; a key that was given stands; bins ask for conservation."""
    assert RatioEntry.resolved(None, trains=True, exact_in={}) == RatioEntry()
    others = RatioEntry.resolved(None, trains=False, exact_in={})
    assert (others.calibration, others.conserve) == ("none", False)
    told = RatioEntry.resolved(RatioEntry(calibration="platt"), trains=False, exact_in={})
    assert (told.calibration, told.conserve) == ("platt", False)
    assert RatioEntry.resolved(RatioEntry(conserve_in={"pt": (0, 1)}), trains=False, exact_in={}).conserve


def test_one_output_is_the_probability_of_its_class(tmp_path: Path) -> None:
    """A sigmoid: the rest is the other's."""
    architecture = write_model(tmp_path / "one.onnx", "Sigmoid", 1)
    values = np.random.default_rng(3).normal(size=(40, 4)).astype(np.float32)
    spec, packed = spec_of(architecture), write_events(tmp_path, values)
    assert not list(Options(**architecture).misfits(spec))
    train(spec, packed, tmp_path / "model", seed=1)
    score(spec, tmp_path / "model", packed, tmp_path / "scores.parquet")
    rows = io.read_rows(tmp_path / "scores.parquet")
    up, event = np.asarray(rows["p_up"]), np.asarray(rows["event"]).astype(int)
    logit = [logits_of(values[k])[0] for k in event]
    np.testing.assert_allclose(up, 1 / (1 + np.exp(-np.array(logit))), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(rows["p_nominal"]), 1 - up, rtol=1e-6)


@pytest.mark.parametrize("labels", ["ahead", "alone"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_labels_are_no_probabilities(tmp_path: Path, n_outputs: int, labels: str) -> None:
    """As converters of scikit-learn and XGBoost write them ahead; the message has what the file has."""
    architecture = write_model(tmp_path / "labels.onnx", "Sigmoid", n_outputs, labels=labels)
    beside = rf", `y` tensor\(float\) \(n, {n_outputs}\)" if labels == "ahead" else ""
    words = rf"its first output `label` is tensor\(int64\).*it has `label` tensor\(int64\) \(n\){beside}\."
    (said,) = Options(**architecture).misfits(spec_of(architecture))  # one message for one fault
    assert re.search(words, said)


def test_a_file_of_doubles_takes_them(tmp_path: Path) -> None:
    """What is packed in single precision goes in as the file has it, and gives the same."""
    values = np.random.default_rng(3).normal(size=(40, 4)).astype(np.float32)
    packed, found = write_events(tmp_path, values), []
    for kind in (TensorProto.FLOAT, TensorProto.DOUBLE):
        architecture = write_model(tmp_path / f"{kind}.onnx", kind=kind)
        spec = spec_of(architecture)
        assert not list(Options(**architecture).misfits(spec))
        train(spec, packed, tmp_path / f"model{kind}", seed=1)
        score(spec, tmp_path / f"model{kind}", packed, tmp_path / f"{kind}.parquet")
        found.append(np.asarray(io.read_rows(tmp_path / f"{kind}.parquet")["p_up"]))
    assert np.isfinite(found[0]).any()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_an_axis_of_one_more_is_none(tmp_path: Path) -> None:
    """Probabilities of an event as (1, K): the numbers of an event are what counts."""
    architecture = write_model(tmp_path / "one_more.onnx")
    model = onnx.load(tmp_path / "one_more.onnx")
    (given,) = model.graph.output
    n, k = (axis.dim_param or axis.dim_value for axis in given.type.tensor_type.shape.dim)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "axes"))
    model.graph.node.append(helper.make_node("Unsqueeze", [given.name, "axes"], ["wide"]))
    model.graph.ClearField("output")
    model.graph.output.append(helper.make_tensor_value_info("wide", TensorProto.FLOAT, [n, 1, k]))
    onnx.save(model, tmp_path / "one_more.onnx")
    architecture["sha256"] = hashlib.sha256((tmp_path / "one_more.onnx").read_bytes()).hexdigest()
    assert not list(Options(**architecture).misfits(spec_of(architecture)))
    (said,) = Options(**architecture | {"outputs": ["up"]}).misfits(spec_of(architecture))
    assert re.search(r"names 1; the file's first output has 2 numbers an event: `wide` \(n, 1, 2\)", said)


def test_integers_do_not_go_in(tmp_path: Path) -> None:
    """Features are floats: a file of others is not for them."""
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["f", "axis"], ["s"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "m",
        [helper.make_tensor_value_info("x", TensorProto.INT64, ["n", 2, 3])],
        [helper.make_tensor_value_info("s", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.array([1]), "axis")],
    )
    path = tmp_path / "integers.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    architecture = write_model(tmp_path / "m.onnx") | {"file": str(path), "sha256": sha256}
    with pytest.raises(ConfigError, match=r"its input `x` is tensor\(int64\); floats go in"):
        raise ConfigError("\n".join(Options(**architecture).misfits(spec_of(architecture))))


def test_what_is_no_probability_or_no_event_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    """Logits, another file in its place, and events of which not one has the inputs."""
    packed = write_events(tmp_path, np.random.default_rng(1).normal(size=(40, 4)))
    train(spec_of(given), packed, tmp_path / "model", seed=1)

    def scored(architecture: dict[str, Any], events: Path = packed) -> None:
        score(spec_of(architecture), tmp_path / "model", events, tmp_path / "scores.parquet")

    with pytest.raises(InputError, match=r"no probabilities of up, nominal: some are negative"):
        scored(write_model(tmp_path / "logits.onnx", "Identity"))
    with pytest.raises(InputError, match=r"and not 0000\S+ of up's file"):
        scored(given | {"sha256": "0" * 64})
    with pytest.raises(InputError, match="none of the 40 rows has all inputs"):
        scored(given, write_events(tmp_path / "none", np.full((40, 4), np.nan)))


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "both": ({"bundle": "b"}, "file: there is a `bundle`, too; leave one of them out"),
    "no file": ({"file": "not/there.onnx"}, "file: `not/there.onnx` is not there"),
    "another": ({"sha256": "ab"}, "sha256: .*model.onnx is [0-9a-f]{64}; write that"),
    "a bundle with tensors": (
        {"file": ""},
        "divided_by, outputs, tensors: a bundle says itself what it reads",
    ),
    "no tensors": ({"tensors": {}}, "divided_by: `b` is in none of `tensors`"),
    "another name": ({"tensors": {"y": TENSORS}}, "tensors: the file has x; `tensors` has y"),
    "unknown feature": (
        {"tensors": {"x": [["a", "b", 0.5], ["cc", "b", 1.0]]}},
        "no flat feature `cc` in `inputs`",
    ),
    "idle feature": (
        {"tensors": {"x": [["a", "b", 0.5], ["a", "b", 1.0]]}},
        "tensors: nothing reads c; leave",
    ),
    "lines of two lengths": ({"tensors": {"x": [["a", "b", 0.5], ["c", "b"]]}}, "tensors.x: is a list of"),
    "a line and a number": ({"tensors": {"x": [["a", "b", "c"], 0.5]}}, "tensors.x: is a list of"),
    "another shape": (
        {"tensors": {"x": [["a", "b"], ["c", 1.0]]}},
        r"array of \(2, 2\); the file takes \(2, 3\)",
    ),
    "another rank": ({"tensors": {"x": ["a", "b", "c"]}}, r"array of \(3\); the file takes \(2, 3\)"),
    "unknown divisor": ({"divided_by": {"pt": 4.0}}, "divided_by: `pt` is in none of `tensors`"),
    "other outputs": ({"outputs": ["up", "down"]}, "outputs: up, down; needs each of nominal, up once"),
    "an output twice": ({"outputs": ["up", "up"]}, "outputs: up, up; needs each of nominal, up once"),
    "an output too few": ({"outputs": ["up"]}, "outputs: names 1; the file's first output has 2"),
}


@pytest.mark.parametrize(("change", "words"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(given: dict[str, Any], change: dict[str, Any], words: str) -> None:
    """What the parse can see, it says."""
    architecture = given | change
    with pytest.raises(ConfigError, match=words):
        raise ConfigError("\n".join(Options(**architecture).misfits(spec_of(architecture))))
    assert not list(Options(**given).misfits(spec_of(given)))


def test_what_is_no_model_is_named(given: dict[str, Any], tmp_path: Path) -> None:
    """A file of another kind, pinned by mistake."""
    path = tmp_path / "no.onnx"
    path.write_bytes(b"no model")
    other = given | {"file": str(path), "sha256": hashlib.sha256(b"no model").hexdigest()}
    (said,) = Options(**other).misfits(spec_of(other))
    assert said.startswith(f"file: {path}: cannot be read as ONNX")


@pytest.mark.parametrize("place", ["weights.data", "../weights.data"])
def test_weights_beside_a_file_are_not_read(given: dict[str, Any], tmp_path: Path, place: str) -> None:
    """The file's checksum does not cover them: others in their place were another model under one digest."""
    path = tmp_path / "model" / "apart.onnx"
    path.parent.mkdir()
    model = onnx.load(given["file"])
    onnx.save_model(model, path, save_as_external_data=True, location="weights.data", size_threshold=0)
    if place.startswith(".."):
        apart = onnx.load(path, load_external_data=False)
        for tensor in apart.graph.initializer:
            for entry in tensor.external_data:
                entry.value = place if entry.key == "location" else entry.value
        path.write_bytes(apart.SerializeToString())
        (path.parent / "weights.data").rename(tmp_path / "weights.data")
    architecture = given | {"file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (said,) = Options(**architecture).misfits(spec_of(architecture))
    assert said.startswith(f"file: {path}: keeps weights in files beside it (external data)")


@pytest.fixture
def folder(tmp_path: Path, given: dict[str, Any]) -> Path:
    """The project's configuration with a reweighter of this model, on events of the demo's first set-up."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    kinds = {"a": "z_pt", "b": "z_abs_y", "c": "ht", "pt": "m_jj"}
    tensors = {"x": [[kinds.get(entry, entry) for entry in line] for line in TENSORS]}
    content = {
        "title": "Up", "backend": "onnx", "object": "event", "classes": ["power_shower", "hdamp_up"],
        "inputs": {"event": ["z_pt", "z_abs_y", "ht", "m_jj"]}, "ratio": {"valid": {"m_jj": [-10, 1000]}},
        "architecture": given
        | {"tensors": tensors, "divided_by": {"z_abs_y": 4.0}, "outputs": ["hdamp_up", "power_shower"]},
    }  # fmt: skip
    (tmp_path / "config/reweighters/up.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "config"


RUN = {"seed": 1, "samples": {"z": {"datasets": ["zjets_power"]}}, "reweighters": {"up": "z"}}


def test_a_target_without_events_is_not_tested(folder: Path) -> None:
    """Its weights are made; closure, and what shows it, are for reweighters that it can test."""
    run = load(RUN, folder)
    assert (run.tested, subjects(run, "reweighter")) == ([], [])
    assert run.classifiers["up"].ratio == RatioEntry(
        calibration="none", conserve=False, valid={"m_jj": (-10, 1000)}
    )
    with pytest.raises(ConfigError, match=r"the list of tested reweighters .* has no reweighter `up`"):
        targets.check(["results/closure/up.json"], ["results/closure/{reweighter}.json"], run)
    targets.check(["results/weights/up/a.json"], ["results/weights/{reweighter}/a.json"], run)
    assert stages.verdict(run).untested == ["up"]
    both = load(
        {**RUN, "samples": {"z": {"datasets": ["zjets_power", "zjets_dipole"]}}}, _with_target(folder)
    )
    assert both.tested == ["up"]
    assert stages.verdict(both).untested == []


def test_the_documentation_shows_the_shipped_file() -> None:
    """Protects: an example that has aged."""
    text = (ROOT / "docs/reweighting.md").read_text()
    (block,) = [
        block.split("```")[0] for block in text.split("```yaml\n") if "sha256" in block.split("```")[0]
    ]
    shown = yaml.safe_load(block)
    shipped = yaml.safe_load((ROOT / "config/reweighters/hdamp_up.yaml").read_text())
    assert shown == {key: shipped[key] for key in shown}


def _with_target(folder: Path) -> Path:
    path = folder / "reweighters/up.yaml"
    path.write_text(path.read_text().replace("hdamp_up", "dipole_shower"))
    return folder


REFUSED: dict[str, tuple[str, Any, str]] = {
    "calibration": (
        "ratio",
        {"calibration": "platt"},
        "ratio.calibration: platt is fitted to events of both",
    ),
    "unknown region": (
        "ratio",
        {"valid": {"m_jj": [0, 1], "m_jjj": [0, 1]}},
        "ratio.valid: `m_jjj` is none of the flat inputs",
    ),
    "region that falls": (
        "ratio",
        {"valid": {"m_jj": [5, 5]}},
        r"ratio.valid.m_jj: \[smallest, end\] must rise",
    ),
    "source": (
        "classes",
        ["powheg", "hdamp_up"],
        "the source made by a dataset.*classes without: powheg of 2",
    ),
    "no generator": ("classes", ["power_shower", "b_jets"], "classes without: b_jets of 2"),
}


@pytest.mark.parametrize(("key", "value", "words"), REFUSED.values(), ids=REFUSED)
def test_mistakes_in_files(folder: Path, key: str, value: Any, words: str) -> None:
    """A source without events, and what needs a target that has none."""
    path = folder / "reweighters/up.yaml"
    content = yaml.safe_load(path.read_text()) | {key: value}
    content["architecture"]["outputs"] = content["classes"][::-1]
    if key == "ratio":
        content["ratio"] = {"valid": {"m_jj": [0, 1]}} | value
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=words):
        load(RUN, folder)
    trained = {key: content[key] for key in ("title", "object", "inputs")} | {"backend": "xgboost"}
    path.write_text(yaml.safe_dump(trained | {"classes": ["power_shower", "dipole_shower"]}))
    with pytest.raises(ConfigError, match="classes without: dipole_shower of 2"):
        load(RUN, folder)
