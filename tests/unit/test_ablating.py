"""What removing inputs costs: which trainings there are, which are refused, and what is compared."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from jetsmith import io, metrics, stages, texts
from jetsmith.ablating import ablate
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.load import load
from jetsmith.configuration.subjects import subjects
from jetsmith.errors import ConfigError, InputError
from jetsmith.handed.ablation import Ablation
from jetsmith.hashing import SPLITS
from jetsmith.plots import ablation as plot
from jetsmith.report import tagger_inputs
from jetsmith.report.page import write_report
from jetsmith.specs.classifiers import RecipeSpec, TrainingSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.strict import seen_as
from jetsmith.training import train
from tests import tiny
from tests.unit.packed_jets import write_packed
from tests.unit.test_explaining import BACKGROUND, FLAT, KNOWN, SIGNAL, known_jets, known_spec
from tests.unit.test_report import Page

LEFT_OUT = {"all": ("ak4.all",), "noise": ("ak4.noise",), "a_copy": ("ak4.first_copy",)}
POINTS = {"L": 0.2, "M": 0.05}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("ablations")
    tiny.write_config(folder / "config")
    (folder / "a.root").write_bytes(b"root")
    return folder


def loaded(project: Path, ablations: Any, run: Any = None, **changes: Any) -> Configuration:
    """The tiny configuration whose trees are trained without some inputs."""
    folder = project / "config"
    content = tiny.FILES["taggers/trees.yaml"] | {"ablate": ablations} | changes
    (folder / "taggers/trees.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return load(tiny.FILES["config.yaml"] | {"data_root": str(project)} | (run or {}), folder)


def test_trainings_without_inputs(project: Path) -> None:
    """One job each beside the tagger's own, with the same seed and all else the same."""
    run = loaded(project, {"momentum": ["ak4.jetPt"], "kinematics": ["ak4.jetPt", "ak4.jetAbsEta"]})
    assert list(run.trainings) == ["score", "trees", "trees.without/momentum", "trees.without/kinematics"]
    whole, *less = (run.trainings[name] for name in list(run.trainings)[1:])
    assert [found.spec.inputs[0].features for found in less] == [
        ("jetAbsEta", "btagDeepFlavB"),
        ("btagDeepFlavB",),
    ]
    for found in less:
        assert found.seed == whole.seed
        assert found.spec.model_copy(update={"inputs": whole.spec.inputs}) == whole.spec
    assert subjects(run, "ablated") == [("trees",)]
    handed = stages.ablate(run, "trees")
    assert list(handed.without) == ["momentum", "kinematics"]
    assert loaded(project, ()).ablations == {}


STACKED = {"inputs": {"ak4": ["jetPt"], "score": "all"}}


def test_groups_of_a_list(project: Path) -> None:
    """Those of features and the scores of other taggers alike."""
    run = loaded(project, ["ak4", "score"], **STACKED)
    left = {name: [i.group for i in spec.inputs] for name, spec in run.ablations["trees"].items()}
    assert left == {"ak4": ["score"], "score": ["ak4"]}


def test_options_of_a_group_go_with_it(tmp_path: Path) -> None:
    """DeepJet names its sequences in its options, where it would refuse one that is gone."""
    root = Path(__file__).parent.parent.parent / "config"
    (tmp_path / "taggers").mkdir()
    content = yaml.safe_load((root / "taggers/deepjet.yaml").read_text()) | {"ablate": ["vertices", "ak4"]}
    (tmp_path / "taggers/deepjet.yaml").write_text(yaml.safe_dump(content))
    run = load(yaml.safe_load((root / "config.yaml").read_text()), [tmp_path, root])
    without = run.ablations["deepjet"]["vertices"].architecture
    assert set(without["convolutions"]) == {"charged", "neutral"} == set(without["recurrent"])
    assert run.ablations["deepjet"]["ak4"].architecture == run.classifiers["deepjet"].architecture


STORED = {
    key: tiny.FILES["taggers/score.yaml"][key]
    for key in ("backend", "classes", "inputs", "architecture", "discriminants")
} | {"training": {}}
MISTAKES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a group": (["ak5"], {}, r"ablate\.ak5: no group `ak5` in `inputs`; did you mean `ak4`"),
    "a feature": ({"a": ["ak4.jetPtt"]}, {}, r"ablate\.a: no feature `jetPtt` of ak4 in `inputs`.*jetPt"),
    "nothing left": (["ak4"], {}, r"ablate\.ak4: nothing is left to train on"),
    "nothing removed": ({"a": []}, {}, r"ablate\.a: is empty"),
    "the same": (
        {"a": ["ak4.jetPt"], "b": ["ak4.jetPt"]}, {}, r"ablate\.b: leaves out the same as `a`",
    ),
    "a scan": (
        {"a": ["ak4.jetPt"]}, {"scan": {"over": {"architecture.max_depth": [1, 2]}}}, "ablate: .*`scan`",
    ),
    "an ensemble": ({"a": ["ak4.jetPt"]}, {"ensemble": 2}, "ablate: .*leave `ensemble` out"),
    "stored": (["ak4"], STORED, "trains nothing"),
    "a word": ("ak4", {}, "ablate"),
    "a twice": (["ak4", "ak4"], STACKED, "ablate: a group is there twice"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_come_up_at_the_parse(project: Path, mistake: str) -> None:
    """Named by file and key, before anything is trained."""
    ablations, changes, message = MISTAKES[mistake]
    with pytest.raises(ConfigError, match=message) as caught:
        loaded(project, ablations, **changes)
    assert "trees.yaml" in str(caught.value)


@pytest.fixture(scope="module", params=[0, 3], ids=["one split", "folds"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any, Path]:
    """A tagger on a sample whose features are known, and trainings of it without some."""
    folder: Path = tmp_path_factory.mktemp("trained")
    for seed, split in enumerate(SPLITS):
        jets = known_jets(1200, seed)
        jets.columns["fold"] = (np.arange(len(jets)) % 3).astype(np.int8)
        write_packed(folder / "packed" / split, replace(jets, split=split))
    training = TrainingSpec(epochs=30, patience=30, learning_rate=0.3)
    spec = known_spec("xgboost", training=training, folds=request.param, architecture={"max_depth": 2})
    less = {}
    for name, removed in LEFT_OUT.items():
        left = tuple(f for f in KNOWN if f"ak4.{f}" not in removed)
        less[name] = spec.model_copy(update={"inputs": (FLAT.model_copy(update={"features": left}),)})
    for name, one in {"": spec, **less}.items():
        train(one, folder / "packed", folder / f"model{name}", seed=1)
    return spec, less, folder


def compare(trained: tuple[Any, Any, Path], **changes: Any) -> Ablation:
    spec, less, folder = trained
    given = {
        "spec": spec, "without": less, "discriminant": spec.discriminant, "signal": SIGNAL,
        "background": BACKGROUND, "model": folder / "model", "models": [folder / f"model{n}" for n in less],
        "packed": folder / "packed", "output": folder / "ablation.json", "working_points": POINTS, "seed": 1,
    } | changes  # fmt: skip
    ablate(**given)
    return io.read_record(Ablation, given["output"], tagger=spec.name)


def test_what_removing_costs(trained: tuple[Any, Any, Path]) -> None:
    """The feature that says all costs much, noise and one of two copies nothing beyond a few errors."""
    found = compare(trained)
    losses = {less.name: {change.of: change for change in less.changes} for less in found.trainings}
    assert [less.left_out for less in found.trainings] == [LEFT_OUT[name] for name in LEFT_OUT]
    assert set(losses["all"]) == {"auc", *POINTS}
    for change in losses["all"].values():
        assert change.low > 0.05
        assert change.low <= change.loss <= change.high
    for name in ("noise", "a_copy"):
        for change in losses[name].values():
            assert abs(change.loss) < 0.02
            assert change.loss - 4 * (change.loss - change.low) < 0.005
    assert found.jets == (3600 if trained[0].folds else 1200)


def test_the_figure(trained: tuple[Any, Any, Path], tmp_path: Path) -> None:
    """Shows each training with its numbers, and says what the intervals lack."""
    spec, _, folder = trained
    compare(trained)
    shown = TrainedSpec(name=spec.name, title="Known", backend="xgboost", folds=spec.folds)
    numbers = plot.plot_ablation(shown, folder / "ablation.json", PlotSpec(dpi=40), tmp_path / "a")
    figure = plot.draw(numbers, PlotSpec(dpi=40))
    assert len(figure.axes) == 1 + len(POINTS)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == [less.losses[0].loss.value for less in numbers.trainings]
    assert "without all (ak4.all)" in numbers.caption()
    assert "another seed" in numbers.caption()

    write_report(tmp_path / "index.html", {}, "t", [], [], [tmp_path / "a.png"], [], [], {})
    shown_text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    rows = shown_text.split("Left out", 1)[1]
    for less in numbers.trainings:
        assert less.name in rows
        assert ", ".join(less.left_out) in rows
        found = less.losses[0].loss
        assert texts.interval(found.value, found.low, found.high)["text"] in rows


def test_a_loss_is_in_errors_of_the_side_that_looks_at_nothing() -> None:
    """Protects: the table from taking the other end of a lopsided interval, or a loss of nothing for much."""
    given = [(0.02, 0.01, 0.06), (-0.02, -0.06, -0.01), (0.0, 0.0, 0.0), (0.0, -0.1, 0.0)]
    losses = [
        {"of": of, "whole": 0.5, "loss": {"value": value, "low": low, "high": high}}
        for of, (value, low, high) in zip(("auc", "L", "M", "T"), given, strict=True)
    ]
    about = {"title": "t", "signal": "b", "background": "light", "jets": 1234, "folds": 0}
    figure = about | {"trainings": [{"name": "a", "left_out": ["ak4"], "losses": losses}]}
    (table,) = tagger_inputs.ablations([figure, about | {"trainings": []}])
    (row,) = table["rows"]
    assert [found["significance"] for found in row["losses"]] == ["2.0", "−2.0", "–", "0.0"]
    assert table["wholes"][:2] == ["AUC of 0.5000", "efficiency of 50% at L"]
    assert row["losses"][0]["loss"] == {"text": "0.020", "up": "+0.040", "down": "−0.010"}
    assert row["losses"][1]["loss"]["text"] == "−2.0"  # percentage points


def test_points_of_few_jets_are_named_and_not_shown(trained: tuple[Any, Any, Path], tmp_path: Path) -> None:
    """Protects: an interval of a handful of jets that nobody should believe."""
    found = compare(trained, working_points=POINTS | {"XXT": 0.001}, output=tmp_path / "a.json")
    assert found.few == ("XXT",)
    for less in found.trainings:
        assert [change.of for change in less.changes] == ["auc", *POINTS]
    shown = TrainedSpec(name=trained[0].name, title="Known", backend="xgboost")
    assert plot.compute(shown, found).caption().endswith("since fewer than 10 jets of a class pass: XXT.")


def test_an_exchanged_model_is_refused(trained: tuple[Any, Any, Path]) -> None:
    """Protects: the cost of one feature under the name of another."""
    _, less, folder = trained
    with pytest.raises(InputError, match="was trained with other `inputs`"):
        compare(trained, models=[folder / f"model{name}" for name in reversed(less)])


def test_no_jets_of_a_class(trained: tuple[Any, Any, Path], tmp_path: Path) -> None:
    """A record and a figure that say so."""
    nobody = BACKGROUND.model_copy(update={"truth": (400,)})
    found = compare(trained, background=nobody, output=tmp_path / "a.json")
    assert (found.jets, found.trainings) == (0, ())
    shown = TrainedSpec(name=trained[0].name, title="Known", backend="xgboost")
    assert "No jets" in plot.compute(shown, found).message


def test_a_recipe_is_what_train_gets(trained: tuple[Any, Any, Path]) -> None:
    """The records that the rule hands over and those of the trainings are the same."""
    spec, less, _ = trained
    for one in (spec, *less.values()):
        assert RecipeSpec(**seen_as(RecipeSpec, one)) == RecipeSpec.model_validate(seen_as(RecipeSpec, one))


def test_differences_of_areas() -> None:
    """The value is that of two areas; the interval is that of a bootstrap of jets, the same for both."""
    rng = np.random.default_rng(3)
    n = 600
    is_signal = rng.random(n) < 0.4
    weight = rng.uniform(0.5, 1.5, n) * np.where(rng.random(n) < 0.1, -1, 1)
    before = rng.normal(0, 1, n) + 1.5 * is_signal
    after = np.round(before + rng.normal(0, 1, n), 1)  # with ties
    found = metrics.auc_difference(before, after, weight, is_signal)

    def area(score: Any, w: Any) -> float:
        return metrics.auc(score[is_signal], w[is_signal], score[~is_signal], w[~is_signal])

    assert found.value == pytest.approx(area(before, weight) - area(after, weight))
    drawn = []
    for _ in range(400):
        w = weight * rng.poisson(1, n)
        drawn.append(area(before, w) - area(after, w))
    assert (found.high - found.low) / 2 == pytest.approx(np.std(drawn), rel=0.15)
    same = metrics.auc_difference(before, 2 * before, weight, is_signal)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    swapped = metrics.auc_difference(after, before, weight, is_signal)
    assert (swapped.value, swapped.high - swapped.low) == pytest.approx(
        (-found.value, found.high - found.low)
    )


def test_differences_of_efficiencies() -> None:
    """Each score at its own threshold, jet by jet; the same scores do not differ in any replica."""
    rng = np.random.default_rng(4)
    n, targets = 2000, [0.1, 0.3]
    is_signal = rng.random(n) < 0.5
    before, weight = rng.normal(0, 1, n) + is_signal, rng.uniform(0.5, 1.5, n)
    after = before + rng.normal(0, 1, n)

    def slow(score: Any, target: float) -> float:
        total, summed = weight[~is_signal].sum(), 0.0
        for jet in sorted(np.flatnonzero(~is_signal), key=lambda k: -score[k]):
            summed += weight[jet]
            if summed > target * total:
                passing = is_signal & (score > score[jet])
                return float(weight[passing].sum() / weight[is_signal].sum())
        raise AssertionError

    found = metrics.efficiency_differences(before, after, weight, is_signal, targets, 100, 1)
    for target, one, whole in zip(
        targets, found, metrics.efficiencies_at(before, weight, is_signal, targets), strict=True
    ):
        assert whole == pytest.approx(slow(before, target))
        assert one.value == pytest.approx(slow(before, target) - slow(after, target))
        assert one.low < one.value < one.high
        assert one.low > 0  # noise costs
    for one in metrics.efficiency_differences(before, 3 * before, weight, is_signal, targets, 50, 1):
        assert (one.value, one.low, one.high) == (0, 0, 0)


@pytest.mark.parametrize("n_negative", [0, 2])
def test_replicas_without_signal_count_at_both_ends(n_negative: int) -> None:
    """Protects: five signal jets, which replicas may lack, or with a sum below 0: numbers, and wide ends."""
    rng = np.random.default_rng(2)
    n = 300
    is_signal, weight = np.arange(n) < 5, np.ones(n)
    weight[:n_negative] = -1
    before = rng.normal(size=n) + is_signal
    after = before + 0.3 * rng.normal(size=n)
    curves = metrics.differences_of_curves(before, after, weight, is_signal, [0.1], [0.5], 200, 1)
    for one in (*curves.differences, *curves.first, *curves.second, *curves.ratios):
        assert np.isfinite([one.value, one.low, one.high, one.error]).all()
        assert one.low <= one.value <= one.high
    (found,) = curves.differences
    assert found.low >= -1
    assert found.high <= 1
    assert found.error <= 1
    if n_negative:  # a third of the replicas and more have no positive sum
        assert (found.low, found.high) == (-1, 1)
        assert (curves.first[0].low, curves.first[0].high) == (0, 1)
    with pytest.raises(InputError, match="5 jets, whose weights do not add up to more than 0"):
        metrics.efficiency_differences(before, after, weight - 2 * is_signal, is_signal, [0.1], 5, 1)


def test_a_part_of_jets_of_one_score_passes() -> None:
    """Trees give few different scores: at one for all jets an efficiency is that of the background."""
    is_signal, weight = np.arange(10) < 4, np.ones(10)
    for target in (0.1, 0.5):
        (found,) = metrics.efficiencies_at(np.ones(10), weight, is_signal, [target])
        assert found == pytest.approx(target)
    two = np.where(np.arange(10) % 2, 1.0, 0.0)  # half of both classes
    assert metrics.efficiencies_at(two, weight, is_signal, [0.25, 0.75]) == pytest.approx([0.25, 0.75])
