"""What packed features look like, by class: bins that fit them, and one pass in windows that fills these.

Memory follows the window, not the sample. A line is a row of a flat group, or a constituent of a sequence;
it has the weight of its row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.hashing import hash64
from jetsmith.io import FloatArray, IntArray
from jetsmith.packed.arrays import FlatGroup, Packed, SequenceGroup

WINDOW = 1_000_000  # values at once
SEEN = 20_000  # lines of a split that decide about bins
BINS = 40
MOST_WHOLE = 50  # whole numbers up to here have a bin each
MOST_DISTINCT = 64  # values that are told apart
BATCHES = 128  # of events, whose spread is the variance of the sample
TAIL = 0.005  # on each side beyond the bins, and counted in the last ones

Kind = Literal["linear", "log", "asinh", "whole"]


class Axis(NamedTuple):
    """Bins of a feature.

    Attributes:
        kind: linear; log; asinh, which is linear around 0 and logarithmic beyond; whole numbers.
        edges: Shape (B + 1,), rising; the end bins also hold what lies beyond.
        width: Up to where asinh is linear; 1 else.
    """

    kind: Kind
    edges: FloatArray
    width: float = 1.0


def axis_of(values: FloatArray) -> Axis:
    """Bins that show the bulk of some finite values, shape (n,), and compress tails only where they must."""
    x = np.asarray(values, np.float64)
    if not len(x):
        return Axis("linear", np.linspace(0, 1, BINS + 1))
    first, last = float(x.min()), float(x.max())
    is_whole = bool((x == np.floor(x)).all())
    if is_whole and last - first <= MOST_WHOLE:
        return Axis("whole", np.arange(first - 0.5, last + 1))
    low, lower, middle, upper, high = np.quantile(x, (TAIL, 0.25, 0.5, 0.75, 1 - TAIL))
    if low == high:
        low, high = (first, last) if first < last else (first - 0.5, first + 0.5)
    if is_whole and high - low < 1000:
        step = np.ceil((high - low + 1) / BINS)  # each bin has as many whole numbers
        return Axis("whole", np.arange(np.floor(low) - 0.5, high + step, step))
    if low > 0 and high > 30 * low and middle - low < 0.15 * (high - low):
        return Axis("log", np.geomspace(low, high, BINS + 1))
    if high - low > 20 * (upper - lower):
        width = max(float(np.quantile(np.abs(x), 0.25)), 1e-4 * max(abs(low), abs(high)))
        return Axis("asinh", _asinh(low, high, width), width)
    return Axis("linear", np.linspace(low, high, BINS + 1))


def _asinh(low: float, high: float, width: float) -> FloatArray:
    return np.asarray(
        width * np.sinh(np.linspace(np.arcsinh(low / width), np.arcsinh(high / width), BINS + 1))
    )


def batches_of(columns: Mapping[str, npt.NDArray[Any]]) -> IntArray:
    """The batch of each row, shape (N,), by a hash of its event: of the same event the same."""
    run, block, event = (np.asarray(columns[name]) for name in EVENT_KEY)
    return (hash64(run, block, event, 0, "batch") % np.uint64(BATCHES)).astype(np.intp)


def columns_of(found: FlatGroup | SequenceGroup, names: Sequence[str]) -> IntArray:
    """Places of features in a group, shape (F,).

    Raises:
        InputError: One was not packed.
    """
    if lacking := [name for name in names if name not in found.names]:
        raise InputError(
            f"not packed: {', '.join(lacking)}. A file of the sample lacks their sources: see "
            "left_out_features in meta.json of the packed group, and what check says of the classifiers that "
            "read them"
        )
    return np.array([found.names.index(name) for name in names], np.intp)


def packed_in(samples: Sequence[Sequence[Packed]], group: str, names: Sequence[str]) -> list[str]:
    """Those of the features that all splits of all samples have, in order; of others files lack sources."""
    there = [set(part.groups[group].names) for parts in samples for part in parts]
    return [name for name in names if all(name in of for of in there)]


def absent_text(absent: Sequence[str]) -> str:
    """What a caption says of features that a figure is without; nothing where there are none."""
    if not absent:
        return ""
    return f" Left out, since files of the sample lack their sources: {', '.join(absent)}."


def offsets_of(found: FlatGroup | SequenceGroup) -> IntArray:
    """Of each row's first line, shape (N + 1,)."""
    return np.asarray(found.offsets) if isinstance(found, SequenceGroup) else np.arange(len(found.values) + 1)


def windows(found: FlatGroup | SequenceGroup, names: Sequence[str]) -> Iterator[tuple[FloatArray, IntArray]]:
    """A group of a split, piece by piece: values, shape (n, F), and the row of each line, shape (n,)."""
    columns, offsets = columns_of(found, names), offsets_of(found)
    start, n_rows, lines = 0, len(offsets) - 1, max(WINDOW // max(len(names), 1), 1)
    while start < n_rows:
        stop = max(int(np.searchsorted(offsets, offsets[start] + lines, side="right")) - 1, start + 1)
        values = np.asarray(found.values[offsets[start] : offsets[stop]])[:, columns]
        yield values, np.repeat(np.arange(start, stop), np.diff(offsets[start : stop + 1]))
        start = stop


def some(parts: Sequence[Packed], group: str, names: Sequence[str]) -> FloatArray:
    """Lines from all over the splits, shape (n, F): enough to choose bins by."""
    found = []
    for part in parts:
        of = part.groups[group]
        lines = np.unique(np.linspace(0, max(len(of.values) - 1, 0), SEEN).astype(np.intp))[: len(of.values)]
        found.append(np.asarray(of.values[lines])[:, columns_of(of, names)])
    return np.concatenate(found)


class Tally:
    """Sums over lines by unit, a class for example, and feature.

    Attributes:
        hist: Sums of weights, shape (U, F, B), of what is present: finite, and not equal to the default.
        squares: Sums of their squares, of the same shape.
        counts: Lines that are present, equal to the default, not finite; shape (3, U, F).
        sums: Of w, w x and w x^2 of what is present, x less `centre`, shape (3, U, F).
        centre: Shape (F,), by which sums lose no digits.
        low: Smallest present value, shape (U, F); infinite where there is none.
        high: Largest one.
        distinct: Values of each feature; None where there are more than `MOST_DISTINCT`.
    """

    def __init__(
        self, axes: Sequence[Axis], defaults: Sequence[float], centre: FloatArray, units: int
    ) -> None:
        """Nothing counted yet; a default of NaN is none."""
        self.inner = [np.asarray(axis.edges[1:-1], np.float32) for axis in axes]
        self.defaults = np.asarray(defaults, np.float32)[:, None]
        self.centre = np.asarray(centre, np.float64)
        shape = units, len(axes)
        self.hist = np.zeros((*shape, max(len(inner) for inner in self.inner) + 1))
        self.squares = np.zeros_like(self.hist)
        self.counts, self.sums = np.zeros((3, *shape), np.int64), np.zeros((3, *shape))
        self.low, self.high = np.full(shape, np.inf), np.full(shape, -np.inf)
        self.distinct: list[set[float] | None] = [set() for _ in axes]

    def add(self, values: FloatArray, unit: IntArray, weight: FloatArray) -> None:
        """Count lines: values, shape (n, F), the unit and the weight of each, shape (n,)."""
        if not len(values):
            return
        order = np.argsort(unit, kind="stable")  # units together: the sums of each are sums of a stretch
        unit, weight = unit[order], weight[order]
        starts = np.flatnonzero(np.diff(unit, prepend=-1))
        here = unit[starts]
        x = np.ascontiguousarray(values.T)[:, order]  # (n, F) -> (F, n)
        finite = np.isfinite(x)
        present = finite & (x != self.defaults)

        def summed(of: npt.NDArray[Any], by: np.ufunc = np.add) -> npt.NDArray[Any]:
            return np.asarray(by.reduceat(of, starts, axis=1)).T

        n_finite, n_present = (summed(mask.astype(np.int64)) for mask in (finite, present))
        n = np.diff(starts, append=len(unit))[:, None]
        self.counts[:, here] += np.stack([n_present, n_finite - n_present, n - n_finite])
        self.low[here] = np.minimum(self.low[here], summed(np.where(present, x, np.inf), np.minimum))
        self.high[here] = np.maximum(self.high[here], summed(np.where(present, x, -np.inf), np.maximum))
        moved = np.where(present, x - self.centre[:, None], 0.0)
        w = np.where(present, weight, 0.0)
        self.sums[0, here] += summed(w)
        self.sums[1, here] += summed(w * moved)
        self.sums[2, here] += summed(w * moved * moved)
        units, bins = self.hist.shape[::2]
        first = unit * bins
        for f, inner in enumerate(self.inner):
            cell = first + np.searchsorted(inner, x[f], side="right")
            for sums, values in ((self.hist, w[f]), (self.squares, w[f] ** 2)):
                sums[:, f] += np.bincount(cell, values, units * bins).reshape(units, bins)
            self._tell_apart(f, x[f][finite[f]])

    def _tell_apart(self, f: int, x: FloatArray) -> None:
        known = self.distinct[f]
        if known is None:
            return
        few = np.unique(x[:1000])  # most features are known by these to have many
        known |= set((few if len(few) > MOST_DISTINCT else np.unique(x)).tolist())
        self.distinct[f] = known if len(known) <= MOST_DISTINCT else None

    def together(self) -> "Tally":
        """All units as one."""
        found = Tally.__new__(Tally)
        found.__dict__ |= self.__dict__
        found.hist, found.squares = self.hist.sum(axis=0)[None], self.squares.sum(axis=0)[None]
        found.counts, found.sums = self.counts.sum(axis=1)[:, None], self.sums.sum(axis=1)[:, None]
        found.low, found.high = self.low.min(axis=0)[None], self.high.max(axis=0)[None]
        return found


def correlation(values: FloatArray) -> FloatArray:
    """Of features over lines, shape (n, F) -> (F, F); 0 for those that are constant, or not finite in one."""
    x = np.asarray(values, np.float64)
    x = np.where(np.isfinite(x).all(axis=0), x, 0.0)
    x = x - x.mean(axis=0) if len(x) else x
    deviation = np.sqrt((x**2).sum(axis=0))
    scale = np.outer(deviation, deviation)
    return np.divide(x.T @ x, scale, out=np.zeros_like(scale), where=scale > 0)
