"""What a result came from: code digests for reruns, versions and commit for the record."""

import ast
import atexit
import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = Path(__file__).parent


@cache
def code_digest(*modules: str) -> str:
    """Digest of modules of this package and of all they import from it, directly or not.

    Comments, docstrings and layout do not count: an edit of those reruns nothing.

    Args:
        modules: Names below `jetsmith`, e.g. `training` or `classifiers.keras`.

    Raises:
        ModuleNotFoundError: No such module.
    """
    digest = hashlib.sha256()
    for name in sorted(import_closure(*modules)):
        digest.update(name.encode() + _source(_file(name)).digest.encode())
    return digest.hexdigest()[:16]


def script_digest(script: Path, *modules: str) -> str:
    """Digest of a rule's script and of the modules that it imports or that are named beside them.

    Args:
        script: Path of the script; its `from jetsmith import …` statements are followed.
        modules: Further modules, such as a backend that is looked up by its name.
    """
    source = _source(script)
    reached = code_digest(*sorted({*filter(_exists, source.imports), *modules}))
    return hashlib.sha256((source.digest + reached).encode()).hexdigest()[:16]


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
        digest: Of its syntax tree, without docstrings.
        imports: What it names below `jetsmith` in import statements, at any depth: modules and
            what is in them.
    """

    digest: str
    imports: tuple[str, ...]


_notes: dict[str, Any] = {}  # by path: size and time of a file, digest and imports of its _Source


def remember(path: Path) -> None:
    """Read what an earlier process found of each file, and leave there what this one finds.

    Every job parses the Snakefile, and with it would parse the whole package. As for Python's byte
    code, a file of the same size and time is the same file.
    """
    about = f"{sys.version} {file_digest(Path(__file__))}"
    _notes.update(_stored(path, about))
    known = dict(_notes)

    def save() -> None:
        if _notes != known and path.parent.is_dir():
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            content = json.dumps({"about": about, "digest": config_digest(_notes), "files": _notes})
            with contextlib.suppress(OSError):  # only a saving of time, not worth a message at the end
                temporary.write_text(content)
                temporary.replace(path)
            temporary.unlink(missing_ok=True)

    atexit.register(save)


def _stored(path: Path, about: str) -> dict[str, Any]:
    """Notes of an earlier process; none where they are damaged or of another version."""
    try:
        stored = json.loads(path.read_text())
        is_ours = stored["about"] == about and stored["digest"] == config_digest(stored["files"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
    return dict(stored["files"]) if is_ours else {}


@cache
def _source(path: Path) -> _Source:
    status, key = path.stat(), str(path)
    mark = [status.st_size, status.st_mtime_ns]
    if key not in _notes or _notes[key][:2] != mark:
        tree = ast.parse(path.read_bytes())
        imports = _imports(tree)
        _notes[key] = [*mark, hashlib.sha256(_canonical(tree).encode()).hexdigest(), imports]
    return _Source(_notes[key][2], tuple(_notes[key][3]))


def _canonical(tree: ast.Module) -> str:
    """A syntax tree as text; its docstrings are taken out."""
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                has_docstring = ast.get_docstring(node, clean=False) is not None
                node.body = node.body[has_docstring:]
    return ast.dump(tree)


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


def _commit() -> str:
    """The commit of the checkout, with `-dirty` where files differ; `unknown` outside one."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=PACKAGE,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
