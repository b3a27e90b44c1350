"""Outputs of models of others, added up to the classes of a tagger."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from jetsmith.configuration.records import hint
from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.io import FloatArray

Labels = Mapping[str, Sequence[str]]


def misfits(labels: Labels, spec: RecipeSpec, outputs: Sequence[str], what: str) -> Iterator[str]:
    """Each class is made of outputs, of one class each.

    Args:
        labels: Outputs by class.
        spec: The tagger.
        outputs: All that there are.
        what: What an output is, for messages.
    """
    if set(labels) != set(spec.class_names):
        names = ", ".join(labels) or "none"
        yield f"labels: has {names}; needs each of {', '.join(spec.class_names)}"
    given = [name for names in labels.values() for name in names]
    for name in given:
        if name not in outputs:
            yield f"labels: `{name}` is no {what}{hint(name, outputs)}"
    if len(set(given)) < len(given) or any(not names for names in labels.values()):
        yield "labels: each class is one or more outputs, and each output of one class at most"


def by_class(given: "FloatArray", labels: Labels, spec: RecipeSpec, outputs: Sequence[str]) -> "FloatArray":
    """Shape (n, K) -> (n, C): outputs of no class left out, the rest adds up to 1; NaN where it is 0."""
    import numpy as np

    places = [[outputs.index(label) for label in labels[name]] for name in spec.class_names]
    summed = np.stack([given[:, place].sum(axis=1) for place in places], axis=1, dtype=np.float64)
    total = summed.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(total > 0, summed / total, np.nan))
