"""Protects the scores: which rows, from which model, in which columns."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any, cast

import awkward as ak
import numpy as np
import pyarrow as pa
import pytest

from jetsmith import applied, io
from jetsmith.classifiers import find_backend
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.metrics import discriminant
from jetsmith.packed.rows import Rows
from jetsmith.plots import roc
from jetsmith.plots.inputs import read_test
from jetsmith.scored import class_of, read_split
from jetsmith.scoring import score
from jetsmith.specs.classifiers import LossSpec, TrainingSpec, TruthSpec
from jetsmith.training import train
from tests.unit.packed_jets import make_spec, pack_jets, read_packed, write_packed, write_sample
from tests.unit.score_files import discriminant_of

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
        "weight", "p_b_jets", "p_c_jets", "p_light_jets", "scored", "not_tagged",
    ]  # fmt: skip
    for i, split in enumerate(SPLITS):
        part = read_packed(packed / split)
        here = rows[rows["split"] == i]
        np.testing.assert_array_equal(here["event"], part.columns["event"])
        np.testing.assert_array_equal(here["label"], part.label)
        np.testing.assert_array_equal(here["weight"], part.weight)
    p = {name: np.asarray(rows[f"p_{name}"]) for name in spec.class_names}
    assert all(values.dtype == np.float32 for values in p.values())
    np.testing.assert_allclose(sum(p.values()), 1, rtol=1e-5)
    assert spec.discriminant is not None
    expected = discriminant(spec.discriminant, p).astype(np.float32)
    np.testing.assert_array_equal(discriminant_of(rows, spec), expected)
    about = io.read_json(tmp_path / "scores/jets.meta.json")
    assert about["rows"] == {"train": 200, "validation": 100, "calibration": 100, "test": 100}
    assert set(about["rows_without_score"].values()) == set(about["rows_not_tagged"].values()) == {0}
    assert np.asarray(rows["scored"]).all()
    assert not np.asarray(rows["not_tagged"]).any()


def test_scores_carry_what_rows_carry(tmp_path: Path) -> None:
    """A column that only a plot reads comes with them, but for the fold."""
    packed = write_sample(tmp_path / "packed", 40)
    for k, split in enumerate(SPLITS):
        part = read_packed(packed / split)
        part.columns["jet_softdrop_mass_gev"] = np.arange(len(part), dtype=np.float32) + 100 * k
        write_packed(packed / split, part)
    spec = make_spec("xgboost", training=ROUNDS)
    train(spec, packed, tmp_path / "model", seed=5)
    score(spec, tmp_path / "model", packed, tmp_path / "scores.parquet")
    rows = io.read_rows(tmp_path / "scores.parquet")
    expected = [100 * k + i for k, n in enumerate((40, 20, 20, 20)) for i in range(n)]
    assert rows["jet_softdrop_mass_gev"].to_list() == expected
    assert "fold" not in rows.fields


def test_a_further_sample(tmp_path: Path) -> None:
    """Scores of another sample bear its name, and who judges them there says which one it means."""
    packed, other = (write_sample(tmp_path / name, 200) for name in ("packed", "other"))
    for k, split in enumerate(SPLITS):
        write_packed(other / split, dataclasses.replace(pack_jets(60, 7 + k), sample="other", split=split))
    b, c, light = make_spec("xgboost").classes
    spec = make_spec("xgboost", training=ROUNDS, signal_class=b, background_classes=(light, c))
    train(spec, packed, tmp_path / "model", seed=5)
    output = tmp_path / "scores/other.parquet"
    score(spec, tmp_path / "model", other, output, sample="other")
    jets = read_test(output, spec, "other")
    assert len(jets.label) == 60
    with pytest.raises(InputError, match="sample"):
        read_test(output, spec)
    with pytest.raises(InputError, match="sample"):
        score(spec, tmp_path / "model", other, output, sample="another")
    shown = roc.compute([spec], [jets], "light_jets", [[]], 20, sample="other")
    assert (shown.sample, len(shown.curves)) == ("other", 1)
    assert shown.heading() == "other: b_jets against light_jets"


def test_folds_are_scored_by_the_model_that_did_not_see_them(tmp_path: Path) -> None:
    """Fold k's scores are those of model k; rows outside the calibration split count as test."""
    packed = write_sample(tmp_path / "packed", 200, n_folds=3)
    spec = make_spec("xgboost", training=ROUNDS, folds=3)
    train(spec, packed, tmp_path / "model", seed=5)
    score(spec, tmp_path / "model", packed, tmp_path / "all.parquet")
    rows = io.read_rows(tmp_path / "all.parquet")
    assert sorted(set(rows["split"])) == [2, 3]
    assert (np.asarray(rows["split"]) == 2).sum() == 100
    fold = np.concatenate([read_packed(packed / split).columns["fold"] for split in SPLITS])
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


@pytest.mark.parametrize("folds", [0, 3])
def test_a_model_that_gives_no_numbers_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folds: int
) -> None:
    """NaN of a trained model is no jet without a score: it must not thin a class in silence."""
    packed = write_sample(tmp_path / "packed", 100, n_folds=folds)
    spec = make_spec("xgboost", training=ROUNDS, folds=folds)
    train(spec, packed, tmp_path / "model", seed=5)
    backend = find_backend("xgboost")

    def predict(*arguments: object) -> object:
        found = np.full((len(arguments[2]), 3), 1 / 3, np.float32)
        found[0] = np.nan
        return found

    monkeypatch.setattr(backend, "predict", predict)
    n = max(folds, 1)
    with pytest.raises(InputError, match=rf"model gives {n} of 250 rows probabilities that are no numbers"):
        score(spec, tmp_path / "model", packed, tmp_path / "scores.parquet")
    assert not (tmp_path / "scores.parquet").exists()


def test_a_network_that_estimates_no_numbers_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures would leave the jet out, and others would read it."""
    losses = {"heavy": LossSpec(loss="regression", options={"column": "mass"})}
    spec = make_spec("keras", losses=losses, side=make_spec("keras").inputs[:1])
    packed = write_sample(tmp_path / "packed", 100)
    backend = find_backend("keras")
    monkeypatch.setattr(applied, "require_same", lambda *of: None)
    io.write_json(tmp_path / "meta.json", {})
    monkeypatch.setattr(backend, "predict", lambda spec, model, rows, n: np.full((len(rows), 3), 1 / 3))
    given = np.zeros((250, 1), np.float32)
    monkeypatch.setattr(backend, "estimate", lambda *of: given)
    score(spec, tmp_path, packed, tmp_path / "scores.parquet")
    assert "estimate_heavy" in io.read_rows(tmp_path / "scores.parquet").fields
    given[7] = np.inf
    with pytest.raises(InputError, match=r"1 of 250 rows a number `estimate_heavy` that is none"):
        score(spec, tmp_path, packed, tmp_path / "scores.parquet")


def test_a_model_of_another_specification_is_refused(tmp_path: Path) -> None:
    """The wrong checkpoint is never scored in silence."""
    packed = write_sample(tmp_path / "packed", 60)
    train(stored_spec(), packed, tmp_path / "model", seed=5)
    other = stored_spec().model_copy(update={"classes": TWO[::-1]})
    with pytest.raises(InputError, match="trained with other `classes`"):
        score(other, tmp_path / "model", packed, tmp_path / "scores.parquet")


def test_estimates_are_means_of_members_each_by_the_fold_that_left_a_row_out(tmp_path: Path) -> None:
    """The mean is of what members give, before a resolution is made of it; quantiles may cross."""
    losses = {"heavy": LossSpec(loss="regression", options={"column": "mass", "quantiles": [0.2, 0.8]})}
    spec = make_spec("keras", folds=3, losses=losses)
    packed = write_sample(tmp_path / "packed", 60, n_folds=3)
    rows = Rows.select(spec.inputs, [read_packed(packed / split) for split in SPLITS])
    io.write_json(tmp_path / "meta.json", {"members": 2})
    for k in range(2):
        (tmp_path / f"member{k}").mkdir()

    class Fake:
        """Number, and quantiles that are further apart or cross, of folder and row."""

        @staticmethod
        def estimate(spec: Any, model: Path, rows: Rows, threads: int, output: str, width: int) -> Any:
            assert (output, width) == ("heavy", 3)
            number = 100 * int(model.parent.name[-1]) + int(model.name[-1])
            jet = rows.column("event").astype(np.float32) % 50
            return np.stack([number + jet, jet, jet + (3 if number >= 100 else -4)], axis=1)

    found = applied.estimates(spec, cast(Any, Fake), tmp_path, rows, 1)
    assert set(found) == {"estimate_heavy", "estimate_heavy_resolution"}
    expected = [
        50 + int(row) + int(event) % 50
        for row, event in zip(*map(rows.column, ("fold", "event")), strict=True)
    ]
    np.testing.assert_allclose(found["estimate_heavy"], expected)
    np.testing.assert_allclose(found["estimate_heavy_resolution"], 0.25)
    assert applied.estimates(make_spec("xgboost"), cast(Any, Fake), tmp_path, rows, 1) == {}


def test_a_jet_is_of_the_narrowest_class_in_whatever_order() -> None:
    """QCD with bb is QCD, too: named first or last, it keeps its jets."""
    truths = {"qcd": (1000, 1005, 1055), "qcd_bb": (1055,), "hbb": (2505,)}
    label = np.array([1055, 1000, 2505, 999, 1055, -1])
    expected = ["qcd_bb", "qcd", "hbb", "none", "qcd_bb", "none"]
    for names in itertools.permutations(truths):
        classes = [TruthSpec(name=name, truth=truths[name]) for name in names]
        assert [[*names, "none"][place] for place in class_of(label, classes)] == expected
    assert class_of(label[:0], []).tolist() == []


def test_a_split_is_read_without_the_others(tmp_path: Path) -> None:
    """Of a file in which the split is a tenth, a fraction is in memory; what is read is what is there."""
    n = 500_000
    rng = np.random.default_rng(3)
    split = np.repeat(
        np.array([SPLITS.index("train"), SPLITS.index("test")], np.int8), [9 * n // 10, n // 10]
    )
    table = {f"p_{name}": rng.random(n, np.float32) for name in make_spec("xgboost").class_names}
    table |= {"scored": np.ones(n, bool), "not_tagged": np.zeros(n, bool), "split": split}
    table |= {"label": np.zeros(n, np.int8), "weight": rng.normal(size=n), "jet_pt_gev": rng.random(n)}
    path = tmp_path / "jets.parquet"
    io.write_rows(path, ak.zip(table, depth_limit=1))
    spec = make_spec("xgboost")
    before, watched = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(watched)
    try:
        jets = read_split(path, "test", spec, ["jet_pt_gev"])
    finally:
        pa.set_memory_pool(before)
    wanted = split == SPLITS.index("test")
    np.testing.assert_array_equal(jets.weight, table["weight"][wanted])
    np.testing.assert_array_equal(jets.pt_gev, table["jet_pt_gev"][wanted])
    assert watched.max_memory() < io.uncompressed_bytes(path) / 3


def test_a_split_without_rows(tmp_path: Path) -> None:
    """No rows, with the types of the columns; a column that is not there is named."""
    spec = make_spec("xgboost")
    path = tmp_path / "jets.parquet"
    table = {
        name: np.zeros(3, np.float32) for name in ("weight", *(f"p_{name}" for name in spec.class_names))
    }
    table |= {"scored": np.ones(3, bool), "not_tagged": np.zeros(3, bool), "label": np.zeros(3, np.int8)}
    table |= {"split": np.full(3, SPLITS.index("train"), np.int8)}
    io.write_rows(path, ak.zip(table, depth_limit=1))
    jets = read_split(path, "test", spec)
    assert (len(jets), jets.label.dtype, jets.weight.dtype) == (0, np.int8, np.float64)
    with pytest.raises(InputError, match="no column jet_eta"):
        read_split(path, "test", spec, ["jet_eta"])
