"""Recurrent layers with an update gate (`models._recurrent`) as nodes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetsmith.bundles._tensor import Tensor, folded
from jetsmith.errors import InputError

if TYPE_CHECKING:
    from jetsmith.bundles._keras import Walk


def gru(walk: "Walk", layer: Any, given: Sequence[Any]) -> Tensor:
    """The operator of ONNX, which leaves slots behind a jet's count out; its gates are in Keras' order."""
    graph, x, units = walk.graph, walk.found(given[0]), layer.units
    names = [layer.recurrent_activation.__name__, layer.activation.__name__]
    if names != ["sigmoid", "tanh"] or not (layer.reset_after and layer.use_bias) or layer.return_sequences:
        raise InputError(f"layer `{layer.name}` is a GRU with other options, which no bundle can hold yet")
    x = x if x.marked else walk.settled(given[0])
    first, recurrent, (shift, bias) = (np.asarray(w, np.float64) for w in layer.get_weights())
    kernel, shift = folded(x, first, shift)
    sequence = graph.node("Transpose", x.name, perm=[1, 0, 2])
    counts = walk.groups[x.slots].counts if x.marked else ""
    arrays = kernel.T, recurrent.T, np.concatenate([shift, bias])
    last = graph.node(
        "GRU", sequence, *(graph.constant(array[None]) for array in arrays), counts,
        outputs=2, output=1, hidden_size=units, linear_before_reset=1,
        direction="reverse" if layer.go_backwards else "forward",
    )  # fmt: skip
    return Tensor(graph.node("Squeeze", last, graph.whole(0)), units)
