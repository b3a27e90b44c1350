"""Opening ROOT files, and saying plainly what is wrong with one that cannot be read."""

import ast
import os
import re
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uproot

from jetsmith import remote
from jetsmith.errors import DamagedError, InputError
from jetsmith.sources import foreign, registry
from jetsmith.sources.trees import Table, table
from jetsmith.specs.datasets import LAYOUTS

REMOTE = remote.SCHEME
MAGIC = b"root"
SMALLEST = 403  # bytes that uproot reads first
NOT_ROOT = re.compile(r"not a ROOT file: first four bytes are (b(['\"]).*\2)")
CLOSED = "I/O operation on closed file"
RETRY_PAUSE_S = 2.0  # before the second turn over the replicas; twice as long before each further one
TREES = tuple(dict.fromkeys(name for layout in LAYOUTS.values() for name in layout.tables))
OTHERS = {  # tables that tell what a file is
    "Delphes": "a file of Delphes",
    "LHEF": "partons of an LHE file, as Delphes' converters write them",
    "RNT:CollectionTree": "a prototype of PHYSLITE as RNTuple, in the format before ROOT 6.34",
    "events": "a file of EDM4hep",
}
MOST_NAMED = 5
KINDS = ("TTree", "ROOT::RNTuple")
registry.keep_known()


@contextmanager
def open_root(path: str) -> Iterator[Any]:
    """Open a ROOT file, on a disk or at a root:// address.

    Raises:
        InputError: It is missing, empty, truncated, or no ROOT file; or a root:// address is asked
            for and the package that reads it is not installed.
        OSError: A remote file cannot be read now, at its opening or within the body; it is named,
            and may be opened again.
    """
    with registry.forgotten_if_damaged():
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
        magic = NOT_ROOT.match(str(error))  # of a remote file
        if magic:
            _check_magic(path, ast.literal_eval(magic[1]))
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
        head = stream.read(foreign.HEAD)
    _check_magic(path, head)
    expected = _end(head)
    if size < expected:
        raise DamagedError(_truncated(path, size, expected))


def _check_magic(path: str, head: bytes) -> None:
    """Say what a file is that does not begin as ROOT files do."""
    if head[:4] == MAGIC:
        return
    found = foreign.identify(head)
    if found.damaged:
        raise DamagedError(f"{path}: {found.what}")
    raise InputError(f"{path}: {found.what}; {foreign.READS}")


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
    """The tables that layouts read, by path; of one that was written several times, the last.

    Raises:
        InputError: There is none, which the message says with what is there; or an earlier cycle of one
            has more entries than the last, which is then no later state of the same table.
    """
    with damage_named(path):
        classes = file.classnames()
    cycles: dict[str, list[int]] = {}
    for key in classes:
        name, _, cycle = key.rpartition(";")
        cycles.setdefault(name, []).append(int(cycle))
    last = {name: classes[f"{name};{max(found)}"] for name, found in cycles.items()}
    found = [name for name in TREES if name in last]
    for name in found:
        if last[name] not in KINDS:
            raise InputError(f"{path}: `{name}` is a {last[name]}; {' and '.join(KINDS)} can be read")
    if not found:
        raise InputError(f"{path}: {_without_trees(last)}")
    with damage_named(path):
        tables = {name: table(file[name], name) for name in found}
        earlier = {name: _earlier(file, name, sorted(cycles[name])[:-1]) for name in found}
    for name, entries in earlier.items():
        _check_cycles(path, name, max(cycles[name]), tables[name].n_entries, entries)
    return tables


def _earlier(file: Any, name: str, cycles: list[int]) -> dict[int, int]:
    """Entries of the earlier cycles of a table."""
    return {cycle: table(file[f"{name};{cycle}"], name).n_entries for cycle in cycles}


def _check_cycles(path: str, name: str, cycle: int, n_entries: int, earlier: dict[int, int]) -> None:
    """ROOT leaves an earlier cycle where it saved a growing table; one that shrank was written anew."""
    if not earlier:
        return
    others = ", ".join(f"{number} has {entries:,}" for number, entries in earlier.items())
    message = (
        f"{path}: `{name}` was written {len(earlier) + 1} times: cycle {cycle} has {n_entries:,} entries"
    )
    if max(earlier.values()) > n_entries:
        raise InputError(
            f"{message}, {others}: two tables of one name; write the right one to a file of its own"
        )
    print(f"{message} and is read; {others}", file=sys.stderr)


def _without_trees(classes: dict[str, str]) -> str:
    """What a file without a table that we read is, and what is there."""
    for name, what in OTHERS.items():
        if name in classes:
            return f"{what} (`{name}`); {foreign.READS}"
    tables = [name for name, kind in classes.items() if kind in KINDS]
    inside = [name for name in tables if name.rpartition("/")[2] in TREES]
    if inside:
        return f"`{inside[0]}` is in a folder; copy it to the top of a file (rootcp, or TTree::CloneTree)"
    kinds = Counter(kind for name, kind in classes.items() if name not in tables)
    there = [f"{name} ({classes[name]})" for name in tables[:MOST_NAMED]]
    there += [f"{len(tables) - MOST_NAMED:,} more tables"] if len(tables) > MOST_NAMED else []
    there += [f"{n:,} {kind}" for kind, n in kinds.most_common(MOST_NAMED)]
    what = "no tree" if tables else "a ROOT file without trees: no tree"
    return (
        f"{what} `Events` (NanoAOD, PFNano), no `deepntuplizer/tree` (DeepNtuples), no `CollectionTree` and "
        f"no `EventData` (PHYSLITE), no `tree` (JetClass); there is {', '.join(there) or 'nothing'}"
    )


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
