"""The ROOT file: NanoAOD collections as `n<Name>` and `<Name>_<quantity>`, plus the tree Runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from jetsmith.io import FloatArray, IntArray, atomic_file
from jetsmith.simulation.tables import Array

Collections = Mapping[str, "Collection"]


@dataclass(frozen=True)
class Collection:
    """One collection of a batch of events.

    Attributes:
        counts: Its entries in each event, shape (n_events,).
        columns: Flat values by quantity; doubles are written as floats, as NanoAOD does.
    """

    counts: IntArray
    columns: Mapping[str, Array]


def collection(event: IntArray, n_events: int, columns: Mapping[str, Array]) -> Collection:
    """A collection from rows ordered by event."""
    return Collection(np.bincount(event, minlength=n_events), columns)


class PfnanoWriter:
    """Writes batches of events to one file, in few large baskets.

    uproot writes the counters `n<Name>` as signed integers, where CMS has unsigned ones.
    """

    def __init__(self, file: Any, events_a_basket: int = 2500) -> None:
        self._file = file
        self._events_a_basket = events_a_basket
        self._pending: list[dict[str, Any]] = []
        self._n_pending = 0
        self._tree: Any = None
        self._sum_weight = self._sum_weight_squared = 0.0
        self._n_generated = 0

    def generated(self, weight: FloatArray) -> None:
        """Count events towards the tree Runs by their weights: all, also those that a filter leaves out."""
        stored = weights_as_stored(weight).astype(np.float64)
        self._sum_weight += float(stored.sum())
        self._sum_weight_squared += float((stored**2).sum())
        self._n_generated += len(stored)

    def add(self, scalars: Mapping[str, Array], collections: Collections) -> None:
        """Add a batch: values an event, and collections. `genWeight` has to be among the former."""
        branches: dict[str, Any] = dict(scalars)
        for name, content in collections.items():
            fields = {key: _narrow(values) for key, values in content.columns.items()}
            branches[name] = ak.unflatten(ak.zip(fields), content.counts)
        self._pending.append(branches)
        self._n_pending += len(scalars["genWeight"])
        if self._n_pending >= self._events_a_basket:
            self._flush()

    def close(self, run: int) -> None:
        """Write what is pending, and the sums of weights of what was generated."""
        self._flush()
        runs: dict[str, Array] = {
            "run": np.array([run], np.uint32),
            "genEventCount": np.array([self._n_generated], np.int64),
            "genEventSumw": np.array([self._sum_weight], np.float64),
            "genEventSumw2": np.array([self._sum_weight_squared], np.float64),
        }
        self._file.mktree("Runs", {name: values.dtype for name, values in runs.items()}).extend(runs)

    def _flush(self) -> None:
        if not self._pending:
            return
        names = list(self._pending[0])
        joined: dict[str, Any] = {name: _join([batch[name] for batch in self._pending]) for name in names}
        if self._tree is None:
            types = {name: _type(values) for name, values in joined.items()}
            self._tree = self._file.mktree("Events", types)
        self._tree.extend(joined)
        self._pending, self._n_pending = [], 0


def _type(values: Any) -> Any:
    return values.type.content if isinstance(values, ak.Array) else values.dtype


def _join(parts: list[Any]) -> Any:
    return ak.concatenate(parts) if isinstance(parts[0], ak.Array) else np.concatenate(parts)


def _narrow(values: Array) -> Array:
    """Doubles as floats and long integers as integers; all else as it is."""
    if values.dtype == np.float64:
        return values.astype(np.float32)
    return values.astype(np.int32) if values.dtype == np.int64 else values


@contextmanager
def open_pfnano(path: str | Path) -> Iterator[PfnanoWriter]:
    """A writer whose file takes its name once everything is written."""
    with atomic_file(path) as temporary, uproot.recreate(temporary, compression=uproot.ZSTD(3)) as file:
        yield PfnanoWriter(file)


def weights_as_stored(weight: FloatArray) -> Array:
    """Weights in the precision of the file, so that sums over the file and sums of Runs agree."""
    return weight.astype(np.float32)
