"""An experiment's own scores, read from the file: nothing is trained.

`architecture` says which features they are, in one of two ways:

- `{column: btagDeepFlavB}`: the probability of the first of two classes;
- `{columns: {b_jets: GN2v00_pb, c_jets: GN2v00_pc, light_jets: GN2v00_pu}}`: one of each class,
  made to add up to 1.

Sentinels, scores below 0 or above 1, are no scores.
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
    """The probabilities as stored; NaN where one of them is a sentinel, or all are 0.

    Returns:
        Shape (N, C), float32.

    Raises:
        ConfigError: `architecture` does not name a flat feature of the inputs for each class.
    """
    names = [feature for inputs in spec.inputs if inputs.kind == "flat" for feature in inputs.features]
    places = [names.index(column) for column in _columns(spec, names)]
    flat = [inputs for inputs in spec.inputs if inputs.kind == "flat"]
    only = Rows(tuple(flat), rows.parts, rows.part, rows.index, rows.picked)
    score = np.empty((len(rows), len(places)), np.float32)
    for which in only.slices(CHUNK):
        score[which] = only.matrix(which)[:, places]
    score[((score < 0) | (score > 1)).any(axis=1)] = np.nan
    if len(places) == 1:  # (N, 1) -> (N, 2)
        return np.concatenate([score, 1 - score], axis=1)
    total = score.sum(axis=1, keepdims=True)
    return score / np.where(total > 0, total, np.nan)


def _columns(spec: ClassifierSpec, names: list[str]) -> list[str]:
    """The feature of each class, or the one of the first of two classes."""
    keys, column, columns = set(spec.architecture), *map(spec.architecture.get, ("column", "columns"))
    if keys == {"column"} and column in names and len(spec.classes) == 2:
        return [column]
    if keys == {"columns"} and isinstance(columns, dict) and set(columns) == set(spec.class_names):
        found = [columns[name] for name in spec.class_names]
        if all(name in names for name in found):
            return found
    raise ConfigError(
        f"{spec.name}: backend stored needs two classes and `architecture: {{column: <feature>}}`, or "
        f"`architecture: {{columns: {{<class>: <feature>, …}}}}` with each of {', '.join(spec.class_names)}; "
        f"a feature is a flat one of its inputs ({', '.join(names) or 'none'}); got {spec.architecture}"
    )
