"""scikit-learn's histogram trees as ONNX."""

from pathlib import Path
from typing import TYPE_CHECKING

from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.bundles._graph import Graph
    from jetsmith.bundles._inputs import Prepared


def write(
    graph: "Graph", spec: RecipeSpec, model: Path, groups: "dict[str, Prepared]", folder: Path
) -> dict[str, str]:
    """See `bundles.Writer`. Left is where x <= threshold, in double precision, as are the sums."""
    import numpy as np
    import skops.io
    from onnx import TensorProto

    from jetsmith.bundles._trees import Forest, probabilities, side_by_side
    from jetsmith.classifiers.sklearn import TRUSTED

    classifier = skops.io.load(model / "model.skops", trusted=list(TRUSTED))
    forest = Forest("BRANCH_LEQ")
    for together in classifier._predictors:
        for target, tree in enumerate(together):
            nodes = tree.nodes
            forest.add(
                target=target,
                feature=nodes["feature_idx"],
                threshold=nodes["num_threshold"],
                left=nodes["left"],
                right=nodes["right"],
                is_leaf=nodes["is_leaf"].astype(bool),
                missing_left=nodes["missing_go_to_left"],
                leaf=nodes["value"],
            )
    base = np.asarray(classifier._baseline_prediction, np.float64).reshape(-1)
    x = graph.node("Cast", side_by_side(graph, groups), to=TensorProto.DOUBLE)
    margins = forest.write(graph, x, base, double=True)
    return {"classes": probabilities(graph, margins, len(base), first_is_positive=False)}
