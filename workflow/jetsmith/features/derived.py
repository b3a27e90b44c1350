"""Derived columns on demand: what can be had of what is there (`jetsmith.derivations`), and having it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from jetsmith.derivations.ways import Way, Ways
from jetsmith.errors import InputError
from jetsmith.features import named

if TYPE_CHECKING:
    import awkward as ak

    from jetsmith.features.table import Array, Lists, Table


def plan(available: Iterable[str], ways: Ways) -> dict[str, Way]:
    """How each derivable column that is not available is computed; free of cycles."""
    known, chosen = set(available), dict[str, Way]()
    found = True
    while found:
        found = False
        for name, choices in ways.items():
            usable = [way for way in choices if known.issuperset(way.needs)]
            if name not in known and usable:
                chosen[name] = usable[0]
                known.add(name)
                found = True
    return chosen


def available_with_derived(available: set[str], ways: Ways) -> set[str]:
    """The columns that are available or can be computed from those.

    Args:
        available: Columns that a file gives.
        ways: To the columns of its object, or to those that are asked for.
    """
    return available | set(plan(available, ways))


def stored_needs(wanted: Iterable[str], available: Iterable[str], ways: Ways) -> set[str]:
    """The stored columns from which all of `wanted` that can be had are computed."""
    stored = set(available)
    chosen = plan(stored, ways)
    found, queue = set[str](), list(wanted)
    while queue:
        name = queue.pop()
        if name in stored:
            found.add(name)
        elif name in chosen:
            queue += chosen[name].needs
    return found


def stand_ins(
    wanted: Iterable[str], available: Iterable[str], ways: Ways
) -> dict[str, tuple[str, list[str]]]:
    """The columns that are not what their names say, but the best that the stored ones allow.

    Args:
        wanted: Columns to have.
        available: Columns that a file gives.
        ways: To the columns, with their reasons (`derivations.plain`).

    Returns:
        The reason, and which of `wanted` come from it, by column.
    """
    chosen = plan(available, ways)
    found: dict[str, tuple[str, list[str]]] = {}
    for name in wanted:
        seen, queue = set[str](), [name]
        while queue:
            column = queue.pop()
            if column in seen or column not in chosen:
                continue
            seen.add(column)
            queue += chosen[column].needs
            if chosen[column].stand_in:
                found.setdefault(column, (chosen[column].stand_in, []))[1].append(name)
    return found


def origins(wanted: Iterable[str], available: Iterable[str], ways: Ways) -> dict[str, set[str]]:
    """All columns that each of `wanted` comes from, stored and computed ones, itself among them.

    Args:
        wanted: Columns to have.
        available: Columns that a file gives.
        ways: To the columns.
    """
    chosen = plan(available, ways)
    found = {}
    for name in wanted:
        seen, queue = set[str](), [name]
        while queue:
            column = queue.pop()
            if column not in seen:
                seen.add(column)
                queue += chosen[column].needs if column in chosen else ()
        found[name] = seen
    return found


def with_derived(rows: "ak.Array", wanted: Iterable[str], ways: Ways) -> "ak.Array":
    """Add derived columns.

    Args:
        rows: Record array, one row a jet or an event.
        wanted: Columns to have; those that are there stay as they are, unknown ones are left out.
        ways: To columns of these rows.

    Returns:
        Record array with the columns of `rows` and the wanted ones, float32.
    """
    from jetsmith.features.table import to_rows, to_table

    table = to_table(rows)
    stored = list(table)
    derive(table, wanted, ways)
    keep = dict.fromkeys([*stored, *(name for name in wanted if name in table)])
    return to_rows({name: table[name] for name in keep}, len(rows))


def derive(table: "Table", wanted: Iterable[str], ways: Ways) -> None:
    """Add to `table` those of the `wanted` columns that can be computed, and what they need."""
    chosen = plan(table, ways)
    for name in wanted:
        _compute(table, name, chosen)


def _compute(table: "Table", name: str, chosen: Mapping[str, Way]) -> None:
    if name in table or name not in chosen:
        return
    way = chosen[name]
    for need in way.needs:
        _compute(table, need, chosen)
    table[name] = _summarise(table, way) if way.whole else _elementwise(table, name, way)


def _summarise(table: "Table", way: Way) -> "Array | Lists":
    import numpy as np

    from jetsmith.features.table import Lists

    # cosh and others of float32 are those of the C library, whose last bits differ by its version.
    arguments = [
        column.astype(np.float64) if not isinstance(column, Lists) and column.dtype == np.float32 else column
        for column in (table[need] for need in way.needs)
    ]
    with np.errstate(all="ignore"):
        result = named.find(way.place)(*arguments)
    if isinstance(result, Lists):
        return Lists(result.offsets, result.values.astype(np.float32))
    return np.asarray(result, np.float32)


def _elementwise(table: "Table", name: str, way: Way) -> "Array | Lists":
    import numpy as np

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
        result = named.find(way.place)(*arguments).astype(np.float32)
    return result if frame is None else Lists(frame.offsets, result)
