"""Protects taggers that are bundles of others: the scores of the bundle, or a message at the dry run."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import bundle, io
from jetsmith.bundle import Bundle
from jetsmith.classifiers.onnx import Options
from jetsmith.errors import ConfigError, InputError
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.features import ColumnGroup, ColumnSpec
from jetsmith.training import train
from tests.unit.bundled import ALL, FEATURES, raw_jets, small_bundle
from tests.unit.packed_jets import GROUPS, TRUTHS, make_spec, pack_jets, write_packed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of sums."""
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


def options(folder: Path, **changes: Any) -> dict[str, str]:
    found = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    return {"bundle": str(folder), "sha256": found, **changes}


def spec_of(folder: Path, **changes: Any) -> ClassifierSpec:
    """Its classes and features in another order."""
    spec = make_spec("onnx", ALL, architecture=options(folder))
    inputs = [i.model_copy(update={"features": i.features[::-1]}) for i in spec.inputs]
    return spec.model_copy(update={"classes": spec.classes[::-1], "inputs": tuple(inputs), **changes})


def test_scores_are_those_of_the_bundle(folder: Path, tmp_path: Path) -> None:
    """By names, through stages train and score; nothing is trained."""
    spec = spec_of(folder)
    for split in ("train", "validation", "calibration", "test"):
        write_packed(tmp_path / "packed" / split, pack_jets(40, 5))
    train(spec, tmp_path / "packed", tmp_path / "model", seed=1)
    score(spec, tmp_path / "model", tmp_path / "packed", tmp_path / "scores.parquet")
    rows = io.read_rows(tmp_path / "scores.parquet")
    of_folder = Bundle(folder)
    expected = of_folder.score(raw_jets(of_folder.groups, 40))[0]
    assert expected.std(axis=0).min() > 0.01
    assert np.asarray(rows["scored"]).all()
    for i, name in enumerate(TRUTHS):
        np.testing.assert_allclose(np.asarray(rows[f"p_{name}"]), np.tile(expected[:, i], 4), atol=1e-6)
    assert not io.read_json(tmp_path / "model/history.json")


def test_another_bundle_in_its_place_is_refused(folder: Path, tmp_path: Path) -> None:
    """A job that finds other files than the configuration named stops, and so does the next plan."""
    spec = spec_of(folder, architecture=options(folder, sha256="0" * 64))
    write_packed(tmp_path / "packed" / "test", pack_jets(40, 5))
    for split in ("train", "validation", "calibration"):
        write_packed(tmp_path / "packed" / split, pack_jets(4, 5))
    train(spec, tmp_path / "packed", tmp_path / "model", seed=1)
    with pytest.raises(InputError, match=r"and not 0000\S+ of onnx_tagger's file"):
        score(spec, tmp_path / "model", tmp_path / "packed", tmp_path / "scores.parquet")


@pytest.mark.parametrize(
    ("changes", "architecture", "words"),
    [
        ({}, {"bundle": ""}, "bundle: `` is no folder of a bundle"),
        ({}, {"sha256": "ab"}, "sha256: the bundle in .* is [0-9a-f]{64}; write that"),
        (
            {"classes": make_spec("onnx").classes[:2]},
            {},
            "bundle: has the classes b_jets, c_jets, light_jets; ",
        ),
        ({"inputs": (GROUPS["ak4"],)}, {}, "bundle: reads a group `charged`, which `inputs` lacks"),
    ],
)
def test_misfits(folder: Path, changes: dict[str, Any], architecture: dict[str, str], words: str) -> None:
    """What the parse can see, it says; in words of the tagger's file."""
    found = Options(**options(folder, **architecture)).misfits(spec_of(folder, **changes))
    with pytest.raises(ConfigError, match=words):
        raise ConfigError("\n".join(found))


def test_other_inputs_than_the_bundle_takes(folder: Path) -> None:
    """A feature too few, and a group that it does not read."""
    spec = spec_of(folder)
    few = spec.inputs[0].model_copy(update={"features": ("sip",)})
    more = spec.inputs[0].model_copy(update={"group": "more"})
    found = list(Options(**options(folder)).misfits(spec_of(folder, inputs=(few, *spec.inputs[1:], more))))
    assert found == [
        "bundle: reads of `ak4` sip, mass, jet_pt; write exactly these in `inputs`",
        "bundle: reads no group `more`; leave it out of `inputs`",
    ]


def test_changed_inputs_are_no_bundle(tmp_path: Path) -> None:
    """inputs.json that its own checksums do not know."""
    small_bundle(tmp_path / "b")
    with (tmp_path / "b/inputs.json").open("a") as file:
        file.write(" ")
    (found,) = Options(**options(tmp_path / "b")).misfits(spec_of(tmp_path / "b"))
    assert "inputs.json is missing or was changed" in found


def say(place: Path, about: dict[str, Any]) -> None:
    """Another inputs.json, with its checksum."""
    inputs, sums = place / "inputs.json", place / "SHA256SUMS"
    known, before = sums.read_text(), hashlib.sha256(inputs.read_bytes()).hexdigest()
    inputs.write_text(json.dumps(about))
    sums.write_text(known.replace(before, hashlib.sha256(inputs.read_bytes()).hexdigest()))


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("format",), bundle.FORMAT + 1, f"has format 2, and this jetsmith reads {bundle.FORMAT}"),
        (("tagger",), None, "is of a bundle of no tagger"),
        (("classes",), 3, "`classes`: "),
        (("classes", 0), [], "`classes.0`: "),
        (("groups",), {}, "`groups`: "),
        (("groups", 0, "kind"), "image", "`groups.0.kind`: "),
        (("groups", 0, "length"), None, "`groups.0.length`: "),
        (("groups", 0, "features"), [], "`groups.0.features`: "),
        (("groups", 0, "features", 0), True, "`groups.0.features.0`: "),
        (("groups", 0, "features", 0, "slot"), None, "`groups.0.features.0.slot`: "),
        (("groups", 0, "features", 0, "range"), [1.0], "`groups.0.features.0.range.1`: "),
        (
            ("groups", 0, "features", 0, "transform"),
            "nonsense",
            "`groups.0.features.0.transform`: Input should",
        ),
        (("groups", 0, "features", 0, "slot"), -1, "`groups.0.features.0.slot`: "),
        (("groups", 0, "features", 0, "default"), float("inf"), "`groups.0.features.0.default`: "),
        (("groups", 0, "features", 0, "meaning"), 5, "`groups.0.features.0.meaning`: "),
        (("classes", 1), lambda about: about["classes"][0], "`classes`: Value error, "),
        (("groups", 1), lambda about: about["groups"][0], "`groups`: Value error, "),
        (
            ("groups", 1, "features", 1),
            lambda about: about["groups"][1]["features"][0],
            "`groups.1.features`: Value error, ",
        ),
        (("groups", 1, "length"), -3, "`groups.1.length`: "),
        (("groups", 1, "length"), 0, "`groups.1.length`: Value error, a sequence needs `length` > 0"),
        (
            ("groups", 1, "features", 1, "clip"),
            [5, 1],
            "`groups.1.features.1.clip`: Value error, [smallest, ",
        ),
        (
            ("groups", 1, "features", 1, "clip"),
            [5, 5],
            "`groups.1.features.1.clip`: Value error, [smallest, ",
        ),
    ],
)
def test_inputs_of_another_kind_are_named(
    folder: Path, tmp_path: Path, keys: tuple[Any, ...], value: Any, words: str
) -> None:
    """Under checksums of their own: at the dry run, with file and key, and no traceback; None leaves out."""
    place = Path(shutil.copytree(folder, tmp_path / "b"))
    about = content = json.loads((place / "inputs.json").read_text())
    for key in keys[:-1]:
        content = content[key]
    content[keys[-1]] = value(about) if callable(value) else value  # a second one of a name
    if value is None:
        del content[keys[-1]]
    say(place, about)
    (said,) = Options(**options(place)).misfits(spec_of(place))
    assert said.startswith(f"bundle: {place / 'inputs.json'}: {words}")


def test_what_later_versions_say_beside_is_left_out(folder: Path, tmp_path: Path) -> None:
    """Of a file, a group and a feature: what the dry run lets pass is read by the job, too."""
    place = Path(shutil.copytree(folder, tmp_path / "b"))
    about = json.loads((place / "inputs.json").read_text())
    for said in (about, *about["groups"], *about["groups"][0]["features"]):
        said["later"] = {"x": 1}
    say(place, about)
    assert list(Options(**options(place)).misfits(spec_of(place))) == []
    assert bundle.Bundle(place).groups == bundle.Bundle(folder).groups


def groups(**changes: ColumnSpec) -> dict[str, ColumnGroup]:
    """Feature groups as the bundle takes them, but for features of `ak4`."""
    found = {}
    for name, inputs in GROUPS.items():
        features = FEATURES[name] | (changes if name == "ak4" else {})
        found[name] = ColumnGroup(
            name=name, object="ak4", kind=inputs.kind, length=inputs.length, features=features,
            sort_by="cpf_sip2d_sig" if name == "charged" else "",
        )  # fmt: skip
    return found


def test_features_are_computed_as_the_bundle_takes_them(folder: Path) -> None:
    """Another clip, or a shorter sequence, would be other numbers under the same name."""
    ours = Options(**options(folder))
    assert not list(ours.misfits_of_features(make_spec("onnx"), groups()))
    other = groups(mass=FEATURES["ak4"]["mass"].model_copy(update={"clip": (0, 4)}))
    assert list(ours.misfits_of_features(make_spec("onnx"), other)) == [
        "bundle: takes `ak4.mass` with `clip: [0.0, 3.0]`; config/features/ak4.yaml has `clip: [0.0, 4.0]`"
    ]
    short = {**groups(), "charged": groups()["charged"].model_copy(update={"length": 5})}
    (found,) = ours.misfits_of_features(make_spec("onnx"), short)
    assert (
        "reads `charged` as sequence of 6 sorted by `cpf_sip2d_sig`; config/features/charged.yaml has"
        in found
    )
