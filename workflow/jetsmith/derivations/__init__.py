"""Which columns can be computed from which, one entry each; `features.derived` computes them on demand.

Stages do not read the table: each is handed the entries that its columns lead to (`reached`), so that another
entry makes nothing anew.

A column that no file holds has its entry here and nowhere else: unit, text, and the ways to it. For columns
that files may hold, too, `columns` has unit and text, and `OTHERWISE` the ways. The formulas stand in
`features.formulas` (one value an element), `features.summaries` (lists to a row), `features.tagging` (the tag
information of AK4 jets), `features.doubleb` (that of AK8 jets) and `features.within` (jets within these). A
stored column always wins over a derived one. The table is light: the check of the configuration reads it at
each parse.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jetsmith.derivations import of_events, of_jets, of_large, of_tags
from jetsmith.derivations.of_events import OF_EVENTS
from jetsmith.derivations.of_jets import OF_JETS
from jetsmith.derivations.of_large import OF_LARGE
from jetsmith.derivations.of_particles import OF_PARTICLES
from jetsmith.derivations.of_tags import OF_TAGS
from jetsmith.derivations.of_within import OF_WITHIN
from jetsmith.derivations.ways import Derived, Way, Ways

DERIVED: dict[str, tuple[Derived, ...]] = (
    of_jets.OTHERWISE
    | of_events.OTHERWISE
    | of_tags.OTHERWISE
    | of_large.OTHERWISE
    | {
        name: new.ways
        for table in (OF_JETS, OF_PARTICLES, OF_TAGS, OF_LARGE, OF_WITHIN, OF_EVENTS)
        for name, new in table.items()
    }
)
"""All ways, by column."""


def of(obj: str) -> Ways:
    """All ways to columns of an object: `ak4`, `ak8` or `event`."""
    ways = {
        name: tuple(
            Way(way.function, way.needs, whole=way.whole, stand_in=way.stand_in)
            for way in found
            if obj in way.objects
        )
        for name, found in DERIVED.items()
    }
    return {name: found for name, found in ways.items() if found}


def reached(wanted: Iterable[str], obj: str) -> Ways:
    """The ways that can matter for columns: to each of them, and to all that any of its ways needs."""
    ways = of(obj)
    seen, queue = set[str](), list(wanted)
    while queue:
        name = queue.pop()
        if name in ways and name not in seen:
            seen.add(name)
            queue += [need for way in ways[name] for need in way.needs]
    return {name: found for name, found in ways.items() if name in seen}


def plain(ways: Ways, reasons: bool = False) -> list[dict[str, Any]]:
    """Ways as JSON has them, in their order; with `reasons` also why some are stand-ins."""
    return [
        {
            "name": name,
            "ways": [
                [way.function, list(way.needs), way.whole, *([way.stand_in] if reasons else [])]
                for way in found
            ],
        }
        for name, found in ways.items()
    ]


def from_plain(content: Iterable[Mapping[str, Any]]) -> Ways:
    """The ways of which `plain` was made."""
    return {entry["name"]: tuple(map(_way, entry["ways"])) for entry in content}


def _way(content: Sequence[Any]) -> Way:
    function, needs, whole, *reason = content
    return Way(function, tuple(needs), whole=whole, stand_in="".join(reason))
