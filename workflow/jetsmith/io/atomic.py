"""Files and folders that are there as a whole or not at all: a temporary name, then a rename.

A killed job therefore leaves no file that looks finished; the temporary names start with a dot.
"""

import errno
import glob
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jetsmith.errors import OutputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it there on success, remove it on failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_mark(path), dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise OutputError(
                f"{path}: cannot be written: {os.strerror(error.errno)}; make room below {path.parent} and "
                "run again, what is finished stays"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """The same for a directory; a directory that stood there before is replaced."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=_mark(path), dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _mark(path: Path) -> str:
    """Beginning of a temporary name, which says whose it is; what dead processes left here is removed.

    Processes are known by host and namespace of process numbers: another container numbers its own.
    """
    try:
        space = f"{socket.gethostname()}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # no /proc: nobody can be told dead
        return f".{path.name}.{os.getpid()}."
    for left in path.parent.glob(f".{glob.escape(path.name)}.{glob.escape(space)}.*"):
        pid, _, _ = left.name.removeprefix(f".{path.name}.{space}.").partition(".")
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return f".{path.name}.{space}.{os.getpid()}."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
