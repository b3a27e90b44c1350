"""The kinds of error that a user sees; all carry what, where and what would be right."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOCKED = (errno.EACCES, errno.EPERM, errno.EROFS)


class ConfigError(ValueError):
    """The configuration is wrong: names file, key and choices. Raised before any job."""


def refuse(where: str | Path, problems: Iterable[str]) -> None:
    """Raise a ConfigError with a line a problem, where there is any; each text starts with its key."""
    lines = [f"{where}: {problem}" for problem in problems]
    if lines:
        raise ConfigError("\n".join(lines))


@contextmanager
def within(path: Path, place: str) -> Iterator[None]:
    """Name a place of a file in front of each problem of what is made of it, `{path}: {place}: …`."""
    try:
        yield
    except ConfigError as error:
        problems = [line.removeprefix(f"{path}: ") for line in str(error).split("\n")]
        raise ConfigError("\n".join(f"{path}: {place}: {problem}" for problem in problems)) from error


class InputError(RuntimeError):
    """An input file or its content cannot serve: names file, what is wrong and the remedy.

    Attributes:
        attempts: How often it was tried to read the file.
    """

    attempts = 1


class DamagedError(InputError):
    """A file that cannot be read at all: its events are lost, as far as losses are allowed."""


class OutputError(RuntimeError):
    """A result cannot be written: names file and reason. Nothing of it is left behind."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what caused it, outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def no_room(error: OSError) -> str | None:
    """The reason where a disk is full: HDF5 and `copytree` have the number in the text, NumPy not there."""
    if error.errno is not None:
        told = [error.errno]
    else:
        told = [int(number) for number in re.findall(r"(?:errno = |\[Errno )(\d+)", str(error))]
    full = [number for number in told if number in DISK_FULL]
    if full:
        return os.strerror(full[0])
    if not told and re.search(r"\d+ requested and \d+ written", str(error)):
        return os.strerror(errno.ENOSPC)
    return None


def locked(error: OSError, folder: Path) -> tuple[str, list[Path]] | None:
    """The reason where what is below a folder is not for this user: a colleague's results.

    With the paths from the folder on that the error names, one or two.
    """
    names = [name for name in (error.filename, error.filename2) if isinstance(name, str | os.PathLike)]
    paths, top = [Path(name).absolute() for name in names], folder.absolute()
    below = [path.relative_to(top) for path in paths if path.is_relative_to(top)]
    return (os.strerror(error.errno), below) if error.errno in LOCKED and below else None
