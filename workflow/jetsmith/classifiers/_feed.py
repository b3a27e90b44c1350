"""The windows of a data set, on the device: kept there while they fit, the others read ahead by threads."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetsmith.classifiers import Labelled
from jetsmith.packed import windows
from jetsmith.packed.rows import Rows

ROWS = 163_840  # of a window, about: rows are shuffled among those of one
THREADS = AHEAD = 2  # windows in memory beside the one at work, a thread each

Data = dict[str, Any]
"""Of a window: `inputs` (`packed.windows.Window`), and of labelled rows `target`, `weight` and `side`,
and where losses read constituents, `constituents`, a window of their columns."""


@dataclass(frozen=True)
class Windows:
    """What the windows of a data set take, about.

    Attributes:
        number: How many there are.
        one: Bytes of the largest.
        all: Of all together.
    """

    number: int
    one: int
    all: int

    def extra(self, ahead: int, stay: bool) -> int:
        """Bytes beside those that stay, while each window is at work and so many are read ahead.

        While a window is read it is there three times (an array, TensorFlow's copy, the tensor), until it is
        used twice. One copy of each is what stays.
        """
        ahead = min(ahead, max(self.number - 1, 0))
        return (ahead + 2 if stay else 2 * ahead + 3) * self.one


def slices(rows: Rows, batch_size: int, n_rows: int | None = None) -> list[slice]:
    """The rows of each window, so many or `ROWS`: whole batches, but of the last one."""
    return list(rows.slices(max((ROWS if n_rows is None else n_rows) // batch_size, 1) * batch_size))


def windows_of(data: Labelled, batch_size: int) -> Windows:
    """Of a data set; the rows of the first window are a random sample as those of others are."""
    cut = slices(data.rows, batch_size)
    if not cut:
        return Windows(0, 0, 0)
    read = [data.rows, *([data.constituents] if data.constituents is not None else [])]
    labels = [data.target, data.weight, *data.side.values()]
    one = sum(windows.n_bytes(rows, cut[0]) for rows in read) + sum(x[cut[0]].nbytes for x in labels)
    return Windows(len(cut), one, math.ceil(one * len(data.rows) / cut[0].stop))


def room_of(budget: int, train: Windows, validation: Windows) -> tuple[int, int, int]:
    """What may stay of the windows to train on and of those to validate on, and how many are read ahead.

    A set that stays whole is read once: that goes before reading ahead, first of both sets, then of that to
    train on. Otherwise reading ahead goes before windows that stay. The result is the same.

    Args:
        budget: Bytes of all windows together: those that stay, and those at work of one of the sets.

    Returns:
        Bytes of each set that may stay, the budget where it stays whole; windows.
    """
    fewer = range(AHEAD, -1, -1)
    choices = [
        *(((True, True), ahead) for ahead in fewer),
        *(((True, False), ahead) for ahead in fewer),
        *(((False, whole), ahead) for ahead in fewer for whole in (True, False)),
    ]
    for stay, ahead in choices:
        both = list(zip((train, validation), stay, strict=True))
        left = budget - max(each.extra(ahead, whole) for each, whole in both)
        left -= sum(each.all for each, whole in both if whole)
        if left >= 0:
            first, second = (budget if whole else left // stay.count(False) for whole in stay)
            return first, second, ahead
    return 0, 0, 0


def rows_within(budget: int, rows: Rows, batch_size: int) -> int:
    """Rows of a window that with those read ahead takes so many bytes, `ROWS` at most; none is to stay."""
    cut = slices(rows, batch_size)
    if not cut:
        return ROWS
    whole = Windows(AHEAD + 1, windows.n_bytes(rows, cut[0]), 0).extra(AHEAD, stay=False)
    fit: int = budget * cut[0].stop // max(whole, 1)
    return min(ROWS, fit)


class Feed:
    """Windows of a data set, by number.

    Args:
        data: The rows; with their labels, or without.
        batch_size: No batch needs two windows: all but the last one are whole batches.
        upload: Takes the arrays of a window to the device; gets the rows of the largest window, too.
        room: Bytes of windows that may stay there.
        ahead: Windows that are read while another one is at work.
        n_rows: Rows of a window, about; `ROWS` where nobody says.

    Attributes:
        slices: The rows of each window.
    """

    def __init__(
        self,
        data: Labelled | Rows,
        batch_size: int,
        upload: Callable[[Data, int], Data],
        room: int,
        ahead: int = AHEAD,
        n_rows: int | None = None,
    ) -> None:
        self._data, self._upload, self._room, self._ahead = data, upload, room, ahead
        self._kept: dict[int, Data] = {}
        rows = data.rows if isinstance(data, Labelled) else data
        self.slices = slices(rows, batch_size, n_rows)

    def __call__(self, numbers: Iterable[int]) -> Iterator[tuple[slice, Data]]:
        """The rows and the arrays of the windows with these numbers, in their order.

        Raises:
            InputError: An input is not finite; it is named.
        """
        waiting: deque[tuple[int, Future[tuple[Data, int]]]] = deque()
        with ThreadPoolExecutor(THREADS, "windows") as pool:
            for number in numbers:
                waiting.append((number, pool.submit(self._window, number)))
                if len(waiting) > self._ahead:
                    yield self._next(waiting)
            while waiting:
                yield self._next(waiting)

    def _next(self, waiting: deque[tuple[int, Future[tuple[Data, int]]]]) -> tuple[slice, Data]:
        number, future = waiting.popleft()
        data, n_bytes = future.result()
        if number not in self._kept and n_bytes <= self._room:
            self._kept[number] = data
            self._room -= n_bytes
        return self.slices[number], data

    def _window(self, number: int) -> tuple[Data, int]:
        """Arrays on the device, and their bytes."""
        if number in self._kept:
            return self._kept[number], 0
        which, labelled = self.slices[number], self._data
        if isinstance(labelled, Rows):
            data: Data = {"inputs": windows.read(labelled, which)}
        else:
            data = {
                "inputs": windows.read(labelled.rows, which),
                "target": labelled.target[which],
                "weight": labelled.weight[which],
                "side": {name: values[which] for name, values in labelled.side.items()},
            }
            if labelled.constituents is not None:
                data["constituents"] = windows.read(labelled.constituents, which)
        return self._upload(data, self.slices[0].stop), _n_bytes(data)


def _n_bytes(data: Any) -> int:
    if isinstance(data, dict):
        return sum(_n_bytes(value) for value in data.values())
    return int(np.asarray(data).nbytes)
