"""Weights of others, from a table: which event gets which, which has none, what closure can say."""

import hashlib
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jetsmith import io, plugs
from jetsmith.classifiers.table import Options
from jetsmith.errors import InputError
from jetsmith.handed.closure import Closure
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.reweighting.closure import closure
from jetsmith.reweighting.weights import write_weights
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.ratios import RatioEntry
from jetsmith.specs.run import GatesSpec
from jetsmith.training import train
from tests.unit.packed_jets import write_packed
from tests.unit.spoil import ROOT

Array = np.ndarray[Any, Any]
DATASETS = [("mine", "here"), ("theirs", "there")]
BIG = 2**63 + 5  # event numbers are uint64
SHIFT = 0.7


def spec_of(file: Path, ratio: RatioEntry | None = None, **architecture: Any) -> ClassifierSpec:
    """Source `here`, target `there`, of which there are events, too."""
    classes = [
        ClassSpec(name=name, generator=name, label=name, color="#000000") for name in ("here", "there")
    ]
    content: dict[str, Any] = {
        "name": "others", "role": "reweighter", "sample": "z", "backend": "table", "title": "Others",
        "object": "event", "classes": classes, "training": {}, "folds": 2,
        "architecture": Options(file=str(file), **architecture).model_dump(mode="json"),
        "inputs": [Inputs(group="event", kind="flat", length=0, features=("x",), sources=("z_y",))],
        "ratio": RatioEntry.resolved(ratio, trains=False, exact_in={}),
    }  # fmt: skip
    return ClassifierSpec(**content)


def write_events(
    folder: Path, n: int = 400, datasets: list[tuple[str, str]] = DATASETS
) -> tuple[Path, Array]:
    """Gaussians a `SHIFT` apart, and their x by dataset; each dataset has the same keys."""
    x = np.random.default_rng(8).normal(size=(len(datasets), n)).astype("f4")
    x += np.array([[SHIFT * (by == "there")] for _, by in datasets], np.float32)
    event = np.arange(n)
    for k, split in enumerate(SPLITS):
        here = event[k::4]
        which = np.repeat(np.arange(len(datasets)), len(here))
        size = len(which)
        key = {"run": np.ones(size, "u4"), "luminosity_block": np.tile(here % 7, len(datasets)).astype("u4")}
        key |= {"event": np.tile(here, len(datasets)).astype("u8") + np.uint64(BIG)}
        packed = arrays.Packed(
            groups={"event": arrays.FlatGroup(x[:, here].reshape(-1, 1), ("x",))},
            label=np.zeros(size, "i4"),
            weight=np.ones(size),
            columns=key
            | {"fold": (np.tile(here, len(datasets)) // 4 % 2).astype("i1"), "dataset": which.astype("i2")}
            | {"jet_index": np.zeros(size, "i2")},
            datasets=tuple(name for name, _ in datasets),
            generators=tuple(by for _, by in datasets),
        )
        write_packed(folder / "packed" / split, packed)
    return folder / "packed", x


def table_of(x: Array, dataset: str = "", seed: int = 0) -> pa.Table:
    """True ratios by key, in an order of their own."""
    order = np.random.default_rng(seed).permutation(len(x))
    columns = {"run": np.ones(len(x), "i8"), "luminosity_block": order % 7}
    columns |= {"event": order.astype("u8") + np.uint64(BIG)}
    columns |= {"weight": np.exp(SHIFT * x[order].astype(float) - SHIFT**2 / 2), "extra": order}
    return pa.table(columns | ({"dataset": [dataset] * len(x)} if dataset else {}))


def weights_of(
    spec: ClassifierSpec, packed: Path, folder: Path, datasets: list[tuple[str, str]] = DATASETS
) -> dict[str, Any]:
    """Through train, score and weights: columns of both generators."""
    train(spec, packed, folder / "model", seed=1)
    score(spec, folder / "model", packed, folder / "scores.parquet")
    for name, _ in datasets:
        write_weights(spec, folder / "scores.parquet", datasets, name, folder / f"{name}.parquet",
                      ratio=spec.ratio, packed=packed)  # fmt: skip
    return {name: io.read_rows(folder / f"{name}.parquet") for name, _ in datasets}


def gates_of(spec: ClassifierSpec, packed: Path, folder: Path) -> dict[str, Any]:
    """Gates by name."""
    paths = {name: folder / f"{name}.parquet" for name, _ in DATASETS}
    closure(spec, packed, paths, GatesSpec(bootstraps=20), 1, folder / "closure.json", conserve=False)
    found = io.read_record(Closure, folder / "closure.json", reweighter=spec.name)
    return {gate.name: gate for gate in found.gates}


def test_each_event_has_its_weight_or_is_outside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By key, whatever the order of the table; lacking, 0, negative and infinite weights are none."""
    packed, x = write_events(tmp_path)
    table = table_of(x[0]).sort_by("event")
    weight = table["weight"].to_numpy().copy()
    weight[:4] = [0, -1, np.inf, np.nan]
    table = table.set_column(table.column_names.index("weight"), "weight", [weight])
    pq.write_table(
        table.slice(0, 390).take(np.random.default_rng(1).permutation(390)), tmp_path / "t.parquet"
    )
    rows = weights_of(spec_of(tmp_path / "t.parquet"), packed, tmp_path)
    event = np.asarray(rows["mine"]["event"]) - np.uint64(BIG)
    outside = (event < 4) | (event >= 390)
    assert np.asarray(rows["mine"]["outside"]).tolist() == outside.tolist()
    expected = np.where(outside, 1.0, np.exp(SHIFT * x[0].astype(float) - SHIFT**2 / 2)[event.astype(int)])
    np.testing.assert_allclose(np.asarray(rows["mine"]["weight"]), expected, rtol=1e-6)
    assert np.isnan(np.asarray(rows["theirs"]["ratio"])).all()
    assert not np.asarray(rows["theirs"]["outside"]).any()
    assert (np.asarray(rows["theirs"]["weight"]) == 1).all()
    assert "of 400 events of the source 10 are not in" in (said := capsys.readouterr().err)
    assert "4 have a weight there that is not positive and finite" in said


def test_of_a_source_alone_some_gates_say_nothing(tmp_path: Path) -> None:
    """Not conclusive, with the reason, where the target's ratio is needed; others judge, and can refuse."""
    packed, x = write_events(tmp_path, n=6000)
    pq.write_table(table_of(x[0]), tmp_path / "t.parquet")
    spec = spec_of(tmp_path / "t.parquet")
    weights_of(spec, packed, tmp_path)
    gates = gates_of(spec, packed, tmp_path)
    for name in ("calibration", "swapped", "support"):
        assert gates[name].status == "not conclusive"
        assert "no event of the target has a ratio" in gates[name].why
    assert "uncovered" not in gates["support"].values
    assert gates["support"].values["outside"] == 0
    assert gates["separation"].status != "failed"
    assert gates["spectra"].status == "passed"
    wrong = table_of(x[0]).drop_columns("weight").append_column("weight", [np.ones(6000)])
    pq.write_table(wrong, tmp_path / "t.parquet")
    weights_of(spec, packed, tmp_path)
    gates = gates_of(spec, packed, tmp_path)
    assert (gates["separation"].status, gates["spectra"].status) == ("failed", "failed")
    asked = spec_of(tmp_path / "t.parquet", RatioEntry(calibration="platt"))
    with pytest.raises(InputError, match="platt is fitted to events of both generators, and no event of"):
        weights_of(asked, packed, tmp_path)


def test_a_table_of_both_is_judged_by_all_gates(tmp_path: Path) -> None:
    """`dataset` tells equal keys apart; rows of other samples do not matter; a wrong ratio is noticed."""
    packed, x = write_events(tmp_path, n=6000)
    tables = [table_of(x[0], "mine"), table_of(x[1], "theirs", 3), table_of(x[0], "somewhere")]
    pq.write_table(pa.concat_tables(tables), tmp_path / "t.parquet")
    spec = spec_of(tmp_path / "t.parquet")
    rows = weights_of(spec, packed, tmp_path)
    event = (np.asarray(rows["theirs"]["event"]) - np.uint64(BIG)).astype(int)
    expected = np.exp(SHIFT * x[1].astype(float) - SHIFT**2 / 2)[event]
    np.testing.assert_allclose(np.asarray(rows["theirs"]["ratio"]), expected, rtol=1e-6)
    gates = gates_of(spec, packed, tmp_path)
    assert "failed" not in {gate.status for gate in gates.values()}
    assert gates["calibration"].status == "passed"
    assert gates["calibration"].values["n_dof"] > 5
    half = [t.set_column(3, "weight", [np.sqrt(t["weight"].to_numpy())]) for t in tables]
    pq.write_table(pa.concat_tables(half), tmp_path / "t.parquet")
    weights_of(spec, packed, tmp_path)
    assert gates_of(spec, packed, tmp_path)["calibration"].status == "failed"


def _without(table: pa.Table) -> pa.Table:
    return table.drop_columns("luminosity_block")


def _elsewhere(table: pa.Table) -> pa.Table:
    return table.set_column(0, "run", [np.full(len(table), 9)])


def _floats(table: pa.Table) -> pa.Table:
    return table.set_column(2, "event", [np.arange(len(table), dtype=float)])


def _empty(table: pa.Table) -> pa.Table:
    return table.set_column(0, "run", pa.array([None] + [1] * (len(table) - 1)))


REFUSED: dict[str, tuple[Any, str]] = {
    "no key": (_without, "has no column `luminosity_block`, of the key of an event; it has run, event"),
    "no weight": (lambda t: t.rename_columns([*t.column_names[:3], "w", "extra"]), "no column `weight`"),
    "text": (lambda t: t.set_column(3, "weight", [["x"] * len(t)]), "`weight` is string, no number"),
    "a key of floats": (_floats, "`event` is double; the key has whole numbers"),
    "datasets by number": (lambda t: t.append_column("dataset", t["run"]), "`dataset` is int64; it has"),
    "no such events": (_elsewhere, "for none of the 400 events of the source .*: 400 are not in it, 0 have"),
    "no weights": (
        lambda t: t.set_column(3, "weight", [-np.ones(len(t))]),
        "0 are not in it, 400 have another weight",
    ),
    "twice": (
        lambda t: pa.concat_tables([t, t.slice(5, 1)]),
        "rows repeat their run, luminosity_block, event",
    ),
    "a column twice": (
        lambda t: t.append_column("event", t["event"]),
        "t.parquet has several columns `event`; one of each name",
    ),
    "a weight twice": (lambda t: t.append_column("weight", t["weight"]), "several columns `weight`"),
    "an empty key": (_empty, "`run` is empty in 1 rows"),
}


@pytest.mark.parametrize(("spoil", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_such_table_stops(tmp_path: Path, spoil: Any, words: str) -> None:
    """With what is wrong, and where."""
    packed, x = write_events(tmp_path)
    pq.write_table(spoil(table_of(x[0])), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=words) as caught:
        weights_of(spec_of(tmp_path / "t.parquet"), packed, tmp_path)
    assert "t.parquet" in str(caught.value)


def test_equal_keys_in_two_datasets_of_the_source_want_names(tmp_path: Path) -> None:
    """Else an event would get the weight of another."""
    datasets = [("mine", "here"), ("more", "here"), ("theirs", "there")]
    packed, x = write_events(tmp_path, datasets=datasets)
    spec = spec_of(tmp_path / "t.parquet")
    pq.write_table(table_of(x[0]), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"events of sample `z` repeat .* give it a column `dataset`"):
        weights_of(spec, packed, tmp_path, datasets)
    tables = [table_of(x[0], "mine"), table_of(x[1], "more", 2)]
    pq.write_table(pa.concat_tables(tables), tmp_path / "t.parquet")
    rows = weights_of(spec, packed, tmp_path, datasets)
    event = (np.asarray(rows["more"]["event"]) - np.uint64(BIG)).astype(int)
    expected = np.exp(SHIFT * x[1].astype(float) - SHIFT**2 / 2)[event]
    np.testing.assert_allclose(np.asarray(rows["more"]["weight"]), expected, rtol=1e-6)


def test_another_file_in_its_place_is_noticed(tmp_path: Path) -> None:
    """Where its checksum is given: by the dry run and by the job. A missing one stops the job."""
    packed, x = write_events(tmp_path)
    file = tmp_path / "t.parquet"
    with pytest.raises(InputError, match=r"others: \S+t\.parquet is not there"):
        weights_of(spec_of(file), packed, tmp_path)
    pq.write_table(table_of(x[0]), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    weights_of(spec_of(file, sha256=digest), packed, tmp_path)
    other = spec_of(file, sha256="0" * 64)
    assert list(Options(**other.architecture).misfits(other)) == [
        f"sha256: {file} is {digest}; write that, where it is the one you mean"
    ]
    with pytest.raises(InputError, match="and not 0000"):
        weights_of(other, packed, tmp_path)


def test_mistakes_of_the_configuration(tmp_path: Path) -> None:
    """What a dry run says; a table that a rule is still to make is an input of score, which asks for it."""
    _, x = write_events(tmp_path)
    file = tmp_path / "t.parquet"
    spec = spec_of(file)
    assert list(Options(**spec.architecture).misfits(spec)) == []
    assert plugs.reads(spec) == (str(file),)
    assert plugs.reads(spec.model_copy(update={"backend": "histogram", "architecture": {}})) == ()
    pq.write_table(table_of(x[0]), file)
    assert list(Options(**spec.architecture).misfits(spec)) == []

    def found(changes: dict[str, Any], **architecture: Any) -> str:
        return "\n".join(Options(**spec.architecture | architecture).misfits(spec.model_copy(update=changes)))

    assert found({}, file="").startswith("file: names the parquet file with the weights")
    assert (
        found({"object": "ak4"}) == "file: has a weight an event, not a row of `ak4`; write `object: event`"
    )
    assert "leave `parameters` out" in found({"parameters": ("scale",)})
    assert "column: `event` says which event it is" in found({}, column="event")
    assert "column: " in (text := found({}, column="ratio"))
    assert "has no column `ratio`; it has run, luminosity_block, event, weight, extra" in text
    file.write_bytes(b"no table")
    assert found({}).startswith(f"file: {file}: not readable as parquet")


def _write_script(folder: Path, behind: str) -> Path:
    """The first script of docs/reweighting.md behind some words."""
    page = (ROOT / "docs/reweighting.md").read_text().partition(behind)[2]
    path = folder / "script.py"
    path.write_text(page.partition("```python\n")[2].partition("```")[0])
    return path


def _write_results(tmp_path: Path, n: int) -> dict[str, Array]:
    """Features and right weights of a source and a target, n events each; what z_pt is, by event."""
    rng = np.random.default_rng(2)
    true, names = {}, ["z_pt", "n_jets", "ht", "jet1_pt", "jet2_pt", "jet3_pt", "m_jj"]
    for name, moved in (("zjets_power", 0.0), ("zjets_dipole", SHIFT)):
        x = rng.normal(moved, size=n)
        order = rng.permutation(n)  # partitions have events in any order
        for part in range(2):
            here = order[part::2]
            key = {"run": np.ones(len(here), "u4"), "luminosity_block": (here // 100).astype("u4")}
            folder = tmp_path / f"results/features/{name}/{part:03}"
            folder.mkdir(parents=True)
            pq.write_table(pa.table(key | {"event": here.astype("u8")}), folder / "rows.parquet")
            features = {feature: x[here] if feature == "z_pt" else np.zeros(len(here)) for feature in names}
            pq.write_table(pa.table(features), folder / "event.parquet")
        event = np.arange(n)
        columns = {"run": np.ones(n, "u4"), "luminosity_block": (event // 100).astype("u4")}
        columns |= {"event": event.astype("u8"), "fold": event % 5, "weight_generator": np.full(n, 2.0)}
        columns |= {"weight": np.exp(SHIFT * x - SHIFT**2 / 2) if moved == 0 else np.ones(n)}
        columns |= {"split": np.full(n, 3, "i1"), "ratio": np.ones(n)}
        (tmp_path / "results/weights/pythia_shower").mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), tmp_path / f"results/weights/pythia_shower/{name}.parquet")
        true[name] = x
    return true


def test_the_script_of_the_area_joins_by_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Right weights leave one half, shuffled ones too; files of other events, or with one twice, stop it."""
    script = str(_write_script(tmp_path, "The area can be had from the published files alone"))
    monkeypatch.chdir(tmp_path)
    _write_results(tmp_path, 20_000)
    path = tmp_path / "results/weights/pythia_shower/zjets_power.parquet"
    table = pq.read_table(path)
    areas = []
    for order in (np.arange(len(table)), np.random.default_rng(1).permutation(len(table))):
        pq.write_table(table.take(pa.array(order)), path)
        runpy.run_path(script)
        areas.append(float(capsys.readouterr().out.split()[-1]))
    assert areas == pytest.approx([0.5, 0.5], abs=0.02)
    for wrong, message in (
        (table[1:], "other events have weights"),
        (table.take(pa.array([0, *range(len(table))])), "unique"),
    ):
        pq.write_table(wrong, path)
        with pytest.raises((AssertionError, ValueError), match=message):
            runpy.run_path(script)


def test_the_script_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for hep_ml gives ratios off by a factor; no event has its weight of a model that saw it."""
    script = _write_script(tmp_path, "## Weights of others")
    monkeypatch.chdir(tmp_path)
    n, learned = 3000, []
    true = _write_results(tmp_path, n)

    class StandIn:
        def __init__(self, **options: Any) -> None:
            assert set(options) <= {"n_estimators", "max_depth", "learning_rate", "min_samples_leaf"}

        def fit(self, original: Array, target: Array, original_weight: Array, target_weight: Array) -> Any:
            assert len(original) == len(original_weight) < n
            assert len(target) == len(target_weight) < n
            learned.append(set(original[:, 0]) | set(target[:, 0]))
            return self

        def predict_weights(self, original: Array) -> Array:
            seen = {*original[:, 0]}
            assert seen <= learned[-1] or not seen & learned[-1]
            return 3 * np.exp(SHIFT * original[:, 0] - SHIFT**2 / 2)

    module = ModuleType("hep_ml.reweight")
    monkeypatch.setattr(module, "GBReweighter", StandIn, raising=False)
    monkeypatch.setitem(sys.modules, "hep_ml", ModuleType("hep_ml"))
    monkeypatch.setitem(sys.modules, "hep_ml.reweight", module)
    runpy.run_path(str(script))
    assert len(learned) == 5
    spec = spec_of(Path("hep_ml.parquet"))
    assert list(Options(**spec.architecture).misfits(spec)) == []
    found = pq.read_table(tmp_path / "hep_ml.parquet")
    assert len(found) == 2 * n
    for name, x in true.items():
        own = found.filter(pa.compute.equal(found["dataset"], name))
        expected = np.exp(SHIFT * x - SHIFT**2 / 2)[own["event"].to_numpy()]
        np.testing.assert_allclose(own["weight"].to_numpy() / expected, 1, atol=0.1)
