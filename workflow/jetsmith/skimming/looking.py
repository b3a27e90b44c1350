"""Stage look: whether files whose time has changed are still what inspect saw.

Times are no content: a copy, `touch` or another disk changes them all. So nothing is behind this stage, and
where the content is the same nothing else runs again. Where it is another the plan of inspect counts no
longer, and with it all that was made by it.
"""

import errno
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jetsmith.errors import InputError, causes
from jetsmith.handed.plan import FileFound, Looked, Plan
from jetsmith.io import read_record, write_json, write_record
from jetsmith.progress import Progress
from jetsmith.sources import files as rootfiles
from jetsmith.sources.opened import changed_ns, open_file

WAITING = 8  # files that are open at once
MOST_NAMED = 20
LONGEST = 300  # characters of a reason; some readers add pages
# Of a file system: there is no such file, or no such place in it, as where damaged bytes point. These stay.
LASTING = {None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL}


def look_again(
    name: str, plan: str | Path, files: Sequence[str], output: str | Path, retries: int = 0
) -> None:
    """Read those files on a disk again that have another time than inspect has written down.

    Of a ROOT file UUID, size and entries are compared: a program that writes one gives it another UUID.
    Text and Parquet files are read whole. What could not be read before has no content to compare with:
    another time is another file. An error of the disk says nothing of the content, so the plan stays.

    Args:
        name: The dataset.
        plan: JSON file of stage inspect. Where files have changed, a note stands in its place: it is
            then not the file that was made, and what was made by it is made anew.
        files: Its paths; others, such as remote ones, are left alone.
        output: JSON file to write: a `Looked`.
        retries: Further attempts after an error that may pass.

    Raises:
        InputError: Files have changed, or could not be looked at; the message names them.
    """
    planned = read_record(Plan, plan, dataset=name)
    known = {record.file: record for record in planned.files}
    damaged = {one.file: one.changed_ns for one in planned.damaged}
    times = {path: changed_ns(path) for path in files}
    changed = [
        f"{path}: could not be read by then"
        for path, then in damaged.items()
        if path in times and times[path] != then
    ]
    again = [path for path in files if path in known and known[path].changed_ns != times[path]]
    unseen: list[str] = []
    progress = Progress(f"look {name}", len(again), "files of another time")
    with ThreadPoolExecutor(WAITING) as pool:
        looks = pool.map(partial(_look, retries=retries), map(known.__getitem__, again))
        for done, (path, seen) in enumerate(zip(again, looks, strict=True), start=1):
            if seen.what:
                (unseen if seen.may_pass else changed).append(f"{path}: {seen.what}")
            progress.update(done)
    if changed:
        write_json(plan, {"dataset": name, "changed since inspect": changed})
        raise InputError(
            f"dataset {name}: {len(changed):,} files are not what inspect saw:\n{_named(changed)}\nStart the "
            "run again: it reads them, and makes anew what was made from them"
        )
    if unseen:
        raise InputError(
            f"dataset {name}: {len(unseen):,} files could not be looked at ({retries + 1} attempts):\n"
            f"{_named(unseen)}\nWhat was made from them stands. Run again, when the disk can be read; `-R "
            "inspect` reads all files anew"
        )
    write_record(output, Looked(name, len(files), tuple(again)))


def _named(lines: Sequence[str]) -> str:
    """The first lines, and how many more there are."""
    more = [f"and {len(lines) - MOST_NAMED:,} more"] if len(lines) > MOST_NAMED else []
    return "\n".join(f"  {line}" for line in [*lines[:MOST_NAMED], *more])


@dataclass(frozen=True)
class _Seen:
    """What is other in a file than it was, empty for nothing; whether another attempt may say otherwise."""

    what: str = ""
    may_pass: bool = False


def _look(record: FileFound, retries: int) -> _Seen:
    seen = _look_once(record)
    for turn in range(retries):
        if not seen.may_pass:
            break
        time.sleep(rootfiles.RETRY_PAUSE_S * 2**turn)
        seen = _look_once(record)
    return seen


def _look_once(record: FileFound) -> _Seen:
    try:
        os.stat(record.file)  # says why, where a file does not seem to be there
        with open_file(record.file) as file:
            there = file.table(record.tree, record.entries).n_entries
            now, then = (file.uuid, file.n_bytes, there), (record.uuid, record.bytes, record.entries)
    except Exception as error:  # whatever a reader raises on bytes that inspect could read
        reason = " ".join(str(error).split())[:LONGEST]
        reason = reason if isinstance(error, InputError) else f"{type(error).__name__}: {reason}"
        reason = reason.encode(errors="backslashreplace").decode()  # names of damaged bytes
        passing = _may_pass(error)
        return _Seen(reason if passing else f"cannot be read as it could: {reason}", passing)
    said = ("uuid {}, {:,} bytes, {:,} entries".format(*who) for who in (now, then))
    return _Seen("" if now == then else "{}; then {}".format(*said))


def _may_pass(error: BaseException) -> bool:
    """Whether the file system failed, or the memory, and not the content."""
    return any(
        isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno not in LASTING)
        for cause in causes(error)
    )
