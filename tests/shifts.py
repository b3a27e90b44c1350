"""Variations whose ratio to the nominal events is known: Gaussians around a parameter, x ~ N(θ, 1)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.reweighting.parameters import write_parameters
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.parameters import ParametersSpec
from tests.unit.packed_jets import write_packed

Array = np.ndarray[Any, Any]
THETAS = (0.25, 0.5, 0.75, 1.0, 1.25)
HELD_OUT = 0.75
NOMINAL = ("nominal", "nominal")
DATASETS = [NOMINAL, *((f"shifted_{k}", "shifted") for k in range(len(THETAS)))]
SEED = 5
PARAMETERS = ParametersSpec(
    names=("theta",),
    at=tuple({"theta": theta} for theta in THETAS if theta != HELD_OUT),
    held_out=({"theta": HELD_OUT},),
)
SPEC = ClassifierSpec(
    name="shifts",
    role="reweighter",
    sample="events",
    backend="keras",
    model="dense",
    title="Shifts",
    object="event",
    classes=(
        ClassSpec(name="before", generator="nominal", label="before", color="#1f77b4"),
        ClassSpec(name="after", generator="shifted", label="after", color="#d62728"),
    ),
    inputs=(
        Inputs(group="event", kind="flat", length=0, features=("x",), sources=("x",)),
        Inputs(group="shifts_parameters", kind="flat", length=0, features=("theta",), sources=()),
    ),
    parameters=("theta",),
    held_out=(DATASETS[1 + THETAS.index(HELD_OUT)][0],),
    points=PARAMETERS.points(),
    architecture={"dense": [16, 16], "dropout": 0.0, "activation": "silu"},
    training={"epochs": 8, "patience": 8, "batch_size": 512, "learning_rate": 1e-2, "balance": "class"},
)


def log_ratio(x: Array, theta: Array | float) -> Array:
    """log of N(x; θ, 1) over N(x; 0, 1)."""
    return np.asarray(x * theta - np.square(theta) / 2)


def generated_at() -> dict[str, list[float]]:
    """Values of each dataset of the target."""
    return {name: [theta] for (name, _), theta in zip(DATASETS[1:], THETAS, strict=True)}


def write_sample(
    folder: Path,
    n_source: int,
    n_target: Sequence[int],
    seed: int = 1,
    spec: ClassifierSpec = SPEC,
    n_folds: int = 1,
) -> Path:
    """Packed events, the values of the parameter among them; the datasets of the target differ in size."""
    rng = np.random.default_rng(seed)
    counts = [n_source, *n_target]
    dataset = np.repeat(np.arange(len(counts)), counts)
    mean = np.array([0.0, *THETAS])[dataset]
    x = rng.normal(mean, 1)
    order = rng.permutation(len(x))
    split = rng.choice(len(SPLITS), len(x), p=[0.5, 0.1, 0.15, 0.25])
    fold = np.random.default_rng([seed, n_folds]).integers(0, n_folds, len(x)).astype("i1")
    for k, name in enumerate(SPLITS):
        here = order[split[order] == k]
        n = len(here)
        columns = {"run": np.ones(n, "u4"), "luminosity_block": np.ones(n, "u4"), "event": here.astype("u8")}
        columns |= {"jet_index": np.zeros(n, "i2"), "dataset": dataset[here].astype("i2")}
        packed = arrays.Packed(
            groups={"event": arrays.FlatGroup(x[here, None].astype("f4"), ("x",))},
            label=np.zeros(n, "i4"),
            weight=np.ones(n),
            columns={**columns, "fold": fold[here]},
            datasets=tuple(name for name, _ in DATASETS),
            generators=tuple(generator for _, generator in DATASETS),
            sample="events",
            split=name,
        )
        write_packed(folder / name, packed)
    outputs = {name: folder / name / spec.parameter_group for name in SPLITS}
    write_parameters(
        spec.name, "events", spec.parameters, generated_at(), spec.held_out, SEED, folder, outputs
    )
    return folder
