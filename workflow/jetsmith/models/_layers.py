"""Building blocks of the Keras networks."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import keras
from keras import layers, ops

from jetsmith.models import CLASSES, Output
from jetsmith.specs.features import Inputs

Tensor = Any
EXACT = "float32"  # of inputs, statistics of batches and outputs, whatever the rest of a network computes in


def input_layers(inputs: Sequence[Inputs]) -> dict[str, Tensor]:
    """Keras inputs by group, with the masks of sequences."""
    found: dict[str, Tensor] = {}
    for given in inputs:
        width = len(given.features)
        if given.kind == "flat":
            found[given.group] = keras.Input((width,), name=given.group)
        else:
            mask = f"{given.group}_mask"
            found[given.group] = keras.Input((None, width), name=given.group)
            found[mask] = keras.Input((None,), dtype="bool", name=mask)
    return found


def standardised(
    inputs: Sequence[Inputs], tensors: Mapping[str, Tensor], raw_zeros: bool = False
) -> dict[str, Tensor]:
    """Inputs by group through their `Standardise` layers.

    Sequences become lines, (n, T, F) -> (m, F), see `Lines`; `Slots` makes sequences of them again. With
    `raw_zeros` padded slots hold 0 instead, before it, and all sequences have the full length of their
    group, (n, T, F) -> (n, length, F): networks without masks read them.
    """
    found: dict[str, Tensor] = {}
    for given in inputs:
        group, layer = given.group, Standardise(name=f"standardise_{given.group}", dtype=EXACT)
        mask, values = tensors.get(f"{group}_mask"), tensors[group]
        if mask is None:
            found[group] = layer(values)
        elif raw_zeros:
            found[group] = layer(
                ZeroPadded(given.length, name=f"padded_{group}", dtype=EXACT)([values, mask])
            )
        else:
            found[group] = layer(Lines(name=f"lines_{group}", dtype=EXACT)([values, mask]))
    return found


def heads(x: Tensor, outputs: Mapping[str, Output]) -> dict[str, Tensor]:
    """Outputs of rows by their names, such as the logits of `classes`; (n, D) -> (n, width) each.

    Adversaries come last: without them the other layers start from the same weights.
    """
    found = {}
    for name, given in sorted(outputs.items(), key=lambda item: item[1].kind == "adversary"):
        before = x
        if given.kind == "adversary":
            before = Reverse(name=f"{head_name(name)}_reverse")(x)
            before = dense_stack(before, given.dense, 0.0, "relu", None, f"{head_name(name)}_dense")
        found[name] = layers.Dense(given.width, name=head_name(name), dtype=EXACT)(before)
    return found


def head_name(output: str) -> str:
    """The layer of an output; users name those beside the classes, and may do so as they name inputs."""
    return output if output == CLASSES else f"head_{output}"


def dense_stack(
    x: Tensor, widths: Sequence[int], dropout: float, activation: str, batch_norm: float | None, name: str
) -> Tensor:
    """Dense layers with activation, batch normalisation of that momentum where given, and dropout.

    Args:
        x: Shape (n, D).

    Returns:
        Shape (n, widths[-1]).
    """
    for i, width in enumerate(widths):
        x = layers.Dense(width, activation=activation, name=f"{name}_{i}")(x)
        if batch_norm is not None:
            x = layers.BatchNormalization(momentum=batch_norm, name=f"{name}_norm_{i}", dtype=EXACT)(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"{name}_dropout_{i}")(x)
    return x


@keras.saving.register_keras_serializable(package="jetsmith")
class Standardise(layers.Layer):
    """Scale inputs as a `Scaler` says; its numbers are weights that no training changes.

    z = (x - centre)/width, its asinh where squash is 1, then (z - mean)/deviation; on the last axis.
    """

    NAMES = ("centre", "width", "squash", "mean", "deviation")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        for name in self.NAMES:
            start = "ones" if name in ("width", "deviation") else "zeros"
            weight = self.add_weight(shape=input_shape[-1:], initializer=start, trainable=False, name=name)
            setattr(self, name, weight)

    def call(self, x: Tensor) -> Tensor:
        z = (x - self.centre) / self.width
        squashed = self.squash > 0.5
        z = ops.where(squashed, ops.arcsinh(ops.where(squashed, z, 0.0)), z)  # that of 0 costs little
        return (z - self.mean) / self.deviation

    def set(self, **numbers: Any) -> None:
        """Set the numbers, shape (F,) each, by their names."""
        for name in self.NAMES:
            getattr(self, name).assign(numbers[name])


@keras.saving.register_keras_serializable(package="jetsmith")
class Reverse(layers.Layer):
    """What comes in, with the gradient reversed (Ganin and Lempitsky, arXiv 1409.7495); any shape."""

    def call(self, x: Tensor) -> Tensor:
        held = ops.stop_gradient(x)
        return held - (x - held)


def only_real() -> bool:
    """Whether lines hold no padded slots: where their number may change from batch to batch."""
    return bool(keras.backend.backend() == "tensorflow")


@keras.saving.register_keras_serializable(package="jetsmith")
class Lines(layers.Layer):
    """Constituents one behind the other, for layers that take each by itself; (n, T, F), (n, T) -> (m, F).

    Padding costs nothing that way. Where shapes are fixed, m is n·T, and padded slots are among the lines.
    """

    def call(self, tensors: list[Tensor]) -> Tensor:
        return to_lines(*tensors)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return None, input_shape[0][2]


@keras.saving.register_keras_serializable(package="jetsmith")
class Slots(layers.Layer):
    """Lines back in their slots, zeros in padded ones; (m, F) and (n, T) -> (n, T, F)."""

    def call(self, tensors: list[Tensor]) -> Tensor:
        return to_slots(*tensors)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        lines, mask = input_shape
        return *mask, lines[-1]


def to_lines(values: Tensor, mask: Tensor) -> Tensor:
    """See `Lines`."""
    values, mask = ops.reshape(values, (-1, values.shape[-1])), ops.reshape(mask, (-1,))
    return ops.take(values, real_slots(mask), axis=0) if only_real() else values


def to_slots(lines: Tensor, mask: Tensor) -> Tensor:
    """See `Slots`; of masks of any shape."""
    shape = *ops.shape(mask), lines.shape[-1]
    if only_real():
        where = ops.expand_dims(real_slots(ops.reshape(mask, (-1,))), 1)
        return ops.reshape(ops.scatter(where, lines, (math.prod(shape[:-1]), shape[-1])), shape)
    return ops.where(ops.expand_dims(mask, -1), ops.reshape(lines, shape), 0.0)


def real_slots(mask: Tensor) -> Tensor:
    """Numbers of the real slots, (N,) -> (m,), int32."""
    return ops.cast(ops.nonzero(mask)[0], "int32")


@keras.saving.register_keras_serializable(package="jetsmith")
class LineNorm(layers.Layer):
    """Batch normalisation of lines over real constituents; (m, F) and (n, T) -> (m, F).

    Weights and numbers are those of `layers.BatchNormalization`. A batch without any real constituent
    leaves the moving averages as they are.
    """

    EPSILON = 1e-3  # Keras' default

    def __init__(self, momentum: float, **other: Any) -> None:
        super().__init__(**{"dtype": EXACT, **other})
        self.momentum = momentum

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        shape = input_shape[0][-1:]
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        moving = {"shape": shape, "trainable": False}
        self.mean = self.add_weight(initializer="zeros", name="moving_mean", **moving)
        self.variance = self.add_weight(initializer="ones", name="moving_variance", **moving)

    def call(self, tensors: list[Tensor], training: bool = False) -> Tensor:
        lines, mask = tensors
        mean, variance = ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.variance)
        if training:
            before = mean, variance
            mean, variance = self._moments(lines, mask, *before)
            for moving, old, now in zip((self.mean, self.variance), before, (mean, variance), strict=True):
                moving.assign(old * self.momentum + ops.stop_gradient(now) * (1 - self.momentum))
        scale = self.gamma * ops.rsqrt(variance + self.EPSILON)
        return lines * scale + (self.beta - mean * scale)

    def _moments(self, lines: Tensor, mask: Tensor, *otherwise: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over real lines, (F,) each; `otherwise` where there is none."""
        real, count = self._real(lines, mask)

        def average(x: Tensor) -> Tensor:
            return ops.sum(x if real is None else x * real, axis=0) / ops.maximum(count, 1.0)

        mean = average(lines)
        variance = average(ops.square(lines - mean))
        return ops.where(count > 0, mean, otherwise[0]), ops.where(count > 0, variance, otherwise[1])

    def _real(self, lines: Tensor, mask: Tensor) -> tuple[Tensor | None, Tensor]:
        """1 for each line that counts and 0 for others, (m, 1), or None where all do; and how many do."""
        real = ops.cast(mask, lines.dtype)
        return None if only_real() else ops.reshape(real, (-1, 1)), ops.sum(real)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


@keras.saving.register_keras_serializable(package="jetsmith")
class ZeroPadded(layers.Layer):
    """Zero in padded slots and behind them up to `length`; (n, T, F) and (n, T) -> (n, length, F)."""

    def __init__(self, length: int, **other: Any) -> None:
        super().__init__(**other)
        self.length = length

    def call(self, tensors: list[Tensor]) -> Tensor:
        values, mask = tensors
        return _to_length(ops.where(ops.expand_dims(mask, -1), values, 0.0), self.length)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0][0], self.length, input_shape[0][2]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length": self.length}


def read_backwards(x: Tensor, mask: Tensor | None, units: int, gates: Any, name: str) -> Tensor:
    """An LSTM that reads the leading constituent last; (n, T, F) and (n, T) -> (n, units)."""
    kind = layers.LSTM
    if mask is not None:
        x, kind = MarkPadding(name=f"{name}_padding")([x, mask]), PaddedLSTM
    return kind(units, recurrent_activation=gates, go_backwards=True, name=name)(x)


@keras.saving.register_keras_serializable(package="jetsmith")
class MarkPadding(layers.Layer):
    """One feature more, 1 in padded slots; (n, T, F) and (n, T) -> (n, T, F + 1)."""

    def call(self, tensors: list[Tensor]) -> Tensor:
        values, mask = tensors
        padded = ops.expand_dims(ops.cast(ops.logical_not(mask), values.dtype), -1)
        return ops.concatenate([values, padded], axis=-1)


@keras.saving.register_keras_serializable(package="jetsmith")
class PaddedLSTM(layers.LSTM):
    """An LSTM that leaves slots out that it reads first and whose last input is 1 (`MarkPadding`).

    A mask would go into the kernel, where cuDNN refuses jets without any constituent, and it would come
    back with a saved file. Instead the last input shuts the input gate of a padded slot, by a row of the
    kernel that is no weight: there c = f·c + i·g = f·0 + 0·g and h = o·tanh(c) stay zero, exactly, whatever
    else the slot holds, and no gradient passes, since each is a product with i, c or tanh(c). So every
    device runs its fastest kernel; weights are those of `layers.LSTM`.
    """

    SHUT = -1e4  # of which each of our gates is 0 in every number format

    def build(self, sequences_shape: tuple[int | None, ...], initial_state_shape: Any = None) -> None:
        features = cast(int, sequences_shape[-1]) - 1
        super().build((*sequences_shape[:-1], features), initial_state_shape)

    def inner_loop(self, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False) -> Any:
        weights, units = self.cell.kernel, self.units
        row = ops.concatenate([ops.full((1, units), self.SHUT), ops.zeros((1, 3 * units))], axis=1)
        kernel = ops.concatenate([weights, ops.cast(row, weights.dtype)], axis=0)  # gates are i, f, g, o
        if keras.backend.backend() == "jax" and self.cell.recurrent_activation is keras.activations.sigmoid:
            from jetsmith.models._jax_lstm import last_state

            kernel, recurrent, bias = (
                ops.cast(w, sequences.dtype) for w in (kernel, self.cell.recurrent_kernel, self.cell.bias)
            )
            last = last_state(
                ops.flip(ops.swapaxes(ops.matmul(sequences, kernel) + bias, 0, 1), 0), recurrent
            )
            return last, ops.expand_dims(last, 1), [last, last]
        # Keras hands its kernels what stands here; it has no other way in.
        self.cell.kernel = kernel
        try:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        finally:
            self.cell.kernel = weights


@keras.saving.register_keras_serializable(package="jetsmith")
class Unroll(layers.Layer):
    """Sequences of at most `length` side by side, zeros behind; (n, T, F) -> (n, length * F)."""

    def __init__(self, length: int, **other: Any) -> None:
        super().__init__(**other)
        self.length = length

    def call(self, x: Tensor) -> Tensor:
        return ops.reshape(_to_length(x, self.length), (-1, self.length * x.shape[-1]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        return input_shape[0], self.length * cast(int, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length": self.length}


def _to_length(x: Tensor, length: int) -> Tensor:
    """Zeros behind, or the end cut off; (n, T, F) -> (n, length, F)."""
    padding = ops.repeat(ops.zeros_like(x[:, :1]), length, axis=1)
    return ops.concatenate([x, padding], axis=1)[:, :length]


@keras.saving.register_keras_serializable(package="jetsmith")
def keras1_hard_sigmoid(x: Tensor) -> Tensor:
    """clip(0.2 x + 0.5, 0, 1), the `hard_sigmoid` of Keras 1 and 2; Keras 3's own has the slope 1/6."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
