"""Networks in training, and what feeds them: `train NETWORK THREADS`, `load NETWORK 1`; each prints JSON."""

import json
import os
import sys
from typing import Any

import numpy as np

from jetsmith.packed import windows
from jetsmith.packed.arrays import FlatGroup, Packed, SequenceGroup
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import RecipeSpec, TrainingSpec, TruthSpec
from jetsmith.specs.features import Inputs
from tests.benchmarks import _torch_ways, _weaver_ways
from tests.benchmarks._harness import timed
from tests.benchmarks._torch_ways import BATCH, CLASSES, SHAPES, STEPS

# Columns of a packed group, of which a classifier reads some, and constituents a jet.
PACKED = {
    "ak4": (100, 0.0), "charged": (29, 12.0), "neutral": (8, 10.0), "vertices": (12, 0.6),
    "candidates": (50, 50.0), "secondary": (15, 1.5), "all_candidates": (50, 1e4), "all_secondary": (15, 1e3),
    "constituents": (17, _weaver_ways.MEAN),
}  # fmt: skip
MODELS = {
    "deepjet": "deepjet", "dips": "deepsets", "deepak8": "pcnn", "deepak8_full": "pcnn",
    "particlenet": "particlenet", "particle_transformer": "particle_transformer",
}  # fmt: skip
WEAVER = {"constituents": (_weaver_ways.LENGTH, _weaver_ways.WIDTH)}
FULL = {f"all_{group}": shape for group, shape in SHAPES["deepak8"].items()}
OURS = SHAPES | {"deepak8_full": FULL, "particlenet": WEAVER, "particle_transformer": WEAVER}
SIZES = {
    "deepak8": {"convolutions": {"secondary": _torch_ways.STAGES["secondary"]}},
    "deepak8_full": {"convolutions": {"all_secondary": _torch_ways.STAGES["secondary"]}},
    "particlenet": {"coordinates": {"constituents": ("x1", "x2")}},
    "particle_transformer": {"momenta": {"constituents": ("x0", "x1", "x2")}},
}


def batches_of(network: str) -> tuple[int, int, int]:
    """Rows of a batch, steps, and classes."""
    if OURS[network] is WEAVER:
        return _weaver_ways.BATCH, _weaver_ways.STEPS, _weaver_ways.CLASSES
    name = network.removesuffix("_full")
    return _torch_ways.BATCHES.get(name, BATCH), STEPS, CLASSES[name]


def spec_of(network: str) -> RecipeSpec:
    """The public network."""
    inputs = [
        Inputs(
            group=group,
            kind="sequence" if length else "flat",
            length=length,
            features=tuple(f"x{i}" for i in np.linspace(0, PACKED[group][0] - 1, width).astype(int)),
            sources=("x",),
        )
        for group, (length, width) in OURS[network].items()
    ]
    batch, _, n_classes = batches_of(network)
    return RecipeSpec(
        name=network, role="tagger", sample="jets", object="ak4", backend="keras", model=MODELS[network],
        classes=[TruthSpec(name=f"c{i}", truth=(i,)) for i in range(n_classes)],
        architecture=SIZES.get(network, {}), inputs=inputs, training=TrainingSpec(batch_size=batch),
    )  # fmt: skip


def rows_of(spec: RecipeSpec, n: int) -> Rows:
    """Random jets, in memory."""
    rng = np.random.default_rng(1)
    groups: dict[str, FlatGroup | SequenceGroup] = {}
    for given in spec.inputs:
        columns, mean = PACKED[given.group]
        names = tuple(f"x{i}" for i in range(columns))
        if given.kind == "flat":
            groups[given.group] = FlatGroup(rng.standard_normal((n, columns), dtype=np.float32), names)
        else:
            offsets = np.concatenate([[0], np.cumsum(np.minimum(rng.poisson(mean, n), given.length))])
            values = rng.standard_normal((int(offsets[-1]), columns), dtype=np.float32)
            groups[given.group] = SequenceGroup(values, offsets, names)
    label = rng.integers(0, len(spec.classes), n).astype(np.int32)
    return Rows.select(spec.inputs, [Packed(groups, label, np.ones(n), {}, ("one",), ("one",))])


def train(network: str, threads: int) -> dict[str, Any]:
    """Steps of the optimiser as `_keras.fit` does them, from a window in memory; the first call compiles."""
    from jetsmith.classifiers import _keras
    from jetsmith.classifiers._batches import summed_loss
    from jetsmith.classifiers._scaler import fit_scalers

    spec = spec_of(network)
    engine = _keras.engine_of(spec, threads)
    import keras

    batch, steps, _ = batches_of(network)
    n = batch * steps
    rows = rows_of(spec, n)
    model, optimizer = _keras.build_model(spec, fit_scalers(rows)), keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    runs = engine.Runs(model, spec.inputs, summed_loss(spec, engine.slots), optimizer)
    window = {"inputs": windows.read(rows, slice(0, n)), "side": {}}
    data = runs.upload(window | {"target": rows.label(), "weight": np.ones(n, np.float32)}, n)
    order = np.random.default_rng(1).permutation(n)
    runs.train(data, order[:batch], batch)
    return {"jets": n, **timed(lambda: runs.train(data, order, batch))}


def load(network: str) -> dict[str, Any]:
    """Windows out of packed arrays, and batches of the same jets as they were read before windows were."""
    n = 163_840
    rows = rows_of(spec_of(network), n)
    order = np.random.default_rng(1).permutation(n)[:20_480]

    def batches() -> None:
        for first in range(0, len(order), BATCH):
            rows.batch(order[first : first + BATCH])

    batches()
    windows.read(rows, slice(0, n))
    return {
        "window": timed(lambda: windows.read(rows, slice(0, n))) | {"jets": n},
        "batches": timed(batches) | {"jets": len(order)},
    }


if __name__ == "__main__":
    what, network, *rest = sys.argv[1:]
    if rest == ["1"] or what == "load":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps(load(network) if what == "load" else train(network, int(rest[0]))))
