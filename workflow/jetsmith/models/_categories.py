"""Building blocks of networks that differ by category: some of the features, and one of several tensors."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

Tensor = Any


@keras.saving.register_keras_serializable(package="jetsmith")
class Columns(layers.Layer):
    """Some of the features, by their places; (…, F) -> (…, len(places))."""

    def __init__(self, places: Sequence[int], **other: Any) -> None:
        super().__init__(**other)
        self.places = tuple(places)

    def call(self, x: Tensor) -> Tensor:
        return ops.take(x, list(self.places), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return *input_shape[:-1], len(self.places)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "places": self.places}


@keras.saving.register_keras_serializable(package="jetsmith")
class Chosen(layers.Layer):
    """One of several tensors, by a number a row; the last where the number is none of `values`.

    (n, 1), then (n, D) a value and one more -> (n, D). The others get no gradient of the row.
    """

    def __init__(self, values: Sequence[float], **other: Any) -> None:
        super().__init__(**other)
        self.values = tuple(values)

    def call(self, tensors: list[Tensor]) -> Tensor:
        number, *choices, found = tensors
        for value, tensor in zip(self.values, choices, strict=True):
            found = ops.where(number == value, tensor, found)
        return found

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[-1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "values": self.values}
