"""The only reader and writer of stage files. Every write is atomic: temporary name, then rename.

A killed job therefore leaves no file that looks finished; the temporary names start with a dot.
"""

import errno
import glob
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from jetsmith.errors import InputError, OutputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it there on success, remove it on failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_mark(path), dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise OutputError(
                f"{path}: cannot be written: {os.strerror(error.errno)}; make room below {path.parent} and "
                "run again, what is finished stays"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """The same for a directory; a directory that stood there before is replaced."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=_mark(path), dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _mark(path: Path) -> str:
    """Beginning of a temporary name, which says whose it is; what dead processes left here is removed.

    Processes are known by host and namespace of process numbers: another container numbers its own.
    """
    try:
        space = f"{socket.gethostname()}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # no /proc: nobody can be told dead
        return f".{path.name}.{os.getpid()}."
    for left in path.parent.glob(f".{glob.escape(path.name)}.{glob.escape(space)}.*"):
        pid, _, _ = left.name.removeprefix(f".{path.name}.{space}.").partition(".")
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return f".{path.name}.{space}.{os.getpid()}."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON with sorted keys; NaN and infinity are refused, since JSON has none."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON; a file that is none is an InputError that names it."""
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from error


def write_rows(path: str | Path, rows: ak.Array | Iterable[ak.Array]) -> None:
    """Write one row a jet as parquet, ZSTD-3; floating columns split by byte.

    Args:
        path: Target, replaced at once when everything is written.
        rows: Record array, or several with the same columns, written one after the other so that
            only one is in memory; fields are numbers or ragged lists of numbers.
    """
    tables = map(_table, [rows] if isinstance(rows, ak.Array) else rows)
    first = next(tables)
    floating = [leaf for leaf, kind in _leaves(first.schema) if pa.types.is_floating(kind)]
    with (
        atomic_file(path) as temporary,
        pq.ParquetWriter(
            temporary,
            first.schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=False,
            use_byte_stream_split=floating,
            store_schema=True,
        ) as writer,
    ):
        for table in chain([first], tables):
            if table.num_rows:
                writer.write_table(table, row_group_size=100_000)


ROOT_TREE = "jets"
TOGETHER = ("cpf", "npf", "sv", "genjet")  # prefixes of lists that share their length


def write_root(path: str | Path, rows: str | Path) -> None:
    """Write a file of `write_rows` as a TTree `jets`, ZSTD-1, a group of rows at a time.

    Args:
        path: Target, replaced at once when everything is written.
        rows: The parquet file.
    """
    with (
        atomic_file(path) as temporary,
        uproot.recreate(temporary, compression=uproot.ZSTD(1)) as file,
        pq.ParquetFile(rows) as source,
    ):
        empty = _branches(_records(source.schema_arrow.empty_table()))
        types = {name: _branch_type(array) for name, array in empty.items()}
        tree = file.mktree(ROOT_TREE, types)
        for group in range(source.num_row_groups):
            tree.extend(_branches(_records(source.read_row_group(group))))


def _branches(rows: ak.Array) -> dict[str, ak.Array]:
    """Columns as branches; lists that share their length are zipped, so that they share a counter."""
    grouped: dict[str, dict[str, ak.Array]] = {}
    found: dict[str, ak.Array] = {}
    for name in rows.fields:
        prefix, _, rest = name.partition("_")
        if rows[name].ndim > 1 and prefix in TOGETHER:
            grouped.setdefault(prefix, {})[rest] = rows[name]
        else:
            found[name] = rows[name]
    return found | {prefix: ak.zip(lists) for prefix, lists in grouped.items()}


def _branch_type(array: ak.Array) -> Any:
    kind = array.type.content
    return np.dtype(kind.primitive) if array.ndim == 1 else kind


def _table(rows: ak.Array) -> pa.Table:
    table = ak.to_arrow_table(rows, extensionarray=False, list_to32=False)
    return pa.table({name: _plain(table[name]) for name in table.column_names})


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.combine_chunks() if column.num_chunks != 1 else column


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Parquet's paths of the leaf columns with their types."""
    for field in schema:
        kind, path = field.type, field.name
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        yield path, kind


def read_rows(path: str | Path, columns: list[str] | None = None) -> ak.Array:
    """Read rows back; only `columns` where given.

    Raises:
        InputError: The file is no parquet file or lacks a column.
    """
    try:
        table = pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable as parquet: {error}") from error
    lacking = set(columns or ()) - set(table.column_names)
    if lacking:
        raise InputError(f"{path}: no column {', '.join(sorted(lacking))}; run its stage again")
    return _records(table)


def _records(table: pa.Table) -> ak.Array:
    return ak.zip({name: _from_arrow(table[name]) for name in table.column_names}, depth_limit=1)


def _from_arrow(column: pa.ChunkedArray) -> ak.Array:
    return ak.drop_none(ak.from_arrow(column), axis=0)


def count_rows(path: str | Path) -> int:
    """Rows of a parquet file by its footer; an InputError where it is none."""
    try:
        with pq.ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable as parquet: {error}") from error


IDENTITY = {"run": "uint32", "luminosity_block": "uint32", "event": "uint64", "file": "uint32"}


@contextmanager
def identity_writer(path: str | Path) -> Iterator[Callable[[Mapping[str, npt.ArrayLike]], None]]:
    """Write who the entries of a partition are: columns `IDENTITY`, an entry a row, a few bytes each.

    Yields a function that writes some of them; the file is there when all are written.
    """
    schema = pa.schema([(name, pa.from_numpy_dtype(kind)) for name, kind in IDENTITY.items()])
    delta = dict.fromkeys(IDENTITY, "DELTA_BINARY_PACKED")
    options = {"compression": "zstd", "use_dictionary": False, "column_encoding": delta}
    with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema, **options) as writer:

        def write(columns: Mapping[str, npt.ArrayLike]) -> None:
            arrays = [np.asarray(columns[name]).astype(kind) for name, kind in IDENTITY.items()]
            writer.write_table(pa.table(arrays, schema=schema))

        yield write


def read_identity(path: str | Path) -> dict[str, IntArray]:
    """Read what `identity_writer` wrote."""
    try:
        table = pq.read_table(path, columns=list(IDENTITY))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable as parquet: {error}") from error
    return {name: table[name].to_numpy() for name in IDENTITY}


def column_names(path: str | Path) -> list[str]:
    """Names of the columns of a parquet file; reads its footer alone."""
    return list(pq.read_schema(path).names)


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
