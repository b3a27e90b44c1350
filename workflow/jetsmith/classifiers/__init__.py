"""Backends: each module here trains and applies one kind of classifier; its name is the config key.

A backend is a module with the functions of `Backend`. Nothing else knows which backends there are.
"""

import importlib
import os
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from jetsmith.classifiers._rows import Batch, Rows
from jetsmith.errors import ConfigError
from jetsmith.io import FloatArray, IntArray
from jetsmith.records import hint
from jetsmith.specs import ClassifierSpec

# Before a backend loads OpenMP: on shared cores its waiting threads otherwise burn those that work, and
# XGBoost boosts ten times slower and worse.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["Backend", "Batch", "Labelled", "Rows", "Task", "choose", "find_backend", "flat_only"]


@dataclass(frozen=True)
class Labelled:
    """Rows with what a classifier is to learn from them.

    Attributes:
        rows: N rows.
        target: Index of the class, shape (N,), int32.
        weight: Not negative, mean 1, shape (N,), float32.
    """

    rows: Rows
    target: IntArray
    weight: FloatArray


@dataclass(frozen=True)
class Task:
    """All that a training needs.

    Attributes:
        spec: The classifier.
        train: Rows to fit on.
        validation: Rows for early stopping.
        folder: Where the model goes. Checkpoints too; what lies there from an earlier run of the
            same task is gone on with.
        seed: Everything random follows from it.
        threads: CPU threads.
    """

    spec: ClassifierSpec
    train: Labelled
    validation: Labelled
    folder: Path
    seed: int
    threads: int


class Backend(Protocol):
    """What a module of this package offers."""

    TRAINS: bool
    """False where there is nothing to train; `fit` is then not called."""

    def fit(self, task: Task) -> list[dict[str, float]]:
        """Train, write the model into the task's folder and remove the checkpoints.

        Returns:
            The history: epoch (or round), loss, validation_loss and seconds of each.
        """

    def predict(self, spec: ClassifierSpec, model: Path, rows: Rows, threads: int) -> FloatArray:
        """Class probabilities, shape (N, C), float32; a row of NaN where the row has no score."""


def find_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        ConfigError: There is none; the message lists those that there are.
    """
    return cast(Backend, choose(__name__, __path__, name, "backend"))


def choose(package: str, path: Any, name: str, key: str) -> Any:
    """Import the module `name` of a package; a ConfigError with the choices where there is none.

    Args:
        package: Dotted name of the package.
        path: Its `__path__`.
        name: Value from the configuration.
        key: Configuration key, for the message.
    """
    choices = [module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")]
    if name not in choices:
        raise ConfigError(f"{key}: unknown value `{name}`{hint(name, choices)}")
    return importlib.import_module(f"{package}.{name}")


def flat_only(spec: ClassifierSpec, choices: dict[str, Any]) -> dict[str, Any]:
    """The `architecture` of a classifier of trees over its defaults, once both are checked.

    Raises:
        ConfigError: The classifier reads a sequence, or `architecture` has an unknown key.
    """
    sequences = [inputs.group for inputs in spec.inputs if inputs.kind == "sequence"]
    if sequences:
        raise ConfigError(
            f"{spec.name}: inputs: {', '.join(sequences)} is a sequence; backend {spec.backend} reads flat "
            "features alone. Give summaries of it, or take backend keras"
        )
    for key in spec.architecture:
        if key not in choices:
            raise ConfigError(f"{spec.name}: architecture: unknown key `{key}`{hint(key, choices)}")
    return choices | spec.architecture
