"""Jobs on this machine end with the run that started them, even one that is killed with kill -9.

Left behind, they would go on beside their successors. Between a driver and the script of a job stand shells
and another Snakemake, so a signal at the death of the parent does not get there: each process watches the
driver itself, by a descriptor of that process (Linux 5.3; elsewhere jobs go on to their end). Jobs of batch
systems are not meant: they outlive their driver by design (batch/handover.py).
"""

import os
import select
import signal
import threading
from pathlib import Path

VARIABLE = "JETSMITH_DRIVER"


def announce() -> None:
    """Let the jobs that this process starts know whom to follow."""
    os.environ[VARIABLE] = f"{os.getpid()} {_started(os.getpid())} {space()}"


def let_go() -> None:
    """Let this process and those that it starts outlive the driver: a batch job."""
    os.environ.pop(VARIABLE, None)


def follow() -> None:
    """End this process, by SIGKILL, as soon as the driver is gone; without one nothing happens."""
    noted = os.environ.get(VARIABLE, "").split()
    if len(noted) != 3 or noted[2] != space() or not hasattr(os, "pidfd_open"):
        return  # no driver, or one whose number means another process here
    try:
        handle = os.pidfd_open(int(noted[0]))
    except ProcessLookupError:
        _end()
    except OSError:  # an old kernel, or one that does not allow it
        return
    if _started(int(noted[0])) != noted[1]:
        _end()
    threading.Thread(target=_wait, args=(handle,), name="lifeline", daemon=True).start()


def _wait(handle: int) -> None:
    watched = select.poll()
    watched.register(handle, select.POLLIN)
    watched.poll()
    _end()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _started(pid: int) -> str:
    """Start of a process in clock ticks since boot, so that a reused number is not mistaken for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "unknown"


def space() -> str:
    """The namespace of process numbers: another container numbers its own."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "unknown"
