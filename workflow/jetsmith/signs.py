"""Negative weights as classes of their own: for reweighters where a loss of signed weights runs away.

Events of source and target, each above and below 0, are four classes of positive weights, which any backend
learns in a stable way. The density of a generator is that of its events above 0 less that of those below,
which is the resampling of arXiv 2007.11586 for both generators at once.
"""

from dataclasses import replace

import numpy as np

from jetsmith.classifiers import Labelled, Task
from jetsmith.io import FloatArray
from jetsmith.specs.classifiers import RecipeSpec, TruthSpec

FLOOR = 0.02  # of what is left of a density: below, its sign is not known


def are_classes(spec: RecipeSpec) -> bool:
    """Whether a classifier learns so."""
    return spec.role == "reweighter" and spec.training.negative_weights == "classes"


def column(class_name: str) -> str:
    """Name of what weights below 0 leave of a class, in score files."""
    return f"share_{class_name}"


def four(spec: RecipeSpec) -> RecipeSpec:
    """What the backend sees: each class, and behind it that of its weights below 0."""
    classes = [
        TruthSpec(name=f"{c.name}{end}", generator=c.generator)
        for c in spec.classes
        for end in ("", "_below")
    ]
    return spec.model_copy(update={"classes": tuple(classes)})


def split(task: Task) -> Task:
    """A training of four classes with |w| in place of one of two with signs."""

    def of(data: Labelled) -> Labelled:
        below = (data.weight < 0).astype(np.int32)
        size = np.abs(data.weight)
        mean = data.weight.mean(dtype=np.float64) / size.mean(dtype=np.float64)  # stays what it was
        return replace(data, target=2 * data.target + below, weight=(size * mean).astype(np.float32))

    return replace(task, spec=four(task.spec), train=of(task.train), validation=of(task.validation))


def joined(probabilities: FloatArray) -> FloatArray:
    """Probabilities of two classes, shape (N, 2), from those of four, (N, 4), float32.

    Where next to nothing is left of a density, or less, a fiftieth of it stands in its place.
    """
    left, _ = _left(probabilities)
    return np.asarray(left / left.sum(axis=1, keepdims=True), np.float32)


def shares(probabilities: FloatArray) -> FloatArray:
    """What is left of the density of each class over the density of |w|: E[w|x] / E[|w| |x].

    Args:
        probabilities: Of four classes, shape (N, 4).

    Returns:
        Shape (N, 2), float32, from a fiftieth to 1.
    """
    left, whole = _left(probabilities)
    return np.asarray(np.divide(left, whole, out=np.ones(left.shape), where=whole > 0), np.float32)


def _left(probabilities: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of the two classes what is above 0 less what is below, and both together, (N, 2) each."""
    above, below = probabilities[:, 0::2].astype(np.float64), probabilities[:, 1::2].astype(np.float64)
    return np.maximum(above - below, FLOOR * (above + below)), above + below
