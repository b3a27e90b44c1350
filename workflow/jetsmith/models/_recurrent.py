"""A recurrent layer that reads padded slots first and stays at zero meanwhile, as `_layers.PaddedLSTM`."""

from typing import Any, cast

import keras
from keras import layers, ops

from jetsmith.models._layers import MarkPadding, Tensor


@keras.saving.register_keras_serializable(package="jetsmith")
class PaddedGRU(layers.GRU):
    """A GRU that leaves slots out that it reads first and whose last input is 1 (`MarkPadding`).

    The last input opens the update gate of a padded slot, by a row of the kernel that is no weight: there
    h = z·h + (1 - z)·g = 1·0 + 0·g stays zero, exactly, whatever else the slot holds, and no gradient
    passes, since each is a product with h, 1 - z or z·(1 - z). Weights are those of `layers.GRU`.
    """

    OPEN = 1e4  # of which the gate is 1 in every number format

    def build(self, sequences_shape: tuple[int | None, ...], initial_state_shape: Any = None) -> None:
        features = cast(int, sequences_shape[-1]) - 1
        super().build((*sequences_shape[:-1], features), initial_state_shape)

    def inner_loop(self, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False) -> Any:
        weights, units = self.cell.kernel, self.units
        row = ops.concatenate([ops.full((1, units), self.OPEN), ops.zeros((1, 2 * units))], axis=1)
        # Keras hands its kernels what stands here; it has no other way in. Gates are z, r, g.
        self.cell.kernel = ops.concatenate([weights, ops.cast(row, weights.dtype)], axis=0)
        try:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        finally:
            self.cell.kernel = weights


def gated(x: Tensor, mask: Tensor, units: int, name: str) -> Tensor:
    """A GRU that reads the leading constituent last; (n, T, F) and (n, T) -> (n, units)."""
    x = MarkPadding(name=f"{name}_padding")([x, mask])
    return PaddedGRU(units, go_backwards=True, name=name)(x)
