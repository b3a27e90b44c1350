"""Stage look: whether files whose time has changed are still what inspect saw.

Times are no content: a copy, `touch` or another disk changes them all. So nothing is behind this stage, and
where the content is the same nothing else runs again. Where it is another the plan of inspect counts no
longer, and with it all that was made by it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jetsmith.errors import InputError
from jetsmith.handed.plan import FileFound, Looked, Plan
from jetsmith.io import read_record, write_json, write_record
from jetsmith.progress import Progress
from jetsmith.sources.opened import changed_ns, open_file

WAITING = 8  # files that are open at once
MOST_NAMED = 20


def look_again(name: str, plan: str | Path, files: Sequence[str], output: str | Path) -> None:
    """Read those files on a disk again that have another time than inspect has written down.

    Of a ROOT file UUID, size and entries are compared: a program that writes one gives it another UUID.
    Text and Parquet files are read whole. What could not be read before has no content to compare with:
    another time is another file.

    Args:
        name: The dataset.
        plan: JSON file of stage inspect. Where files have changed, a note stands in its place: it is
            then not the file that was made, and what was made by it is made anew.
        files: Its paths; others are left alone.
        output: JSON file to write: a `Looked`.

    Raises:
        InputError: Files have changed; the message names them.
    """
    planned = read_record(Plan, plan, dataset=name)
    known = {record.file: record for record in planned.files}
    damaged = {one.file: one.changed_ns for one in planned.damaged}
    times = {path: changed_ns(path) for path in files}
    changed = [f"{path}: could not be read by then" for path in damaged if damaged[path] != times.get(path)]
    again = [path for path in files if path in known and known[path].changed_ns != times[path]]
    progress = Progress(f"look {name}", len(again), "files of another time")
    with ThreadPoolExecutor(WAITING) as pool:
        for done, (path, how) in enumerate(
            zip(again, pool.map(_difference, map(known.get, again)), strict=True), start=1
        ):
            changed += [f"{path}: {how}"] if how else []
            progress.update(done)
    if changed:
        write_json(plan, {"dataset": name, "changed since inspect": changed})
        named = "\n".join(f"  {line}" for line in changed[:MOST_NAMED])
        more = f"\n  and {len(changed) - MOST_NAMED:,} more" if len(changed) > MOST_NAMED else ""
        raise InputError(
            f"dataset {name}: {len(changed):,} files are not what inspect saw:\n{named}{more}\nStart the run "
            "again: it reads them, and makes anew what was made from them"
        )
    write_record(output, Looked(name, len(files), tuple(again)))


def _difference(record: FileFound) -> str:
    """What is other in a file than it was; empty for nothing."""
    try:
        with open_file(record.file) as file:
            there = file.table(record.tree, record.entries).n_entries
            now, then = (file.uuid, file.n_bytes, there), (record.uuid, record.bytes, record.entries)
    except (InputError, KeyError, OSError) as error:
        return f"cannot be read as it could: {error}"
    said = ("uuid {}, {:,} bytes, {:,} entries".format(*who) for who in (now, then))
    return "" if now == then else "{}; then {}".format(*said)
