"""Small faults of a module: what a tired author might have written instead."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
SWAPPED = {
    **{"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"},
    **{"left": "right", "right": "left"},
}
BARE = ("abs", "sorted", "fsync", "clip", "sqrt", "unique", "nan_to_num")
"""Functions that a fault forgets: the call becomes its first argument."""


@dataclass(frozen=True)
class Fault:
    """A module with one fault in it.

    Attributes:
        line: Where.
        what: The line's expression before and after.
        source: The whole module.
    """

    line: int
    what: str
    source: str


def faults(source: str) -> Iterator[Fault]:
    """Every fault of a module's code; annotations, messages and docstrings have none."""
    tree = ast.parse(source)
    for place, node in enumerate(_nodes(tree)):
        for variant in _variants(node):
            changed = copy.deepcopy(tree)
            target = next(found for at, found in enumerate(_nodes(changed)) if at == place)
            _Replace(target, variant).visit(changed)
            text = ast.unparse(ast.fix_missing_locations(changed))
            before, after = (_short(ast.unparse(found)) for found in (node, variant))
            yield Fault(getattr(node, "lineno", 0), f"{before}  ->  {after}", text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) < 90 else f"{line[:87]}…"


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes whose change can change what the module does, in a fixed order."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or isinstance(node, ast.JoinedStr | ast.ImportFrom | ast.Import):
                continue
            if isinstance(node, ast.Raise):  # its message is text
                yield node
                continue
            if isinstance(node, ast.Call) and _name(node.func) in ("Field", "print", "TypeVar", "Progress"):
                continue
            yield node
            yield from _nodes(node)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in a node's place."""
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=comparators):
            for other in COMPARE[type(operator)]:
                yield ast.Compare(left, [other()], comparators)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            if not _is_text(left) and not _is_text(right):
                yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield operand
        case ast.Raise():
            yield ast.Pass()
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float() as value):
            yield ast.Constant(value * 1.5 if value else 1.0)
        case ast.Constant(value=str() as value) if value in SWAPPED:
            yield ast.Constant(SWAPPED[value])
        case ast.Call(func=function, args=args, keywords=keywords):
            name = _name(function)
            if name in SWAPPED:
                swapped = copy.deepcopy(function)
                setattr(swapped, "attr" if isinstance(swapped, ast.Attribute) else "id", SWAPPED[name])
                yield ast.Call(swapped, args, keywords)
            if name in BARE and args:
                yield args[0]
        case ast.If(test=test, body=body, orelse=orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Continue() | ast.Break():
            yield ast.Pass()


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, variant: ast.AST) -> None:
        self._target, self._variant = target, variant

    def visit(self, node: ast.AST) -> ast.AST:
        return self._variant if node is self._target else super().generic_visit(node)
