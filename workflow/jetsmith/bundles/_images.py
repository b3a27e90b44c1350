"""Layers of networks on images (`models._images`, and 2D convolutions) as nodes, each by a small function."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetsmith.bundles._tensor import Tensor
from jetsmith.errors import InputError

if TYPE_CHECKING:
    from jetsmith.bundles._keras import Walk

LARGEST = 20.0  # as in `models._images`


def jet_image(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, T, 3) or (N, T, 4) -> (N, pixels, pixels, channels); see `models._images.JetImage`."""
    graph, group = walk.graph, walk.group(given[1])
    one, nothing = graph.constant(1.0), graph.constant(0.0)
    features = group.masked(walk.plain(given[0]))
    columns = [
        graph.node("Squeeze", x, graph.whole(2)) for x in graph.split(features, [1] * given[0].shape[-1])
    ]
    real = graph.node("Cast", group.mask, to=1)
    ends = (graph.constant(np.array(end)) for end in (-LARGEST, LARGEST))
    pt = graph.node("Mul", graph.node("Exp", graph.node("Clip", columns[0], *ends)), real)
    total = graph.node("ReduceSum", pt, graph.whole(1), keepdims=1)
    total = graph.node("Where", graph.node("Greater", total, nothing), total, one)
    share = graph.node("Div", pt, total)
    column, row = _places(walk, layer, columns[1], columns[2], share)
    neutral = graph.node("Cast", graph.node("Equal", columns[-1], nothing), to=1)
    charged = graph.node("Mul", real, graph.node("Sub", one, neutral))
    found = {
        "pt": share,
        "charged_pt": graph.node("Mul", share, charged),
        "neutral_pt": graph.node("Mul", share, graph.node("Sub", one, charged)),
        "n_charged": charged,
    }
    stacked = (graph.node("Unsqueeze", found[name], graph.whole(2, 3)) for name in layer.channels)
    light = graph.node("Concat", *stacked, axis=3)  # (N, T, 1, channels)
    place = graph.constant(np.arange(layer.pixels))
    across, along = (
        graph.node("Cast", graph.node("Equal", graph.node("Unsqueeze", x, graph.whole(2)), place), to=1)
        for x in (column, row)
    )
    beside = graph.node("Mul", graph.node("Unsqueeze", across, graph.whole(3)), light)
    flat = graph.node("Reshape", beside, graph.whole(0, 0, layer.pixels * len(layer.channels)))
    image = graph.node("MatMul", graph.node("Transpose", along, perm=[0, 2, 1]), flat)
    shape = graph.whole(0, layer.pixels, layer.pixels, len(layer.channels))
    return Tensor(graph.node("Reshape", image, shape), len(layer.channels))


def _places(walk: "Walk", layer: Any, x: str, y: str, share: str) -> tuple[str, str]:
    """Numbers of column and row, (N, T) each."""
    graph = walk.graph
    one, nothing = graph.constant(1.0), graph.constant(0.0)

    def product(a: str, b: str) -> str:
        return graph.node("Mul", a, b)

    def mean(values: str) -> str:
        return graph.node("ReduceSum", product(share, values), graph.whole(1), keepdims=1)

    def root(a: str, b: str) -> str:
        return graph.node("Sqrt", graph.node("Add", product(a, a), product(b, b)))

    x, y = (graph.node("Sub", values, mean(values)) for values in (x, y))
    difference = graph.node("Sub", mean(product(x, x)), mean(product(y, y)))
    mixed = product(graph.constant(2.0), mean(product(x, y)))
    size = root(difference, mixed)
    flat = graph.node("GreaterOrEqual", difference, nothing)
    along_x = graph.node("Where", flat, graph.node("Add", size, difference), mixed)
    along_y = graph.node("Where", flat, mixed, graph.node("Sub", size, difference))
    norm = root(along_x, along_y)
    turned = graph.node("Greater", norm, nothing)
    norm = graph.node("Where", turned, norm, one)
    along_x = graph.node("Where", turned, graph.node("Div", along_x, norm), nothing)
    along_y = graph.node("Where", turned, graph.node("Div", along_y, norm), one)
    across = graph.node("Sub", product(x, along_y), product(y, along_x))
    along = graph.node("Add", product(x, along_x), product(y, along_y))
    return _flipped(walk, layer, across, share), _flipped(walk, layer, along, share)


def _flipped(walk: "Walk", layer: Any, x: str, share: str) -> str:
    graph, last = walk.graph, layer.pixels - 1
    scaled = graph.affine(x, np.array(1 / layer.pixel), np.array(0.5 * layer.pixels))
    number, middle = graph.node("Floor", scaled), graph.constant(0.5 * last)
    below, above = (
        graph.node(
            "ReduceSum",
            graph.node("Where", graph.node(kind, number, middle), share, graph.constant(0.0)),
            graph.whole(1),
            keepdims=1,
        )
        for kind in ("Less", "Greater")
    )
    mirrored = graph.node("Sub", graph.constant(float(last)), number)
    return graph.node("Where", graph.node("Greater", below, above), mirrored, number)


def reshape(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """Of whole rows, to a shape without open lengths; `Flatten` likewise."""
    shape = layer.output.shape[1:]
    return Tensor(walk.graph.node("Reshape", walk.plain(given[0]), walk.graph.whole(-1, *shape)), shape[-1])


def convolution(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, H, W, C) -> (N, H, W, filters); onnxruntime takes transpositions between two of them away."""
    plain = all(set(np.ravel(x)) == {1} for x in (layer.strides, layer.dilation_rate, layer.groups))
    plain &= layer.padding == "same" and layer.use_bias and layer.activation.__name__ == "linear"
    if not plain:
        raise InputError(f"layer `{layer.name}` convolves with other options, which no bundle can hold yet")
    kernel, bias = (np.asarray(w) for w in layer.get_weights())
    pads = [(width - 1) // 2 for width in layer.kernel_size] + [width // 2 for width in layer.kernel_size]
    graph = walk.graph
    x = graph.node("Transpose", walk.plain(given[0]), perm=[0, 3, 1, 2])
    weights = graph.constant(kernel.transpose(3, 2, 0, 1))
    y = graph.node("Conv", x, weights, graph.constant(bias), pads=pads)
    return Tensor(graph.node("Transpose", y, perm=[0, 2, 3, 1]), layer.filters)


def max_pooling(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """(N, H, W, C) -> (N, H / width, W / width, C), the rest cut off."""
    if layer.padding != "valid" or tuple(layer.strides) != tuple(layer.pool_size):
        raise InputError(f"layer `{layer.name}` pools with other options, which no bundle can hold yet")
    graph, width = walk.graph, given[0].shape[-1]
    x = graph.node("Transpose", walk.plain(given[0]), perm=[0, 3, 1, 2])
    y = graph.node("MaxPool", x, kernel_shape=list(layer.pool_size), strides=list(layer.strides))
    return Tensor(graph.node("Transpose", y, perm=[0, 2, 3, 1]), width)
