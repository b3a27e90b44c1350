"""Columns as plain numpy buffers: one array a flat column, offsets and values a ragged one."""

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith.io import IntArray

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Lists:
    """A ragged column: a list of numbers a row.

    Attributes:
        offsets: Shape (N + 1,), from 0; row i owns values[offsets[i]:offsets[i + 1]].
        values: Shape (total,).
    """

    offsets: IntArray
    values: Array

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> IntArray:
        """Length of each list, shape (N,)."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> IntArray:
        """Row of each value, shape (total,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    def slot(self, index: int) -> Array:
        """Element `index` of each list, NaN where it is shorter; shape (N,), floating."""
        kind = self.values.dtype if self.values.dtype.kind == "f" else np.dtype(np.float64)
        found = np.full(len(self), np.nan, kind)
        has = self.counts > index
        found[has] = self.values[self.offsets[:-1][has] + index]
        return found

    def where(self, mask: npt.NDArray[np.bool_]) -> "Lists":
        """The values with True in `mask` (total,)."""
        before = np.zeros(len(mask) + 1, np.int64)
        np.cumsum(mask, out=before[1:])
        return Lists(before[self.offsets], self.values[np.flatnonzero(mask)])

    def falling(self) -> IntArray:
        """Indices that put each list in falling order, NaN last; equal values keep their order."""
        known = np.where(np.isnan(self.values), -np.inf, self.values)  # awkward leaves their place open
        lists = ak.Array(_layout(Lists(self.offsets, known)))
        order = ak.argsort(lists, axis=1, ascending=False, stable=True)
        found = np.asarray(ak.flatten(order)) + np.repeat(self.offsets[:-1], self.counts)
        return np.asarray(found, np.int64)

    def largest(self) -> Array:
        """Largest number of each list, NaN where there is none; shape (N,), floating."""
        found = np.full(len(self), np.nan)
        filled = self.counts > 0
        if filled.any():
            found[filled] = np.fmax.reduceat(self.values, self.offsets[:-1][filled])
        return found


Table = dict[str, Array | Lists]


def to_table(rows: ak.Array) -> Table:
    """The buffers of a record array; fields are numbers or lists of numbers."""
    table: Table = {}
    for name in rows.fields:
        column = rows[name]
        if column.ndim == 1:
            table[name] = np.asarray(ak.to_numpy(column))
            continue
        layout = ak.materialize(column).layout.to_ListOffsetArray64(True)
        offsets = np.asarray(layout.offsets.data)
        table[name] = Lists(offsets, np.asarray(ak.to_numpy(layout.content))[: offsets[-1]])
    return table


def to_rows(table: Table, n_rows: int) -> ak.Array:
    """The record array of `n_rows` rows with these buffers."""
    contents = [_layout(column) for column in table.values()]
    return ak.Array(ak.contents.RecordArray(contents, list(table), length=n_rows))


def _layout(column: Array | Lists) -> Any:
    if isinstance(column, Lists):
        offsets = ak.index.Index64(np.ascontiguousarray(column.offsets, np.int64))
        return ak.contents.ListOffsetArray(offsets, ak.contents.NumpyArray(column.values))
    return ak.contents.NumpyArray(np.ascontiguousarray(column))
