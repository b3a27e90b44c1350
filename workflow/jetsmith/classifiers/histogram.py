"""The ratio of two generators in bins of a few features: what reweighters that learn have to beat."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from jetsmith import plugs
from jetsmith.configuration.records import hint, rising
from jetsmith.specs.classifiers import ClassifierSpec, RecipeSpec
from jetsmith.specs.ratios import Bins

if TYPE_CHECKING:
    from jetsmith.classifiers import Device, Task
    from jetsmith.io import FloatArray
    from jetsmith.packed.rows import Rows

TRAINS, COMPUTES, SEQUENCES, MODELS = True, True, False, False
SIGNED, TAGS = True, False


class Options(plugs.Options):
    """Bins, and what one needs to have a ratio."""

    edges: Bins = Field(
        {},
        description="One to three flat features of `inputs`, and edges of their bins; end bins have all "
        "beyond. Closure judges on all `inputs`, whether they are named here or not.",
    )
    least: float = Field(
        10.0,
        ge=0,
        description="Effective events of source and of target in a bin, below which it has no ratio: its "
        "events are not reweightable.",
    )

    @property
    def exact_in(self) -> Bins:
        """It is one number in each of its bins."""
        return self.edges

    @property
    def learns_by_seed(self) -> bool:
        """Sums are what they are."""
        return False

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """Bins of features that there are; no ways to learn where there is nothing to learn."""
        flat = [name for inputs in spec.inputs if inputs.kind == "flat" for name in inputs.features]
        if not self.edges:
            yield "edges: names one to three flat features of `inputs`, each with the edges of its bins"
        for name, found in self.edges.items():
            if name not in flat:
                yield f"edges: `{name}` is none of the flat inputs{hint(name, flat)}"
            yield from rising(found, f"edges.{name}")
        if spec.training.negative_weights == "classes" or spec.training.flatten_in:
            yield (
                "edges: sums in bins take weights as they are, signs too; leave `negative_weights: classes` "
                "and `flatten_in` of `training` out"
            )


def device(spec: RecipeSpec, threads: int, gpus: int) -> "Device":
    """The CPU."""
    from jetsmith.classifiers import on_cpu

    return on_cpu(spec)


def fit(task: "Task") -> list[dict[str, float]]:
    """See `_histogram.fit`."""
    from jetsmith.classifiers import _histogram

    return _histogram.fit(task)


def predict(spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """See `_histogram.predict`."""
    from jetsmith.classifiers import _histogram

    return _histogram.predict(model, rows)
