"""A made-up tagger that learns a mass: a peak over a flat background, and ways to leave the mass alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.classifiers import Labelled, Task
from jetsmith.classifiers import _keras as backend
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import ClassSpec, LossSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from tests.unit.packed_jets import make_spec, pack_jets, with_flat

Array = np.ndarray[Any, Any]
NAMES = ("hbb", "qcd")
FEATURES = ("shape", "blurred")
N_JETS = {"train": 6000, "validation": 3000, "test": 5000}
_OPTIONS = {"column": "mass", "rows": ["qcd"]}
DISCO = {**_OPTIONS, "signal": ["hbb"], "background": {"qcd": 1.0}}
ADVERSARY = {**_OPTIONS, "edges": list(range(40, 201, 16)), "dense": [32, 32]}
WAYS: dict[str, dict[str, LossSpec]] = {
    "plain": {},
    "disco": {"mass": LossSpec(loss="disco", weight=5, options=DISCO)},
    "adversary": {"mass": LossSpec(loss="adversary", weight=3, options=ADVERSARY)},
}
"""Losses beside that of the classes."""


def jets(n: int, seed: int) -> tuple[Array, Array, Array]:
    """Inputs (n, 2), one without the mass and one that is it, blurred; classes, 0 the signal; masses."""
    rng = np.random.default_rng(seed)
    target = (rng.random(n) < 0.5).astype(np.int32)
    mass = np.where(target == 0, rng.normal(120, 12, n), rng.uniform(40, 200, n))
    shape = rng.normal(0, 1, n) + 1.5 * (target == 0)
    blurred = np.abs(mass - 120) / 40 + rng.normal(0, 0.2, n)
    return np.stack([shape, blurred], axis=1).astype(np.float32), target, mass.astype(np.float32)


def trained(losses: Mapping[str, LossSpec], folder: Path, seed: int = 1) -> tuple[Array, Array, Array]:
    """Score, class and mass of jets that a network with these losses beside the classes' has not seen.

    Args:
        losses: As in `WAYS`.
        folder: Of the model; made.
        seed: Of jets and of the training.
    """
    import keras

    inputs = Inputs(group="ak4", kind="flat", length=0, features=FEATURES, sources=("x",))
    spec = make_spec(
        "keras", inputs=(inputs,), losses={"classes": LossSpec(), **losses}, model="dense",
        classes=[ClassSpec(name=n, truth=(k,), label=n, color="#000000") for k, n in enumerate(NAMES)],
        architecture={"dense": [24, 24], "dropout": 0.0},
        training=TrainingSpec(epochs=12, patience=12, batch_size=500, learning_rate=1e-2),
    )  # fmt: skip
    data = []
    for place, n in enumerate(N_JETS.values()):
        x, target, mass = jets(n, 3 * (seed - 1) + place + 1)
        packed = with_flat(pack_jets(n, place + 1), x, FEATURES)
        side = {"mass": mass} if losses else {}
        data.append(Labelled(Rows.select(spec.inputs, [packed]), target, np.ones(n, np.float32), side))
    folder.mkdir()
    backend.fit(Task(spec, data[0], data[1], folder, seed=seed, threads=1))
    network = keras.models.load_model(folder / "model.keras", compile=False)
    score = np.asarray(network(data[2].rows.batch(slice(0, N_JETS["test"])))["classes"])[:, 0]
    return score, target, mass
