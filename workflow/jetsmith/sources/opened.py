"""One face for the kinds of file that hold events or jets: ROOT files, LHE files and Parquet files."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jetsmith.sources import files, leshouches, parquet, trees
from jetsmith.sources.partons import PATH, EventTable
from jetsmith.sources.trees import Table


class Opened(Protocol):
    """What inspect and skim need of a file.

    Attributes:
        uuid: What tells it from other files, if not from its copies.
        n_bytes: Its size [B].
        objects: What else is in it, by name.
    """

    @property
    def uuid(self) -> str: ...

    @property
    def n_bytes(self) -> int: ...

    @property
    def objects(self) -> Any: ...

    def tables(self) -> Mapping[str, Table]:
        """Its tables that layouts read, by path."""

    def table(self, path: str, n_entries: int) -> Table:
        """One of them, which had so many entries when it was planned; where counting takes reading all of a
        file, it is not counted again."""

    def piece(self, start: int, stop: int) -> bytes:
        """Some of its bytes, as they are stored."""


class RootFile:
    """A ROOT file (see `Opened`), as uproot opened it."""

    def __init__(self, file: Any, path: str) -> None:
        self.objects, self._path = file, path

    @property
    def uuid(self) -> str:
        return str(self.objects.file.uuid)

    @property
    def n_bytes(self) -> int:
        return int(self.objects.file.fEND)

    def tables(self) -> Mapping[str, Table]:
        return files.find_trees(self.objects, self._path)

    def table(self, path: str, n_entries: int) -> Table:
        return trees.table(self.objects[path], path)

    def piece(self, start: int, stop: int) -> bytes:
        return np.asarray(self.objects.file.source.chunk(start, stop).raw_data).tobytes()


class LheFile:
    """An LHE file on a disk (see `Opened`)."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.uuid = leshouches.uuid_of(path)
        self.n_bytes = Path(path).stat().st_size
        self.objects: dict[str, Any] = {}
        self._tables: list[EventTable] = []

    def tables(self) -> Mapping[str, Table]:
        return {PATH: self._opened(None)}

    def table(self, path: str, n_entries: int) -> Table:
        return self._opened(n_entries)

    def _opened(self, n_entries: int | None) -> EventTable:
        self._tables.append(EventTable(self._path, n_entries))
        return self._tables[-1]

    def piece(self, start: int, stop: int) -> bytes:
        return _piece(self._path, start, stop)

    def close(self) -> None:
        """Close its tables."""
        while self._tables:
            self._tables.pop().close()


class ParquetFile:
    """A Parquet file on a disk (see `Opened`)."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._table = parquet.JetTable(path)
        self.uuid = leshouches.uuid_of(path)
        self.n_bytes = Path(path).stat().st_size
        self.objects: dict[str, Any] = {}

    def tables(self) -> Mapping[str, Table]:
        return {parquet.PATH: self._table}

    def table(self, path: str, n_entries: int) -> Table:
        return self._table

    def piece(self, start: int, stop: int) -> bytes:
        return _piece(self._path, start, stop)

    def close(self) -> None:
        """Close it."""
        self._table.close()


def changed_ns(path: str) -> int:
    """When a file was changed last, by its file system [ns]; 0 where it has none, as of a remote one."""
    return os.stat(path).st_mtime_ns if os.path.exists(path) else 0


def _piece(path: str, start: int, stop: int) -> bytes:
    with open(path, "rb") as stream:
        stream.seek(start)
        return stream.read(stop - start)


@contextmanager
def open_file(path: str) -> Iterator[Opened]:
    """Open a file of any layout, by its content.

    Raises:
        InputError: It is none, or damaged (see `files.open_root`, `leshouches.Text`, `parquet.JetTable`).
        OSError: A remote file cannot be read now.
    """
    kind = LheFile if leshouches.is_lhe(path) else ParquetFile if parquet.is_parquet(path) else None
    if kind is not None:
        with closing(kind(path)) as file:
            yield file
    else:
        with files.open_root(path) as root:
            yield RootFile(root, path)
