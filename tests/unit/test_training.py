"""Protects training with trees and stored scores: classes, weights, folds, stops, resumed runs."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jetsmith import chosen, io, training
from jetsmith.balance import (
    MAX_BALANCE,
    balance_factors,
    balanced_weights,
    effective_rows,
    heavy_jets,
    spectrum_bins,
)
from jetsmith.chosen import class_index
from jetsmith.classifiers import Device, Labelled, Task, find_backend
from jetsmith.classifiers import _xgboost as backend
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.metrics import auc
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.training import train
from tests.unit import limited
from tests.unit.packed_jets import (
    GROUPS,
    TRUTHS,
    make_spec,
    pack_jets,
    read_packed,
    with_flat,
    write_packed,
    write_sample,
)
from tests.unit.score_files import discriminant_of

Array = np.ndarray[Any, Any]
ROUNDS = TrainingSpec(epochs=25, patience=5, learning_rate=0.2)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed sample of 2,000 jets in all."""
    return write_sample(tmp_path_factory.mktemp("packed"), 800)


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in three folds."""
    return write_sample(tmp_path_factory.mktemp("folded"), 800, n_folds=3)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def losses(path: Path) -> list[tuple[float, ...]]:
    return [(r["epoch"], r["loss"], r["validation_loss"]) for r in io.read_json(path)]


def die_at(rounds: int) -> Any:
    """A stand-in for the check of early stopping that ends the process instead."""

    def die(history: list[dict[str, float]], patience: int) -> bool:
        if len(history) == rounds:
            raise KeyboardInterrupt
        return False

    return die


@pytest.mark.parametrize("name", ["xgboost", "sklearn"])
def test_trees_learn_and_repeat(sample: Path, tmp_path: Path, name: str) -> None:
    """Same seed, same bytes; b jets are told from light ones; the model's folder is complete."""
    spec = make_spec(name, training=ROUNDS)
    for run in ("one", "two"):
        train(spec, sample, tmp_path / run, seed=5, threads=1)
    model = next(p.name for p in (tmp_path / "one").glob("model.*"))
    assert digest(tmp_path / "one" / model) == digest(tmp_path / "two" / model)
    assert losses(tmp_path / "one/history.json") == losses(tmp_path / "two/history.json")
    assert {p.name for p in (tmp_path / "one").iterdir()} == {model, "history.json", "spec.json", "meta.json"}
    assert not (tmp_path / "one.partial").exists()
    history = io.read_json(tmp_path / "one/history.json")
    assert history[-1]["validation_loss"] < history[0]["validation_loss"]
    about = io.read_json(tmp_path / "one/meta.json")["rows"]["model"]["train"]
    assert sum(about.values()) == 800
    assert about["of_no_class"] > 0
    for run in ("one", "two"):
        score(spec, tmp_path / run, sample, tmp_path / f"{run}.parquet")
    assert digest(tmp_path / "one.parquet") == digest(tmp_path / "two.parquet")
    rows = io.read_rows(tmp_path / "one.parquet")
    b, light = (np.isin(rows["label"], TRUTHS[c]) for c in ("b_jets", "light_jets"))
    found = discriminant_of(rows, spec), np.asarray(rows["weight"])
    assert auc(found[0][b], found[1][b], found[0][light], found[1][light]) > 0.85


@pytest.mark.parametrize("name", ["xgboost", "sklearn"])
def test_the_saved_trees_are_those_of_the_best_round(sample: Path, tmp_path: Path, name: str) -> None:
    """The smallest validation loss, which history, scans and figures quote, is that of the file."""
    spec = make_spec(name, training=TrainingSpec(epochs=60, patience=15, learning_rate=0.3))
    train(spec, sample, tmp_path / "model", seed=1)
    history = [row["validation_loss"] for row in io.read_json(tmp_path / "model/history.json")]
    assert min(history) < history[-1] - 0.001
    parts = arrays.read_splits(sample, SPLITS, spec.groups, spec.sample)[:2]
    index = [class_index(spec, part) for part in parts]
    rows = [Rows.select(spec.inputs, [p], [c >= 0]) for p, c in zip(parts, index, strict=True)]
    targets = [c[c >= 0] for c in index]
    weight = balanced_weights(spec, rows, targets)[1]
    found = find_backend(name).predict(spec, tmp_path / "model", rows[1], 1)
    loss = -np.log(found[np.arange(len(found)), targets[1]])
    assert np.average(loss, weights=weight) == pytest.approx(min(history), abs=1e-5)


@pytest.mark.parametrize("sampling", [{}, {"subsample": 0.6, "colsample_bytree": 0.7}])
def test_an_interrupted_boosting_ends_the_same(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampling: dict[str, float]
) -> None:
    """A run that dies between checkpoints goes on from the last one, to the same bytes."""
    spec = make_spec("xgboost", training=ROUNDS, architecture={"max_depth": 3, **sampling})
    monkeypatch.setattr(backend, "CHECKPOINT_ROUNDS", 4)
    train(spec, sample, tmp_path / "whole", seed=5)

    with monkeypatch.context() as patch:
        patch.setattr(backend, "stalled", die_at(17))
        with pytest.raises(KeyboardInterrupt):
            train(spec, sample, tmp_path / "broken", seed=5)
    assert not (tmp_path / "broken").exists()
    assert (tmp_path / "broken.partial/checkpoint.ubj").is_file()
    train(spec, sample, tmp_path / "broken", seed=5)
    assert digest(tmp_path / "whole/model.json") == digest(tmp_path / "broken/model.json")
    assert losses(tmp_path / "whole/history.json") == losses(tmp_path / "broken/history.json")


def test_a_killed_boosting_ends_the_same(sample: Path, tmp_path: Path) -> None:
    """kill -9, at whatever point it strikes, costs at most the rounds since the last checkpoint."""
    spec = make_spec("xgboost", training=TrainingSpec(epochs=400, patience=400, learning_rate=0.01))
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    program = (
        "import sys, pathlib; from jetsmith.specs.classifiers import ClassifierSpec;"
        "from jetsmith.training import train;"
        "spec = ClassifierSpec.model_validate_json(pathlib.Path(sys.argv[1]).read_text());"
        "train(spec, sys.argv[2], sys.argv[3], seed=5)"
    )
    command = [
        sys.executable,
        "-c",
        program,
        *(str(tmp_path / "spec.json"), str(sample), str(tmp_path / "m")),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as job:
        limit = time.monotonic() + 60
        while not (tmp_path / "m.partial/checkpoint.ubj").exists() and time.monotonic() < limit:
            time.sleep(0.01)
        os.kill(job.pid, signal.SIGKILL)
    assert not (tmp_path / "m").exists()
    train(spec, sample, tmp_path / "m", seed=5)
    train(spec, sample, tmp_path / "whole", seed=5)
    assert digest(tmp_path / "m/model.json") == digest(tmp_path / "whole/model.json")


@pytest.mark.parametrize("name", ["checkpoint.ubj", "task.json"])
def test_a_damaged_checkpoint_is_dropped(
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """It blocked its training for ever, or crashed XGBoost: it is said, and the training starts anew."""
    spec = make_spec("xgboost", training=ROUNDS)
    monkeypatch.setattr(backend, "CHECKPOINT_ROUNDS", 2)
    with monkeypatch.context() as patch:
        patch.setattr(backend, "stalled", die_at(5))
        with pytest.raises(KeyboardInterrupt):
            train(spec, sample, tmp_path / "model", seed=5)
    path = tmp_path / "model.partial" / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    capsys.readouterr()
    train(spec, sample, tmp_path / "model", seed=5)
    said = capsys.readouterr().err
    assert f"{path}: " in said
    assert "dropped" in said or "starting anew" in said
    train(spec, sample, tmp_path / "fresh", seed=5)
    assert digest(tmp_path / "model/model.json") == digest(tmp_path / "fresh/model.json")


@pytest.mark.parametrize("damaged", ["fold0/model.json", "fold0/done.json", "fold0/history.json"])
def test_a_damaged_fold_is_trained_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damaged: str
) -> None:
    """Folds that a killed run has finished count where they are whole."""
    packed = write_sample(tmp_path / "packed", 200, n_folds=3)
    spec = make_spec("xgboost", training=ROUNDS, folds=3)
    train(spec, packed, tmp_path / "whole", seed=5)

    def die() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training.provenance, "record", die)
        with pytest.raises(KeyboardInterrupt):
            train(spec, packed, tmp_path / "model", seed=5)
    (tmp_path / "model.partial" / damaged).write_bytes(b"{")
    capsys.readouterr()
    train(spec, packed, tmp_path / "model", seed=5)
    said = capsys.readouterr().err
    assert damaged in said
    for fold in range(3):
        name = f"fold{fold}/model.json"
        assert digest(tmp_path / "model" / name) == digest(tmp_path / "whole" / name)
    assert not list((tmp_path / "model").rglob("done.json"))
    assert not (tmp_path / "model/task.json").exists()


def test_other_data_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One feature of one jet of one split is other data: a checkpoint of the former is not used."""
    packed = write_sample(tmp_path / "packed", 10_000)
    spec = make_spec("xgboost", training=ROUNDS)
    monkeypatch.setattr(backend, "CHECKPOINT_ROUNDS", 2)
    with monkeypatch.context() as patch:
        patch.setattr(backend, "stalled", die_at(5))
        with pytest.raises(KeyboardInterrupt):
            train(spec, packed, tmp_path / "model", seed=5)
    whole = read_packed(packed / "validation")
    changed = np.array(whole.groups["ak4"].values)
    changed[1237, 2] += 1
    write_packed(packed / "validation", with_flat(whole, changed))
    train(spec, packed, tmp_path / "model", seed=5)
    assert "is of another task: starting anew" in capsys.readouterr().err
    train(spec, packed, tmp_path / "fresh", seed=5)
    assert losses(tmp_path / "model/history.json") == losses(tmp_path / "fresh/history.json")


def test_another_task_does_not_go_on(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkpoint of another seed is not used: the result is that of a fresh run."""
    spec = make_spec("xgboost", training=ROUNDS)
    monkeypatch.setattr(backend, "CHECKPOINT_ROUNDS", 2)
    with monkeypatch.context() as patch:
        patch.setattr(backend, "stalled", die_at(5))
        with pytest.raises(KeyboardInterrupt):
            train(spec, sample, tmp_path / "model", seed=4)
    train(spec, sample, tmp_path / "model", seed=5)
    assert "starting anew" in capsys.readouterr().err
    train(spec, sample, tmp_path / "fresh", seed=5)
    assert digest(tmp_path / "model/model.json") == digest(tmp_path / "fresh/model.json")


def test_a_gpu_that_is_not_used_stops(sample: Path, tmp_path: Path) -> None:
    """Trees would hold one in vain; the message says who asked, what would compute, and where."""
    spec = make_spec("xgboost", training=ROUNDS)
    with pytest.raises(InputError, match=r"asked for 1 GPU .* by xgboost on CPU on .*docs/site\.md"):
        train(spec, sample, tmp_path / "model", seed=5, gpus=1)
    train(spec, sample, tmp_path / "model", seed=5)
    device = io.read_json(tmp_path / "model/meta.json")["device"]
    assert device == {"kind": "cpu", "engine": "xgboost", "name": "", "count": 1}


@pytest.mark.parametrize(
    "architecture",
    [
        {},
        {"subsample": 0.6, "colsample_bytree": 0.7},
        {"max_depth": 0, "max_leaves": 6, "grow_policy": "lossguide"},
    ],
)
def test_bins_on_disk_give_the_same_trees(
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    architecture: dict[str, Any],
) -> None:
    """To the bit, also where a run with them was killed and another way goes on; no file is left."""
    monkeypatch.setattr(backend, "CHUNK", 100)  # several pages
    monkeypatch.setattr(backend, "CHECKPOINT_ROUNDS", 4)
    monkeypatch.setattr(backend, "MEMORY_SHARE", 1e-4)
    spec = make_spec("xgboost", training=ROUNDS, architecture=architecture)
    train(spec, sample, tmp_path / "memory", seed=5, memory_mb=1000)
    assert "lie on disk" not in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(backend, "stalled", die_at(9))
        patch.setattr(backend.shutil, "rmtree", lambda *_, **__: None)  # as kill -9 leaves it
        with pytest.raises(KeyboardInterrupt):
            train(spec, sample, tmp_path / "disk", seed=5, memory_mb=1)
    bins = tmp_path / "disk.partial/bins"
    assert "lie on disk" in capsys.readouterr().err
    (bins / "left.page").write_text("of a run that was killed")
    train(spec, sample, tmp_path / "disk", seed=5, memory_mb=1)
    assert digest(tmp_path / "memory/model.json") == digest(tmp_path / "disk/model.json")
    assert losses(tmp_path / "memory/history.json") == losses(tmp_path / "disk/history.json")
    assert {p.name for p in (tmp_path / "disk").iterdir()} == {
        "model.json", "history.json", "spec.json", "meta.json",
    }  # fmt: skip


def test_events_change_nothing(folded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Same models with event files, one a fold; one that cannot be written is said, and given up."""
    spec = make_spec("xgboost", training=ROUNDS, folds=3)
    (tmp_path / "no_folder").write_text("")
    for name, events in (
        ("without", None),
        ("with", tmp_path / "events"),
        ("given_up", tmp_path / "no_folder"),
    ):
        train(spec, folded, tmp_path / name, seed=5, events=events)
        for fold in range(3):
            model = f"fold{fold}/model.json"
            assert digest(tmp_path / name / model) == digest(tmp_path / "without" / model)
    assert "no events for TensorBoard: Not a directory" in capsys.readouterr().err
    files = sorted(path.parent.name for path in (tmp_path / "events").rglob("events.out.tfevents.*"))
    assert files == ["fold0", "fold1", "fold2"]
    rounds = len(io.read_json(tmp_path / "with/fold0/history.json"))
    (path,) = (tmp_path / "events/fold0").iterdir()
    assert path.read_bytes().count(b"validation_loss") == rounds


def test_when_bins_lie_on_disk() -> None:
    """The rule, by value: rows × features × two copies of a byte, or of two for more than 256 bins."""
    rows = Rows.select(make_spec("xgboost").inputs, [pack_jets(1000, 1)])
    data = Labelled(rows, np.zeros(1000, np.int32), np.ones(1000, np.float32))
    task = Task(make_spec("xgboost"), data, data, Path(), 1, 1)
    assert backend.bins_mb(task, 256) == pytest.approx(2000 * 3 * 2 / 1e6)
    assert backend.bins_mb(task, 257) == pytest.approx(2000 * 3 * 4 / 1e6)


def run_limited(
    tmp_path: Path, name: str, what: str, memory_mb: int
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A process of `limited`, in a folder of its own."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "x.npy").symlink_to(tmp_path / "x.npy")
    command = [sys.executable, "-m", "tests.unit.limited", what, folder, str(memory_mb)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "1"}
    # Small stacks: XGBoost starts a thread a page, more of them at once on a busy machine.
    small = ["bash", "-c", 'ulimit -s 1024; exec "$@"', "limited", *command]
    return folder, subprocess.run(small, capture_output=True, text=True, env=environment)


def ran_out(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a process ended for want of memory; TensorFlow's threads may read what was not allocated."""
    no_word = done.returncode in (-signal.SIGSEGV, -signal.SIGABRT)
    return no_word or (done.returncode != 0 and "alloc" in done.stderr)


@pytest.mark.parametrize("what", limited.RECIPES)
def test_a_set_four_times_the_memory(tmp_path: Path, what: str) -> None:
    """Trees and networks are those that unlimited memory gives, to the byte; all in memory does not fit."""
    limited.write(tmp_path / "x.npy", what)
    allowed, model = limited.ALLOWED_MB[what], limited.MODELS[what]
    assert (tmp_path / "x.npy").stat().st_size >= 3.8 * allowed * 2**20

    folder, done = run_limited(tmp_path, "told", what, allowed)
    assert done.returncode == 0, done.stderr[-3000:]
    assert digest(folder / "limited" / model) == digest(folder / "free" / model)
    folder, done = run_limited(tmp_path, "not_told", what, 0)
    assert ran_out(done), done.stderr[-3000:]
    assert not (folder / "limited" / model).exists()


def test_scores_of_jets_with_much_to_read(tmp_path: Path) -> None:
    """Windows are as short as a job that applies a network needs them, with the same scores to the bit."""
    limited.write(tmp_path / "x.npy", "network")
    folder, done = run_limited(tmp_path, "short", "scores", 10)
    assert done.returncode == 0, done.stderr[-3000:]
    np.testing.assert_array_equal(np.load(folder / "limited.npy"), np.load(folder / "free.npy"))
    folder, done = run_limited(tmp_path, "long", "scores", 1000)
    assert ran_out(done), done.stderr[-3000:]
    assert not (folder / "limited.npy").exists()


@pytest.mark.parametrize("cuda", [False, True])
def test_trees_that_ask_for_a_gpu_stop_without(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: bool
) -> None:
    """XGBoost's own way is the CPU and a warning; the message says why, and what to do."""
    spec = make_spec("xgboost", training=ROUNDS, architecture={"device": "cuda"})
    monkeypatch.setattr(backend.xgboost, "build_info", lambda: {"USE_CUDA": cuda})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    why = "sees no GPU" if cuda else "was built without CUDA"
    with pytest.raises(InputError, match=rf"device is `cuda`, but XGBoost \S+ {why} on .*`train_cuda`"):
        train(spec, sample, tmp_path / "model", seed=5, gpus=1)
    assert not list(tmp_path.glob("model*"))


def test_trees_on_a_gpu_are_another_task(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """meta.json names the device; XGBoost gets it; bins stay in memory."""
    asked: dict[str, Any] = {}
    parameters = backend.booster_parameters

    def on_cpu_after_all(task: Any) -> dict[str, Any]:
        asked.update(parameters(task))
        return asked | {"device": "cpu"}

    monkeypatch.setattr(backend, "booster_parameters", on_cpu_after_all)
    monkeypatch.setattr(backend, "gpu", lambda spec: Device("gpu", "XGBoost 3"))
    spec = make_spec("xgboost", training=ROUNDS, architecture={"device": "cuda"})
    train(spec, sample, tmp_path / "model", seed=5, gpus=1, memory_mb=1)
    about = io.read_json(tmp_path / "model/meta.json")
    assert about["device"] == {"kind": "gpu", "engine": "XGBoost 3", "name": "", "count": 1}
    assert about["task"]["device"] == "gpu"
    assert asked["device"] == "cuda"


def test_folds_never_see_their_rows(folded: Path, tmp_path: Path) -> None:
    """Out of fold: changing the labels of fold 0 changes models 1 and 2, but not model 0."""
    spec = make_spec("xgboost", training=ROUNDS, folds=3)
    train(spec, folded, tmp_path / "model", seed=5)
    changed = tmp_path / "changed"
    for split in SPLITS:
        packed = read_packed(folded / split)
        label = np.where(packed.columns["fold"] == 0, np.roll(packed.label, 1), packed.label).astype(np.int32)
        write_packed(changed / split, arrays.Packed(**{**vars(packed), "label": label}))
    train(spec, changed, tmp_path / "other", seed=5)
    same = [
        digest(tmp_path / "model" / f"fold{k}/model.json")
        == digest(tmp_path / "other" / f"fold{k}/model.json")
        for k in range(3)
    ]
    assert same == [True, False, False]
    assert set(io.read_json(tmp_path / "model/meta.json")["rows"]) == {"fold0", "fold1", "fold2"}


def test_a_class_without_rows_stops(tmp_path: Path) -> None:
    """The message names class, sample and counts."""
    packed = write_sample(tmp_path / "packed", 100, truths=(500, 0))
    with pytest.raises(
        InputError, match=r"class `c_jets` \(truth \[400\]\) has no rows .* sample `jets`.*b_jets \d+"
    ):
        train(make_spec("xgboost"), packed, tmp_path / "model", seed=5)


@pytest.mark.parametrize("where", ["train", "validation"])
def test_nan_in_an_input_stops(tmp_path: Path, where: str) -> None:
    """At once, with the feature's name and the number of its rows; unused features may be NaN."""
    packed = write_sample(tmp_path / "packed", 200)
    whole = read_packed(packed / where)
    changed = np.array(whole.groups["ak4"].values)
    changed[:, 0] = np.nan  # `unused`
    known = np.flatnonzero(class_index(make_spec("xgboost"), read_packed(packed / where)) >= 0)
    changed[known[:3], 3] = np.inf
    write_packed(packed / where, with_flat(whole, changed))
    with pytest.raises(InputError, match=rf"ak4\.mass in 3 of {len(known)} rows"):
        train(make_spec("xgboost"), packed, tmp_path / "model", seed=5)


def test_missing_features_are_named(sample: Path, tmp_path: Path) -> None:
    """A feature that was not packed stops the training; near names are offered."""
    wrong = Inputs(group="ak4", kind="flat", length=0, features=("jet_pt", "masss"), sources=())
    with pytest.raises(InputError, match=r"not packed: masss; close to: mass"):
        train(make_spec("xgboost", inputs=(wrong,)), sample, tmp_path / "model", seed=5)
    absent = GROUPS["charged"].model_copy(update={"group": "neutral"})
    with pytest.raises(InputError, match="`neutral` was not packed; there are: ak4, charged, vertices"):
        train(make_spec("keras", inputs=(absent,), model="deepsets"), sample, tmp_path / "model", seed=5)


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("xgboost", {"max_bin": 16}),
        ("xgboost", {"max_depth": 0, "max_leaves": 4, "grow_policy": "lossguide"}),
        ("xgboost", {"gamma": 1, "reg_alpha": 1, "reg_lambda": 0, "colsample_bynode": 0.5}),
        ("sklearn", {"max_leaf_nodes": None, "max_depth": 3, "max_bins": 16, "max_features": 0.5}),
        ("sklearn", {"min_samples_leaf": 5, "l2_regularization": 1}),
    ],
)
def test_options_reach_the_trees(
    sample: Path, tmp_path: Path, name: str, architecture: dict[str, Any]
) -> None:
    """What the parse lets through trains, and changes the trees."""
    train(make_spec(name, training=ROUNDS), sample, tmp_path / "plain", seed=5)
    train(make_spec(name, training=ROUNDS, architecture=architecture), sample, tmp_path / "other", seed=5)
    assert losses(tmp_path / "plain/history.json") != losses(tmp_path / "other/history.json")


def test_classes_come_from_truth_or_generator() -> None:
    """Scalar twin of the class index."""
    packed = pack_jets(60, 1)
    spec = make_spec("xgboost")
    expected = [next((i for i, c in enumerate(spec.classes) if t in c.truth), -1) for t in packed.label]
    np.testing.assert_array_equal(class_index(spec, packed), expected)
    classes = [ClassSpec(name=g, generator=g, label=g, color="#000000") for g in ("dipole", "power")]
    by_generator = class_index(make_spec("xgboost", classes=classes), packed)
    np.testing.assert_array_equal(by_generator, [1 - d for d in packed.columns["dataset"]])


def test_balance_factors_match_their_scalar_twin() -> None:
    """Every class gets the mean spectrum where no factor is capped; caps and empty bins hold too."""
    rng = np.random.default_rng(3)
    target, bins = rng.integers(0, 3, 500), rng.integers(0, 4, 500)
    bins[target == 2] = np.minimum(bins[target == 2], 2)  # an empty bin
    weight = rng.uniform(0.5, 2, 500)
    sums = [[0.0] * 4 for _ in range(3)]
    for t, b, w in zip(target, bins, weight, strict=True):
        sums[t][b] += w
    expected = []
    for row in sums:
        factors = []
        for b in range(4):
            wanted = sum(other[b] / sum(other) for other in sums) / 3
            share = row[b] / sum(row)
            factors.append(min(MAX_BALANCE, wanted / share) if share > 0 else MAX_BALANCE)
        total = sum(f * s for f, s in zip(factors, row, strict=True))
        expected.append([f / total for f in factors])
    np.testing.assert_allclose(balance_factors(target, bins, weight, (3, 4)), expected, rtol=1e-12)


@pytest.mark.parametrize("balance", ["none", "class", "pt_eta", "pt_eta_class"])
def test_balanced_classes_have_the_same_spectrum(balance: str) -> None:
    """Weights are positive, of mean 1, and level what the configuration asks for."""
    wanted = TrainingSpec(balance=balance, pt_bins_gev=(20, 40, 60, 13000), abseta_bins=(0, 1, 2.5))
    spec = make_spec("xgboost", training=wanted)
    packed = pack_jets(6000, 2)
    index = class_index(spec, packed)
    rows = Rows.select(spec.inputs, [packed], [index >= 0])
    target = index[index >= 0]
    (weight,) = balanced_weights(spec, [rows], [target])
    assert weight.mean() == pytest.approx(1, rel=1e-5)
    assert weight.min() > 0
    spectra = np.stack(
        [
            np.histogram(
                rows.column("jet_pt_gev")[target == i], wanted.pt_bins_gev, weights=weight[target == i]
            )[0]
            for i in range(3)
        ]
    )
    totals, shares = spectra.sum(axis=1), spectra / spectra.sum(axis=1, keepdims=True)
    assert (np.ptp(totals) < 1e-3 * totals.mean()) == ("class" in balance)
    assert (np.ptp(shares, axis=0).max() < 1e-5) == balance.startswith("pt_eta")
    if balance == "none":
        np.testing.assert_allclose(weight, np.abs(rows.weight()) / np.abs(rows.weight()).mean(), rtol=1e-6)


def test_spectra_of_two_columns_are_levelled_together() -> None:
    """In each bin of momentum and mass together all classes have one share."""
    edges = {"jet_softdrop_mass_gev": (0, 60, 100, 300)}
    training = TrainingSpec(pt_bins_gev=(20, 40, 13000), abseta_bins=(0, 2.5), level_in=edges)
    spec, packed = make_spec("xgboost", training=training), pack_jets(6000, 2)
    index = class_index(spec, packed)
    mass = np.random.default_rng(1).gamma(4, 20, 6000) * (1 + (index == 0))
    mass += packed.columns["jet_pt_gev"] / 9
    more = replace(packed, columns={**packed.columns, "jet_softdrop_mass_gev": mass})
    rows, target = Rows.select(spec.inputs, [more], [index >= 0]), index[index >= 0]
    (weight,) = balanced_weights(spec, [rows], [target])
    pt, mass = rows.column("jet_pt_gev"), rows.column("jet_softdrop_mass_gev").clip(0, 299)
    column = more.columns["jet_softdrop_mass_gev"]
    found = []
    for code in (-1.0, np.nan):  # of a jet without subjets: the first bin, whatever stands for its mass
        column[::9] = code
        found += balanced_weights(spec, [Rows.select(spec.inputs, [more], [index >= 0])], [target])
    np.testing.assert_array_equal(*found)
    spectra = np.stack(
        [
            np.histogram2d(pt[w], mass[w], (training.pt_bins_gev, *edges.values()), weights=weight[w])[0]
            for w in (target == i for i in range(3))
        ]
    )
    assert (spectra > 0).all()
    assert np.ptp(spectra, axis=0).max() < 1e-5 * spectra.sum()
    with pytest.raises(InputError, match="files of sample `jets` have no `jet_softdrop"):
        balanced_weights(spec, [Rows.select(spec.inputs, [packed], [index >= 0])], [target])


def weighted_rows(weight: Array, **changes: Any) -> tuple[Any, Rows, Array]:
    """A specification, jets of three classes with these generator weights, and their classes."""
    spec = make_spec("xgboost", **changes)
    packed = pack_jets(len(weight), 4, truths=(500, 400, 0))
    packed = arrays.Packed(**{**vars(packed), "weight": weight})
    return spec, Rows.select(spec.inputs, [packed]), class_index(spec, packed)


@pytest.mark.parametrize("balance", ["none", "class", "pt_eta", "pt_eta_class"])
def test_a_class_without_weight_is_named(balance: str) -> None:
    """Jets are there, their weights are all 0: a message with the class, no NaN."""
    spec, rows, target = weighted_rows(np.ones(300), training=TrainingSpec(balance=balance))
    weight = np.where(target == 1, 0.0, 1.0)
    spec, rows, target = weighted_rows(weight, training=TrainingSpec(balance=balance))
    n = int((target == 1).sum())
    with pytest.raises(InputError, match=rf"class `c_jets`: its {n} rows to train on have no weight"):
        balanced_weights(spec, [rows], [target])
    spec, rows, target = weighted_rows(np.zeros(300))
    with pytest.raises(InputError, match="weights to train on are not finite, or all 0"):
        balanced_weights(spec, [rows], [target])


def test_a_row_that_outweighs_its_class_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Log and meta.json say which class and how much; nobody is named where no row carries a tenth."""
    packed = write_sample(tmp_path / "packed", 400)
    plain = make_spec("xgboost", training=TrainingSpec(epochs=3, balance="class"))
    train(plain, packed, tmp_path / "plain", seed=5)
    assert io.read_json(tmp_path / "plain/meta.json")["heavy_jets"] == {"model": {}}
    assert "carries" not in capsys.readouterr().err
    part = read_packed(packed / "train")
    weight = np.array(part.weight)
    of_class = np.flatnonzero(part.label == 400)
    weight[of_class] = 1.0
    weight[of_class[0]] = -(len(of_class) - 1.0)  # half of the class, and its sign is no excuse
    write_packed(packed / "train", arrays.Packed(**{**vars(part), "weight": weight}))
    train(plain, packed, tmp_path / "heavy", seed=5)
    about = io.read_json(tmp_path / "heavy/meta.json")["heavy_jets"]
    assert about == {"model": {"c_jets": pytest.approx(0.5)}}
    assert "one row carries 50% of the weight of class c_jets" in capsys.readouterr().err


def test_as_how_many_rows_a_class_teaches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """(Σw)²/Σw² of each class, by loop, with signs; a class below a quarter is named, and what helps."""
    spec = make_spec("xgboost")
    rng = np.random.default_rng(4)
    target, weight = rng.integers(0, 3, 400), rng.normal(1, 1, 400).astype(np.float32)
    for k, name in enumerate(spec.class_names):
        total = sum(float(w) for t, w in zip(target, weight, strict=True) if t == k)
        squares = sum(float(w) ** 2 for t, w in zip(target, weight, strict=True) if t == k)
        assert effective_rows(spec, target, weight)[name] == round(total**2 / squares)
    sizes = make_spec("xgboost", role="reweighter", training=TrainingSpec(negative_weights="classes"))
    assert effective_rows(sizes, target, weight) == effective_rows(spec, target, np.abs(weight))
    packed = write_sample(tmp_path / "packed", 400)
    plain = make_spec("xgboost", training=TrainingSpec(epochs=3, balance="class"))
    part = read_packed(packed / "train")
    weight = np.where(part.label == 400, np.exp(2.0 * rng.normal(size=len(part.label))), 1.0)
    write_packed(packed / "train", arrays.Packed(**{**vars(part), "weight": weight}))
    train(plain, packed, tmp_path / "model", seed=5)
    about = io.read_json(tmp_path / "model/meta.json")
    counts, effective = about["rows"]["model"]["train"], about["effective"]["model"]["train"]
    assert effective["b_jets"] == counts["b_jets"]
    w = weight[part.label == 400]
    assert effective["c_jets"] == pytest.approx(w.sum() ** 2 / (w**2).sum(), abs=1)
    said = capsys.readouterr().err
    assert "count as few, since weights differ or signs cancel: c_jets" in said
    assert f"c_jets {effective['c_jets']:,} of {counts['c_jets']:,}; where sample" in said
    assert "`normalise: flat`" in said


def test_a_tenth_of_a_class_is_not_more_than_a_tenth() -> None:
    """The verdict at its limit."""
    spec = make_spec("xgboost")
    target = np.repeat([0, 1, 2], [10, 9, 20])
    weight = np.ones(39, np.float32)
    assert heavy_jets(spec, target, weight) == {"c_jets": pytest.approx(1 / 9)}


def test_a_rare_bin_is_capped() -> None:
    """A bin that one class hardly has is raised tenfold and not more: by value."""
    target = np.repeat([0, 0, 1, 1], [990, 10, 100, 900])
    bins = np.repeat([0, 1, 0, 1], [990, 10, 100, 900])
    found = balance_factors(target, bins, np.ones(2000), (2, 2))
    wanted = (0.99 + 0.1) / 2, (0.01 + 0.9) / 2
    capped = wanted[0] / 0.99, min(10.0, wanted[1] / 0.01)
    assert capped[1] == 10
    total = capped[0] * 990 + capped[1] * 10
    np.testing.assert_allclose(found[0], [capped[0] / total, capped[1] / total])
    assert found[0, 1] / found[0, 0] == pytest.approx(10 * 0.99 / wanted[0])


def test_the_spectrum_is_that_of_absolute_pseudorapidity() -> None:
    """Jets at -2 lie in the bin of those at 2; beyond the edges the end bins count."""
    training = TrainingSpec(pt_bins_gev=(20, 40, 60), abseta_bins=(0, 1, 2.5))
    packed = pack_jets(6, 1)
    columns = {
        **packed.columns,
        "jet_pt_gev": np.array([30, 30, 50, 50, 5, 500], np.float32),
        "jet_eta": np.array([-2, 2, -0.5, 0.5, -3, 1], np.float32),
    }
    spec = make_spec("xgboost", training=training)
    rows = Rows.select(spec.inputs, [arrays.Packed(**{**vars(packed), "columns": columns})])
    assert spectrum_bins(spec, rows).tolist() == [1, 1, 2, 2, 1, 3]


def test_folds_validate_on_what_they_do_not_train_on() -> None:
    """Fold k trains on all but k and k + 1, and stops early by k + 1; the last one goes round."""
    spec = make_spec("xgboost", folds=4)
    parts = [pack_jets(200, k, n_folds=4) for k in range(2)]
    for k in range(4):
        train_masks, validation = chosen.chosen_rows(spec, parts, k)
        for part, fit, judge in zip(parts, train_masks, validation, strict=True):
            fold = part.columns["fold"]
            assert set(fold[judge]) == {(k + 1) % 4}
            assert set(fold[fit]) == set(range(4)) - {k, (k + 1) % 4}
            assert not (fit & judge).any()


def test_rows_of_events_level_classes_alone(tmp_path: Path) -> None:
    """Reweighters have no jets: the default balance must not ask for a jet's momentum."""
    packed = pack_jets(300, 1)
    columns = {n: c for n, c in packed.columns.items() if not n.startswith("jet_p") and n != "jet_eta"}
    packed = arrays.Packed(**{**vars(packed), "columns": columns})
    classes = [ClassSpec(name=g, generator=g, label=g, color="#000000") for g in ("power", "dipole")]
    spec = make_spec("xgboost", classes=classes, object="event", role="reweighter", discriminant=None)
    rows = Rows.select(spec.inputs, [packed])
    (weight,) = balanced_weights(spec, [rows], [class_index(spec, packed)])
    sums = np.bincount(class_index(spec, packed), weight)
    assert sums[0] == pytest.approx(sums[1], rel=1e-4)


def test_stored_scores_train_nothing(sample: Path, tmp_path: Path) -> None:
    """The folder holds the specification and an empty history, so later stages read it as any other."""
    spec = make_spec("stored", classes=make_spec("stored").classes[:2], architecture={"column": "mass"})
    train(spec, sample, tmp_path / "model", seed=5)
    assert io.read_json(tmp_path / "model/history.json") == []
    assert json.loads((tmp_path / "model/spec.json").read_text())["name"] == "stored_tagger"


HOLDER = """
import sys
from dataclasses import replace
from pathlib import Path
from jetsmith import training
with training.alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def held(output):
    """Another process that trains, until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, output], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        yield holder


def test_one_process_at_a_time(tmp_path, monkeypatch, capfd):
    """A job that a killed run has left trains on: its successor waits."""
    output = tmp_path / "models" / "one"
    with held(output) as holder:
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda s: holder.stdin.close())
        monkeypatch.setattr(training, "time", clock)  # the other one ends while this one waits
        with training.alone(output):
            assert holder.wait(60) == 0
    assert "another process trains" in capfd.readouterr().err


def test_what_the_other_process_has_finished(tmp_path, sample, capfd):
    """The successor that has waited finds the model of its own task, and leaves it."""
    spec = make_spec("xgboost", training=ROUNDS)
    train(spec, sample, tmp_path / "one", seed=1)
    made = (tmp_path / "one" / "model.json").stat().st_ino
    train(spec, sample, tmp_path / "one", seed=1)
    assert (tmp_path / "one" / "model.json").stat().st_ino == made
    assert "done already" in capfd.readouterr().err
    train(spec, sample, tmp_path / "one", seed=2)
    assert (tmp_path / "one" / "model.json").stat().st_ino != made


def test_a_process_that_does_not_end(tmp_path, monkeypatch):
    """Waiting has an end, and the message says what to do."""
    monkeypatch.setattr(training, "LOCK_WAIT_S", 1.0)
    output = tmp_path / "one"
    said = pytest.raises(InputError, match=r"has been training .* end it")
    with held(output), said, training.alone(output):
        pass


def test_the_first_rows_level_the_others_too() -> None:
    """Factors of the rows to train on serve those to validate on, whose own classes count otherwise."""
    spec = make_spec("xgboost", training=TrainingSpec(balance="class"))
    counts = ([6, 3, 1], [1, 1, 8])
    targets = [np.repeat([0, 1, 2], n) for n in counts]
    packed = [
        arrays.Packed(**{**vars(pack_jets(10, k)), "weight": np.where(np.arange(10) % 2, 1.0, -1.0)})
        for k in range(2)
    ]
    rows = [Rows.select(spec.inputs, [part]) for part in packed]
    first, second = balanced_weights(spec, rows, targets)
    np.testing.assert_allclose(first, np.repeat([10 / 18, 10 / 9, 10 / 3], counts[0]), rtol=1e-6)
    raw = np.repeat([1 / 6, 1 / 3, 1], counts[1])
    np.testing.assert_allclose(second, raw / raw.mean(), rtol=1e-6)
    assert (first.dtype, second.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_weights_to_validate_on_are_looked_at(bad: float) -> None:
    """One that is no number, or nothing but zeros: the message says which rows."""
    spec, rows, target = weighted_rows(np.ones(60))
    weight = np.full(60, bad) if bad == 0 else np.where(np.arange(60) == 7, bad, 1.0)
    _, others, others_target = weighted_rows(weight)
    with pytest.raises(InputError, match="weights to validate on are not finite, or all 0"):
        balanced_weights(spec, [rows, others], [target, others_target])


def test_a_class_that_float32_loses_is_named() -> None:
    """Weights too small beside those of others are 0 in the type that is trained with."""
    spec, _, target = weighted_rows(np.ones(60), training=TrainingSpec(balance="none"))
    _, rows, _ = weighted_rows(np.where(target == 2, 1e-60, 1.0))
    with pytest.raises(InputError, match=r"class `light_jets`: .*too small beside others"):
        balanced_weights(spec, [rows], [target])


class Recorder:
    """A backend that notes its tasks and learns nothing; `stop` ends the process at that task."""

    TRAINS, MODELS, SIGNED = True, False, True

    def __init__(self, stop: int = -1) -> None:
        self.tasks: list[Any] = []
        self.stop = stop

    def device(self, spec: Any, threads: int, gpus: int) -> Device:
        return Device("cpu", "none")

    def fit(self, task: Any) -> list[dict[str, float]]:
        if len(self.tasks) == self.stop:
            raise KeyboardInterrupt
        self.tasks.append(task)
        (task.folder / "model.txt").write_text(str(task.seed))
        return [{"epoch": 1.0, "loss": 2.0, "validation_loss": 3.0}]


def recorded(monkeypatch: pytest.MonkeyPatch, stop: int = -1) -> Recorder:
    """The backend of all trainings from here on."""
    recorder = Recorder(stop)
    monkeypatch.setattr(training, "find_backend", lambda _: recorder)
    return recorder


def chosen_rows(parts: list[arrays.Packed], masks: list[Array]) -> tuple[list[int], list[int]]:
    """Events and classes of the rows under the masks, row by row from the truth."""
    values, classes = [], []
    for part, mask in zip(parts, masks, strict=True):
        for value, truth, wanted in zip(
            part.columns["event"].tolist(), part.label.tolist(), mask, strict=True
        ):
            index = next((i for i, ids in enumerate(TRUTHS.values()) if truth in ids), -1)
            if wanted and index >= 0:
                values.append(value)
                classes.append(index)
    return values, classes


def test_what_is_trained_without_folds(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Split `train` to train, split `validation` to validate, both counted by class; no others."""
    recorder = recorded(monkeypatch)
    train(make_spec("xgboost"), sample, tmp_path / "model", seed=5, threads=3)
    (task,) = recorder.tasks
    assert (task.seed, task.threads, task.folder.name) == (5, 3, "model.partial")
    meta = io.read_json(tmp_path / "model/meta.json")
    parts = [read_packed(sample / name) for name in SPLITS]
    for role, labelled in (("train", task.train), ("validation", task.validation)):
        wanted = [np.full(len(part), name == role) for name, part in zip(SPLITS, parts, strict=True)]
        values, classes = chosen_rows(parts, wanted)
        assert labelled.rows.column("event").tolist() == values
        assert labelled.target.tolist() == classes
        assert len(labelled.weight) == len(classes)
        counts = dict(zip(TRUTHS, np.bincount(classes).tolist(), strict=True))
        n_all = sum(int(mask.sum()) for mask in wanted)
        assert meta["rows"]["model"][role] == {**counts, "of_no_class": n_all - len(classes)}
    assert (meta["seed"], meta["threads"], meta["heavy_jets"]) == (5, 3, {"model": {}})
    assert set(meta["checksums"]) == {"history.json", "model.txt", "spec.json"}


def test_what_is_trained_in_folds(folded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model has the folds of all splits that it may see, and a seed of its own."""
    recorder = recorded(monkeypatch)
    train(make_spec("xgboost", folds=3), folded, tmp_path / "model", seed=5)
    parts = [read_packed(folded / name) for name in SPLITS]
    for k, task in enumerate(recorder.tasks):
        folds = [part.columns["fold"] for part in parts]
        for labelled, fold in ((task.train, (k + 2) % 3), (task.validation, (k + 1) % 3)):
            values, classes = chosen_rows(parts, [of == fold for of in folds])
            assert labelled.rows.column("event").tolist() == values
            assert labelled.target.tolist() == classes
        assert task.seed == int(np.random.default_rng([5, k]).integers(2**31))
    assert [task.folder.name for task in recorder.tasks] == ["fold0", "fold1", "fold2"]
    assert len({task.seed for task in recorder.tasks}) == 3


def test_no_rows_to_validate_on_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what to raise; a class that is absent from them alone is no error, and is named."""
    recorded(monkeypatch)
    packed = write_sample(tmp_path / "packed", 60)
    whole = read_packed(packed / "validation")
    for label, stops in ((400, False), (999, True)):
        write_packed(packed / "validation", replace(whole, label=np.full(len(whole), label, np.int32)))
        if not stops:
            train(make_spec("xgboost"), packed, tmp_path / "one", seed=5)
            assert "nothing to validate on of b_jets, light_jets: when" in capsys.readouterr().err
            continue
        with pytest.raises(InputError, match=r"no rows to validate on .*raise splits\.validation"):
            train(make_spec("xgboost"), packed, tmp_path / "two", seed=5)
    counts = {"train": dict.fromkeys(TRUTHS, 1), "validation": dict.fromkeys(TRUTHS, 0)}
    with pytest.raises(InputError, match=r"no rows to validate on .*; take fewer folds, or more events"):
        chosen.require_classes(make_spec("xgboost", folds=3), counts, packed)
    counts["train"]["c_jets"] = 0
    said = r"`c_jets` .* rows by class \(each of its 3 models learns from other folds alone\): .*fewer folds"
    with pytest.raises(InputError, match=said):
        chosen.require_classes(make_spec("xgboost", folds=3), counts, packed)


def test_finished_folds_of_the_same_task_alone_count(
    folded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two folds are done when the run ends: its successor trains one, with another setting all."""
    spec = make_spec("xgboost", folds=3)
    other = make_spec("xgboost", folds=3, training=TrainingSpec(epochs=5, patience=3, batch_size=128))
    for successor, n, said in ((spec, 1, "going on in"), (other, 3, "of another task: starting anew")):
        recorded(monkeypatch, stop=2)
        with pytest.raises(KeyboardInterrupt):
            train(spec, folded, tmp_path / successor.name, seed=5)
        recorder = recorded(monkeypatch)
        train(successor, folded, tmp_path / successor.name, seed=5)
        assert len(recorder.tasks) == n
        assert said in capsys.readouterr().err
        meta = io.read_json(tmp_path / successor.name / "meta.json")
        assert set(meta["rows"]) == set(meta["heavy_jets"]) == {"fold0", "fold1", "fold2"}
        shutil.rmtree(tmp_path / successor.name)


def test_code_and_data_and_seed_are_a_task() -> None:
    """What a training is gone on with: specification, seed, data of each split, code, kind of device.

    Bits of a CPU are not those of a GPU; another GPU, or another version, may go on.
    """
    parts = [replace(pack_jets(20, k), digest=f"digest {k}") for k in range(2)]
    cpu, gpu = Device("cpu", "JAX 1"), Device("gpu", "JAX 1", "H100")
    plain = training.task_identity(make_spec("keras", model="deepsets"), parts, 5, cpu)
    for spec, data, seed, device, changed in (
        (make_spec("keras", model="deepsets"), parts, 6, cpu, {"seed"}),
        (make_spec("keras", model="deepsets"), parts[:1], 5, cpu, {"data"}),
        (make_spec("keras", model="deepset"), parts, 5, cpu, {"spec", "code"}),
        (make_spec("xgboost", model="deepsets", name="keras_tagger"), parts, 5, cpu, {"spec", "code"}),
        (make_spec("keras", model="deepsets", engine="jax"), parts, 5, cpu, {"spec"}),
        (make_spec("keras", model="deepsets", precision="bfloat16"), parts, 5, cpu, {"spec"}),
        (make_spec("keras", model="deepsets"), parts, 5, gpu, {"device"}),
        (make_spec("keras", model="deepsets"), parts, 5, replace(cpu, engine="JAX 2"), set()),
    ):
        found = training.task_identity(spec, data, seed, device)
        assert {name for name in plain if found[name] != plain[name]} == changed


@pytest.mark.parametrize("balance", ["none", "class", "pt_eta", "pt_eta_class"])
def test_the_unit_of_weights_does_not_matter(balance: str) -> None:
    """Generator weights are cross-sections in any unit: tiny ones train as those of size 1 do."""
    found = []
    for scale in (1.0, 2.0**-40, 2.0**40):
        spec, rows, target = weighted_rows(np.full(300, scale), training=TrainingSpec(balance=balance))
        found.append(balanced_weights(spec, [rows], [target])[0])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-6)
