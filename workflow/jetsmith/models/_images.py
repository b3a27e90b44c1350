"""Layers of networks that read a jet as an image."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from jetsmith.models._layers import EXACT, Tensor

LARGEST = 20.0  # |ln(pt / GeV)|, so that sums stay finite
CHARGED = ("charged_pt", "neutral_pt", "n_charged")  # channels for which charges are needed


@keras.saving.register_keras_serializable(package="jetsmith")
class JetImage(layers.Layer):
    """Constituents of a jet as an image: centred, rotated, flipped, in pixels; nothing is learned by it.

    (n, T, 3), ln(pt / GeV), eta and phi relative to any axis, or (n, T, 4) with the charge, and (n, T)
    -> (n, pixels, pixels, channels), rows from below, columns from the left.

    The centre is the mean direction by pt, the principal axis by pt becomes the vertical one, and what has
    more pt lies right and above: of the sides of the middle column and row, whose pixels belong to none. So
    no shift, turn or mirror image of the jet changes it, but for constituents near the border of a pixel.
    pt counts as its share of the jet's, of which what is beyond the image is a part. A jet without
    constituents has a black image, one without an axis is not turned.
    """

    def __init__(self, pixels: int, pixel: float, channels: Sequence[str] = ("pt",), **other: Any) -> None:
        super().__init__(**{"dtype": EXACT, **other})
        self.pixels, self.pixel, self.channels = pixels, pixel, tuple(channels)

    def call(self, tensors: list[Tensor]) -> Tensor:
        features, mask = tensors
        real = ops.cast(mask, features.dtype)
        features = ops.where(ops.expand_dims(mask, -1), features, 0.0)
        pt = ops.exp(ops.clip(features[..., 0], -LARGEST, LARGEST)) * real
        total = ops.sum(pt, axis=1, keepdims=True)
        share = pt / ops.where(total > 0, total, 1.0)
        column, row = self._places(ops.stop_gradient(features), ops.stop_gradient(share))
        charged = real * ops.cast(ops.not_equal(features[..., -1], 0), real.dtype)
        found = {
            "pt": share,
            "charged_pt": share * charged,
            "neutral_pt": share * (1 - charged),
            "n_charged": charged,
        }
        light = ops.stack([found[name] for name in self.channels], axis=-1)  # (n, T, channels)
        place = ops.arange(self.pixels, dtype=features.dtype)
        across, along = (ops.cast(ops.equal(x[..., None], place), light.dtype) for x in (column, row))
        n, length = ops.shape(mask)
        beside = ops.reshape(
            across[..., None] * light[:, :, None, :], (n, length, self.pixels * len(self.channels))
        )
        image = ops.matmul(ops.transpose(along, (0, 2, 1)), beside)
        return ops.reshape(image, (n, self.pixels, self.pixels, len(self.channels)))

    def _places(self, features: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of column and row of each constituent, (n, T) each; beyond the image any others."""

        def mean(x: Tensor) -> Tensor:
            return ops.sum(share * x, axis=1, keepdims=True)

        x, y = (features[..., i] for i in (1, 2))
        x, y = x - mean(x), y - mean(y)
        difference, mixed = mean(x * x) - mean(y * y), 2 * mean(x * y)
        size = ops.sqrt(difference * difference + mixed * mixed)
        # Of both ways to write the axis the one without a difference of nearly equal numbers.
        flat = difference >= 0
        along_x = ops.where(flat, size + difference, mixed)
        along_y = ops.where(flat, mixed, size - difference)
        norm = ops.sqrt(along_x * along_x + along_y * along_y)
        turned = norm > 0
        along_x = ops.where(turned, along_x / ops.where(turned, norm, 1.0), 0.0)
        along_y = ops.where(turned, along_y / ops.where(turned, norm, 1.0), 1.0)
        x, y = x * along_y - y * along_x, x * along_x + y * along_y
        return self._flipped(x, share), self._flipped(y, share)

    def _flipped(self, x: Tensor, share: Tensor) -> Tensor:
        """Numbers of pixels along an axis, from the side with less pt to that with more."""
        number = ops.floor(x * (1 / self.pixel) + 0.5 * self.pixels)
        last = self.pixels - 1
        below, above = (
            ops.sum(ops.where(here, share, 0.0), axis=1, keepdims=True)
            for here in (number < 0.5 * last, number > 0.5 * last)
        )
        return ops.where(below > above, last - number, number)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0][0], self.pixels, self.pixels, len(self.channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pixels": self.pixels,
            "pixel": self.pixel,
            "channels": self.channels,
        }
