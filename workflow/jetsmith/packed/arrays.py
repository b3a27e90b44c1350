"""Packed splits: memory-mapped arrays, a folder a split."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError
from jetsmith.io.atomic import atomic_directory
from jetsmith.io.checksums import Summed, check_files
from jetsmith.io.json_files import read_json, write_json
from jetsmith.io.types import FloatArray, IntArray

_REMEDY = "pack the sample again"


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
        sample: Name of the sample.
        split: Name of the split.
        digest: Of all that was written; of what is only in memory, empty.
    """

    flat: FloatArray
    flat_names: tuple[str, ...]
    sequences: dict[str, Ragged]
    label: IntArray
    weight: FloatArray
    columns: dict[str, npt.NDArray[Any]]
    datasets: tuple[str, ...]
    generators: tuple[str, ...]
    sample: str = ""
    split: str = ""
    digest: str = ""

    def __len__(self) -> int:
        return len(self.label)


def write_packed(path: str | Path, packed: Packed, about: Mapping[str, Any] | None = None) -> None:
    """Write a split as a directory of `.npy` files and `columns.json`, which has their checksums.

    Args:
        path: The directory.
        packed: The split.
        about: More for people, as `meta.json`.

    Raises:
        InputError: Arrays do not belong together, or a weight is not finite.
    """
    _check(Path(path), packed)
    with atomic_directory(path) as folder:
        checksums = {name: _save(folder / name, array) for name, array in _arrays(packed).items()}
        write_json(
            folder / "columns.json",
            {
                "sample": packed.sample,
                "split": packed.split,
                "rows": len(packed),
                "flat": list(packed.flat_names),
                "sequences": {name: list(ragged.names) for name, ragged in packed.sequences.items()},
                "columns": sorted(packed.columns),
                "datasets": list(packed.datasets),
                "generators": list(packed.generators),
                "checksums": checksums,
            },
        )
        if about is not None:
            write_json(folder / "meta.json", about)


def _arrays(packed: Packed) -> dict[str, npt.NDArray[Any]]:
    """All arrays by the name of their file."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "flat": packed.flat,
        "label": packed.label,
        "weight": packed.weight,
    }
    arrays |= {f"column.{name}": array for name, array in packed.columns.items()}
    for name, ragged in packed.sequences.items():
        arrays |= {f"values.{name}": ragged.values, f"offsets.{name}": ragged.offsets}
    return {f"{name}.npy": array for name, array in arrays.items()}


def _save(path: Path, array: npt.NDArray[Any]) -> str:
    """Write an array, which needs no second pass for its checksum; a full disk is an error with a number."""
    with path.open("wb") as file:
        summed = Summed(file)
        np.lib.format.write_array(summed, array, allow_pickle=False)
    return f"{summed.crc:08x}"


def read_splits(path: str | Path, splits: Sequence[str], sample: str | None = None) -> list[Packed]:
    """Map the splits of a sample into memory.

    Args:
        path: Folder results/packed/{sample}.
        splits: Names of the splits, each of a folder there.
        sample: Name that they have to bear; None for any.

    Raises:
        InputError: A split is damaged, is another's, or the splits do not belong together.
    """
    parts = [read_packed(Path(path) / split, split=split, sample=sample) for split in splits]
    for split, part in zip(splits, parts, strict=True):
        for name in ("sample", "datasets", "generators", "flat_names"):
            if getattr(part, name) != getattr(parts[0], name):
                raise InputError(
                    f"{Path(path) / split}: has other {name} than split {splits[0]}; pack the sample again"
                )
    return parts


def read_packed(
    path: str | Path, split: str | None = None, sample: str | None = None, whole: bool = True
) -> Packed:
    """Map a split into memory.

    Args:
        path: The split's folder.
        split: Name that the split has to bear; None for any.
        sample: Name that its sample has to bear; None for any.
        whole: Read everything once, to compare it with its checksums; False where only names are needed.

    Raises:
        InputError: A file is missing, damaged or another's.
    """
    folder = Path(path)
    about = _about(folder, {"split": split, "sample": sample})

    def load(name: str) -> npt.NDArray[Any]:
        target = folder / f"{name}.npy"
        try:
            if about["rows"] == 0 or target.stat().st_size == 0:  # an empty file cannot be mapped
                return np.asarray(np.load(target, allow_pickle=False))
            return np.asanyarray(np.load(target, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{target}: not readable as an array: {error}; {_REMEDY}") from error

    if whole:
        check_files(folder, about["checksums"], about["checksums"], _REMEDY)
    found = Packed(
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
        sample=about["sample"],
        split=about["split"],
        digest=hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16).hexdigest(),
    )
    _check(folder, found, whole)
    return found


def _about(folder: Path, wanted: Mapping[str, str | None]) -> dict[str, Any]:
    """Content of columns.json."""
    path = folder / "columns.json"
    about: Any = read_json(path)
    if not isinstance(about, dict) or "checksums" not in about:
        raise InputError(f"{path}: has no checksums; {_REMEDY}")
    for key, value in wanted.items():
        if value is not None and about[key] not in ("", value):
            raise InputError(f"{folder}: is {key} `{about[key]}`, not `{value}`; {_REMEDY}")
    return about


def _check(folder: Path, packed: Packed, whole: bool = True) -> None:
    """Shapes and types of all arrays; where `whole`, what offsets and weights hold, too."""
    n = len(packed)
    wanted: dict[str, tuple[tuple[int, ...], Any]] = {
        "flat": ((n, len(packed.flat_names)), np.floating),
        "label": ((n,), np.integer),
        "weight": ((n,), np.floating),
        **{f"column.{name}": ((n,), np.number) for name in packed.columns},
    }
    for name, ragged in packed.sequences.items():
        wanted[f"values.{name}"] = ((len(ragged.values), len(ragged.names)), np.floating)
        wanted[f"offsets.{name}"] = ((n + 1,), np.integer)
    for name, array in _arrays(packed).items():
        shape, kind = wanted[name.removesuffix(".npy")]
        if array.shape != shape or not np.issubdtype(array.dtype, kind):
            raise InputError(
                f"{folder / name}: has shape {array.shape} of {array.dtype}, but the split needs "
                f"{shape} of {kind.__name__}; {_REMEDY}"
            )
    if not whole:
        return
    if not np.isfinite(packed.weight).all():
        raise InputError(f"{folder / 'weight.npy'}: weights that are not finite; look at the skim")
    for name, ragged in packed.sequences.items():
        ends = (int(ragged.offsets[0]), int(ragged.offsets[-1]))
        if ends != (0, len(ragged.values)) or (np.diff(ragged.offsets) < 0).any():
            raise InputError(
                f"{folder / f'offsets.{name}.npy'}: must rise from 0 to {len(ragged.values):,}, the length "
                f"of values.{name}.npy; {_REMEDY}"
            )
