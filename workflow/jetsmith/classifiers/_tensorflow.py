"""Keras on TensorFlow: many batches a call, inside one `tf.function`; each is as long as its longest jet."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from jetsmith.classifiers import Device
from jetsmith.classifiers._batches import gather
from jetsmith.classifiers._feed import Data
from jetsmith.io import FloatArray, IntArray
from jetsmith.models import CLASSES
from jetsmith.specs.features import Inputs

Tensor = Any


def prepare(threads: int) -> None:
    """Set threads and determinism; in a process where TensorFlow works already, its threads stay."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        if "after initialization" not in str(error) and "cannot be modified" not in str(error):
            raise
    tf.config.experimental.enable_op_determinism()


def device(gpus: int) -> Device:
    """What TensorFlow computes on; one GPU at most."""
    found = tf.config.list_physical_devices("GPU")
    engine = f"TensorFlow {tf.__version__}"
    if not found:
        why = "" if tf.test.is_built_with_cuda() else ", which was built without CUDA"
        return Device("cpu", f"{engine}{why}")
    return Device("gpu", engine, tf.config.experimental.get_device_details(found[0]).get("device_name", ""))


def room() -> int:
    """Bytes of windows that may stay in memory, or on the device."""
    return 1 << 30


class Runs:
    """A network on batch after batch of a window.

    Args:
        network: The network.
        inputs: Its inputs.
        loss: Of outputs, window and rows a scalar; where it trains or is evaluated.
        optimizer: Where it trains.
        devices: One here.
        output: What `predict` gives.
    """

    def __init__(
        self,
        network: Any,
        inputs: Sequence[Inputs],
        loss: Callable[[dict[str, Tensor], Data, Tensor], Tensor] | None = None,
        optimizer: Any = None,
        devices: int = 1,
        output: str = CLASSES,
    ) -> None:
        assert devices == 1
        self._network, self._inputs, self._loss, self._optimizer = network, inputs, loss, optimizer
        self._output = output
        self._names = [tensor.name for tensor in network.inputs]
        self._compiled: dict[Any, Any] = {}

    def upload(self, data: Data, rows: int) -> Data:
        """Arrays on the device; the largest window has so many rows."""
        return tf.nest.map_structure(tf.convert_to_tensor, data)  # type: ignore[no-any-return]

    def train(self, data: Data, order: IntArray, size: int) -> FloatArray:
        """A step of the optimiser a batch; the loss of each before its step, shape (batches,)."""
        return self._call(self._step, (), data, order, size)

    def losses(self, data: Data, order: IntArray, size: int) -> FloatArray:
        """The loss of each batch, shape (batches,)."""
        return self._call(self._loss_of, (), data, order, size)

    def predict(self, data: Data, order: IntArray, size: int) -> FloatArray:
        """The output that is asked for, of each row, shape (n, width)."""
        width = self._network.output[self._output].shape[-1]
        return self._call(self._predicted, (None, width), data, order, size)

    def _call(
        self,
        work: Callable[[Data, Tensor], Tensor],
        shape: tuple[int | None, ...],
        data: Data,
        order: IntArray,
        size: int,
    ) -> FloatArray:
        """What `work` gives of each batch of an order of rows, of that shape; traced once."""
        rows = tf.convert_to_tensor(order.astype(np.int32))
        if work.__name__ not in self._compiled:

            def run(data: Data, order: Tensor, size: Tensor) -> Tensor:
                n = tf.size(order)
                batches = (n + size - 1) // size
                found = tf.TensorArray(tf.float32, batches, element_shape=shape, infer_shape=False)

                def one(k: Tensor, found: Any) -> tuple[Tensor, Any]:
                    which = order[k * size : tf.minimum((k + 1) * size, n)]
                    return k + 1, found.write(k, work(data, which))

                _, found = tf.while_loop(
                    lambda k, _: k < batches, one, (tf.constant(0), found), parallel_iterations=1
                )
                return found.concat() if shape else found.stack()

            any_length = tf.nest.map_structure(
                lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype), (data, rows)
            )
            self._compiled[work.__name__] = tf.function(  # XLA slows recurrent layers
                run, autograph=False, jit_compile=False
            ).get_concrete_function(*any_length, tf.TensorSpec((), tf.int32))
        return np.asarray(self._compiled[work.__name__](data, rows, tf.constant(size)).numpy())

    def _outputs(self, data: Data, which: Tensor, training: bool) -> dict[str, Tensor]:
        batch = gather(self._inputs, data["inputs"], which, slots)
        found: dict[str, Tensor] = self._network({n: batch[n] for n in self._names}, training=training)
        return found

    def _step(self, data: Data, which: Tensor) -> Tensor:
        assert self._loss is not None
        weights = self._network.trainable_variables
        with tf.GradientTape() as tape:
            loss = self._loss(self._outputs(data, which, training=True), data, which)
        self._optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    def _loss_of(self, data: Data, which: Tensor) -> Tensor:
        assert self._loss is not None
        return self._loss(self._outputs(data, which, training=False), data, which)

    def _predicted(self, data: Data, which: Tensor) -> Tensor:
        return self._outputs(data, which, training=False)[self._output]


def slots(count: Tensor, length: int) -> Tensor:
    """As many as the longest of the batch has, one at least; shapes may change from batch to batch here."""
    return tf.range(tf.maximum(tf.reduce_max(count), 1))
