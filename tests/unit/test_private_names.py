"""Tests call what the package offers: a private name is nobody's promise, its test hinders a change."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
OURS = re.compile(r"(jetsmith|snakemake_\w+_plugin_jetsmith\w*)(\.|$)")
PRIVATE = re.compile(r"_(?!_)\w+$")

# File below tests/ and name: why.
ALLOWED = {
    ("unit/code_cache.py", "_notes"): "the memory of a process, which a test ends without ending the process",
    ("unit/test_slurm_executor.py", "_attempt"): "Snakemake's own: what an executor takes back",
    ("unit/test_planning.py", "_schedule_reevalutation"): "Snakemake's own, which is replaced",
    ("workflow/in_process.py", "_group"): "Snakemake's own: it has no public way to the groups of its jobs",
}
# Modules whose underscore says that no plug is called so (`plugs.names`): what they define is public.
HEAVY = {
    "jetsmith.bundles._activations",
    "jetsmith.bundles._card",
    "jetsmith.bundles._events",
    "jetsmith.bundles._files",
    "jetsmith.bundles._graph",
    "jetsmith.bundles._inputs",
    "jetsmith.bundles._jets",
    "jetsmith.bundles._keras",
    "jetsmith.bundles._trees",
    "jetsmith.bundles._weights",
    "jetsmith.bundles._weights_card",
    "jetsmith.classifiers._batches",
    "jetsmith.classifiers._events",
    "jetsmith.classifiers._feed",
    "jetsmith.classifiers._histogram",
    "jetsmith.classifiers._images",
    "jetsmith.classifiers._jax",
    "jetsmith.classifiers._keras",
    "jetsmith.classifiers._onnx_labels",
    "jetsmith.classifiers._onnx_within",
    "jetsmith.classifiers._rates",
    "jetsmith.classifiers._scaler",
    "jetsmith.classifiers._start",
    "jetsmith.classifiers._tensorflow",
    "jetsmith.classifiers._xgboost",
    "jetsmith.losses._distance_correlation",
    "jetsmith.models._attention",
    "jetsmith.models._convolutions",
    "jetsmith.models._edges",
    "jetsmith.models._images",
    "jetsmith.models._layers",
    "jetsmith.models._pairs",
    "jetsmith.models._recurrent",
    "jetsmith.models._saved",
}


def defined() -> set[str]:
    """Private names that the package gives to functions, classes, constants, methods and attributes."""
    found: set[str] = set()
    for path in (ROOT / "workflow").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return {name for name in found if PRIVATE.match(name)}


def private(text: str, names: set[str]) -> Iterator[tuple[int, str]]:
    """Line and name of each private name of the package that a test uses; `names` are those there are.

    An import, an attribute of something that is not the test's own `self`, or the name in a call such as
    `monkeypatch.setattr(module, "_name", …)`, or in a path such as `"jetsmith.module._name"`.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and OURS.match(node.module or ""):
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name) for part in parts if (name := _first_private(part)))
        elif isinstance(node, ast.Import):
            parts = [alias.name for alias in node.names if OURS.match(alias.name)]
            yield from ((node.lineno, name) for part in parts if (name := _first_private(part)))
        elif isinstance(node, ast.Attribute) and node.attr in names:
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield node.lineno, node.attr
        elif isinstance(node, ast.Call) and "attr" in ast.unparse(node.func):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            yield from ((node.lineno, value) for value in texts if value in names)
            paths = [value for value in texts if OURS.match(value) and "." in value]
            yield from ((node.lineno, name) for path in paths if (name := _first_private(path)))


def _first_private(path: str) -> str | None:
    """The first private part of a dotted name behind a module that is public for tests."""
    module = next((heavy for heavy in HEAVY if path == heavy or path.startswith(f"{heavy}.")), "")
    parts = path.removeprefix(module).split(".")
    return next((part for part in parts if PRIVATE.match(part)), None)


def test_tests_use_public_names() -> None:
    """What a test has to reach gets a public name with a docstring; exceptions are listed, and used."""
    names, found, used = defined(), [], set()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        file = str(path.relative_to(ROOT / "tests"))
        for line, name in private(path.read_text(), names):
            used.add((file, name))
            if (file, name) not in ALLOWED:
                found.append(f"tests/{file}:{line}: {name}")
    assert not found, "\n".join(found)
    assert used == set(ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "from jetsmith.columns import _flat",
        "from jetsmith.models._unknown import Layer",
        "from jetsmith.models._layers import _hidden",
        "import jetsmith.columns._x",
        "columns._flat('')",
        "made().tree._flat",
        "monkeypatch.setattr(columns, '_flat', 1)",
        "monkeypatch.delattr('jetsmith.columns._gone')",
    ],
)
def test_private_names_are_found(text: str) -> None:
    """By each of the ways to one."""
    assert len(list(private(text, {"_flat"}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "from jetsmith.models._layers import Standardise",
        "from jetsmith.classifiers import _keras as backend",
        "from tests.unit import _flat",
        "self._flat = columns.__name__",
        "row._replace(a=1)",
        "monkeypatch.setattr(columns, '__file__', 1)",
    ],
)
def test_other_names_are_not(text: str) -> None:
    """A plug's heavy half, a test's own, those of Python."""
    assert list(private(text, {"_flat"})) == []
