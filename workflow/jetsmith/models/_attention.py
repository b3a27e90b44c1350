"""Layers of networks with attention: masks are ours, so that both engines read padded slots alike.

A jet without any constituent gives zeros, and gradients that are zero.
"""

from typing import Any

import keras
from keras import layers, ops

from jetsmith.models._layers import Tensor, only_real, real_slots

FAR = -1e9  # before a softmax: exp gives 0 in every number format, beside any real slot


@keras.saving.register_keras_serializable(package="jetsmith")
class OfEachLine(layers.Layer):
    """The row's own values for each of its lines (`Lines`); (n, F) and (n, T) -> (m, F)."""

    def call(self, tensors: list[Tensor]) -> Tensor:
        rows, mask = tensors
        length = ops.shape(mask)[1]
        if only_real():
            return ops.take(rows, real_slots(ops.reshape(mask, (-1,))) // length, axis=0)
        return ops.repeat(rows, length, axis=0)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return None, input_shape[0][1]


@keras.saving.register_keras_serializable(package="jetsmith")
class Added(layers.Layer):
    """The sum of two tensors; Keras' own on TensorFlow refuses lines of which there are none."""

    def call(self, tensors: list[Tensor]) -> Tensor:
        return tensors[0] + tensors[1]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]


@keras.saving.register_keras_serializable(package="jetsmith")
class Attention(layers.Layer):
    """Each slot's mean of the values of all real ones, by products of queries and keys, in some heads.

    (n, T, 3 D), queries, keys and values one behind the other, and (n, T) -> (n, T, D); without weights.
    What it gives in padded slots is the same kind of mean, and nobody reads it.
    """

    def __init__(self, heads: int, **other: Any) -> None:
        super().__init__(**other)
        self.heads = heads

    def call(self, tensors: list[Tensor]) -> Tensor:
        projected, mask = tensors
        (n, length), width = ops.shape(mask), projected.shape[-1] // 3
        shape = n, length, 3, self.heads, width // self.heads
        query, key, value = ops.unstack(ops.transpose(ops.reshape(projected, shape), (2, 0, 3, 1, 4)), 3)
        product = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * (width // self.heads) ** -0.5
        share = masked_softmax(product, mask[:, None, None, :])
        mean = ops.matmul(share, value)  # (n, heads, T, D / heads)
        return ops.reshape(ops.transpose(mean, (0, 2, 1, 3)), (n, length, width))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return *input_shape[1], (input_shape[0][-1] or 0) // 3

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable(package="jetsmith")
class AttentionPooling(layers.Layer):
    """A weighted mean of the real slots, zeros where there is none.

    (n, T, D + 1), the last feature being ln of the weight, zeros in padded slots, and (n, T) -> (n, D).
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        values, mask = tensors
        share = masked_softmax(values[..., -1], mask)
        return ops.sum(values[..., :-1] * ops.expand_dims(share, -1), axis=1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0][0], (input_shape[0][-1] or 1) - 1


@keras.saving.register_keras_serializable(package="jetsmith")
class Stretch(layers.Layer):
    """The slots of one group among those of several; (n, ΣT, D) and their masks -> (n, T, D)."""

    def __init__(self, number: int, **other: Any) -> None:
        super().__init__(**other)
        self.number = number

    def call(self, tensors: list[Tensor]) -> Tensor:
        slots, *masks = tensors
        lengths = [ops.shape(mask)[1] for mask in masks[: self.number + 1]]
        first = sum(lengths[:-1])
        return slots[:, first : first + lengths[-1]]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return *input_shape[1 + self.number], input_shape[0][-1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "number": self.number}


@keras.saving.register_keras_serializable(package="jetsmith")
class Pairs(layers.Layer):
    """Sums of all pairs, the first of one tensor, the second of another; (n, T, D) twice -> (n, T, T, D)."""

    def call(self, tensors: list[Tensor]) -> Tensor:
        first, second = tensors
        return ops.expand_dims(first, 2) + ops.expand_dims(second, 1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        n, length, width = input_shape[0]
        return n, length, length, width


@keras.saving.register_keras_serializable(package="jetsmith")
class Symmetric(layers.Layer):
    """The mean of a pair and of the same the other way round; (n, T, T, 1) -> (n, T, T)."""

    def call(self, x: Tensor) -> Tensor:
        x = ops.squeeze(x, -1)
        return 0.5 * (x + ops.transpose(x, (0, 2, 1)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape[:-1]


def masked_softmax(x: Tensor, mask: Tensor) -> Tensor:
    """Shares on the last axis of what the mask (of as many axes) has; all alike where it has nothing."""
    return ops.softmax(ops.where(mask, x, ops.cast(FAR, x.dtype)), axis=-1)
