"""Small packed samples whose classes differ as physics makes them: displaced tracks and heavy vertices."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.packed.writing import writing
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, DiscriminantSpec, TrainingSpec
from jetsmith.specs.features import Inputs

Array = np.ndarray[Any, Any]

TRUTHS = {"b_jets": (500, 510), "c_jets": (400,), "light_jets": (0, 1)}
FLAT = ("unused", "jet_pt", "sip", "mass", "tracks")
TRACK = ("unused", "sip", "ptrel", "origin", "vertex")
VERTEX = ("mass", "flight", "tracks")
CHARGED_LENGTH, VERTICES_LENGTH = 6, 2


def pack_jets(n: int, seed: int, n_folds: int = 0, truths: tuple[int, ...] = ()) -> arrays.Packed:
    """n jets; a tenth carries a negative weight, and b jets are harder than others.

    Args:
        n: Number of jets.
        seed: The same arguments give the same jets.
        n_folds: Number of folds; 0 puts all jets into fold 0.
        truths: Truth ids to draw from; all of `TRUTHS` and 999 by default.
    """
    rng = np.random.default_rng([seed, 17])
    choices = truths or (*(key for keys in TRUTHS.values() for key in keys), 999)
    label = rng.choice(choices, n).astype(np.int32)
    life = np.where(np.isin(label, TRUTHS["b_jets"]), 1.0, np.where(label == 400, 0.45, 0.0))
    pt = 30 * (1 + rng.pareto(3 - life))
    flat = np.stack(
        [
            rng.normal(0, 1, n),
            pt,
            rng.normal(0, 1, n) + 3 * life,
            rng.gamma(2, 0.3 + life),
            rng.poisson(5, n),
        ],
        axis=1,
    )
    tracks = rng.poisson(4 + 2 * life)
    owner = np.repeat(np.arange(n), tracks)
    sip = rng.standard_t(3, len(owner)) + life[owner] * rng.exponential(4, len(owner))
    unused, ptrel = rng.normal(0, 1, len(owner)), rng.beta(1, 8, len(owner))
    # Truth that a network can learn; of some tracks it is not known.
    origin = np.where(unused > 1.5, -1, np.minimum(np.abs(sip), 6) // 1)
    vertex = np.where(unused < -1.5, -1, np.minimum(np.abs(sip), 5) // 2)
    track_values = np.stack([unused, sip, ptrel, origin, vertex], axis=1)
    vertices = rng.binomial(2, 0.05 + 0.45 * life)
    owner = np.repeat(np.arange(n), vertices)
    vertex_values = np.stack(
        [rng.gamma(3, 0.3 + 0.5 * life[owner]), rng.exponential(1 + 4 * life[owner])], axis=1
    )
    vertex_values = np.column_stack([vertex_values, 2 + np.floor(3 * vertex_values[:, 0]) % 4])
    return arrays.Packed(
        groups={
            "ak4": arrays.FlatGroup(flat.astype(np.float32), FLAT),
            "charged": _ragged(tracks, track_values, TRACK),
            "vertices": _ragged(vertices, vertex_values, VERTEX),
        },
        label=label,
        weight=np.where(rng.random(n) < 0.1, -1.0, 1.0) * rng.uniform(0.5, 1.5, n),
        columns={
            "run": np.ones(n, np.uint32),
            "luminosity_block": np.ones(n, np.uint32),
            "event": (np.arange(n) + 1_000_000 * seed).astype(np.uint64),
            "jet_index": np.zeros(n, np.int16),
            "dataset": (np.arange(n) % 2).astype(np.int16),
            "fold": (rng.integers(0, n_folds, n) if n_folds else np.zeros(n)).astype(np.int8),
            "jet_pt_gev": pt.astype(np.float32),
            "jet_eta": rng.uniform(-2.5, 2.5, n).astype(np.float32),
        },
        datasets=("first", "second"),
        generators=("power", "dipole"),
    )


def _ragged(counts: Array, values: Array, names: tuple[str, ...]) -> arrays.SequenceGroup:
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return arrays.SequenceGroup(values.astype(np.float32), offsets, names)


def read_packed(path: Path) -> arrays.Packed:
    """A split with all of its groups."""
    return arrays.read_packed(path, [p.name for p in sorted(path.iterdir()) if p.name != "rows"])


def with_flat(packed: arrays.Packed, values: Array, names: tuple[str, ...] = FLAT) -> arrays.Packed:
    """The jets with other flat features."""
    return replace(packed, groups={**packed.groups, "ak4": arrays.FlatGroup(values, names)})


def write_packed(path: Path, packed: arrays.Packed) -> None:
    """Write a split as stage pack does: a folder for the rows, and one a group."""
    key = np.arange(len(packed)).astype(np.uint64), packed.columns.get("dataset", np.zeros(len(packed)))
    whose = {"sample": packed.sample, "split": packed.split, "rows": len(packed)}
    about = {"columns": list(packed.columns), "datasets": packed.datasets, "generators": packed.generators}
    found = {"label": packed.label, "weight": packed.weight}
    found |= {f"column.{name}": values for name, values in packed.columns.items()}
    _write(path / "rows", {**whose, "group": "rows", **about}, found, key)
    for name, group in packed.groups.items():
        kind, found = "flat", {"values": group.values}
        if isinstance(group, arrays.SequenceGroup):
            kind, found = "sequence", {**found, "offsets": group.offsets}
        _write(path / name, {**whose, "group": name, "kind": kind, "names": group.names}, found, key)


def _write(path: Path, about: dict[str, Any], found: dict[str, Array], key: tuple[Array, Array]) -> None:
    with writing(path, about, {name: (a.dtype, a.shape) for name, a in found.items()}) as writer:
        writer.identify(*key)
        writer.add(**found)


def write_sample(folder: Path, n: int, n_folds: int = 0, truths: tuple[int, ...] = ()) -> Path:
    """Write a packed sample: n jets in the train split, half as many in each of the others."""
    for seed, split in enumerate(SPLITS):
        write_packed(folder / split, pack_jets(n if seed == 0 else n // 2, seed, n_folds, truths))
    return folder


GROUPS = {
    "ak4": Inputs(
        group="ak4", kind="flat", length=0, features=("sip", "mass", "jet_pt"), sources=("jet_pt_gev",)
    ),
    "charged": Inputs(
        group="charged",
        kind="sequence",
        length=CHARGED_LENGTH,
        features=("ptrel", "sip"),
        sources=("cpf_sip2d_sig",),
    ),
    "vertices": Inputs(
        group="vertices",
        kind="sequence",
        length=VERTICES_LENGTH,
        features=VERTEX[:2],
        sources=("sv_mass_gev",),
    ),
}


def make_spec(backend: str, groups: tuple[str, ...] = ("ak4",), **changes: Any) -> ClassifierSpec:
    """A tagger of three classes on the packed jets."""
    content: dict[str, Any] = {
        "name": f"{backend}_tagger", "role": "tagger", "sample": "jets", "backend": backend,
        "title": "Test", "object": "ak4",
        "classes": [ClassSpec(name=n, truth=t, label=n, color="#000000") for n, t in TRUTHS.items()],
        "inputs": [GROUPS[name] for name in groups],
        "training": TrainingSpec(epochs=4, patience=3, batch_size=128),
        "discriminant": DiscriminantSpec(signal=("b_jets",), background={"c_jets": 0.1, "light_jets": 0.9}),
    }  # fmt: skip
    return ClassifierSpec(**content | changes)
