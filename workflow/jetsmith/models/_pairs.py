"""Layers of networks whose attention knows of pairs of constituents how they lie, and of class attention.

Constituents count as massless, so that their pseudorapidity is their rapidity.
"""

from typing import Any, cast

import keras
import numpy as np
from keras import layers, ops

from jetsmith.models._attention import FAR, masked_softmax, pairs_of, products, together
from jetsmith.models._layers import EXACT, Tensor, only_real, real_slots

LEAST = 1e-8  # of what a logarithm is taken, in GeV and rad
LARGEST = 20.0  # ln pt and differences of pseudorapidities, so that products stay finite
TURN = 2 * np.pi


@keras.saving.register_keras_serializable(package="jetsmith")
class Couples(layers.Layer):
    """The mask of pairs, each once, and of constituents with themselves; (n, T) -> (n, T²)."""

    def call(self, mask: Tensor) -> Tensor:
        place = ops.arange(ops.shape(mask)[1], dtype="int32")
        once = place[:, None] >= place[None, :]
        return ops.reshape(ops.logical_and(pairs_of(mask), once), (-1, ops.shape(mask)[1] ** 2))

    def compute_output_spec(self, mask: Tensor) -> Tensor:
        return keras.KerasTensor((mask.shape[0], None), "bool")


@keras.saving.register_keras_serializable(package="jetsmith")
class PairFeatures(layers.Layer):
    """ln kT, ln z, ln Delta and ln m² of pairs, lines of `Couples`.

    (n, T, 3), ln(pt / GeV), eta and phi relative to any axis, the mask (n, T) and that of pairs -> (m, 4).
    """

    def __init__(self, **other: Any) -> None:
        super().__init__(**{"dtype": EXACT, **other})

    def call(self, tensors: list[Tensor]) -> Tensor:
        momenta, mask, pairs = tensors
        n, length = ops.shape(mask)
        momenta = ops.where(ops.expand_dims(mask, -1), ops.stop_gradient(momenta), 0.0)
        flat = ops.reshape(momenta, (-1, 3))
        if only_real():
            which = real_slots(ops.reshape(pairs, (-1,)))
            first, second = which // length, which // (length * length) * length + which % length
            return pair_features(ops.take(flat, first, axis=0), ops.take(flat, second, axis=0))
        shape = n, length, length, 3
        every = (ops.broadcast_to(x, shape) for x in (momenta[:, :, None], momenta[:, None, :]))
        return pair_features(*(ops.reshape(x, (-1, 3)) for x in every))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, int]:
        return None, 4


def pair_features(first: Tensor, second: Tensor) -> Tensor:
    """See `PairFeatures`; (m, 3) twice -> (m, 4)."""
    (log_pt, eta, phi), (other_log_pt, other_eta, other_phi) = (
        ops.unstack(x, 3, axis=-1) for x in (first, second)
    )
    pt, other_pt = (ops.exp(ops.clip(x, -LARGEST, LARGEST)) for x in (log_pt, other_log_pt))
    d_eta, d_phi = ops.clip(eta - other_eta, -LARGEST, LARGEST), phi - other_phi
    d_phi = d_phi - ops.where(d_phi > np.pi, TURN, 0.0) + ops.where(d_phi < -np.pi, TURN, 0.0)
    d_phi = ops.clip(d_phi, -np.pi, np.pi)
    delta = ops.sqrt(ops.square(d_eta) + ops.square(d_phi))
    softer = ops.minimum(pt, other_pt)
    # cosh(d_eta) - cos(d_phi) by half angles: of close pairs nothing else is left of the difference.
    mass2 = 4 * pt * other_pt * (ops.square(ops.sinh(0.5 * d_eta)) + ops.square(ops.sin(0.5 * d_phi)))
    found = softer * delta, softer / (pt + other_pt), delta, mass2
    return ops.log(ops.maximum(ops.stack(found, axis=-1), LEAST))


@keras.saving.register_keras_serializable(package="jetsmith")
class PairBias(layers.Layer):
    """What attention adds of each pair and head, far below zero for padded slots.

    (n, T², heads) with each pair once, zeros elsewhere (`Couples`), and (n, T) -> (n, heads, T, T).
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        x, mask = tensors
        n, length = ops.shape(mask)
        x = ops.transpose(ops.reshape(x, (n, length, length, x.shape[-1])), (0, 3, 1, 2))
        place = ops.arange(length, dtype="int32")
        x = ops.where(place[:, None] >= place[None, :], x, ops.transpose(x, (0, 1, 3, 2)))
        return ops.where(mask[:, None, None, :], x, ops.cast(FAR, x.dtype))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        (n, _, heads), (_, length) = input_shape
        return n, heads, length, length


@keras.saving.register_keras_serializable(package="jetsmith")
class Shares(layers.Layer):
    """Of each slot the shares of all slots in its mean, by products of queries and keys and what pairs add.

    (n, T, 3 D), queries, keys and values one behind the other, and (n, heads, T, T) -> (n, heads, T, T).
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        projected, bias = tensors
        query, key, _ = (in_heads(x, bias.shape[1]) for x in ops.split(projected, 3, axis=-1))
        return ops.softmax(products(query, key) + bias, axis=-1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[1]


@keras.saving.register_keras_serializable(package="jetsmith")
class Mean(layers.Layer):
    """The mean of the values by shares; (n, T, 3 D) and (n, heads, T, T) -> (n, T, D)."""

    def call(self, tensors: list[Tensor]) -> Tensor:
        projected, share = tensors
        value = ops.split(projected, 3, axis=-1)[2]
        return together(ops.matmul(share, in_heads(value, share.shape[1])))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return *input_shape[0][:2], cast(int, input_shape[0][-1]) // 3


def in_heads(x: Tensor, heads: int) -> Tensor:
    """(n, T, D) -> (n, heads, T, D / heads)."""
    shape = *ops.shape(x)[:2], heads, x.shape[-1] // heads
    return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))


@keras.saving.register_keras_serializable(package="jetsmith")
class ClassToken(layers.Layer):
    """What is learned of a row before anything is known of it; (n, T) -> (n, width)."""

    def __init__(self, width: int, **other: Any) -> None:
        super().__init__(**other)
        self.width = width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        start = keras.initializers.TruncatedNormal(stddev=0.02)
        self.token = self.add_weight(shape=(1, self.width), initializer=start, name="token")

    def call(self, mask: Tensor) -> Tensor:
        return ops.repeat(self.token, ops.shape(mask)[0], axis=0)

    def compute_output_spec(self, mask: Tensor) -> Tensor:
        return keras.KerasTensor((mask.shape[0], self.width), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="jetsmith")
class ClassAttention(layers.Layer):
    """The row's mean of the values of all real slots and of its own.

    The row's query, (n, D), and keys and values one behind the other, its own, (n, 2 D), and those of
    constituents, (n, T, 2 D); with (n, T) -> (n, D).
    """

    def __init__(self, heads: int, **other: Any) -> None:
        super().__init__(**other)
        self.heads = heads

    def call(self, tensors: list[Tensor]) -> Tensor:
        query, own, others, mask = tensors
        seen = ops.concatenate([own[:, None], others], axis=1)
        mask = ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)
        key, value = (in_heads(x, self.heads) for x in ops.split(seen, 2, axis=-1))
        product = products(in_heads(query[:, None], self.heads), key)
        share = masked_softmax(product, mask[:, None, None, :])
        return ops.squeeze(together(ops.matmul(share, value)), 1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable(package="jetsmith")
class Scaled(layers.Layer):
    """Times a weight for each group of features, such as a head's; (…, D) -> (…, D)."""

    def __init__(self, groups: int, **other: Any) -> None:
        super().__init__(**other)
        self.groups = groups

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.scale = self.add_weight(shape=(self.groups,), initializer="ones", name="scale")

    def call(self, x: Tensor) -> Tensor:
        return x * ops.repeat(self.scale, x.shape[-1] // self.groups)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups}
