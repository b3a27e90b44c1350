"""Records of the table: a way to a column, and a column that has no other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

JETS = ("ak4", "ak8")
EVENTS = ("event",)


@dataclass(frozen=True)
class Way:
    """One way to compute a column.

    Attributes:
        function: Its name in `formulas`, or in `summaries` where `whole`; elsewhere `module:name`.
        needs: Columns, handed over in this order.
        whole: False: numpy arrays of one length go in and come out, jet columns repeated for each
            constituent. True: ragged columns go in as `Lists`.
        stand_in: Where the result is not what its name says, but the best that its needs allow: why.
    """

    function: str
    needs: tuple[str, ...]
    whole: bool = field(default=False, kw_only=True)
    stand_in: str = field(default="", kw_only=True, compare=False)

    @property
    def place(self) -> str:
        """Where its function stands, below jetsmith: it is looked up by name, so its code counts by name."""
        if ":" in self.function:
            return f"features.{self.function}"
        return f"features.{'summaries' if self.whole else 'formulas'}:{self.function}"


Ways = Mapping[str, tuple[Way, ...]]
"""Ways to columns, the best first, in the order in which columns are looked for."""


@dataclass(frozen=True)
class Derived(Way):
    """A way in the table.

    Attributes:
        objects: Kinds of row that have it.
    """

    objects: tuple[str, ...] = JETS


class New(NamedTuple):
    """A column that is always derived.

    Attributes:
        unit: Unit of the values; empty for pure numbers.
        text: What it is, in a few words.
        ways: The ways to it, the best first.
        ragged: True for a list a row.
    """

    unit: str
    text: str
    ways: tuple[Derived, ...]
    ragged: bool = False


def jet(unit: str, text: str, function: str, *needs: str) -> New:
    """Of lists, or of values, of a jet to a value."""
    return New(unit, text, (Derived(function, needs, whole=True),))


def event(unit: str, text: str, function: str, *needs: str, ragged: bool = False) -> New:
    """Of lists, or of values, of an event to a value, or to a list."""
    return New(unit, text, (Derived(function, needs, EVENTS, whole=True),), ragged)
