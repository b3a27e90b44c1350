"""Stage features: the named columns of config/features from the canonical columns of a skim."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from jetsmith import columns, io, provenance
from jetsmith.columns.turned import usable
from jetsmith.derivations.of_jets import RESOLVED_BY, TRACK_PROBABILITY
from jetsmith.derivations.ways import Ways
from jetsmith.errors import InputError
from jetsmith.features import named
from jetsmith.features.derived import available_with_derived, derive, stored_needs
from jetsmith.features.resolved import track_probabilities
from jetsmith.features.table import Array, Lists, Table, to_rows, to_table
from jetsmith.features.turning import needed_to_turn, turn
from jetsmith.hashing import key_digest
from jetsmith.specs.features import ColumnGroup, ColumnSpec

PIECE_BYTES = 32_000_000  # of the pieces in which a later stage reads the file


def compute_features(
    group: ColumnGroup | None,
    ways: Ways,
    skim: str | Path,
    output: str | Path,
    meta: str | Path,
    further: Sequence[str] = (),
    resolution: str | Path | None = None,
    signs: str = "",
    **subject: str,
) -> None:
    """Write one feature group of a partition, or its rows; in all files of it the rows stand as in the skim.

    Args:
        group: The feature group; None for the rows: key, weight, truth, and `further` columns.
        ways: To the columns that it needs and no file may hold.
        skim: Parquet file of stage skim.
        output: Parquet file to write: flat features by name, sequences as `<group>_<feature>`, float32. Its
            subject has a digest of the keys of its rows, by which files of one partition are known.
        meta: JSON file to write: which features were left out and why, how many values the default stands
            for, and what the rest came from.
        further: Canonical columns of rows, stored or derived, where they can be had.
        resolution: JSON file of stage resolution, where the run has it and the group reads what follows.
        signs: `.turned`: as a negative tagger reads the group. What files hold that is made of signs is then
            derived from what can be turned, or not to be had.
        subject: Dataset and part that the skim has to be of, and that the features then are of.

    Raises:
        InputError: The file is damaged or of another dataset or part, or columns of one sequence
            differ in length.
    """
    stored = set(io.column_names(skim))
    if signs:
        stored = usable(stored)
    known = available_with_derived(stored, ways)
    wanted = group.sources if group else [*columns.KEY, *columns.COMMON, *further]
    resolved_by = set(RESOLVED_BY) & known if resolution and TRACK_PROBABILITY in known else set()
    needed = stored_needs(set(wanted) & known | resolved_by, stored, ways)
    if signs:
        needed = needed_to_turn(needed, stored)
    table = to_table(io.read_rows(skim, list(dict.fromkeys([*columns.KEY, *sorted(needed)])), **subject))
    vertices: dict[str, int] = {}
    if signs:
        table, n_vertices, n_behind = turn(table)
        vertices = {"vertices": n_vertices, "behind": n_behind}
    digest, n_rows = key_digest(table), len(table["event"])
    if resolution and resolved_by:
        derive(table, sorted(resolved_by), ways)
        table[TRACK_PROBABILITY] = track_probabilities(table, resolution)
    derive(table, sorted(set(wanted) & known), ways)
    replaced: dict[str, int] = {}
    if group is None:
        result: Table = {name: table[name] for name in wanted if name in known}
    else:
        result, replaced = (_sequence if group.kind == "sequence" else _flat)(group, table)
    about = {"group": group.name + signs if group else columns.ROWS, "keys": digest}
    n_bytes = sum(c.values.nbytes if isinstance(c, Lists) else c.nbytes for c in result.values())
    rows, step = to_rows(result, n_rows), max(PIECE_BYTES * n_rows // max(n_bytes, 1), 1)
    pieces = (rows[start : start + step] for start in range(0, max(n_rows, 1), step))
    io.write_rows(output, pieces, **subject, **about)
    n_values = max((len(c.values if isinstance(c, Lists) else c) for c in result.values()), default=0)
    replaces = {"n_values": n_values, "replaced": replaced} if group else {}
    io.write_json(meta, _about(group, known, n_rows) | replaces | ({"turned": vertices} if signs else {}))


def left_out(group: ColumnGroup, known: set[str]) -> dict[str, str]:
    """Features that cannot be had, by column name, with the reason.

    Args:
        group: A feature group.
        known: Columns that are stored or derivable.
    """
    return {
        group.column(name): f"`{feature.source}` is neither stored nor derivable"
        for name, feature in group.features.items()
        if feature.source not in known
    }


def _about(group: ColumnGroup | None, known: set[str], n_rows: int) -> dict[str, Any]:
    unsorted = bool(group and group.sort_by and group.sort_by not in known)
    return {
        "n_rows": n_rows,
        "left_out": left_out(group, known) if group else {},
        "in_stored_order": unsorted,
        "provenance": provenance.record(),
    }


def _flat(group: ColumnGroup, table: Mapping[str, Array | Lists]) -> tuple[Table, dict[str, int]]:
    """Columns, shape (N,) each, and of how many of its values each is the default."""
    found: Table = {}
    replaced = {}
    for name, feature in group.features.items():
        if feature.source not in table:
            continue
        column = table[feature.source]
        values = column.slot(feature.slot or 0) if isinstance(column, Lists) else column
        found[name], replaced[name] = _finished(values, feature)
    return found, replaced


def _sequence(group: ColumnGroup, table: Mapping[str, Array | Lists]) -> tuple[Table, dict[str, int]]:
    """Sort by the key, largest first, and cut; (total, ) -> (kept,) per feature. As `_flat`."""
    wanted = {name: f for name, f in group.features.items() if f.source in table}
    if not wanted:
        return {}, {}
    lists: dict[str, Lists] = {}
    key_names = [group.sort_by] if group.sort_by in table else []
    for source in dict.fromkeys([*(f.source for f in wanted.values()), *key_names]):
        lists[source] = cast(Lists, table[source])
    first = next(iter(lists))
    offsets = lists[first].offsets
    for source, column in lists.items():
        if not np.array_equal(column.offsets, offsets):
            raise InputError(
                f"columns {first} and {source} of feature group {group.name} differ in length; "
                "run skim again, or give the feature a group of its own"
            )
    order = lists[group.sort_by].falling() if key_names else np.arange(offsets[-1])
    rank = np.arange(len(order)) - np.repeat(offsets[:-1], np.diff(offsets))
    order = order[rank < group.length]
    cut = np.concatenate([[0], np.cumsum(np.minimum(np.diff(offsets), group.length))])
    found = {name: _finished(lists[f.source].values[order], f) for name, f in wanted.items()}
    return (
        {group.column(name): Lists(cut, values) for name, (values, _) in found.items()},
        {name: n for name, (_, n) in found.items()},
    )


def finish(values: Array, feature: ColumnSpec) -> Array:
    """Transform, cast to float32, clip, and give what is not finite the default; NaN for none."""
    return _finished(values, feature)[0]


def _finished(values: Array, feature: ColumnSpec) -> tuple[Array, int]:
    """As `finish`, and how many values the default stands for."""
    with np.errstate(all="ignore"):
        if feature.transform != "none":
            values = named.find(named.transform(feature.transform))(values.astype(np.float64))
        result = values.astype(np.float32)
    usable = np.isfinite(result)
    if feature.clip is not None:
        result = np.clip(result, np.float32(feature.clip[0]), np.float32(feature.clip[1]))
    default = np.float32(np.nan if feature.default is None else feature.default)
    return np.where(usable, result, default), int(np.count_nonzero(~usable))
