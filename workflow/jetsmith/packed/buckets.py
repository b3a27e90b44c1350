"""Rows on the disk in ranges of a hash: what is too large to be sorted in memory is sorted range by range."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.io.types import FloatArray, IntArray

Array = npt.NDArray[Any]
MOST = 4096  # buckets, a file or two each


class Buckets:
    """Records with a field `order`, by ranges of it that hold about as many; within one, as they were added.

    Where records have a field `count`, each owns so many lines of further values.

    Args:
        folder: Where the files go.
        n_bytes: Of all that will be added, about.
        bucket_bytes: Of a bucket.
        dtype: Of the records; `order` is uint64, uniform over all of its numbers.
        n_values: Numbers in a line of values; None where records own none.
    """

    def __init__(
        self, folder: Path, n_bytes: int, bucket_bytes: int, dtype: np.dtype[Any], n_values: int | None
    ) -> None:
        self._folder, self._dtype, self._n_values = folder, dtype, n_values
        wanted = min(max(-(-n_bytes // bucket_bytes), 1), MOST)
        self._bits = (wanted - 1).bit_length()  # of the order, that tell the bucket

    def add(self, records: Array, values: FloatArray | None = None) -> None:
        """Add records, shape (n,), and their values, shape (total, F), one record's behind the other's."""
        bucket = np.zeros(len(records), np.int64)
        if self._bits:
            bucket = (records["order"] >> np.uint64(64 - self._bits)).astype(np.int64)
        place = np.argsort(bucket, kind="stable")
        changes = np.flatnonzero(np.diff(bucket[place])) + 1
        for here in np.split(place, changes) if len(place) else ():
            name = f"{bucket[here[0]]:04d}"
            with (self._folder / f"{name}.records").open("ab") as file:
                records[here].tofile(file)
            if values is not None and self._n_values:
                with (self._folder / f"{name}.values").open("ab") as file:
                    gather(values, records["count"], here).tofile(file)

    def __iter__(self) -> Iterator[tuple[Array, FloatArray | None]]:
        """Records and values of each bucket, in rising ranges; its files go."""
        for path in sorted(self._folder.glob("*.records")):
            records, values = np.fromfile(path, self._dtype), None
            beside = path.with_suffix(".values")
            if self._n_values is not None:
                values = np.empty((int(records["count"].sum()), self._n_values), np.float32)
            if self._n_values:
                values = np.fromfile(beside, np.float32).reshape(-1, self._n_values)
                beside.unlink()
            path.unlink()
            yield records, values


def gather(values: FloatArray, counts: IntArray, rows: IntArray) -> FloatArray:
    """The values of some rows, in their order.

    Args:
        values: Shape (total, F), one row's behind the other's.
        counts: How many each row has, shape (N,).
        rows: Rows, shape (n,).
    """
    ends = np.cumsum(counts)
    wanted = counts[rows]
    starts = ends[rows] - wanted
    offsets = np.cumsum(wanted) - wanted
    index = np.arange(int(wanted.sum())) + np.repeat(starts - offsets, wanted)
    return np.asarray(values[index])
