"""A tensor of a network on its way into a graph."""

from dataclasses import dataclass, replace

import numpy as np

from jetsmith.io import FloatArray


@dataclass(frozen=True)
class Tensor:
    """A tensor of the network in the graph.

    Attributes:
        name: In the graph; for a mask, that of its group.
        width: Of its last axis.
        scale: What it still has to be multiplied by, shape (width,), float64.
        shift: What then has to be added.
        slots: Group whose constituents lie in its slots, where padded ones may still hold anything.
        marked: Whether `MarkPadding` has marked these.
    """

    name: str
    width: int
    scale: FloatArray | None = None
    shift: FloatArray | None = None
    slots: str = ""
    marked: bool = False

    def then(self, scale: FloatArray, shift: FloatArray | None) -> "Tensor":
        """With another affine map behind."""
        scale = np.asarray(scale, np.float64)
        if self.shift is not None:
            shift = self.shift * scale + (0.0 if shift is None else shift)
        return replace(self, scale=scale if self.scale is None else self.scale * scale, shift=shift)


def folded(x: Tensor, kernel: FloatArray, bias: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Kernel and bias of x as it stands in the graph: (s x + t) W + b = x (s W) + (t W + b)."""
    if x.shift is not None:
        bias = bias + x.shift @ kernel
    return (kernel if x.scale is None else x.scale[:, None] * kernel), bias
