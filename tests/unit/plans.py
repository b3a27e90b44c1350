"""Plans of datasets whose files nobody needs to open."""

from collections.abc import Sequence
from typing import Any

from jetsmith.handed.plan import Content, Damaged, FileFound, Part, Plan, Range, Runs

SIMULATED = Content(True, None, "refuse", "genWeight", not_applied={}, instead={}, absent_hlt={}, untold=())


def file_found(file: str, entries: int = 100, runs: Runs | None = None, **more: Any) -> FileFound:
    """A file with so many entries, in one cluster."""
    known = {"uuid": "", "tree": "Events", "schema": 0, "bytes": 1, "codec": "none"}
    known |= {"entry_bytes": 1.0}
    return FileFound(file=file, entries=entries, runs=runs, **known | {"bounds": (0, entries)} | more)


def plan_of(
    files: Sequence[FileFound], dataset: str = "test", damaged: Sequence[str] = (), **more: Any
) -> Plan:
    """A plan with these files, each a partition."""
    parts = [Part(f"{i:03d}", (Range(one.file, one.uuid, 0, one.entries),)) for i, one in enumerate(files)]
    known = {
        "dataset": dataset, "object": "ak4", "layout": "pfnano", "columns": ("run",), "content": SIMULATED,
        "n_entries": sum(one.entries for one in files), "bytes": sum(one.bytes for one in files),
        "damaged": tuple(Damaged(name, "empty (0 bytes)", 2, 0) for name in damaged),
        "schemas": (), "files": tuple(files), "parts": tuple(parts),
    }  # fmt: skip
    return Plan(**known | more)
