"""Stored columns with turned signs (`columns.turned` has which), for the features of negative taggers."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from jetsmith.columns import family
from jetsmith.columns.turned import FLIGHT, TURNED
from jetsmith.errors import InputError
from jetsmith.features.table import Array, Lists, Table

OF_VERTICES = "sv"


class Turned(NamedTuple):
    """A table with turned signs, and how many vertices it had, and has: those behind the primary one."""

    table: Table
    vertices: int
    behind: int


def needed_to_turn(needed: Iterable[str], stored: Iterable[str]) -> set[str]:
    """The stored columns that are needed, and with any of vertices those that say which are behind."""
    found = set(needed)
    has_vertices = any(family(name) == OF_VERTICES for name in found)
    return found | (set(FLIGHT) & set(stored) if has_vertices else set())


def turn(table: Mapping[str, Array | Lists]) -> Turned:
    """Impact parameters change their sign; vertices behind the primary one get in front, and others are gone.

    A vertex is behind where any of `FLIGHT` is below 0. Vertex finders of CMS keep next to none of these.

    Raises:
        InputError: Lists of vertices differ in length.
    """
    found: Table = dict(table)
    for name, of in table.items():
        if name in TURNED and isinstance(of, Lists):  # all of them are lists
            found[name] = Lists(of.offsets, -of.values)
    lists = {name: of for name, of in table.items() if family(name) == OF_VERTICES and isinstance(of, Lists)}
    if not lists:
        return Turned(found, 0, 0)
    first, frame = next(iter(lists.items()))
    for name, of in lists.items():
        if not np.array_equal(of.offsets, frame.offsets):
            raise InputError(f"columns {first} and {name} of vertices differ in length; run skim again")
    behind = np.zeros(len(frame.values), np.bool_)
    for name in FLIGHT:
        if name in lists:
            behind |= lists[name].values < 0
    for name, of in lists.items():
        kept = of.where(behind)
        found[name] = Lists(kept.offsets, np.abs(kept.values)) if name in FLIGHT else kept
    return Turned(found, len(behind), int(behind.sum()))
