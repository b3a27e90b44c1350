"""The windows of a data set, on the device: kept there while they fit, the others read ahead by threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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


def slices(rows: Rows, batch_size: int) -> list[slice]:
    """The rows of each window: whole batches, but of the last one."""
    return list(rows.slices(max(ROWS // batch_size, 1) * batch_size))


def window_bytes(data: Labelled, batch_size: int) -> int:
    """Of the first window, whose rows are a random sample as those of others are; 0 where there is none."""
    read = [data.rows, *([data.constituents] if data.constituents is not None else [])]
    return sum(windows.n_bytes(rows, which) for rows in read for which in slices(rows, batch_size)[:1])


def room_of(budget: int, size: int) -> tuple[int, int]:
    """What of a budget is left for windows that stay, and how many are read ahead [bytes; windows].

    While a window is read it is there three times (an array, TensorFlow's copy, the tensor), until it is
    used twice. Where that is too much for those that would be read ahead, none are: slower, the same result.

    Args:
        budget: Bytes of all windows together.
        size: Bytes of one.
    """
    ahead = AHEAD if (2 * AHEAD + 3) * size <= budget else 0
    return max(budget - (2 * ahead + 3) * size, 0), ahead


class Feed:
    """Windows of a data set, by number.

    Args:
        data: The rows; with their labels, or without.
        batch_size: No batch needs two windows: all but the last one are whole batches.
        upload: Takes the arrays of a window to the device; gets the rows of the largest window, too.
        room: Bytes of windows that may stay there.
        ahead: Windows that are read while another one is at work.

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
    ) -> None:
        self._data, self._upload, self._room, self._ahead = data, upload, room, ahead
        self._kept: dict[int, Data] = {}
        rows = data.rows if isinstance(data, Labelled) else data
        self.slices = slices(rows, batch_size)

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
