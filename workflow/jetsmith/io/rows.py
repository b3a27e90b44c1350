"""Rows of jets or events: parquet for the stages, ROOT for people."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from jetsmith.errors import InputError
from jetsmith.io.atomic import atomic_file


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


def column_names(path: str | Path) -> list[str]:
    """Names of the columns of a parquet file; reads its footer alone."""
    return list(pq.read_schema(path).names)
