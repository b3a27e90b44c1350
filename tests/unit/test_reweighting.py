"""Protects the reweighting: weights are the density ratio, and the closure test tells right from wrong.

The toy: events of two Gaussian features whose means differ, and a third that does not, so that the
ratio of the densities is known. A fifth of the generator weights is negative.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.closure import Closure
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.reweighting.closure import closure
from jetsmith.reweighting.events import held_out
from jetsmith.reweighting.weights import write_weights
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, ComparedSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.run import GatesSpec
from jetsmith.strict import seen_as
from tests.unit.packed_jets import write_packed

Array = np.ndarray[Any, Any]
SHIFT = np.array([0.5, -0.3, 0.0])
DATASETS = [("old", "power"), ("other", "unused"), ("new", "dipole")]
SETTINGS = GatesSpec(bootstraps=50, tolerance=0.05)
N = 6000  # of each generator

SPEC = ClassifierSpec(
    name="shower",
    role="reweighter",
    sample="events",
    backend="xgboost",
    title="Shower",
    object="event",
    classes=(
        ClassSpec(name="power_shower", generator="power", label="power", color="#1f77b4"),
        ClassSpec(name="dipole_shower", generator="dipole", label="dipole", color="#d62728"),
    ),
    inputs=(Inputs(group="event", kind="flat", length=0, features=("x", "y", "z"), sources=("x", "y", "z")),),
    training=TrainingSpec(balance="class"),
)


def toy(rng: np.random.Generator, target: bool, n: int = N) -> tuple[Array, Array]:
    """Features and generator weights."""
    return rng.normal(SHIFT * target, 1, (n, 3)), np.where(rng.random(n) < 0.1, -1.0, 1.0)


def log_ratio(features: Array) -> Array:
    """log(f_target/f_source), analytic."""
    return np.asarray(features @ SHIFT - SHIFT @ SHIFT / 2)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packed features and scores of a classifier that is off: logit = 0.8 truth + 0.4."""
    folder = tmp_path_factory.mktemp("reweighting")
    rng = np.random.default_rng(1)
    features, weight, dataset = [], [], []
    for k, (_, generator) in enumerate(DATASETS):
        x, w = toy(rng, generator == "dipole", 200 if generator == "unused" else N)
        features.append(x)
        weight.append(w)
        dataset.append(np.full(len(x), k))
    x, w, d = np.concatenate(features), np.concatenate(weight), np.concatenate(dataset)
    n = len(x)
    shuffled = rng.permutation(n)
    x, w, d = x[shuffled], w[shuffled], d[shuffled]
    key = {"run": np.ones(n, "u4"), "luminosity_block": (np.arange(n) // 100).astype("u4")}
    key |= {"event": np.arange(n).astype("u8"), "jet_index": np.zeros(n, "i2")}
    split = rng.choice(4, n, p=[0.1, 0.1, 0.3, 0.5]).astype("i1")
    logit = 0.8 * log_ratio(x) + 0.4
    columns = {**key, "dataset": d.astype("i4"), "fold": np.zeros(n, "i1")}
    for k, name in enumerate(SPLITS):
        at = split == k
        packed = arrays.Packed(
            groups={"event": arrays.FlatGroup(x[at][:, [2, 0, 1]].astype("f4"), ("z", "x", "y"))},
            label=np.zeros(at.sum(), "i4"),
            weight=w[at],
            columns={field: values[at] for field, values in columns.items()},
            datasets=tuple(name for name, _ in DATASETS),
            generators=tuple(generator for _, generator in DATASETS),
        )
        write_packed(folder / "packed" / name, packed)
    p = 1 / (1 + np.exp(-logit))
    scores = {**key, "dataset": d, "split": split, "weight": w, "label": np.zeros(n, "i4")}
    scores["scored"] = np.ones(n, bool)
    scores |= {"p_power_shower": (1 - p).astype("f4"), "p_dipole_shower": p.astype("f4")}
    io.write_rows(folder / "scores.parquet", ak.zip(scores, depth_limit=1))
    for name in ("old", "new"):
        outputs = folder / f"{name}.parquet", folder / f"{name}.json"
        write_weights(SPEC, folder / "scores.parquet", DATASETS, name, *outputs)
    np.savez(folder / "truth.npz", event=key["event"], log_ratio=log_ratio(x))
    return folder


def run_closure(files: Path, output: Path, spec: ClassifierSpec = SPEC, **replaced: Path) -> Closure:
    """Run the stage, with the weights of some datasets replaced."""
    weights = {"old": files / "old.parquet", "new": files / "new.parquet", **replaced}
    closure(compared(spec), files / "packed", weights, SETTINGS, 7, output)
    return io.read_record(Closure, output, reweighter=spec.name)


def compared(spec: ClassifierSpec) -> ComparedSpec:
    """What closure gets of a reweighter."""
    return ComparedSpec(**seen_as(ComparedSpec, spec))


def gates_of(found: Closure) -> dict[str, str]:
    """Status by gate."""
    return {gate.name: gate.status for gate in found.gates}


def test_weights_are_the_known_ratio(files: Path) -> None:
    """The calibration undoes slope and offset of the scores; target events weigh 1."""
    rows = io.read_rows(files / "old.parquet")
    event, weight = ak.to_numpy(rows["event"]), ak.to_numpy(rows["weight"])
    truth = np.load(files / "truth.npz")
    difference = np.log(weight) - truth["log_ratio"][event]
    assert np.abs(difference).mean() < 0.06
    assert (ak.to_numpy(io.read_rows(files / "new.parquet")["weight"]) == 1).all()
    assert ak.fields(rows) == [
        "run", "luminosity_block", "event", "split", "weight_generator",
        "ratio", "weight", "weight_up", "weight_down", "outside",
    ]  # fmt: skip
    generator = ak.to_numpy(rows["weight_generator"])
    assert generator @ weight == pytest.approx(generator.sum(), rel=1e-12)
    assert (np.diff(event) > 0).all()
    about = json.loads((files / "old.json").read_text())
    assert about["calibrations"][0]["slope"] == pytest.approx(1.25, abs=0.2)
    assert about["splits"]["calibration"]["normalisation"] == pytest.approx(1, abs=0.1)
    assert about["splits"]["test"]["n_outside"] == 0
    assert 0.3 < about["splits"]["test"]["n_effective_fraction"] < 1


def test_same_input_same_bytes(files: Path, tmp_path: Path) -> None:
    """Weights and closure do not depend on anything but their arguments."""
    write_weights(SPEC, files / "scores.parquet", DATASETS, "old", tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (files / "old.parquet").read_bytes()
    first, second = (run_closure(files, tmp_path / f"{k}.json") for k in range(2))
    assert first == second


def test_closure_passes_with_right_weights(files: Path, tmp_path: Path) -> None:
    """A fresh classifier sees the difference before and not after; features agree after."""
    found = run_closure(files, tmp_path / "closure.json")
    assert found.auc_before.value > 0.6
    assert found.auc_after is not None
    assert found.auc_after.value == pytest.approx(0.5, abs=0.05)
    assert set(gates_of(found).values()) == {"passed"}, found.gates
    assert found.status == "passed"
    assert [h["feature"] for h in found.histograms] == ["x", "y", "z"]
    assert (found.reweighter, found.sample, found.classes) == ("shower", "events", SPEC.class_names)
    values = {gate.name: gate.values for gate in found.gates}
    assert values["spectra"]["worst_chi2_before"] > 5
    assert values["spectra"]["worst_chi2_after"] < 2.5
    assert values["sum"]["all"] == pytest.approx(1, abs=1e-9)


def test_closure_fails_with_wrong_weights(files: Path, tmp_path: Path) -> None:
    """Control: inverted weights, and no weights at all, fail; ten times too much breaks the sum alone."""
    rows = io.read_rows(files / "old.parquet")
    wrong = {"inverted": 1 / rows["weight"], "none": ak.ones_like(rows["weight"]), "ten": 10 * rows["weight"]}
    for name, weight in wrong.items():
        io.write_rows(
            tmp_path / f"{name}.parquet",
            ak.with_field(rows, weight, "weight"),
            reweighter="shower",
            dataset="old",
        )
        found = run_closure(files, tmp_path / f"{name}.json", old=tmp_path / f"{name}.parquet")
        assert found.status == "failed"
        failed = {gate for gate, status in gates_of(found).items() if status == "failed"}
        assert failed == {"sum"} if name == "ten" else "separation" in failed


@pytest.mark.parametrize("name", ["weight", "weight_at_mu_2"])
def test_a_sum_that_is_wrong_in_bins_alone_fails(files: Path, tmp_path: Path, name: str) -> None:
    """Half as much in one bin, more in another, the same sum over both: bins tell, their sum does not."""
    edges = {"y": (-10.0, 0.0, 10.0)}
    rows = io.read_rows(files / "old.parquet")
    y, event = (
        np.concatenate([read(arrays.read_packed(files / "packed" / split, ["event"])) for split in SPLITS])
        for read in (lambda part: part.groups["event"].values[:, 2], lambda part: part.columns["event"])
    )
    own = y[np.argsort(event)][np.searchsorted(np.sort(event), ak.to_numpy(rows["event"]))]
    generator, weight = (ak.to_numpy(rows[of]) for of in ("weight_generator", "weight"))
    for side in (own < 0, own >= 0):
        weight = np.where(side, weight * (generator[side].sum() / (generator * weight)[side].sum()), weight)
    for of in ("weight", "weight_at_mu_2"):
        rows = ak.with_field(rows, weight, of)
    for of in ("weight_up", "weight_at_mu_2_up"):  # they keep no sum
        rows = ak.with_field(rows, 1.2 * weight, of)
    right = tmp_path / "right.parquet"
    io.write_rows(right, rows, reweighter="shower", dataset="old")
    sums = [(generator * weight)[side].sum() for side in (own < 0, own >= 0)]
    moved = np.where(own < 0, 0.5, 1 + 0.5 * sums[0] / sums[1]) * weight
    assert generator @ moved == pytest.approx(generator @ weight)
    wrong = tmp_path / "wrong.parquet"
    io.write_rows(wrong, ak.with_field(rows, moved, name), reweighter="shower", dataset="old")
    for old, bins, status in (
        (right, edges, "passed"), (wrong, edges, "failed"), (wrong, {}, "passed"),
        (files / "old.parquet", edges, "failed"),
    ):  # fmt: skip
        weights = {"old": old, "new": files / "new.parquet"}
        closure(compared(SPEC), files / "packed", weights, SETTINGS, 7, tmp_path / "c.json", conserve_in=bins)
        gates = io.read_record(Closure, tmp_path / "c.json", reweighter="shower").gates
        gate = next(one for one in gates if one.name == "sum")
        if (old, bins) != (wrong, {}):
            assert gate.status == status, gate.why
        else:
            assert gate.values["all"] == pytest.approx(1, abs=1e-9)
        if old == wrong and bins:
            assert f"`{name}`" in gate.why
            assert "in one of the bins of y" in gate.why


def test_spectators_are_compared_and_not_seen_by_the_trees(files: Path, tmp_path: Path) -> None:
    """A spectator has its spectrum; the areas are those of the inputs alone."""
    flat = SPEC.inputs[0]
    inputs, seen = (flat.model_copy(update={"features": names}) for names in (("x", "y"), ("z",)))
    without = run_closure(files, tmp_path / "a.json", SPEC.model_copy(update={"inputs": (inputs,)}))
    with_z = run_closure(
        files, tmp_path / "b.json", SPEC.model_copy(update={"inputs": (inputs,), "spectators": (seen,)})
    )
    assert [h["feature"] for h in with_z.histograms] == ["x", "y", "z"]
    assert with_z.histograms[:2] == without.histograms
    assert with_z.auc_after == without.auc_after
    every = run_closure(files, tmp_path / "c.json")
    assert every.histograms == with_z.histograms


def test_closure_refuses_what_is_not_finite(files: Path, tmp_path: Path) -> None:
    """A NaN weight is an error, never a silent pass."""
    rows = io.read_rows(files / "old.parquet")
    weight = ak.to_numpy(rows["weight"]).copy()
    weight[ak.to_numpy(rows["split"]) == 3] = np.nan
    io.write_rows(tmp_path / "nan.parquet", ak.with_field(rows, weight, "weight"))
    with pytest.raises(InputError, match="not finite"):
        run_closure(files, tmp_path / "nan.json", old=tmp_path / "nan.parquet")


def test_closure_needs_each_event_once(files: Path, tmp_path: Path) -> None:
    """Repeated keys, unknown events and missing datasets are named."""
    rows = io.read_rows(files / "old.parquet")
    io.write_rows(tmp_path / "twice.parquet", ak.concatenate([rows, rows]))
    with pytest.raises(InputError, match="repeat"):
        run_closure(files, tmp_path / "x.json", old=tmp_path / "twice.parquet")
    io.write_rows(tmp_path / "moved.parquet", ak.with_field(rows, rows["event"] + 10**9, "event"))
    with pytest.raises(InputError, match="not packed"):
        run_closure(files, tmp_path / "x.json", old=tmp_path / "moved.parquet")
    with pytest.raises(InputError, match="no weights of dataset `old`"):
        closure(compared(SPEC), files / "packed", {}, SETTINGS, 7, tmp_path / "x.json")


def test_features_that_are_not_packed_are_named(files: Path, tmp_path: Path) -> None:
    """A file of the sample may lack what the reweighter reads."""
    inputs = SPEC.inputs[0].model_copy(update={"features": ("x", "gone")})
    with pytest.raises(InputError, match="inputs: event: not packed: gone"):
        run_closure(files, tmp_path / "x.json", SPEC.model_copy(update={"inputs": (inputs,)}))


def test_held_out_events_by_value(tmp_path: Path) -> None:
    """Two jets an event and two groups of features: each weight meets the features of its own jet."""
    n = 12
    key = {"run": np.ones(n, "u4"), "luminosity_block": np.ones(n, "u4")}
    key |= {"event": (np.arange(n) // 2).astype("u8"), "jet_index": (np.arange(n) % 2).astype("i2")}
    dataset = (np.arange(n) // 2 % 3).astype("i4")
    packed = arrays.Packed(
        groups={
            "event": arrays.FlatGroup(
                np.stack([np.arange(n), 10.0 * np.arange(n)], axis=1).astype("f4"), ("z", "x")
            ),
            "other": arrays.FlatGroup(100.0 * np.arange(n, dtype="f4")[:, np.newaxis], ("y",)),
        },
        label=np.zeros(n, "i4"),
        weight=np.ones(n),
        columns={**key, "dataset": dataset, "fold": np.zeros(n, "i1")},
        datasets=tuple(name for name, _ in DATASETS),
        generators=tuple(generator for _, generator in DATASETS),
    )
    for k, name in enumerate(("train", "test")):
        at = np.arange(n) % 4 // 2 == k
        columns = {field: values[at] for field, values in packed.columns.items()}
        groups = {g: arrays.FlatGroup(found.values[at], found.names) for g, found in packed.groups.items()}
        part = dataclasses.replace(
            packed, groups=groups, label=packed.label[at], weight=packed.weight[at], columns=columns
        )
        write_packed(tmp_path / name, part)
    shuffled = np.array([11, 0, 5, 3, 4, 1, 2, 10, 9, 6, 7, 8])
    weights = {}
    for k, (name, _) in enumerate(DATASETS):
        rows = shuffled[dataset[shuffled] == k]
        table = {field: values[rows] for field, values in key.items()}
        table |= {"split": np.where(rows == 6, 0, 3).astype("i1")}
        table |= {"weight_generator": rows + 0.5, "weight": rows + 0.25}
        table |= {"ratio": rows + 0.75, "outside": rows == 9}
        table |= {f"weight_member{m}": (rows + 0.5 * m).astype("f4") for m in range(2)}
        path = weights[name] = tmp_path / f"{name}.parquet"
        io.write_rows(path, ak.zip(table, depth_limit=1), reweighter=SPEC.name, dataset=name)
    read = {"event": ("x", "z"), "other": ("y",)}
    inputs = [SPEC.inputs[0].model_copy(update={"group": g, "features": f}) for g, f in read.items()]
    spec = SPEC.model_copy(update={"object": "ak4", "inputs": tuple(inputs)})
    seen = inputs[0].model_copy(update={"features": ("z",)})
    spec = compared(spec).model_copy(update={"spectators": (seen,)})
    found = held_out(spec, [tmp_path / "train", tmp_path / "test"], DATASETS, weights)
    rows = [row for k in (0, 2) for row in shuffled if dataset[row] == k and row != 6]
    assert found.names == ("x", "z", "y", "z")
    assert found.features.tolist() == [[10.0 * row, row, 100.0 * row, row] for row in rows]
    assert found.ratio.tolist() == [row + 0.75 for row in rows]
    assert found.outside.tolist() == [row == 9 for row in rows]
    source = np.array([row for row in range(n) if dataset[row] == 0])  # all splits
    assert found.conserved == {
        "weight": pytest.approx((source + 0.5) @ (source + 0.25) / (source + 0.5).sum())
    }
    splits, edges = [tmp_path / "train", tmp_path / "test"], {"z": [0.0, 5.0, 100.0]}
    binned = held_out(spec, splits, DATASETS, weights, conserve_in=edges)
    each = [(of + 0.5) @ (of + 0.25) / (of + 0.5).sum() for of in (source[source < 5], source[source >= 5])]
    assert binned.conserved == {"weight": pytest.approx(max(each, key=lambda one: abs(one - 1)))}
    assert binned.conserved_in == "z"
    assert held_out(spec, [tmp_path / "train", tmp_path / "test"], DATASETS, weights, False).conserved is None
    assert found.weight.tolist() == [row + 0.25 for row in rows]
    assert found.each.tolist() == [[row, row + 0.5] for row in rows]
    assert found[np.array([1])].each.tolist() == [[rows[1], rows[1] + 0.5]]
    assert found.generator.tolist() == [row + 0.5 for row in rows]
    assert found.target_mask.tolist() == [dataset[row] == 2 for row in rows]
    less = io.read_rows(weights[DATASETS[0][0]])
    kept = [name for name in less.fields if name != "weight_member1"]
    io.write_rows(weights[DATASETS[0][0]], less[kept], reweighter=SPEC.name, dataset=DATASETS[0][0])
    with pytest.raises(InputError, match="ensembles of different sizes; run weights again"):
        held_out(spec, [tmp_path / "train", tmp_path / "test"], DATASETS, weights)
