"""One face for the two ways in which ROOT stores a table: TTree and RNTuple.

Branches are called as in a TTree (see `ntuples.NTuple`), so that a layout reads both.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, Protocol

import awkward as ak
import numpy as np
from uproot.interpretation.identify import UnknownInterpretation

from jetsmith.io import BoolArray, IntArray
from jetsmith.sources.aliases import aliased
from jetsmith.sources.ntuples import NTuple

Arrays = dict[str, ak.Array]


class ReadError(Exception):
    """A file could not be opened or read; its cause says why. A defect of ours is never one."""


class Table(Protocol):
    """What inspect and skim need of a table.

    Attributes:
        path: Its path in the file.
        n_entries: Its entries.
        branches: Names of all that can be read.
    """

    path: str
    n_entries: int

    @property
    def branches(self) -> set[str]: ...

    def unreadable(self, names: Collection[str]) -> dict[str, str]:
        """Those of these branches that cannot be read as they were written, and why."""

    def bounds(self, names: Collection[str]) -> list[int]:
        """Entries at which the stored blocks of all these branches begin together, and the end."""

    def entry_bytes(self, names: Collection[str]) -> float:
        """Uncompressed bytes of these branches an entry."""

    def codec(self) -> str:
        """Compression, such as `ZSTD(1)`."""

    def read(self, names: Collection[str], start: int, stop: int) -> Arrays:
        """Entries `start` to `stop` of these branches, fetched together."""


class Tree:
    """A TTree (see `Table`).

    Attributes:
        stored: As uproot found it.
    """

    def __init__(self, tree: Any) -> None:
        self.stored = tree
        self.path: str = tree.object_path.strip("/").split(";")[0]
        self.n_entries = int(tree.num_entries)

    @cached_property
    def _by_name(self) -> dict[str, Any]:
        branches = {branch.name: branch for branch in self.stored.itervalues(recursive=True)}
        return {alias: branches[name] for alias, name in aliased(branches).items()}

    @property
    def branches(self) -> set[str]:
        return set(self._by_name)

    def _only(self, names: Collection[str]) -> Any:
        wanted = frozenset(self._by_name[name].name for name in names)
        return lambda branch: branch.name in wanted

    def unreadable(self, names: Collection[str]) -> dict[str, str]:
        return {
            name: f"of the type {self._by_name[name].typename}, which uproot does not read"
            for name in names
            if isinstance(self._by_name[name].interpretation, UnknownInterpretation)
        }

    def bounds(self, names: Collection[str]) -> list[int]:
        if not self.n_entries:
            return [0]
        found = self.stored.common_entry_offsets(filter_branch=self._only(names))
        return [int(bound) for bound in found] or [0, self.n_entries]

    def entry_bytes(self, names: Collection[str]) -> float:
        size = sum(self._by_name[name].uncompressed_bytes for name in names)
        return float(size / self.n_entries) if self.n_entries else 0.0

    def codec(self) -> str:
        codecs = (branch.compression for branch in self._by_name.values())
        codec = next((found for found in codecs if found is not None), self.stored.file.compression)
        return "none" if codec is None else f"{codec.name}({codec.level})"

    def read(self, names: Collection[str], start: int, stop: int) -> Arrays:
        found: Arrays = self.stored.arrays(
            filter_branch=self._only(names), entry_start=start, entry_stop=stop, library="ak", how=dict
        )
        return {name: found[self._by_name[name].name] for name in names}


def table(stored: Any, path: str) -> Table:
    """The table that uproot found at `path` of a file."""
    return NTuple(stored, path) if type(stored).__name__.endswith("RNTuple") else Tree(stored)


class Events(Mapping[str, ak.Array]):
    """Branches of a range of entries. They are read when first asked for, in two steps at most.

    Everything of the first step, which is small, is fetched together; so is everything of the
    second, and of that only the stored blocks in which an entry is left when a layout has called
    `narrow`. Entries of the other blocks are then empty lists, or zeros that nothing looks at.

    Args:
        source: The table.
        names: All branches that may be read.
        first: Those of them that select: events, weights, momenta.
        start: First entry.
        stop: Entry behind the last.

    Attributes:
        accessed: Names that were read, in order.
        n_fetched: Entries that each step read.
    """

    def __init__(
        self, source: Table, names: Collection[str], first: Collection[str], start: int, stop: int
    ) -> None:
        self._source, self._range = source, (start, stop)
        self._steps = ([n for n in names if n in first], [n for n in names if n not in first])
        self._spans = [(start, stop)]
        self._arrays: Arrays = {}
        self.accessed: list[str] = []
        self.n_fetched: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._steps))

    def __iter__(self) -> Iterator[str]:
        return chain(*self._steps)

    def __contains__(self, name: object) -> bool:
        return any(name in step for step in self._steps)

    def __getitem__(self, name: str) -> ak.Array:
        if name not in self._arrays:
            step = next((step for step in self._steps if name in step), None)
            if step is None:
                raise KeyError(name)
            self._fetch(step)
        return self._arrays[name]

    def keep(self, entries: IntArray) -> None:
        """Fetch from here on only blocks with one of these entries, counted from the range's start."""
        start, stop = self._range
        with failures_named(self._source.path):
            inner = [bound for bound in self._source.bounds(self._steps[1]) if start < bound < stop]
        edges = [start, *inner, stop]
        used = np.zeros(len(edges) - 1, dtype=bool)
        used[np.searchsorted(edges, entries + start, side="right") - 1] = True
        self._spans = [(edges[a], edges[b]) for a, b in _runs(used)]

    def _fetch(self, names: list[str]) -> None:
        start, stop = self._range
        spans = self._spans or [(start, start)]
        with failures_named(self._source.path):
            pieces = [self._source.read(names, *span) for span in spans]
            for piece, (begin, end) in zip(pieces, spans, strict=True):
                for name in names:
                    _check_array(name, piece[name], end - begin)
        self.accessed += names
        self.n_fetched.append(sum(end - begin for begin, end in spans))
        if spans == [(start, stop)]:
            self._arrays |= {name: pieces[0][name] for name in names}
        else:
            gaps = [b - a for a, b in pairwise([start, *chain(*spans), stop])][::2]
            self._arrays |= {name: _spread([piece[name] for piece in pieces], gaps) for name in names}


@contextmanager
def failures_named(what: str) -> Iterator[None]:
    """Make whatever uproot raises on damaged bytes a ReadError; a full memory is none."""
    try:
        yield
    except (MemoryError, ReadError):
        raise
    except Exception as error:
        raise ReadError(what) from error


def _check_array(name: str, array: ak.Array, n_entries: int) -> None:
    """Damaged bytes may decode: at least the lengths have to make sense."""
    if len(array) != n_entries:
        raise ValueError(f"branch {name} gives {len(array)} of {n_entries} entries")
    if array.ndim > 1 and n_entries:
        layout = array.layout.to_ListOffsetArray64(True)
        offsets = np.asarray(layout.offsets.data)
        if np.any(np.diff(offsets) < 0) or offsets[-1] > len(layout.content):
            raise ValueError(f"branch {name}: the lengths of its lists make no sense")


def narrow(events: Mapping[str, ak.Array], entries: IntArray) -> None:
    """Say that from here on only these entries are looked at; arrays in memory stay as they are."""
    if isinstance(events, Events):
        events.keep(entries)


def _runs(used: BoolArray) -> Iterator[tuple[int, int]]:
    """Begin and end of each run of True."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], used, [False]]).astype(np.int8)))
    return zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True)


def _spread(pieces: Sequence[ak.Array], gaps: Sequence[int]) -> ak.Array:
    """Put empty entries before, between and behind pieces of a branch."""
    nothing = pieces[0][:0]
    if nothing.ndim == 1:
        holes = [ak.values_astype(ak.Array(np.zeros(gap)), nothing.type.content.primitive) for gap in gaps]
    else:
        content = ak.flatten(nothing, axis=1)
        holes = [ak.unflatten(content, np.zeros(gap, dtype=np.int64)) for gap in gaps]
    filled = chain(*zip(holes, pieces, strict=False), holes[-1:])
    return ak.concatenate(list(filled))
