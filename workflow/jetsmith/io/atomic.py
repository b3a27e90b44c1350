"""Files and folders that are there as a whole or not at all: a temporary name, then a rename.

A killed job therefore leaves no file that looks finished; the temporary names start with a dot. The disk
has the content before it has the name, so that a power cut leaves none either. A full disk is named.
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

from jetsmith.errors import OutputError, locked, no_room

NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES)  # of folders, on some network file systems


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, of the same suffix; rename it on success, remove it on failure.

    Raises:
        OutputError: The disk is full.
    """
    path = Path(path)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(path.suffix, _mark(path), path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            move(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """The same for a directory; a directory that stood there before is replaced."""
    path = Path(path)
    with scratch_directory(path) as temporary:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        move(temporary, path)


@contextmanager
def scratch_directory(path: str | Path) -> Iterator[Path]:
    """A temporary directory beside `path`, which goes at the end; what dead processes left there goes now.

    Raises:
        OutputError: The disk is full.
    """
    path = Path(path)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_mark(path), dir=path.parent))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def move(source: Path, target: Path) -> None:
    """Give a finished file or folder its name, once the disk has all of it; what bears the name goes."""
    _sync(source)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target, ignore_errors=True)
    source.replace(target)
    _sync_one(target.parent)


def _sync(path: Path) -> None:
    """Hand a file, or a folder with everything in it, to the disk."""
    if path.is_dir():
        for inner in path.iterdir():
            _sync(inner)
    _sync_one(path)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if not (path.is_dir() and error.errno in NO_SYNC):
            raise
    finally:
        os.close(handle)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the errors of a full disk, of whichever library, into one that names the file and the remedy.

    And those of a folder that is not for this user to write into, or of a file in it that was needed.
    """
    try:
        yield
    except OSError as error:
        if found := locked(error, path.parent):
            reason, names = found
            others = [name for name in names if not _is_of(name, path)]
            what = f"{path.parent / others[0]}: cannot be used" if others else f"{path}: cannot be written"
            raise OutputError(
                f"{what}: {reason}; who runs this has to own {path.parent} and what is in it, or give the "
                "run another folder (`pathvars`)"
            ) from error
        full = no_room(error)
        if full is None:
            raise
        raise OutputError(
            f"{path}: cannot be written: {full}; make room below {path.parent} and run again, what is "
            "finished stays"
        ) from error


def _is_of(name: Path, path: Path) -> bool:
    """Whether a name, from the folder of `path` on, is that folder, `path`, or of its temporary ones."""
    first = next(iter(name.parts), path.name)
    return first == path.name or first.startswith(f".{path.name}")


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
