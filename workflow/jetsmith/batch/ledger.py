"""The jobs that drivers of a working folder have submitted, in a file beside Snakemake's own records.

A line for each job that is submitted and one for each whose end Snakemake has recorded: a driver that was
killed leaves lines without an end, for the next one (handover.py).
"""

import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError

LEDGER = "jetsmith-submitted.jsonl"


@dataclass(frozen=True)
class Submitted:
    """A job in the hands of a batch system.

    Attributes:
        system: Executor that submitted it.
        id: Number in the batch system.
        name: Rule, or name of the group.
        parts: Digest of how a rule makes its outputs, by these outputs (joined by newlines); one for a
            job, several for a group.
        log: File with what the batch job prints.
    """

    system: str
    id: str
    name: str
    parts: Mapping[str, str]
    log: str

    @property
    def outputs(self) -> set[str]:
        """All output files."""
        return {path for key in self.parts for path in key.split("\n")}


class Ledger:
    """The submitted jobs of a working folder, one JSON object a line; safe against kill -9.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def submitted(self, job: Submitted) -> None:
        """Write down a submission."""
        self._append(vars(job))

    def ended(self, system: str, number: str) -> None:
        """Write down that Snakemake has recorded the end of a job."""
        self._append({"system": system, "ended": number})

    def still_open(self) -> list[Submitted]:
        """Jobs without a recorded end, in the order of their submission."""
        found: dict[tuple[str, str], Submitted] = {}
        for line in self._lines():
            if "ended" in line:
                found.pop((line["system"], line["ended"]), None)
            else:
                job = Submitted(**line)
                found[job.system, job.id] = job
        return list(found.values())

    def forget_others(self, keep: Iterable[Submitted]) -> None:
        """Rewrite the file with these jobs alone."""
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text("".join(json.dumps(vars(job)) + "\n" for job in keep))
        temporary.replace(self._path)

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self._path.is_file():
            return
        n_damaged = 0
        for text in self._path.read_text(errors="replace").splitlines():
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):  # the driver was killed while it wrote
                line = None
            if isinstance(line, dict) and _is_ours(line):
                yield line
            else:
                n_damaged += 1
        if n_damaged:
            print(f"{self._path}: {n_damaged} lines are damaged and left out", file=sys.stderr)


def _is_ours(line: dict[str, Any]) -> bool:
    """Whether a line is the start or the end of a job as this version writes them."""
    if set(line) == {"system", "ended"}:
        return all(isinstance(value, str) for value in line.values())
    texts = [line.get(key) for key in ("system", "id", "name", "log")]
    return (
        set(line) == {field.name for field in fields(Submitted)}
        and all(isinstance(text, str) for text in texts)
        and isinstance(line["parts"], dict)
        and all(isinstance(text, str) for text in line["parts"].values())
    )


def refuse_others(folder: Path, executor: str) -> None:
    """Stop where another batch system may be at work on jobs of a killed run.

    Args:
        folder: Snakemake's `.snakemake`.
        executor: The one that is to be used now.

    Raises:
        WorkflowError: It names the jobs, and what to do.
    """
    others = [job for job in Ledger(folder / LEDGER).still_open() if job.system != executor]
    if others:
        listed = ", ".join(f"{job.id} ({job.name})" for job in others[:10])
        raise WorkflowError(
            f"jobs of a killed run may still be at work on {others[0].system}: {listed}"
            f"{', …' if len(others) > 10 else ''}. Go on with the profile that submitted them, which takes "
            f"them over; or cancel them and remove {folder / LEDGER}"
        )
