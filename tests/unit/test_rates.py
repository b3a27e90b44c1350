"""Protects the learning rates of networks: of each step what the schedule says; the default to the bit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith.classifiers._rates import rates
from jetsmith.specs.classifiers import ScheduleSpec, TrainingSpec


def of(epochs: int, steps: int, rate: float = 1.0, **schedule: object) -> list[float]:
    training = TrainingSpec(epochs=epochs, learning_rate=rate, schedule=ScheduleSpec(**schedule))
    found = rates(training, steps)
    assert (found.dtype, found.shape) == (np.float32, (epochs * steps,))
    return found.tolist()


@pytest.mark.parametrize("epochs", [1, 2, 7, 30, 100])
def test_the_default_is_what_it_was(epochs: int) -> None:
    """A cosine to 2%, the same in all steps of an epoch: to the bit what the optimiser was given before."""
    found = np.reshape(of(epochs, 3, 3e-3), (epochs, 3))
    before = [3e-3 * (0.02 + (1 - 0.02) * (1 + np.cos(np.pi * k / epochs)) / 2) for k in range(epochs)]
    assert (found == np.float32(before)[:, None]).all()


def test_shapes_by_hand() -> None:
    """Each one written out, two steps an epoch."""
    assert of(3, 2, 0.5, shape="constant") == [0.5] * 6
    assert of(2, 2, shape="exponential", last=0.25) == [1, 1, 0.5, 0.5]
    assert of(5, 1, shape="step", every=2, factor=0.5) == [1, 1, 0.5, 0.5, 0.25]
    assert of(2, 2, shape="constant", warmup_epochs=1.5) == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert of(5, 1, shape="exponential", last=0.01, hold_epochs=3) == pytest.approx([1, 1, 1, 1, 0.1])
    warm = of(4, 2, warmup_epochs=1, last=0.1)
    assert warm == pytest.approx(
        [0.5, 1, 1, 1, *(0.1 + 0.9 * (1 + math.cos(math.pi * k / 3)) / 2 for k in (1, 1, 2, 2))]
    )


@pytest.mark.parametrize("shape", ["cosine", "exponential", "one_cycle"])
def test_the_last_rate_is_of_the_step_behind_the_end(shape: str) -> None:
    """As its description says: the last epoch itself is still above it, by as much as its length."""
    found = np.array(of(5, 400, shape=shape, last=0.02))
    assert found[-1] > 0.02
    if shape == "one_cycle":
        assert found[-1] == pytest.approx(0.02, abs=1e-6)
    else:
        assert found[-1] == pytest.approx({"cosine": 0.114, "exponential": 0.044}[shape], abs=5e-4)


def test_one_cycle_by_hand() -> None:
    """From 1/25 up and down to the last rate, as a cosine each, from step to step."""
    found = of(4, 2, shape="one_cycle", warmup_epochs=1, hold_epochs=0.5, last=0.1)
    up = [1 / 25, 1 / 25 + (1 - 1 / 25) / 2]
    down = [0.1 + 0.9 * (1 + math.cos(math.pi * k / 5)) / 2 for k in range(5)]
    assert found == pytest.approx([*up, 1, *down])


@given(
    shape=st.sampled_from(["cosine", "constant", "exponential", "step", "one_cycle"]),
    epochs=st.integers(2, 40),
    steps=st.integers(1, 9),
    warmup=st.floats(0.1, 0.9),
    last=st.floats(0.01, 1),
)
def test_every_rate_is_one(shape: str, epochs: int, steps: int, warmup: float, last: float) -> None:
    """Above 0 and at most the largest; once warm it never rises again."""
    found = np.array(of(epochs, steps, 1e-3, shape=shape, warmup_epochs=warmup, last=last))
    assert found.min() > 0
    assert found.max() <= np.float32(1e-3)
    warm = found[math.ceil(warmup * steps) :]
    assert (np.diff(warm) <= 0).all()
