"""Packed splits: memory-mapped arrays, a folder a split, in it one for the rows and one a feature group."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.columns import ROWS
from jetsmith.errors import InputError
from jetsmith.io.checksums import check_files
from jetsmith.io.json_files import read_json
from jetsmith.io.types import FloatArray, IntArray
from jetsmith.specs.classifiers import TruthSpec

_REMEDY = "pack the sample again"


@dataclass(frozen=True)
class FlatGroup:
    """A packed group of flat features.

    Attributes:
        values: Shape (N, F), float32.
        names: The F features.
    """

    values: FloatArray
    names: tuple[str, ...]


@dataclass(frozen=True)
class SequenceGroup:
    """A packed sequence: all jets' constituents one behind the other.

    Attributes:
        values: Shape (total, F), float32.
        offsets: Shape (N + 1,); jet i owns values[offsets[i]:offsets[i + 1]].
        names: The F features.
    """

    values: FloatArray
    offsets: IntArray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Packed:
    """A packed split with the feature groups that a reader has asked for, memory-mapped.

    Attributes:
        groups: Features by group; other groups may lie beside them on the disk.
        label: Truth ids, shape (N,), int32.
        weight: Normalised generator weights, signed, shape (N,), float64.
        columns: Key and kinematics by canonical name, shape (N,) each: run, luminosity_block, event,
            jet_index, dataset (index in `datasets`), fold, and of `columns.KINEMATICS` what all files have.
        datasets: Names of the datasets.
        generators: Generator of each dataset.
        sample: Name of the sample.
        split: Name of the split.
        digest: Of all that was written of rows and groups; of what is only in memory, empty.
        order: Digest of whose rows these are, which all folders of a packed split have.
    """

    groups: Mapping[str, FlatGroup | SequenceGroup]
    label: IntArray
    weight: FloatArray
    columns: dict[str, npt.NDArray[Any]]
    datasets: tuple[str, ...]
    generators: tuple[str, ...]
    sample: str = ""
    split: str = ""
    digest: str = ""
    order: str = ""

    def __len__(self) -> int:
        return len(self.label)

    def made_by(self, generator: str, without: Sequence[str] = ()) -> list[int]:
        """Which datasets are of a generator, but for those that are named."""
        named = zip(self.datasets, self.generators, strict=True)
        return [k for k, (name, by) in enumerate(named) if by == generator and name not in without]

    def class_index(self, classes: Sequence[TruthSpec], without: Sequence[str] = ()) -> IntArray:
        """The class of each row, by truth id or by the generator of its dataset.

        Args:
            classes: Any.
            without: Datasets of no class that is a generator.

        Returns:
            Shape (N,), int32, index in `classes`; -1 for rows of no class.
        """
        found = np.full(len(self), -1, np.int32)
        dataset = np.asarray(self.columns["dataset"])
        for index, wanted in enumerate(classes):
            if wanted.truth:
                mask = np.isin(self.label, wanted.truth)
            else:
                mask = np.isin(dataset, self.made_by(wanted.generator, without))
            found[mask] = index
        return found


def read_splits(
    path: str | Path, splits: Sequence[str], groups: Sequence[str] = (), sample: str | None = None
) -> list[Packed]:
    """Map the splits of a sample into memory.

    Args:
        path: Folder results/packed/{sample}.
        splits: Names of the splits, each of a folder there.
        groups: Feature groups to map.
        sample: Name that they have to bear; None for any.

    Raises:
        InputError: A split is damaged, is another's, or the splits do not belong together.
    """
    parts = [read_packed(Path(path) / split, groups, split=split, sample=sample) for split in splits]
    for split, part in zip(splits, parts, strict=True):
        for name, of in (
            ("sample", lambda packed: packed.sample),
            ("datasets", lambda packed: packed.datasets),
            ("generators", lambda packed: packed.generators),
            ("features", lambda packed: {group: found.names for group, found in packed.groups.items()}),
        ):
            if of(part) != of(parts[0]):
                raise InputError(
                    f"{Path(path) / split}: has other {name} than split {splits[0]}; pack the sample again"
                )
    return parts


def read_packed(
    path: str | Path,
    groups: Sequence[str] = (),
    split: str | None = None,
    sample: str | None = None,
    whole: bool = True,
) -> Packed:
    """Map a split into memory.

    Args:
        path: The split's folder.
        groups: Feature groups to map.
        split: Name that the split has to bear; None for any.
        sample: Name that its sample has to bear; None for any.
        whole: Read everything once, to compare it with its checksums; False where only names are needed.

    Raises:
        InputError: A file is missing, damaged or another's, or a group is of other rows.
    """
    wanted = {"split": split, "sample": sample}
    rows = _Folder(Path(path) / ROWS, wanted, whole)
    about = rows.about
    found: dict[str, FlatGroup | SequenceGroup] = {}
    abouts = {ROWS: about}
    for name in dict.fromkeys(groups):
        folder = _Folder(Path(path) / name, {**wanted, "group": name}, whole)
        abouts[name] = folder.about
        if folder.about["order"] != about["order"] or folder.about["rows"] != about["rows"]:
            raise InputError(f"{folder.path}: has other rows than {rows.path}; {_REMEDY}")
        names = tuple(folder.about["names"])
        values = folder.load("values", (None, len(names)), np.floating)
        if folder.about["kind"] == "sequence":
            offsets = folder.load("offsets", (about["rows"] + 1,), np.integer)
            found[name] = SequenceGroup(values, offsets, names)
            if whole:
                _check_offsets(folder.path / "offsets.npy", offsets, len(values))
        else:
            found[name] = FlatGroup(folder.load("values", (about["rows"], len(names)), np.floating), names)
    n = (about["rows"],)
    packed = Packed(
        groups=found,
        label=rows.load("label", n, np.integer),
        weight=rows.load("weight", n, np.floating),
        columns={name: rows.load(f"column.{name}", n, np.number) for name in about["columns"]},
        datasets=tuple(about["datasets"]),
        generators=tuple(about["generators"]),
        sample=about["sample"],
        split=about["split"],
        digest=hashlib.blake2b(json.dumps(abouts, sort_keys=True).encode(), digest_size=16).hexdigest(),
        order=about["order"],
    )
    if whole and not np.isfinite(packed.weight).all():
        raise InputError(f"{rows.path / 'weight.npy'}: weights that are not finite; look at the skim")
    return packed


class _Folder:
    """Arrays with a `columns.json`, which has their checksums.

    Attributes:
        path: The folder.
        about: Content of columns.json.
    """

    def __init__(self, path: Path, wanted: Mapping[str, str | None], whole: bool) -> None:
        self.path = path
        if not path.is_dir():
            there = sorted(p.name for p in path.parent.glob("[!.]*") if p.name != ROWS)
            raise InputError(
                f"{path}: `{path.name}` was not packed; there are: {', '.join(there) or 'none'}; {_REMEDY}"
            )
        about: Any = read_json(path / "columns.json")
        if not isinstance(about, dict) or "checksums" not in about:
            raise InputError(f"{path / 'columns.json'}: has no checksums; {_REMEDY}")
        for key, value in wanted.items():
            if value is not None and about[key] not in ("", value):
                raise InputError(f"{path}: is {key} `{about[key]}`, not `{value}`; {_REMEDY}")
        self.about: dict[str, Any] = about
        if whole:
            check_files(path, about["checksums"], about["checksums"], _REMEDY)

    def load(self, name: str, shape: tuple[int | None, ...], kind: Any) -> npt.NDArray[Any]:
        """Map an array; its shape (None for any length) and the kind of its numbers are compared."""
        target = self.path / f"{name}.npy"
        try:
            if self.about["rows"] == 0 or 0 in shape or target.stat().st_size == 0:  # cannot be mapped
                array = np.asarray(np.load(target, allow_pickle=False))
            else:
                array = np.asanyarray(np.load(target, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{target}: not readable as an array: {error}; {_REMEDY}") from error
        fits = array.ndim == len(shape) and all(
            wanted in (None, n) for wanted, n in zip(shape, array.shape, strict=True)
        )
        if not fits or not np.issubdtype(array.dtype, kind):
            raise InputError(
                f"{target}: has shape {array.shape} of {array.dtype}, but the split needs {shape} of "
                f"{kind.__name__}; {_REMEDY}"
            )
        return array


def _check_offsets(path: Path, offsets: IntArray, total: int) -> None:
    if (int(offsets[0]), int(offsets[-1])) != (0, total) or (np.diff(offsets) < 0).any():
        raise InputError(
            f"{path}: must rise from 0 to {total:,}, the length of values.npy beside it; {_REMEDY}"
        )
