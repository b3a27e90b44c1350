"""What the writer `keras` does: it walks from the outputs that scores have back to the inputs.

A tensor carries the affine map that is still to be applied to its last axis, so that standardisation and
batch normalisation end in the matrix of the layer behind them.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.bundles import _attention, _convolutions, _edges, _images, _pairs, _recurrent
from jetsmith.bundles._activations import ACTIVATIONS, GATES
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import Joined, Prepared
from jetsmith.bundles._tensor import Tensor, folded
from jetsmith.errors import InputError
from jetsmith.estimates import estimated
from jetsmith.io import FloatArray
from jetsmith.specs.classifiers import RecipeSpec

MASK = "_mask"  # suffix of the masks among a network's inputs


def write(graph: Graph, spec: RecipeSpec, model: Path, groups: dict[str, Prepared]) -> dict[str, str]:
    """See `bundles.Writer`."""
    os.environ.setdefault("KERAS_BACKEND", spec.engine)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from jetsmith.models._saved import load

    network, walk = load(model), Walk(graph, groups)
    return {name: walk.plain(network.output[name]) for name in ("classes", *estimated(spec))}


class Walk:
    """A network on its way into a graph."""

    def __init__(self, graph: Graph, groups: dict[str, Prepared]) -> None:
        self.graph, self.groups = graph, groups
        self._found: dict[int, Tensor] = {}

    def plain(self, tensor: Any) -> str:
        """Name of a tensor of the network with nothing left to apply."""
        return self.applied(self.found(tensor))

    def applied(self, tensor: Tensor) -> str:
        """Its name once what was left has been applied."""
        assert not tensor.marked, "only recurrent layers read marks of padding"
        name = self.graph.affine(tensor.name, tensor.scale, tensor.shift)
        return self.groups[tensor.slots].masked(name) if tensor.slots else name

    def found(self, tensor: Any) -> Tensor:
        """A tensor of the network, with all that leads to it."""
        if id(tensor) not in self._found:
            layer, node, _ = tensor._keras_history
            kind = type(layer).__name__
            if kind not in LAYERS:
                raise InputError(
                    f"layer `{layer.name}` is a {kind}, which no bundle can hold yet: write it down in "
                    f"jetsmith.bundles._keras.LAYERS. There are: {', '.join(LAYERS)}"
                )
            self._found[id(tensor)] = LAYERS[kind](self, layer, layer._inbound_nodes[node].input_tensors)
        return self._found[id(tensor)]

    def settled(self, tensor: Any) -> Tensor:
        """The same, with zeros in padded slots, for layers that read these."""
        found = self.found(tensor)
        return Tensor(self.applied(found), found.width) if found.slots else found

    def group(self, mask: Any) -> Prepared:
        """The group that a mask is of."""
        return self.groups[self.found(mask).name]


def _input(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    name = layer.name
    if name.endswith(MASK) and name.removesuffix(MASK) in walk.groups:
        return Tensor(name.removesuffix(MASK), 0)
    return Tensor(walk.groups[name].values, walk.groups[name].width)


def _standardise(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    """The centre goes first by itself: it may be large, and what is left is small."""
    graph, x = walk.graph, walk.found(given[0])
    centre, width, squash, mean, deviation = (_array(getattr(layer, name)) for name in layer.NAMES)
    z = walk.applied(x)
    if centre.any():
        z = graph.node("Sub", z, graph.constant(centre))
    squashed = squash > 0.5
    if not squashed.any():
        return Tensor(z, x.width, 1 / (width * deviation), -mean / deviation)
    z = graph.node("Div", z, graph.constant(width))
    bent = graph.node("Asinh", z)
    if not squashed.all():
        bent = graph.node("Where", graph.constant(squashed, np.bool_), bent, z)
    return Tensor(bent, x.width, 1 / deviation, -mean / deviation)


def _lines(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    """Slots one behind the other, (N, T, F) -> (N T, F), padded ones as they are: calls pad little."""
    x = walk.found(given[0])
    assert not x.marked, "only recurrent layers read marks of padding"
    lines = walk.graph.node("Reshape", x.name, walk.graph.whole(-1, x.width))
    return replace(x, name=lines, slots="")


def _zero_padded(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    x, mask = given
    zeros = walk.group(mask).masked(walk.plain(x))
    return Tensor(_to_length(walk, zeros, layer.length), walk.found(x).width)


def _unroll(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    x = walk.found(given[0])
    long = _to_length(walk, walk.applied(x), layer.length)
    width = layer.length * x.width
    return Tensor(walk.graph.node("Reshape", long, walk.graph.whole(-1, width)), width)


def _to_length(walk: Walk, x: str, length: int) -> str:
    """Zeros behind; inputs are no longer than that. (N, T, F) -> (N, length, F)."""
    graph = walk.graph
    lacking = graph.node("Sub", graph.whole(length), graph.node("Shape", x, start=1, end=2))
    pads = graph.node("Concat", graph.whole(0, 0, 0, 0), lacking, graph.whole(0), axis=0)
    return graph.node("Pad", x, pads)


def _sum(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    axes = np.atleast_1d(layer.axis)
    if layer.keepdims or len(given[0].shape) - 1 in axes or -1 in axes:
        raise InputError(f"layer `{layer.name}` sums features or keeps axes, which no bundle can hold yet")
    total = walk.graph.node("ReduceSum", walk.plain(given[0]), walk.graph.whole(*axes), keepdims=0)
    return Tensor(total, walk.found(given[0]).width)


def _mark_padding(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    """Padded slots need no zeros then: nobody reads them."""
    x, mask = given
    return replace(walk.found(x), slots=walk.found(mask).name, marked=True)


def _lstm(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    """The operator of ONNX, which leaves slots behind a jet's count out, exactly, as the mark does."""
    graph, x, units = walk.graph, walk.found(given[0]), layer.units
    x = x if x.marked else walk.settled(given[0])
    activations = [_name(layer.recurrent_activation), _name(layer.activation)]
    unknown = [name for name in activations if name not in GATES]
    if unknown or layer.return_sequences or not layer.use_bias or layer.stateful:
        raise InputError(
            f"layer `{layer.name}` is an LSTM with {', '.join(unknown) or 'other options'}, which no bundle "
            f"can hold yet; activations there are: {', '.join(GATES)}"
        )
    first, recurrent, shift = (np.asarray(w, np.float64) for w in layer.get_weights())
    kernel, bias = folded(x, first, shift)
    # (N, T, F) -> (T, N, F), as the operator wants it by default
    sequence = graph.node("Transpose", x.name, perm=[1, 0, 2])
    counts = walk.groups[x.slots].counts if x.marked else ""
    gate, cell = (GATES[name] for name in activations)
    last = graph.node(
        "LSTM", sequence, *(graph.constant(array[None]) for array in _gates(kernel, recurrent, bias)), counts,
        outputs=2, output=1, hidden_size=units, direction="reverse" if layer.go_backwards else "forward",
        activations=[gate.kind, cell.kind, cell.kind], activation_alpha=gate.alpha, activation_beta=gate.beta,
    )  # fmt: skip
    return Tensor(graph.node("Squeeze", last, graph.whole(0)), units)


def _gates(kernel: FloatArray, recurrent: FloatArray, bias: FloatArray) -> tuple[FloatArray, ...]:
    """Columns i, f, c, o of Keras as rows i, o, f, c of ONNX, which has two biases."""
    i, f, c, o = range(4)

    def ordered(array: FloatArray) -> FloatArray:
        parts = np.split(array, 4, axis=-1)
        return np.concatenate([parts[gate] for gate in (i, o, f, c)], axis=-1)

    first = ordered(bias)
    return ordered(kernel).T, ordered(recurrent).T, np.concatenate([first, np.zeros_like(first)])


def _dense(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    graph, x = walk.graph, walk.settled(given[0])
    weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
    shift = weights[1] if layer.use_bias else np.zeros(layer.units)
    kernel, bias = folded(x, weights[0], shift)
    w, b = graph.constant(kernel), graph.constant(bias)
    if len(given[0].shape) == 2:
        y = graph.node("Gemm", x.name, w, b)
    else:
        y = graph.node("Add", graph.node("MatMul", x.name, w), b)
    return Tensor(_activated(walk, y, layer), kernel.shape[1])


def _batch_normalisation(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    gamma = _array(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = _array(layer.beta) if layer.center else np.zeros_like(mean)
    return _normalised(walk.settled(given[0]), mean, variance, gamma, beta, layer.epsilon)


def _line_norm(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    numbers = (_array(getattr(layer, name)) for name in ("mean", "variance", "gamma", "beta"))
    return _normalised(walk.settled(given[0]), *numbers, layer.EPSILON)


def _normalised(x: Tensor, *numbers: Any) -> Tensor:
    """By the averages of the training; a mask was for these alone."""
    mean, variance, gamma, beta, epsilon = numbers
    scale = gamma / np.sqrt(variance + epsilon)
    return x.then(scale, beta - mean * scale)


def _relu(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise InputError(f"layer `{layer.name}` is a ReLU with options, which no bundle can hold yet")
    x = walk.found(given[0])
    return Tensor(walk.graph.node("Relu", walk.applied(x)), x.width)


def _activation(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    return Tensor(_activated(walk, walk.plain(given[0]), layer), walk.found(given[0]).width)


def _same(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    """Layers that do something in training alone."""
    return walk.found(given[0])


def _concatenate(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    """Side by side, with what is left of each; or masks, or slots, of one group behind those of another."""
    found = [walk.settled(x) for x in given]
    if not found[0].width:
        name = "+".join(x.name for x in found)
        walk.groups[name] = Joined(walk.graph, [walk.groups[x.name] for x in found])
        return Tensor(name, 0)
    if layer.axis == 1 and len(given[0].shape) == 3:
        slots = walk.graph.node("Concat", *(walk.applied(x) for x in found), axis=1)
        return Tensor(slots, found[0].width)
    name = walk.graph.node("Concat", *(x.name for x in found), axis=-1)
    scale = np.concatenate([np.ones(x.width) if x.scale is None else x.scale for x in found])
    shift = np.concatenate([np.zeros(x.width) if x.shift is None else x.shift for x in found])
    return Tensor(name, sum(x.width for x in found), scale, shift)


def _columns(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    """Some of the features, with what is left of each."""
    x, places = walk.settled(given[0]), np.array(layer.places)
    name = walk.graph.node("Gather", x.name, walk.graph.whole(*layer.places), axis=-1)
    scale, shift = (None if left is None else left[places] for left in (x.scale, x.shift))
    return Tensor(name, len(places), scale, shift)


def _chosen(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    graph, (number, *choices, found) = walk.graph, [walk.plain(x) for x in given]
    for value, choice in zip(layer.values, choices, strict=True):
        here = graph.node("Equal", number, graph.constant(value))
        found = graph.node("Where", here, choice, found)
    return Tensor(found, walk.found(given[-1]).width)


def _softmax(walk: Walk, layer: Any, given: Sequence[Any]) -> Tensor:
    x = walk.found(given[0])
    return Tensor(walk.graph.node("Softmax", walk.applied(x), axis=-1), x.width)


LAYERS: dict[str, Callable[[Walk, Any, Sequence[Any]], Tensor]] = {
    "InputLayer": _input,
    "Standardise": _standardise,
    "Lines": _lines,
    "LineNorm": _line_norm,
    "Slots": _attention.slots,
    "ZeroPadded": _zero_padded,
    "Unroll": _unroll,
    "Sum": _sum,
    "MarkPadding": _mark_padding,
    "PaddedLSTM": _lstm,
    "LSTM": _lstm,
    "PaddedGRU": _recurrent.gru,
    "Dense": _dense,
    "BatchNormalization": _batch_normalisation,
    "ReLU": _relu,
    "Activation": _activation,
    "Dropout": _same,
    "Concatenate": _concatenate,
    "Columns": _columns,
    "Chosen": _chosen,
    "Softmax": _softmax,
    "Added": _attention.added,
    "Attention": _attention.attention,
    "AttentionPooling": _attention.pooling,
    "LayerNormalization": _attention.layer_normalisation,
    "OfEachLine": _attention.of_each_line,
    "Neighbours": _convolutions.neighbours,
    "Second": _convolutions.second,
    "Strided": _convolutions.strided,
    "MeanOfReal": _convolutions.mean_of_real,
    "Nearest": _edges.nearest,
    "Edges": _edges.edges,
    "EdgeNorm": _line_norm,
    "MeanOfEdges": _edges.mean_of_edges,
    "JetImage": _images.jet_image,
    "Flatten": _images.reshape,
    "Reshape": _images.reshape,
    "Conv2D": _images.convolution,
    "MaxPooling2D": _images.max_pooling,
    "Couples": _pairs.couples,
    "PairFeatures": _pairs.pair_features,
    "PairBias": _pairs.pair_bias,
    "Shares": _pairs.shares,
    "Mean": _pairs.mean,
    "ClassToken": _pairs.class_token,
    "ClassAttention": _pairs.class_attention,
    "Scaled": _pairs.scaled,
}
"""By the class of the layer."""


def _activated(walk: Walk, x: str, layer: Any) -> str:
    name = _name(layer.activation)
    if name not in ACTIVATIONS:
        raise InputError(
            f"layer `{layer.name}` has the activation `{name}`, which no bundle can hold yet; there are: "
            f"{', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name](walk.graph, x)


def _name(activation: Any) -> str:
    return str(activation.__name__)


def _array(variable: Any) -> FloatArray:
    return np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable, np.float64)
