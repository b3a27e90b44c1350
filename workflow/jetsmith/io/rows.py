"""Rows of jets or events: parquet for the stages, ROOT for people."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa

from jetsmith.errors import InputError
from jetsmith.io.atomic import atomic_file
from jetsmith.io.parquet import named, opened, read_table, writing


def write_rows(path: str | Path, rows: ak.Array | Iterable[ak.Array], **subject: Any) -> None:
    """Write one row a jet as parquet, ZSTD-1; floating columns split by byte.

    A higher level makes no smaller files of such numbers, and nobody asks for the range of those in a page.

    Args:
        path: Target, replaced at once when everything is written.
        rows: Record array, or several with the same columns, written one after the other so that
            only one is in memory; fields are numbers or ragged lists of numbers. `iterate_rows` gives
            back such pieces, of 100,000 rows at most.
        subject: What they are, such as `dataset="ttbar", part="000"`; `read_rows` can ask for it.

    Raises:
        InputError: A value is missing (None).
    """
    tables = (_table(part, path) for part in ([rows] if isinstance(rows, ak.Array) else rows))
    first = next(tables)
    options = {
        "compression": "zstd",
        "compression_level": 1,
        "write_statistics": False,
        "use_dictionary": False,
        "use_byte_stream_split": [leaf for leaf, kind in _leaves(first.schema) if pa.types.is_floating(kind)],
        "store_schema": True,
    }
    with writing(path, first.schema, subject, **options) as writer:
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
    import uproot  # every job imports this module, and one kind writes ROOT

    with (
        atomic_file(path) as temporary,
        uproot.recreate(temporary, compression=uproot.ZSTD(1)) as file,
        opened(rows, whole=True) as source,
    ):
        empty = _branches(_records(source.schema_arrow.empty_table(), rows))
        types = {name: _branch_type(array) for name, array in empty.items()}
        tree = file.mktree(ROOT_TREE, types)
        for group in range(source.num_row_groups):
            tree.extend(_branches(_records(source.read_row_group(group), rows)))


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


def _table(rows: ak.Array, path: str | Path) -> pa.Table:
    table = ak.to_arrow_table(rows, extensionarray=False, list_to32=False)
    table = pa.table({name: _plain(table[name]) for name in table.column_names})
    _refuse_nulls(table, path)
    return table


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.combine_chunks() if column.num_chunks != 1 else column


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Parquet's paths of the leaf columns with their types."""
    for field in schema:
        kind, path = field.type, field.name
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        yield path, kind


def read_rows(path: str | Path, columns: list[str] | None = None, **subject: Any) -> ak.Array:
    """Read rows back; only `columns` where given.

    Args:
        path: Parquet file of `write_rows`.
        columns: Names of columns.
        subject: What the rows have to be of, such as `dataset="ttbar"`.

    Raises:
        InputError: The file is no parquet file, is damaged or of another subject, or lacks a column.
    """
    table = read_table(path, columns, **subject)
    lacking = set(columns or ()) - set(table.column_names)
    if lacking:
        raise InputError(f"{path}: no column {', '.join(sorted(lacking))}; run its stage again")
    return _records(table, path)


def iterate_rows(path: str | Path, columns: list[str], **subject: Any) -> Iterator[ak.Array]:
    """Read columns of rows piece by piece, as they were written, so that one piece is in memory.

    Args:
        path: Parquet file of `write_rows`, which has these columns.
        columns: Names of columns.
        subject: What the rows have to be of.

    Raises:
        InputError: As `read_rows`.
    """
    with opened(path, whole=True, **subject) as file, named(path):
        for piece in range(file.num_row_groups):
            yield _records(file.read_row_group(piece, columns), path)


def _records(table: pa.Table, path: str | Path) -> ak.Array:
    _refuse_nulls(table, path)
    return ak.zip(
        {name: ak.drop_none(ak.from_arrow(table[name]), axis=0) for name in table.column_names},
        depth_limit=1,
    )


def _refuse_nulls(table: pa.Table, path: str | Path) -> None:
    """A missing value is no value of ours: left out, it would move all that follow it to other rows."""
    for name in table.column_names:
        n_missing = sum(map(_nulls, table[name].chunks))
        if n_missing:
            raise InputError(
                f"{path}: column {name}: {n_missing:,} values are missing (null); every row has every value"
            )


def _nulls(array: pa.Array) -> int:
    """Missing values of an array and of the lists in it."""
    inner = array.flatten() if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) else None
    return int(array.null_count) + (0 if inner is None else _nulls(inner))


def count_rows(path: str | Path) -> int:
    """Rows of a parquet file by its footer; an InputError where it is none."""
    with opened(path) as file:
        return int(file.metadata.num_rows)


def column_names(path: str | Path) -> list[str]:
    """Names of the columns of a parquet file; reads its footer alone."""
    with opened(path) as file:
        return list(file.schema_arrow.names)


def column_types(path: str | Path) -> dict[str, Any]:
    """numpy type of each column of a parquet file that is one of numbers; reads its footer alone."""
    with opened(path) as file:
        flat = [field for field in file.schema_arrow if not pa.types.is_nested(field.type)]
        return {field.name: np.dtype(field.type.to_pandas_dtype()) for field in flat}


def uncompressed_bytes(path: str | Path) -> int:
    """What a parquet file holds, by its footer."""
    with opened(path) as file:
        groups = range(file.metadata.num_row_groups)
        return sum(int(file.metadata.row_group(group).total_byte_size) for group in groups)
