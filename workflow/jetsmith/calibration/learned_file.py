"""Learned efficiencies as one ONNX file: features before their transform and flavour in, efficiencies out.

Written by hand, as bundles are, and read by `jetsmith.event_weights.LearnedEfficiencies`, or by anything that
runs ONNX: its metadata `jetsmith` say what goes in and what comes out.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from jetsmith import signs
from jetsmith.bundle_inputs import Group
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import prepare
from jetsmith.calibration.learned_network import Networks
from jetsmith.classifiers._scaler import Scaler
from jetsmith.handed.learned import Learned

FORMAT = 1
NOTES = "jetsmith"  # key of the metadata


def write(path: str | Path, networks: Networks, groups: Sequence[Group], found: Learned) -> None:
    """Write the file.

    Args:
        path: Of the file.
        networks: What was trained.
        groups: Its features, as callers give them; side by side they are those of the networks.
        found: What a reader is told of them: points, flavours in the order of the networks, the verdict.
    """
    graph = Graph()
    values = [prepare(graph, group).values for group in groups]
    x = values[0] if len(values) == 1 else graph.node("Concat", *values, axis=-1)
    flavour = graph.input("flavor", ["N"], TensorProto.INT64)
    each = graph.node(
        "Equal", graph.node("Unsqueeze", flavour, graph.whole(1)), graph.whole(*found.flavors.values())
    )
    of_class = graph.node("Cast", each, to=TensorProto.FLOAT)  # (N, C)
    scaling = networks.scaling
    x = graph.node("Max", x, graph.constant(scaling.low))
    x = graph.node("Min", x, graph.constant(scaling.high))
    x = graph.node("Concat", _scaled(graph, x, scaling.scaler), of_class, axis=-1)
    efficiency = _members(graph, x, networks)
    is_known = graph.node("Greater", _sum(graph, of_class), graph.constant(0.5))
    mean = graph.node("ReduceMean", efficiency, axes=[0], keepdims=0)
    none = graph.constant(np.nan)  # of flavours that nothing was learned of
    n_points = len(found.thresholds)
    graph.output("efficiency", graph.node("Where", is_known, mean, none), ["N", n_points])
    error = graph.node("Where", is_known, _error(graph, efficiency, len(networks.models)), none)
    graph.output("error", error, ["N", n_points])
    notes = {
        "format": FORMAT,
        "learned": found.learned,
        "judgement": found.judgement,
        "sample": found.sample,
        "thresholds": found.thresholds,
        "doubts": found.doubts,
        "flavors": found.flavors,
        "by": found.by,
        "status": found.status,
        "why": [f"{gate.name}: {gate.why}" for gate in found.gates if gate.status == found.status],
        "groups": [asdict(group) for group in groups],
    }
    onnx.save(graph.finished("learned_efficiencies", {NOTES: json.dumps(notes)}), path)


def _scaled(graph: Graph, x: str, scaler: Scaler) -> str:
    """As `Scaler.__call__`."""
    z = graph.node("Sub", x, graph.constant(scaler.centre))
    z = graph.node("Div", z, graph.constant(scaler.width))
    squashed = graph.constant(scaler.squash > 0.5, np.bool_)
    z = graph.node("Where", squashed, graph.node("Asinh", z), z)
    z = graph.node("Sub", z, graph.constant(scaler.mean))
    return graph.node("Div", z, graph.constant(scaler.deviation))


def _members(graph: Graph, x: str, networks: Networks) -> str:
    """Efficiencies of all members, (N, F + C) -> (M, N, P)."""
    layers = networks.weights()
    for k, (kernel, bias) in enumerate(layers):
        x = graph.node("Add", graph.node("MatMul", x, graph.constant(kernel)), graph.constant(bias))
        if k < len(layers) - 1:
            x = graph.node("Mul", x, graph.node("Sigmoid", x))
    p = graph.node("Softmax", x, axis=-1)
    if networks.negative:
        p = _joined(graph, p)
    sums = graph.node("CumSum", p, graph.constant(-1, np.int64), reverse=1)
    return graph.node("Slice", sums, graph.whole(1), graph.whole(2**31), graph.whole(2))


def _joined(graph: Graph, p: str) -> str:
    """As `signs.joined`: (M, N, 2 K) -> (M, N, K)."""
    pairs = graph.node("Reshape", p, graph.whole(0, 0, -1, 2))  # (M, N, K, 2)
    above, below = (graph.node("Squeeze", half, graph.whole(3)) for half in graph.split(pairs, (1, 1)))
    size = graph.node("Add", above, below)
    least = graph.node("Mul", size, graph.constant(signs.FLOOR))
    left = graph.node("Max", graph.node("Sub", above, below), least)
    return graph.node("Div", left, _sum(graph, left))


def _sum(graph: Graph, x: str) -> str:
    """Over the last axis, which stays."""
    return graph.node("ReduceSum", x, graph.whole(-1), keepdims=1)


def _error(graph: Graph, efficiency: str, n_members: int) -> str:
    """As `learned_network.error_of`: (M, N, P) -> (N, P)."""
    halves = [
        graph.node("Gather", efficiency, graph.whole(*range(side, n_members, 2)), axis=0) for side in (0, 1)
    ]
    apart = graph.node("Sub", *halves)
    variance = graph.node("ReduceMean", graph.node("Mul", apart, apart), axes=[0], keepdims=0)
    return graph.node("Div", graph.node("Sqrt", variance), graph.constant(2.0))
