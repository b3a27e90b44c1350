"""Protects the scores: which rows, from which model, in which columns."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from jetsmith import io
from jetsmith.classifiers import stored
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.metrics import discriminant
from jetsmith.rows import Rows
from jetsmith.scoring import score
from jetsmith.specs import TrainingSpec
from jetsmith.training import train
from tests.unit.packed_jets import make_spec, pack_jets, write_sample

ROUNDS = TrainingSpec(epochs=10, learning_rate=0.3)
TWO = make_spec("stored").classes[:2]


def stored_spec(column: str = "sip", **changes: object) -> object:
    return make_spec("stored", classes=TWO, architecture={"column": column}, discriminant=None, **changes)


def test_columns_and_rows_of_all_splits(tmp_path: Path) -> None:
    """Every row of every split with its key, truth, weight, kinematics; probabilities sum to 1."""
    packed = write_sample(tmp_path / "packed", 200)
    spec = make_spec("xgboost", training=ROUNDS)
    train(spec, packed, tmp_path / "model", seed=5)
    score(spec, tmp_path / "model", packed, tmp_path / "scores/jets.parquet")
    rows = io.read_rows(tmp_path / "scores/jets.parquet")
    assert rows.fields == [
        "run", "luminosity_block", "event", "jet_index", "dataset", "jet_pt_gev", "jet_eta", "split", "label",
        "weight", "p_b_jets", "p_c_jets", "p_light_jets", "discriminant",
    ]  # fmt: skip
    for i, split in enumerate(SPLITS):
        part = io.read_packed(packed / split)
        here = rows[rows["split"] == i]
        np.testing.assert_array_equal(here["event"], part.columns["event"])
        np.testing.assert_array_equal(here["label"], part.label)
        np.testing.assert_array_equal(here["weight"], part.weight)
    p = {name: np.asarray(rows[f"p_{name}"]) for name in spec.class_names}
    assert all(values.dtype == np.float32 for values in p.values())
    np.testing.assert_allclose(sum(p.values()), 1, rtol=1e-5)
    assert spec.discriminant is not None
    np.testing.assert_allclose(rows["discriminant"], discriminant(spec.discriminant, p), rtol=1e-6)
    about = io.read_json(tmp_path / "scores/jets.meta.json")
    assert about["rows"] == {"train": 200, "validation": 100, "calibration": 100, "test": 100}


def test_folds_are_scored_by_the_model_that_did_not_see_them(tmp_path: Path) -> None:
    """Fold k's scores are those of model k; rows outside the calibration split count as test."""
    packed = write_sample(tmp_path / "packed", 200, n_folds=3)
    spec = make_spec("xgboost", training=ROUNDS, folds=3)
    train(spec, packed, tmp_path / "model", seed=5)
    score(spec, tmp_path / "model", packed, tmp_path / "all.parquet")
    rows = io.read_rows(tmp_path / "all.parquet")
    assert sorted(set(rows["split"])) == [2, 3]
    assert (np.asarray(rows["split"]) == 2).sum() == 100
    fold = np.concatenate([io.read_packed(packed / split).columns["fold"] for split in SPLITS])
    single = spec.model_copy(update={"folds": 0})
    scores = []
    for k in range(3):
        folder = tmp_path / f"model/fold{k}"
        io.write_json(folder / "spec.json", single.model_dump(mode="json"))
        io.write_json(folder / "meta.json", {"checksums": io.folder_checksums(folder)})
        score(single, folder, packed, tmp_path / f"{k}.parquet")
        scores.append(np.asarray(io.read_rows(tmp_path / f"{k}.parquet")["p_b_jets"]))
        np.testing.assert_array_equal(np.asarray(rows["p_b_jets"])[fold == k], scores[k][fold == k])
    assert all((one != other).any() for one, other in itertools.combinations(scores, 2))


def test_stored_scores_drop_sentinels_and_count_them(tmp_path: Path) -> None:
    """Rows whose stored score lies outside [0, 1] have no score: they are left out, and the file says so."""
    packed = write_sample(tmp_path / "packed", 200)
    spec = stored_spec()
    train(spec, packed, tmp_path / "model", seed=5)
    score(spec, tmp_path / "model", packed, tmp_path / "scores.parquet")
    rows = io.read_rows(tmp_path / "scores.parquet")
    values = np.concatenate([io.read_packed(packed / split).flat[:, 2] for split in SPLITS])
    valid = (values >= 0) & (values <= 1)
    np.testing.assert_array_equal(rows["p_b_jets"], values[valid])
    np.testing.assert_allclose(rows["p_c_jets"], 1 - values[valid])
    about = io.read_json(tmp_path / "scores.meta.json")
    assert sum(about["rows_without_score"].values()) == (~valid).sum() > 0


def test_stored_scores_of_each_class(tmp_path: Path) -> None:
    """One feature a class by its name, made to add up to 1; a row with a sentinel or without any has none."""
    flat = np.array(
        [[0.2, 0.1, 0.5], [0.0, 0.0, 1.0], [-1.0, 0.5, 0.5], [0.3, 1.5, 0.1], [0.0, 0.0, 0.0]], np.float32
    )
    packed = dataclasses.replace(pack_jets(5, 1), flat=flat, flat_names=("sip", "mass", "jet_pt"))
    columns = {"light_jets": "jet_pt", "b_jets": "sip", "c_jets": "mass"}
    spec = make_spec("stored", architecture={"columns": columns})
    found = stored.predict(spec, tmp_path, Rows.select(spec.inputs, [packed]), 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:2], [[0.25, 0.125, 0.625], [0, 0, 1]], rtol=1e-6)
    assert np.isnan(found[2:]).all()


def test_a_model_of_another_specification_is_refused(tmp_path: Path) -> None:
    """The wrong checkpoint is never scored in silence."""
    packed = write_sample(tmp_path / "packed", 60)
    train(stored_spec(), packed, tmp_path / "model", seed=5)
    other = stored_spec().model_copy(update={"classes": TWO[::-1]})
    with pytest.raises(InputError, match="trained with other `classes`"):
        score(other, tmp_path / "model", packed, tmp_path / "scores.parquet")
