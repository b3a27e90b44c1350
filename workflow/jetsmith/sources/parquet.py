"""A Parquet file of jets as a table (see `trees.Table`): columns are branches, row groups stored blocks."""

import os
import re
from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import accumulate

import awkward as ak
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jetsmith.errors import DamagedError

PATH = "tree"  # as JetClass calls its table in ROOT files
MAGIC = b"PAR1"
BATCH = 4096  # jets that are decoded at once
LISTS = re.compile(r"(part|genpart|aux_genpart)_\w+")  # columns with a list a jet


def is_parquet(path: str) -> bool:
    """Whether a file on a disk begins as Parquet files do."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


class JetTable:
    """The jets of a Parquet file (see `trees.Table`).

    Numbers and lists of numbers are read, no objects and nothing that would run code.

    Args:
        path: The file.

    Raises:
        DamagedError: What describes its content, at its end, cannot be read.
    """

    path = PATH

    def __init__(self, path: str) -> None:
        try:
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
            self._schema = self._file.schema_arrow
        except MemoryError:
            raise
        except Exception as error:  # whatever pyarrow raises on damaged bytes, an OSError among it
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise DamagedError(f"{path}: a damaged Parquet file: {reason}; copy it again") from error
        self._metadata = self._file.metadata
        self.n_entries: int = self._metadata.num_rows
        if sum(self._sizes) != self.n_entries:
            raise DamagedError(
                f"{path}: a damaged Parquet file: it announces {self.n_entries:,} rows, and has "
                f"{sum(self._sizes):,} in its row groups; copy it again"
            )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @cached_property
    def branches(self) -> set[str]:
        """Names of its columns."""
        return set(self._schema.names)

    def unreadable(self, names: Collection[str]) -> dict[str, str]:
        """Those of these columns that are not what JetClass has there, and why."""
        return {name: reason for name in names if (reason := self._reason(name))}

    def _reason(self, name: str) -> str:
        places = self._schema.get_all_field_indices(name)
        if len(places) != 1:
            return f"there {len(places)} times; one column of that name would be right"
        kind = self._schema.field(places[0]).type
        wants_list = LISTS.fullmatch(name) is not None
        inner = kind.value_type if wants_list and _is_list(kind) else kind
        if wants_list == _is_list(kind) and _is_number(inner):
            return ""
        return f"of the type {kind}; {'a list of numbers' if wants_list else 'a number'} a jet would be right"

    def bounds(self, names: Collection[str]) -> list[int]:
        """Jets at which the row groups begin, and the end."""
        return sorted({0, *accumulate(self._sizes)})

    @cached_property
    def _sizes(self) -> list[int]:
        return [self._metadata.row_group(i).num_rows for i in range(self._metadata.num_row_groups)]

    def entry_bytes(self, names: Collection[str]) -> float:
        """Unpacked bytes of these columns a jet."""
        wanted = set(names)
        size = 0
        for i in range(self._metadata.num_row_groups):
            group = self._metadata.row_group(i)
            chunks = (group.column(j) for j in range(group.num_columns))
            size += sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.split(".")[0] in wanted)
        return size / self.n_entries if self.n_entries else 0.0

    def codec(self) -> str:
        """Compression of its first column."""
        if not self._metadata.num_row_groups or not self._metadata.num_columns:
            return "none"
        found = str(self._metadata.row_group(0).column(0).compression)
        return "none" if found == "UNCOMPRESSED" else found

    def read(self, names: Collection[str], start: int, stop: int) -> dict[str, ak.Array]:
        """Jets `start` to `stop` of these columns; of row groups before and behind nothing is decoded.

        Raises:
            ValueError: A column has an empty value, or the file ends before.
        """
        begins = [0, *accumulate(self._sizes)]
        groups = [i for i, size in enumerate(self._sizes) if begins[i] < stop and begins[i] + size > start]
        place = begins[groups[0]] if groups else start
        pieces = []
        batches = self._file.iter_batches(BATCH, groups, columns=list(names), use_threads=False)
        for batch in batches:
            first, last = max(start - place, 0), min(stop - place, batch.num_rows)
            if first < last:
                pieces.append(batch.slice(first, last - first))
            place += batch.num_rows
            if place >= stop:
                break
        if sum(piece.num_rows for piece in pieces) != stop - start:
            raise ValueError(f"it ends at entry {place:,}, where {stop:,} were announced")
        return {name: _array(name, self._schema.field(name).type, pieces) for name in names}


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _array(name: str, kind: pa.DataType, pieces: Sequence[pa.RecordBatch]) -> ak.Array:
    """A column of some batches; what is empty stands for no number."""
    column = pa.chunked_array([piece.column(name) for piece in pieces], kind).combine_chunks()
    content = column.flatten() if _is_list(kind) else column
    if column.null_count or content.null_count:
        n_null = column.null_count or content.null_count
        raise ValueError(f"column {name} has empty values (null, {n_null:,} here) where numbers have to be")
    flat = content.to_numpy(zero_copy_only=False)
    if not _is_list(kind):
        return ak.Array(flat)
    return ak.unflatten(flat, pc.list_value_length(column).to_numpy(zero_copy_only=False))
