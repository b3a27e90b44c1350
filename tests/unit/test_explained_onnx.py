"""What is looked into of taggers by ONNX files of others: permutation on their jets, and no values by jet."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from jetsmith import io, metrics, plugs
from jetsmith.configuration.load import load
from jetsmith.explaining.stage import explain
from jetsmith.handed.explanation import Explanation
from jetsmith.hashing import SPLITS
from jetsmith.plots import importance as plot
from jetsmith.scoring import score
from jetsmith.specs.explain import JetsSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.training import train
from tests import tiny
from tests.unit import test_onnx_files, test_onnx_taggers
from tests.unit.packed_jets import make_spec, pack_jets, with_flat, write_packed
from tests.unit.test_explaining import BACKGROUND, ONE_AGAINST_ONE, SIGNAL

ALL = JetsSpec(exchanged=5000, attributed=10)


def look(spec: Any, folder: Path, n: int = 800, change: Any = lambda jets: jets) -> Explanation:
    """Stages train, score and explain, on n jets a split."""
    for seed, split in enumerate(SPLITS):
        write_packed(folder / "packed" / split, replace(change(pack_jets(n, seed)), sample="", split=split))
    train(spec, folder / "packed", folder / "model", seed=1)
    path = folder / "e.json"
    explain(spec, ONE_AGAINST_ONE, SIGNAL, BACKGROUND, folder / "model", folder / "packed", path, ALL, 1)
    return io.read_record(Explanation, path, tagger=spec.name)


def area(spec: Any, folder: Path) -> tuple[float, int]:
    """The area, and of how many jets, by the scores that the workflow writes."""
    score(spec, folder / "model", folder / "packed", folder / "scores.parquet")
    rows = io.read_rows(folder / "scores.parquet")
    by_class = {name: np.asarray(rows[f"p_{name}"]) for name in spec.class_names}
    judged, label = metrics.discriminant(ONE_AGAINST_ONE, by_class), np.asarray(rows["label"])
    used = (np.asarray(rows["split"]) == SPLITS.index("test")) & np.asarray(rows["scored"])
    is_b, is_light = used & np.isin(label, SIGNAL.truth), used & np.isin(label, BACKGROUND.truth)
    weight = np.asarray(rows["weight"])
    found = metrics.auc(judged[is_b], weight[is_b], judged[is_light], weight[is_light])
    return found, int(is_b.sum() + is_light.sum())


def test_sequences_by_feature_and_by_group(tmp_path: Path) -> None:
    """Each variable and each group of a file with weaver's preprocessing, on the jets of the test split."""
    spec = test_onnx_taggers.spec_of(test_onnx_taggers.write(tmp_path))
    found = look(spec, tmp_path)
    assert (found.auc, found.jets) == pytest.approx(area(spec, tmp_path))
    wanted = {(given.group, (name,)) for given in spec.inputs for name in given.features}
    assert {(lost.group, lost.features) for lost in found.features} == wanted
    groups = {lost.group: lost for lost in found.groups}
    assert set(groups) == {"ak4", "charged"}
    lost = groups["charged"]  # of a made-up model: it may be better at light jets
    assert abs(lost.loss) > 5 * (lost.loss - lost.low) > 0
    assert found.attribution is None
    shown = plot.compute(TrainedSpec(name=spec.name, title="T", backend="onnx"), found)
    assert "neither gradients nor SHAP values" in shown.caption()


def test_jets_without_a_score_are_left_out(tmp_path: Path) -> None:
    """A bare file has none where an input is no number; the others keep theirs."""
    architecture = test_onnx_files.write_model(tmp_path / "m.onnx") | {
        "tensors": {"x": [["sip", "mass", 0.5], ["mass", "sip", -1.0]]},
        "divided_by": {},
        "outputs": ["b_jets", "light_jets"],
    }
    spec = make_spec("onnx", architecture=architecture, classes=[SIGNAL, BACKGROUND])
    flat = spec.inputs[0].model_copy(update={"features": ("sip", "mass")})
    spec = spec.model_copy(update={"inputs": (flat,), "discriminant": ONE_AGAINST_ONE})

    def spoilt(jets: Any) -> Any:
        values = np.array(jets.groups["ak4"].values)
        values[::7, 2] = np.nan
        return with_flat(jets, values)

    found = look(spec, tmp_path, change=spoilt)
    assert (found.auc, found.jets) == pytest.approx(area(spec, tmp_path))
    assert {lost.features for lost in found.features} == {("sip",), ("mass",)}


def test_who_is_looked_into(tmp_path: Path) -> None:
    """Protects: stored scores have no inputs to exchange; a file of others has, though nothing is trained."""
    taggers, project = tmp_path / "config/taggers", tmp_path / "config"
    tiny.write_config(project)
    (tmp_path / "a.root").write_bytes(b"root")
    trees = tiny.FILES["taggers/trees.yaml"]
    architecture = test_onnx_files.write_model(tmp_path / "m.onnx") | {
        "tensors": {"x": [["jetPt", "jetAbsEta", 0.5], ["jetAbsEta", "jetPt", -1.0]]},
        "divided_by": {},
        "outputs": ["b_jets", "light_jets"],
    }
    theirs = {key: trees[key] for key in ("object", "evaluation")} | {
        "title": "Theirs",
        "backend": "onnx",
        "classes": ["b_jets", "light_jets"],
        "inputs": {"ak4": ["jetPt", "jetAbsEta"]},
        "architecture": architecture,
        "discriminants": {"BvsL": {"signal": ["b_jets"], "background": {"light_jets": 1.0}}},
    }
    (taggers / "theirs.yaml").write_text(yaml.safe_dump(theirs, sort_keys=False))
    run = tiny.FILES["config.yaml"] | {"data_root": str(tmp_path)}
    run["taggers"] = run["taggers"] | {"theirs": next(iter(run["taggers"].values()))}
    loaded = load(run, project)
    assert set(loaded.explained) == {"trees", "theirs"} < set(loaded.run.taggers)
    assert {name for name in plugs.names("classifiers") if not plugs.computes(name)} == {"stored", "table"}
