"""A network's discriminant as a function of standardised inputs, with its gradient, on either engine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io
from jetsmith.classifiers import _keras
from jetsmith.classifiers._scaler import Scaler
from jetsmith.explaining.gradients import Arrays, Function
from jetsmith.io import FloatArray
from jetsmith.packed.rows import Batch
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec

Fractions = Sequence[tuple[int, float]]
"""Places of classes among the outputs, and their fractions."""


class Network:
    """A trained network.

    The value is ln(S / sum f_i B_i) of a discriminant, from the logits: of the form `ratio` its logit.

    Args:
        spec: The classifier.
        folder: Of its model.
        discriminant: Of which value.
        threads: CPU threads.
    """

    def __init__(self, spec: RecipeSpec, folder: Path, discriminant: DiscriminantSpec, threads: int) -> None:
        _keras.engine_of(spec, threads)
        import keras

        from jetsmith.models._saved import load

        loaded = load(folder)
        network = keras.Model(
            {tensor.name: tensor for tensor in loaded.inputs}, loaded.get_layer("probabilities").input
        )
        names = spec.class_names
        signal = [(names.index(name), 1.0) for name in discriminant.signal]
        background = [(names.index(name), fraction) for name, fraction in discriminant.background.items()]
        self._inputs = spec.inputs
        self._scalers = scalers_of(folder)
        self._run = (
            _on_jax(network, signal, background)
            if spec.engine == "jax"
            else _on_tensorflow(network, signal, background)
        )

    def standardised(self, batch: Batch) -> dict[str, FloatArray]:
        """Inputs as the network has them behind its first layers; 0 in padded slots."""
        found = {}
        for given in self._inputs:
            values = self._scalers[given.group](batch[given.group].astype(np.float64))
            mask = batch.get(f"{given.group}_mask")
            found[given.group] = values if mask is None else np.where(mask[..., None], values, 0.0)
        return found

    def of(self, batch: Batch) -> Function:
        """The value as a function of standardised inputs; constituents stay as many as in this batch."""
        masks = {name: values for name, values in batch.items() if name.endswith("_mask")}

        def function(inputs: Arrays) -> tuple[FloatArray, Arrays]:
            raw, slopes = {}, {}
            for name, z in inputs.items():
                raw[name], slopes[name] = undone(self._scalers[name], z, masks.get(f"{name}_mask"))
            values, gradient = self._run(raw, masks)
            return values, {name: gradient[name] * slopes[name] for name in inputs}

        return function

    def value(self, batch: Batch) -> FloatArray:
        """Of the jets as they are, shape (n,)."""
        masks = {name: values for name, values in batch.items() if name.endswith("_mask")}
        found: FloatArray = self._run({given.group: batch[given.group] for given in self._inputs}, masks)[0]
        return found


def padded(batch: Batch, lengths: Mapping[str, int]) -> Batch:
    """Sequences with as many slots as their groups have: other shapes would be compiled anew."""
    found = dict(batch)
    for name, length in lengths.items():
        for key in (name, f"{name}_mask"):
            values = batch[key]
            more = np.zeros((len(values), length - values.shape[1], *values.shape[2:]), values.dtype)
            found[key] = np.concatenate([values, more], axis=1)
    return found


def scalers_of(folder: Path) -> dict[str, Scaler]:
    """What brings the inputs of a trained network to mean 0 and deviation 1, by group."""
    content: Mapping[str, Any] = io.read_json(folder / "scaler.json")
    return {
        group: Scaler(
            features=tuple(numbers["features"]),
            **{key: np.asarray(x, np.float64) for key, x in numbers.items() if key != "features"},
        )
        for group, numbers in content.items()
    }


def undone(scaler: Scaler, z: FloatArray, mask: Any) -> tuple[FloatArray, FloatArray]:
    """Inputs before their standardisation, float32, 0 in padded slots; their derivatives by z."""
    inner = z * scaler.deviation + scaler.mean
    squashed = scaler.squash > 0.5
    bent = np.where(squashed, inner, 0.0)
    raw = scaler.centre + scaler.width * np.where(squashed, np.sinh(bent), inner)
    slope = scaler.width * scaler.deviation * np.cosh(bent)
    if mask is not None:
        raw, slope = (np.where(mask[..., None], x, 0.0) for x in (raw, slope))
    return raw.astype(np.float32), slope


def _log_ratio(logits: Any, signal: Fractions, background: Fractions) -> Any:
    """ln(sum f_i e^logit of one side) less that of the other, in keras.ops; (n, C) -> (n,)."""
    from keras import ops

    def side(classes: Fractions) -> Any:
        return ops.logsumexp(
            ops.stack([logits[:, k] + float(np.log(fraction)) for k, fraction in classes], axis=1), axis=1
        )

    return side(signal) - side(background)


def _on_tensorflow(network: Any, signal: Fractions, background: Fractions) -> Any:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def run(inputs: dict[str, Any], masks: dict[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            values = _log_ratio(network({**inputs, **masks}, training=False), signal, background)
        return values, tape.gradient(values, inputs, unconnected_gradients="zero")

    def call(inputs: Arrays, masks: Arrays) -> tuple[FloatArray, dict[str, FloatArray]]:
        convert = tf.convert_to_tensor
        values, gradient = run(*({k: convert(x) for k, x in given.items()} for given in (inputs, masks)))
        return values.numpy().astype(np.float64), {name: x.numpy() for name, x in gradient.items()}

    return call


def _on_jax(network: Any, signal: Fractions, background: Fractions) -> Any:
    import jax

    held = [
        [variable.value for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]

    def summed(inputs: dict[str, Any], masks: dict[str, Any]) -> Any:
        logits, _ = network.stateless_call(*held, {**inputs, **masks}, training=False)
        values = _log_ratio(logits, signal, background)
        return values.sum(), values

    run = jax.jit(jax.grad(summed, has_aux=True))

    def call(inputs: Arrays, masks: Arrays) -> tuple[FloatArray, dict[str, FloatArray]]:
        gradient, values = run(dict(inputs), dict(masks))
        return np.asarray(values, np.float64), {name: np.asarray(x) for name, x in gradient.items()}

    return call
