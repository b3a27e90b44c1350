"""DeepJet as a bare ONNX graph, as one writes it by hand for one network: no masks, no scaling, no defaults.

Batch normalisation is folded into the matrix behind it, 1×1 convolutions are matrices.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.benchmarks._torch_ways import SHAPES

Array = np.ndarray[Any, Any]


class Net:
    """Nodes and constants so far."""

    def __init__(self, network: Any) -> None:
        self.network, self.nodes, self.constants = network, [], []

    def weights(self, name: str) -> list[Array]:
        return [np.asarray(w, np.float64) for w in self.network.get_layer(name).get_weights()]

    def norm(self, name: str) -> tuple[Array, Array]:
        gamma, beta, mean, variance = self.weights(name)
        scale = gamma / np.sqrt(variance + 1e-3)
        return scale, beta - mean * scale

    def constant(self, values: Array, kind: Any = np.float32) -> str:
        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(values, kind), f"w{len(self.constants)}")
        )
        return self.constants[-1].name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [f"t{len(self.nodes)}"], **attributes))
        return f"t{len(self.nodes) - 1}"

    def dense(self, x: str, name: str, scale: Array, shift: Array, relu: bool = True) -> str:
        kernel, bias = self.weights(name)
        x = self.node("MatMul", x, self.constant(scale[:, None] * kernel))
        x = self.node("Add", x, self.constant(bias + shift @ kernel))
        return self.node("Relu", x) if relu else x

    def lstm(self, x: str, name: str) -> str:
        kernel, recurrent, bias = self.weights(name)
        units = len(recurrent)

        def gates(array: Array) -> Array:  # i f c o -> i o f c
            return np.concatenate([array[..., q * units : (q + 1) * units] for q in (0, 3, 1, 2)], -1)

        given = (gates(kernel).T, gates(recurrent).T, np.concatenate([gates(bias), 0 * bias]))
        x = self.node("Transpose", x, perm=[1, 0, 2])
        found = f"h_{name}"
        constants = [self.constant(array[None]) for array in given]
        self.nodes.append(
            helper.make_node("LSTM", [x, *constants], ["", found], hidden_size=units, direction="reverse")
        )
        return self.node("Squeeze", found, self.constant(np.array([0]), np.int64))


def write(network: Any, path: Path) -> None:
    """The network, a Keras model of `models.deepjet` at its default sizes, to a file."""
    net, parts, scales, shifts, inputs = Net(network), [], [], [], []
    for group, (length, width) in SHAPES["deepjet"].items():
        shape = ["N", length, width] if length else ["N", width]
        inputs.append(helper.make_tensor_value_info(group, TensorProto.FLOAT, shape))
        (scale, shift), x = net.norm(f"{group}_norm"), group
        if length:
            names = [layer.name for layer in network.layers if layer.name.startswith(f"{group}_convolution_")]
            convolutions = [
                name for name in names if name[-1].isdigit() and "norm" not in name and "drop" not in name
            ]
            for i, name in enumerate(convolutions):
                x = net.dense(x, name, scale, shift)
                if i + 1 < len(convolutions):
                    scale, shift = net.norm(f"{group}_convolution_norm_{i}")
            x = net.lstm(x, f"{group}_lstm")
            scale, shift = net.norm(f"{group}_lstm_norm")
        parts.append(x)
        scales.append(scale)
        shifts.append(shift)
    x, scale, shift = net.node("Concat", *parts, axis=1), np.concatenate(scales), np.concatenate(shifts)
    for i in range(8):
        x = net.dense(x, f"dense_{i}", scale, shift)
        scale, shift = net.norm(f"dense_norm_{i}")
    x = net.node("Softmax", net.dense(x, "classes", scale, shift, relu=False), axis=-1)
    outputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["N", 6])]
    graph = helper.make_graph(net.nodes, "deepjet", inputs, outputs, net.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
