"""What benchmark `bdt` runs in processes of their own.

    python -m tests.benchmarks._bdt_ways make FOLDER      features and classes, as files of numpy
    python -m tests.benchmarks._bdt_ways ours FOLDER      `jetsmith.classifiers._xgboost.fit` on them
    python -m tests.benchmarks._bdt_ways xgboost FOLDER   XGBoost as its documentation has it

Both read the same files, train the same trees on one thread, judge each round on the same rows, and write
the model.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks._harness import timed

ROWS = {"train": 500_000, "validation": 100_000}
FEATURES, CLASSES, ROUNDS, THREADS = 66, 2, 60, 1
PARAMETERS = {"max_depth": 4, "learning_rate": 0.1, "max_bin": 256, "seed": 1}


def make(folder: Path) -> None:
    """Random jets, whose features tell something of their classes."""
    rng = np.random.default_rng(1)
    for split, n in ROWS.items():
        label = rng.integers(0, CLASSES, n).astype(np.int32)
        values = rng.standard_normal((n, FEATURES), dtype=np.float32)
        values[:, :20] += 0.1 * label[:, None]
        np.save(folder / f"{split}.npy", values)
        np.save(folder / f"{split}_label.npy", label)


def ours(folder: Path) -> dict[str, Any]:
    """As stage train does, from memory-mapped files."""
    from jetsmith.classifiers import Labelled, Task, _xgboost
    from jetsmith.packed.arrays import FlatGroup, Packed
    from jetsmith.packed.rows import Rows
    from jetsmith.specs.classifiers import RecipeSpec, TrainingSpec, TruthSpec
    from jetsmith.specs.features import Inputs

    names = tuple(f"x{i}" for i in range(FEATURES))
    spec = RecipeSpec(
        name="bdt", role="tagger", sample="jets", object="ak4", backend="xgboost",
        classes=[TruthSpec(name=f"c{i}", truth=(i,)) for i in range(CLASSES)],
        inputs=[Inputs(group="ak4", kind="flat", length=0, features=names, sources=("x",))],
        architecture={"max_depth": PARAMETERS["max_depth"], "max_bin": PARAMETERS["max_bin"]},
        training=TrainingSpec(epochs=ROUNDS, patience=ROUNDS, learning_rate=PARAMETERS["learning_rate"]),
    )  # fmt: skip

    def labelled(split: str) -> Labelled:
        values, label = (np.load(folder / f"{split}{what}.npy", mmap_mode="r") for what in ("", "_label"))
        packed = Packed({"ak4": FlatGroup(values, names)}, label, np.ones(len(label)), {}, ("d",), ("g",))
        return Labelled(Rows.select(spec.inputs, [packed]), label, np.ones(len(label), np.float32))

    def work() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as model:
            task = Task(spec, labelled("train"), labelled("validation"), Path(model), 1, THREADS)
            said.update(_xgboost.fit(task)[-1])

    said: dict[str, float] = {}
    return {**timed(work), "loss": said["validation_loss"]}


def xgboost(folder: Path) -> dict[str, Any]:
    """Arrays in memory, QuantileDMatrix, train, save_model."""
    import xgboost

    def matrix(split: str, **ref: Any) -> xgboost.QuantileDMatrix:
        values, label = (np.load(folder / f"{split}{what}.npy") for what in ("", "_label"))
        weight = np.ones(len(label), np.float32)
        return xgboost.QuantileDMatrix(
            values, label, weight=weight, max_bin=PARAMETERS["max_bin"], nthread=THREADS, **ref
        )

    def work() -> None:
        train = matrix("train")
        evals = [(train, "train"), (matrix("validation", ref=train), "validation")]
        more = {
            "objective": "binary:logistic",
            "nthread": THREADS,
            "tree_method": "hist",
        }
        booster = xgboost.train(
            PARAMETERS | more, train, ROUNDS, evals=evals, early_stopping_rounds=ROUNDS,
            evals_result=said, verbose_eval=False,
        )  # fmt: skip
        with tempfile.TemporaryDirectory(dir=folder) as model:
            booster.save_model(f"{model}/model.json")

    said: dict[str, Any] = {}
    return {**timed(work), "loss": said["validation"]["logloss"][-1]}


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    if what == "make":
        make(place)
    else:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        print(json.dumps({"rows": ROWS["train"] * ROUNDS, **(ours if what == "ours" else xgboost)(place)}))
