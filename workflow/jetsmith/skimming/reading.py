"""Reading chunks of a partition: replicas, bounded retries, and the loss that is left.

`ChunkReader` is what coffea's executors and Dask workers run. It holds no state but the file that
is open, so any process can read any chunk.
"""

import gc
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import awkward as ak

from jetsmith import remote, sources
from jetsmith.columns import EVENT_KEY
from jetsmith.errors import DamagedError, InputError, causes
from jetsmith.handed.account import CutStep, Loss
from jetsmith.handed.plan import Plan
from jetsmith.io import IntArray
from jetsmith.skimming.plan import chunks
from jetsmith.sources import files
from jetsmith.sources.flat import whole
from jetsmith.sources.opened import Known, open_file
from jetsmith.sources.trees import Events, ReadError, Table
from jetsmith.specs.datasets import CutsSpec, ReadingSpec
from jetsmith.specs.skimming import XRootDSpec

READ_FAILURES = (DamagedError, ReadError)
REMEMBERED_S = 300.0  # a server that failed is asked last for so long
CHUNK_BYTES = 100e6  # uncompressed; two chunks are in memory, and PFNano holds 5 kB an event


@dataclass(frozen=True)
class Chunk:
    """Entries of a file that are read at once.

    Attributes:
        index: Place in the partition.
        file: Path or address, as planned.
        place: Number of the file in the plan.
        planned: Its uuid, bytes and time, as inspect saw them.
        entries: Its entries, likewise.
        tree: Path of its table.
        branches: What is read of it.
        start: First entry.
        stop: Entry behind the last.
    """

    index: int
    file: str
    place: int
    planned: Known
    entries: int
    tree: str
    branches: tuple[str, ...]
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Outcome:
    """What became of a chunk: rows, or a loss.

    Attributes:
        chunk: The chunk.
        rows: Canonical columns of the rows that pass; None where it is lost.
        cutflow: Rows and weights after each cut; empty where it is lost.
        identity: Run, luminosity block and event of every entry, shape (entries,) each.
        loss: Why, where it is lost, else None.
    """

    chunk: Chunk
    rows: ak.Array | None = None
    cutflow: tuple[CutStep, ...] = ()
    identity: tuple[IntArray, IntArray, IntArray] | None = None
    loss: Loss | None = None


def chunks_of(plan: Plan, part: int, most: int) -> list[Chunk]:
    """The chunks of a partition in order, each of `most` entries and `CHUNK_BYTES` at most."""
    places = {record.file: index for index, record in enumerate(plan.files)}
    found: list[Chunk] = []
    for piece in plan.parts[part].ranges:
        place = places[piece.file]
        record = plan.files[place]
        size = max(1, min(most, int(CHUNK_BYTES / max(record.entry_bytes, 1e-9))))
        branches = plan.schemas[record.schema].branches
        for start, stop in chunks(piece.start, piece.stop, record.bounds, size):
            planned = Known(record.uuid, record.bytes, record.changed_ns)
            about = record.file, place, planned, record.entries, record.tree, branches
            found.append(Chunk(len(found), *about, start, stop))
    return found


@dataclass
class ChunkReader:
    """Turns chunks into rows.

    Attributes:
        layout: ROOT layout of the files.
        spec: The dataset.
        selection: Cuts on its jets.
        columns: Canonical columns that every file gives, in order.
        retries: Further turns over all replicas after an error that may pass.
        xrootd: Servers that may hold remote files, too, and the time they have to answer.
    """

    layout: str
    spec: ReadingSpec
    selection: CutsSpec
    columns: Sequence[str]
    retries: int = 0
    xrootd: XRootDSpec = field(default_factory=XRootDSpec)
    _opened: tuple[str, ExitStack, Table] | None = field(default=None, repr=False)
    _lost: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)
    _failed_at: dict[str, float] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    def __call__(self, chunk: Chunk) -> list[Outcome]:
        """The outcome, in a list as coffea's executors add results up.

        Raises:
            InputError: The file is another one than was planned, or its content makes no sense.
        """
        _tidy()
        # A file that could not be opened was waited for once; a partition has many chunks.
        if chunk.file in self._lost:
            return [_as_lost(chunk, *self._lost[chunk.file])]
        attempts, failures, was_open = 0, dict[str, Exception](), False
        for turn in range(self.retries + 1):
            if turn:
                time.sleep(files.RETRY_PAUSE_S * 2 ** (turn - 1))
            was_open = False
            for address in self._addresses(chunk):
                attempts += 1
                try:
                    return [self.read(chunk, address)]
                except (InputError, ReadError) as error:
                    failures[address] = error
                    was_open |= self._opened is not None
                    self._give_up(address, error)
                    print(f"attempt {attempts}: {address}: {_reason(error)}", file=sys.stderr, flush=True)
            if not any(map(_may_pass, failures.values())):
                break
        for failure in failures.values():
            if not isinstance(failure, READ_FAILURES):
                raise failure
        reason = "; ".join(dict.fromkeys(map(_reason, failures.values())))
        if not was_open and any(map(_may_pass, failures.values())):
            self._lost[chunk.file] = reason, attempts
        return [_as_lost(chunk, reason, attempts)]

    def _addresses(self, chunk: Chunk) -> list[str]:
        """Replicas in the order in which they are tried: the open one first, lately failed ones last."""
        found = remote.replicas(chunk.file, self.xrootd.redirectors)
        opened = self._opened[0] if self._opened is not None else None
        now = time.monotonic()

        def rank(address: str) -> tuple[bool, bool]:
            failed_at = self._failed_at.get(remote.server(address), -REMEMBERED_S)
            return address != opened, now - failed_at < REMEMBERED_S

        return sorted(found, key=rank)

    def _give_up(self, address: str, error: Exception) -> None:
        self._close()
        if address.startswith(remote.SCHEME) and isinstance(error, READ_FAILURES):
            remote.forget(address)
            if _may_pass(error):
                self._failed_at[remote.server(address)] = time.monotonic()

    def read(self, chunk: Chunk, address: str) -> Outcome:
        source = sources.load(self.layout)
        events = Events(
            self.table(chunk, address),
            chunk.branches,
            source.selecting(self.spec),
            chunk.start,
            chunk.stop,
        )
        where = f"{address}, entries {chunk.start:,} to {chunk.stop:,}"
        try:
            rows, cutflow = source.rows(events, self.spec, self.selection)
            run, block, event = (
                whole(name, found, column.dtype)
                for (name, column), found in zip(EVENT_KEY.items(), source.identity(events), strict=True)
            )
            return Outcome(chunk, rows[list(self.columns)], tuple(cutflow), (run, block, event))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        except ReadError:
            raise
        except Exception as error:
            error.add_note(f"while reading {where}: a defect of jetsmith, or damage that looks like data")
            raise

    def table(self, chunk: Chunk, address: str) -> Table:
        """The table of the chunk's file, which stays open for the next chunk."""
        if self._opened is not None and self._opened[0] == address:
            return self._opened[2]
        self._close()
        if address.startswith(remote.SCHEME):
            remote.configure_client(self.xrootd.timeout_s)
        with ExitStack() as stack:
            try:
                file = stack.enter_context(open_file(address))
                found = file.table(chunk.tree, chunk.entries)
                now = file.uuid_of(chunk.planned), file.n_bytes, found.n_entries
            except (InputError, MemoryError):
                raise
            except Exception as error:
                raise ReadError(address) from error
            then = chunk.planned.uuid, chunk.planned.n_bytes, chunk.entries
            if now != then:
                seen, planned = ("uuid {}, {:,} bytes, {:,} entries".format(*who) for who in (now, then))
                raise InputError(
                    f"{address}: changed since inspect ({seen}; planned {planned}); "
                    "remove the inspect file of its dataset and run again"
                )
            self._opened = address, stack.pop_all(), found
        return found

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(Exception):  # a broken connection cannot be closed either
                opened[1].close()


def _as_lost(chunk: Chunk, reason: str, attempts: int) -> Outcome:
    return Outcome(chunk, loss=Loss(chunk.file, chunk.start, chunk.stop, reason, attempts))


def _tidy() -> None:
    """Collect what earlier chunks left behind: uproot's objects refer to each other in circles.

    Python itself would wait until gigabytes of arrays hang on them. What is there before the first
    chunk, mostly modules, is set aside once, so that a collection takes milliseconds.
    """
    _set_aside()
    gc.collect()


@cache
def _set_aside() -> None:
    gc.freeze()


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed: damage stays, a failed read may pass."""
    return any(isinstance(cause, OSError) or files.CLOSED in str(cause) for cause in causes(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, InputError):
        return str(error)
    cause = list(causes(error))[-1]
    return f"{type(cause).__name__}: {(str(cause).strip().splitlines() or [''])[0]}"
