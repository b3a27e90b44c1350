"""Layers of networks with attention: masks are ours, so that both engines read padded slots alike.

A jet without any constituent gives zeros, and gradients that are zero.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from jetsmith.models._layers import EXACT, Tensor, only_real, real_slots, to_lines, to_slots

FAR = -1e9  # before a softmax: exp gives 0 in every number format, beside any real slot
PARTS = 8  # of a batch, by length


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
    """Each line's mean of the values of all of its row, by products of queries and keys, in some heads.

    Lines (m, 3 D), queries, keys and values one behind the other, and (n, T) -> (m, D); without weights.
    What it gives in padded slots, where lines hold them, is the same kind of mean, and nobody reads it.
    """

    def __init__(self, heads: int, **other: Any) -> None:
        super().__init__(**other)
        self.heads = heads

    def call(self, tensors: list[Tensor]) -> Tensor:
        lines, mask = tensors
        if only_real():
            return by_length(self._means, lines, mask)
        return to_lines(self._means(to_slots(lines, mask), mask), mask)

    def _means(self, projected: Tensor, mask: Tensor) -> Tensor:
        """(n, T, 3 D) and (n, T) -> (n, T, D)."""
        shape = *ops.shape(mask), 3, self.heads, projected.shape[-1] // 3 // self.heads
        query, key, value = ops.unstack(ops.transpose(ops.reshape(projected, shape), (2, 0, 3, 1, 4)), 3)
        share = masked_softmax(products(query, key), mask[:, None, None, :])
        return together(ops.matmul(share, value))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return None, (input_shape[0][-1] or 0) // 3

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


def normalised(x: Tensor, name: str) -> Tensor:
    """Of each line by itself, in single precision."""
    return layers.LayerNormalization(epsilon=1e-5, name=name, dtype=EXACT)(x)


def added(x: Tensor, y: Tensor, dropout: float, name: str) -> Tensor:
    """What a block gives, a share of it dropped in training, added to what it saw."""
    if dropout:
        y = layers.Dropout(dropout, name=f"{name}_dropout")(y)
    return Added(name=name)([x, y])


def by_length(function: Callable[[Tensor, Tensor], Tensor], lines: Tensor, mask: Tensor) -> Tensor:
    """What a function of slots gives of lines, some rows of about the same length at a time.

    A row costs the square of its slots where it looks at pairs, and the longest of a batch has three times
    as many constituents as the mean.

    Args:
        function: Of slots (k, t, F) and their mask (k, t), shape (k, t, G).
        lines: Real ones alone, shape (m, F).
        mask: Shape (n, T).

    Returns:
        Shape (m, G).
    """
    count = ops.sum(ops.cast(mask, "int32"), axis=1)
    first, n = ops.cumsum(count) - count, ops.shape(count)[0]
    padded = ops.pad(lines, ((0, 1), (0, 0)))
    shortest_first = ops.argsort(count)
    found, places, start = [], [], 0
    for part in range(PARTS):
        rows = shortest_first[n * part // PARTS : n * (part + 1) // PARTS]
        here = ops.take(count, rows)
        length = ops.max(here, initial=2)  # Keras warns of a softmax over a single slot
        slot = ops.arange(length, dtype="int32")
        real = slot < ops.expand_dims(here, 1)
        line = ops.where(real, ops.expand_dims(ops.take(first, rows), 1) + slot, ops.shape(lines)[0])
        means = function(ops.take(padded, line, axis=0), real)
        found.append(ops.reshape(means, (-1, means.shape[-1])))
        places.append(start + ops.arange(ops.shape(rows)[0], dtype="int32") * length)
        start = start + ops.shape(rows)[0] * length
    # From lines to where the slots of their row now begin.
    begin = ops.scatter(ops.expand_dims(shortest_first, 1), ops.concatenate(places), (n,))
    row = real_slots(ops.reshape(mask, (-1,))) // ops.shape(mask)[1]
    place = ops.arange(ops.shape(row)[0], dtype="int32") + ops.take(begin - first, row)
    return ops.take(ops.concatenate(found), place, axis=0)


@keras.saving.register_keras_serializable(package="jetsmith")
class AttentionPooling(layers.Layer):
    """A weighted mean of the lines of a row, zeros where there is none.

    Lines (m, D), ln of their weights (m, 1), and (n, T) -> (n, D).
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        lines, weight, mask = tensors
        n, length = ops.shape(mask)
        if not only_real():
            share = masked_softmax(ops.squeeze(to_slots(weight, mask), -1), mask)
            return ops.sum(to_slots(lines, mask) * ops.expand_dims(share, -1), axis=1)
        row = real_slots(ops.reshape(mask, (-1,))) // length
        largest = ops.stop_gradient(ops.segment_max(weight, row, num_segments=n))
        share = ops.exp(weight - ops.take(largest, row, axis=0))
        share = share / ops.take(ops.segment_sum(share, row, num_segments=n), row, axis=0)
        return ops.segment_sum(lines * share, row, num_segments=n)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[2][0], input_shape[0][-1]


@keras.saving.register_keras_serializable(package="jetsmith")
class Stretch(layers.Layer):
    """The lines of one group among those of several; (m, D) and the groups' masks -> (k, D)."""

    def __init__(self, number: int, **other: Any) -> None:
        super().__init__(**other)
        self.number = number

    def call(self, tensors: list[Tensor]) -> Tensor:
        lines, *masks = tensors
        groups = [ops.full_like(mask, k == self.number) for k, mask in enumerate(masks)]
        ours, all_slots = (ops.reshape(ops.concatenate(x, axis=1), (-1,)) for x in (groups, masks))
        if only_real():
            return ops.take(lines, real_slots(ops.take(ours, real_slots(all_slots))), axis=0)
        lengths, width = [ops.shape(mask)[1] for mask in masks], lines.shape[-1]
        first = sum(lengths[: self.number])
        slots = ops.reshape(lines, (-1, sum(lengths), width))[:, first : first + lengths[self.number]]
        return ops.reshape(slots, (-1, width))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return None, input_shape[0][-1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "number": self.number}


@keras.saving.register_keras_serializable(package="jetsmith")
class Pairs(layers.Layer):
    """Sums of all pairs of lines of a row, the first of one tensor, the second of another.

    (m, D) twice and (n, T) -> (p, D); pairs are lines, too: where they hold real ones alone, pairs of two
    of these.
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        first, second, mask = tensors
        (n, length), width = ops.shape(mask), first.shape[-1]
        if only_real():
            pair = real_slots(ops.reshape(pairs_of(mask), (-1,)))
            slot = pair // length  # of the first
            other = slot // length * length + pair % length
            line = ops.cumsum(ops.cast(ops.reshape(mask, (-1,)), "int32")) - 1
            first, second = (
                ops.take(lines, ops.take(line, which), axis=0)
                for lines, which in ((first, slot), (second, other))
            )
            return first + second
        first, second = (ops.reshape(lines, (n, length, width)) for lines in (first, second))
        return ops.reshape(ops.expand_dims(first, 2) + ops.expand_dims(second, 1), (-1, width))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return None, input_shape[0][-1]


@keras.saving.register_keras_serializable(package="jetsmith")
class Symmetric(layers.Layer):
    """The mean of a pair and of the same the other way round, zeros where one is padding.

    Lines of `Pairs` (p, 1) and (n, T) -> (n, T, T).
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        lines, mask = tensors
        x = ops.squeeze(to_slots(lines, pairs_of(mask)), -1)
        return 0.5 * (x + ops.transpose(x, (0, 2, 1)))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        n, length = input_shape[1]
        return n, length, length


def pairs_of(mask: Tensor) -> Tensor:
    """Pairs of two real slots, (n, T) -> (n, T, T)."""
    return ops.logical_and(ops.expand_dims(mask, 2), ops.expand_dims(mask, 1))


def products(query: Tensor, key: Tensor) -> Tensor:
    """Of each query with each key, over the root of their width; (…, T, K) and (…, T', K) -> (…, T, T')."""
    return ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * query.shape[-1] ** -0.5


def together(x: Tensor) -> Tensor:
    """Heads one behind the other; (n, heads, T, K) -> (n, T, heads K)."""
    n, heads, length, width = ops.shape(x)
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (n, length, heads * width))


def masked_softmax(x: Tensor, mask: Tensor) -> Tensor:
    """Shares on the last axis of what the mask (of as many axes) has; all alike where it has nothing."""
    return ops.softmax(ops.where(mask, x, ops.cast(FAR, x.dtype)), axis=-1)
