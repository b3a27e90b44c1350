"""The jets that are looked at: some that no training has seen, in memory, so that they can be changed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jetsmith import applied
from jetsmith.columns import EVENT_KEY
from jetsmith.hashing import uniform
from jetsmith.packed import windows
from jetsmith.packed.arrays import FlatGroup, Packed, SequenceGroup
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import RecipeSpec, TruthSpec


def chosen(spec: RecipeSpec, packed: Path, classes: Sequence[TruthSpec], n: int, seed: int) -> Rows:
    """At most n jets of some classes that no training has seen, in the order of a hash of their events."""
    rows = Rows.select(spec.inputs, *applied.unseen(spec, packed, classes))
    run, block, event = (rows.column(name) for name in EVENT_KEY)
    return rows[np.argsort(uniform(run, block, event, seed, "explain"), kind="stable")[:n]]


def in_memory(rows: Rows) -> Packed:
    """The jets with their inputs, as one split that nothing else has."""
    window = windows.read(rows, slice(0, len(rows)))
    groups: dict[str, FlatGroup | SequenceGroup] = {}
    for given in rows.inputs:
        values = window[given.group]
        if given.kind == "flat":
            groups[given.group] = FlatGroup(values, given.features)
        else:
            offsets = window[f"{given.group}_offsets"].astype(np.int64)
            groups[given.group] = SequenceGroup(values[:-1], offsets, given.features)
    first = rows.parts[0]
    return Packed(
        groups=groups,
        label=rows.label(),
        weight=rows.weight(),
        columns={name: rows.column(name) for name in first.columns},
        datasets=first.datasets,
        generators=first.generators,
        sample=first.sample,
    )
