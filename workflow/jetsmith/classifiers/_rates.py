"""The learning rate of each step of a training, made on the host as the order of the rows is."""

from typing import Any

import numpy as np

from jetsmith.io import FloatArray
from jetsmith.specs.classifiers import ScheduleSpec, TrainingSpec

ONE_CYCLE_START = 1 / 25  # of the largest rate


def rates(training: TrainingSpec, steps: int) -> FloatArray:
    """The learning rate of each step of all epochs, shape (epochs * steps,), float32.

    It rises to `learning_rate` during the warm-up, stays there, and falls from then to the end: from step to
    step in one cycle, else from epoch to epoch.

    Args:
        training: With the schedule.
        steps: Of an epoch.
    """
    schedule, epochs = training.schedule, training.epochs
    now = np.arange(epochs * steps) / steps  # [epochs]
    time = now if schedule.shape == "one_cycle" else np.floor(now)
    fallen = np.maximum(time - schedule.rises_and_stays, 0)
    factor = _fall(schedule, fallen, epochs - schedule.rises_and_stays)
    if schedule.warmup_epochs:
        factor = factor * _rise(schedule, now, steps)
    return np.asarray(training.learning_rate * factor, np.float32)


def _fall(schedule: ScheduleSpec, fallen: FloatArray, span: float) -> FloatArray:
    """Rate over the largest one, so many epochs after the fall began, of `span` epochs."""
    match schedule.shape:
        case "constant":
            found = np.ones_like(fallen)
        case "exponential":
            found = schedule.last ** (fallen / span)
        case "step":
            found = schedule.factor ** np.floor(fallen / schedule.every)
        case _:
            found = schedule.last + (1 - schedule.last) * (1 + np.cos(np.pi * fallen / span)) / 2
    return np.asarray(found, np.float64)


def _rise(schedule: ScheduleSpec, now: FloatArray, steps: int) -> FloatArray:
    """Factor of the warm-up."""
    if schedule.shape == "one_cycle":
        share = np.minimum(now / schedule.warmup_epochs, 1)
        found = ONE_CYCLE_START + (1 - ONE_CYCLE_START) * (1 - np.cos(np.pi * share)) / 2
    else:
        found = np.minimum((now + 1 / steps) / schedule.warmup_epochs, 1)
    return np.asarray(found, np.float64)


def schedule_of(table: FloatArray) -> Any:
    """The rates as Keras' optimisers take them: each engine looks its step up where it computes."""
    import keras

    class Table(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return keras.ops.take(table, step)

        def get_config(self) -> dict[str, Any]:
            return {}

    table = keras.ops.convert_to_tensor(table)
    return Table()
