"""The recurrence of an LSTM on JAX with its backward pass written out.

Automatic differentiation adds the gradient of the recurrent weights up step by step and keeps many arrays;
here it is one product behind the loop, and gates and cells alone are kept.
"""

from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

Tensor = Any
FLOAT32 = jnp.float32  # of cells and sums, whatever the inputs are


@jax.custom_vjp
def last_state(projected: Tensor, recurrent: Tensor) -> Tensor:
    """The last hidden state of an LSTM with sigmoid gates; its state starts at zero.

    Args:
        projected: Input times kernel, plus bias, shape (T, n, 4·U), the first step first; gates i, f, g, o.
        recurrent: Shape (U, 4·U).

    Returns:
        Shape (n, U).
    """
    return _forward(projected, recurrent)[0]


def _forward(projected: Tensor, recurrent: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    n, units = projected.shape[1], recurrent.shape[0]

    def step(state: tuple[Tensor, Tensor], x: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        h, c = state
        i, f, g, o = jnp.split(x.astype(FLOAT32) + _dot(h, recurrent), 4, axis=-1)
        i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
        c = f * c + i * g
        h = (o * jnp.tanh(c)).astype(projected.dtype)
        return (h, c), (jnp.concatenate([i, f, g, o], -1).astype(projected.dtype), c)

    start = jnp.zeros((n, units), projected.dtype), jnp.zeros((n, units), FLOAT32)
    (h, _), (gates, cells) = lax.scan(step, start, projected)
    return h, (gates, cells, recurrent)


def _backward(kept: tuple[Tensor, Tensor, Tensor], dh: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients by `projected` and `recurrent`; z are the gates before their activation."""
    gates, cells, recurrent = kept
    before = jnp.concatenate([jnp.zeros_like(cells[:1]), cells[:-1]])

    def step(state: tuple[Tensor, Tensor], given: tuple[Tensor, Tensor, Tensor]) -> Any:
        dh, dc = state
        gate, c, previous = given
        i, f, g, o = jnp.split(gate.astype(FLOAT32), 4, axis=-1)
        t = jnp.tanh(c)
        dc = dc + dh * o * (1 - t * t)
        dz = [dc * g * i * (1 - i), dc * previous * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)]
        dz = jnp.concatenate(dz, -1).astype(gates.dtype)
        return (_dot(dz, recurrent.T), dc * f), dz

    start = dh.astype(FLOAT32), jnp.zeros(dh.shape, FLOAT32)
    _, dz = lax.scan(step, start, (gates, cells, before), reverse=True)
    o = jnp.split(gates, 4, axis=-1)[3][:-1].astype(FLOAT32)
    h = (o * jnp.tanh(cells[:-1])).astype(gates.dtype)  # before the second step, the third, …
    return dz, _dot(_lines(h).T, _lines(dz[1:])).astype(recurrent.dtype)


last_state.defvjp(_forward, _backward)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return jnp.matmul(a, b, preferred_element_type=FLOAT32)


def _lines(a: Tensor) -> Tensor:
    return a.reshape(-1, a.shape[-1])
