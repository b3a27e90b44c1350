"""Layers of networks that convolve constituents (`models._convolutions`) as nodes, and the mean of these."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jetsmith.bundles._attention import slots
from jetsmith.bundles._inputs import Prepared
from jetsmith.bundles._tensor import Tensor

if TYPE_CHECKING:
    from jetsmith.bundles._keras import Walk

LAST = 2**31 - 1  # where a slice ends that goes on to the end


def neighbours(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N T, F) -> (N T', 3 F), of every slot or of every second one."""
    graph, width = walk.graph, walk.found(given[0]).width
    padded = graph.node("Pad", _slots(walk, given), graph.whole(0, 1, 0, 0, 1, 0))
    one, step = graph.whole(1), graph.whole(layer.stride)
    parts = [
        graph.node("Slice", padded, graph.whole(first), graph.whole(end), one, step)
        for first, end in enumerate((-2, -1, LAST))
    ]
    together = graph.node("Concat", *parts, axis=-1)
    return Tensor(graph.node("Reshape", together, graph.whole(-1, 3 * width)), 3 * width)


def second(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N T, F) -> (N T', F)."""
    graph, width = walk.graph, walk.found(given[0]).width
    one = graph.whole(1)
    found = graph.node("Slice", _slots(walk, given), graph.whole(0), graph.whole(LAST), one, graph.whole(2))
    return Tensor(graph.node("Reshape", found, graph.whole(-1, width)), width)


def strided(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """The group with every second of its constituents."""
    graph, group, name = walk.graph, walk.group(given[0]), layer.name
    length = graph.node("Div", graph.node("Add", group.length, graph.whole(1)), graph.whole(2))
    mask = graph.node("Slice", group.mask, graph.whole(0), graph.whole(LAST), graph.whole(1), graph.whole(2))
    walk.groups[name] = Prepared(graph, "", 0, _length=length, _mask=mask)
    return Tensor(name, 0)


def mean_of_real(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, T, F) -> (N, F)."""
    graph, width = walk.graph, walk.found(given[0]).width
    total = graph.node("ReduceSum", walk.plain(given[0]), graph.whole(1), keepdims=0)
    real = graph.node("Cast", walk.group(given[1]).mask, to=1)
    count = graph.node("Max", graph.node("ReduceSum", real, graph.whole(1), keepdims=1), graph.constant(1.0))
    return Tensor(graph.node("Div", total, count), width)


def _slots(walk: "Walk", given: Sequence[Any]) -> str:
    """Lines in their slots, zeros in padded ones; (N T, F) -> (N, T, F)."""
    return walk.applied(slots(walk, None, given))
