"""Layers of networks on a graph of constituents: each has edges to those that are nearest to it.

Padded slots are nobody's neighbours, nor is a constituent its own; where a jet has fewer others than are
asked for, the rest of its edges is left out of means and of statistics of batches.
"""

from typing import Any, cast

import keras
from keras import layers, ops

from jetsmith.models._layers import LineNorm, Tensor, only_real, real_slots

FAR = 1e30  # squared, between slots that are no neighbours
EXACT_UP_TO = 3  # coordinates, of which distances are computed by differences


@keras.saving.register_keras_serializable(package="jetsmith")
class Nearest(layers.Layer):
    """Numbers of the lines that are nearest to each line of the same row, -1 where there are no more.

    (n, T, D), coordinates, and (n, T) -> (m, min(number, T)), int32. Nothing is learned by it.
    """

    def __init__(self, number: int, **other: Any) -> None:
        super().__init__(**other)
        self.number = number

    def call(self, tensors: list[Tensor]) -> Tensor:
        points, mask = ops.stop_gradient(tensors[0]), tensors[1]
        n, length = ops.shape(mask)
        place = ops.arange(length, dtype="int32")
        others = ops.logical_and(mask[:, None, :], ops.not_equal(place[:, None], place[None, :]))
        distance = ops.where(others, squared_distances(points), FAR)
        away, slots = ops.top_k(
            -distance, ops.minimum(self.number, length) if only_real() else min(self.number, length)
        )
        real = ops.logical_and(away > -0.5 * FAR, mask[:, :, None])
        slots = ops.cast(slots, "int32") + length * ops.arange(n, dtype="int32")[:, None, None]
        found = ops.reshape(ops.where(real, slots, -1), (-1, ops.shape(slots)[2]))
        if not only_real():
            return found
        flat = ops.reshape(mask, (-1,))
        found = ops.take(found, real_slots(flat), axis=0)
        lines = ops.cumsum(ops.cast(flat, "int32")) - 1
        return ops.where(found < 0, -1, ops.take(lines, ops.maximum(found, 0)))

    def compute_output_spec(self, tensors: list[Tensor]) -> Tensor:
        return keras.KerasTensor((None, self.number), "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "number": self.number}


def squared_distances(points: Tensor) -> Tensor:
    """Of pairs of slots; (n, T, D) -> (n, T, T). Of many coordinates by products, which rounding blurs."""
    if points.shape[-1] <= EXACT_UP_TO:
        return sum(ops.square(points[:, :, None, i] - points[:, None, :, i]) for i in range(points.shape[-1]))
    square = ops.sum(ops.square(points), axis=-1)
    products = ops.matmul(points, ops.transpose(points, (0, 2, 1)))
    return square[:, :, None] + square[:, None, :] - 2 * products


@keras.saving.register_keras_serializable(package="jetsmith")
class Edges(layers.Layer):
    """The sum of one tensor of each line and of another of each of its neighbours, an edge a line.

    (m, D) twice and the numbers of neighbours (m, K) -> (m K, D); anything where there is none.
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        own, others, numbers = tensors
        found = ops.take(others, ops.maximum(numbers, 0), axis=0)  # (m, K, D)
        return ops.reshape(own[:, None, :] + found, (-1, own.shape[-1]))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return None, input_shape[0][-1]


@keras.saving.register_keras_serializable(package="jetsmith")
class EdgeNorm(LineNorm):
    """Batch normalisation over edges that there are; (m K, D), numbers of neighbours (m, K) -> (m K, D)."""

    def _real(self, lines: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        real = ops.reshape(ops.cast(mask >= 0, lines.dtype), (-1, 1))
        return real, ops.sum(real)


@keras.saving.register_keras_serializable(package="jetsmith")
class MeanOfEdges(layers.Layer):
    """The mean of a line's edges, zeros where it has none; (m K, D) and (m, K) -> (m, D)."""

    def call(self, tensors: list[Tensor]) -> Tensor:
        edges, numbers = tensors
        real = ops.expand_dims(ops.cast(numbers >= 0, edges.dtype), -1)
        edges = ops.reshape(edges, (*ops.shape(numbers), edges.shape[-1]))
        return ops.sum(edges * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return None, cast(int, input_shape[0][-1])
