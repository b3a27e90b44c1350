"""Boosted trees as the operator of ONNX: every node a column of its attributes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import numpy_helper

from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import Prepared

_NODE = (
    "treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
    "missing_value_tracks_true",
)  # fmt: skip
_LEAF = ("treeids", "nodeids", "ids", "weights")


@dataclass
class Forest:
    """Nodes of all trees, tree by tree; attributes of the operator without their prefixes."""

    mode: str
    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _NODE})
    leaves: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _LEAF})
    n_trees: int = 0

    def add(
        self,
        target: int,
        feature: Any,
        threshold: Any,
        left: Any,
        right: Any,
        is_leaf: Any,
        missing_left: Any,
        leaf: Any,
    ) -> None:
        """A tree of n nodes, arrays of shape (n,) each; the first is its root.

        Args:
            target: Whose sum its leaves are added to.
            feature: Column that a node looks at.
            threshold: What it compares with, as `mode` says.
            left: Node where that is true.
            right: Node where it is not.
            is_leaf: Nodes that are leaves.
            missing_left: Where NaN goes.
            leaf: Values of the leaves.
        """
        n = len(feature)
        where = [int(x) for x in np.flatnonzero(is_leaf)]
        columns: dict[str, Iterable[Any]] = {
            "treeids": [self.n_trees] * n,
            "nodeids": range(n),
            "featureids": np.where(is_leaf, 0, feature).tolist(),
            "modes": ["LEAF" if end else self.mode for end in is_leaf],
            "values": np.where(is_leaf, 0, threshold).tolist(),
            "truenodeids": np.where(is_leaf, 0, left).tolist(),
            "falsenodeids": np.where(is_leaf, 0, right).tolist(),
            "missing_value_tracks_true": np.asarray(missing_left, int).tolist(),
        }
        for name, values in columns.items():
            self.columns[name] += values
        leaves: dict[str, list[Any]] = {
            "treeids": [self.n_trees] * len(where),
            "nodeids": where,
            "ids": [target] * len(where),
            "weights": [float(leaf[i]) for i in where],
        }
        for name, found in leaves.items():
            self.leaves[name] += found
        self.n_trees += 1

    def write(self, graph: Graph, x: str, base: Any, double: bool = False) -> str:
        """The operator: sums of the leaves and `base`, (N, targets), float32.

        Args:
            graph: Where it goes.
            x: Flat inputs, (N, F), of the numbers that thresholds are of.
            base: What each sum starts at, shape (targets,).
            double: Thresholds and leaves are in double precision, and so is x.
        """
        kind = np.float64 if double else np.float32
        numbers = {
            "nodes_values": self.columns["values"],
            "target_weights": self.leaves["weights"],
            "base_values": list(base),
        }
        attributes: dict[str, Any] = {
            f"nodes_{name}": list(values) for name, values in self.columns.items() if name != "values"
        }
        attributes |= {f"target_{name}": values for name, values in self.leaves.items() if name != "weights"}
        for name, values in numbers.items():
            if double:
                attributes[f"{name}_as_tensor"] = numpy_helper.from_array(np.asarray(values, kind), name)
            else:
                attributes[name] = [float(value) for value in values]
        return graph.node(
            "TreeEnsembleRegressor", x, n_targets=len(base), aggregate_function="SUM", **attributes
        )


def side_by_side(graph: Graph, groups: dict[str, Prepared]) -> str:
    """Flat inputs as trees read them, (N, F)."""
    names = [group.values for group in groups.values()]
    return names[0] if len(names) == 1 else graph.node("Concat", *names, axis=-1)


def probabilities(graph: Graph, margins: str, n_targets: int, first_is_positive: bool) -> str:
    """Softmax of several sums; of one, which is the logit of a class of two, both classes.

    Args:
        graph: Where it goes.
        margins: (N, targets).
        n_targets: How many sums there are.
        first_is_positive: Of two classes the sum is that of the first and not of the second.
    """
    if n_targets > 1:
        return graph.node("Softmax", margins, axis=-1)
    one = graph.node("Sigmoid", margins)
    other = graph.node("Sub", graph.constant(1.0), one)
    pair = (one, other) if first_is_positive else (other, one)
    return graph.node("Concat", *pair, axis=-1)
