"""An experiment's own score, read from the file: nothing is trained.

`architecture: {column: btagDeepFlavB}` names the feature with the score, which is the probability
of the first of two classes. Sentinels, scores below 0 or above 1, are no scores.
"""

from pathlib import Path

import numpy as np

from jetsmith.classifiers import Rows, Task
from jetsmith.classifiers._rows import CHUNK
from jetsmith.errors import ConfigError
from jetsmith.io import FloatArray
from jetsmith.specs import ClassifierSpec

TRAINS = False


def fit(task: Task) -> list[dict[str, float]]:
    """Nothing to do; the history is empty."""
    return []


def predict(spec: ClassifierSpec, model: Path, rows: Rows, threads: int) -> FloatArray:
    """The score and 1 less it; NaN where it is a sentinel.

    Returns:
        Shape (N, 2), float32.

    Raises:
        ConfigError: There are not two classes, or `column` is no input of the classifier.
    """
    column = spec.architecture.get("column")
    names = [feature for inputs in spec.inputs if inputs.kind == "flat" for feature in inputs.features]
    if set(spec.architecture) != {"column"} or column not in names or len(spec.classes) != 2:
        raise ConfigError(
            f"{spec.name}: backend stored needs two classes and `architecture: {{column: <feature>}}` with "
            f"a flat feature of its inputs ({', '.join(names) or 'none'}); got {spec.architecture}"
        )
    flat = [inputs for inputs in spec.inputs if inputs.kind == "flat"]
    only = Rows(tuple(flat), rows.parts, rows.part, rows.index, rows.picked)
    score = np.empty(len(rows), np.float32)
    for which in only.slices(CHUNK):
        score[which] = only.matrix(which)[:, names.index(column)]
    score[(score < 0) | (score > 1)] = np.nan
    return np.stack([score, 1 - score], axis=1)
