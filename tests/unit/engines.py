"""`python -m tests.unit.engines ENGINE FOLDER DEVICES`: outputs and gradients of all networks there.

Engines cannot share a process: Keras is one of them from its import on.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetsmith.classifiers import _keras
from jetsmith.packed import windows
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import ClassifierSpec, LossSpec
from tests.unit import packed_jets
from tests.unit.packed_jets import make_spec, pack_jets

GROUPS = ("ak4", "charged", "vertices")
N_JETS, BATCH = 90, 40
STEP = 1024.0  # of plain descent: weights then change by so many gradients, and their rounding is nothing
NUDGE, JUMP = 1e-5, 3e-4  # of weights: far above rounding; of gradients: a unit that turns on moves them more
SMALL: dict[str, dict[str, Any]] = {
    "dense": {"dense": [16, 8]},
    "deepjet": {
        "convolutions": {"charged": [8, 4], "vertices": [4]},
        "recurrent": {"charged": 6, "vertices": 3},
        "dense": [16, 8],
    },
    "deepsets": {"constituent": [8, 12], "jet": [16, 8]},
    "transformer": {
        "embedding": [8],
        "width": 8,
        "layers": 2,
        "heads": 2,
        "feed_forward": 12,
        "pooled": 8,
        "jet": [16, 8],
        "head": 6,
    },
    "pcnn": {"convolutions": {"charged": [6, 8, 8, 10], "vertices": [4, 6]}, "units": 2, "dense": [16]},
    "deep_double": {"convolutions": [8, 6], "recurrent": 6, "dense": [16]},
    "particlenet": {
        "coordinates": {"charged": ["ptrel", "sip"], "vertices": ["mass", "flight"]},
        "embedding": 6,
        "neighbours": 3,
        "convolutions": [[6, 6], [8, 8]],
        "dense": [16],
    },
    "jet_image_cnn": {
        "constituents": {
            "charged": ["ptrel", "ptrel", "sip", "sip"],
            "vertices": ["mass", "flight", "mass", "mass"],
        },
        "pixels": 9,
        "pixel": 0.5,
        "channels": ["charged_pt", "neutral_pt", "n_charged"],
        "convolutions": [[4, 3], [6, 2]],
        "dense": [16],
    },
    "particle_transformer": {
        "momenta": {"charged": ["ptrel", "sip", "ptrel"], "vertices": ["mass", "flight", "mass"]},
        "embedding": [12, 8],
        "pairs": [6],
        "layers": 2,
        "class_layers": 2,
        "heads": 2,
    },
}
FLAT: dict[str, dict[str, Any]] = {  # these read no constituents
    "by_category": {
        "category": "tracks",
        "values": {"few": 4, "some": 5, "others": 6},
        "without": {"few": ["mass"]},
        "dense": [12, 8],
    },
}
LOSSES = {
    "cross_entropy": {"classes": LossSpec()},
    "focal_and_regression": {
        "classes": LossSpec(loss="focal"),
        "heavy": LossSpec(
            loss="regression", weight=0.5, options={"column": "mass", "delta": 0.3, "quantiles": [0.25, 0.75]}
        ),
    },
    "tracks": {
        "classes": LossSpec(),
        "origin": LossSpec(loss="track_origin", weight=0.5, options={"column": "origin"}),
        "vertex": LossSpec(loss="vertexing", weight=1.5, options={"column": "vertex"}),
    },
}
MASS = {"column": "mass", "rows": ["b_jets", "light_jets"]}
LOSSES["decorrelated"] = {
    "classes": LossSpec(),
    "mass": LossSpec(
        loss="disco", weight=2, options={**MASS, "signal": ["c_jets"], "background": {"light_jets": 1.0}}
    ),
    "bin": LossSpec(loss="adversary", options={**MASS, "edges": [-1, 0, 1, 2], "dense": [8]}),
}
TRUTH = packed_jets.GROUPS["charged"].model_copy(update={"features": ("origin", "vertex")})
# A normalisation of two features leaves their order alone, and where they are nearly equal rounding.
MORE = {
    "particle_transformer": {"charged": ("unused",), "vertices": ("tracks",)},
    "by_category": {"ak4": ("tracks",)},
}
COMPARED = (
    ("dense", "cross_entropy"),
    ("dense", "decorrelated"),
    ("deepjet", "focal_and_regression"),
    ("deepsets", "cross_entropy"),
    ("transformer", "tracks"),
    ("pcnn", "cross_entropy"),
    ("deep_double", "cross_entropy"),
    ("particlenet", "cross_entropy"),
    ("particle_transformer", "cross_entropy"),
    ("jet_image_cnn", "cross_entropy"),
    ("by_category", "cross_entropy"),
)
ALONE = ("dense-cross_entropy", "deep_double-cross_entropy", "particle_transformer-cross_entropy")


def spec_of(model: str, losses: str) -> ClassifierSpec:
    """A small network of each kind, without dropout: its generators are an engine's own."""
    architecture = (SMALL | FLAT)[model] | {"dropout": 0.0}
    side = (TRUTH,) if losses == "tracks" else ()
    groups = GROUPS[:1] if model in FLAT else GROUPS
    spec = make_spec(
        "keras", groups, model=model, architecture=architecture, losses=LOSSES[losses], side=side
    )
    more: dict[str, tuple[str, ...]] = MORE.get(model, {})
    inputs = (
        given.model_copy(update={"features": (*given.features, *more.get(given.group, ()))})
        for given in spec.inputs
    )
    return spec.model_copy(update={"inputs": tuple(inputs)})


def moved(spec: ClassifierSpec) -> Any:
    """The network with its standardisation set and weights that are not at their start values."""
    from jetsmith.classifiers._scaler import fit_scalers

    model = _keras.build_model(spec, fit_scalers(Rows.select(spec.inputs, [pack_jets(200, 1)])))
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(variable + rng.normal(0, 0.1, variable.shape))
    for variable in model.non_trainable_variables:
        if "moving" in variable.path:
            low, high = (0.5, 2) if "variance" in variable.path else (-0.5, 0.5)  # units stay alive
            variable.assign(rng.uniform(low, high, variable.shape))
    return model


def data_of(spec: ClassifierSpec) -> tuple[Rows, dict[str, Any]]:
    """Jets, and their window with labels."""
    rows = Rows.select(spec.inputs, [pack_jets(N_JETS, 3)])
    rng = np.random.default_rng(1)
    side = {"mass": rng.normal(1, 1, N_JETS).astype(np.float32)}
    found = {
        "inputs": windows.read(rows, slice(0, N_JETS)),
        "target": rng.integers(0, 3, N_JETS).astype(np.int32),
        "weight": rng.uniform(0, 2, N_JETS).astype(np.float32),
        "side": side,
    }
    if spec.auxiliary:
        truth = Rows.select(spec.auxiliary, [pack_jets(N_JETS, 3)])
        found["constituents"] = windows.read(truth, slice(0, N_JETS))
    return rows, found


def files(folder: Path, devices: int) -> list[Path]:
    """Networks there. What shares batches between devices does not know their layers: a part is enough."""
    return sorted(p for p in folder.glob("*.keras") if devices == 1 or p.stem not in ALONE)


def descend(runs: Any, network: Any, data: Any, jets: NDArray[Any]) -> list[NDArray[Any]]:
    """The gradient of each weight on these jets, from a step of descent."""
    before = [np.array(v) for v in network.trainable_variables]
    runs.train(data, jets, BATCH)
    return [(a - np.array(b)) / STEP for a, b in zip(before, network.trainable_variables, strict=True)]


def settled(network: Any, gradients: Callable[[NDArray[Any]], list[NDArray[Any]]]) -> NDArray[Any]:
    """A batch of which no unit is so near to its kink that rounding decides whether it is on, (BATCH,).

    Which batches these are is a matter of the machine, too: where one unit of one track turns on, the
    gradient of 40 jets jumps by 2e-3.
    """
    start, rng = network.get_weights(), np.random.default_rng(1)

    def nudged(jets: NDArray[Any], size: float) -> NDArray[Any]:
        for variable in network.trainable_variables:
            variable.assign(variable * (1 + size * rng.normal(size=variable.shape)))
        found = np.concatenate([g.ravel() for g in gradients(jets)])
        network.set_weights(start)
        return found

    for first in range(0, N_JETS, BATCH // 4):
        jets = np.roll(np.arange(N_JETS), -first)[:BATCH]
        found = nudged(jets, 0)
        if all(np.linalg.norm(nudged(jets, NUDGE) - found) < JUMP * np.linalg.norm(found) for _ in range(6)):
            return jets
    raise AssertionError("each batch has a unit that rounding turns on")


def compute(engine: str, folder: Path, devices: int = 1) -> None:
    """Write of each network its outputs, the losses of batches, and the gradients of one that is settled.

    TensorFlow, the reference, comes first and chooses that one.
    """
    used = _keras.engine_of(make_spec("keras", engine=engine), 1)
    import keras

    import jetsmith.models._saved  # noqa: F401  register the layers that the files name
    from jetsmith.classifiers._batches import summed_loss

    for path in files(folder, devices):
        spec = spec_of(*path.stem.split("-"))
        network = keras.models.load_model(path, compile=False, safe_mode=True)
        optimizer = keras.optimizers.SGD(STEP)
        optimizer.build(network.trainable_variables)
        runs = used.Runs(network, spec.inputs, summed_loss(spec, used.slots), optimizer, devices)
        data = runs.upload(data_of(spec)[1], N_JETS)
        order = np.arange(N_JETS)
        found = {"classes": runs.predict(data, order, BATCH), "losses": runs.losses(data, order, BATCH)}
        if "heavy" in network.output:
            estimating = used.Runs(network, spec.inputs, devices=devices, output="heavy")
            found["heavy"] = estimating.predict(data, order, BATCH)
        gradients = partial(descend, runs, network, data)
        if engine == "tensorflow":
            np.save(path.with_suffix(".npy"), settled(network, gradients))
        for number, gradient in enumerate(gradients(np.load(path.with_suffix(".npy")))):
            found[f"gradient_{number}"] = gradient
        np.savez(path.with_suffix(f".{engine}{devices}.npz"), **found)


if __name__ == "__main__":
    compute(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
