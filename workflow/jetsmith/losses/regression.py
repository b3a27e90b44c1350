"""Regression of a column: Huber's loss, as for the energy of b jets.

The output is the number itself. Where `over` names a column, it is the ratio of both: the momentum of the
generator's jet over that of the jet, by which its energy is corrected. Rows without a finite target, or of
other classes than those that are named, do not count.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from jetsmith.configuration.records import hint
from jetsmith.losses import Options as BaseOptions
from jetsmith.losses import Seen
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.strict import Name

OUTPUT = "number"


class Options(BaseOptions):
    """What is learned, and on which rows."""

    column: str = Field("", description="Feature of `side` that is the target.")
    over: str = Field("", description="Feature of `side` that the target is divided by.")
    classes: tuple[Name, ...] = Field((), description="Classes whose rows count; all by default.")
    delta: Annotated[float, Field(gt=0, le=1e6)] = Field(
        1.0, description="Distance from which the loss grows linearly, no longer as a square."
    )

    def columns(self) -> tuple[str, ...]:
        """Target and divisor."""
        return tuple(name for name in (self.column, self.over) if name)

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """There is a target, and classes are those of the classifier."""
        if not self.column:
            yield "column: is missing; a feature of `side` that is the target"
        for name in self.classes:
            if name not in spec.class_names:
                yield f"classes: unknown class `{name}`{hint(name, spec.class_names)}"


def loss(output: Any, seen: Seen, options: Options) -> Any:
    """Mean of weight × Huber's loss; of numbers (n, 1) a scalar."""
    from keras import ops

    wanted = seen.side[options.column]
    if options.over:
        wanted = ops.divide(wanted, seen.side[options.over])
    counts = ops.isfinite(wanted)
    if options.classes:
        index = [seen.class_names.index(name) for name in options.classes]
        counts &= ops.any(ops.expand_dims(seen.target, -1) == ops.convert_to_tensor(index), axis=-1)
    # Not a difference times 0: the gradient of what is no number is none.
    away = ops.absolute(ops.squeeze(output, -1) - ops.where(counts, wanted, 0.0))
    huber = ops.where(away <= options.delta, 0.5 * away**2, options.delta * (away - 0.5 * options.delta))
    return ops.mean(seen.weight * ops.where(counts, huber, 0.0))
