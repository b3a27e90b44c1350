"""Rows that stand in two data sets of a sample. Content decides: every production counts its events anew."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith import columns, io
from jetsmith.errors import InputError

Array = npt.NDArray[Any]


class Shared:
    """Looks for rows that two data sets of a sample hold: effective counts would double.

    The same key alone is no crime, since each production numbers its events anew: generator weight, truth
    and momenta must be the same, too. Not so the inputs: the same event of another version of its
    production is the same event.

    Args:
        datasets: Names of the data sets.
    """

    def __init__(self, datasets: Sequence[str]) -> None:
        self._datasets = datasets
        self._pairs: Counter[tuple[int, int]] = Counter()
        self._example = ""

    def look(self, key: Mapping[str, Array], dataset: Array, content: Sequence[Array]) -> None:
        """Look at rows, of which those with the same key stand together.

        Args:
            key: Columns of `columns.KEY`, shape (N,) each.
            dataset: Index in the data sets, shape (N,).
            content: What is the same in the same rows, shape (N,) each.
        """
        rows = _with_several(key, dataset)
        key = {name: values[rows] for name, values in key.items()}
        dataset, content = dataset[rows], [values[rows] for values in content]
        step, some = 1, len(rows) > 1
        while some:
            same = np.ones(len(rows) - step, dtype=bool)
            for values in key.values():
                same &= values[step:] == values[:-step]
            first = np.flatnonzero(same)
            some, step = len(first) > 0 and step + 1 < len(rows), step + 1
            first = first[dataset[first] != dataset[first + step - 1]]
            for values in content:
                first = first[_equal(values[first], values[first + step - 1])]
            self._pairs.update(zip(dataset[first].tolist(), dataset[first + step - 1].tolist(), strict=True))
            if len(first):
                self._example = ":".join(str(key[name][first[0]]) for name in columns.EVENT_KEY)

    def refuse(self) -> None:
        """Fail where there were such rows.

        Raises:
            InputError: Names the data sets, the number of rows and one of them.
        """
        if self._pairs:
            names = self._datasets
            found = [f"{n:,} of {names[a]} and {names[b]}" for (a, b), n in sorted(self._pairs.items())]
            raise InputError(
                "rows that stand in two data sets of the sample, with the same weight, truth and momenta: "
                f"{', '.join(found)}, such as {self._example} (run:block:event); they would count twice. "
                "Leave the files that both have out of one of them"
            )


def _with_several(key: Mapping[str, Array], dataset: Array) -> io.IntArray:
    """The rows whose key stands in more than one data set; few, where each numbers its events anew."""
    starts = np.ones(len(dataset), dtype=bool)
    starts[1:] = np.logical_or.reduce([values[1:] != values[:-1] for values in key.values()])
    first = np.flatnonzero(starts)
    if not len(first):
        return first
    several = np.minimum.reduceat(dataset, first) != np.maximum.reduceat(dataset, first)
    return np.flatnonzero(np.repeat(several, np.diff(first, append=len(dataset))))


def _equal(left: Array, right: Array) -> io.BoolArray:
    same: io.BoolArray = (left == right) | ((left != left) & (right != right))  # NaN is NaN here
    return same
