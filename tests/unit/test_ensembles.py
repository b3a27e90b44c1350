"""Ensembles: trainings with seeds of their own, whose probabilities are averaged; how far they differ."""

import shutil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io, members
from jetsmith.assembling import assemble
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.load import load
from jetsmith.configuration.trained import Half, trainings_of
from jetsmith.errors import ConfigError, InputError
from jetsmith.metrics import auc
from jetsmith.plots import members as plot
from jetsmith.plots import training
from jetsmith.plots.inputs import read_test
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassSpec, EvaluationSpec, Members, TrainingSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.training import train
from tests import tiny
from tests.unit.packed_jets import TRUTHS, make_spec, write_sample

SEEDS = (11, 12, 13)
CLASSES = [ClassSpec(name=n, truth=t, label=n, color="#000000") for n, t in TRUTHS.items()]
JUDGED = {
    "evaluation": EvaluationSpec(signal="b_jets", backgrounds=("light_jets",)),
    "signal_class": CLASSES[0],
    "background_classes": (CLASSES[2],),
}
SPEC = make_spec(
    "xgboost", name="trees", architecture={"subsample": 0.5}, **JUDGED,
    training=TrainingSpec(epochs=6, patience=6, learning_rate=0.3),
)  # fmt: skip
FOLDED = SPEC.model_copy(update={"folds": 3})
STYLE = PlotSpec(dpi=40)


def make(folder: Path, spec: Any, packed: Path, seeds: tuple[int, ...] = SEEDS) -> list[Path]:
    """Trained members, the ensemble of them, and its scores."""
    models = [folder / f"trees.members/{k}" for k in range(len(seeds))]
    for seed, model in zip(seeds, models, strict=True):
        train(spec, packed, model, seed)
    assemble("trees", models, folder / "trees")
    score(spec, folder / "trees", packed, folder / "scores.parquet")
    return models


@pytest.fixture(scope="module", params=[SPEC, FOLDED], ids=["one split", "folds"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder: Path = tmp_path_factory.mktemp("ensemble")
    write_sample(folder / "packed", 1000, n_folds=request.param.folds)
    make(folder, request.param, folder / "packed")
    return request.param, folder


def columns(path: Path, spec: Any, prefix: str = "") -> np.ndarray[Any, Any]:
    """Probabilities of a score file, shape (N, C)."""
    rows = io.read_rows(path)
    return np.stack([np.asarray(rows[f"{prefix}p_{name}"]) for name in spec.class_names], axis=1)


def test_scores_are_the_mean_of_probabilities(made: tuple[Any, Path], tmp_path: Path) -> None:
    """To the bit what each member alone gives, and their mean, which adds up to 1; not that of logits."""
    spec, folder = made
    each = []
    for k in range(len(SEEDS)):
        alone = tmp_path / f"{k}.parquet"
        score(spec, folder / f"trees.members/{k}", folder / "packed", alone)
        each.append(columns(alone, spec))
        np.testing.assert_array_equal(columns(folder / "scores.parquet", spec, f"member{k}_"), each[k])
        assert "member0_p_b_jets" not in io.column_names(alone)
    found = columns(folder / "scores.parquet", spec)
    assert np.abs(each[0] - each[1]).max() > 0.01
    np.testing.assert_allclose(found, (each[0] + each[1] + each[2]) / 3, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    logits = np.exp(np.mean(np.log(each), axis=0))
    assert np.abs(logits / logits.sum(axis=1, keepdims=True) - found).max() > 1e-3


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), min_size=1, max_size=6))
def test_the_mean_of_one_is_that(values: list[list[float]]) -> None:
    """Protects: taggers without an ensemble, to the bit; a mean lies between its members, in any order."""
    each = [np.array(one, np.float32).reshape(2, 2) for one in values]
    found = members.mean(each)
    assert found.dtype == np.float32
    assert (found >= np.min(each, axis=0)).all()
    assert (found <= np.max(each, axis=0)).all()
    np.testing.assert_allclose(found, members.mean(each[::-1]), rtol=0, atol=1e-7)
    np.testing.assert_array_equal(members.mean(each[:1]), each[0])


def test_an_ensemble_bears_its_members_whole(made: tuple[Any, Path]) -> None:
    """Each with its own record; the ensemble's has the seeds, and checksums of every file."""
    _, folder = made
    about = io.read_json(folder / "trees/meta.json", classifier="trees")
    assert (about["members"], about["seeds"]) == (3, list(SEEDS))
    for k in range(3):
        one, copy = folder / f"trees.members/{k}", folder / f"trees/member{k}"
        assert io.folder_checksums(one) == io.folder_checksums(copy)
    assert members.folders(folder / "trees") == [folder / f"trees/member{k}" for k in range(3)]
    assert members.folders(folder / "trees.members/0") == [folder / "trees.members/0"]


def test_a_damaged_member_is_named(made: tuple[Any, Path], tmp_path: Path) -> None:
    """Protects: scores of an ensemble of fewer, or of other, members."""
    spec, folder = made
    shutil.copytree(folder / "trees", tmp_path / "trees")
    (tmp_path / "trees/member1/spec.json").unlink()
    with pytest.raises(InputError, match=r"member1/spec\.json: cannot be read"):
        score(spec, tmp_path / "trees", folder / "packed", tmp_path / "scores.parquet")


@pytest.mark.parametrize("architecture", [{}, {"max_features": 0.4}], ids=["nothing drawn", "features drawn"])
def test_members_of_other_backends_that_are_one(tmp_path: Path, architecture: dict[str, Any]) -> None:
    """scikit-learn's trees by their content: without a draw the seed is none, with one they differ."""
    packed = write_sample(tmp_path / "packed", 400)
    spec = make_spec(
        "sklearn", name="trees", architecture=architecture, training=TrainingSpec(epochs=3, patience=3)
    )
    for k in (0, 1):
        train(spec, packed, tmp_path / f"{k}", seed=k)
    if architecture:
        assemble("trees", [tmp_path / "0", tmp_path / "1"], tmp_path / "trees")
        return
    with pytest.raises(InputError, match=r"1: is the same model as .*0: the seed changes nothing"):
        assemble("trees", [tmp_path / "0", tmp_path / "1"], tmp_path / "trees")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_networks_of_one_seed_are_one(tmp_path: Path) -> None:
    """Protects: an ensemble of a network with itself, and one of two that a GPU rounds differently."""
    packed = write_sample(tmp_path / "packed", 400)
    spec = make_spec(
        "keras", name="net", model="dense", architecture={"dense": [8], "dropout": 0.1},
        training=TrainingSpec(epochs=2, patience=2, batch_size=128),
    )  # fmt: skip
    for name, seed in (("0", 5), ("1", 5), ("2", 6)):
        train(spec, packed, tmp_path / name, seed=seed)
    with pytest.raises(InputError, match=r"1: is the same model as .*0"):
        assemble("net", [tmp_path / "0", tmp_path / "1"], tmp_path / "same")
    assemble("net", [tmp_path / "0", tmp_path / "2"], tmp_path / "mean")
    about = io.read_json(tmp_path / "2/meta.json")
    io.write_json(tmp_path / "2/meta.json", about | {"seed": 5})
    with pytest.raises(InputError, match=r"2: has the seed 5 of .*0"):
        assemble("net", [tmp_path / "0", tmp_path / "2"], tmp_path / "rounded")


def test_members_that_are_no_ensemble(made: tuple[Any, Path], tmp_path: Path) -> None:
    """Protects: an average of a model with itself, which looks sure of itself; of another tagger's."""
    spec, folder = made
    train(spec.model_copy(update={"architecture": {}}), folder / "packed", tmp_path / "0", 1)
    train(spec.model_copy(update={"architecture": {}}), folder / "packed", tmp_path / "1", 2)
    with pytest.raises(
        InputError, match=r"1: is the same model as .*0: the seed changes nothing .*subsample"
    ):
        assemble("trees", [tmp_path / "0", tmp_path / "1"], tmp_path / "trees")
    with pytest.raises(InputError, match=r"1: was trained with another specification than .*members/0"):
        assemble("trees", [folder / "trees.members/0", tmp_path / "1"], tmp_path / "trees")
    with pytest.raises(InputError, match="other"):
        assemble("other", [folder / "trees.members/0", folder / "trees.members/1"], tmp_path / "trees")
    assert not (tmp_path / "trees").exists()


def test_the_figure_of_the_members(made: tuple[Any, Path], tmp_path: Path) -> None:
    """The areas of ensemble and members on test jets, and their standard deviation, by hand."""
    spec, folder = made
    numbers = plot.plot_members(spec, folder / "scores.parquet", STYLE, 1, tmp_path / "plot")
    jets = read_test(folder / "scores.parquet", spec)
    s, b = (jets.of_class(c) for c in (CLASSES[0], CLASSES[2]))
    assert numbers.ensemble is not None
    assert numbers.ensemble.value == auc(
        jets.discriminant[s], jets.weight[s], jets.discriminant[b], jets.weight[b]
    )
    for k, member in enumerate(numbers.members):
        alone = tmp_path / f"{k}.parquet"
        score(spec, folder / f"trees.members/{k}", folder / "packed", alone)
        of_it = read_test(alone, spec).discriminant
        assert member.value == auc(of_it[s], jets.weight[s], of_it[b], jets.weight[b])
    assert numbers.spread is not None
    assert numbers.spread.value == pytest.approx(np.std([m.value for m in numbers.members], ddof=1))
    figure = plot.draw(numbers, STYLE)
    (line,) = [found for found in figure.axes[0].get_lines() if found.get_gid() == "ensemble"]
    assert line.get_ydata()[0] == numbers.ensemble.value
    assert "mean of the probabilities of 3 trainings" in numbers.caption()
    assert "standard deviation" in numbers.caption()


def test_no_jets_of_a_class(made: tuple[Any, Path], tmp_path: Path) -> None:
    """Protects: the page; a figure that says so."""
    spec, folder = made
    none = ClassSpec(name="none", truth=(77,), label="none", color="#000000")
    lacking = spec.model_copy(update={"signal_class": none})
    numbers = plot.plot_members(lacking, folder / "scores.parquet", STYLE, 1, tmp_path / "plot")
    assert numbers.message.startswith("No jets of class none")
    assert plot.draw(numbers, STYLE).axes


def test_the_interval_of_a_spread_covers() -> None:
    """Of standard deviations of normal numbers, 68% of the intervals hold the true one."""
    rng = np.random.default_rng(3)
    for n in (2, 5, 20):
        found = [plot.spread(list(rng.normal(0.9, 0.01, n))) for _ in range(2000)]
        inside = np.mean([one.low <= 0.01 <= one.high for one in found])
        assert inside == pytest.approx(0.683, abs=0.04)
        assert all(one.low < one.value for one in found)


def test_the_figure_of_the_training_shows_all(made: tuple[Any, Path], tmp_path: Path) -> None:
    """A curve a member, of each of its folds."""
    spec, folder = made
    trained = TrainedSpec(name="trees", title="Trees", backend="xgboost", folds=spec.folds)
    numbers = training.plot_training(trained, folder / "trees", STYLE, tmp_path / "plot")
    folds = range(spec.folds) if spec.folds else [None]
    assert [(h.member, h.fold) for h in numbers.histories] == [(k, fold) for k in range(3) for fold in folds]
    assert numbers.parts() == (", 3 members of 3 folds" if spec.folds else ", 3 members")
    names = {line.get_gid() for line in training.draw(numbers, STYLE).axes[0].get_lines()}
    assert {"member2.fold1.loss" if spec.folds else "member2.all.loss"} <= names


def loaded(folder: Path, run: Any = None, **changes: Any) -> Configuration:
    """The tiny configuration with changed trees."""
    tiny.write_config(folder / "config")
    (folder / "a.root").write_bytes(b"root")
    content = tiny.FILES["taggers/trees.yaml"] | changes
    (folder / "config/taggers/trees.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return load(tiny.FILES["config.yaml"] | {"data_root": str(folder)} | (run or {}), folder / "config")


def test_another_member_leaves_the_others(tmp_path: Path) -> None:
    """Protects: trainings that were paid for; seeds differ, and follow from that of the run."""
    few, more = loaded(tmp_path, ensemble=3).trainings, loaded(tmp_path, ensemble=5).trainings
    assert list(more) == ["score", *(f"trees.members/{k}" for k in range(5))]
    assert all(more[name] == few[name] for name in few)
    seeds = [training.seed for name, training in more.items() if name != "score"]
    assert len(set(seeds)) == 5
    other = loaded(tmp_path, run={"seed": 2}, ensemble=5).trainings
    assert not {other[name].seed for name in more if name != "score"} & set(seeds)


@pytest.mark.parametrize("kind", get_args(Members))
@pytest.mark.parametrize("role", ["reweighter", "tagger"])
def test_what_members_are_trained_on(kind: Members, role: str) -> None:
    """Halves in pairs, a replica each by the member's own seed, or nothing but seeds, as of every tagger."""
    spec = make_spec("xgboost", name="one", role=role, members=kind)
    found = list(trainings_of({"one": spec}, {}, {"one": 5}, {}, {}, 3).values())
    assert len({one.seed for one in found}) == 5
    halves, replicas = (role == "reweighter" and kind == wanted for wanted in ("halves", "bootstrap"))
    for k, one in enumerate(found):
        assert one.replica == (one.seed if replicas else None)
        assert (one.half is not None) == halves
        if one.half is not None:
            seed = found[k - k % 2].half
            assert seed is not None
            assert one.half == Half(k % 2, seed.seed)
    fewer = list(trainings_of({"one": spec}, {}, {"one": 4}, {}, {}, 3).values())
    assert found[:4] == fewer


def test_where_an_ensemble_cannot_be(tmp_path: Path) -> None:
    """At the dry run, with what to do; in a sample with folds others may read it."""
    with pytest.raises(ConfigError, match=r"trees\.yaml:\d+: ensemble: would train again what `scan` chose"):
        loaded(tmp_path, ensemble=3, scan={"over": {"architecture.max_depth": [1, 2]}})
    with pytest.raises(ConfigError, match=r"`ensemble`: Input should be greater than or equal to 1; got 0"):
        loaded(tmp_path, ensemble=0)
    reader = {**tiny.FILES["taggers/trees.yaml"], "title": "Both", "inputs": {"trees": "all"}}
    taggers = {"score": "mine", "trees": "mine", "both": "mine"}
    (tmp_path / "config/taggers/both.yaml").write_text(yaml.safe_dump(reader))
    with pytest.raises(ConfigError, match=r"trees\.yaml:\d+: ensemble: both reads its scores"):
        loaded(tmp_path, run={"taggers": taggers}, ensemble=3)
    folded = {"mine": {"datasets": ["jets"], "folds": 3}}
    run = loaded(tmp_path, run={"taggers": taggers, "samples": folded}, ensemble=3)
    assert run.n_stacked("trees", "jets") == 0
    (tmp_path / "config/taggers/both.yaml").unlink()
    path = tmp_path / "config/taggers/score.yaml"
    path.write_text(path.read_text() + "ensemble: 2\n")
    run_file = tiny.FILES["config.yaml"] | {"data_root": str(tmp_path)}
    with pytest.raises(ConfigError, match=r"score\.yaml:\d+: ensemble: backend `stored` trains nothing"):
        load(run_file, tmp_path / "config")
