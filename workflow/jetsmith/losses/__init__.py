"""Losses of Keras networks: each module here is one; its name is the key `loss` of an output.

A loss is a module with a record `Options`, the keys of `options`, what its output is (`CLASSES`), and a
function `loss(output, seen, options)` on keras.ops, which gives the mean over a batch of weight × loss. A
network has an output `classes` and as many others as the configuration names; it learns from their sum.

The parse reads `Options`: Keras is imported in functions.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from jetsmith import plugs

Tensor = Any


class Options(plugs.Options):
    """The keys of a loss."""

    def columns(self) -> tuple[str, ...]:
        """Side columns that the loss reads: features under `side` of the classifier's file."""
        return ()


@dataclass(frozen=True)
class Seen:
    """What a loss sees of a batch beside the output.

    Attributes:
        target: Index of the class, shape (n,), int32.
        weight: Shape (n,), float32; mean 1 over the sample.
        side: Columns that the losses of the classifier read, by name, shape (n,) each, float32; NaN where a
            file has no number.
        class_names: Names of the classes.
    """

    target: Tensor
    weight: Tensor
    side: dict[str, Tensor]
    class_names: tuple[str, ...]


class Loss(Protocol):
    """What a module of this package offers."""

    Options: ClassVar[type[Options]]
    """The keys of `options` in the classifier's file."""

    CLASSES: bool
    """True where the output is the logits of the classes, (n, C); False where it is a number, (n, 1)."""

    def loss(self, output: Tensor, seen: Seen, options: Any) -> Tensor:
        """Mean over the batch of weight × loss, a scalar."""
