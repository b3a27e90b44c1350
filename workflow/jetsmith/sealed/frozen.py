"""A run works with the code of its plan: jobs import a copy of the package that no edit reaches.

A job may wait for days in the queue of a batch system, or train through a night, while its checkout is
edited, stashed and put back. The copy lies in `.snakemake`, in a folder named by its content.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from snakemake_interface_common.exceptions import WorkflowError

VARIABLE = "JETSMITH_CODE"
UNUSED_DAYS = 30  # a copy that no run has taken for so long goes; no job waits that long
_SUFFIXES = (".py", ".j2", ".typed")
_KERNELS = ("*.nbi", "*.nbc")  # of Numba, beside byte code


@dataclass(frozen=True)
class Seen:
    """A package as it was when a plan began.

    Attributes:
        package: Its folder.
        states: Size and time of each file, by its name in the folder.
    """

    package: Path
    states: Mapping[str, tuple[int, int]]


def look(package: Path) -> Seen:
    """Note what a package is made of, before anything is planned with it."""
    files = [path for path in sorted(package.rglob("*")) if path.suffix in _SUFFIXES and path.is_file()]
    statuses = {str(path.relative_to(package)): path.stat() for path in files}
    return Seen(package, {name: (status.st_size, status.st_mtime_ns) for name, status in statuses.items()})


def freeze(seen: Seen, folder: Path) -> Path:
    """Copy a package, once for each content; children of this process import the copy.

    Args:
        seen: The package, as it was when the plan began.
        folder: Where the copies lie, in folders named by their content.

    Returns:
        The copy's parent folder, for the search path of modules.

    Raises:
        WorkflowError: It was edited since: nobody knows which of the two was planned with.
    """
    package = seen.package
    content = {name: ((package / name).read_bytes(), time_ns) for name, (_, time_ns) in seen.states.items()}
    now = look(package).states
    if now != seen.states:
        edited = ", ".join(sorted(set(dict(now.items() ^ seen.states.items()))))
        raise WorkflowError(f"{edited} of jetsmith: edited while the run was planned; start it again")
    place = folder / _digest(content)
    if not place.is_dir():
        _write(place, package.name, content, [package, *(other / package.name for other in folder.glob("*"))])
    os.utime(place)
    forget_old(folder, keep=place)
    use(place)
    return place


def use(place: Path) -> None:
    """Let children of this process import what lies there before anything else."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    here = str(place.absolute())
    os.environ["PYTHONPATH"] = os.pathsep.join([here, *(path for path in paths if path and path != here)])
    os.environ[VARIABLE] = here


def taken() -> Path | None:
    """The copy that the run of this process has taken, where this machine sees it."""
    told = os.environ.get(VARIABLE)
    return Path(told) if told and Path(told).is_dir() else None


def forget_old(folder: Path, keep: Path) -> None:
    """Remove what no run has used for `UNUSED_DAYS`; what is to be kept was used just now."""
    oldest = time.time() - UNUSED_DAYS * 86400
    for path in folder.iterdir():
        with suppress(OSError):
            if path != keep and path.stat().st_mtime < oldest:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _digest(content: Mapping[str, tuple[bytes, int]]) -> str:
    digest = hashlib.sha256()
    for name, (text, _) in content.items():
        digest.update(f"{name} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()[:16]


def _write(
    place: Path, name: str, content: Mapping[str, tuple[bytes, int]], compiled: Iterable[Path]
) -> None:
    """With the times of the files, by which `provenance.remember` and Numba know them.

    Args:
        place: The copy's parent folder.
        name: Of the package.
        content: Of its files: bytes and time.
        compiled: Packages beside whose sources Numba may have left what it compiled: half a minute's work in
            every job that simulates.
    """
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    for path, (text, time_ns) in content.items():
        target = temporary / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text)
        os.utime(target, ns=(time_ns, time_ns))
    states = {path: (len(text), time_ns) for path, (text, time_ns) in content.items()}
    for package in compiled:
        take_kernels(package, temporary / name, states)
    try:
        temporary.rename(place)
    except OSError:  # another run was first
        shutil.rmtree(temporary)


def take_kernels(package: Path, copy: Path, states: Mapping[str, tuple[int, int]]) -> None:
    """Copy what Numba compiled of those files of a package that are the copy's by size and time.

    Args:
        package: Where it compiled.
        copy: The same package elsewhere.
        states: Of the copy's files, by their names, as in `Seen`.
    """
    for path in (found for kind in _KERNELS for found in package.rglob(f"__pycache__/{kind}")):
        source = path.parent.with_name(f"{path.name.partition('.')[0]}.py")
        with suppress(OSError):  # a job that compiles replaces it, or another run forgets the copy
            status = source.stat()
            if (status.st_size, status.st_mtime_ns) == states.get(str(source.relative_to(package))):
                target = copy / path.relative_to(package)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, target)
