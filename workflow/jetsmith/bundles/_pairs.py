"""Layers of networks with attention by pairs (`models._pairs`) as nodes, each by a small function.

Of pairs the graph has all, (N, T, T), each twice; what is computed of them is symmetric.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetsmith.bundles._attention import FAR, in_heads, mean_of, products, shares_of
from jetsmith.bundles._inputs import Prepared
from jetsmith.bundles._tensor import Tensor

if TYPE_CHECKING:
    from jetsmith.bundles._keras import Walk

LEAST, LARGEST, TURN = 1e-8, 20.0, 2 * np.pi  # as in `models._pairs`


def couples(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """A group whose slots are pairs, T² a row."""
    length = walk.group(given[0]).length
    walk.groups[layer.name] = Prepared(walk.graph, "", 0, _length=walk.graph.node("Mul", length, length))
    return Tensor(layer.name, 0)


def pair_features(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, T, 3) -> (N T², 4)."""
    graph = walk.graph
    momenta = graph.split(walk.group(given[1]).masked(walk.plain(given[0])), [1, 1, 1])  # (N, T, 1) each

    def pairs(x: str) -> tuple[str, str]:
        return x, graph.node("Transpose", x, perm=[0, 2, 1])

    def square(x: str) -> str:
        return graph.node("Mul", x, x)

    def clipped(x: str, most: float = LARGEST) -> str:
        return graph.node("Clip", x, graph.constant(np.array(-most)), graph.constant(np.array(most)))

    pt, other_pt = pairs(graph.node("Exp", clipped(momenta[0])))
    d_eta, d_phi = (graph.node("Sub", *pairs(x)) for x in momenta[1:])
    d_eta, half = clipped(d_eta), graph.constant(0.5)
    turn, nothing = graph.constant(TURN), graph.constant(0.0)
    above = graph.node("Where", graph.node("Greater", d_phi, graph.constant(np.pi)), turn, nothing)
    below = graph.node("Where", graph.node("Less", d_phi, graph.constant(-np.pi)), turn, nothing)
    d_phi = clipped(graph.node("Add", graph.node("Sub", d_phi, above), below), np.pi)
    delta = graph.node("Sqrt", graph.node("Add", square(d_eta), square(d_phi)))
    softer = graph.node("Min", pt, other_pt)
    halves = (
        square(graph.node(kind, graph.node("Mul", half, x))) for kind, x in (("Sinh", d_eta), ("Sin", d_phi))
    )
    scale = graph.node("Mul", graph.node("Mul", graph.constant(4.0), pt), other_pt)
    found = [
        graph.node("Mul", softer, delta),
        graph.node("Div", softer, graph.node("Add", pt, other_pt)),
        delta,
        graph.node("Mul", scale, graph.node("Add", *halves)),
    ]
    stacked = graph.node("Concat", *(graph.node("Unsqueeze", x, graph.whole(3)) for x in found), axis=3)
    logs = graph.node("Log", graph.node("Max", stacked, graph.constant(LEAST)))
    return Tensor(graph.node("Reshape", logs, graph.whole(-1, 4)), 4)


def pair_bias(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, T², heads) -> (N, heads, T, T), far below zero for padded slots."""
    graph, x, group = walk.graph, walk.found(given[0]), walk.group(given[1])
    one = graph.whole(-1)
    shape = graph.node("Concat", one, group.length, group.length, graph.whole(x.width), axis=0)
    square = graph.node("Reshape", graph.affine(x.name, x.scale, x.shift), shape)
    mask = graph.node("Unsqueeze", group.mask, graph.whole(1, 2))
    by_head = graph.node("Transpose", square, perm=[0, 3, 1, 2])
    return Tensor(graph.node("Where", mask, by_head, graph.constant(FAR)), x.width)


def shares(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """Of (N, T, 3 D) and (N, heads, T, T) the latter."""
    graph, heads, x = walk.graph, given[1].shape[1], walk.settled(given[0])
    width = x.width // 3
    query, key = (
        in_heads(walk, part, heads, width) for part in graph.split(walk.applied(x), [width] * 3)[:2]
    )
    product = products(walk, query, key, heads, width)
    return Tensor(graph.node("Softmax", graph.node("Add", product, walk.plain(given[1])), axis=-1), heads)


def mean(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, T, 3 D) and (N, heads, T, T) -> (N, T, D)."""
    graph, heads, x = walk.graph, given[1].shape[1], walk.settled(given[0])
    width = x.width // 3
    *_, value = graph.split(walk.applied(x), [width] * 3)
    found = mean_of(walk, walk.plain(given[1]), in_heads(walk, value, heads, width))
    return Tensor(graph.node("Reshape", found, graph.whole(0, 0, width)), width)


def class_token(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, width), alike."""
    graph = walk.graph
    rows = graph.node("Shape", walk.group(given[0]).mask, start=0, end=1)
    shape = graph.node("Concat", rows, graph.whole(layer.width), axis=0)
    return Tensor(graph.node("Expand", graph.constant(np.asarray(layer.token)), shape), layer.width)


def class_attention(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """The row's own keys and values come first."""
    graph, heads, width = walk.graph, layer.heads, walk.found(given[0]).width
    one = graph.whole(1)
    query, own = (graph.node("Unsqueeze", walk.plain(x), one) for x in given[:2])
    seen = graph.node("Concat", own, walk.plain(given[2]), axis=1)
    key, value = (in_heads(walk, part, heads, width) for part in graph.split(seen, [width] * 2))
    mask = graph.node(
        "Pad",
        graph.node("Cast", walk.group(given[3]).mask, to=1),
        graph.whole(0, 1, 0, 0),
        graph.constant(1.0),
    )
    mask = graph.node("Unsqueeze", graph.node("Cast", mask, to=9), graph.whole(1, 2))
    share = shares_of(walk, products(walk, in_heads(walk, query, heads, width), key, heads, width), mask)
    return Tensor(graph.node("Reshape", mean_of(walk, share, value), graph.whole(-1, width)), width)


def scaled(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """Left for the layer behind."""
    x = walk.settled(given[0])
    return x.then(np.repeat(np.asarray(layer.scale, np.float64), x.width // layer.groups), None)
