"""An experiment's own scores, read from the file: nothing is trained.

`architecture` says which features they are, in one of two ways:

- `{column: btagDeepFlavB}`: the probability of the first of two classes;
- `{columns: {b_jets: GN2v00_pb, c_jets: GN2v00_pc, light_jets: GN2v00_pu}}`: one of each class,
  made to add up to 1.

Sentinels, scores below 0 or above 1, are no scores.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from jetsmith import plugs
from jetsmith.records import hint
from jetsmith.specs import ClassifierSpec, Name

if TYPE_CHECKING:
    from jetsmith.classifiers import Task
    from jetsmith.io import FloatArray
    from jetsmith.rows import Rows

TRAINS, SEQUENCES, MODELS = False, False, False


class Options(plugs.Options):
    """Which features are scores, and what their numbers mean; one of `column` and `columns` is given."""

    column: str | None = Field(None, description="Feature that is the score of the first of two classes.")
    columns: dict[Name, str] | None = Field(None, description="Feature of each class, by its name.")
    valid: tuple[float, float] = Field((0.0, 1.0), description="Smallest and largest score.")
    not_tagged: tuple[float, ...] = Field(
        (-1.0,), description="Codes of jets that were not tagged: they fail every working point."
    )

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """One score of two classes or one each, all of them flat features of the inputs."""
        flat = [name for inputs in spec.inputs if inputs.kind == "flat" for name in inputs.features]
        if (self.column is None) == (self.columns is None):
            yield (
                "column: needs `column: <feature>` for two classes, or `columns: {<class>: <feature>, …}` "
                f"with each of {', '.join(spec.class_names)}; one of the two"
            )
            return
        if self.column is not None and len(spec.classes) != 2:
            yield (
                f"column: is the score of the first of two classes, and there are {len(spec.classes)}; give "
                f"`columns` with each of {', '.join(spec.class_names)}"
            )
        if self.columns is not None and set(self.columns) != set(spec.class_names):
            yield f"columns: names {', '.join(self.columns)}; needs each of {', '.join(spec.class_names)}"
        for key, name in self._named():
            if name not in flat:
                yield f"{key}: no flat feature `{name}` in `inputs`{hint(name, flat)}"
        names = [name for _, name in self._named()]
        if len(set(names)) < len(names):
            yield f"columns: one feature is the score of two classes: {', '.join(names)}"
        yield from self._of_values()

    def _named(self) -> list[tuple[str, str]]:
        """Key and feature of each score."""
        columns = [(f"columns.{name}", feature) for name, feature in (self.columns or {}).items()]
        return [("column", self.column), *columns] if self.column is not None else columns

    def _of_values(self) -> Iterator[str]:
        low, high = self.valid
        if not low < high:
            yield f"valid: [smallest, largest] must rise; got [{low:g}, {high:g}]"
        if self.columns is not None and low < 0:
            yield f"valid: scores of each class add up to 1, so none is below 0; got [{low:g}, {high:g}]"

    def features(self, spec: ClassifierSpec) -> list[str]:
        """The feature of each class, or the one of the first of two classes."""
        if self.column is not None:
            return [self.column]
        return [(self.columns or {})[name] for name in spec.class_names]


def fit(task: "Task") -> list[dict[str, float]]:
    """Nothing to do; the history is empty."""
    return []


def predict(spec: ClassifierSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """The probabilities as stored; NaN where one of them is a sentinel, or all are 0.

    Returns:
        Shape (N, C), float32.
    """
    import numpy as np

    from jetsmith.rows import CHUNK, Rows

    flat = tuple(inputs for inputs in spec.inputs if inputs.kind == "flat")
    names = [feature for inputs in flat for feature in inputs.features]
    wanted = Options.model_validate(spec.architecture).features(spec)
    places = [names.index(name) for name in wanted]
    only = Rows(flat, rows.parts, rows.part, rows.index, rows.picked)
    score = np.empty((len(rows), len(places)), np.float32)
    for which in only.slices(CHUNK):
        score[which] = only.matrix(which)[:, places]
    score[((score < 0) | (score > 1)).any(axis=1)] = np.nan
    if len(places) == 1:  # (N, 1) -> (N, 2)
        return np.concatenate([score, 1 - score], axis=1)
    total = score.sum(axis=1, keepdims=True)
    return score / np.where(total > 0, total, np.nan)
