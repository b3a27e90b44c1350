"""Layers of networks on a graph of constituents (`models._edges`) as nodes, each by a small function."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetsmith.bundles._tensor import Tensor

if TYPE_CHECKING:
    from jetsmith.bundles._keras import Walk

FAR, EXACT_UP_TO = 1e30, 3  # as in `models._edges`


def nearest(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, T, D) -> (N T, min(number, T)), int64, -1 where there are no more."""
    graph, group, x = walk.graph, walk.group(given[1]), walk.found(given[0])
    one, points, mask = graph.whole(1), walk.plain(given[0]), group.mask
    first, other = (graph.node("Unsqueeze", _places(walk, group.length), graph.whole(i)) for i in (1, 0))
    others = graph.node("Not", graph.node("Equal", first, other))
    others = graph.node("And", graph.node("Unsqueeze", mask, one), others)
    distance = graph.node("Where", others, _squared_distances(walk, points, x.width), graph.constant(FAR))
    number = graph.node("Min", graph.whole(layer.number), group.length)
    away, slots = graph.smallest(distance, number)
    near = graph.node("Less", away, graph.constant(0.5 * FAR))
    real = graph.node("And", near, graph.node("Unsqueeze", mask, graph.whole(2)))
    rows = _places(walk, graph.node("Shape", mask, start=0, end=1))
    before = graph.node("Unsqueeze", graph.node("Mul", rows, group.length), graph.whole(1, 2))
    found = graph.node("Where", real, graph.node("Add", slots, before), graph.whole(-1))
    shape = graph.node("Concat", graph.whole(-1), number, axis=0)
    return Tensor(graph.node("Reshape", found, shape), layer.number)


def _places(walk: "Walk", length: str) -> str:
    """0, 1, … of a tensor of shape (1,)."""
    graph = walk.graph
    zero, one = (graph.constant(np.array(number), np.int64) for number in (0, 1))
    return graph.node("Range", zero, graph.node("Squeeze", length), one)


def _squared_distances(walk: "Walk", points: str, width: int) -> str:
    """See `models._edges.squared_distances`."""
    graph = walk.graph
    if width <= EXACT_UP_TO:
        first, other = (graph.node("Unsqueeze", points, graph.whole(axis)) for axis in (2, 1))
        away = graph.node("Sub", first, other)
        return graph.node("ReduceSum", graph.node("Mul", away, away), graph.whole(3), keepdims=0)
    square = graph.node("ReduceSum", graph.node("Mul", points, points), graph.whole(2), keepdims=0)
    first, other = (graph.node("Unsqueeze", square, graph.whole(axis)) for axis in (2, 1))
    products = graph.node("MatMul", points, graph.node("Transpose", points, perm=[0, 2, 1]))
    twice = graph.node("Mul", products, graph.constant(2.0))
    return graph.node("Sub", graph.node("Add", first, other), twice)


def edges(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N T, D) twice and the numbers of neighbours (N T, K) -> (N T K, D)."""
    graph, width = walk.graph, walk.found(given[0]).width
    own, others, numbers = (walk.plain(x) for x in given)
    found = graph.node("Gather", others, graph.node("Max", numbers, graph.whole(0)), axis=0)
    found = graph.node("Add", graph.node("Unsqueeze", own, graph.whole(1)), found)
    return Tensor(graph.node("Reshape", found, graph.whole(-1, width)), width)


def mean_of_edges(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N T K, D) and the numbers of neighbours (N T, K) -> (N T, D)."""
    graph, width = walk.graph, walk.found(given[0]).width
    one, numbers = graph.whole(1), walk.plain(given[1])
    real = graph.node("Cast", graph.node("GreaterOrEqual", numbers, graph.whole(0)), to=1)
    real = graph.node("Unsqueeze", real, graph.whole(2))
    shape = graph.node("Concat", graph.node("Shape", numbers), graph.whole(width), axis=0)
    found = graph.node("Mul", graph.node("Reshape", walk.plain(given[0]), shape), real)
    total, count = (graph.node("ReduceSum", x, one, keepdims=0) for x in (found, real))
    return Tensor(graph.node("Div", total, graph.node("Max", count, graph.constant(1.0))), width)
