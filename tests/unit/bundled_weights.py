"""Small reweighters for tests, from training to bundle: two densities whose ratio is known."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io
from jetsmith.assembling import assemble
from jetsmith.bundle import Reweighter
from jetsmith.bundling_reweighters import bundle_reweighter
from jetsmith.chosen import Without
from jetsmith.handed.closure import Area, Closure, Gate, Status
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.reweighting.weights import write_weights
from jetsmith.scoring import score
from jetsmith.specs.classifiers import RecipeSpec, TrainingSpec, TruthSpec
from jetsmith.specs.features import Inputs, RawSpec
from jetsmith.specs.ratios import RatioSpec
from jetsmith.training import train
from tests.densities import Densities
from tests.unit.packed_jets import write_packed

Array = np.ndarray[Any, Any]
TOY = Densities(2)
DATASETS = [("old", "power"), ("new", "dipole")]
FEATURES = {
    "event": {
        "x0": RawSpec(source="x0", default=None),
        "x1": RawSpec(source="x1", default=-9.0),
        "tail": RawSpec(source="tail", transform="log1p", unit="GeV", default=None),
    }
}
INPUTS = Inputs(
    group="event", kind="flat", length=0, features=("tail", "x0", "x1"), sources=("tail", "x0", "x1")
)
RATIO = RatioSpec(conserve_in={"tail": (0, 0.5, 1.0, 3.0)}, valid={"x0": (-2.0, 2.5)}, calibration_bins=6)


@dataclass(frozen=True)
class Made:
    """A trained reweighter and its weights, in a folder of their own."""

    spec: RecipeSpec
    ratio: RatioSpec
    folder: Path

    def bundle(self, name: str = "bundle", closure: Path | None = None) -> Reweighter:
        """Stage bundle_reweighter."""
        bundle_reweighter(
            self.spec, self.ratio.valid, FEATURES, {}, self.folder / "model", self.folder / "packed",
            self.folder / "old.json", self.folder / name, threads=1, closure=closure,
        )  # fmt: skip
        return Reweighter(self.folder / name)


def recipe(folds: int = 0, **changes: Any) -> RecipeSpec:
    """Trees of 25 rounds."""
    given = {
        "backend": "xgboost",
        "architecture": {"max_depth": 2, "subsample": 0.8},
        "training": TrainingSpec(epochs=25, patience=25, learning_rate=0.3, balance="class"),
    } | changes
    classes = (TruthSpec(name="old", generator="power"), TruthSpec(name="new", generator="dipole"))
    return RecipeSpec(
        name="toy", role="reweighter", sample="events", folds=folds, object="event", classes=classes,
        inputs=(INPUTS,), **given,
    )  # fmt: skip


def write_events(folder: Path, n: int, folds: int = 3, negative: float = 0.0) -> Path:
    """A packed sample: n events a generator over all splits, some with a weight below 0."""
    rng = np.random.default_rng(11)
    x = np.concatenate([TOY.draw(k, n, rng)[0] for k in (0, 1)])
    dataset, order = np.repeat([0, 1], n), rng.permutation(2 * n)
    packed = np.column_stack([np.log1p(x[:, 2]), x[:, :2]]).astype(np.float32)[order]
    split = rng.choice(4, 2 * n, p=[0.4, 0.15, 0.2, 0.25])
    columns: dict[str, Array] = {
        "run": np.ones(2 * n, "u4"), "luminosity_block": np.ones(2 * n, "u4"),
        "event": np.arange(2 * n).astype("u8"), "jet_index": np.zeros(2 * n, "i2"),
        "dataset": dataset[order].astype("i4"), "fold": rng.integers(0, folds, 2 * n).astype("i1"),
    }  # fmt: skip
    weight = np.where(rng.random(2 * n) < negative, -1.0, 1.0)
    for k, name in enumerate(SPLITS):
        at = split == k
        part = arrays.Packed(
            groups={"event": arrays.FlatGroup(packed[at], INPUTS.features)},
            label=np.zeros(at.sum(), "i4"),
            weight=weight[at],
            columns={field: values[at] for field, values in columns.items()},
            datasets=tuple(name for name, _ in DATASETS),
            generators=tuple(generator for _, generator in DATASETS),
        )
        write_packed(folder / name, part)
    return folder


def make(
    folder: Path, spec: RecipeSpec, ratio: RatioSpec = RATIO, members: int = 0, negative: float = 0.0
) -> Made:
    """Train, score and weigh."""
    packed = write_events(folder / "packed", 1500, max(1, spec.folds), negative)
    models = [folder / f"members/{k}" for k in range(members)] or [folder / "model"]
    kind = spec.members if members else ""
    for k, model in enumerate(models):
        without = Without(k % 2, 2, k // 2) if kind == "halves" else None
        train(spec, packed, model, seed=k, without=without, replica=k if kind == "bootstrap" else None)
    if members:
        assemble(spec.name, models, folder / "model")
    score(spec, folder / "model", packed, folder / "scores.parquet")
    for name, _ in DATASETS:
        write_weights(
            spec, folder / "scores.parquet", DATASETS, name, folder / f"{name}.parquet",
            folder / f"{name}.json", ratio, members, packed,
        )  # fmt: skip
    return Made(spec, ratio, folder)


def write_closure(path: Path, status: Status) -> Path:
    """What closure might have found."""
    area = Area(0.5, 0.49, 0.51)
    gate = Gate("sum", status, {}, {}, "the sum of the source is 1.2 of what it was")
    found = Closure("toy", "events", ("old", "new"), 1, status, (gate,), area, area, area, 10, 10, (), ())
    io.write_record(path, found)
    return path


def raw_events(packed: Path, split: str) -> tuple[dict[str, dict[str, Array]], Array, Array]:
    """Events of a split as callers give them, their numbers, and whether they are of the target."""
    part = arrays.read_packed(packed / split, ["event"])
    values = np.asarray(part.groups["event"].values)
    given = {"tail": np.expm1(values[:, 0].astype(np.float64)), "x0": values[:, 1], "x1": values[:, 2]}
    target = np.asarray(part.columns["dataset"]) == 1
    return {"event": given}, np.asarray(part.columns["event"]), target


def numbers(made: Made) -> dict[str, Any]:
    """What stage weights has written beside the table."""
    found: dict[str, Any] = json.loads((made.folder / "old.json").read_text())
    return found
