"""One face for the kinds of file that hold events or jets: ROOT files, LHE files and Parquet files."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from jetsmith.sources import files, leshouches, parquet, trees
from jetsmith.sources.partons import PATH, EventTable
from jetsmith.sources.trees import Table


class Known(NamedTuple):
    """What a plan knows of a file: UUID, size [B], and when it was changed last [ns]; 0: nobody knows."""

    uuid: str
    n_bytes: int
    changed_ns: int


class Opened(Protocol):
    """What inspect and skim need of a file.

    Attributes:
        uuid: What tells it from other files, if not from its copies.
        n_bytes: Its size [B].
        objects: What else is in it, by name.
    """

    @property
    def uuid(self) -> str: ...

    def uuid_of(self, planned: Known) -> str:
        """Its UUID: that of who has planned where telling takes reading all of a file, and its size and
        time are those of then."""

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

    def uuid_of(self, planned: Known) -> str:
        return self.uuid

    @property
    def n_bytes(self) -> int:
        return int(self.objects.file.fEND)

    def tables(self) -> Mapping[str, Table]:
        return files.find_trees(self.objects, self._path)

    def table(self, path: str, n_entries: int) -> Table:
        return trees.table(self.objects[path], path)

    def piece(self, start: int, stop: int) -> bytes:
        return np.asarray(self.objects.file.source.chunk(start, stop).raw_data).tobytes()


class _WithoutUuid:
    """A file on a disk that is known by its whole content, which is read where somebody asks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.n_bytes = Path(path).stat().st_size
        self._changed_ns = changed_ns(path)
        self.objects: dict[str, Any] = {}

    @cached_property
    def uuid(self) -> str:
        return leshouches.uuid_of(self._path)

    def uuid_of(self, planned: Known) -> str:
        is_of_then = planned[1:] == (self.n_bytes, self._changed_ns) and planned.changed_ns > 0
        return planned.uuid if is_of_then else self.uuid

    def piece(self, start: int, stop: int) -> bytes:
        with open(self._path, "rb") as stream:
            stream.seek(start)
            return stream.read(stop - start)


class LheFile(_WithoutUuid):
    """An LHE file on a disk (see `Opened`)."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._tables: list[EventTable] = []

    def tables(self) -> Mapping[str, Table]:
        return {PATH: self._opened(None)}

    def table(self, path: str, n_entries: int) -> Table:
        return self._opened(n_entries)

    def _opened(self, n_entries: int | None) -> EventTable:
        self._tables.append(EventTable(self._path, n_entries))
        return self._tables[-1]

    def close(self) -> None:
        """Close its tables."""
        while self._tables:
            self._tables.pop().close()


class ParquetFile(_WithoutUuid):
    """A Parquet file on a disk (see `Opened`)."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._table = parquet.JetTable(path)

    def tables(self) -> Mapping[str, Table]:
        return {parquet.PATH: self._table}

    def table(self, path: str, n_entries: int) -> Table:
        return self._table

    def close(self) -> None:
        """Close it."""
        self._table.close()


def changed_ns(path: str) -> int:
    """When a file was changed last, by its file system [ns]; 0 where it has none, as of a remote one."""
    return os.stat(path).st_mtime_ns if os.path.exists(path) else 0


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
