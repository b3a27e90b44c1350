"""Opening ROOT files, and saying plainly what is wrong with one that cannot be read."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uproot

from jetsmith import remote
from jetsmith.errors import DamagedError, InputError
from jetsmith.sources.trees import Table, table

REMOTE = remote.SCHEME
MAGIC = b"root"
SMALLEST = 403  # bytes that uproot reads first
CLOSED = "I/O operation on closed file"
RETRY_PAUSE_S = 2.0  # before the second turn over the replicas; twice as long before each further one
TREES = ("Events", "deepntuplizer/tree", "CollectionTree")
KINDS = ("TTree", "ROOT::RNTuple")


@contextmanager
def open_root(path: str) -> Iterator[Any]:
    """Open a ROOT file, on a disk or at a root:// address.

    Raises:
        InputError: It is missing, empty, truncated, or no ROOT file; or a root:// address is asked
            for and the package that reads it is not installed.
        OSError: A remote file cannot be read now, at its opening or within the body; it is named,
            and may be opened again.
    """
    if path.startswith(REMOTE):
        with _named(path), _open(path, _remote_size(path)) as file:
            yield file
    else:
        _check_local(path)
        with _open(path, os.path.getsize(path)) as file:
            yield file


@contextmanager
def _open(path: str, size: int) -> Iterator[Any]:
    try:
        file = uproot.open({path: None})  # as a name a path may hold `.root:`, which uproot would split
    except ImportError as error:
        raise InputError(
            f"{path}: reading root:// needs the packages fsspec-xrootd and XRootD; "
            f"install the extra `xrootd` ({error})"
        ) from error
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever uproot raises on damaged bytes
        if CLOSED in str(error):  # a connection that another read lost
            raise OSError(str(error)) from error
        raise DamagedError(f"{path}: a damaged ROOT file: {_first_line(error)}; copy it again") from error
    with file:
        expected = int(file.file.fEND)
        if size < expected:
            raise DamagedError(_truncated(path, size, expected))
        yield file


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Name the remote file in an OSError, and let go of the connection that it came from."""
    try:
        yield
    except OSError as error:
        remote.forget(path)
        raise remote.explain(path, error) from error


def _remote_size(path: str) -> int:
    size = remote.remote_size(path)
    if size < SMALLEST:
        raise DamagedError(f"{path}: {size:,} bytes, less than any ROOT file has; copy it again")
    return size


def _check_local(path: str) -> None:
    if not os.path.exists(path):
        raise DamagedError(
            f"{path}: no such file; check `files` and `data_root`, or remove the entry"
        ) from FileNotFoundError(path)
    if os.path.isdir(path):
        raise InputError(f"{path}: a folder; `files` takes ROOT files or a glob such as {path}/*.root")
    size = os.path.getsize(path)
    if size == 0:
        raise DamagedError(f"{path}: empty (0 bytes), as an interrupted copy leaves it; copy it again")
    with open(path, "rb") as stream:
        head = stream.read(20)
    if head[:4] != MAGIC:
        raise DamagedError(f"{path}: not a ROOT file (it starts with {head[:4]!r}, not {MAGIC!r})")
    expected = _end(head)
    if size < expected:
        raise DamagedError(_truncated(path, size, expected))


def _truncated(path: str, size: int, expected: int) -> str:
    return f"{path}: truncated: {size:,} bytes, its header says {expected:,}; copy it again"


def _end(head: bytes) -> int:
    """Size of the file by its own header: fEND, 4 bytes, or 8 in files above 2 GB."""
    if len(head) < 20:
        return 20
    version = int(struct.unpack(">i", head[4:8])[0])
    large = version >= 1_000_000
    return int(struct.unpack(">q", head[12:20])[0] if large else struct.unpack(">i", head[12:16])[0])


def find_trees(file: Any, path: str) -> dict[str, Table]:
    """The tables that layouts read, by path.

    Raises:
        InputError: There is none; the message names what is there.
    """
    with damage_named(path):
        classes = {name.split(";")[0]: kind for name, kind in file.classnames().items()}
    found = [name for name in TREES if name in classes]
    for name in found:
        if classes[name] not in KINDS:
            raise InputError(f"{path}: `{name}` is a {classes[name]}; {' and '.join(KINDS)} can be read")
    if not found:
        there = ", ".join(f"{name} ({kind})" for name, kind in classes.items()) or "nothing"
        raise InputError(
            f"{path}: no tree `Events` (NanoAOD, PFNano), no `deepntuplizer/tree` (DeepNtuples) and no "
            f"`CollectionTree` (PHYSLITE); there is {there}"
        )
    with damage_named(path):
        return {name: table(file[name], name) for name in found}


@contextmanager
def damage_named(path: str) -> Iterator[None]:
    """Make whatever uproot raises on damaged metadata a DamagedError; nothing of ours belongs inside."""
    try:
        yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:
        raise DamagedError(
            f"{path}: damaged metadata: {type(error).__name__}: {_first_line(error)}; copy the file again"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
