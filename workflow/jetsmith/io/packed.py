"""Packed splits: memory-mapped arrays, a folder a split."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.io.atomic import atomic_directory
from jetsmith.io.json_files import read_json, write_json
from jetsmith.io.types import FloatArray, IntArray


@dataclass(frozen=True)
class Ragged:
    """A packed sequence: all jets' constituents one behind the other.

    Attributes:
        values: Shape (total, F).
        offsets: Shape (N + 1,); jet i owns values[offsets[i]:offsets[i + 1]].
        names: The F features.
    """

    values: FloatArray
    offsets: IntArray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Packed:
    """A packed split, memory-mapped.

    Attributes:
        flat: Shape (N, F), float32.
        flat_names: The F features.
        sequences: Ragged features by group name.
        label: Truth ids, shape (N,), int32.
        weight: Normalised generator weights, signed, shape (N,), float64.
        columns: Key and kinematics by canonical name, shape (N,) each: run, luminosity_block,
            event, jet_index, dataset (index in `datasets`), fold, and where the object has them
            jet_pt_gev, jet_eta, hadron_flavour.
        datasets: Names of the datasets.
        generators: Generator of each dataset.
    """

    flat: FloatArray
    flat_names: tuple[str, ...]
    sequences: dict[str, Ragged]
    label: IntArray
    weight: FloatArray
    columns: dict[str, npt.NDArray[Any]]
    datasets: tuple[str, ...]
    generators: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label)


def write_packed(path: str | Path, packed: Packed) -> None:
    """Write a split as a directory of `.npy` files and `columns.json`."""
    with atomic_directory(path) as folder:
        arrays: dict[str, npt.NDArray[Any]] = {
            "flat": packed.flat,
            "label": packed.label,
            "weight": packed.weight,
        }
        arrays |= {f"column.{name}": array for name, array in packed.columns.items()}
        for name, ragged in packed.sequences.items():
            arrays |= {f"values.{name}": ragged.values, f"offsets.{name}": ragged.offsets}
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        write_json(
            folder / "columns.json",
            {
                "rows": len(packed),
                "flat": list(packed.flat_names),
                "sequences": {name: list(ragged.names) for name, ragged in packed.sequences.items()},
                "columns": sorted(packed.columns),
                "datasets": list(packed.datasets),
                "generators": list(packed.generators),
            },
        )


def read_packed(path: str | Path) -> Packed:
    """Map a split into memory; nothing is read before it is used."""
    folder = Path(path)
    about: Mapping[str, Any] = read_json(folder / "columns.json")

    def load(name: str) -> npt.NDArray[Any]:
        target = folder / f"{name}.npy"
        if about["rows"] == 0 or target.stat().st_size == 0:  # an empty file cannot be mapped
            return np.asarray(np.load(target, allow_pickle=False))
        return np.asanyarray(np.load(target, mmap_mode="r", allow_pickle=False))

    return Packed(
        flat=load("flat"),
        flat_names=tuple(about["flat"]),
        sequences={
            name: Ragged(load(f"values.{name}"), load(f"offsets.{name}"), tuple(names))
            for name, names in about["sequences"].items()
        },
        label=load("label"),
        weight=load("weight"),
        columns={name: load(f"column.{name}") for name in about["columns"]},
        datasets=tuple(about["datasets"]),
        generators=tuple(about["generators"]),
    )
