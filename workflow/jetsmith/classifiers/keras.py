"""Networks by Keras on TensorFlow; what they look like is a module of `jetsmith.models`."""

from pathlib import Path
from typing import TYPE_CHECKING

from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.classifiers import Device, Task
    from jetsmith.io import FloatArray
    from jetsmith.packed.rows import Rows

TRAINS, COMPUTES, SEQUENCES, MODELS = True, True, True, True
SIGNED, TAGS = True, True


def device(spec: RecipeSpec, threads: int, gpus: int) -> "Device":
    """See `_keras.device`."""
    from jetsmith.classifiers import _keras

    return _keras.device(spec, threads, gpus)


def fit(task: "Task") -> list[dict[str, float]]:
    """See `_keras.fit`."""
    from jetsmith.classifiers import _keras

    return _keras.fit(task)


def predict(spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """See `_keras.predict`."""
    from jetsmith.classifiers import _keras

    return _keras.predict(spec, model, rows, threads)


def estimate(
    spec: RecipeSpec, model: Path, rows: "Rows", threads: int, output: str, width: int
) -> "FloatArray":
    """See `_keras.estimate`."""
    from jetsmith.classifiers import _keras

    return _keras.estimate(spec, model, rows, threads, output, width)
