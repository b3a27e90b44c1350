"""The weight of a loss: which trainings there are, which are refused, what is found of them and drawn."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from jetsmith import io, metrics, stages
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.load import load
from jetsmith.configuration.subjects import subjects
from jetsmith.errors import ConfigError, InputError
from jetsmith.handed.loss_scan import AtCut, Left, LossScan, Weighed
from jetsmith.hashing import SPLITS
from jetsmith.loss_scanning import Jets, judged, scan_losses
from jetsmith.metrics import Interval
from jetsmith.plots import loss_scan as plot
from jetsmith.specs.classifiers import TrainingSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.run import SplitSpec
from jetsmith.training import train
from tests import tiny
from tests.unit.packed_jets import write_packed
from tests.unit.test_explaining import BACKGROUND, FLAT, SIGNAL, known_jets, known_spec

COLUMN, EDGES = "jet_pt_gev", (20.0, 40.0, 60.0, 100.0)
NETWORK = tiny.network()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("loss_scans")
    tiny.write_config(folder / "config")
    (folder / "a.root").write_bytes(b"root")
    return folder


def loaded(project: Path, run: Any = None, **changes: Any) -> Configuration:
    """The tiny configuration with a network that is trained with several weights of a loss."""
    folder = project / "config"
    content = {key: value for key, value in (NETWORK | changes).items() if value is not None}
    (folder / "taggers/network.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    given = tiny.FILES["config.yaml"]
    given = given | {"data_root": str(project), "taggers": {**given["taggers"], "network": "mine"}}
    return load(given | (run or {}), folder)


def test_trainings_by_weight_and_seed(project: Path) -> None:
    """One job each beside the tagger's own; another weight leaves the names of these as they are."""
    run = loaded(project)
    names = ["0_0", "0_1", "0p3_0", "0p3_1", "3_0", "3_1"]
    found = {name: run.trainings[f"network.loss_scan/{name}"] for name in names}
    assert [name for name in run.trainings if "network" in name] == [
        "network",
        *(f"network.loss_scan/{name}" for name in names),
    ]
    assert [t.spec.losses["mass"].weight for t in found.values()] == [0, 0, 0.3, 0.3, 3, 3]
    assert len({t.seed for t in found.values()}) == 2
    assert found["0_1"].seed == found["3_1"].seed
    assert run.trainings["network"].spec.losses["mass"].weight == 2
    more = loaded(project, loss_scan={"loss": "mass", "weights": [1e-5, 0.3, 3, 1e9], "seeds": 3})
    assert {f"network.loss_scan/{name}" for name in ("1e-05_2", "1e09_0")} <= more.trainings.keys()
    for name in ("0p3_0", "3_1"):
        assert more.trainings[f"network.loss_scan/{name}"] == found[name]
    assert subjects(run, "loss_scanned") == [("mine", "n_pv")]
    handed = stages.scan_losses(run, "network")
    assert [point["losses"]["mass"]["weight"] for point in handed.points] == [0, 0.3, 3]
    assert list(handed.columns) == ["n_pv", "jet_pt_gev"]
    assert loaded(project, loss_scan=None).loss_scans == {}


SCAN, DISCO = NETWORK["loss_scan"], NETWORK["losses"]["mass"]
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no such loss": ({"loss_scan": SCAN | {"loss": "mas"}}, r"loss_scan\.loss: `mas`.*did you mean `mass`"),
    "of the classes": ({"loss_scan": SCAN | {"loss": "classes"}}, r"loss_scan\.loss: `classes` is none"),
    "one weight": ({"loss_scan": SCAN | {"weights": [1]}}, r"loss_scan\.weights"),
    "falling": ({"loss_scan": SCAN | {"weights": [3, 1]}}, r"loss_scan\.weights: \[3\.0, 1\.0\]; must rise"),
    "nearly twice": (
        {"loss_scan": SCAN | {"weights": [1, 1.0000000001]}}, r"loss_scan\.weights: .*must rise",
    ),
    "twice": ({"loss_scan": SCAN | {"weights": [1, 1]}}, r"loss_scan\.weights: .*must rise"),
    "negative": ({"loss_scan": SCAN | {"weights": [-1, 1]}}, r"loss_scan\.weights: -1 is below 0"),
    "of a score": (
        {
            "side": {"trees": ["p_b_jets"]},
            "losses": {"mass": {**DISCO, "options": {**DISCO["options"], "column": "p_b_jets"}}},
        },
        r"loss_scan\.loss: `mass` leaves the score `p_b_jets` of `trees` alone, and .*calibration: planes",
    ),
    "one seed": ({"loss_scan": SCAN | {"seeds": 1}}, r"loss_scan\.seeds"),
    "no column": ({"decorrelate": None}, "loss_scan: its figure is of the column of `decorrelate`"),
    "a scan": (
        {"scan": {"over": {"training.learning_rate": [0.1, 0.2]}}}, "loss_scan: .*`scan`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_come_up_at_the_parse(project: Path, mistake: str) -> None:
    """Named by file and key, before anything is trained."""
    changes, message = MISTAKES[mistake]
    with pytest.raises(ConfigError, match=message) as caught:
        loaded(project, **changes)
    assert "network.yaml" in str(caught.value)


ADVERSARY = {"loss": "adversary", "options": {**{key: DISCO["options"][key] for key in ("column", "rows")},
                                               "edges": [0, 0.5, 1]}}  # fmt: skip
KNOWN = "loss_scan: `{}`, which its trainings start from, has learned by a loss of `ak4.btagDeepFlavB`"


def start_in(project: Path, *columns: str) -> str:
    """A folder of a network that has learned elsewhere, by losses of these columns."""
    folder = project / "start"
    folder.mkdir(exist_ok=True)
    learned = {"datasets": ["elsewhere"], "seed": 1, "splits": SplitSpec().model_dump(mode="json")}
    reads = {"name": "elsewhere", "kind": "flat", "sort_by": "", "features": [{"name": "x", "source": "x"}]}
    files = {
        "model.keras": {},
        "spec.json": {"losses": 3},
        "meta.json": {
            "learned_from": [learned | {"columns": []}, learned | {"columns": columns}],
            "reads": [reads],
            "checksums": {"model.keras": "", "spec.json": ""},
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return str(folder)


def test_no_training_is_without_what_its_start_has_learned(project: Path) -> None:
    """At weight 0 as well; a start that left another column alone, or none, is as good as a fresh network."""
    loaded(project, start_from=start_in(project))
    loaded(project, start_from=start_in(project, "ak4.jetAbsEta"))
    with pytest.raises(ConfigError, match=r"network\.yaml:\d+: " + KNOWN.format(".*start")):
        loaded(project, start_from=start_in(project, "ak4.btagDeepFlavB"))


@pytest.mark.parametrize(
    ("middle", "knows"),
    [
        ({"losses": {"first": ADVERSARY}}, "middle"),
        ({"losses": {"first": ADVERSARY | {"weight": 0}}}, ""),
        ({"losses": {"first": DISCO}, "side": {"ak4": ["btagDeepFlavB"]}}, "middle"),
        ({"start_from": ("ak4.btagDeepFlavB",), "losses": {}, "side": {}}, ".*start"),
        ({"start_from": ("ak4.jetAbsEta",), "losses": {}, "side": {}}, ""),
    ],
)
def test_nor_at_second_hand(project: Path, middle: dict[str, Any], knows: str) -> None:
    """By another loss of the column, and by what the start began with.

    Protects: a point at weight 0 that has unlearned the column, which is the price of none in the figure.
    """
    start = {"start_from": start_in(project, *middle["start_from"])} if "start_from" in middle else {}
    content = {key: value for key, value in NETWORK.items() if key != "loss_scan"} | middle | start
    (project / "config/taggers/middle.yaml").write_text(yaml.safe_dump(content | {"title": "Middle"}))
    run = {"taggers": {**tiny.FILES["config.yaml"]["taggers"], "network": "mine", "middle": "mine"}}
    if not knows:
        loaded(project, run, start_from="middle")
        return
    with pytest.raises(ConfigError, match=KNOWN.format(knows)):
        loaded(project, run, start_from="middle")


def test_folds_leave_no_split(project: Path) -> None:
    """Of which thresholds by bin could be made."""
    samples = {name: {**of, "folds": 3} for name, of in tiny.FILES["config.yaml"]["samples"].items()}
    with pytest.raises(ConfigError, match="loss_scan: in a sample with `folds`"):
        loaded(project, {"samples": samples})


def jets_of(n: int, seed: int, tie: float, gain: float = 1.5) -> Jets:
    """Scores of background that know a column, by `tie`."""
    rng = np.random.default_rng(seed)
    is_signal = rng.random(n) < 0.5
    column = np.where(is_signal, rng.normal(50, 5, n), rng.uniform(20, 100, n))
    score = rng.normal(0, 1, n) + gain * is_signal - tie * np.abs(column - 50) / 20
    weight = rng.uniform(0.5, 1.5, n) * np.where(rng.random(n) < 0.05, -1, 1)
    return Jets(score, weight, is_signal, {COLUMN: column, "other": rng.normal(0, 1, n)})


COLUMNS = {COLUMN: EDGES, "other": (-9.0, 0.0, 9.0)}


def test_figures_of_a_training() -> None:
    """Rejection and divergence at 50% efficiency as counted jet by jet; the cut by bin leaves no column."""
    test, others = jets_of(6000, 1, 1.0), jets_of(6000, 2, 1.0)
    found = judged(test, others, COLUMNS, 3.0, 1, 5)
    assert (found.weight, found.seed) == (3.0, 1)
    cut = found.cut
    assert cut is not None

    signal = sorted(np.flatnonzero(test.is_signal), key=lambda k: -test.score[k])
    summed, threshold = 0.0, math.inf
    half = sum(test.weight[k] for k in signal) / 2
    for k in signal:
        if summed + test.weight[k] > half:
            break
        summed += test.weight[k]
        threshold = test.score[k]
    total, passing = 0.0, 0.0
    bins = np.zeros((2, 3))
    for k in np.flatnonzero(~test.is_signal):
        place = min(max(np.searchsorted(EDGES, test.columns[COLUMN][k], side="right") - 1, 0), 2)
        total += test.weight[k]
        bins[int(test.score[k] >= threshold), place] += test.weight[k]
        if test.score[k] >= threshold:
            passing += test.weight[k]
    assert cut.rejection == pytest.approx(total / passing, rel=0.01)
    p, q = (of / of.sum() for of in bins)
    middle = (p + q) / 2
    divergence = sum((p * np.log2(p / middle) + q * np.log2(q / middle)) / 2)
    assert cut.left[0].seen == pytest.approx(divergence, rel=0.02)
    assert cut.background.low < cut.background.value < cut.background.high
    assert cut.left[0].true.low < cut.left[0].true.value < cut.left[0].true.high
    assert cut.left[1].seen < 5 * cut.left[1].by_chance  # it knows nothing of this one

    flat = found.flattened
    assert flat is not None
    assert flat.left[0].seen < 0.05 * cut.left[0].seen
    assert flat.rejection < cut.rejection
    assert found.correlations[0] is not None
    assert found.correlations[0] > 0.05
    signal_mask = test.is_signal
    assert found.auc == metrics.auc(
        test.score[signal_mask],
        test.weight[signal_mask],
        test.score[~signal_mask],
        test.weight[~signal_mask],
    )


def test_a_rejection_without_an_upper_end_is_written(tmp_path: Path) -> None:
    """Protects: a run that ends at infinity, which JSON has not: background ends at the cut."""
    test = jets_of(2000, 1, 0.0)
    kept = ~test.is_signal | (np.cumsum(test.is_signal) <= 4)
    score = np.where(test.is_signal, 9.0 + np.cumsum(test.is_signal), test.score)
    score[np.flatnonzero(~test.is_signal)[0]] = 12.5
    test = test._replace(score=score, weight=np.ones(2000)).of(kept)
    found = judged(test, jets_of(400, 2, 0.0), COLUMNS, 1.0, 0, 1)
    assert found.cut is not None
    assert found.cut.background.low == 0
    scan = LossScan("one", "mine", "mass", "B", "b", "light", 4, 60, (*COLUMNS,), (found,))
    io.write_record(tmp_path / "scan.json", scan)
    assert io.read_record(LossScan, tmp_path / "scan.json") == scan


def test_what_is_not_there_is_none() -> None:
    """No background passes; or there is none of which a threshold of a bin could be made."""
    test = jets_of(400, 1, 0.0, gain=50.0)
    found = judged(test, jets_of(400, 2, 0.0), COLUMNS, 1.0, 0, 1)
    assert found.cut is None
    assert "of the background nothing" in found.why
    untagged = np.where(np.arange(400) % 5 < 3, -np.inf, test.score)
    found = judged(test._replace(score=untagged), jets_of(400, 2, 0.0), COLUMNS, 1.0, 0, 1)
    assert "of the signal can pass" in found.why
    test = jets_of(400, 1, 0.0)
    few = test.of(test.columns[COLUMN] < 60)
    found = judged(test, few, COLUMNS, 1.0, 0, 1)
    assert found.cut is not None
    assert found.flattened is None


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Trees on known features, with two settings in the place of weights, and two seeds each."""
    folder: Path = tmp_path_factory.mktemp("scanned")
    for seed, split in enumerate(SPLITS):
        write_packed(folder / "packed" / split, replace(known_jets(1200, seed), split=split))
    training = TrainingSpec(epochs=20, patience=20, learning_rate=0.3)
    points = [
        known_spec("xgboost", training=training, architecture={"max_depth": depth, "subsample": 0.5})
        for depth in (1, 2)
    ]
    for number, point in enumerate(points):
        for k in range(2):
            train(point, folder / "packed", folder / f"model_{number}_{k}", seed=k)
    return points, folder


def found_of(scanned: tuple[Any, Path], **changes: Any) -> LossScan:
    points, folder = scanned
    given = {
        "loss": "mass", "weights": [0.0, 1.0], "points": points, "seeds": 2,
        "discriminant": points[0].discriminant, "signal": SIGNAL, "background": BACKGROUND,
        "columns": {COLUMN: [20, 50, 100, 1000], "nowhere": [0, 1]},
        "models": [folder / f"model_{number}_{k}" for number in range(2) for k in range(2)],
        "packed": folder / "packed", "output": folder / "scan.json", "seed": 1,
    } | changes  # fmt: skip
    scan_losses(**given)
    return io.read_record(LossScan, given["output"], tagger=points[0].name)


def test_each_training_is_judged_on_test_jets(scanned: tuple[Any, Path], capfd: Any) -> None:
    """By weight, then seed; columns that rows lack are left out, but not the first."""
    found = found_of(scanned)
    assert [(t.weight, t.seed) for t in found.trainings] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len({t.auc for t in found.trainings}) == 4
    assert all(t.auc > 0.9 for t in found.trainings)
    assert found.columns == (COLUMN,)
    assert found.signal_jets + found.background_jets == 1200
    assert f"mass 1, training 1: AUC {found.trainings[-1].auc:.4f}" in capfd.readouterr().err
    with pytest.raises(InputError, match=r"rows have no `nowhere`, which .* leave alone"):
        found_of(scanned, columns={"nowhere": [0, 1], COLUMN: [20, 1000]})
    nobody = BACKGROUND.model_copy(update={"truth": (400,)})
    found = found_of(scanned, background=nobody)
    assert (found.background_jets, found.trainings) == (0, ())


def test_an_exchanged_model_is_refused(scanned: tuple[Any, Path]) -> None:
    """Protects: figures of the models of another tagger."""
    points, folder = scanned
    less = FLAT.model_copy(update={"features": FLAT.features[:1]})
    other = [points[0], points[1].model_copy(update={"inputs": (less,)})]
    with pytest.raises(InputError, match="was trained with other `inputs`"):
        found_of((other, folder))


def made_up(tagger: str, rejections: list[float], divergences: list[float], noise: float = 0.0) -> LossScan:
    """Three seeds a weight, with a rejection and a divergence each that differ by a factor."""
    rng = np.random.default_rng(len(tagger))
    trainings = []
    for weight, (rejection, divergence) in enumerate(zip(rejections, divergences, strict=True)):
        for k in range(3):
            factor = math.exp(noise * rng.normal())
            left = Left(divergence, 0.001, Interval(divergence, divergence / 2, 2 * divergence))
            seen = 1 / (rejection * factor)
            cut = AtCut(Interval(seen, seen / 2, 2 * seen), 0.5, "", (left,))
            trainings.append(Weighed(float(weight), k, 0.9, cut, "", cut, (divergence,)))
    return LossScan(tagger, "mine", "mass", "B", "b", "light", 50, 60, (COLUMN,), tuple(trainings))


def specs(*names: str) -> list[Any]:
    return [known_spec("xgboost").model_copy(update={"name": n, "title": n.upper()}) for n in names]


def test_means_gains_and_equal_divergence() -> None:
    """Means of logarithms; the largest 1/JSD of those that keep half; straight lines between weights."""
    one = made_up("one", [100, 60, 40], [0.1, 0.01, 0.001], noise=0.1)
    two = made_up("other", [100, 30, 10], [0.1, 0.01, 0.001], noise=0.1)
    found = plot.compute(specs("one", "other"), [one, two])
    first = found.curves[0].weights[1]
    values = [t.cut.rejection for t in one.trainings if t.weight == 1 and t.cut]
    assert first.rejection.value == pytest.approx(np.exp(np.mean(np.log(values))), rel=1e-4)
    assert first.rejection.high / first.rejection.value == pytest.approx(
        np.exp(np.std(np.log(values), ddof=1)), rel=1e-4
    )
    assert first.left[0].inverse.value == pytest.approx(100)
    gain = found.curves[0].gain
    assert gain is not None
    assert gain.weight == 1  # 40 of 100 is less than half
    assert gain.inverse.value == pytest.approx(10)
    assert gain.kept.value == pytest.approx(0.6, rel=0.2)
    assert found.curves[1].gain is None
    middle, end = found.equal
    assert (middle.inverse, end.inverse) == (pytest.approx(100), pytest.approx(1000))
    assert middle.ratio.low < 2 < middle.ratio.high or middle.ratio.value == pytest.approx(2, rel=0.3)
    assert end.ratio.value == pytest.approx(4, rel=0.3)
    assert "ONE over OTHER" in found.caption()
    short = replace(two, trainings=two.trainings[:6] + tuple(replace(t, cut=None) for t in two.trainings[6:]))
    assert [one.inverse for one in plot.compute(specs("one", "other"), [one, short]).equal][1] == 100
    figure = plot.draw(found, PlotSpec(dpi=40))
    assert len(figure.axes) == 2


def test_what_is_missing_or_tied_is_told() -> None:
    """Protects: points that are left out, or are at another efficiency, and look like the others."""
    one = made_up("one", [100, 60], [0.1, 0.01])
    first, *others = one.trainings
    last = others[-1]
    assert last.cut is not None
    tied = replace(last, cut=replace(last.cut, reached=0.59, doubt="ties"))
    scan = replace(one, trainings=(replace(first, cut=None, why="none passes"), *others[:-1], tied))
    found = plot.compute(specs("one"), [scan])
    assert "without a cut: ONE, λ = 0, training 0 (none passes)." in found.caption()
    assert "many jets share a score: ONE, λ = 1: 53.0%." in found.caption()
    none = replace(one, trainings=(replace(first, cut=None, why="none passes"),))
    assert "none passes" in plot.compute(specs("one"), [none]).message


def test_a_way_between_points() -> None:
    """The first crossing, in the order of the weights; none where it does not come there."""
    path = np.array([[1.0, 8.0], [2.0, 6.0], [1.5, 4.0], [4.0, 0.0]])
    assert plot.at(path, 1.5) == 7.0
    assert plot.at(path, 3.0) == pytest.approx(1.6)
    assert math.isnan(plot.at(path, 5.0))


def test_other_classes_do_not_compare(tmp_path: Path) -> None:
    """A tagger of c jets stands in the figure, and is no rival; nothing at all makes a message."""
    one = made_up("one", [100, 60], [0.1, 0.01])
    two = replace(made_up("other", [100, 60], [0.1, 0.01]), signal="c")
    found = plot.compute(specs("one", "other"), [one, two])
    assert len(found.curves) == 2
    assert found.equal == ()
    empty = replace(one, trainings=())
    io.write_record(tmp_path / "scan.json", empty)
    shown = plot.plot_loss_scan(specs("one"), [tmp_path / "scan.json"], PlotSpec(dpi=40), tmp_path / "figure")
    assert "no jets of the classes" in shown.message
    assert (tmp_path / "figure.png").is_file()
