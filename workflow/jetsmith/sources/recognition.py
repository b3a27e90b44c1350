"""Which layout and which table of a file are read, or what it lacks for that."""

from collections.abc import Mapping

from jetsmith import sources
from jetsmith.errors import InputError
from jetsmith.sources.trees import Table
from jetsmith.specs.datasets import LAYOUTS, ReadingSpec

# Branches that tell files which hold no jets as we read them, and what would.
TELLING = {
    "EventAuxiliary": "it is an EDM file of CMS (AOD, MiniAOD): make NanoAOD or PFNano of it with cmsRun",
    "EventInfoAux.": "`EventInfoAux.` is one object that was not split into branches, which uproot cannot "
    "read: it has to be written with a split level of 1 or more, or as RNTuple",
}


def choose(
    path: str, spec: ReadingSpec, tables: Mapping[str, Table], branches: Mapping[str, set[str]]
) -> tuple[str | None, Table]:
    """The layout of a file and its table.

    Args:
        path: The file, for messages.
        spec: The dataset; the layout that it asks for is looked at before all others.
        tables: Those that layouts may read, by path, one at least.
        branches: Names of their branches.

    Returns:
        The layout is None where none fits and no table has an entry, as merging leaves it.

    Raises:
        InputError: No layout fits, not the one that is asked for, or tables of several do.
    """
    filled = {name: table for name, table in tables.items() if table.n_entries}
    fitting = sources.fitting(branches)
    if spec.layout != "auto":
        asked = sources.load(spec.layout)
        for name in LAYOUTS[spec.layout].tables:
            if name in tables and not asked.lacks(branches[name]):
                return spec.layout, tables[name]
    found = {name: layout for name, layout in fitting.items() if name in filled} or fitting
    if spec.layout != "auto" and (found or filled):
        likely = [
            f"; it looks like `{layout}`: set `layout: {layout}` or `layout: auto`"
            for layout in found.values()
        ]
        raise InputError(
            f"{path}: not of the layout `{spec.layout}` that the dataset asks for: "
            f"{_lacking(spec.layout, branches)}{''.join(likely[:1])}"
        )
    if len(found) > 1:
        among = ", ".join(
            f"`{name}` ({layout}, {tables[name].n_entries:,})" for name, layout in found.items()
        )
        raise InputError(
            f"{path}: tables of several layouts, with their entries: {among}; say which: `layout`"
        )
    for name, layout in found.items():
        return layout, tables[name]
    if filled:
        raise InputError(f"{path}: no known layout; {_nearest({name: branches[name] for name in filled})}")
    return None, next(iter(tables.values()))


def _nearest(branches: Mapping[str, set[str]]) -> str:
    """The layout that lacks least."""
    near = [layout for layout in LAYOUTS if not branches.keys().isdisjoint(LAYOUTS[layout].tables)]
    layout = min(reversed(near), key=lambda name: len(_lacks(name, branches)))
    return f"the nearest is `{layout}`: {_lacking(layout, branches)}"


def _lacks(layout: str, branches: Mapping[str, set[str]]) -> list[str]:
    """What the table lacks that lacks least to be of a layout."""
    source, tables = sources.load(layout), LAYOUTS[layout].tables
    lacking = [source.lacks(branches[name]) for name in tables if name in branches]
    return min(lacking, key=len, default=["a table " + " or ".join(f"`{name}`" for name in tables)])


def _lacking(layout: str, branches: Mapping[str, set[str]]) -> str:
    """The same for messages, with what the branches tell besides."""
    told = [what for name, what in TELLING.items() if any(name in found for found in branches.values())]
    return "; ".join([f"it lacks {', '.join(_lacks(layout, branches))}", *told])
