"""Scores as one more group of inputs: out of fold where trainings see them, of the right rows, by name."""

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from jetsmith import io, sides, stacking, stages
from jetsmith.chosen import Without
from jetsmith.classifiers import find_backend
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.load import load
from jetsmith.errors import ConfigError, InputError
from jetsmith.hashing import SPLITS, fold_of
from jetsmith.metrics import auc
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.scoring import score
from jetsmith.specs.classifiers import MISSING, LossSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.stacking import stack
from jetsmith.training import train
from tests.unit.packed_jets import make_spec, pack_jets, read_packed, write_packed

ROOT = Path(__file__).parent.parent.parent
SEED, FOLDS = 5, 3
# Deep trees at full speed: they learn their rows by heart.
GREEDY = make_spec(
    "xgboost",
    name="base",
    architecture={"max_depth": 8, "min_child_weight": 0},
    training=TrainingSpec(epochs=12, patience=12, learning_rate=0.5, balance="none"),
)


def sample(folder: Path, scrambled: int | None = None, n: int = 1500) -> Path:
    """Packed jets; those of one part of the events with each other's labels."""
    for seed, split in enumerate(SPLITS):
        packed = pack_jets(n if seed == 0 else n // 3, seed, truths=(500, 400, 0))
        place = fold_of(*(packed.columns[k] for k in ("run", "luminosity_block", "event")), SEED, FOLDS)
        label = np.array(packed.label)
        here = np.flatnonzero(place == scrambled)
        label[here] = np.random.default_rng(seed).permutation(label[here])
        write_packed(folder / split, arrays.Packed(**{**vars(packed), "label": label}))
    return folder


def stacked(folder: Path, packed: Path, spec: Any = GREEDY) -> dict[str, arrays.Packed]:
    """Train, score and stack; the splits with the scores."""
    train(spec, packed, folder / "model", SEED)
    score(spec, folder / "model", packed, folder / "scores.parquet")
    models = [folder / f"without/{fold}" for fold in range(FOLDS)]
    for fold, model in enumerate(models):
        train(spec, packed, model, SEED, without=Without(fold, FOLDS, SEED))
    restack(folder, packed, models, spec)
    return {split: arrays.read_packed(packed / split, [spec.name]) for split in SPLITS}


def restack(folder: Path, packed: Path, models: list[Path], spec: Any = GREEDY) -> None:
    """The stage alone."""
    outputs = {split: packed / split / spec.name for split in SPLITS}
    stack(spec, packed, folder / "scores.parquet", models, SEED, outputs)


def part_of(packed: arrays.Packed) -> Any:
    """The part of each row's event."""
    return fold_of(*(packed.columns[k] for k in ("run", "luminosity_block", "event")), SEED, FOLDS)


def _auc(p: Any, signal: Any) -> float:
    """Probability that a signal jet has the higher score."""
    ones = np.ones(len(p))
    return auc(p[signal], ones[signal], p[~signal], ones[~signal])


def excess(packed: arrays.Packed, values: Any, fold: int) -> float:
    """By how many standard deviations b scores tell b jets from others on one part of the events."""
    here = part_of(packed) == fold
    signal, p = np.asarray(packed.label)[here] == 500, values[here, 0]
    n, m = int(signal.sum()), int((~signal).sum())
    return float((_auc(p, signal) - 0.5) / np.sqrt((n + m + 1) / (12 * n * m)))


def test_scrambled_labels_are_not_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a part of the events with scrambled labels nothing can be known but by having seen it: scores out
    of fold are no better than chance there, those of models that have trained on it are far better."""
    fold = 1
    packed = sample(tmp_path / "packed", scrambled=fold)
    train_split = stacked(tmp_path, packed)["train"]
    values = np.asarray(train_split.groups["base"].values)
    assert abs(excess(train_split, values, fold)) < 3
    assert excess(train_split, values, 0) > 8  # the others have their labels, and features tell them
    table = io.read_rows(tmp_path / "scores.parquet")
    in_fold = np.stack([np.asarray(table[f"p_{n}"]) for n in GREEDY.class_names], axis=1)[: len(train_split)]
    assert excess(train_split, in_fold, fold) > 6
    # And with models that have seen the rows that they score: this very test would notice.
    monkeypatch.setattr(stacking, "fold_of", lambda *key: (fold_of(*key) + 1) % FOLDS)
    restack(tmp_path, packed, [tmp_path / f"without/{k}" for k in range(FOLDS)])
    wrong = arrays.read_packed(packed / "train", ["base"])
    assert excess(wrong, np.asarray(wrong.groups["base"].values), fold) > 6


def test_each_row_by_its_model(tmp_path: Path) -> None:
    """Train and validation rows by the model without their part; all others by the classifier itself."""
    packed = sample(tmp_path / "packed", n=600)
    splits = stacked(tmp_path, packed)
    backend = find_backend("xgboost")
    for split, part in splits.items():
        whole = Rows.select(GREEDY.inputs, [read_packed(packed / split)])
        own = backend.predict(GREEDY, tmp_path / "model", whole, 1)
        found = part.groups["base"]
        assert found.names == ("p_b_jets", "p_c_jets", "p_light_jets")
        if split in ("calibration", "test"):
            np.testing.assert_array_equal(found.values, own)
            continue
        assert (found.values != own).any()
        for fold in range(FOLDS):
            here = part_of(part) == fold
            of_fold = backend.predict(GREEDY, tmp_path / f"without/{fold}", whole, 1)
            np.testing.assert_array_equal(found.values[here], of_fold[here])
    rows = io.read_json(tmp_path / "without/1/meta.json")["rows"]["model"]
    seen = {role: sum(counts.values()) for role, counts in rows.items()}
    assert seen == {role: int((part_of(splits[role]) != 1).sum()) for role in ("train", "validation")}
    meta = io.read_json(packed / "validation/base/meta.json")
    assert meta["rows"] == {"out_of_fold": len(splits["validation"]), "without_score": 0}


def test_a_tagger_of_taggers(tmp_path: Path) -> None:
    """It trains on the scores as on any group, beside features; and judges with those of the test split."""
    packed = sample(tmp_path / "packed", n=900)
    stacked(tmp_path, packed)
    scores = Inputs(group="base", kind="flat", length=0, features=("p_c_jets", "p_b_jets"), sources=())
    reader = make_spec("xgboost", name="reader", inputs=[scores, *GREEDY.inputs], training=GREEDY.training)
    train(reader, packed, tmp_path / "reader", SEED)
    score(reader, tmp_path / "reader", packed, tmp_path / "reader.parquet")
    rows = io.read_rows(tmp_path / "reader.parquet")
    here = np.asarray(rows["split"]) == SPLITS.index("test")
    signal, p = np.asarray(rows["label"])[here] == 500, np.asarray(rows["p_b_jets"])[here]
    assert _auc(p, signal) > 0.8


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_score_that_leaves_another_alone(tmp_path: Path) -> None:
    """With distance correlation to the first score the second goes along with it far less, on background."""
    packed = sample(tmp_path / "packed", n=4000)
    whole = Rows.select(GREEDY.inputs, [read_packed(packed / "test")])
    light = np.asarray(whole.parts[0].label) == 0
    stacked(tmp_path, packed)
    first = np.asarray(arrays.read_packed(packed / "test", ["base"]).groups["base"].values)[light, 0]
    scores = Inputs(group="base", kind="flat", length=0, features=("p_b_jets",), sources=())
    options = {
        "column": "p_b_jets",
        "rows": ["light_jets"],
        "signal": ["b_jets"],
        "background": {"light_jets": 1.0},
    }
    found = {}
    for weight in (0.0, 5.0):
        reader = make_spec(
            "keras", name="reader", model="dense", inputs=GREEDY.inputs, side=[scores],
            architecture={"dense": [16]},
            losses={"classes": LossSpec(), "alone": LossSpec(loss="disco", weight=weight, options=options)},
            training=TrainingSpec(epochs=8, patience=8, batch_size=1000, learning_rate=0.01, balance="class"),
        )  # fmt: skip
        train(reader, packed, tmp_path / f"reader{weight}", SEED)
        p = find_backend("keras").predict(reader, tmp_path / f"reader{weight}", whole, 1)
        second = p[light, 0] / (p[light, 0] + p[light, 2])
        found[weight] = abs(np.corrcoef(first, second)[0, 1])
    assert found[5.0] < found[0.0] / 2, found
    assert found[0.0] > 0.2, found


def test_jets_without_a_score_teach_nothing_of_it(tmp_path: Path) -> None:
    """As side columns scores that are missing are no numbers: not a crowd at -1, which losses would count."""
    part = pack_jets(50, 3)
    group = part.groups["ak4"]
    values = np.array(group.values)
    values[::7] = MISSING
    held = replace(part, groups={"base": replace(group, values=values), "ak4": replace(group, values=values)})
    scores = Inputs(group="base", kind="flat", length=0, features=group.names[:1], sources=())
    column = Inputs(group="ak4", kind="flat", length=0, features=group.names[1:2], sources=("x",))
    spec = GREEDY.model_copy(update={"side": (scores, column)})
    found = sides.of_rows(spec, [held], [np.ones(50, bool)])
    score, other = (found[name] for name in group.names[:2])
    assert score.dtype == np.float32
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(score)), np.arange(0, 50, 7))
    np.testing.assert_array_equal(score[1:7], values[1:7, 0])
    np.testing.assert_array_equal(other, values[:, 1])  # of a feature -1 is a value


def test_scores_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Two taggers with a class of one name: each loss gets the score of its own, by `tagger.p_<class>`."""
    part = pack_jets(40, 3)
    group = part.groups["ak4"]
    values = {name: np.full(group.values.shape, k, np.float32) for k, name in enumerate(("one", "other"))}
    held = replace(part, groups={name: replace(group, values=of) for name, of in values.items()})
    feature = group.names[0]
    side = tuple(
        Inputs(group=name, kind="flat", length=0, features=(feature,), sources=()) for name in values
    )
    losses = {
        f"{name}_alone": LossSpec(loss="disco", options={"column": f"{name}.{feature}"}) for name in values
    }
    spec = GREEDY.model_copy(update={"side": side, "losses": losses})
    found = sides.of_rows(spec, [held], [np.ones(40, bool)])
    assert {name: set(column) for name, column in found.items()} == {
        f"one.{feature}": {0.0}, f"other.{feature}": {1.0}
    }  # fmt: skip
    assert sides.lacking(spec, [held]) == {}
    less = sides.without(spec, ["one_alone"])
    assert [inputs.group for inputs in less.side] == ["other"]


def test_stored_scores_and_folds_are_taken_as_they_are(tmp_path: Path) -> None:
    """Nothing was trained on the rows, or each was scored by the model that left it out: no more models."""
    packed = sample(tmp_path / "packed", n=300)
    part = read_packed(packed / "train")
    flat = np.array(part.groups["ak4"].values)
    flat[:, 2] = np.clip(np.abs(flat[:, 2]) / 10, 0, 1)
    flat[:3, 2] = [np.nan, -1, -2000]
    write_packed(
        packed / "train",
        arrays.Packed(**{**vars(part), "groups": {"ak4": arrays.FlatGroup(flat, part.groups["ak4"].names)}}),
    )
    spec = make_spec(
        "stored", name="old", classes=GREEDY.classes[:2], architecture={"column": "sip", "valid": (-50, 50)},
        discriminant=None,
    )  # fmt: skip
    train(spec, packed, tmp_path / "model", SEED)
    score(spec, tmp_path / "model", packed, tmp_path / "scores.parquet")
    restack(tmp_path, packed, [], spec)
    found = arrays.read_packed(packed / "train", ["old"]).groups["old"].values
    own = np.asarray(io.read_rows(tmp_path / "scores.parquet")["p_b_jets"])[: len(found)]
    assert found[[0, 2]].tolist() == [[-1, -1]] * 2  # no number, and no score: below every probability
    assert np.isfinite(own[3:]).all()
    np.testing.assert_array_equal(found[3:, 0], own[3:])
    assert io.read_json(packed / "train/old/meta.json")["rows"]["without_score"] >= 2


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    """A model that has seen the part, of another recipe, or the classifier itself; scores of other rows."""
    packed = sample(tmp_path / "packed", n=300)
    stacked(tmp_path, packed)
    models = [tmp_path / f"without/{fold}" for fold in range(FOLDS)]
    for wrong, said in (
        (
            models[1:] + models[:1],
            r"without/1: was trained without part \{'fold': 1, 'folds': 3, 'seed': 5\}, not \{'fold': 0",
        ),
        (models[:2], r"without/0: was trained without part .*'folds': 3, .*, not .*'folds': 2, "),
        ([tmp_path / "model"] * 3, r"model: was trained without part None"),
    ):
        with pytest.raises(InputError, match=said):
            restack(tmp_path, packed, wrong)
    other = GREEDY.model_copy(update={"architecture": {"max_depth": 2}})
    with pytest.raises(
        InputError, match="without/0: was trained with another specification than base has now"
    ):
        restack(tmp_path, packed, models, other)
    shutil.rmtree(packed)
    sample(tmp_path / "packed", n=303)
    with pytest.raises(
        InputError, match=r"scores\.parquet: has other rows than the packed sample, by their run"
    ):
        restack(tmp_path, packed, models)


# --- names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo's configuration, in which `cmva` reads others."""
    return Path(shutil.copytree(ROOT / "config", tmp_path / "config"))


def edit(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(yaml.safe_dump(content))


def put(folder: Path, table: str, key: str, value: Any) -> None:
    content = yaml.safe_load((folder / "config.yaml").read_text())
    content.setdefault(table, {})[key] = value
    edit(folder, "config.yaml", content)


def read(folder: Path) -> Configuration:
    return load(yaml.safe_load((folder / "config.yaml").read_text()), folder)


def reads(folder: Path, name: str, inputs: Any) -> None:
    """Let a tagger read something else."""
    content = yaml.safe_load((folder / f"taggers/{name}.yaml").read_text())
    edit(folder, f"taggers/{name}.yaml", {**content, "inputs": inputs})


def test_scores_are_inputs_by_name(folder: Path) -> None:
    """A list, or `all`; they need no column of the files; others than those that are read need no models."""
    content = yaml.safe_load((folder / "taggers/cmva.yaml").read_text())["inputs"]
    reads(folder, "cmva", content | {"soft_muon": "all"})
    run = read(folder)
    found = {i.group: (i.kind, i.features, i.sources) for i in run.classifiers["cmva"].inputs}
    assert found["csvv2"] == ("flat", ("p_b_jets", "p_c_jets"), ())
    assert found["soft_muon"] == ("flat", ("p_b_jets", "p_c_jets", "p_light_jets"), ())
    assert run.n_stacked("csvv2", "jets") == run.run.stack_folds == 2
    assert run.n_stacked("jp", "jets") == 0
    put(folder, "samples", "jets", {"datasets": ["ttbar", "qcd"], "folds": 4})
    assert read(folder).n_stacked("csvv2", "jets") == 0


def beside(folder: Path, name: str, side: Any, column: str = "p_b_jets") -> None:
    """Let a network leave a side column alone."""
    content = yaml.safe_load((folder / f"taggers/{name}.yaml").read_text())
    options = {"column": column, "rows": ["udsg"], "signal": ["b_or_lepb", "bb"], "background": {"udsg": 1.0}}
    losses = {"alone": {"loss": "disco", "weight": 1.0, "options": options}}
    edit(folder, f"taggers/{name}.yaml", {**content, "side": side, "losses": losses})


def test_scores_are_side_columns_by_name(folder: Path) -> None:
    """Losses read them and the network does not; they are made before, and out of fold, as for inputs."""
    for name in ("deepcsv", "mv2"):
        put(folder, "taggers", name, "jets")
    beside(folder, "deepcsv", {"mv2": ["p_b_jets"]})
    run = read(folder)
    found = run.classifiers["deepcsv"]
    assert [(i.group, i.features) for i in found.side] == [("mv2", ("p_b_jets",))]
    assert "mv2" not in [i.group for i in found.inputs]
    assert "mv2" in run.groups_on("deepcsv", "jets")  # what its training waits for
    assert run.n_stacked("mv2", "jets") == stages.stack(run, "mv2", "jets").folds == run.run.stack_folds == 2


def measured(folder: Path) -> None:
    """A sample of data, and one of other simulation, beside the demo's."""
    (folder / "a.root").write_bytes(b"x")
    entry = {"object": "ak4", "process": "p", "files": [str(folder / "a.root")], "is_data": True}
    put(folder, "samples", "data", {"datasets": ["measured"]})
    put(folder, "samples", "other", {"datasets": ["dilepton"]})
    datasets = yaml.safe_load((folder / "datasets.yaml").read_text())
    edit(folder, "datasets.yaml", datasets | {"measured": entry})


def test_scores_that_are_left_alone_are_not_read_elsewhere(folder: Path) -> None:
    """Off its own sample a network has learned; who reads them as inputs needs them there, and is refused."""
    measured(folder)
    for name in ("deepcsv", "mv2"):
        put(folder, "taggers", name, "jets")
    beside(folder, "deepcsv", {"mv2": ["p_b_jets"]})
    content = yaml.safe_load((folder / "config.yaml").read_text())
    pair = {"judgements": ["deepcsv"], "data": "data", "simulation": ["other"]}
    shifts = {"shifts": {"other events": "other"}, "taggers": ["deepcsv"]}
    content |= {
        "judged_on": {"deepcsv": ["other"]},
        "resilience": {"jets": shifts},
        "commissioning": {"pair": pair},
    }
    edit(folder, "config.yaml", content)
    run = read(folder)
    assert run.scored_on("deepcsv") == ("jets", "other", "data")
    assert run.scored_on("mv2") == ("jets",)
    assert "mv2" in run.groups_on("deepcsv", "jets")
    for sample in ("other", "data"):
        assert run.groups_on("deepcsv", sample) == tuple(i.group for i in run.classifiers["deepcsv"].inputs)
        assert stages.check(run, "deepcsv", sample).spec["side"] == []
    inputs = yaml.safe_load((folder / "taggers/deepcsv.yaml").read_text())["inputs"]
    for key, value, said in (
        ("judged_on", {"deepcsv": ["other"]}, r"judged_on\.deepcsv: it reads the scores of mv2, which are"),
        (
            "resilience",
            {"jets": shifts},
            r"jets\.shifts: deepcsv: it reads the scores of mv2, which are made",
        ),
        ("commissioning", {"pair": pair}, r"pair\.judgements: `deepcsv` reads the scores of mv2, which are"),
    ):
        edit(
            folder,
            "config.yaml",
            content | {"judged_on": {}, "resilience": {}, "commissioning": {}, key: value},
        )
        read(folder)
        original = (folder / "taggers/deepcsv.yaml").read_text()
        edit(folder, "taggers/deepcsv.yaml", yaml.safe_load(original) | {"side": {}, "losses": {}})
        reads(folder, "deepcsv", inputs | {"mv2": "all"})
        with pytest.raises(ConfigError, match=said):
            read(folder)
        (folder / "taggers/deepcsv.yaml").write_text(original)


def test_a_reweighter_may_read_who_leaves_others_alone(folder: Path) -> None:
    """Its scores are made of inputs; what it has learned from has not seen the reweighter's events either."""
    reweighs(folder, inputs={"deepcsv": "all"})
    for name in ("deepcsv", "mv2"):
        put(folder, "taggers", name, "jets")
    beside(folder, "deepcsv", {"mv2": ["p_b_jets"]})
    run = read(folder)
    assert run.scored_on("deepcsv") == ("jets", "dilepton")
    assert run.scored_on("mv2") == ("jets",)
    assert "mv2" not in run.groups_on("deepcsv", "dilepton")


@pytest.mark.parametrize(
    ("side", "column", "said"),
    [
        ({"jp": ["p_bjets"]}, "p_b_jets", r"side\.jp: unknown score `p_bjets`; did you mean `p_b_jets`"),
        ({"mv2": ["p_b_jets"]}, "p_b_jets", r"side\.mv2: its scores are not made: add `mv2: jets` to"),
        ({"deepcsv": ["p_bb"]}, "p_bb", r"side\.deepcsv: a circle: `deepcsv` reads `deepcsv`"),
        ({"double_b": ["p_hbb"]}, "p_hbb", r"side\.double_b: .* those of sample `fat_jets` .* is on `jets`"),
        ({"jp": ["p_b_jets"]}, "p_c_jets", r"no feature `p_c_jets` in `side`"),
        (
            {"jpp": ["p_b_jets"]},
            "p_b_jets",
            r"side: unknown feature group or tagger `jpp`; did you mean `jp`",
        ),
        ({"jp": ["p_b_jets", "p_b_jets"]}, "p_b_jets", r"side: given twice: jp\.p_b_jets"),
        (
            {"jp": ["p_b_jets"], "csvv2": ["p_b_jets"]},
            "p_b_jets",
            r"several in `side` are called `p_b_jets`; give `csvv2\.p_b_jets` or `jp\.p_b_jets`",
        ),
        (
            {"jp": ["p_b_jets"], "csvv2": ["p_b_jets"]},
            "jp.p_b_jets",
            r"side: no loss reads `csvv2\.p_b_jets`; leave it out",
        ),
        ({"jp": ["p_b_jets"]}, "csvv2.p_b_jets", r"no feature `csvv2\.p_b_jets` in `side`"),
    ],
)
def test_mistakes_of_side_scores_end_at_the_dry_run(folder: Path, side: Any, column: str, said: str) -> None:
    """With the key that they stand under."""
    put(folder, "taggers", "deepcsv", "jets")
    beside(folder, "deepcsv", side, column)
    with pytest.raises(ConfigError, match=said):
        read(folder)


@pytest.mark.parametrize(
    ("name", "inputs", "said"),
    [
        ("cmva", {"csvv2": ["p_bjets"]}, r"inputs\.csvv2: unknown score `p_bjets`; did you mean `p_b_jets`"),
        ("cmva", {"csvv2": "most"}, r"cmva\.yaml.*inputs\.csvv2: unknown preset `most`\. Choices: all"),
        ("cmva", {"cvs": "all"}, r"inputs: unknown feature group or tagger `cvs`"),
        ("cmva", {"csvv": "all"}, r"inputs: .* `csvv`; did you mean `csvv2`\? Choices: .*ak4, .*csvv2, .*jp"),
        ("cmva", {"dips": "all"}, r"inputs\.dips: its scores are not made: add `dips: jets` to the"),
        ("csvv2", {"csvv2": "all"}, r"csvv2\.yaml.*inputs\.csvv2: a circle: `csvv2` reads `csvv2`; break it"),
        ("csvv2", {"cmva": "all"}, r"a circle: `(csvv2|cmva)` reads `(csvv2|cmva)` reads `"),
        ("cmva", {"double_b": "all"}, r"inputs\.double_b: .* those of sample `fat_jets` .* is on `jets`"),
    ],
)  # fmt: skip
def test_mistakes_end_at_the_dry_run(folder: Path, name: str, inputs: Any, said: str) -> None:
    """With the file, the key and the choices; circles with their names."""
    reads(folder, name, inputs)
    with pytest.raises(ConfigError, match=said):
        read(folder)


def test_the_shipped_taggers_of_ak4_jets_go_together(folder: Path) -> None:
    """One run with all of them: files, features, discriminants and titles; who reads whom."""
    content = yaml.safe_load((folder / "config.yaml").read_text())
    files = sorted(path for path in (folder / "taggers").glob("*.yaml"))
    objects = {path.stem: yaml.safe_load(path.read_text())["object"] for path in files}
    edit(folder, "config.yaml", content | {"taggers": {n: "jets" for n, o in objects.items() if o == "ak4"}})
    found = read(folder).classifiers
    reads_of = {n: [i.group for i in spec.inputs if i.group in found] for n, spec in found.items()}
    assert {n: bases for n, bases in reads_of.items() if bases} == {
        "cmva": ["csvv2", "jp", "jbp", "soft_muon", "soft_electron"],
        "dl1r": ["rnnip"],
    }


def test_all_that_lack_are_named_at_once(folder: Path) -> None:
    """`cmva` alone in a run: each of the taggers that it reads, and where its line goes."""
    content = yaml.safe_load((folder / "config.yaml").read_text())
    edit(folder, "config.yaml", content | {"taggers": {"cmva": "jets", "jp": "jets"}})
    with pytest.raises(ConfigError) as caught:
        read(folder)
    for name in ("csvv2", "jbp", "soft_muon", "soft_electron"):
        assert f"its scores are not made: add `{name}: jets` to the taggers of the run" in str(caught.value)
    assert "`jp: jets`" not in str(caught.value)


def test_longer_circles_are_found(folder: Path) -> None:
    """Each reads the next: all of them are named, in that order."""
    reads(folder, "soft_muon", {"csvv2": "all"})
    assert read(folder).classifiers["soft_muon"].groups == ("csvv2",)
    reads(folder, "csvv2", {"cmva": ["p_b_jets"], "ak4": "csvv2"})
    reads(folder, "cmva", {"soft_muon": "all"})
    with pytest.raises(ConfigError) as caught:
        read(folder)
    text = str(caught.value)
    circle = text.partition("a circle: ")[2].partition(";")[0].replace("`", "").split(" reads ")
    assert len(circle) == 4
    assert circle[0] == circle[-1]
    following = {"csvv2": "cmva", "cmva": "soft_muon", "soft_muon": "csvv2"}
    assert all(following[one] == other for one, other in itertools.pairwise(circle))


def test_a_name_is_one_thing(folder: Path) -> None:
    """A tagger that is called as a group of features."""
    for name in ("charged", "rows"):
        shutil.copy(folder / "taggers/csvv2.yaml", folder / f"taggers/{name}.yaml")
        put(folder, "taggers", name, "jets")
        with pytest.raises(ConfigError, match=rf"taggers\.{name}: `{name}` is also a feature group"):
            read(folder)
        content = yaml.safe_load((folder / "config.yaml").read_text())
        del content["taggers"][name]
        edit(folder, "config.yaml", content)


def reweighs(folder: Path, **changes: Any) -> None:
    """A reweighter of jets that reads the scores of csvv2, in a sample of other data sets."""
    put(folder, "samples", "dilepton", {"datasets": ["dilepton", "dilepton_data"]})
    put(folder, "reweighters", "continuous", "dilepton")
    content = yaml.safe_load((folder / "reweighters/continuous.yaml").read_text())
    edit(folder, "reweighters/continuous.yaml", content | changes)


def test_a_reweighter_reads_scores_of_events_that_the_tagger_has_not_seen(folder: Path) -> None:
    """The tagger is scored on its sample, without further models; nothing of the tagger's own changes."""
    before = read(folder)
    reweighs(folder)
    run = read(folder)
    assert run.scored_on("csvv2") == ("jets", "dilepton")
    assert run.samples_of("csvv2") == before.samples_of("csvv2")
    assert run.n_stacked("csvv2", "dilepton") == 0
    assert run.n_stacked("csvv2", "jets") == before.n_stacked("csvv2", "jets") == 2
    assert {i.group for i in run.classifiers["continuous"].inputs} == {"csvv2", "ak4"}
    assert stages.stack(run, "csvv2", "dilepton").spec["sample"] == "dilepton"
    assert stages.stack(run, "csvv2", "jets") == stages.stack(before, "csvv2", "jets")
    assert stages.check(run, "csvv2", "jets") == stages.check(before, "csvv2", "jets")
    assert stages.check(run, "csvv2", "dilepton").told == []  # no truth judges it there


@pytest.mark.parametrize(
    ("samples", "inputs", "said"),
    [
        (
            ["dilepton", "ttbar", "dilepton_data"],
            {"csvv2": "all"},
            r"csvv2: is trained on ttbar of this sample",
        ),
        (None, {"cmva": "all"}, r"cmva: reads the scores of csvv2, jp, jbp"),
        (None, {"double_b": "all"}, r"double_b: scores rows of `ak8`, and the reweighter reads `ak4`"),
        (None, {"pythia_shower": "all"}, r"pythia_shower: is a reweighter; one reads features"),
    ],
)
def test_what_a_reweighter_cannot_read(folder: Path, samples: Any, inputs: Any, said: str) -> None:
    """Scores of events that the tagger knows, of other rows, of a tagger that reads others, of a ratio."""
    reweighs(folder, inputs=inputs)
    if samples:
        put(folder, "samples", "dilepton", {"datasets": samples})
    with pytest.raises(ConfigError, match=said):
        read(folder)


def test_scores_of_folds_are_not_read(folder: Path) -> None:
    """Each event of a sample with folds has a model of its own: of another sample's none is its."""
    reweighs(folder)
    put(folder, "samples", "jets", {"datasets": ["ttbar", "qcd"], "folds": 4})
    with pytest.raises(ConfigError, match=r"csvv2: is trained on sample `jets`, which has folds"):
        read(folder)


def test_scores_on_another_sample_are_the_tagger_s_own(tmp_path: Path) -> None:
    """No model without a part is asked for: the tagger has seen none of these events."""
    own = sample(tmp_path / "own")
    train(GREEDY, own, tmp_path / "model", SEED)
    other = tmp_path / "other"
    for seed, split in enumerate(SPLITS):
        write_packed(other / split, replace(pack_jets(300, 50 + seed), sample="other", split=split))
    spec = GREEDY.model_copy(update={"sample": "other"})
    alone = Inputs(group="jp", kind="flat", length=0, features=("p_b_jets",), sources=())
    leaves = GREEDY.model_copy(update={"side": (alone,)})  # which is not packed there
    score(leaves, tmp_path / "model", other, tmp_path / "scores.parquet", sample="other")
    restack(tmp_path, other, [], spec)
    found = np.concatenate(
        [arrays.read_packed(other / split, [spec.name]).groups[spec.name].values for split in SPLITS]
    )
    rows = io.read_rows(tmp_path / "scores.parquet", [f"p_{name}" for name in spec.class_names])
    np.testing.assert_array_equal(found, np.stack([rows[name] for name in rows.fields], axis=1))
    with pytest.raises(InputError, match="sample"):
        restack(tmp_path, other, [], GREEDY)
