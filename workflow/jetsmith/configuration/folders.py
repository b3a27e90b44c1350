"""Where a run writes: `pathvars`, which Snakemake takes from the files before anybody checks it."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jetsmith.configuration import exact_yaml, places
from jetsmith.configuration.records import hint
from jetsmith.errors import ConfigError, refuse

PATHVARS = ("results", "logs", "benchmarks")
_NAMED = re.compile(r"<([^<>]*)>")


def check(path: Path) -> None:
    """Read a file of a run exactly; its folders are some, so that Snakemake can take them.

    Raises:
        ConfigError: Names file, line and key.
    """
    content = exact_yaml.read(path).content
    if isinstance(content, dict) and content.get("pathvars") is not None:
        try:
            refuse(path, misfits(content["pathvars"]))
        except ConfigError as error:
            run = places.Run(str(path), [path])
            raise ConfigError(places.located(str(error), run)) from error


def misfits(pathvars: Any) -> Iterator[str]:
    """What is wrong with the key, of whatever kind it is. A misspelt name would leave results with others."""
    if not isinstance(pathvars, Mapping):
        yield f"pathvars: a folder by name ({', '.join(PATHVARS)}) would be right; got {pathvars!r:.80}"
        return
    for name, path in pathvars.items():
        if name not in PATHVARS:
            yield f"pathvars: unknown key `{name}`{hint(name, PATHVARS)}"
        elif not isinstance(path, str):
            yield f"pathvars.{name}: is a folder, in text; got {path!r:.80}"
        elif problem := _misfit(name, path, pathvars):
            yield f"pathvars.{name}: {problem}"


def _misfit(name: str, path: str, pathvars: Mapping[str, Any]) -> str:
    """Why a path is no folder that Snakemake, or a shell's reader, takes for what it says."""
    if not path.strip():
        return "is empty; give a folder"
    if path != path.strip() or not path.isprintable():
        return f"{path!r:.80}: a blank at an end, or a character that cannot be seen; leave it out"
    if unknown := [found for found in _NAMED.findall(path) if found not in PATHVARS]:
        return f"`<{unknown[0]}>` is none of {', '.join(f'<{known}>' for known in PATHVARS)}"
    if (circle := _circle(name, pathvars)) is not None:
        return f"`{path}` leads back to itself ({circle}); give a folder"
    if bad := re.search(r"[{}]", path):
        return f"`{path}`: `{bad[0]}` makes a wildcard of it for Snakemake; give another name"
    if "://" in path:
        return f"`{path}` is an address; results are written into a folder of this machine"
    if path.startswith("~") or "$" in path:
        return f"`{path}`: no `~` or variable is expanded here; write the folder out"
    if path != "/" and os.path.normpath(path) not in (path, path.removeprefix("./")):
        return f"`{path}` is `{os.path.normpath(path)}`; write that: files are known by their names"
    if "<" in path:
        return ""
    try:
        files = [one for one in (Path(path), *Path(path).parents) if one.is_file()]
    except OSError as error:  # a name too long, or a folder that may not be looked into
        return f"`{path:.80}`: {error.strerror}; give a folder that this user may write into"
    return f"`{files[0]}` is a file; give a folder" if files else ""


def _circle(name: str, pathvars: Mapping[str, Any], before: tuple[str, ...] = ()) -> str | None:
    """The way from a name back to it, or round another one; None where there is none."""
    way = (*before, name)
    if name in before:
        return " is of ".join(way)
    found = (_circle(of, pathvars, way) for of in _NAMED.findall(str(pathvars.get(name, ""))))
    return next((circle for circle in found if circle is not None), None)
