"""Layers of networks that convolve constituents in their order.

A constituent sees its neighbours in the sequence, zeros in the place of padded slots and behind both ends; so
padding changes nothing, and lines (`Lines`) need none. A dense layer behind `Neighbours` is a convolution.
"""

from typing import Any, cast

import keras
from keras import layers, ops

from jetsmith.models._layers import Tensor, only_real, real_slots


@keras.saving.register_keras_serializable(package="jetsmith")
class Neighbours(layers.Layer):
    """Each line between the one before and the one behind it in its row, zeros where there is none.

    (m, F) and (n, T) -> (m, 3 F). With a stride of 2 of every second line of a row, those of `Strided`.
    """

    def __init__(self, stride: int = 1, **other: Any) -> None:
        super().__init__(**other)
        self.stride = stride

    def call(self, tensors: list[Tensor]) -> Tensor:
        lines, mask = tensors
        nobody = ops.zeros_like(mask[:, :1])
        others = (
            ops.concatenate([nobody, mask[:, :-1]], axis=1),
            ops.concatenate([mask[:, 1:], nobody], axis=1),
        )
        before, behind = (  # what comes round at the ends is nobody's neighbour
            ops.where(as_lines(there, mask), ops.roll(lines, by, axis=0), 0.0)
            for there, by in zip(others, (1, -1), strict=True)
        )
        found = ops.concatenate([before, lines, behind], axis=-1)
        return found if self.stride == 1 else every_second(found, mask)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return None, 3 * cast(int, input_shape[0][-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stride": self.stride}


@keras.saving.register_keras_serializable(package="jetsmith")
class Second(layers.Layer):
    """Every second line of a row, its first one among them; (m, F) and (n, T) -> (m', F)."""

    def call(self, tensors: list[Tensor]) -> Tensor:
        return every_second(*tensors)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]


@keras.saving.register_keras_serializable(package="jetsmith")
class Strided(layers.Layer):
    """The mask of every second slot; (n, T) -> (n, (T + 1) // 2)."""

    def call(self, mask: Tensor) -> Tensor:
        return mask[:, ::2]

    def compute_output_spec(self, mask: Tensor) -> Tensor:
        return keras.KerasTensor((mask.shape[0], None), "bool")


@keras.saving.register_keras_serializable(package="jetsmith")
class MeanOfReal(layers.Layer):
    """The mean of the real slots, zeros where there is none.

    (n, T, F), zeros in padded slots, and (n, T) -> (n, F).
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        slots, mask = tensors
        count = ops.sum(ops.cast(mask, slots.dtype), axis=1, keepdims=True)
        return ops.sum(slots, axis=1) / ops.maximum(count, 1.0)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0][0], input_shape[0][-1]


def as_lines(slots: Tensor, mask: Tensor) -> Tensor:
    """What is said of slots, (n, T), of lines, (m, 1)."""
    slots = ops.reshape(slots, (-1, 1))
    return ops.take(slots, real_slots(ops.reshape(mask, (-1,))), axis=0) if only_real() else slots


def every_second(lines: Tensor, mask: Tensor) -> Tensor:
    """See `Second`."""
    if only_real():
        place = ops.arange(ops.shape(mask)[1], dtype="int32") % 2 == 0
        wanted = as_lines(ops.logical_and(mask, place), mask)
        return ops.take(lines, real_slots(ops.reshape(wanted, (-1,))), axis=0)
    slots = ops.reshape(lines, (*ops.shape(mask), lines.shape[-1]))
    return ops.reshape(slots[:, ::2], (-1, lines.shape[-1]))
