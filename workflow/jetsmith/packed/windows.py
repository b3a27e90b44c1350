"""Windows: stretches of rows, ragged as they are packed; whoever computes pads them batch by batch."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.io import FloatArray, IntArray
from jetsmith.packed.arrays import SequenceGroup
from jetsmith.packed.rows import Rows
from jetsmith.specs.features import Inputs

Window = dict[str, npt.NDArray[Any]]
"""By group: flat (n, F); sequences (total + 1, F), the rows' constituents one behind the other and a line of
zeros, with `<group>_offsets` (n + 1,), int32, of each row's first."""

PIECE = 65_536  # lines that are copied on the way


def n_bytes(rows: Rows, which: slice) -> int:
    """Of the window of some rows, before it is read, about."""
    part, index = rows.part[which], rows.index[which]
    total = 0
    for inputs in rows.inputs:
        lines = len(index)
        if inputs.kind == "sequence":
            lines = 0
            for place, packed in enumerate(rows.parts):
                ragged, here = packed.groups[inputs.group], index[part == place]
                assert isinstance(ragged, SequenceGroup), inputs.group
                counts = ragged.offsets[here + 1] - ragged.offsets[here]
                lines += int(np.minimum(counts, inputs.length).sum())
        total += 4 * lines * len(inputs.features)
    return total


def read(rows: Rows, which: slice) -> Window:
    """Read some rows, with the columns and the constituents that the classifier takes.

    Args:
        rows: The rows; those that follow on each other in a split are read at once.
        which: One of them at least.

    Raises:
        InputError: An input is not finite; it and the number of its rows are named.
    """
    found: Window = {}
    for inputs in rows.inputs:
        if inputs.kind == "flat":
            found[inputs.group] = _flat(rows, which, inputs)
        else:
            found[inputs.group], found[f"{inputs.group}_offsets"] = _sequence(rows, which, inputs)
    if not all(np.isfinite(found[inputs.group]).all() for inputs in rows.inputs):
        rows.check()
    return found


def _runs(rows: Rows, which: slice) -> list[tuple[int, slice, IntArray]]:
    """Runs of rows in one split: the split, their places in the window, their rows in the split."""
    part, index = rows.part[which], rows.index[which]
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1), len(part)]
    return [(int(part[a]), slice(a, b), index[a:b]) for a, b in pairwise(edges)]


def _flat(rows: Rows, which: slice, inputs: Inputs) -> FloatArray:
    out = np.empty((which.stop - which.start, len(inputs.features)), np.float32)
    for part, here, index in _runs(rows, which):
        _take(rows.parts[part].groups[inputs.group].values, index, rows.picked[part][inputs.group], out[here])
    return out


def _sequence(rows: Rows, which: slice, inputs: Inputs) -> tuple[FloatArray, IntArray]:
    runs, starts, counts = _runs(rows, which), [], []
    for part, _, index in runs:
        ragged = rows.parts[part].groups[inputs.group]
        assert isinstance(ragged, SequenceGroup), inputs.group
        starts.append(np.asarray(ragged.offsets[index], np.int64))
        counts.append(np.minimum(ragged.offsets[index + 1] - starts[-1], inputs.length))
    offsets = np.zeros(which.stop - which.start + 1, np.int32)
    np.cumsum(np.concatenate(counts), out=offsets[1:])
    out = np.zeros((int(offsets[-1]) + 1, len(inputs.features)), np.float32)
    for (part, here, _), first, n in zip(runs, starts, counts, strict=True):
        inside = np.cumsum(n) - n
        index = np.arange(int(n.sum())) + np.repeat(first - inside, n)
        values = rows.parts[part].groups[inputs.group].values
        _take(values, index, rows.picked[part][inputs.group], out[offsets[here.start] : offsets[here.stop]])
    return out, offsets


def _take(values: FloatArray, index: IntArray, columns: IntArray, out: FloatArray) -> None:
    """Lines and columns of a table, piece by piece; lines that follow on each other without a copy."""
    for start in range(0, len(index), PIECE):  # pieces, not lines
        piece = index[start : start + PIECE]
        first, last = int(piece[0]), int(piece[-1])
        follow = last - first == len(piece) - 1 and bool((np.diff(piece) == 1).all())
        lines = values[first : last + 1] if follow else np.take(values, piece, axis=0)
        np.take(lines, columns, axis=1, out=out[start : start + PIECE], mode="clip")
