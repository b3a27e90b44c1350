"""Scans: points that can be, each as if it stood in the file; the choice among them; what shows it."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io, plugs, stages
from jetsmith.choosing import choose, promote, promoted
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.load import load
from jetsmith.configuration.scanned import check
from jetsmith.errors import ConfigError, InputError
from jetsmith.handed.scan import Promoted, Scan, Tried
from jetsmith.plots import scan as plot
from jetsmith.provenance import config_digest
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierFile, RecipeSpec, TrainingSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.strict import seen_as
from jetsmith.training import train
from tests import tiny
from tests.unit.packed_jets import make_spec, write_sample
from tests.unit.spoil import without_lines

DEPTH, RATE = "architecture.max_depth", "training.learning_rate"
GRID = {"over": {DEPTH: [1, 2, 3], RATE: [0.1, 0.3]}}
RANDOM = {"method": "random", "points": 6, "over": {DEPTH: {"low": 1, "high": 8}, RATE: [0.1, 0.3]}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("scans")
    tiny.write_config(folder / "config")
    (folder / "a.root").write_bytes(b"root")
    return folder


def loaded(project: Path, scan: Any, run: Any = None, **changes: Any) -> Configuration:
    """The tiny configuration whose trees have a scan."""
    folder = project / "config"
    content = tiny.FILES["taggers/trees.yaml"] | {"scan": scan} | changes
    (folder / "taggers/trees.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return load(tiny.FILES["config.yaml"] | {"data_root": str(project)} | (run or {}), folder)


def settings(run: Configuration) -> list[dict[str, Any]]:
    return [point.settings for point in run.scans["trees"].points.values()]


def test_a_grid_has_every_combination(project: Path) -> None:
    """In the order of the lists, each a classifier of its own; the tagger itself is not trained."""
    run = loaded(project, GRID)
    assert settings(run) == [{DEPTH: depth, RATE: rate} for depth in (1, 2, 3) for rate in (0.1, 0.3)]
    names = [f"trees.scan/{key}" for key in run.scans["trees"].points]
    assert list(run.trainings) == ["score", *names]
    for name, found in zip(names, settings(run), strict=True):
        spec, seed, *_ = run.trainings[name]
        assert seed == run.run.seed
        assert (spec.architecture["max_depth"], spec.training.learning_rate) == tuple(found.values())
        assert (spec.architecture["subsample"], spec.training.epochs) == (0.8, 20)  # of the file


def test_a_point_keeps_its_place(project: Path) -> None:
    """Protects: results of trainings that were paid for; another value, order or notation moves none."""
    before = loaded(project, GRID).scans["trees"].points
    after = loaded(project, {"over": {RATE: [3.0e-1, 1.0, 0.1], DEPTH: [3, 2, 1, 4]}}).scans["trees"].points
    assert before.keys() <= after.keys()
    assert len(after) == 12
    assert all(after[key].spec == point.spec for key, point in before.items())


def test_more_draws_keep_the_first(project: Path) -> None:
    """Protects: the same; draws follow from the seed of the run, and each key is drawn by itself."""
    few, many = (settings(loaded(project, RANDOM | {"points": points})) for points in (6, 9))
    assert many[:6] == few
    other = loaded(project, RANDOM, run={"seed": 2})
    assert settings(other) != few
    rates = {RATE: {"low": 0.01, "high": 1.0}}
    both = rates | {"architecture.gamma": {"low": 0.0, "high": 1.0}}
    alone, beside = (settings(loaded(project, RANDOM | {"over": over})) for over in (rates, both))
    assert [found[RATE] for found in alone] == [found[RATE] for found in beside]


@given(
    low=st.integers(1, 50), span=st.integers(1, 14), rate=st.floats(1e-4, 0.5), log=st.booleans(),
    seed=st.integers(0, 2**40),
)  # fmt: skip
def test_draws_stay_in_their_interval(
    project: Path, low: int, span: int, rate: float, log: bool, seed: int
) -> None:
    """Protects: a setting that nobody asked for; whole ends give whole numbers."""
    over = {
        DEPTH: {"low": low, "high": low + span, "log": log},
        RATE: {"low": rate, "high": 2 * rate, "log": log},
        "training.patience": [3, 7],
    }  # fmt: skip
    run = loaded(project, {"method": "random", "points": 5, "over": over}, run={"seed": seed})
    assert len(settings(run)) == 5
    for found in settings(run):
        assert isinstance(found[DEPTH], int)
        assert low <= found[DEPTH] <= low + span
        assert rate <= found[RATE] <= 2 * rate
        assert found["training.patience"] in (3, 7)


def test_a_log_draws_the_logarithm(project: Path) -> None:
    """Half of the draws of three decades are below the middle one's middle; drawn evenly, 3% would be."""
    for log, low, high in ((True, 0.4, 0.6), (False, 0.0, 0.08)):
        over = {RATE: {"low": 0.001, "high": 1.0, "log": log}}
        found = settings(loaded(project, {"method": "random", "points": 300, "over": over}))
        share = sum(one[RATE] < 10**-1.5 for one in found) / 300
        assert low < share < high


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "a value out of bounds": (
        {"over": {DEPTH: [1, -2]}},
        [f"scan.over.{DEPTH}: at {DEPTH}: -2: architecture: `max_depth`", "greater than or equal to 0"],
    ),
    "a value of another type": (
        {"over": {DEPTH: [1, 2], RATE: [0.1, "8e-1"]}},
        [f"scan.over.{RATE}: at {DEPTH}: 1, {RATE}: 8e-1: `{RATE}`", "text for YAML; write 0.8"],
    ),
    "a value that does not go together": (
        {"over": {"architecture.max_leaves": [0, 1]}},
        ["scan.over.architecture.max_leaves: at architecture.max_leaves: 1: ", "a tree of one leaf"],
    ),
    "a draw out of bounds": (
        {"method": "random", "points": 4, "over": {DEPTH: {"low": 65, "high": 99}}},
        [f"scan.over.{DEPTH}: at {DEPTH}: ", "less than or equal to 64"],
    ),
    "one value twice": ({"over": {RATE: [1, 1.0, 0.1]}}, [f"scan.over: {RATE}: 1.0 is there twice"]),
    "no list": ({"over": {DEPTH: 3}}, [f"scan.over.{DEPTH}: got 3; must be a list of values"]),
    "an empty list": ({"over": {DEPTH: []}}, [f"scan.over.{DEPTH}: got []"]),
    "one point": ({"over": {DEPTH: [3]}}, ["scan.over: makes one point", "write it into the file"]),
    "nothing": ({"over": {}}, ["`scan.over`", "at least 1"]),
    "an unknown key": (
        {"over": {"architecture.max_deep": [1, 2]}},
        ["scan.over.architecture.max_deep: is no key", "did you mean `architecture.max_depth`"],
    ),
    "another loss": (
        {"over": {"training.balance": ["none", "class"]}},
        ["scan.over.training.balance: is no key that a scan varies (points compare by a loss"],
    ),
    "what computes": (
        {"over": {"architecture.device": ["cpu", "cuda"]}},
        ["scan.over.architecture.device: is no key that a scan varies"],
    ),
    "an interval in a grid": (
        {"over": {DEPTH: {"low": 1, "high": 3}}},
        [f"scan.over.{DEPTH}: an interval is drawn from (`method: random` or `halving`)"],
    ),
    "an interval that falls": (
        RANDOM | {"over": {DEPTH: {"low": 3, "high": 3}}},
        [f"scan.over.{DEPTH}: low: 3 must be below high: 3"],
    ),
    "a logarithm of nothing": (
        RANDOM | {"over": {DEPTH: {"low": 0, "high": 3, "log": True}}},
        [f"scan.over.{DEPTH}.low: 0 has no logarithm"],
    ),
    "a misspelt end": (
        RANDOM | {"over": {DEPTH: {"low": 1, "hihg": 3}}},
        [f"scan.over.{DEPTH}: key `high` is missing", "unknown key `hihg`; did you mean `high`"],
    ),
    "points of a grid": (GRID | {"points": 3}, ["scan.points: a grid has those of its lists"]),
    "draws without a number": ({"method": "random", "over": {DEPTH: [1, 2]}}, ["scan.points: is missing"]),
    "too few to draw": (
        RANDOM | {"over": {DEPTH: {"low": 1, "high": 3}}},
        ["scan.points: 6, but no more than 3 different ones were found; use a grid"],
    ),
    "a grid too large": (
        {"over": {DEPTH: [*range(1, 60)], RATE: [k / 100 for k in range(1, 50)]}},
        ["scan.over: makes 2,891 points; 1,000 at most"],
    ),
    "an unknown method": (GRID | {"method": "gird"}, ["`scan.method`", "'grid'", "'gird'"]),
}


@pytest.mark.parametrize(("scan", "words"), REFUSED.values(), ids=REFUSED)
def test_scans_that_cannot_be(project: Path, scan: Any, words: list[str]) -> None:
    """At the dry run, with file, line, key and value."""
    with pytest.raises(ConfigError) as caught:
        loaded(project, scan)
    assert "trees.yaml:" in str(caught.value)
    for word in words:
        assert word in without_lines(caught.value)


def test_a_scan_beside_what_it_does_not_go_with(project: Path) -> None:
    """Protects: a choice by jets that judge; a model that others need before it is chosen; no silence."""
    samples = {"mine": {"datasets": ["jets"], "folds": 3}}
    with pytest.raises(ConfigError, match=r"trees\.yaml:\d+: scan: in a sample with `folds` every event"):
        loaded(project, GRID, run={"samples": samples})
    tiny.add_stacked(project / "config")
    try:
        taggers = {"score": "mine", "trees": "mine", "both": "mine"}
        with pytest.raises(ConfigError, match=r"trees\.yaml:\d+: scan: both reads its scores"):
            loaded(project, GRID, run={"taggers": taggers})
    finally:
        tiny.write_config(project / "config")
    path = project / "config/taggers/score.yaml"
    text = path.read_text()
    path.write_text(text + "scan: {over: {architecture.column: [a, b]}}\n")
    try:
        with pytest.raises(ConfigError, match=r"score\.yaml:\d+: scan: backend `stored` trains nothing"):
            loaded(project, GRID)
    finally:
        path.write_text(text)


def test_the_page_shows_the_scan_of_the_file(project: Path) -> None:
    """And nothing where there is none: a run without scans stays what it was."""
    assert loaded(project, GRID).raw["scans"]["trees"]["over"] == GRID["over"]
    tiny.write_config(project / "config")
    run = load(tiny.FILES["config.yaml"] | {"data_root": str(project)}, project / "config")
    assert "scans" not in run.raw
    assert list(run.trainings) == ["score", "trees"]


BASE = make_spec("xgboost", name="trees", training=TrainingSpec(epochs=6, patience=3, learning_rate=0.3))
BATCH = "training.batch_size"  # which changes nothing of trees: the last two are equal
SHALLOW, DEEP, AGAIN = ({DEPTH: depth, BATCH: size} for depth, size in ((1, 64), (4, 64), (4, 128)))
POINTS = {config_digest(one): one for one in (SHALLOW, DEEP, AGAIN)}
FIRST, SECOND, _ = POINTS


def with_settings(found: dict[str, Any], **more: Any) -> Any:
    given = {"batch_size": found[BATCH], **more}
    return BASE.model_copy(
        update={
            "architecture": {"max_depth": found[DEPTH]},
            "training": BASE.training.model_copy(update=given),
        }
    )


def train_all(folder: Path) -> Path:
    for key, found in POINTS.items():
        train(with_settings(found), folder / "packed", folder / "trees.scan" / key, seed=3)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed sample, and the points of a scan on it."""
    folder: Path = tmp_path_factory.mktemp("points")
    write_sample(folder / "packed", 1200)
    return train_all(folder)


def chosen(folder: Path, to: Path, points: dict[str, Any] = POINTS) -> Scan:
    models = [folder / "trees.scan" / key for key in points]
    return choose("trees", "grid", points, [len(points)], models, to / "model", to / "trees.json")


def test_the_smallest_validation_loss_is_chosen(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its model is the tagger's, to the byte; of equal losses the first counts; the table has all points."""
    found = chosen(trained, tmp_path)
    assert found.points[1].validation_loss == found.points[2].validation_loss
    assert found.chosen == SECOND
    assert found == io.read_record(Scan, tmp_path / "trees.json", classifier="trees")
    for tried, (key, values) in zip(found.points, POINTS.items(), strict=True):
        history = io.read_json(trained / "trees.scan" / key / "history.json")
        losses = [row["validation_loss"] for row in history]
        assert (tried.point, tried.settings) == (key, values)
        assert (tried.validation_loss, losses[tried.epoch - 1]) == (min(losses), min(losses))
        assert tried.epochs == len(losses)
    model = trained / "trees.scan" / SECOND
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == files
    score(BASE, tmp_path / "model", trained / "packed", tmp_path / "scores.parquet")
    said = capsys.readouterr().err
    assert said.count("[choose trees] rung 0: validation loss") == 3
    assert said.index(f"chosen: {DEPTH}: 4") < said.index(f"{DEPTH}: 1")


def test_test_rows_choose_nothing(trained: Path, tmp_path: Path) -> None:
    """Protects: what is reported; a table from a sample whose test split is another is the same."""
    shutil.copytree(trained / "packed", tmp_path / "packed")
    shutil.rmtree(tmp_path / "packed/test")
    write_sample(tmp_path / "other", 900)
    shutil.copytree(tmp_path / "other/test", tmp_path / "packed/test")
    one, other = chosen(trained, tmp_path / "a"), chosen(train_all(tmp_path), tmp_path / "b")
    assert [p.validation_loss for p in one.points] == [p.validation_loss for p in other.points]


def test_models_that_are_not_those_of_the_scan(trained: Path, tmp_path: Path) -> None:
    """Protects: a table of other settings than were trained; nothing is written then."""
    models = [trained / "trees.scan" / FIRST]
    to = tmp_path / "model", tmp_path / "trees.json"
    with pytest.raises(InputError, match=r"was trained with .*max_depth': 1.*, which is not its point"):
        choose("trees", "grid", {SECOND: DEEP}, [1], models, *to)
    with pytest.raises(InputError, match=r"is a model of trees, not of other; train it again"):
        choose("other", "grid", {FIRST: SHALLOW}, [1], models, *to)
    swapped = tmp_path / "trees.scan" / SECOND
    shutil.copytree(models[0], swapped)
    with pytest.raises(InputError, match=r"which is not its point of the scan"):
        choose("trees", "grid", POINTS, [1], [swapped], *to)
    (swapped / "history.json").write_text("[]")
    with pytest.raises(InputError, match=r"history\.json: is damaged or not the file"):
        choose("trees", "grid", POINTS, [1], [swapped], *to)
    assert not any(path.exists() for path in to)


HALVING = {"method": "halving", "points": 9, "over": {DEPTH: {"low": 1, "high": 60}}}


def test_halving_trains_fewer_points_with_more_epochs(project: Path) -> None:
    """Each rung costs about as much; the last one has the epochs of the file, and jobs are known before."""
    run = loaded(project, HALVING | {"points": 11}, training={"epochs": 20})
    scan = run.scans["trees"]
    assert scan.trained == [11, 4, 2]
    assert {run.trainings[f"trees.scan/{key}"].spec.training.epochs for key in scan.points} == {3}
    epochs = [stages.retrain(run, "trees", str(rung)).spec["training"]["epochs"] for rung in (1, 2)]
    assert epochs == [7, 20]
    assert settings(run) == settings(loaded(project, HALVING | {"method": "random", "points": 11}))
    two = loaded(project, HALVING | {"rungs": 2, "factor": 2}).scans["trees"]
    assert two.trained == [9, 5]


HALVED: dict[str, tuple[Any, str]] = {
    "too few points": ({"points": 8}, "scan.rungs: 3 with factor: 3 need 9 at least of scan.points, not 8"),
    "too few epochs": (
        {"rungs": 4, "points": 30},
        "scan.rungs: 4 with factor: 3 need 27 at least of training.epochs, not 20",
    ),
    "epochs of its own": (
        {"over": {"training.epochs": {"low": 1, "high": 60}}},
        "scan.over.training.epochs: halving itself says how many",
    ),
    "rungs of a grid": (
        {"method": "random", "rungs": 2},
        "scan.rungs: `random` has none, `method: halving` has; leave it out",
    ),
    "no number of points": ({"points": None}, "scan.points: is missing; `halving` wants a number"),
}


@pytest.mark.parametrize(("change", "words"), HALVED.values(), ids=HALVED)
def test_halvings_that_cannot_be(project: Path, change: Any, words: str) -> None:
    """At the dry run; each names what there has to be."""
    with pytest.raises(ConfigError) as caught:
        loaded(project, HALVING | change)
    assert words in without_lines(caught.value)


@pytest.mark.parametrize(("epochs", "refused"), [(27, True), (28, False)])
def test_the_first_rung_is_longer_than_a_warm_up(epochs: int, refused: bool) -> None:
    """Its rate falls, too: of 27 epochs the first of three rungs has three, all of them of the warm-up."""
    file = {
        "title": "A network", "backend": "keras", "model": "dense", "object": "ak4",
        "classes": ["b_jets", "light_jets"], "inputs": {"ak4": ["jetPt"]},
        "training": {"epochs": epochs, "schedule": {"warmup_epochs": 2.5, "hold_epochs": 0.5}},
        "scan": HALVING | {"over": {"architecture.dropout": {"low": 0.1, "high": 0.5}}},
    }  # fmt: skip
    content = ClassifierFile.model_validate(file)
    said = r"scan\.rungs: the first trains 3 epochs, .* warmup_epochs and hold_epochs of 3: none is left"
    with pytest.raises(ConfigError, match=said) if refused else contextlib.nullcontext():
        check(content, plugs.described_by("keras", "dense", "").Options(), Path("network.yaml"), 0, [])


def test_who_is_best_is_trained_again(trained: Path, tmp_path: Path) -> None:
    """By rank, of equal losses the first; a rank that stays with its point keeps its file to the byte."""
    models = [trained / "trees.scan" / key for key in POINTS]
    ranks = [tmp_path / f"{rank}.json" for rank in range(2)]
    promote("trees", POINTS, models, ranks, 1)
    assert [io.read_record(Promoted, path).settings for path in ranks] == [DEEP, AGAIN]
    kept = ranks[0].read_bytes()
    fewer = {key: POINTS[key] for key in (FIRST, SECOND)}
    promote("trees", fewer, models[:2], ranks, 1)
    assert ranks[0].read_bytes() == kept
    assert io.read_record(Promoted, ranks[1]).settings == SHALLOW
    base = RecipeSpec(**seen_as(RecipeSpec, BASE))
    spec = promoted(base, ranks[1])
    assert (spec.architecture["max_depth"], spec.training.batch_size) == (1, 64)
    assert spec.training.epochs == BASE.training.epochs
    with pytest.raises(InputError, match=r"0\.json"):
        promoted(base.model_copy(update={"name": "other"}), ranks[0])


def test_the_last_rung_is_chosen_from(trained: Path, tmp_path: Path) -> None:
    """Protects: losses of few epochs do not compare with those of many; a smaller one there is not chosen."""
    again = tmp_path / "trees.scan/1/0"
    train(with_settings(SHALLOW, epochs=2), trained / "packed", again, seed=3)
    models = [*(trained / "trees.scan" / key for key in POINTS), again]
    found = choose("trees", "halving", POINTS, [3, 1], models, tmp_path / "model", tmp_path / "trees.json")
    assert found.points[3].validation_loss > found.points[1].validation_loss
    assert (found.chosen, found.best) == (FIRST, found.points[3])
    assert [tried.rung for tried in found.points] == [0, 0, 0, 1]
    assert found.ranked[0] == found.best
    assert io.folder_checksums(tmp_path / "model") == io.folder_checksums(again)


def table() -> Scan:
    over = [
        {DEPTH: 1, RATE: 0.001, "architecture.grow_policy": "depthwise", "architecture.dense": [100, 50]},
        {DEPTH: 2, RATE: 0.1, "architecture.grow_policy": "lossguide", "architecture.dense": [7]},
        {DEPTH: 3, RATE: 0.1, "architecture.grow_policy": "depthwise", "architecture.dense": [7]},
    ]
    points = [
        Tried(f"p{k}", 0, values, loss, 2, 5, 1.5)
        for k, (values, loss) in enumerate(zip(over, (0.5, 0.3, 0.4), strict=True))
    ]
    return Scan("trees", "grid", tuple(over[0]), "p1", tuple(points))


def test_the_figure_shows_every_point(tmp_path: Path) -> None:
    """A panel a key; numbers along an axis, logarithmic over decades; other values at a place each."""
    io.write_record(tmp_path / "trees.json", table())
    about = TrainedSpec(name="trees", title="Trees", backend="xgboost")
    style = PlotSpec(dpi=40)
    numbers = plot.plot_scan(about, tmp_path / "trees.json", style, tmp_path / "plot")
    assert numbers.chosen == 1
    assert "max_depth 2, training.learning_rate 0.1" in numbers.caption()
    assert "test split" in numbers.caption()
    figure = plot.draw(numbers, style)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "max_depth",
        "learning_rate",
        "grow_policy",
        "dense",
    ]
    assert [axes.get_xscale() for axes in figure.axes] == ["linear", "log", "linear", "linear"]
    for axes in figure.axes:
        tried, mark = (
            next(line for line in axes.get_lines() if line.get_gid() == gid) for gid in ("tried", "chosen")
        )
        assert list(tried.get_ydata()) == [0.5, 0.3, 0.4]
        assert list(mark.get_ydata()) == [0.3]
    assert [text.get_text() for text in figure.axes[3].get_xticklabels()] == ["[100, 50]", "[7]"]
