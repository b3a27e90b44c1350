"""Stage skim: the ranges of one partition, read by coffea's Runner, as rows of canonical columns.

Exactly the entries of the plan are read: its ranges go to the Runner as work items, chunk by chunk.
A read error that may pass is tried again a bounded number of times; what stays unreadable is
declared in the report, and stage account decides. Nothing is skipped in silence.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from coffea import processor
from coffea.nanoevents import BaseSchema

from jetsmith import sources
from jetsmith.errors import InputError
from jetsmith.io import read_json, write_json, write_rows
from jetsmith.progress import Progress
from jetsmith.sources import files as rootfiles
from jetsmith.sources.flat import no_rows
from jetsmith.sources.partition import chunks
from jetsmith.specs import DatasetSpec, SelectionSpec, SkimSpec

RETRY_PAUSE_S = 2.0  # before the second attempt; twice as long before each further one
CHUNK_BYTES = 500e6  # uncompressed; PFNano with all candidates of an event would fill the memory else


class RowsError(Exception):
    """What was read could not be turned into rows: a defect of ours, not of the file."""


class PlainExecutor(processor.IterativeExecutor):
    """coffea's IterativeExecutor without its bar: progress is reported a partition, not a chunk."""

    def __call__(self, items: Any, function: Any, accumulator: Any) -> tuple[Any, int]:
        """Process the items one after the other."""
        return processor.accumulate(map(function, items), accumulator), 0


class SkimProcessor(processor.ProcessorABC):
    """Turn a chunk of a tree into canonical rows; stateless, so every executor can run it."""

    def __init__(self, layout: str, spec: DatasetSpec, selection: SelectionSpec, columns: Sequence[str]):
        self.layout, self.spec, self.selection, self.columns = layout, spec, selection, list(columns)

    def process(self, events: Any) -> dict[str, Any]:
        """Read the chunk and give its rows and cutflow."""
        arrays = {name: ak.materialize(events[name]) for name in events.fields}
        try:
            rows, cutflow = sources.load(self.layout).rows(arrays, self.spec, self.selection)
            return {"chunks": [(rows[self.columns], cutflow)]}
        except Exception as error:
            raise RowsError(f"{type(error).__name__} in layout {self.layout}: {error}") from error

    def postprocess(self, accumulator: Any) -> Any:
        """Nothing is left to do."""
        return accumulator


class PartReader:
    """Reads the chunks of a partition, each with its attempts.

    Args:
        plan: Content of the inspect file.
        spec: The dataset, with the path of its golden JSON resolved.
        selection: Cuts.
        settings: Chunk size and retries.
    """

    def __init__(
        self, plan: dict[str, Any], spec: DatasetSpec, selection: SelectionSpec, settings: SkimSpec
    ) -> None:
        self._plan, self._settings = plan, settings
        self._files = {record["file"]: record for record in plan["files"]}
        self._processor = SkimProcessor(plan["layout"], spec, selection, plan["columns"])
        self._checked: set[str] = set()

    def items(self, ranges: Sequence[dict[str, Any]]) -> Iterator[processor.executor.WorkItem]:
        """The chunks of the ranges, in order."""
        for planned in ranges:
            record = self._files[planned["file"]]
            most = self._settings.chunk_entries
            if record["entry_bytes"]:
                most = max(1, min(most, int(CHUNK_BYTES / record["entry_bytes"])))
            branches = frozenset(self._plan["schemas"][record["schema"]]["branches"])
            for start, stop in chunks(planned["start"], planned["stop"], record["bounds"], most):
                yield processor.executor.WorkItem(
                    self._plan["dataset"], planned["file"], record["tree"], start, stop, b"", None, branches
                )

    def read(self, item: processor.executor.WorkItem) -> tuple[Any, dict[str, Any] | None]:
        """Rows and cutflow of a chunk, or its loss: file, start, stop, reason, attempts."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._attempt(item), None
            except Exception as error:
                causes = list(_chain(error))
                for cause in causes:
                    if isinstance(cause, InputError):
                        raise cause from None
                if any(isinstance(cause, RowsError) for cause in causes):
                    raise
                # Damage (a basket that cannot be decompressed) stays; only OSError may pass.
                passing = any(isinstance(cause, OSError) for cause in causes)
                if not passing or attempts > self._settings.retries:
                    return None, _loss(item, causes[-1], attempts)
            time.sleep(RETRY_PAUSE_S * 2 ** (attempts - 1))

    def read_ahead(self, ranges: Sequence[dict[str, Any]]) -> Iterator[tuple[Any, Any, Any]]:
        """Item, result and loss of each chunk in order; the next is read while this one is used."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting: tuple[Any, Any] | None = None
            for item in self.items(ranges):
                following = item, pool.submit(self.read, item)
                if waiting is not None:
                    yield waiting[0], *waiting[1].result()
                waiting = following
            if waiting is not None:
                yield waiting[0], *waiting[1].result()

    def _attempt(self, item: processor.executor.WorkItem) -> Any:
        self._check_uuid(item.filename)
        runner = processor.Runner(
            executor=PlainExecutor(retries=0),
            schema=BaseSchema,
            processor_compression=None,
        )
        names = item.preload
        options = {"filter_branch": lambda branch: branch.name in names}
        result = runner.run([item], self._processor, iteritems_options=options)
        return result["out"]["chunks"][0]

    def _check_uuid(self, path: str) -> None:
        """Fail where a file was replaced after it was planned; once a file."""
        if path in self._checked:
            return
        if not path.startswith(rootfiles.REMOTE) and not os.path.exists(path):
            raise FileNotFoundError(f"{path} is gone since inspect")
        planned = self._files[path]["uuid"]
        with uproot.open({path: None}) as file:
            found = str(file.file.uuid)
        if found != planned:
            raise InputError(
                f"{path}: changed since inspect (uuid {found}, planned {planned}); "
                f"remove the inspect file of {self._plan['dataset']} and run again"
            )
        self._checked.add(path)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what caused it, outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _loss(item: processor.executor.WorkItem, cause: BaseException, attempts: int) -> dict[str, Any]:
    text = (str(cause).strip().splitlines() or [""])[0]
    return {
        "file": item.filename,
        "start": item.entrystart,
        "stop": item.entrystop,
        "reason": f"{type(cause).__name__}: {text}",
        "attempts": attempts,
    }


def skim_partition(
    name: str,
    spec: DatasetSpec,
    selection: SelectionSpec,
    settings: SkimSpec,
    plan: str | Path,
    part: int,
    output: str | Path,
    report: str | Path,
    data_root: str = ".",
) -> None:
    """Read one partition and write its rows and what became of its entries.

    Args:
        name: The dataset.
        spec: Its record.
        selection: Cuts on its jets.
        settings: Chunk size, retries.
        plan: JSON file of stage inspect.
        part: Index of the partition.
        output: Parquet file to write; without rows it still has all columns.
        report: JSON file to write: planned and processed entries, lost ranges, sums of weights
            before cuts, cutflow, rows by flavour. It holds no times: the same input gives the same.
        data_root: Where a relative `golden_json` starts.

    Raises:
        InputError: A file changed since inspect, or the golden JSON cannot be read.
    """
    planned = read_json(plan)
    if spec.golden_json is not None:
        path = os.path.join(os.path.expandvars(data_root), os.path.expandvars(spec.golden_json))
        spec = spec.model_copy(update={"golden_json": path})
    reader = PartReader(planned, spec, selection, settings)
    ranges = planned["parts"][part]["ranges"]
    n_planned = sum(r["stop"] - r["start"] for r in ranges)
    tally = Tally(Progress(f"skim {name} {part:03d}", n_planned, "entries"))
    # Chunk by chunk, the next one read while this one is written: two are in memory at most.
    pieces = tally.collect(reader.read_ahead(ranges))
    write_rows(output, chain([no_rows(planned["columns"], spec.object)], pieces))
    cutflow = merge_cutflows(tally.cutflows)
    n_rows = sum(tally.flavours.values())
    write_json(
        report,
        {
            "dataset": name,
            "part": f"{part:03d}",
            "state": "ok" if n_rows else "skipped" if n_planned and not tally.n_processed else "empty",
            "n_planned": n_planned,
            "n_processed": tally.n_processed,
            "lost": tally.lost,
            "sum_w": cutflow[0]["sum_w"] if cutflow else 0.0,
            "sum_w2": cutflow[0]["sum_w2"] if cutflow else 0.0,
            "cutflow": cutflow,
            "n_rows": n_rows,
            "rows_by_flavour": {str(key): tally.flavours[key] for key in sorted(tally.flavours)},
        },
    )


class Tally:
    """Counts what became of the chunks while their rows pass through.

    Attributes:
        n_processed: Entries that were read.
        lost: Chunks that were not.
        cutflows: One a chunk.
        flavours: Rows by truth id.
    """

    def __init__(self, progress: Progress) -> None:
        self.n_processed = 0
        self.lost: list[dict[str, Any]] = []
        self.cutflows: list[list[dict[str, Any]]] = []
        self.flavours: Counter[int] = Counter()
        self._progress = progress

    def collect(self, results: Iterator[tuple[Any, Any, Any]]) -> Iterator[ak.Array]:
        """Yield the rows of each chunk that was read."""
        n_done = 0
        for item, result, loss in results:
            n_done += len(item)
            if loss is not None:
                self.lost.append(loss)
            else:
                rows, cutflow = result
                self.n_processed += len(item)
                self.cutflows.append(cutflow)
                self.flavours.update(count_flavours(rows))
                yield rows
            self._progress.update(n_done, f"{len(self.lost)} chunks lost" if self.lost else "")


def merge_cutflows(cutflows: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Add cutflows line by line, by the name of the cut, in the order of its first appearance."""
    merged: dict[str, dict[str, Any]] = {}
    for line in (line for cutflow in cutflows for line in cutflow):
        total = merged.setdefault(line["cut"], {"cut": line["cut"], "n": 0, "sum_w": 0.0, "sum_w2": 0.0})
        for key in ("n", "sum_w", "sum_w2"):
            total[key] += line[key]
    return list(merged.values())


def count_flavours(rows: ak.Array) -> dict[int, int]:
    """Rows by truth id."""
    ids, counts = np.unique(ak.to_numpy(rows["flavour"]), return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))
