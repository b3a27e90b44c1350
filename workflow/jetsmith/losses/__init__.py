"""Losses of Keras networks: each module here is one; its name is the key `loss` of an output.

A loss is a module with a record `Options`, the keys of `options`, of what kind its output is (`OUTPUT`), and
a function `loss(output, seen, options)` on keras.ops, which gives the mean over a batch of weight × loss. A
network has an output `classes` and as many others as the configuration names; it learns from their sum.
A loss without an output of its own (`OUTPUT` is None) is one more term of that sum, of the logits of the
classes.

The parse reads `Options`: Keras is imported in functions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import Field

from jetsmith import plugs
from jetsmith.configuration.records import hint
from jetsmith.models import Kind, Output
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.strict import Fraction, Name

Tensor = Any


class Options(plugs.Options):
    """The keys of a loss."""

    def columns(self) -> tuple[str, ...]:
        """Side columns that the loss reads: features under `side` of the classifier's file."""
        return ()

    @property
    def of(self) -> tuple[str, int]:
        """The group whose constituents, or their pairs, the output is of, and how wide it is there."""
        return "", 1

    @property
    def layers(self) -> tuple[int, ...]:
        """Widths of the layers that an adversary has before its output."""
        return ()


class TrackOptions(Options):
    """The keys of a loss of constituents or of their pairs."""

    group: Name = Field("charged", description="Group of `inputs` whose constituents are meant.")
    column: str = Field("", description="Feature of `side` that is the truth, of the same group.")

    @property
    def names(self) -> tuple[str, ...]:
        """What the values of the truth mean, where each has a logit."""
        return ()

    @property
    def of(self) -> tuple[str, int]:
        """The constituents, or their pairs."""
        return self.group, max(len(self.names), 1)

    def columns(self) -> tuple[str, ...]:
        """The truth."""
        return (self.column,) if self.column else ()

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """There is a truth, of constituents that the network sees."""
        sequences = [inputs.group for inputs in spec.inputs if inputs.kind == "sequence"]
        if self.group not in sequences:
            yield f"group: no such sequence in `inputs`: `{self.group}`{hint(self.group, sequences)}"
        side = [name for inputs in spec.side if inputs.group == self.group for name in inputs.features]
        if not self.column:
            yield f"column: is missing; a feature of `side.{self.group}` that is the truth"
        elif self.column not in side and any(self.column in inputs.features for inputs in spec.side):
            yield f"column: `{self.column}` is no feature of `side.{self.group}`{hint(self.column, side)}"


class DecorrelationOptions(Options):
    """The keys of a loss by which the network is to say nothing of a column."""

    column: str = Field(
        "",
        description="Feature of `side` that is to be left alone, such as a mass; `group.feature` where "
        "several groups, or taggers, have one of its name.",
    )
    rows: tuple[Name, ...] = Field((), description="Classes, the background, whose rows count.")

    def columns(self) -> tuple[str, ...]:
        """It."""
        return (self.column,) if self.column else ()

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """There is a column, and rows are those of classes of the classifier."""
        if not self.column:
            yield "column: is missing; a feature of `side` that is to be left alone"
        elif self.column in spec.side_columns and spec.side_columns[self.column][0] in spec.auxiliary:
            yield f"column: `{self.column}` is a number of each constituent; give one of each row"
        if not self.rows:
            yield "rows: is missing; the classes, the background, whose rows count"
        for name in self.rows:
            if name not in spec.class_names:
                yield f"rows: unknown class `{name}`{hint(name, spec.class_names)}"


class NumberOptions(Options):
    """The keys of a loss whose output is a number of the row, or with `quantiles` three."""

    column: str = Field("", description="Feature of `side` that is the target.")
    over: str = Field("", description="Feature of `side` that the target is divided by.")
    classes: tuple[Name, ...] = Field((), description="Classes whose rows count; all by default.")
    quantiles: tuple[Fraction, ...] = Field(
        (),
        max_length=2,
        description="Two quantiles of the target, such as [0.25, 0.75], to be learned, too: half their "
        "distance is the resolution of each row.",
    )

    @property
    def of(self) -> tuple[str, int]:
        """The row; the estimate, and the quantiles behind it."""
        return "", 1 + len(self.quantiles)

    def columns(self) -> tuple[str, ...]:
        """Target and divisor."""
        return tuple(name for name in (self.column, self.over) if name)

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """There is a target, quantiles are two that rise, and classes are those of the classifier."""
        if not self.column:
            yield "column: is missing; a feature of `side` that is the target"
        for key in ("column", "over"):
            name = getattr(self, key)
            if any(name in inputs.features for inputs in spec.auxiliary):
                yield f"{key}: `{name}` is a number of each constituent; give one of each row"
        if self.quantiles and not (len(self.quantiles) == 2 and self.quantiles[0] < self.quantiles[1]):
            yield f"quantiles: two that rise, such as [0.25, 0.75], or none; got {list(self.quantiles)}"
        for name in self.classes:
            if name not in spec.class_names:
                yield f"classes: unknown class `{name}`{hint(name, spec.class_names)}"


@dataclass(frozen=True)
class Seen:
    """What a loss sees of a batch beside the output.

    Attributes:
        target: Index of the class, shape (n,), int32.
        weight: Shape (n,), float32; mean 1 over the sample.
        side: Columns that the losses of the classifier read, by name, float32; of rows shape (n,), NaN where
            a file has no number, of constituents (n, T).
        class_names: Names of the classes.
        mask: By group of such constituents, shape (n, T), True for real ones.
    """

    target: Tensor
    weight: Tensor
    side: dict[str, Tensor]
    class_names: tuple[str, ...]
    mask: dict[str, Tensor] = field(default_factory=dict)


class Loss(Protocol):
    """What a module of this package offers."""

    Options: ClassVar[type[Options]]
    """The keys of `options` in the classifier's file."""

    OUTPUT: Kind | None
    """Of what kind its output is (`models.Output`); None of a term that is made from the logits of the
    classes. Numbers of rows, whose `Options` are `NumberOptions`, go into score files. Outputs of
    constituents and of their pairs are auxiliary: where files lack the columns that their loss reads, they
    are off."""

    def loss(self, output: Tensor, seen: Seen, options: Any) -> Tensor:
        """Mean over the batch of weight × loss, a scalar."""


def background(seen: Seen, options: DecorrelationOptions) -> tuple[Tensor, Tensor]:
    """The column, 0 where it is no number, and weights, 0 of rows that do not count; shape (n,) each."""
    from keras import ops

    column = seen.side[options.column]
    index = [seen.class_names.index(name) for name in options.rows]
    counts = ops.any(ops.expand_dims(seen.target, -1) == ops.convert_to_tensor(index), axis=-1)
    counts &= ops.isfinite(column)
    return ops.where(counts, column, 0.0), ops.where(counts, seen.weight, 0.0)


def output_of(loss: Any, options: Any, n_classes: int) -> Output:
    """What the output of a loss is, of a classifier of so many classes."""
    group, width = options.of
    return Output(loss.OUTPUT, n_classes if loss.OUTPUT == "classes" else width, group, options.layers)
