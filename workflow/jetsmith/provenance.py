"""What a result came from: code digests for reruns, versions and commit for the record."""

import ast
import hashlib
import json
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

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
        digest.update(name.encode() + _canonical(name).encode())
    return digest.hexdigest()[:16]


def script_digest(script: Path, *modules: str) -> str:
    """Digest of a rule's script and of the modules that it imports or that are named beside them.

    Args:
        script: Path of the script; its `from jetsmith import …` statements are followed.
        modules: Further modules, such as a backend that is looked up by its name.
    """
    tree = ast.parse(script.read_bytes())
    reached = code_digest(*sorted({*_imports_of(tree), *modules}))
    return hashlib.sha256((ast.dump(tree) + reached).encode()).hexdigest()[:16]


def import_closure(*modules: str) -> frozenset[str]:
    """The modules and every module of this package that they import, as names below it."""
    seen: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += _imports(name)
    return frozenset(seen)


def _file(name: str) -> Path:
    base = PACKAGE.joinpath(*name.split(".")) if name else PACKAGE
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    raise ModuleNotFoundError(f"no module jetsmith.{name}")


@cache
def _tree(name: str) -> ast.Module:
    return ast.parse(_file(name).read_bytes())


@cache
def _canonical(name: str) -> str:
    """The module's syntax tree as text, without docstrings."""
    tree = ast.parse(_file(name).read_bytes())
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                has_docstring = ast.get_docstring(node, clean=False) is not None
                node.body = node.body[has_docstring:]
    return ast.dump(tree)


def _imports(name: str) -> list[str]:
    """Modules of this package that a module names in an import statement, at any depth."""
    return _imports_of(_tree(name))


def _imports_of(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            found += [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    below = [module.removeprefix("jetsmith.") for module in found if module.startswith("jetsmith.")]
    return [module for module in below if _exists(module)]


def _exists(name: str) -> bool:
    try:
        return _file(name).is_file()
    except ModuleNotFoundError:
        return False


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
