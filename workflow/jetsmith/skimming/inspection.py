"""Stage inspect: what the files of a dataset hold, and how they are cut into partitions.

`inspect_dataset` writes one JSON a dataset: a `Plan`.
"""

import difflib
import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from pathlib import Path

import loky
import numpy as np

from jetsmith import remote, sources
from jetsmith.columns import STORED
from jetsmith.errors import DamagedError, InputError
from jetsmith.handed.plan import Content, Damaged, FileFound, Plan, Schema
from jetsmith.io import write_record
from jetsmith.progress import Progress
from jetsmith.skimming import agreement
from jetsmith.skimming.copies import copies
from jetsmith.skimming.normalisation import check_files, check_runs, read_runs
from jetsmith.skimming.plan import damaged_share, plan_parts
from jetsmith.sources import files as rootfiles
from jetsmith.sources import leptons, recognition, relative
from jetsmith.sources.content import First
from jetsmith.sources.flat import Array, ordered
from jetsmith.sources.opened import changed_ns, open_file
from jetsmith.sources.partons import variations
from jetsmith.sources.trees import Table
from jetsmith.specs.datasets import ReadingSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec, XRootDSpec

MOST_BOUNDS = 64  # cluster boundaries of a file that are kept for plan and skim, evenly thinned
READING, REMOTE = SkimSpec(), XRootDSpec()
BATCH, WAITING = 50, 8  # files that a process looks at, and that it has open at once
Look = tuple[FileFound, Schema] | InputError
MOST_NAMED = 20  # weights of variations in a message
CONSTITUENTS = ("cpf_pt_gev", "npf_pt_gev")


def inspect_dataset(
    name: str,
    spec: ReadingSpec,
    files: Sequence[str],
    n_parts: int,
    target: PartitionSpec,
    output: str | Path,
    settings: SkimSpec = READING,
    xrootd: XRootDSpec = REMOTE,
    threads: int = 1,
    jet_id: int = 0,
    has_cross_section: bool = False,
) -> None:
    """Look at every file of a dataset and plan its partitions.

    Args:
        name: The dataset.
        spec: Its record.
        files: Paths or root:// addresses.
        n_parts: Partitions; exactly so many are planned, some without entries where there are few.
        target: Size of a partition; here it sets what a byte costs against an entry.
        output: JSON file to write.
        settings: Retries, and the loss that is allowed: files that cannot be read are listed and left
            out up to it, and stage account counts them; else they stop the run here.
        xrootd: Servers that may hold remote files, too, and the time they have to answer.
        threads: Processes that look at files.
        jet_id: Bits that the selection asks for.
        has_cross_section: Whether the weights are to be normalised to one.

    Raises:
        InputError: Files are missing, empty, truncated, foreign or of another layout, hold no
            required column, stand in the list twice, or say otherwise than each other or the record
            (simulation, weights, cuts, triggers); the message lists all of them.
    """
    progress = Progress(f"inspect {name}", len(files), "files")
    records: list[FileFound] = []
    schemas: list[Schema] = []
    damaged: list[Damaged] = []
    problems: list[str] = []
    times = {path: changed_ns(path) for path in files}  # before they are read
    looks = _look_at_all(
        files, partial(_look, spec=spec, jet_id=jet_id, retries=settings.retries, xrootd=xrootd), threads
    )
    for done, (path, found) in enumerate(zip(files, looks, strict=True), start=1):
        if isinstance(found, DamagedError) and settings.max_loss_fraction > 0:
            damaged.append(Damaged(path, str(found), found.attempts, times[path]))
        elif isinstance(found, InputError):
            problems.append(str(found))
        else:
            record, schema = found
            if schema not in schemas:
                schemas.append(schema)
            records.append(replace(record, schema=schemas.index(schema), changed_ns=times[path]))
        progress.update(done)
    problems += [
        f"{copy.file}: the same file as {first.file} (uuid {copy.uuid}, and the same content); its "
        "events would count twice: remove one of them"
        for first, copy in copies(records, xrootd)
    ]
    if damaged_share(records, len(damaged)) > settings.max_loss_fraction:
        problems += [f"{found.reason} ({found.attempts} attempts)" for found in damaged]
    if problems or not records:
        raise InputError("\n".join(problems or [f"dataset {name}: none of its files can be read: {damaged}"]))
    layout, shared = _in_common(name, records, schemas)
    for branch, reason in {b: r for schema in schemas for b, r in schema.unreadable.items()}.items():
        print(f"[inspect {name}] not read: `{branch}` is {reason}", file=sys.stderr)
    content = _content(name, spec, jet_id, layout, records, schemas)
    if has_cross_section and not spec.is_data:
        check_files(name, records, layout, spec)
    plan = Plan(
        dataset=name,
        object=spec.object,
        layout=layout,
        columns=tuple(ordered(shared, spec.object)),
        n_entries=sum(record.entries for record in records),
        bytes=sum(record.bytes for record in records),
        content=content,
        schemas=tuple(schemas),
        files=tuple(records),
        damaged=tuple(damaged),
        parts=tuple(plan_parts(records, n_parts, target)),
    )
    write_record(output, plan)
    if layout and spec.object != "event" and not any(schema.constituents for schema in schemas):
        print(
            f"[inspect {name}] layout {layout}: no track information; it serves stored scores and "
            "classifiers that read jet kinematics alone",
            file=sys.stderr,
        )


def _content(
    name: str,
    spec: ReadingSpec,
    jet_id: int,
    layout: str | None,
    records: Sequence[FileFound],
    schemas: Sequence[Schema],
) -> Content:
    """What the files say, in agreement; nothing where none has an entry."""
    used = {
        record.file: said
        for record in records
        if record.entries and (said := schemas[record.schema].content) is not None
    }
    if layout is None or not used:
        return agreement.NOTHING
    found, problems = agreement.content(name, spec, jet_id, layout, used)
    if problems:
        raise InputError("\n".join(problems))
    sys.stderr.writelines(agreement.notes(name, found))
    return found


def _look_at_all(files: Sequence[str], look: Callable[[str], Look], threads: int) -> Iterator[Look]:
    """Look at files in order, many at once: unpacking metadata takes a core, remote files are waited for."""
    batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
    if threads == 1 or len(batches) == 1:
        for batch in batches:
            yield from _look_at_batch(batch, look)
        return
    try:
        with loky.ProcessPoolExecutor(threads) as pool:  # not forked: see jetsmith.remote
            for looks in pool.map(partial(_look_at_batch, look=look), batches):
                yield from looks
    except BrokenProcessPool as error:
        raise InputError(
            "a process that looked at files was killed, as it happens when the memory is full: ask for more "
            "(mem_mb of the rule inspect)"
        ) from error


def _look_at_batch(files: Sequence[str], look: Callable[[str], Look]) -> list[Look]:
    gc.disable()  # metadata are many small objects that all stay until the file is closed
    try:
        with ThreadPoolExecutor(WAITING) as pool:
            return list(pool.map(look, files))
    finally:
        gc.enable()
        gc.collect()


def _look(path: str, spec: ReadingSpec, jet_id: int, retries: int, xrootd: XRootDSpec) -> Look:
    """Record and schema of a file, or why it cannot serve; all replicas are tried, in bounded turns."""
    failures: dict[str, InputError] = {}
    attempts = 0
    for turn in range(retries + 1):
        if turn:
            time.sleep(rootfiles.RETRY_PAUSE_S * 2 ** (turn - 1))
        may_pass = False
        for address in remote.replicas(path, xrootd.redirectors):
            attempts += 1
            try:
                if address.startswith(remote.SCHEME):
                    remote.configure_client(xrootd.timeout_s)
                record, schema = _inspect_file(address, spec, jet_id)
                return replace(record, file=path), schema
            except InputError as error:
                failures[address] = error
            except OSError as error:
                failures[address], may_pass = DamagedError(f"{address}: cannot be read: {error}"), True
        if not may_pass:
            break
    # What no other copy can mend, such as another layout, counts before damage.
    found = sorted(failures.values(), key=lambda error: isinstance(error, DamagedError))
    found[0].attempts = attempts
    return found[0]


def _in_common(
    name: str, records: Sequence[FileFound], schemas: Sequence[Schema]
) -> tuple[str | None, set[str]]:
    """The layout of the files that have entries, and the columns that all of them give."""
    used = {record.schema: record.file for record in records if record.entries}
    used = used or {record.schema: record.file for record in records}
    layouts = {schemas[index].layout: file for index, file in used.items()}
    if len(layouts) > 1:
        raise InputError(f"dataset {name}: files of several layouts: {layouts}; make a dataset of each")
    shared = set.intersection(*(set(schemas[index].available) for index in used)) if used else set()
    return next(iter(layouts), None), shared


def _inspect_file(path: str, spec: ReadingSpec, jet_id: int) -> tuple[FileFound, Schema]:
    """The record of one file, and its schema: what files of its kind have in common."""
    with open_file(path) as file:
        tables = file.tables()
        with rootfiles.damage_named(path):
            branches = {name: tree.branches for name, tree in tables.items()}
        # A file without entries may lack its branches, as merging leaves it; nothing is read from it.
        layout, tree = recognition.choose(path, spec, tables, branches)
        there = branches[tree.path]
        schema = _schema(layout, there, spec)
        if tree.n_entries:
            with rootfiles.damage_named(path):
                unreadable = tree.unreadable(schema.branches)
            there = there - unreadable.keys()
            schema = replace(_schema(layout, there, spec), unreadable=unreadable)
            _check_required(path, spec, schema, there)
            _check_leptons(path, spec, schema, there)
            _check_variation(path, spec, schema, there, tree)
            first = _first(tree, path)
            said = agreement.describe(schema.layout or "", there, spec, jet_id, first)
            schema = replace(schema, content=said)
        with rootfiles.damage_named(path):
            bounds = tree.bounds(schema.branches)
            record = FileFound(
                file=path,
                uuid=file.uuid,
                tree=tree.path,
                schema=0,  # its place among those of the dataset is given when all are known
                entries=tree.n_entries,
                bytes=file.n_bytes,
                codec=tree.codec(),
                bounds=tuple(bounds[:: max(1, len(bounds) // MOST_BOUNDS)]),
                entry_bytes=round(tree.entry_bytes(schema.branches), 1),
                runs=read_runs(file.objects, spec, path),
            )
    check_runs(path, record.entries, record.runs)
    return record, schema


def _schema(layout: str | None, branches: set[str], spec: ReadingSpec) -> Schema:
    """What files with these branches can give."""
    available = sources.load(layout).gives(branches, spec.object) if layout else set()
    read = sources.load(layout).branches(branches, spec.object) if layout else []
    if spec.leptons is not None and layout and not leptons.lacking(layout, spec.leptons, branches):
        available |= {leptons.CHARGE} if spec.object != "event" else set()
        read = [*read, *leptons.wanted(layout, spec.leptons)]
    variation = sources.variation_branch(branches, spec)
    return Schema(
        layout=layout,
        available=tuple(ordered(available, spec.object)),
        missing=tuple(name for name in STORED[spec.object] if name not in available),
        branches=tuple(sorted({*read, *branches.intersection(spec.hlt), *filter(None, [variation])})),
        constituents=not available.isdisjoint(CONSTITUENTS),
        unreadable={},
        content=None,
    )


def _first(tree: Table, path: str) -> First:
    """Reads the first entry of a branch."""

    def first(name: str) -> Array:
        with rootfiles.damage_named(path):
            return np.asarray(tree.read([name], 0, 1)[name][0])

    return first


def _check_required(path: str, spec: ReadingSpec, schema: Schema, branches: set[str]) -> None:
    """Fail where the file cannot give rows of this object."""
    layout, available = schema.layout or "", schema.available
    lacking = sources.lacking(available, spec.object)
    if lacking:
        gives = sources.load(layout).gives
        can = [obj for obj in sources.REQUIRED if not sources.lacking(gives(branches, obj), obj)]
        raise InputError(
            f"{path}: layout `{layout}` gives no {', '.join(lacking)} for rows of `{spec.object}`; with its "
            f"{len(branches)} branches it can serve: {', '.join(can) or 'no object'}"
            + "".join(f"; `{name}` is {reason}" for name, reason in schema.unreadable.items())
        )


def _check_leptons(path: str, spec: ReadingSpec, schema: Schema, branches: set[str]) -> None:
    """Fail where the file cannot tell the leptons that the dataset asks for."""
    lacking = leptons.lacking(schema.layout or "", spec.leptons, branches) if spec.leptons else []
    if lacking:
        raise InputError(
            f"{path}: leptons: no {', '.join(lacking)} (`{schema.layout}`), which the key asks for; take "
            "files that hold them, or leave the key out where events were selected before"
        )


def _check_variation(path: str, spec: ReadingSpec, schema: Schema, branches: set[str], tree: Table) -> None:
    """Fail where the file, or an entry of it, has no weight of the variation that the dataset asks for."""
    branch = sources.variation_branch(branches, spec)
    if branch is not None and spec.relative_weight is not None and branch == spec.relative_weight.branch:
        with rootfiles.damage_named(path):
            relative.check_entries(path, tree, spec.relative_weight)
    if branch is not None or not spec.weight_variation:
        return
    known = [*variations(branches), *relative.choices(branches)]
    near = difflib.get_close_matches(spec.weight_variation, known, n=MOST_NAMED) or known[:MOST_NAMED]
    more = len(known) - len(near)
    choices = ", ".join(f"`{name}`" for name in near) + (f" and {more:,} more" if more else "")
    raise InputError(
        f"{path}: no weight of the variation `{spec.weight_variation}` (weight_variation of the dataset); "
        + (f"choices: {choices}" if known else f"there are none in it (`{schema.layout}`): remove the key")
    )
