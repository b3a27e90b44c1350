"""An ONNX graph in the making: nodes, one after the other, and their constants.

Written by hand, without a converter: batch normalisation is folded into matrices, recurrent layers are
operators, and no node is there that the model does not need: graphs of converters run at half of the rate.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jetsmith.io import FloatArray

OPSET, TREES, IR = 17, 3, 8
"""Of ai.onnx and ai.onnx.ml, and the file's version: onnxruntime 1.12 and later read them."""

Shape = Sequence[str | int]


class Graph:
    """Nodes so far. Names of tensors are given out by `node` and `constant`."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}

    def input(self, name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> str:
        """What a caller gives; names in the shape are of lengths that may differ from call to call."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, name: str, tensor: str, shape: Shape, kind: int = TensorProto.FLOAT) -> None:
        """What a caller gets."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def constant(self, values: Any, kind: Any = np.float32) -> str:
        """Numbers that stand in the file, once each."""
        array = np.ascontiguousarray(values, kind)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"c{len(self._constants)}")
        return str(self._constants[key].name)

    def whole(self, *values: int) -> str:
        """Whole numbers, shape (n,), int64, as shapes and axes are."""
        return self.constant(values, np.int64)

    def node(self, kind: str, *inputs: str, outputs: int = 1, output: int = 0, **attributes: Any) -> str:
        """Add a node; the name of one of its outputs."""
        names = [f"{kind.lower()}_{len(self._nodes)}_{i}" if i == output else "" for i in range(outputs)]
        given = {key: value for key, value in attributes.items() if value != ()}
        domain = "ai.onnx.ml" if kind.startswith("Tree") else None
        self._nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **given))
        return names[output]

    def split(self, tensor: str, widths: Sequence[int]) -> list[str]:
        """The last axis in pieces."""
        names = [f"split_{len(self._nodes)}_{i}" for i in range(len(widths))]
        self._nodes.append(helper.make_node("Split", [tensor, self.whole(*widths)], names, axis=-1))
        return names

    def smallest(self, tensor: str, number: str) -> tuple[str, str]:
        """The smallest on the last axis, so many of them, and where they are."""
        values, places = (f"topk_{len(self._nodes)}_{i}" for i in range(2))
        self._nodes.append(helper.make_node("TopK", [tensor, number], [values, places], axis=-1, largest=0))
        return values, places

    def affine(self, tensor: str, scale: FloatArray | None, shift: FloatArray | None) -> str:
        """Times scale, plus shift, on the last axis; either may be absent."""
        if scale is not None:
            tensor = self.node("Mul", tensor, self.constant(scale))
        return tensor if shift is None else self.node("Add", tensor, self.constant(shift))

    def finished(self, name: str, notes: Mapping[str, str]) -> onnx.ModelProto:
        """The model, checked by ONNX itself, with notes that every reader of ONNX can show."""
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, list(self._constants.values())
        )
        domains = {node.domain for node in self._nodes}
        opsets = [helper.make_opsetid("", OPSET)]
        opsets += [helper.make_opsetid("ai.onnx.ml", TREES)] if "ai.onnx.ml" in domains else []
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="jetsmith")
        helper.set_model_props(model, dict(notes))
        onnx.checker.check_model(model, full_check=True)
        return model
