"""Layers of networks with attention (`models._attention`) as nodes, each by a small function."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jetsmith.bundles._tensor import Tensor
from jetsmith.errors import InputError

if TYPE_CHECKING:
    from jetsmith.bundles._keras import Walk

FAR = -1e9  # as `models._attention.FAR`


def of_each_line(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, F) -> (N T, F), with what is left of it."""
    graph, x = walk.graph, walk.found(given[0])
    one = graph.whole(1)
    shape = graph.node("Concat", one, walk.group(given[1]).length, one, axis=0)
    slots = graph.node("Expand", graph.node("Unsqueeze", x.name, one), shape)
    return replace(x, name=graph.node("Reshape", slots, graph.whole(-1, x.width)))


def attention(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """Zeros in padded slots go in: products with them are finite, and their shares 0."""
    graph, x = walk.graph, _settled_slots(walk, given)
    width, mask = x.width // 3, walk.group(given[1]).mask
    query, key, value = (
        in_heads(walk, part, layer.heads, width) for part in graph.split(x.name, [width] * 3)
    )
    product = products(walk, query, key, layer.heads, width)
    share = shares_of(walk, product, graph.node("Unsqueeze", mask, graph.whole(1, 2)))
    return Tensor(graph.node("Reshape", mean_of(walk, share, value), graph.whole(-1, width)), width)


def pooling(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """The second tensor is ln of the weight."""
    graph, (x, weight, mask) = walk.graph, given
    values = _settled_slots(walk, (x, mask))
    slots = graph.node("Squeeze", _settled_slots(walk, (weight, mask)).name, graph.whole(2))
    share = shares_of(walk, slots, walk.group(mask).mask)
    mean = graph.node("MatMul", graph.node("Unsqueeze", share, graph.whole(1)), values.name)
    return Tensor(graph.node("Squeeze", mean, graph.whole(1)), values.width)


def slots(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """Lines back in their slots, with what is left of them; padded ones may hold anything."""
    graph, x, group = walk.graph, walk.found(given[0]), walk.group(given[1])
    shape = graph.node("Concat", graph.whole(-1), group.length, graph.whole(x.width), axis=0)
    return replace(x, name=graph.node("Reshape", x.name, shape), slots=walk.found(given[1]).name)


def _settled_slots(walk: "Walk", given: Sequence[Any]) -> Tensor:
    """Slots of lines, zeros in padded ones."""
    found = slots(walk, None, given)
    return Tensor(walk.applied(found), found.width)


def in_heads(walk: "Walk", x: str, heads: int, width: int) -> str:
    """(N, T, D) -> (N, T, heads, D / heads)."""
    return walk.graph.node("Reshape", x, walk.graph.whole(0, 0, heads, width // heads))


def products(walk: "Walk", query: str, key: str, heads: int, width: int) -> str:
    """Of `in_heads`, each query with each key, over the root of their width; (N, heads, T, T')."""
    graph = walk.graph
    query = graph.node("Mul", query, graph.constant((width // heads) ** -0.5))
    query = graph.node("Transpose", query, perm=[0, 2, 1, 3])
    return graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 2, 3, 1]))


def mean_of(walk: "Walk", share: str, value: str) -> str:
    """Of values (`in_heads`) by shares (N, heads, T, T'); (N, T, heads, D / heads)."""
    graph = walk.graph
    mean = graph.node("MatMul", share, graph.node("Transpose", value, perm=[0, 2, 1, 3]))
    return graph.node("Transpose", mean, perm=[0, 2, 1, 3])


def shares_of(walk: "Walk", x: str, mask: str) -> str:
    """See `models._attention.masked_softmax`."""
    graph = walk.graph
    return graph.node("Softmax", graph.node("Where", mask, x, graph.constant(FAR)), axis=-1)


def layer_normalisation(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """The operator of ONNX."""
    if not (layer.scale and layer.center) or layer.axis not in (-1, [-1], len(given[0].shape) - 1):
        raise InputError(f"layer `{layer.name}` normalises with other options, which no bundle can hold yet")
    graph, x = walk.graph, walk.found(given[0])
    gamma, beta = (graph.constant(weight) for weight in layer.get_weights())
    found = graph.node("LayerNormalization", walk.applied(x), gamma, beta, axis=-1, epsilon=layer.epsilon)
    return Tensor(found, x.width)


def added(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """With nothing left to apply."""
    first, second = (walk.plain(x) for x in given)
    return Tensor(walk.graph.node("Add", first, second), walk.found(given[0]).width)
