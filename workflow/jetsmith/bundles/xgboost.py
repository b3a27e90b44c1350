"""XGBoost's trees as ONNX, from the JSON of the model, which goes beside them."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jetsmith.errors import InputError
from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.bundles._graph import Graph
    from jetsmith.bundles._inputs import Prepared

BESIDE = "xgboost.json"


def write(
    graph: "Graph", spec: RecipeSpec, model: Path, groups: "dict[str, Prepared]", folder: Path
) -> dict[str, str]:
    """See `bundles.Writer`. Left is where x < threshold, in float32 on both sides."""
    import numpy as np

    from jetsmith.bundles._trees import Forest, probabilities, side_by_side

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model / "model.json", folder / BESIDE)
    learner = json.loads((model / "model.json").read_text())["learner"]
    booster, objective = learner["gradient_booster"]["model"], learner["objective"]["name"]
    if objective not in ("multi:softprob", "binary:logistic"):
        raise InputError(f"{model}: objective `{objective}` is none that a bundle can hold")
    n_targets = max(1, int(learner["learner_model_param"]["num_class"]))
    base = np.atleast_1d(np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float64))
    base = np.broadcast_to(base, n_targets)
    if objective == "binary:logistic":
        base = np.log(base / (1 - base))
    forest = Forest("BRANCH_LT")
    for tree, target in zip(booster["trees"], booster["tree_info"], strict=True):
        if any(tree["split_type"]):
            raise InputError(f"{model}: has splits by category, which no bundle can hold")
        left = np.array(tree["left_children"])
        numbers = np.array(tree["split_conditions"], np.float32)
        forest.add(
            target=target,
            feature=np.array(tree["split_indices"]),
            threshold=numbers,
            left=left,
            right=np.array(tree["right_children"]),
            is_leaf=left == -1,
            missing_left=tree["default_left"],
            leaf=numbers,
        )
    margins = forest.write(graph, side_by_side(graph, groups), base)
    return {"classes": probabilities(graph, margins, n_targets, first_is_positive=False)}
