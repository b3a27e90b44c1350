"""What a result came from: code digests for reruns, versions and commit for the record."""

import ast
import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from jetsmith import definitions
from jetsmith.definitions import REST, WHOLE, Definition

PACKAGE = Path(__file__).parent


# What tells of a job, watches and checks it changes no result.
WITHOUT_EFFECT = ("progress", "lifeline", "sealed.planned")
# Snakemake starts a copy of a script, with a preamble that is another for each job.
PREAMBLE_END = b"######## snakemake preamble end #########\n"
COMMIT = "JETSMITH_COMMIT"


@cache
def code_digest(*modules: str) -> str:
    """Digest of modules of this package and of all that they refer to in it, directly or not.

    Comments, docstrings, layout, and definitions that nothing refers to do not count.

    Args:
        modules: Names below `jetsmith`, e.g. `training` or `classifiers.keras`.

    Raises:
        ModuleNotFoundError: No such module.
    """
    return _digest(reached([(name, WHOLE) for name in modules]))


@cache
def script_digests(script: Path, *modules: str) -> dict[str, str]:
    """Digests of a rule's script, of all that it refers to, and of what is named beside it.

    Args:
        script: Path of the script; also one with Snakemake's preamble, which does not count.
        modules: What is looked up by its name: modules, such as a backend, or `module:function`.

    Returns:
        By module the digest of what counts of it, and `script`; `beside` has the names of `modules`.
    """
    own = _source(script).definitions
    found = {"script": _short(sorted(definition.digest for definition in own.values()))}
    by_module: dict[str, list[str]] = {}
    for module, line in _lines(reached(roots(script, *modules))):
        by_module.setdefault(module, []).append(line)
    found |= {module: _short(lines) for module, lines in by_module.items()}
    return found | ({"beside": " ".join(modules)} if modules else {})


def roots(script: Path, *modules: str) -> list[tuple[str, str]]:
    """What a script refers to, and functions or all of some modules, for `reached`."""
    referred = [place for found in _source(script).definitions.values() for place in found.there]
    beside = [name.partition(":") for name in modules]
    return [*map(_place, referred), *((module, name or WHOLE) for module, _, name in beside)]


def reached(roots: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Definitions that others lead to, as module and name, with what runs when their modules are imported.

    Args:
        roots: Modules below `jetsmith` and names in them; `WHOLE` for all of one.

    Raises:
        ModuleNotFoundError: No such module.
    """
    seen: set[tuple[str, str]] = set()
    imported: set[str] = set()
    queue = list(roots)
    while queue:
        module, name = queue.pop()
        if (module, name) in seen or module in WITHOUT_EFFECT:
            continue
        seen.add((module, name))
        found = _source(_file(module)).definitions
        if name == WHOLE or name not in found:  # of what is not seen all counts
            queue += [(module, other) for other in found]
            continue
        queue += [(module, other) for other in found[name].here]
        queue += map(_place, found[name].there)
        if module not in imported:
            imported |= import_closure(module)
            queue += [(other, REST) for other in imported]
    return frozenset((module, name) for module, name in seen if name != WHOLE)


def _place(reference: str) -> tuple[str, str]:
    """Module below `jetsmith` and name in it of `jetsmith.io:write_json` or `jetsmith:io.write_json`."""
    module, _, names = reference.partition(":")
    module = module.removeprefix("jetsmith").removeprefix(".")
    for name in filter(None, names.split(".")):
        inner = f"{module}.{name}" if module else name
        if not _exists(inner):
            return module, name
        module = inner
    return module, WHOLE


def _digest(found: Iterable[tuple[str, str]]) -> str:
    return _short([line for _, line in _lines(found)])


def _lines(found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Module, and name and digest, of definitions that have one."""
    for module, name in sorted(found):
        definition = _source(_file(module)).definitions.get(name)
        if definition is not None and definition.digest:
            yield module, f"{module}:{name}:{definition.digest}"


def _short(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@cache
def import_closure(*modules: str) -> frozenset[str]:
    """The modules and every module of this package that they import, as names below it."""
    seen: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += filter(_exists, _source(_file(name)).imports)
    return frozenset(seen)


@cache
def _file(name: str) -> Path:
    base = PACKAGE.joinpath(*name.split(".")) if name else PACKAGE
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    raise ModuleNotFoundError(f"no module jetsmith.{name}")


@cache
def _exists(name: str) -> bool:
    try:
        return _file(name).is_file()
    except ModuleNotFoundError:
        return False


class _Source(NamedTuple):
    """What counts of a Python file.

    Attributes:
        definitions: What stands at its top, by name.
        imports: What it names below `jetsmith` in import statements, at any depth: modules and
            what is in them.
    """

    definitions: dict[str, Definition]
    imports: tuple[str, ...]


_notes: dict[
    str, Any
] = {}  # by path, in the package below it: size and time of a file, definitions and imports of its _Source


def remember(path: Path) -> None:
    """Read what an earlier process found of each file, and left with `leave_notes`.

    Every job parses the Snakefile, and with it would parse the whole package. As for Python's byte
    code, a file of the same size and time is the same file.

    Args:
        path: JSON file below `.snakemake`.
    """
    _notes.update(_stored(path))


def leave_notes(path: Path) -> None:
    """Leave for `remember` what this process knows of each file, where its folder is there."""
    digest = config_digest(_notes)
    if not path.parent.is_dir() or config_digest(_stored(path)) == digest:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    content = json.dumps({"about": _about(), "digest": digest, "files": _notes})
    with contextlib.suppress(OSError):  # only a saving of time, not worth a message at the end
        temporary.write_text(content)
        temporary.replace(path)
    temporary.unlink(missing_ok=True)


def _about() -> str:
    """What notes depend on beside the files themselves."""
    return f"{sys.version} {file_digest(Path(__file__))} {file_digest(Path(definitions.__file__))}"


def _stored(path: Path) -> dict[str, Any]:
    """Notes of an earlier process; none where they are damaged or of another version."""
    try:
        stored = json.loads(path.read_text())
        is_ours = stored["about"] == _about() and stored["digest"] == config_digest(stored["files"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
    return dict(stored["files"]) if is_ours else {}


@cache
def _source(path: Path) -> _Source:
    status = path.stat()
    key = str(path.relative_to(PACKAGE) if path.is_relative_to(PACKAGE) else path)  # the same in a copy
    mark = [status.st_size, status.st_mtime_ns]
    if key not in _notes or _notes[key][:2] != mark:
        tree = ast.parse(path.read_bytes().rpartition(PREAMBLE_END)[2])
        _notes[key] = [*mark, definitions.read(tree, "jetsmith"), _imports(tree)]
    found, imports = _notes[key][2:]
    return _Source(
        {name: Definition(d, tuple(h), tuple(t)) for name, (d, h, t) in found.items()}, tuple(imports)
    )


def _imports(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            found += [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name.removeprefix("jetsmith.") for name in found if name.startswith("jetsmith.")]


def file_digest(path: Path) -> str:
    """Digest of a file that is no Python module, such as a template."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def config_digest(content: Any) -> str:
    """Digest of a configuration, the same for the same values in any order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def record() -> dict[str, Any]:
    """Versions, commit and machine of this process; for sidecar files, never for `params`."""
    packages = (
        "jetsmith snakemake coffea uproot awkward numpy xgboost tensorflow keras scikit-learn "
        "hist correctionlib pythia8mc fastjet"
    )
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {name: found for name in packages.split() if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def announce_commit() -> None:
    """Let jobs know the commit of the plan: the checkout may be at another when they run."""
    os.environ[COMMIT] = _commit()


def _commit() -> str:
    """The commit of the checkout, with `-dirty` where files differ; `unknown` outside one.

    An environment below somebody's repository, where the package is installed, is no checkout.
    """
    if told := os.environ.get(COMMIT):
        return told
    git = partial(subprocess.run, cwd=PACKAGE, capture_output=True, text=True, check=True, timeout=10)
    try:
        git(["git", "ls-files", "--error-unmatch", "provenance.py"])
        return str(git(["git", "describe", "--always", "--dirty", "--abbrev=40"]).stdout.strip())
    except (OSError, subprocess.SubprocessError):
        return "unknown"
