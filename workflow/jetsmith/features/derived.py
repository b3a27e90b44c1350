"""Derived columns on demand: what can be had of what is there (`jetsmith.derivations`), and having it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from jetsmith.derivations import DERIVED, Derived
from jetsmith.errors import InputError

if TYPE_CHECKING:
    import awkward as ak

    from jetsmith.features.table import Array, Lists, Table


def plan(available: Iterable[str], obj: str) -> dict[str, Derived]:
    """How each derivable column that is not available is computed; free of cycles."""
    known, ways = set(available), dict[str, Derived]()
    found = True
    while found:
        found = False
        for name, choices in DERIVED.items():
            usable = [d for d in choices if obj in d.objects and known.issuperset(d.needs)]
            if name not in known and usable:
                ways[name] = usable[0]
                known.add(name)
                found = True
    return ways


def available_with_derived(available: set[str], obj: str) -> set[str]:
    """The columns that are available or can be computed from those.

    Args:
        available: Columns that a file gives.
        obj: `ak4`, `ak8` or `event`.
    """
    return available | set(plan(available, obj))


def stored_needs(wanted: Iterable[str], available: Iterable[str], obj: str) -> set[str]:
    """The stored columns from which all of `wanted` that can be had are computed."""
    stored = set(available)
    ways = plan(stored, obj)
    found, queue = set[str](), list(wanted)
    while queue:
        name = queue.pop()
        if name in stored:
            found.add(name)
        elif name in ways:
            queue += ways[name].needs
    return found


def with_derived(rows: "ak.Array", wanted: Iterable[str], obj: str) -> "ak.Array":
    """Add derived columns.

    Args:
        rows: Record array, one row a jet or an event.
        wanted: Columns to have; those that are there stay as they are, unknown ones are left out.
        obj: What a row is.

    Returns:
        Record array with the columns of `rows` and the wanted ones, float32.
    """
    from jetsmith.features.table import to_rows, to_table

    table = to_table(rows)
    stored = list(table)
    derive(table, wanted, obj)
    keep = dict.fromkeys([*stored, *(name for name in wanted if name in table)])
    return to_rows({name: table[name] for name in keep}, len(rows))


def derive(table: "Table", wanted: Iterable[str], obj: str) -> None:
    """Add to `table` those of the `wanted` columns that can be computed, and what they need."""
    ways = plan(table, obj)
    for name in wanted:
        _compute(table, name, ways)


def _compute(table: "Table", name: str, ways: Mapping[str, Derived]) -> None:
    if name in table or name not in ways:
        return
    way = ways[name]
    for need in way.needs:
        _compute(table, need, ways)
    table[name] = _summarise(table, way) if way.whole else _elementwise(table, name, way)


def _summarise(table: "Table", way: Derived) -> "Array | Lists":
    import numpy as np

    from jetsmith.features import summaries
    from jetsmith.features.table import Lists

    with np.errstate(all="ignore"):
        result = getattr(summaries, way.function)(*(table[need] for need in way.needs))
    if isinstance(result, Lists):
        return Lists(result.offsets, result.values.astype(np.float32))
    return np.asarray(result, np.float32)


def _elementwise(table: "Table", name: str, way: Derived) -> "Array | Lists":
    import numpy as np

    from jetsmith.features import formulas
    from jetsmith.features.table import Lists

    frame = next((c for need in way.needs if isinstance(c := table[need], Lists)), None)
    owner = frame.owner if frame is not None else None
    arguments = []
    for need in way.needs:
        column = table[need]
        values = column.values if isinstance(column, Lists) else column if owner is None else column[owner]
        arguments.append(values.astype(np.float64))
    if len({len(argument) for argument in arguments}) > 1:
        raise InputError(f"columns {', '.join(way.needs)} differ in length, so {name} cannot be computed")
    with np.errstate(all="ignore"):
        result = getattr(formulas, way.function)(*arguments).astype(np.float32)
    return result if frame is None else Lists(frame.offsets, result)
