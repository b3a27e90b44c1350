"""ONNX files of others as taggers, with weaver's preprocessing: what goes in and comes out, and mistakes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from jetsmith import weaver
from jetsmith.classifiers.onnx import Options, read
from jetsmith.configuration import records
from jetsmith.errors import ConfigError, InputError
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import ClassifierSpec
from tests.unit.packed_jets import make_spec, pack_jets, with_flat

Array = np.ndarray[Any, Any]
LABELS = {"b_jets": ["lab_b", "lab_bb"], "c_jets": ["lab_c"], "light_jets": ["lab_l"]}
OUTPUTS = ["lab_b", "lab_bb", "lab_c", "lab_l", "lab_none"]
SCALED = {
    "median": 0.5,
    "norm_factor": 2.0,
    "replace_inf_value": 0,
    "lower_bound": -3,
    "upper_bound": 3,
    "pad": 7,
}
PLAIN = {"median": 0, "norm_factor": 1}
MATRIX = np.random.default_rng(5).normal(size=(2, 5))


def preprocessing() -> dict[str, Any]:
    """Two features of tracks with a mask, 2 to 4 of them, and one of the jet."""
    return {
        "output_names": OUTPUTS,
        "input_names": ["trk_features", "trk_mask", "jet"],
        "trk_features": {
            "var_names": ["trk_sip", "trk_ptrel"],
            "var_infos": {"trk_sip": SCALED, "trk_ptrel": PLAIN},
            "min_length": 2,
            "max_length": 4,
        },
        "trk_mask": {
            "var_names": ["trk_mask"],
            "var_infos": {"trk_mask": PLAIN},
            "min_length": 2,
            "max_length": 4,
        },
        "jet": {"var_names": ["fj_mass"], "var_infos": {"fj_mass": PLAIN}, "var_length": 1},
    }


def write(folder: Path, content: Any = None, last: str = "Softmax") -> dict[str, Any]:
    """softmax(W sum over slots of features + the jet's), of padded slots too, so that each slot counts."""
    nodes = [
        helper.make_node("ReduceSum", ["trk_features", "axis"], ["a"], keepdims=0),
        helper.make_node("MatMul", ["a", "w"], ["b"]),
        helper.make_node("ReduceSum", ["trk_mask", "axes"], ["n"], keepdims=0),
        helper.make_node("ReduceSum", ["jet", "axes"], ["m"], keepdims=0),
        helper.make_node("Add", ["n", "m"], ["k"]),
        helper.make_node("Unsqueeze", ["k", "one"], ["column"]),
        helper.make_node("Mul", ["column", "e"], ["moved"]),
        helper.make_node("Add", ["b", "moved"], ["z"]),
        helper.make_node(last, ["z"], ["y"]),
    ]
    known = {
        "axis": np.array([2]), "axes": np.array([1, 2]), "one": np.array([1]),
        "w": MATRIX.astype("f4"), "e": np.eye(5, dtype="f4")[:1],
    }  # fmt: skip
    takes = {"trk_features": ["n", 2, "t"], "trk_mask": ["n", 1, "t"], "jet": ["n", 1, "u"]}
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in takes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(value, name) for name, value in known.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx"
    )
    (folder / "p.json").write_text(json.dumps(preprocessing() if content is None else content))
    return {
        "file": str(folder / "m.onnx"),
        "sha256": digest(folder / "m.onnx"),
        "preprocess": str(folder / "p.json"),
        "preprocess_sha256": digest(folder / "p.json"),
        "variables": {"trk_*": "charged", "fj_mass": "ak4.mass"},
        "labels": LABELS,
    }


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write(tmp_path_factory.mktemp("weaver"))


def spec_of(architecture: dict[str, Any]) -> ClassifierSpec:
    """A tagger on flat and charged inputs; all of these are read."""
    spec = make_spec("onnx", ("ak4", "charged"), architecture=architecture)
    flat = spec.inputs[0].model_copy(update={"features": ("mass",)})
    return spec.model_copy(update={"inputs": (flat, spec.inputs[1])})


def expected(tracks: list[tuple[float, float]], mass: float) -> list[float]:
    """One jet, slot by slot; b, c and light."""
    n = min(max(len(tracks), 2), 4)
    z = np.zeros(5)
    for slot in range(n):
        sip, ptrel = 7.0, 0.0
        if slot < len(tracks):
            ptrel = min(max(tracks[slot][0], -5.0), 5.0)
            sip = min(max((tracks[slot][1] - 0.5) * 2.0, -3.0), 3.0)
            z[0] += 1
        z += np.array([sip, ptrel]) @ MATRIX
    z[0] += min(max(mass, -5.0), 5.0)
    p = np.exp(z - z.max())
    p = p / p.sum()
    by_class = np.array([p[0] + p[1], p[2], p[3]])
    return list(by_class / by_class.sum())


def test_scores_are_those_of_the_model(given: dict[str, Any]) -> None:
    """Scaled, clipped, padded and cut as weaver says; labels added up, others left out, jet by jet."""
    jets, spec = pack_jets(300, 3), spec_of(given)
    assert not list(Options.model_validate(given).misfits(spec))
    found = read(spec, Rows.select(spec.inputs, [jets])).probabilities
    charged = jets.groups["charged"]
    mass = jets.groups["ak4"].values[:, jets.groups["ak4"].names.index("mass")]
    counts = np.diff(charged.offsets)
    assert {0, 1, 3, 4} < set(np.minimum(counts, 5).tolist())
    for k, (first, last) in enumerate(zip(charged.offsets[:-1], charged.offsets[1:], strict=True)):
        tracks = [(float(row[2]), float(row[1])) for row in charged.values[first : min(last, first + 6)]]
        np.testing.assert_allclose(found[k], expected(tracks, float(mass[k])), rtol=2e-4, atol=1e-6)


def test_who_is_read_with_whom_changes_nothing(given: dict[str, Any]) -> None:
    """A jet alone has the scores that it has among others, whose lists are longer."""
    spec = spec_of(given)
    rows = Rows.select(spec.inputs, [pack_jets(60, 4)])
    together = read(spec, rows).probabilities
    for k in (0, 7, 30):
        np.testing.assert_allclose(read(spec, rows[np.array([k])]).probabilities[0], together[k], atol=1e-7)


def test_what_is_not_finite_stops(given: dict[str, Any]) -> None:
    """As of every network: the feature is named."""
    jets, spec = pack_jets(20, 5), spec_of(given)
    values = np.array(jets.groups["ak4"].values)
    values[3, 3] = np.nan
    with pytest.raises(InputError, match=r"ak4\.mass in 1 of 20 rows"):
        read(spec, Rows.select(spec.inputs, [with_flat(jets, values)]))


def test_outputs_that_are_no_probabilities_stop(tmp_path: Path) -> None:
    """Logits."""
    spec = spec_of(write(tmp_path, last="Identity"))
    with pytest.raises(InputError, match="are no probabilities"):
        read(spec, Rows.select(spec.inputs, [pack_jets(20, 5)]))


def test_another_preprocessing_in_its_place_stops(tmp_path: Path) -> None:
    """Its numbers are half of the model."""
    architecture = write(tmp_path)
    content = preprocessing()
    content["trk_features"]["var_infos"]["trk_sip"] = SCALED | {"median": 0.6}
    (tmp_path / "p.json").write_text(json.dumps(content))
    spec = spec_of(architecture)
    with pytest.raises(InputError, match=r"p\.json: is [0-9a-f]{64}, and not"):
        read(spec, Rows.select(spec.inputs, [pack_jets(20, 5)]))
    with pytest.raises(ConfigError, match=r"preprocess_sha256: .*p\.json is [0-9a-f]{64}"):
        said(architecture)


def said(architecture: dict[str, Any], spec: ClassifierSpec | None = None) -> None:
    problems = list(Options.model_validate(architecture).misfits(spec or spec_of(architecture)))
    if problems:
        raise ConfigError("\n".join(problems))


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "absent": ({"preprocess": "no.json"}, "preprocess: `no.json` is not there"),
    "with tensors": ({"tensors": {"x": ["mass"]}}, "tensors: `preprocess` says what goes in"),
    "without preprocess": ({"preprocess": ""}, "labels, .*variables: of a file with `preprocess`"),
    "unmapped": ({"variables": {"fj_mass": "ak4.mass"}}, "variables: says nothing of `trk_sip`"),
    "no such group": ({"variables": {"trk_*": "chargd", "fj_mass": "ak4.mass"}}, "of `chargd`, .*`charged`"),
    "no such feature": ({"variables": {"trk_*": "charged", "fj_mass": "ak4.mas"}}, "`ak4.mas`, .*`mass`"),
    "no such variable": (
        {"variables": {"trk_*": "charged", "fj_mass": "ak4.mass", "fj_pt": "ak4.mass"}},
        "variables.fj_pt: no variable of",
    ),
    "two sequences": (
        {"variables": {"trk_*": "charged", "fj_mass": "ak4.mass", "trk_sip": "ak4.mass"}},
        "`trk_features` is of one sequence; its variables are of ak4, charged",
    ),
    "a class without": ({"labels": {"b_jets": ["lab_b"], "c_jets": ["lab_c"]}}, "labels: has b_jets, c_jets"),
    "no such label": ({"labels": LABELS | {"c_jets": ["lab_d"]}}, "labels: `lab_d` is no output"),
    "a label twice": ({"labels": LABELS | {"c_jets": ["lab_b"]}}, "each output of one class at most"),
}


@pytest.mark.parametrize(("change", "words"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(given: dict[str, Any], change: dict[str, Any], words: str) -> None:
    """What the parse can see, it says."""
    with pytest.raises(ConfigError, match=words):
        said(given | change)


def test_a_group_that_is_too_short_is_named(given: dict[str, Any]) -> None:
    """Constituents that the model knows would be lost in silence."""
    spec = spec_of(given)
    short = spec.inputs[1].model_copy(update={"length": 3})
    with pytest.raises(ConfigError, match=r"takes up to 4 constituents; the group keeps 3: raise `length`"):
        said(given, spec.model_copy(update={"inputs": (spec.inputs[0], short)}))
    more = spec.inputs[0].model_copy(update={"features": ("mass", "sip")})
    with pytest.raises(ConfigError, match=r"inputs\.ak4: nothing reads sip"):
        said(given, spec.model_copy(update={"inputs": (more, spec.inputs[1])}))


def spoilt(**changes: Any) -> dict[str, Any]:
    return preprocessing() | changes


OF_TRACKS = preprocessing()["trk_features"]
HOSTILE: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "is no preprocessing file of weaver's"),
    "a list": ([1], "it has no list `input_names`"),
    "deep": ("[" * 100_000, "is no preprocessing file of weaver's"),
    "an input that it lacks": (spoilt(input_names=["trk_features", "x"]), "the file lacks x and has .*jet"),
    "an input twice": (spoilt(input_names=["jet", "jet", "trk_mask", "trk_features"]), "has a name twice"),
    "no outputs": (spoilt(output_names=[]), "output_names"),
    "infinite": (
        json.dumps(
            spoilt(jet={**preprocessing()["jet"], "var_infos": {"fj_mass": PLAIN | {"median": float("inf")}}})
        ),
        "inputs.jet.var_infos.fj_mass.median",
    ),
    "text": (
        spoilt(jet={**preprocessing()["jet"], "var_infos": {"fj_mass": PLAIN | {"median": "1"}}}),
        "inputs.jet.var_infos.fj_mass.median",
    ),
    "no scaling": (spoilt(trk_features={**OF_TRACKS, "var_infos": {}}), "lacks trk_sip, trk_ptrel"),
    "huge": (spoilt(trk_features={**OF_TRACKS, "max_length": 10**9}), "max_length"),
    "lengths that cross": (spoilt(trk_features={**OF_TRACKS, "min_length": 5}), "min_length: 5 is above"),
    "no lengths": (
        spoilt(jet={key: v for key, v in preprocessing()["jet"].items() if key != "var_length"}),
        "needs `var_length`",
    ),
    "more keys": (spoilt(jet={**preprocessing()["jet"], "code": "import os"}), "inputs.jet.code"),
}


@pytest.mark.parametrize(("content", "words"), HOSTILE.values(), ids=HOSTILE)
def test_files_that_weaver_did_not_write(tmp_path: Path, content: Any, words: str) -> None:
    """Each is refused with a message, never read half."""
    (tmp_path / "p.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=words):
        weaver.read(tmp_path / "p.json")


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "names": (
        {"input_names": ["trk_features", "trk_mask", "jets"], "jets": preprocessing()["jet"]},
        "has trk_features, trk_mask, jet. Take the file that was published with it",
    ),
    "variables": (
        {"trk_features": {**OF_TRACKS, "var_names": ["trk_sip"]}},
        "`trk_features` has 1 variables; .* takes",
    ),
    "outputs": ({"output_names": [*OUTPUTS, "more"]}, "names 6 outputs; .* gives 5"),
}


@pytest.mark.parametrize(("change", "words"), OTHERS.values(), ids=OTHERS)
def test_preprocessing_of_another_model(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """The two files are compared with each other."""
    content = preprocessing() | change
    if "jets" in content:
        del content["jet"]
    architecture = write(tmp_path, content)
    spec = spec_of(architecture)
    if "trk_features" in change:  # what nothing reads any more
        fewer = spec.inputs[1].model_copy(update={"features": ("sip",)})
        spec = spec.model_copy(update={"inputs": (spec.inputs[0], fewer)})
    with pytest.raises(ConfigError, match=words):
        said(architecture, spec)


def test_hints_are_what_records_give(given: dict[str, Any]) -> None:
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(ConfigError, match=records.hint("lab_cc", OUTPUTS)[2:20]):
        said(given | {"labels": LABELS | {"c_jets": ["lab_cc"]}})
