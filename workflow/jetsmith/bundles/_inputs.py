"""From named numbers to the inputs of a model, as nodes: what stage features and packing do, and no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from jetsmith.bundle_inputs import Group
from jetsmith.bundles._graph import Graph
from jetsmith.errors import InputError
from jetsmith.io import BoolArray

LARGEST = np.finfo(np.float32).max


@dataclass
class Prepared:
    """One group of inputs in the graph.

    Attributes:
        graph: Where it is.
        values: Features as packed, (N, F), or (N, T, F) with anything in padded slots.
        width: F.
        counts: Constituents of each jet in these slots, (N,), int32; empty for flat groups.
        most: The largest T; 0 likewise.
    """

    graph: Graph
    values: str
    width: int
    counts: str = ""
    most: int = 0
    _length: str = ""
    _mask: str = ""

    @property
    def length(self) -> str:
        """T as a tensor of shape (1,); made where somebody asks for it."""
        self._length = self._length or self.graph.node("Shape", self.values, start=1, end=2)
        return self._length

    @property
    def mask(self) -> str:
        """(N, T), True for real constituents; made where somebody asks for it."""
        if not self._mask:
            graph = self.graph
            places = graph.constant(np.arange(self.most), np.int32)
            slots = graph.node("Slice", places, graph.whole(0), self.length)
            self._mask = graph.node("Less", slots, graph.node("Unsqueeze", self.counts, graph.whole(1)))
        return self._mask

    def masked(self, tensor: str) -> str:
        """Zero in padded slots, whatever they held; (N, T, D)."""
        graph = self.graph
        mask = graph.node("Unsqueeze", self.mask, graph.whole(2))
        return graph.node("Where", mask, tensor, graph.constant(0.0))


class Joined(Prepared):
    """The constituents of several groups: in each jet those of one behind those of another."""

    def __init__(self, graph: Graph, groups: Sequence[Prepared]) -> None:
        super().__init__(graph, "", 0)
        self._groups = groups

    @property
    def length(self) -> str:
        """The sum of all T as a tensor of shape (1,)."""
        if not self._length:
            self._length, *others = (group.length for group in self._groups)
            for other in others:
                self._length = self.graph.node("Add", self._length, other)
        return self._length

    @property
    def mask(self) -> str:
        """(N, ΣT), True for real constituents."""
        if not self._mask:
            self._mask = self.graph.node("Concat", *(group.mask for group in self._groups), axis=1)
        return self._mask


def prepare(graph: Graph, group: Group) -> Prepared:
    """Inputs of the graph: `<group>`, and of a sequence `<group>_count`; both become what a model reads."""
    width = len(group.features)
    if group.kind == "flat":
        tensor = graph.input(group.group, ["N", width])
        return Prepared(graph, _features(graph, tensor, group), width)
    tensor = graph.input(group.group, ["N", f"{group.group}_length", width])
    counts = graph.input(f"{group.group}_count", ["N"], TensorProto.INT32)
    tensor = graph.node("Slice", tensor, graph.whole(0), graph.whole(group.length), graph.whole(1))
    counts = graph.node("Min", counts, graph.constant(group.length, np.int32))
    return Prepared(graph, _features(graph, tensor, group), width, counts, group.length)


def _features(graph: Graph, raw: str, group: Group) -> str:
    """Transform, clip, and give what is not finite the default; as `features.compute.finish`."""
    names = [feature.transform for feature in group.features]
    found = _transformed(graph, raw, names) if set(names) != {"none"} else raw
    low, high = (
        np.array([end if f.clip is None else f.clip[i] for f in group.features], np.float32)
        for i, end in enumerate((-LARGEST, LARGEST))
    )
    clipped = found
    if (low > -LARGEST).any():
        clipped = graph.node("Max", clipped, graph.constant(low))
    if (high < LARGEST).any():
        clipped = graph.node("Min", clipped, graph.constant(high))
    default = np.array([np.nan if f.default is None else f.default for f in group.features], np.float32)
    # x - x is 0 for numbers, and no number for NaN and infinity: two nodes in place of four.
    usable = graph.node("Equal", graph.node("Sub", found, found), graph.constant(0.0))
    return graph.node("Where", usable, clipped, graph.constant(default))


def _transformed(graph: Graph, raw: str, names: Sequence[str]) -> str:
    """Columns of each transform by themselves, then all in their order again."""
    pieces, places = [], np.empty(len(names), np.int64)
    done = 0
    for name in dict.fromkeys(names):
        columns = [place for place, other in enumerate(names) if other == name]
        piece = graph.node("Gather", raw, graph.whole(*columns), axis=-1)
        pieces.append(piece if name == "none" else _transform(graph, piece, name))
        places[columns] = np.arange(done, done + len(columns))
        done += len(columns)
    if len(pieces) == 1:
        return pieces[0]
    together = graph.node("Concat", *pieces, axis=-1)
    ordered: BoolArray = places == np.arange(len(places))
    return together if ordered.all() else graph.node("Gather", together, graph.whole(*places), axis=-1)


def _transform(graph: Graph, x: str, name: str) -> str:
    """A function of `features.transforms`, in double precision as there."""
    if name not in TRANSFORMS:
        raise InputError(
            f"transform `{name}` is none that a bundle can hold yet: write it down in "
            f"jetsmith.bundles._inputs.TRANSFORMS. There are: {', '.join(TRANSFORMS)}"
        )
    doubles = graph.node("Cast", x, to=TensorProto.DOUBLE)
    return graph.node("Cast", TRANSFORMS[name](graph, doubles), to=TensorProto.FLOAT)


def _log1p(graph: Graph, x: str) -> str:
    """ln(1 + x): ONNX has no log1p; in double precision the sum costs 1e-16, which float32 does not see."""
    return graph.node("Log", graph.node("Add", x, graph.constant(1.0, np.float64)))


def _signed_log1p(graph: Graph, x: str) -> str:
    return graph.node("Mul", graph.node("Sign", x), _log1p(graph, graph.node("Abs", x)))


TRANSFORMS: dict[str, Callable[[Graph, str], str]] = {
    "abs": lambda graph, x: graph.node("Abs", x),
    "log": lambda graph, x: graph.node("Log", x),
    "log10": lambda graph, x: graph.node("Div", graph.node("Log", x), graph.constant(np.log(10), np.float64)),
    "log1p": _log1p,
    "signed_log1p": _signed_log1p,
}
"""By the name of the function in `features.transforms`."""
