"""Keras on JAX: many batches a call, in a loop inside one compiled function; shapes stay the same."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

from jetsmith.classifiers import Device
from jetsmith.classifiers._batches import gather
from jetsmith.classifiers._feed import Data
from jetsmith.io import FloatArray, IntArray
from jetsmith.models import CLASSES
from jetsmith.specs.features import Inputs

Tensor = Any
State = tuple[list[Tensor], list[Tensor], list[Tensor]]
"""Values of a network's variables, those that are trained and the others, and of the optimiser's."""


def prepare(threads: int) -> None:
    """Set threads and determinism; in a process where JAX works already, both stay."""
    os.environ.setdefault("NPROC", str(threads))
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_gpu_deterministic_ops" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()


def device(gpus: int) -> Device:
    """What JAX computes on; `gpus` of them, if it sees so many."""
    found, engine = jax.devices(), f"JAX {jax.__version__}"
    if found[0].platform == "cpu":
        return Device("cpu", engine)
    return Device("gpu", engine, found[0].device_kind, min(max(gpus, 1), len(found)))


def room() -> int:
    """Bytes of windows of one data set that may stay on the device; there are two in a training."""
    found = jax.devices()[0].memory_stats()
    return found["bytes_limit"] // 4 if found and "bytes_limit" in found else 1 << 30


class Runs:
    """As `_tensorflow.Runs`; several devices have the window and the network each, and share each batch."""

    def __init__(
        self,
        network: Any,
        inputs: Sequence[Inputs],
        loss: Callable[[dict[str, Tensor], Data, Tensor], Tensor] | None = None,
        optimizer: Any = None,
        devices: int = 1,
        output: str = CLASSES,
    ) -> None:
        self._network, self._inputs, self._loss, self._optimizer = network, inputs, loss, optimizer
        self._output = output
        mesh = Mesh(np.array(jax.devices()[:devices]), "rows")
        self._everywhere, self._shared = NamedSharding(mesh, Spec()), NamedSharding(mesh, Spec(None, "rows"))
        self._names = [tensor.name for tensor in network.inputs]
        rest = optimizer.variables if optimizer else []
        self._variables = (network.trainable_variables, network.non_trainable_variables, rest)
        self._compiled: dict[str, tuple[Any, Any]] = {}
        self._lines: dict[tuple[int, str], int] = {}

    def upload(self, data: Data, rows: int) -> Data:
        """Arrays on the device, filled up with zeros to so many rows, and sequences to a round length."""
        wanted = {}
        for given in self._inputs:
            if given.kind == "sequence":
                wanted[f"{given.group}_offsets"] = rows + 1
                # Windows are alike: those of so many rows get the length of the first, unless one has more.
                need = len(data["inputs"][given.group])
                least = self._lines.get((rows, given.group), need + need // 16 + 16)
                wanted[given.group] = self._lines[rows, given.group] = max(least, need)

        def fill(name: str, values: Any) -> Any:
            if isinstance(values, dict):
                return {name: fill(name, value) for name, value in values.items()}
            more = wanted.get(name, rows) - len(values)
            return np.concatenate([values, np.zeros((more, *values.shape[1:]), values.dtype)])

        found: Data = jax.device_put(
            {"inputs": fill("", data["inputs"])}
            | {name: fill("", values) for name, values in data.items() if name != "inputs"},
            self._everywhere,
        )
        return found

    def train(self, data: Data, order: IntArray, size: int) -> FloatArray:
        """A step of the optimiser a batch; the loss of each before its step, shape (batches,)."""
        return self._call(self._step, data, order, size)

    def losses(self, data: Data, order: IntArray, size: int) -> FloatArray:
        """The loss of each batch, shape (batches,)."""
        return self._call(self._loss_of, data, order, size)

    def predict(self, data: Data, order: IntArray, size: int) -> FloatArray:
        """The output that is asked for, of each row, shape (n, width)."""
        return self._call(self._predicted, data, order, size)

    def _call(
        self, work: Callable[[State, Data, Tensor], Any], data: Data, order: IntArray, size: int
    ) -> FloatArray:
        """What `work` gives of each batch of an order of rows, one behind the other.

        Whole batches in a loop, which is compiled once; a shorter last one by itself, so that neither its
        mean nor its batch statistics hold rows to fill it up.
        """
        if work.__name__ not in self._compiled:

            def loop(state: State, data: Data, order: Tensor, n: Tensor) -> tuple[State, Tensor]:
                one = jax.eval_shape(work, state, data, order[0])[1]

                def body(k: Tensor, carried: tuple[State, Tensor]) -> tuple[State, Tensor]:
                    state, found = work(carried[0], data, order[k])
                    return state, carried[1].at[k].set(found)

                start = state, jnp.zeros((len(order), *one.shape), one.dtype)
                done: tuple[State, Tensor] = jax.lax.fori_loop(0, n, body, start)
                return done

            self._compiled[work.__name__] = jax.jit(loop, donate_argnums=0), jax.jit(work, donate_argnums=0)
        loop, alone = self._compiled[work.__name__]
        held = tuple([variable.value for variable in group] for group in self._variables)
        state: State = jax.device_put(held, self._everywhere)
        n, pieces = len(order) // size, []
        if n:
            whole = np.zeros((self._rows(data) // size, size), np.int32)
            whole[:n] = order[: n * size].reshape(n, size)
            where = self._everywhere if size % self._everywhere.mesh.size else self._shared
            state, found = loop(state, data, jax.device_put(whole, where), n)
            pieces.append(np.asarray(found)[:n].reshape(-1, *found.shape[2:]))
        if len(order) > n * size:
            last = jax.device_put(order[n * size :].astype(np.int32), self._everywhere)
            state, found = alone(state, data, last)
            pieces.append(np.asarray(found))
        for group, values in zip(self._variables, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return np.concatenate(pieces)

    def _rows(self, data: Data) -> int:
        """Rows that the window was filled up to."""
        first = self._inputs[0]
        if first.kind == "flat":
            return len(data["inputs"][first.group])
        return len(data["inputs"][f"{first.group}_offsets"]) - 1

    def _outputs(
        self, trained: list[Tensor], rest: list[Tensor], data: Data, which: Tensor, training: bool
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        batch = gather(self._inputs, data["inputs"], which, slots)
        given = {name: batch[name] for name in self._names}
        found: tuple[dict[str, Tensor], list[Tensor]] = self._network.stateless_call(
            trained, rest, given, training=training
        )
        return found

    def _step(self, state: State, data: Data, which: Tensor) -> tuple[State, Tensor]:
        trained, rest, slots = state

        def loss_of(trained: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            assert self._loss is not None
            found, others = self._outputs(trained, rest, data, which, training=True)
            return self._loss(found, data, which), others

        (loss, rest), gradients = jax.value_and_grad(loss_of, has_aux=True)(trained)
        trained, slots = self._optimizer.stateless_apply(slots, gradients, trained)
        return (trained, rest, slots), loss[None]

    def _loss_of(self, state: State, data: Data, which: Tensor) -> tuple[State, Tensor]:
        assert self._loss is not None
        found, _ = self._outputs(state[0], state[1], data, which, training=False)
        return state, self._loss(found, data, which)[None]

    def _predicted(self, state: State, data: Data, which: Tensor) -> tuple[State, Tensor]:
        return state, self._outputs(state[0], state[1], data, which, training=False)[0][self._output]


def slots(count: Tensor, length: int) -> Tensor:
    """As many as the group has: another length would be another shape, to be compiled again."""
    return jnp.arange(length, dtype=jnp.int32)
