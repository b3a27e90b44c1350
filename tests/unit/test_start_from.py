"""Networks that start from others: which weights they take, what is said, and what is refused."""

import errno
import json
import os
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml

from jetsmith import io, stages
from jetsmith.classifiers._keras import build_model, engine_of
from jetsmith.classifiers._scaler import Scaler, fit_scalers
from jetsmith.classifiers._start import start
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.load import load
from jetsmith.configuration.seen import taught, unseen
from jetsmith.configuration.started import Learned
from jetsmith.configuration.started import learned as walk
from jetsmith.errors import ConfigError, InputError
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.plots.training import compute
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, Members, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.run import SplitSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.training import train
from tests.unit.engines import SMALL
from tests.unit.packed_jets import GROUPS as GROUPS_OF
from tests.unit.packed_jets import TRUTHS, make_spec, pack_jets, write_packed, write_sample
from tests.unit.spoil import ROOT

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
SIZES = {"constituent": (8, 8), "jet": (8,), "dropout": 0.1}
GROUPS = ("ak4", "charged", "vertices")


def spec_of(epochs: int, groups: tuple[str, ...] = GROUPS, **changes: Any) -> ClassifierSpec:
    training = TrainingSpec(epochs=epochs, patience=epochs, batch_size=128, learning_rate=3e-3)
    content = {"model": "deepsets", "architecture": SIZES, "training": training}
    return make_spec("keras", groups, **content | changes)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("packed"), 1500)


@pytest.fixture(scope="module")
def first(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained network."""
    output = tmp_path_factory.mktemp("first") / "model"
    train(spec_of(4), sample, output, seed=1)
    return output


def taken(spec: ClassifierSpec, sample: Path, folder: Path) -> tuple[dict[str, Any], dict[str, Scaler]]:
    """What a fresh network takes of another before it is trained, and the scalers that it then has."""
    engine_of(spec, 1)
    parts = arrays.read_splits(sample, ["train"], [inputs.group for inputs in spec.inputs])
    scalers = fit_scalers(Rows.select(spec.inputs, parts))
    kept, about = start(spec, build_model(spec, scalers), scalers, folder)
    return about, kept


def best_loss(model: Path) -> float:
    return min(row["validation_loss"] for row in io.read_json(model / "history.json"))


def started(model: Path, name: str = "model") -> dict[str, Any]:
    found: dict[str, Any] = io.read_json(model / "meta.json")["started"][name]
    return found


def test_from_itself_nothing_is_lost(sample: Path, first: Path, tmp_path: Path) -> None:
    """Before its first epoch it has the validation loss of the other; a seed of its own changes nothing."""
    train(spec_of(1), sample, tmp_path / "again", seed=7, start=first)
    about = started(tmp_path / "again")
    assert about["not_matched"] == {}
    assert {"standardise_charged", "charged_constituent_0", "charged_norm_1", "jet_0", "classes"} <= {
        *about["matched"]
    }
    assert about["validation_loss"] == pytest.approx(best_loss(first), rel=1e-6)
    assert json.loads((first / "meta.json").read_text())["started"] == {}


def read_history(model: Path) -> list[float]:
    return [row["validation_loss"] for row in io.read_json(model / "history.json")]


def test_a_killed_training_goes_on(
    sample: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its checkpoint, not from the other network again, and to the same end.

    Protects also: a start that changes nothing, and one that differs from run to run.
    """
    from jetsmith.classifiers import _keras

    train(spec_of(3), sample, tmp_path / "whole", seed=3, start=first)
    save = _keras.Training.save

    def killed(self: Any, path: Path, history: list[Any], best: Any) -> None:
        save(self, path, history, best)
        if len(history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_keras.Training, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(spec_of(3), sample, tmp_path / "killed", seed=3, start=first)
    train(spec_of(3), sample, tmp_path / "killed", seed=3, start=first)
    train(spec_of(1), sample, tmp_path / "scratch", seed=3)
    whole, again, scratch = (read_history(tmp_path / name) for name in ("whole", "killed", "scratch"))
    assert again == whole
    assert whole[0] < scratch[0]
    assert started(tmp_path / "killed") == started(tmp_path / "whole")


def test_what_does_not_fit_is_named(
    sample: Path, first: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Other shapes, names, classes: those layers start afresh, and log, meta.json and report say it."""
    classes = [
        ClassSpec(name=f"{name}s", truth=truth, label=name, color="#000000") for name, truth in TRUTHS.items()
    ]
    spec = spec_of(1, architecture=SIZES | {"constituent": (8, 8, 4)}, classes=classes)
    spec = spec.model_copy(update={"discriminant": None})
    train(spec, sample, tmp_path / "other", seed=1, start=first)
    about = started(tmp_path / "other")
    assert about["not_matched"]["charged_constituent_2"] == "no layer of this name"
    assert about["not_matched"]["jet_0"] == "shapes 19×8, 8 there, 11×8, 8 here"
    assert about["not_matched"]["classes"] == "classes b_jets, c_jets, light_jets there"
    assert "charged_constituent_1" in about["matched"]
    said = capfd.readouterr().err
    assert f"starts from {first}: " in said
    assert "jet_0: shapes 19×8, 8 there, 11×8, 8 here" in said
    shown = TrainedSpec(name="x", title="X", backend="keras")
    history = io.read_json(tmp_path / "other/history.json")
    caption = compute(shown, [(None, None, history)], {}, {"model": about}).caption()
    assert f"Started from {first}: weights of " in caption
    assert "jet_0 (shapes 19×8, 8 there, 11×8, 8 here)" in caption


WIDE = GROUPS_OF["ak4"].model_copy(update={"features": ("sip", "mass", "jet_pt")})
OTHERS: dict[str, tuple[str, list[Inputs], str]] = {
    "widths that add up to the same": (  # 3 + 2 x 2 and 1 + 2 x 3
        "dense", [
            WIDE.model_copy(update={"features": ("sip",)}),
            GROUPS_OF["vertices"].model_copy(update={"features": ("mass", "flight", "tracks")}),
        ], "reads ak4, vertices, whose features are others there",
    ),
    "another order": (
        "dense", [GROUPS_OF["vertices"], WIDE], "reads ak4, vertices there, vertices, ak4 here"
    ),
    "another group": (
        "deepsets", [WIDE, GROUPS_OF["charged"]], "reads ak4, vertices.* there, ak4, charged.* here"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("model", "inputs", "reason"), OTHERS.values(), ids=OTHERS)
def test_a_layer_behind_other_inputs_is_not_matched(
    sample: Path, tmp_path: Path, model: str, inputs: list[Inputs], reason: str
) -> None:
    """All shapes are the same, and the weights are of other numbers."""
    sizes = {"model": model, "architecture": {"dense": [16, 8]} if model == "dense" else SIZES}
    train(spec_of(1, ("ak4", "vertices"), **sizes), sample, tmp_path / "first", seed=1)
    about, kept = taken(spec_of(1, inputs=inputs, **sizes), sample, tmp_path / "first")
    behind, deeper = ("dense_0", "dense_1") if model == "dense" else ("jet_0", "classes")
    assert re.search(reason, about["not_matched"][behind])
    assert deeper in about["matched"]
    if "features are others" in reason:  # and so by numbers of its own
        before = io.read_json(tmp_path / "first/scaler.json")["ak4"]["centre"]
        assert kept["ak4"].centre.tolist() != before


BODIES = {
    ("transformer", ("charged",), ("charged", "vertices")),
    ("transformer", ("charged", "vertices"), ("vertices", "charged")),
    ("particle_transformer", ("charged",), ("charged", "vertices")),
    ("particlenet", ("charged", "vertices"), ("vertices", "charged")),
    ("jet_image_cnn", ("ak4", "charged"), ("ak4", "charged", "vertices")),
}


@pytest.mark.parametrize(("model", "before", "now"), sorted(BODIES))
def test_a_body_that_reads_all_constituents_alike_is_kept(
    sample: Path, tmp_path: Path, model: str, before: tuple[str, ...], now: tuple[str, ...]
) -> None:
    """Constituents of one group more, or in another order, are more lines of what it was trained on."""
    sizes = {"model": model, "architecture": SMALL[model] | {"dropout": 0.0}}
    train(spec_of(1, before, **sizes), sample, tmp_path / "first", seed=1)
    about, _ = taken(spec_of(1, now, **sizes), sample, tmp_path / "first")
    new = {"standardise_vertices", "vertices_"} if "vertices" not in before else {"-"}
    assert [name for name in about["not_matched"] if not name.startswith(tuple(new))] == []
    assert len(about["matched"]) > 3


def test_widths_behind_layers_are_compared(tmp_path: Path) -> None:
    """Of two flat groups, normalised, 3 and 2 features were read, and now 2 and 3: nothing reads the same."""
    for i, split in enumerate(SPLITS):
        jets = pack_jets(400, i)
        groups = jets.groups | {"twin": jets.groups["ak4"]}
        write_packed(tmp_path / "packed" / split, replace(jets, groups=groups))

    def spec(ak4: tuple[str, ...], twin: tuple[str, ...]) -> ClassifierSpec:
        flat = [
            GROUPS_OF["ak4"].model_copy(update={"group": name, "features": features})
            for name, features in (("ak4", ak4), ("twin", twin))
        ]
        sizes = {"model": "deep_double", "architecture": SMALL["deep_double"] | {"dropout": 0.0}}
        return spec_of(1, inputs=[*flat, GROUPS_OF["charged"]], **sizes)

    two, three = ("sip", "mass"), ("sip", "mass", "jet_pt")
    train(spec(three, two), tmp_path / "packed", tmp_path / "first", seed=1)
    about, _ = taken(spec(two, three), tmp_path / "packed", tmp_path / "first")
    said = "reads ak4_norm (3), twin_norm (2), charged_gru (6) there, ak4_norm (2), twin_norm (3), "
    assert about["not_matched"]["dense_0"].startswith(said)
    assert "charged_gru" in about["matched"]


def test_scaling_goes_along(sample: Path, first: Path, tmp_path: Path) -> None:
    """Weights read the numbers that they were trained on, whatever the new rows are."""
    jets = write_sample(tmp_path / "harder", 600, truths=(500, 400, 0))
    train(spec_of(1), jets, tmp_path / "started", seed=1, start=first)
    train(spec_of(1), jets, tmp_path / "scratch", seed=1)
    scalers = {
        name: io.read_json(folder / "scaler.json")
        for name, folder in (
            ("first", first),
            ("started", tmp_path / "started"),
            ("scratch", tmp_path / "scratch"),
        )
    }
    assert scalers["started"] == scalers["first"]
    assert scalers["scratch"] != scalers["first"]


def test_folds_start_alike(first: Path, tmp_path: Path) -> None:
    """Each from the same network, and each says so; rows are scored as ever."""
    folded = write_sample(tmp_path / "folded", 900, n_folds=3)
    spec = spec_of(1, folds=3)
    train(spec, folded, tmp_path / "model", seed=1, start=first)
    for fold in range(3):
        assert started(tmp_path / "model", f"fold{fold}")["not_matched"] == {}
    score(spec, tmp_path / "model", folded, tmp_path / "scores.parquet")
    assert np.isfinite(np.asarray(io.read_rows(tmp_path / "scores.parquet")["p_b_jets"])).all()


def test_a_damaged_or_foreign_one_is_refused(sample: Path, first: Path, tmp_path: Path) -> None:
    """Checksums are compared; where no layer fits there is nothing to start from."""
    shutil.copytree(first, tmp_path / "damaged")
    content = bytearray((tmp_path / "damaged/model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "damaged/model.keras").write_bytes(content)
    with pytest.raises(InputError, match=r"model\.keras"):
        train(spec_of(1), sample, tmp_path / "a", seed=1, start=tmp_path / "damaged")
    spec = spec_of(1, ("ak4",), model="dense", architecture={"dense": (4,)})
    four = spec.model_copy(update={"classes": spec.classes[:2], "discriminant": None})
    with pytest.raises(
        InputError, match=r"start_from: no layer of .* fits: .*dense_0: no layer of this name"
    ):
        train(four, sample, tmp_path / "b", seed=1, start=first)


def _resealed(folder: Path, **checksums: str) -> None:
    """With a meta.json that certifies what lies there, or what is said."""
    meta = io.read_json(folder / "meta.json")
    found = {name: io.folder_checksums(folder)[name] for name in meta["checksums"]}
    io.write_json(folder / "meta.json", meta | {"checksums": checksums if checksums else found})


def test_what_keras_does_not_read_is_named(sample: Path, first: Path, tmp_path: Path) -> None:
    """Whole by its checksums, but of other layers: another version's, or a file that would run code."""
    other = Path(shutil.copytree(first, tmp_path / "other"))
    _resealed(other, **{"spec.json": io.folder_checksums(other)["spec.json"]})
    with pytest.raises(InputError, match=r"model\.keras: has no checksum in .*other; train it again"):
        train(spec_of(1), sample, tmp_path / "a", seed=1, start=other)
    other = Path(shutil.copytree(first, tmp_path / "lambda"))
    with zipfile.ZipFile(first / "model.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["config.json"] = files["config.json"].replace(b'"class_name": "Dense"', b'"class_name": "Lambda"')
    with zipfile.ZipFile(other / "model.keras", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    _resealed(other)
    with pytest.raises(InputError, match=r"model\.keras: cannot be read as a network: \w+: .*train it"):
        train(spec_of(1), sample, tmp_path / "b", seed=1, start=other)


class ResourceExhaustedError(Exception):
    """As TensorFlow calls a GPU without memory."""


PASSED = [
    OSError(errno.EIO, "Input/output error"),
    MemoryError(),
    ResourceExhaustedError("OOM when allocating"),
    RuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
]


@pytest.mark.parametrize("error", PASSED, ids=repr)
def test_what_the_machine_lacks_is_no_damage(
    first: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Protects: a training that is made again since a disk or the memory of a GPU failed once."""
    import keras

    from jetsmith.models import _saved

    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(keras.models, "load_model", fails)
    with pytest.raises(type(error)) as caught:
        _saved.load(first)
    assert caught.value is error


def configured(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """A run of two networks on the demo's jets, of which the first starts from the second."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    for name in ("dips", "other"):
        path = tmp_path / f"config/taggers/{name}.yaml"
        content = yaml.safe_load((ROOT / "config/taggers/dips.yaml").read_text())
        path.write_text(yaml.safe_dump(content | {"title": name} | changes.get(name, {})))
    return {
        "seed": 1,
        "selection": {"ak4": {"pt_min_gev": 30}},
        "samples": {"jets": {"datasets": ["ttbar"]}, "folded": {"datasets": ["ttbar"], "folds": 5}},
        "taggers": {"dips": "jets", "other": "jets"} | changes.get("taggers", {}),
    }


TRACKS = ["trackSip3dSig", "ptrel", "trackDeltaR"]
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no folder": (
        {"dips": {"start_from": "results/x"}},
        r"dips\.yaml:\d+: start_from: `results/x` is no folder of a",
    ),
    "a name too long": (
        {"dips": {"start_from": "x" * 300}},
        r"start_from: x+/meta\.json: cannot be read: File",
    ),
    "a slip": ({"dips": {"start_from": "othr"}}, "start_from: `othr` is no folder .*`other`"),
    "of another run": (
        {"dips": {"start_from": "deepjet"}},
        "start_from: `deepjet` is not trained by this run",
    ),
    "itself": ({"dips": {"start_from": "dips"}}, "start_from: a circle: dips starts from dips; break"),
    "a circle": (
        {"dips": {"start_from": "other"}, "other": {"start_from": "dips"}},
        "start_from: a circle: dips starts from other starts from dips",
    ),
    "an ensemble": (
        {"dips": {"start_from": "other"}, "other": {"ensemble": 3}},
        "`other` is no single network",
    ),
    "folds": (
        {"dips": {"start_from": "other"}, "taggers": {"other": "folded"}},
        "`other` is no single network .*folds 5",
    ),
    "events of its folds": (
        {"dips": {"start_from": "other"}, "taggers": {"dips": "folded"}},
        "`other` has seen events of ttbar, which the folds of sample `folded`",
    ),
    "another order": (
        {
            "dips": {"start_from": "other", "inputs": {"charged": TRACKS}},
            "other": {"inputs": {"charged": TRACKS[::-1]}},
        },
        "`other` reads of `charged` trackDeltaR, ptrel, trackSip3dSig; write the same in the same order",
    ),
    "a training without inputs": (
        {"dips": {"start_from": "other", "ablate": {"a": ["charged.trackSip3dSig"]}}},
        r"dips\.yaml:\d+: ablate: a training without inputs cannot take the layers of `other` that",
    ),
    "trees": (
        {"dips": {"backend": "xgboost", "model": "", "inputs": {"ak4": ["jet_pt"]}, "start_from": "other"}},
        "start_from: backend `xgboost` has no layers",
    ),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_mistakes(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    """What the parse can see, it says, with file and key."""
    run = configured(tmp_path, **changes)
    with pytest.raises(ConfigError, match=words):
        load(run, tmp_path / "config")


def test_what_a_network_starts_from_has_seen_events_for_it(tmp_path: Path) -> None:
    """Of a sample that the first network learned from, the other one has not seen the split `test` alone."""
    run = configured(tmp_path, dips={"start_from": "other"}, taggers={"other": "more"})
    run["samples"] |= {name: {"datasets": of} for name, of in
                       (("more", ["qcd"]), ("shown", ["qcd"]), ("new", ["dilepton"]))}  # fmt: skip
    found = load(run, tmp_path / "config")
    assert unseen(found, "dips", "shown") == ("test",)
    assert unseen(found, "dips", "new") == SPLITS
    path = tmp_path / "config/taggers/dips.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"start_from": ""}))
    assert unseen(load(run, tmp_path / "config"), "dips", "shown") == SPLITS


def test_the_same_files_under_another_name_have_been_seen(tmp_path: Path) -> None:
    """As with other `leptons`, or by a link: a measurement there counts jets of the split `test` alone."""
    run = configured(tmp_path)
    (tmp_path / "a.root").write_bytes(b"x")
    (tmp_path / "b.root").write_bytes(b"y")
    (tmp_path / "link.root").symlink_to(tmp_path / "a.root")
    path = tmp_path / "config/datasets.yaml"
    entries = yaml.safe_load(path.read_text())
    about = {"object": "ak4", "process": "p"}
    entries["first"] = about | {"files": [str(tmp_path / "a.root")]}
    entries["again"] = about | {"files": [str(tmp_path / "link.root")], "leptons": {"channels": ["emu"]}}
    entries["others"] = about | {"files": [str(tmp_path / "b.root")]}
    path.write_text(yaml.safe_dump(entries))
    run["samples"] |= {name: {"datasets": [name]} for name in ("first", "again", "others")}
    run["taggers"] = {"dips": "first"}
    found = load(run, tmp_path / "config")
    assert unseen(found, "dips", "again") == ("test",)
    assert unseen(found, "dips", "others") == SPLITS


def test_a_reweighter_reads_no_scores_of_what_started_from_its_events(tmp_path: Path) -> None:
    """Nor at second hand: the network that its tagger starts from knows them."""
    run = configured(tmp_path, dips={"start_from": "other"}, taggers={"other": "dilepton"})
    run["samples"]["dilepton"] = {"datasets": ["dilepton", "dilepton_data"], "folds": 0}
    run["samples"]["again"] = {"datasets": ["dilepton", "dilepton_data"]}
    run["reweighters"] = {"continuous": "again"}
    path = tmp_path / "config/reweighters/continuous.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(content | {"inputs": {"dips": "all"}}))
    said = (
        r"inputs\.dips: has learned from `other`, which is trained on dilepton, dilepton_data of this sample"
    )
    with pytest.raises(ConfigError, match=said):
        load(run, tmp_path / "config")
    run["taggers"]["other"] = "jets"
    assert load(run, tmp_path / "config").scored_on("dips") == ("jets", "again")


SPLIT = SplitSpec().model_dump(mode="json")
HERE = {"seed": 1, "splits": SPLIT, "columns": []}  # of the run


def learned(tmp_path: Path, first: Path, *trainings: dict[str, Any], **changes: Any) -> Path:
    """A folder of a network that says that it has learned from these; else a file elsewhere in one run."""
    folder = tmp_path / "outside"
    shutil.copytree(first, folder, dirs_exist_ok=True)
    about = {
        "learned_from": [HERE | one for one in trainings or ({"datasets": ["elsewhere"]},)],
        "reads": [
            {"name": i["group"], "kind": i["kind"], "sort_by": "",
             "features": [{"name": name, "source": "x"} for name in i["features"]]}
            for i in io.read_json(folder / "spec.json")["inputs"]
        ],
    }  # fmt: skip
    found = {**io.read_json(folder / "meta.json"), **about, **changes}
    io.write_json(folder / "meta.json", {key: value for key, value in found.items() if value is not None})
    return folder


def restart(tmp_path: Path, folder: Path) -> None:
    """Let the first of two networks start from a folder."""
    path = tmp_path / "config/taggers/dips.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"start_from": str(folder)}))


def test_a_folder_is_looked_into(tmp_path: Path, first: Path) -> None:
    """One of folds is told."""
    folder = learned(tmp_path, first)
    run = configured(tmp_path, dips={"start_from": str(folder)})
    assert load(run, tmp_path / "config").classifiers["dips"].start_from == str(folder)
    for fold in ("fold0", "fold1"):
        shutil.copytree(first, tmp_path / "folds" / fold)
    restart(tmp_path, tmp_path / "folds")
    with pytest.raises(ConfigError, match=r"lacks model\.keras, .* \(it has a network a fold, and so no"):
        load(run, tmp_path / "config")


DAMAGES: dict[str, tuple[dict[str, Any], str]] = {
    "an earlier version": ({"learned_from": None}, r"\(`learned_from`\); train it again$"),
    "no training": ({"learned_from": []}, r"\(`learned_from`\)"),
    "a number": ({"learned_from": 3}, r"\(`learned_from`\)"),
    "of datasets alone": ({"learned_from": [{"datasets": ["qcd"]}]}, r"\(`learned_from\.0\.seed`\)"),
    "lists in lists": ({"learned_from": [HERE | {"datasets": [[1]]}]}, r"\(`learned_from\.0\.datasets\.0`\)"),
    "of no datasets": ({"learned_from": [HERE | {"datasets": []}]}, r"\(`learned_from\.0\.datasets`\)"),
    "not divided": ({"learned_from": [HERE | {"datasets": ["a"], "splits": 3}]}, r"\(`learned_from\.0\.spl"),
    "no features": ({"reads": None}, r"\(`reads`\)"),
    "others": ({"reads": {"charged": ["ptrel"]}}, r"\(`reads`\)"),
    "no checksums": ({"checksums": None}, r"\(`checksums`\)"),
    "not of its files": ({"checksums": {"spec.json": "00"}}, r"`checksums` lacks model\.keras; train it"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), DAMAGES.values(), ids=DAMAGES)
def test_what_a_folder_does_not_say_is_named(
    tmp_path: Path, first: Path, changes: dict[str, Any], words: str
) -> None:
    """Protects: a start of which nothing is known, whose jets judge; a job that ends in a traceback."""
    run = configured(tmp_path, dips={"start_from": str(learned(tmp_path, first, **changes))})
    with pytest.raises(ConfigError, match=rf"dips\.yaml:\d+: start_from: .*outside/meta\.json: .*{words}"):
        load(run, tmp_path / "config")


@pytest.mark.parametrize("content", [b"", b"{", b"3", b"[1]", b"\xff\xfe{", b"[" * 100_000])
def test_a_meta_json_of_another_kind_is_named(tmp_path: Path, first: Path, content: bytes) -> None:
    """Whatever stands there."""
    folder = learned(tmp_path, first)
    (folder / "meta.json").write_bytes(content)
    run = configured(tmp_path, dips={"start_from": str(folder)})
    with pytest.raises(ConfigError, match=r"outside/meta\.json: says not what the network was taught, as"):
        load(run, tmp_path / "config")


OF_CHARGED = {"kind": "sequence", "sort_by": "cpf_sip2d_sig"}
CHANGED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "source": ({}, {"source": "cpf_sip2d_sig"}, r"charged\.dxysig` with `source: cpf_sip2d_sig`, and config"),
    "transform": ({}, {"transform": "log1p"}, r"charged\.dxysig` with `transform: log1p`.* `transform: abs`"),
    "default": ({}, {"default": -1.0}, r"charged\.dxysig` with `default: -1\.0`"),
    "clip": ({}, {"clip": [0.0, 1.0]}, r"charged\.dxysig` with `clip: \(0\.0, 1\.0\)`"),
    "order": ({"sort_by": "cpf_d0_cm"}, {}, r"charged` with `sort_by: cpf_d0_cm`, and .*cpf_sip2d_sig`"),
    "the same": ({}, {}, ""),
}


@pytest.mark.parametrize(("of_group", "of_feature", "words"), CHANGED.values(), ids=CHANGED)
def test_features_of_a_name_are_the_same(
    tmp_path: Path, first: Path, of_group: dict[str, Any], of_feature: dict[str, Any], words: str
) -> None:
    """Protects: weights and scaling of a folder that are taken for numbers of another kind."""
    run = configured(tmp_path, dips={"inputs": {"charged": ["dxysig", "ptrel"]}})
    (group,) = taught(
        load(run, tmp_path / "config"), load(run, tmp_path / "config").classifiers["dips"]
    ).reads
    known = json.loads(group.model_dump_json())
    known["features"][0] |= of_feature
    restart(tmp_path, learned(tmp_path, first, reads=[known | of_group]))
    if not words:
        load(run, tmp_path / "config")
        return
    with pytest.raises(ConfigError, match=rf"start_from: `.*outside` was trained on `{words}"):
        load(run, tmp_path / "config")


def test_a_network_says_what_it_has_learned_from(tmp_path: Path, first: Path, sample: Path) -> None:
    """Its sample's datasets and how these were divided; of a start, too, and of what that started from.

    Protects: what a folder knows, which is lost when a network that began with it is begun with.
    """
    folder = learned(
        tmp_path, first, {"datasets": ["two"]}, {"datasets": ["one"], "seed": 7, "columns": ["a.b"]}
    )
    run = configured(
        tmp_path, dips={"start_from": "other"}, other={"start_from": str(folder)}, taggers={"other": "more"}
    )
    run["samples"]["more"] = {"datasets": ["qcd", "ttbar"]}
    told = stages.train(load(run, tmp_path / "config"), "dips").taught
    train(spec_of(1), sample, tmp_path / "model", seed=1, taught=told)
    found = io.read_json(tmp_path / "model/meta.json")["learned_from"]
    assert [(one["datasets"], one["seed"], one["columns"]) for one in found] == [
        (["ttbar"], 1, []), (["qcd", "ttbar"], 1, []), (["two"], 1, []), (["one"], 7, ["a.b"])
    ]  # fmt: skip
    assert found[0]["splits"] == SPLIT
    restart(tmp_path, tmp_path / "model")
    assert [list(one.datasets) for _, one in learned_by(load(run, tmp_path / "config"))] == [
        *(["ttbar"], ["ttbar"], ["qcd", "ttbar"], ["two"], ["one"])
    ]


def learned_by(run: Configuration) -> list[tuple[str, Learned]]:
    return list(walk("dips", run.classifiers, run.starts, run.run, scores=False))


def test_a_folder_has_seen_events_as_a_classifier_has(tmp_path: Path, first: Path) -> None:
    """Its folds, those that read its scores, and its test split are judged on events that no start has seen.

    Protects: a network that knows the jets that judge it, since its start is no name of the run.
    """
    folder = learned(tmp_path, first, {"datasets": ["elsewhere"], "seed": 7},
                     {"datasets": ["ttbar", "elsewhere"]})  # fmt: skip
    run = configured(tmp_path, dips={"start_from": str(folder)})
    load(run, tmp_path / "config")
    run["taggers"]["dips"] = "folded"
    with pytest.raises(ConfigError, match=r"outside` has seen events of ttbar, which the folds of sample"):
        load(run, tmp_path / "config")
    run["taggers"]["dips"] = "jets"
    path = tmp_path / "config/taggers/other.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"start_from": "dips"}))
    run["taggers"]["other"] = "folded"
    with pytest.raises(ConfigError, match=r"(?s)`dips` has seen .*outside` has seen events of ttbar, which"):
        load(run, tmp_path / "config")
    run["taggers"] = {"dips": "jets"}
    run["samples"] |= {"jets": {"datasets": ["qcd"]}, "shown": {"datasets": ["ttbar"]}}
    assert unseen(load(run, tmp_path / "config"), "dips", "shown") == ("test",)
    run["samples"]["jets"]["datasets"] = ["ttbar"]
    for other in (
        {"seed": 2},
        {"splits": {"train": 0.6, "validation": 0.1, "calibration": 0.1, "test": 0.2}},
    ):
        load(run, tmp_path / "config")
        with pytest.raises(ConfigError, match="divided by another `seed` or other `splits` than in this run"):
            load(run | other, tmp_path / "config")
    learned(tmp_path, first, {"datasets": ["qcd"], "seed": 2})
    load(run, tmp_path / "config")


@pytest.mark.parametrize("of", ["judged", "measured", "any"])
def test_other_divisions_are_refused_wherever_scores_are_judged(tmp_path: Path, first: Path, of: str) -> None:
    """On the split `test` of this run, of any sample of it, lie jets that the start was trained on."""
    folder = learned(tmp_path, first, {"datasets": ["qcd"], "seed": 2})
    run = configured(tmp_path, dips={"start_from": str(folder)})
    load(run, tmp_path / "config")
    run["samples"]["shown"] = {"datasets": ["qcd"]}
    if of == "judged":
        run["judged_on"] = {"dips": ["shown"]}
    elif of == "measured":
        about = {"judgement": "dips", "simulation": "shown", "data": "shown", "pt_bins_gev": [30, 100]}
        run["scale_factors"] = {"probe": about}
    with pytest.raises(ConfigError, match="has seen events of qcd that were divided by another `seed`"):
        load(run, tmp_path / "config")


def test_a_reweighter_reads_no_scores_of_what_a_folder_has_taught(tmp_path: Path, first: Path) -> None:
    """As where the network that its tagger starts from is a name of the run."""
    folder = learned(tmp_path, first, {"datasets": ["dilepton_data"]})
    run = configured(tmp_path, dips={"start_from": str(folder)})
    run["samples"]["again"] = {"datasets": ["dilepton", "dilepton_data"]}
    run["reweighters"] = {"continuous": "again"}
    path = tmp_path / "config/reweighters/continuous.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(content | {"inputs": {"dips": "all"}}))
    with pytest.raises(ConfigError, match=r"has learned from `.*outside`, which is trained on dilepton_data"):
        load(run, tmp_path / "config")


@pytest.mark.parametrize("members", get_args(Members))
def test_members_with_an_error_do_not_start_alike(tmp_path: Path, members: Members) -> None:
    """Protects: errors of weights that are those of what halves and replicas have learned anew alone."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    net = {
        "title": "n", "backend": "keras", "model": "dense", "object": "event",
        "classes": ["power_shower", "dipole_shower"], "inputs": {"event": "kinematics"},
        "architecture": {"dense": [8]}, "training": {"balance": "class"},
    }  # fmt: skip
    for name, more in (("first", {}), ("net", {"start_from": "first", "ensemble": 4, "members": members})):
        (tmp_path / f"config/reweighters/{name}.yaml").write_text(yaml.safe_dump(net | more))
    run = {
        "seed": 1,
        "samples": {"z": {"datasets": ["zjets_power", "zjets_dipole"], "folds": 0}},
        "reweighters": {"net": "z", "first": "z"},
    }
    if members == "seeds":
        load(run, tmp_path / "config")
        return
    with pytest.raises(ConfigError, match=rf"start_from: members of an `ensemble` of `{members}` would all"):
        load(run, tmp_path / "config")
