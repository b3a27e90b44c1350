"""What batch systems have in common, without importing any of them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jetsmith.errors import ConfigError
from jetsmith.provenance import config_digest

TAIL_BYTES = 20_000


def walltime_s(text: Any) -> int:
    """Seconds of a walltime as Slurm writes it: `D-HH[:MM[:SS]]`, `HH:MM:SS`, `MM:SS` or minutes.

    Raises:
        ConfigError: It is none of these, or no text: YAML reads 12:00:00 without quotes as a number.
    """
    if not isinstance(text, str):
        raise ConfigError(f"walltime: {text!r} is no text; write it in quotes, such as '04:00:00'")
    found = re.fullmatch(r"(?:(\d+)-)?(\d+(?::\d+){0,2})", text)
    if found is None:
        raise ConfigError(f"walltime: `{text}` is none such as 04:00:00 or 1-12:00:00")
    days, numbers = found[1], [int(field) for field in found[2].split(":")]
    if days:
        hours, minutes, seconds = [*numbers, 0, 0][:3]
    else:
        hours, minutes, seconds = {1: [0, *numbers, 0], 2: [0, *numbers], 3: numbers}[len(numbers)]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def pieces(sizes: Sequence[int], limit: int) -> list[slice]:
    """Cut a sequence into pieces whose sizes add up to a limit at most, in order.

    Args:
        sizes: Of the elements.
        limit: Of a piece; an element that exceeds it is a piece of its own.
    """
    starts, total = [0], 0
    for place, size in enumerate(sizes):
        if total and total + size > limit:
            starts.append(place)
            total = 0
        total += size
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(sizes)], strict=True)]


def run_name(folder: Path) -> str:
    """Name of the batch jobs of a working folder, the same for each of its drivers."""
    return f"jetsmith-{re.sub('[^A-Za-z0-9]', '-', folder.name)[:20]}-{config_digest(str(folder))[:8]}"


def asked_by(job: Any) -> str:
    """What a job of Snakemake has asked for, for messages."""
    asked = {name: job.resources.get(name) for name in ("mem_mb", "runtime")} | {"threads": job.threads}
    return ", ".join(f"{name} {value}" for name, value in asked.items() if value)


def end_of(log: Path) -> str:
    """The end of what a job has printed; empty where there is nothing."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def error_in(printed: str) -> str:
    """The last error that a script of ours has named, as a sentence; empty where there is none."""
    found = re.findall(r"^error: (.*)", printed, re.M)
    return f"It said: {found[-1]}. " if found else ""
