"""Activations as nodes, by Keras' names and with its defaults; of recurrent layers as their options."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetsmith.bundles._graph import Graph


@dataclass(frozen=True)
class Gate:
    """An activation of the recurrent operator; alpha and beta, where it has some, are of the first gates."""

    kind: str
    alpha: tuple[float, ...] = ()
    beta: tuple[float, ...] = ()


GATES = {
    "sigmoid": Gate("Sigmoid"),
    "tanh": Gate("Tanh"),
    "keras1_hard_sigmoid": Gate("HardSigmoid", (0.2,), (0.5,)),
}


def _of(kind: str, **attributes: Any) -> Callable[[Graph, str], str]:
    return lambda graph, x: graph.node(kind, x, **attributes)


def _gelu(graph: Graph, x: str) -> str:
    """x/2 (1 + erf(x/√2))."""
    bent = graph.node("Erf", graph.node("Mul", x, graph.constant(np.sqrt(0.5))))
    half = graph.node("Mul", x, graph.constant(0.5))
    return graph.node("Mul", half, graph.node("Add", bent, graph.constant(1.0)))


ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, x: x,
    "relu": _of("Relu"),
    "leaky_relu": _of("LeakyRelu", alpha=0.2),
    "elu": _of("Elu", alpha=1.0),
    "selu": _of("Selu"),
    "gelu": _gelu,
    "silu": lambda graph, x: graph.node("Mul", x, graph.node("Sigmoid", x)),
    "mish": lambda graph, x: graph.node("Mul", x, graph.node("Tanh", graph.node("Softplus", x))),
    "softplus": _of("Softplus"),
    "tanh": _of("Tanh"),
}
"""By Keras' name, with Keras' defaults."""
