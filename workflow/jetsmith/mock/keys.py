"""What made-up rows of all objects share: event keys, and lists."""

from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Columns = dict[str, Any]


def key(rng: np.random.Generator, n: int, rows_per_event: float) -> Columns:
    """Event keys; the weight belongs to the event and is negative for one in ten."""
    new = rng.random(n) < 1 / rows_per_event
    new[:1] = True
    event = np.cumsum(new)
    first = np.flatnonzero(new)[event - 1] if n else event
    weight = np.where(rng.random(n) < 0.1, -1.0, 1.0) * rng.uniform(0.8, 1.2, n)
    return {
        "run": np.ones(n), "luminosity_block": event // 100 + 1, "event": event,
        "jet_index": np.arange(n) - first, "weight": weight[first] if n else weight,
    }  # fmt: skip


def ragged(counts: Array, values: Array) -> ak.Array:
    return ak.unflatten(values, counts)
