"""A run works with the code of its plan: jobs import a copy of the package that no edit reaches.

A job may wait for days in the queue of a batch system, or train through a night, while its checkout is
edited, stashed and put back. The copy lies in `.snakemake`, in a folder named by its content.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

VARIABLE = "JETSMITH_CODE"
UNUSED_DAYS = 30  # a copy that no run has taken for so long goes; no job waits that long
_SUFFIXES = (".py", ".j2", ".typed")


def freeze(package: Path, folder: Path) -> Path:
    """Copy a package, once for each content; children of this process import the copy.

    Args:
        package: Folder of the package.
        folder: Where the copies lie, in folders named by their content.

    Returns:
        The copy's parent folder, for the search path of modules.
    """
    files = [path for path in sorted(package.rglob("*")) if path.suffix in _SUFFIXES and path.is_file()]
    content = {str(path.relative_to(package)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    place = folder / _digest(content)
    if not place.is_dir():
        _write(place, package.name, content)
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


def _write(place: Path, name: str, content: Mapping[str, tuple[bytes, int]]) -> None:
    """With the times of the files, by which `provenance.remember` knows them."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    for path, (text, time_ns) in content.items():
        target = temporary / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text)
        os.utime(target, ns=(time_ns, time_ns))
    try:
        temporary.rename(place)
    except OSError:  # another run was first
        shutil.rmtree(temporary)
