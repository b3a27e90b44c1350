"""Writing a folder of a packed split piece by piece: the arrays need not be in memory."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError
from jetsmith.io.atomic import atomic_directory
from jetsmith.io.checksums import Summed
from jetsmith.io.json_files import write_json

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


class Writer:
    """The arrays of one folder, each of a shape that is known beforehand.

    Args:
        folder: Where they go.
        arrays: Type and shape of each, by name.
    """

    def __init__(self, folder: Path, arrays: Mapping[str, tuple[Any, Shape]]) -> None:
        self._folder, self._arrays = folder, arrays
        self._left = {name: shape[0] for name, (_, shape) in arrays.items()}
        self._files: dict[str, Summed] = {}
        self._order = hashlib.blake2b(digest_size=16)
        self._open = contextlib.ExitStack()
        for name, (dtype, shape) in arrays.items():
            summed = Summed(self._open.enter_context((folder / f"{name}.npy").open("wb")))
            descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
            header = {"descr": descr, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(summed, header)
            self._files[name] = summed

    def add(self, **arrays: Array) -> None:
        """Add rows to some of the arrays; a full disk is an error with a number."""
        for name, array in arrays.items():
            self._left[name] -= len(array)
            self._files[name].write(np.ascontiguousarray(array, self._arrays[name][0]).tobytes())

    def identify(self, order: Array, dataset: Array) -> None:
        """Tell whose rows those are: folders of one packing have the same, whatever else is in them."""
        rows = np.empty(len(order), [("order", "<u8"), ("dataset", "<i2")])
        rows["order"], rows["dataset"] = order, dataset
        self._order.update(rows.tobytes())

    def close(self) -> tuple[str, dict[str, str]]:
        """Digest of the rows, and checksums of the files."""
        self._open.close()
        wrong = {name: left for name, left in self._left.items() if left}
        if wrong:
            raise InputError(f"{self._folder}: rows that lack, or are too many (below 0): {wrong}")
        return self._order.hexdigest(), {f"{name}.npy": f"{f.crc:08x}" for name, f in self._files.items()}


@contextlib.contextmanager
def writing(
    path: str | Path,
    about: Mapping[str, Any],
    arrays: Mapping[str, tuple[Any, Shape]],
    meta: Mapping[str, Any] | None = None,
) -> Iterator[Writer]:
    """Write a folder of `.npy` files and `columns.json`, which has their checksums; atomic.

    Args:
        path: The folder.
        about: What it is: sample, split, group, rows, …; `order`, where `Writer.identify` is not called.
        arrays: Type and shape of each array, by name.
        meta: More for people, as `meta.json`.

    Raises:
        InputError: An array got another number of rows.
    """
    with atomic_directory(path) as folder:
        writer = Writer(folder, arrays)
        with contextlib.closing(writer._open):
            yield writer
            order, checksums = writer.close()
        write_json(folder / "columns.json", {"order": order, **about, "checksums": checksums})
        if meta is not None:
            write_json(folder / "meta.json", meta)
