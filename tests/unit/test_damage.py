"""Damaged and exchanged stage files: the next stage names the file, or its result is the same to the bit.

A chain of stages is run once. Then each of its files in turn is truncated, emptied, flipped in one bit at
many places, or replaced by the like of another dataset, split, tagger or model, and the stage that reads it
runs again: an InputError with the file's name, or the same bytes as before. Nothing else.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns, io
from jetsmith.calibration import calibrate
from jetsmith.derivations import of
from jetsmith.errors import InputError
from jetsmith.features.compute import compute_features
from jetsmith.handed.account import PartReport
from jetsmith.hashing import SPLITS
from jetsmith.mock import mock_rows
from jetsmith.packed.arrays import read_packed
from jetsmith.packed.pack import pack_group
from jetsmith.packed.pack_rows import pack_rows
from jetsmith.packed.packing import Packing
from jetsmith.plots.inputs import read_test, read_thresholds
from jetsmith.plots.style import Numbers as BaseNumbers
from jetsmith.plots.style import save
from jetsmith.plots.training import plot_training
from jetsmith.report.page import write_report
from jetsmith.scoring import score
from jetsmith.skimming.account import account_dataset
from jetsmith.specs.classifiers import ClassSpec, DiscriminantSpec, EvaluationSpec, TrainingSpec
from jetsmith.specs.features import FeatureGroup, FeatureSpec, Inputs
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.run import PointsSpec, SampleSpec, SplitSpec
from jetsmith.training import train
from tests.unit.packed_jets import make_spec
from tests.unit.test_account import plan
from tests.unit.test_account import report as skim_report

FLIPS = 8  # places of a file
B, LIGHT = (
    ClassSpec(name=n, truth=t, label=n, color="#000000", flavor=f)
    for n, t, f in (("b_jets", (500,), 5), ("light_jets", (0, 1, 2, 3), 0))
)
GROUPS = [
    FeatureGroup(
        name="ak4", object="ak4", kind="flat",
        features={"pt": FeatureSpec(source="jet_pt_gev"), "eta": FeatureSpec(source="jet_eta")},
    ),
    FeatureGroup(
        name="tracks", object="ak4", kind="sequence", length=4,
        features={"pt": FeatureSpec(source="cpf_pt_gev")},
    ),
]  # fmt: skip
INPUTS = Inputs(group="ak4", kind="flat", length=0, features=("pt", "eta"), sources=("jet_pt_gev", "jet_eta"))
N_ROWS = 1500


def tagger(name: str) -> Any:
    return make_spec(
        "xgboost", name=name, sample="mine", architecture={"max_depth": 3 if name == "mine_tagger" else 1},
        classes=(B, LIGHT), inputs=(INPUTS,),
        training=TrainingSpec(epochs=3, patience=3, balance="class"),
        discriminant=DiscriminantSpec(signal=("b_jets",), background={"light_jets": 1.0}),
        evaluation=EvaluationSpec(signal="b_jets", backgrounds=("light_jets",)),
        signal_class=B, background_classes=(LIGHT,),
    )  # fmt: skip


class Numbers(BaseNumbers):
    """What a figure shows."""

    plot: str = "other"


class Chain:
    """Files of a run below a folder, and the stages that read them; each returns what it has written."""

    def __init__(self, folder: Path) -> None:
        self.at = folder
        self.out = folder / "again"

    def skim(self, dataset: str, seed: int) -> None:
        """What inspect and skim leave of one file of a dataset, in one partition."""
        rows = mock_rows("ak4", N_ROWS, seed=seed)
        flavour = np.random.default_rng(seed).choice([500, 0, 1], N_ROWS)
        rows = ak.with_field(rows, flavour.astype(np.int32), "flavour")
        rows = ak.with_field(rows, np.ones(N_ROWS), "weight")
        subject = {"dataset": dataset, "part": "000"}
        io.write_rows(self.at / f"skim/{dataset}/000.parquet", rows, **subject)
        with io.identity_writer(self.at / f"skim/{dataset}/000.identity.parquet", **subject) as write:
            n = np.arange(N_ROWS)
            write({"run": n * 0 + seed, "luminosity_block": n * 0 + 1, "event": n, "file": n * 0})
        inspected = io.read_json(plan(self.at, [N_ROWS])) | {"dataset": dataset}
        io.write_json(self.at / f"inspect/{dataset}.json", inspected)
        ids, counts = np.unique(flavour, return_counts=True)
        found = io.read_json(skim_report(self.at, 0, N_ROWS, rows=N_ROWS)) | subject
        found["rows_by_flavour"] = dict(zip(map(str, ids.tolist()), counts.tolist(), strict=True))
        io.write_json(self.at / f"skim/{dataset}/000.report.json", found)

    def account(self, into: Path, dataset: str = "one") -> list[Path]:
        skim = self.at / "skim" / dataset
        reports, identities = [skim / "000.report.json"], [skim / "000.identity.parquet"]
        output = into / f"skim/{dataset}.json"
        account_dataset(dataset, self.at / f"inspect/{dataset}.json", reports, identities, 0.0, output)
        return [output]

    def features(self, into: Path, dataset: str = "one") -> list[Path]:
        outputs = []
        for group in (None, *GROUPS):
            output = into / f"features/{dataset}/000/{group.name if group else columns.ROWS}.parquet"
            rows, meta = self.at / f"skim/{dataset}/000.parquet", output.with_suffix(".meta.json")
            further = () if group else columns.KINEMATICS["ak4"]
            compute_features(group, of("ak4"), rows, output, meta, further, dataset=dataset, part="000")
            outputs.append(output)
        return outputs

    def pack(self, into: Path, sample: str = "mine", names: tuple[str, ...] = ("one", "two")) -> list[Path]:
        def packing(group: str) -> Packing:
            outputs = {split: into / "packed" / sample / split / group for split in SPLITS}
            return Packing(sample, SplitSpec(), 1, (), outputs)

        def files(group: str) -> dict[str, list[str | Path]]:
            return {name: [self.at / f"features/{name}/000/{group}.parquet"] for name in names}

        accounts = {name: self.at / f"skim/{name}.json" for name in names}
        rows, spec = files(columns.ROWS), SampleSpec(datasets=names)
        pack_rows(
            packing(columns.ROWS), spec, dict.fromkeys(names, "g"), rows, accounts, columns.KINEMATICS["ak4"]
        )
        for group in GROUPS:
            pack_group(packing(group.name), group, rows, files(group.name))
        return [into / "packed" / sample / split for split in sorted(SPLITS)]

    def train(self, into: Path, name: str = "mine_tagger", seed: int = 1) -> list[Path]:
        train(tagger(name), self.at / "packed/mine", into / "models" / name, seed)
        return [into / "models" / name / "model.json"]

    def score(self, into: Path, name: str = "mine_tagger") -> list[Path]:
        output = into / f"scores/{name}/mine.parquet"
        score(tagger(name), self.at / "models" / name, self.at / "packed/mine", output)
        return [output]

    def tracks(self, into: Path) -> list[Path]:
        """A split as a network that reads sequences does."""
        found = read_packed(self.at / "packed/mine/test", ["tracks"], split="test", sample="mine").groups[
            "tracks"
        ]
        np.save(into / "read.npy", found.values)
        return [into / "read.npy"]

    def calibrate(self, into: Path, name: str = "mine_tagger") -> list[Path]:
        outputs = [into / f"calibration/{name}.json", into / f"calibration/{name}.numbers.json"]
        scores = self.at / f"scores/{name}/mine.parquet"
        calibrate(
            tagger(name),
            scores,
            {"L": 0.3},
            (20, 60, 1000),
            (0, 2.5),
            *outputs,
            settings=PointsSpec(allow_few_passing=True),
        )
        return outputs

    def plot(self, into: Path, name: str = "mine_tagger") -> list[Path]:
        """What all plots of taggers read; their drawing is not what is tested."""
        jets = read_test(self.at / f"scores/{name}/mine.parquet", tagger(name))
        points = read_thresholds(self.at / f"calibration/{name}.numbers.json", tagger(name))
        output = into / "read"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(f"{jets.discriminant.tolist()} {jets.weight.tolist()} {points}")
        return [output]

    def history(self, into: Path, name: str = "mine_tagger") -> list[Path]:
        plot_training(tagger(name), self.at / "models" / name, PlotSpec(dpi=20), into / f"training/{name}")
        return [into / f"training/{name}.json"]

    def figure(self, name: str) -> None:
        from matplotlib.figure import Figure

        save(Figure(figsize=(1, 1), dpi=20), Numbers(title=name), self.at / "plots" / name)

    def report(self, into: Path) -> list[Path]:
        """The page; its tables read as `account` and `plot` do."""
        names, output = ("mine_tagger", "other_tagger"), into / "report/index.html"
        write_report(
            output,
            {
                "run": {"samples": {name: {"datasets": ["one", "two"]} for name in ("mine", "other")}},
                "classifiers": {name: tagger(name).model_dump(mode="json") for name in names},
            },
            "t",
            [],
            [],
            [self.at / "plots/first.png", self.at / "plots/second.png"],
            [self.at / f"calibration/{name}.numbers.json" for name in names],
            [],
            {},
        )
        return [output]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """All files of a run with two datasets, two samples and two taggers."""
    made = Chain(tmp_path_factory.mktemp("chain"))
    for seed, dataset in enumerate(("one", "two"), start=1):
        made.skim(dataset, seed)
        made.account(made.at, dataset)
        made.features(made.at, dataset)
    made.pack(made.at)
    made.pack(made.at, "other", ("two",))
    for seed, name in enumerate(("mine_tagger", "other_tagger"), start=1):
        made.train(made.at, name, seed)
        made.score(made.at, name)
        made.calibrate(made.at, name)
    for name in ("first", "second"):
        made.figure(name)
    return made


CASES = {
    "inspect/one.json": ("account", "inspect/two.json"),
    "skim/one/000.report.json": ("account", "skim/two/000.report.json"),
    "skim/one/000.identity.parquet": ("account", "skim/two/000.identity.parquet"),
    "skim/one/000.parquet": ("features", "skim/two/000.parquet"),
    **{
        f"features/one/000/{name}.parquet": ("pack", f"features/two/000/{name}.parquet")
        for name in ("rows", "ak4", "tracks")
    },
    "skim/one.json": ("pack", "skim/two.json"),
    **{
        f"packed/mine/test/{name}": ("score", f"packed/mine/calibration/{name}")
        for name in (
            "rows/columns.json", "rows/label.npy", "rows/weight.npy", "rows/column.event.npy",
            "rows/column.fold.npy", "ak4/columns.json", "ak4/values.npy",
        )
    },
    "packed/mine/train/rows/label.npy": ("train", "packed/other/train/rows/label.npy"),
    "packed/mine/validation/ak4/values.npy": ("train", "packed/mine/test/ak4/values.npy"),
    **{
        f"packed/mine/test/tracks/{name}": ("tracks", f"packed/mine/calibration/tracks/{name}")
        for name in ("columns.json", "values.npy", "offsets.npy")
    },
    **{
        f"models/mine_tagger/{name}": ("score", f"models/other_tagger/{name}")
        for name in ("model.json", "spec.json", "meta.json")
    },
    "models/mine_tagger/history.json": ("history", "models/other_tagger/history.json"),
    "scores/mine_tagger/mine.parquet": ("calibrate", "scores/other_tagger/mine.parquet"),
    "calibration/mine_tagger.numbers.json": ("plot", "calibration/other_tagger.numbers.json"),
    "plots/first.png": ("report", "plots/second.png"),
    "plots/first.json": ("report", "plots/second.json"),
}  # fmt: skip


def damages(content: bytes, other: bytes) -> Iterator[tuple[str, bytes]]:
    """Everything that is done to a file, with its name."""
    yield "emptied", b""
    yield "half of it", content[: len(content) // 2]
    yield "its end lacks", content[:-1]
    yield "too long", content + content[-8:]
    yield "another's", other
    places = np.linspace(0, len(content) - 1, FLIPS).astype(int)
    for k, place in enumerate(dict.fromkeys(places.tolist())):
        yield (
            f"bit {k % 8} of byte {place}",
            (content[:place] + bytes([content[place] ^ (1 << k % 8)]) + content[place + 1 :]),
        )


def digests(paths: list[Path]) -> list[str]:
    """Of files and of all files in folders."""
    files = [f for p in paths for f in (sorted(p.rglob("*")) if p.is_dir() else [p]) if f.is_file()]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


@pytest.mark.parametrize("name", CASES)
def test_damage_is_named_or_harmless(chain: Chain, name: str) -> None:
    """No traceback, no other result."""
    stage, other = CASES[name]
    run: Callable[[Path], list[Path]] = getattr(chain, stage)
    path = chain.at / name
    whole = path.read_bytes()
    chain.out.mkdir(exist_ok=True)
    right = digests(run(chain.out))
    harmless = []
    try:
        for what, content in damages(whole, (chain.at / other).read_bytes()):
            path.write_bytes(content)
            shutil.rmtree(chain.out)
            chain.out.mkdir()
            message, found = "", [""]
            try:
                found = digests(run(chain.out))
            except InputError as error:
                message = str(error)
            assert found == right or any(n in message for n in (path.name, path.parent.name)), (what, message)
            harmless += [] if message else [what]
            chain.out.mkdir(exist_ok=True)
    finally:
        path.write_bytes(whole)
    assert "another's" not in harmless
    assert "half of it" not in harmless
    assert len(harmless) <= 2, harmless


@pytest.mark.parametrize(
    ("name", "other", "stage"),
    [
        ("packed/mine/test", "packed/mine/calibration", "score"),
        ("packed/mine/test/ak4", "packed/mine/calibration/ak4", "score"),
        ("packed/mine/test/ak4", "packed/mine/test/tracks", "score"),
        ("packed/mine/train/rows", "packed/other/train/rows", "train"),
        ("packed/mine/train", "packed/mine/validation", "train"),
        ("packed/mine/train", "packed/other/train", "train"),
        ("models/mine_tagger", "models/other_tagger", "score"),
        ("models/mine_tagger", "models/other_tagger", "history"),
    ],
)
def test_another_folder_is_named(chain: Chain, name: str, other: str, stage: str) -> None:
    """A copy of the calibration split as the test split, or another tagger's model: whole, and wrong."""
    path, kept = chain.at / name, chain.at / "kept"
    shutil.move(path, kept)
    shutil.copytree(chain.at / other, path)
    try:
        with pytest.raises(InputError, match=path.name):
            getattr(chain, stage)(chain.out)
    finally:
        shutil.rmtree(path)
        shutil.move(kept, path)


def test_a_model_of_other_classes_is_refused(chain: Chain, tmp_path: Path) -> None:
    """Whole, of the right name, and of two classes where three are asked for: nothing is broadcast."""
    three = tagger("mine_tagger").model_copy(
        update={"classes": (B, LIGHT, ClassSpec(name="c_jets", truth=(400,), label="c", color="#000000"))}
    )
    folder = tmp_path / "model"
    shutil.copytree(chain.at / "models/mine_tagger", folder)
    io.write_json(folder / "spec.json", three.model_dump(mode="json"))
    (folder / "meta.json").unlink()
    io.write_json(folder / "meta.json", {"checksums": io.folder_checksums(folder)})
    with pytest.raises(InputError, match="gives 2 probabilities, but mine_tagger has 3 classes"):
        score(three, folder, chain.at / "packed/mine", tmp_path / "scores.parquet")


def test_rows_are_those_that_were_accounted_for(chain: Chain) -> None:
    """Features with a row less than the account has are whole files, too."""
    path = chain.at / "features/one/000/rows.parquet"
    whole, rows = path.read_bytes(), io.read_rows(path)
    assert set(columns.KEY) <= set(ak.fields(rows))
    io.write_rows(path, rows[1:], dataset="one", part="000")
    try:
        with pytest.raises(InputError, match=r"one: rows by flavour are .*502.*503"):
            chain.pack(chain.out)
    finally:
        path.write_bytes(whole)


def test_a_damaged_partition_of_a_dead_driver_is_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a Dask driver has left stops no other driver: it does not count as finished, and it is said."""
    cluster = pytest.importorskip("jetsmith.skimming.cluster")
    path = tmp_path / "000.report.json"
    assert not cluster.is_finished(str(path))
    io.write_record(path, PartReport("test", "000", "ok", 9, 9, (), 9.0, (), (), 1, {"0": 1}))
    assert cluster.is_finished(str(path))
    path.write_bytes(path.read_bytes()[:-9])
    assert not cluster.is_finished(str(path))
    assert "000.report.json" in capsys.readouterr().err
