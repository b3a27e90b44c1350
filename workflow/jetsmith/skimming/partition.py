"""Stage skim: the entries of one partition as rows of canonical columns, every entry accounted for.

The chunks of the plan go through a coffea executor, iterative or over processes, in order. What
cannot be read in a bounded number of attempts is declared in the report, and stage account
decides. Nothing is skipped in silence, and the report is written last: where it is, all is there.
"""

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import awkward as ak
import loky
import numpy as np
from coffea import processor
from coffea.util import coffea_console

from jetsmith import io, lifeline
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep, FileRead, Loss, PartReport
from jetsmith.handed.plan import Plan
from jetsmith.progress import Progress
from jetsmith.skimming.reading import Chunk, ChunkReader, Outcome, chunks_of
from jetsmith.sources.flat import merge_cutflows, no_rows
from jetsmith.specs.datasets import CutsSpec, ReadingSpec
from jetsmith.specs.skimming import SkimSpec, XRootDSpec

REMOTE = XRootDSpec()
Execute = Callable[[Sequence[Chunk]], list[Outcome]]


def skim_partition(
    name: str,
    spec: ReadingSpec,
    selection: CutsSpec,
    settings: SkimSpec,
    plan: str | Path,
    part: int,
    rows: str | Path,
    report: str | Path,
    identity: str | Path,
    golden_json: str | None = None,
    xrootd: XRootDSpec = REMOTE,
    threads: int = 1,
) -> None:
    """Read one partition and write its rows and what became of its entries.

    Args:
        name: The dataset.
        spec: Its record.
        selection: Cuts on its jets.
        settings: Chunk size, retries.
        plan: JSON file of stage inspect.
        part: Index of the partition.
        rows: Parquet file to write; without rows it still has all columns.
        report: JSON file to write: planned and processed entries, lost ranges, sums of weights
            before cuts, cutflow, rows by flavour. It holds no times: the same input gives the same.
        identity: Parquet file to write: run, luminosity block, event and file of every entry read.
        golden_json: Path of the certified luminosity blocks, where the dataset has them.
        xrootd: Servers that may hold remote files, too, and the time they have to answer.
        threads: Processes that read; one reads in this process.

    Raises:
        InputError: A file changed since inspect, or the golden JSON cannot be read.
    """
    planned = io.read_record(Plan, plan, dataset=name)
    reader = ChunkReader(
        planned.layout or "",
        spec.model_copy(update={"golden_json": golden_json}),
        selection,
        planned.columns,
        settings.retries,
        xrootd,
    )
    todo = chunks_of(planned, part, settings.chunk_entries)
    progress = Progress(f"skim {name} {part:03d}", sum(map(len, todo)), "entries")
    subject = {"dataset": name, "part": f"{part:03d}"}
    with (
        executor(reader, threads, settings.retries) as execute,
        io.identity_writer(identity, **subject) as identify,
    ):
        tally = Tally(progress, identify)
        pieces = tally.collect(read_ahead(execute, todo, threads))
        io.write_rows(rows, chain([no_rows(list(planned.columns), spec.object)], pieces), **subject)
    found = tally.report(name, part, sum(map(len, todo)))
    _check_written(rows, found.n_rows)
    _check_written(identity, found.n_processed)
    io.write_record(report, found)


@contextmanager
def executor(reader: ChunkReader, threads: int, retries: int) -> Iterator[Execute]:
    """Something that reads chunks with coffea: in this process, or in `threads` others.

    A process that is killed is replaced and its chunks are read again, `retries` times in all.
    """
    coffea_console.quiet = True  # progress is told a partition, not a chunk
    if threads == 1:
        alone = processor.IterativeExecutor(status=False, compression=None)
        yield lambda batch: alone(list(batch), reader, [])[0]
        return

    def start() -> Any:
        # loky starts its processes anew: a fork would take the client of XRootD along, which then hangs.
        return loky.ProcessPoolExecutor(threads, initializer=_begin, initargs=(reader,))

    pool, killed = start(), 0

    def execute(batch: Sequence[Chunk]) -> list[Outcome]:
        nonlocal pool, killed
        while True:
            futures = processor.FuturesExecutor(pool=pool, workers=threads, status=False, compression=None)
            try:
                found = futures(list(batch), _read, [])[0]
                for error in (item for item in found if isinstance(item, Exception)):
                    raise error
                return sorted(found, key=lambda outcome: outcome.chunk.index)
            except BrokenProcessPool as error:
                killed += 1
                pool.shutdown(kill_workers=True)
                if killed > retries:
                    raise InputError(
                        f"{batch[0].file}: a reading process was killed {killed} times, as it happens when "
                        "the memory is full: ask for more (mem_mb), or read less at once (skim.chunk_entries)"
                    ) from error
                print(f"a reading process was killed ({error}); its chunks are read again", file=sys.stderr)
                pool = start()

    try:
        yield execute
    finally:
        pool.shutdown(kill_workers=True)


_PROCESS: dict[str, ChunkReader] = {}  # in a reading process: its reader, which keeps the file open


def _begin(reader: ChunkReader) -> None:
    lifeline.follow()
    _PROCESS["reader"] = reader


def _read(chunk: Chunk) -> Sequence[Outcome | Exception]:
    """Outcome or error: coffea prints a page about whatever a process raises, before any message."""
    try:
        return _PROCESS["reader"](chunk)
    except InputError as error:
        return [error]
    except Exception as error:  # as text: one that cannot travel would look like a killed process
        found = RuntimeError(f"{type(error).__name__}: {error}")
        found.add_note(traceback.format_exc())
        return [found]


def read_ahead(execute: Execute, todo: Sequence[Chunk], threads: int) -> Iterator[Outcome]:
    """Outcomes in order; a batch is read while the one before is used, so two are in memory."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = None
        for first in range(0, len(todo), threads):
            following = pool.submit(execute, todo[first : first + threads])
            if waiting is not None:
                yield from waiting.result()
            waiting = following
        if waiting is not None:
            yield from waiting.result()


class Tally:
    """Counts what became of the chunks while their rows pass through.

    Args:
        progress: Is told of every chunk.
        identify: Is given run, luminosity block, event and file of every entry that was read.

    Attributes:
        n_processed: Entries that were read.
        lost: Chunks that were not.
        files: By file: entries that were read, sum of their weights and of the squares.
        cutflows: One a chunk.
        flavours: Rows by truth id.
    """

    def __init__(self, progress: Progress, identify: Callable[[dict[str, io.IntArray]], None]) -> None:
        self.n_processed = 0
        self.lost: list[Loss] = []
        self.cutflows: list[Sequence[CutStep]] = []
        self.flavours: Counter[int] = Counter()
        self.files: dict[str, FileRead] = {}
        self._progress, self._identify = progress, identify

    def collect(self, outcomes: Iterator[Outcome]) -> Iterator[ak.Array]:
        """Yield the rows of each chunk that was read."""
        n_done = 0
        for outcome in outcomes:
            n_done += len(outcome.chunk)
            if outcome.loss is not None:
                self.lost.append(outcome.loss)
            else:
                self._add(outcome.chunk, outcome.rows, outcome.cutflow, outcome.identity)
                yield outcome.rows
            self._progress.update(n_done, f"{len(self.lost)} chunks lost" if self.lost else "")

    def _add(self, chunk: Chunk, rows: ak.Array, cutflow: Sequence[CutStep], identity: Any) -> None:
        self.n_processed += len(chunk)
        self.cutflows.append(cutflow)
        self.flavours.update(count_flavours(rows))
        before = self.files.get(chunk.file, FileRead(0, 0.0, 0.0, chunk.file))
        self.files[chunk.file] = before.plus(cutflow[0])
        columns = (*identity, np.full(len(chunk), chunk.place))
        self._identify(dict(zip(io.IDENTITY, columns, strict=True)))

    def report(self, name: str, part: int, n_planned: int) -> PartReport:
        """What became of the partition's entries; the sums of weights are there in every case."""
        cutflow = merge_cutflows(self.cutflows)
        n_rows = sum(self.flavours.values())
        return PartReport(
            dataset=name,
            part=f"{part:03d}",
            state="skipped" if self.lost else "ok" if n_rows else "empty",
            n_planned=n_planned,
            n_processed=self.n_processed,
            lost=tuple(self.lost),
            sum_w=cutflow[0].sum_w if cutflow else 0.0,
            files=tuple(self.files.values()),
            cutflow=cutflow,
            n_rows=n_rows,
            rows_by_flavour={str(key): self.flavours[key] for key in sorted(self.flavours)},
        )


def count_flavours(rows: ak.Array) -> dict[int, int]:
    """Rows by truth id."""
    ids, counts = np.unique(ak.to_numpy(rows["flavour"]), return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))


def _check_written(path: str | Path, expected: int) -> None:
    """Open a file that was written once more and count."""
    found = io.count_rows(path)
    if found != expected:
        raise InputError(f"{path}: {expected:,} rows were written, {found:,} are there; is the disk sound?")
