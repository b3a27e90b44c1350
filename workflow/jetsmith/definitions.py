"""What of a Python file counts, by top-level definition: a digest of each, and what it refers to.

A definition is a function, a class with all its methods, or an assignment, at the top of a module. What
it refers to is found by its names, also by those in strings, as annotations and `getattr` use them, but not
in texts with values in them, which are messages; a module that is handed on as such counts as a whole. What
else stands at the top of a module runs at its import, and so does a decorator that is not known to do
nothing else.
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

REST = ""
"""Stands for what runs when the module is imported."""
WHOLE = "*"
"""Stands for all of a module."""

_UNSEEN = {"globals", "vars", "locals", "eval", "exec"}  # reach what no name tells
_QUIET = {  # decorators that register nothing
    "cache", "cached_property", "contextmanager", "dataclass", "lru_cache", "njit", "runtime_checkable",
}  # fmt: skip


class Definition(NamedTuple):
    """What stands behind one name at the top of a module.

    Attributes:
        digest: Of its syntax tree, without docstrings and descriptions.
        here: Names of the same module that it refers to; `WHOLE` for all.
        there: What it refers to of other modules of the package, as `module:name`, where `name` may have
            further names behind dots.
    """

    digest: str
    here: tuple[str, ...]
    there: tuple[str, ...]


def read(tree: ast.Module, package: str) -> dict[str, Definition]:
    """The definitions of a file by name; what it imports from the package is one, too.

    Args:
        tree: Of the file; docstrings and descriptions are taken out of it.
        package: Name of the package whose modules count.
    """
    _drop_descriptions(tree)
    nodes: dict[str, list[ast.stmt]] = {REST: []}
    for node in tree.body:
        for name in _defined(node):
            nodes.setdefault(name, []).append(node)
    imports = _imports(ast.walk(tree), package)
    brought = {name: Definition("", (), tuple(where)) for name, where in imports.items()}
    return brought | {name: _definition(found, nodes.keys(), imports) for name, found in nodes.items()}


def _drop_descriptions(tree: ast.Module) -> None:
    """Docstrings, and descriptions of fields, which are docstrings by another name."""
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                node.body = [statement for statement in node.body if not _is_text(statement)]
            case ast.Call(func=ast.Name(id="Field")):
                node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]


def _is_text(node: ast.stmt) -> bool:
    """A string that stands alone: a docstring, also that of an attribute."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def _defined(node: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module defines; `REST` where it does anything else."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=[]):
            return []
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            decorators = {_last_name(decorator) for decorator in node.decorator_list}
            return [node.name] + ([] if decorators <= _QUIET else [REST])
        case ast.Assign(targets=targets):
            return _names(targets)
        case ast.AnnAssign(target=target):
            return _names([target])
    return [REST]


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Call(func=function):
            return _last_name(function)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return "?"


def _names(targets: Iterable[ast.expr]) -> list[str]:
    """Plain names that are assigned to, also in tuples; an item or attribute of something is `REST`."""
    found: list[str] = []
    for target in targets:
        match target:
            case ast.Name(id=name):
                found.append(name)
            case ast.Tuple(elts=inner) | ast.List(elts=inner):
                found += _names(inner)
            case _:
                found.append(REST)
    return found


def _imports(nodes: Iterable[ast.AST], package: str) -> dict[str, list[str]]:
    """What names stand for that are imported from the package, anywhere in the file."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and _is_of(node.module, package) and node.level == 0:
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, []).append(f"{node.module}:{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _is_of(alias.name, package):
                    first = alias.name if alias.asname else package
                    found.setdefault(alias.asname or package, []).append(f"{first}:")
    return found


def _is_of(module: str | None, package: str) -> bool:
    return module is not None and (module == package or module.startswith(f"{package}."))


def _definition(nodes: Sequence[ast.stmt], known: Set[str], imports: Mapping[str, list[str]]) -> Definition:
    digest = hashlib.sha256("\n".join(map(ast.dump, nodes)).encode()).hexdigest()[:16] if nodes else ""
    used = {use for node in nodes for use in _uses(node)}
    here = {use.partition(".")[0] for use in used} & known
    here |= {WHOLE} if used & _UNSEEN else set()
    there = set()
    for use in used:
        first, dot, rest = use.partition(".")
        there |= {place + dot + rest for place in imports.get(first, ())}
    return Definition(digest, tuple(sorted(here)), tuple(sorted(there)))


def _uses(node: ast.AST) -> Iterator[str]:
    """Names that are used, with the attributes behind them: `metrics.passes`; also those in strings."""
    match node:
        case ast.Attribute():
            chain, base = [node.attr], node.value
            while isinstance(base, ast.Attribute):
                chain.append(base.attr)
                base = base.value
            if isinstance(base, ast.Name):
                yield ".".join([base.id, *reversed(chain)])
                return
        case ast.Name(id=name):
            yield name
        case ast.JoinedStr(values=parts):  # its texts are parts of names at most, as of a message
            for part in parts:
                if not isinstance(part, ast.Constant):
                    yield from _uses(part)
            return
        case ast.Constant(value=str(text)):
            yield from re.findall(r"[A-Za-z_]\w*(?:\.\w+)*", text) if len(text) <= 100 else ()
    for child in ast.iter_child_nodes(node):
        yield from _uses(child)
