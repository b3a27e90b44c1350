"""Locks: Snakemake's own, and those that end with their process.

A killed run leaves Snakemake's lock behind, and the next one would refuse to start. The run that holds it
writes down which process it is. If that process is gone from this machine, the lock is stale and is taken
away; a lock of another machine is left alone.
"""

import fcntl
import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TextIO

OWNER = "jetsmith-owner.json"


def claim(folder: Path) -> None:
    """Write down that this process holds the lock of `folder` (Snakemake's `.snakemake`)."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
    temporary = folder / f".{OWNER}.{os.getpid()}"
    temporary.write_text(json.dumps(owner))
    temporary.replace(folder / OWNER)


def release_stale(folder: Path) -> bool:
    """Remove the lock if its owner is a process of this machine that runs no more.

    Returns:
        Whether a lock was removed.
    """
    locks, note = folder / "locks", folder / OWNER
    if not note.is_file() or not locks.is_dir() or not any(locks.iterdir()):
        return False
    owner = json.loads(note.read_text())
    is_ours = owner["host"] == socket.gethostname() and owner["started"] is not None
    if not is_ours or _started(owner["pid"]) == owner["started"]:
        return False
    shutil.rmtree(locks)
    return True


def hold(path: Path) -> TextIO:
    """Hold a lock until the file that is given back is closed, or this process ends, however it does.

    A file system without locks does without, and it is said.

    Raises:
        BlockingIOError: Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    except OSError as error:
        print(f"no lock on {path}: {error}", file=sys.stderr, flush=True)
    return file


def _started(pid: int) -> str | None:
    """Start of a process in clock ticks since boot, so that a reused number is not mistaken for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
