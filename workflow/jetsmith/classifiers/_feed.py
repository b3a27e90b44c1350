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


class Feed:
    """Windows of a data set, by number.

    Args:
        data: The rows; with their labels, or without.
        batch_size: No batch needs two windows: all but the last one are whole batches.
        upload: Takes the arrays of a window to the device; gets the rows of the largest window, too.
        room: Bytes of windows that may stay there.

    Attributes:
        slices: The rows of each window.
    """

    def __init__(
        self, data: Labelled | Rows, batch_size: int, upload: Callable[[Data, int], Data], room: int
    ) -> None:
        self._data, self._upload, self._room = data, upload, room
        self._kept: dict[int, Data] = {}
        rows = data.rows if isinstance(data, Labelled) else data
        self.slices = list(rows.slices(max(ROWS // batch_size, 1) * batch_size))

    def __call__(self, numbers: Iterable[int]) -> Iterator[tuple[slice, Data]]:
        """The rows and the arrays of the windows with these numbers, in their order.

        Raises:
            InputError: An input is not finite; it is named.
        """
        waiting: deque[tuple[int, Future[tuple[Data, int]]]] = deque()
        with ThreadPoolExecutor(THREADS, "windows") as pool:
            for number in numbers:
                waiting.append((number, pool.submit(self._window, number)))
                if len(waiting) > AHEAD:
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
