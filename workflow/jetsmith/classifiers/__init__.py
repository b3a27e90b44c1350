"""Backends: each module here trains and applies one kind of classifier; its name is the config key.

A backend is a module with what `Backend` names. Nothing else knows which backends there are.
"""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from jetsmith import plugs
from jetsmith.errors import InputError
from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.classifiers.stored import Stored
    from jetsmith.io import FloatArray, IntArray
    from jetsmith.packed.rows import Rows

# Before a backend loads OpenMP: on shared cores its waiting threads otherwise burn those that work, and
# XGBoost boosts ten times slower and worse.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

STARTED = "started.json"  # in the folder of a network that started from another: what it took


@dataclass(frozen=True)
class Labelled:
    """Rows with what a classifier is to learn from them.

    Attributes:
        rows: N rows.
        target: Index of the class, shape (N,), int32.
        weight: Mean 1, or of a replica the mean of how often its rows are there, shape (N,), float32; below 0
            only where a reweighter is trained.
        side: Columns that losses read beside the inputs, by name, shape (N,) each, float32.
        constituents: The same N rows with the columns of constituents that losses read.
    """

    rows: "Rows"
    target: "IntArray"
    weight: "FloatArray"
    side: "Mapping[str, FloatArray]" = field(default_factory=dict)
    constituents: "Rows | None" = None


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
        devices: GPUs that share each batch, or 1.
        memory_mb: Memory of its job; 0 where nobody has said.
        judged: Rows that the network does not see, and their side columns of constituents: there auxiliary
            heads are judged. None where there are none.
        start: Folder of a trained network whose weights it starts from.
        live: Is told the history so far, after each epoch or round.
    """

    spec: RecipeSpec
    train: Labelled
    validation: Labelled
    folder: Path
    seed: int
    threads: int
    devices: int = 1
    memory_mb: int = 0
    judged: "tuple[Rows, Rows] | None" = None
    start: Path | None = None
    live: "Callable[[Sequence[Mapping[str, float]]], None]" = lambda history: None


@dataclass(frozen=True)
class Device:
    """What a training computes on.

    Attributes:
        kind: `cpu` or `gpu`.
        engine: The library that computes, with its version.
        name: Name of the accelerator.
        count: How many of them share each batch.
    """

    kind: str
    engine: str
    name: str = ""
    count: int = 1

    def __str__(self) -> str:
        many = f"{self.count} " if self.count > 1 else ""
        return f"{self.engine} on {many}{self.name or self.kind.upper()}"


def stalled(history: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Whether so many epochs or rounds have passed since the smallest validation loss."""
    losses = [row["validation_loss"] for row in history]
    return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience


class Backend(Protocol):
    """What a module of this package offers."""

    TRAINS: bool
    """False where there is nothing to train; `fit` is then not called."""

    COMPUTES: bool
    """Whether scores follow from inputs; False where they are read as they stand."""

    SEQUENCES: bool
    """Whether it reads sequences, not flat features alone."""

    SIGNED: bool
    """Whether it learns from weights below 0 as they are."""

    TAGS: bool
    """False where it gives ratios of two generators alone, for reweighters; of some rows it may have none."""

    MODELS: bool
    """True where a module of `jetsmith.models` describes the architecture, the key `model`."""

    Options: ClassVar[type[plugs.Options]]
    """The keys of `architecture`, where `MODELS` is False."""

    def device(self, spec: RecipeSpec, threads: int, gpus: int) -> Device:
        """What a training in a job with so many GPUs computes on.

        Raises:
            InputError: It is not what the classifier asks for.
        """

    def fit(self, task: Task) -> list[dict[str, float]]:
        """Train, write the model into the task's folder and remove the checkpoints.

        Returns:
            The history: epoch (or round), loss, validation_loss and seconds of each.
        """

    def predict(self, spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
        """Class probabilities, shape (N, C), float32; a row of NaN where the file, or a ratio, has none."""

    def estimate(
        self, spec: RecipeSpec, model: Path, rows: "Rows", threads: int, output: str, width: int
    ) -> "FloatArray":
        """Numbers that a network estimates of rows, (N, width), float32; only where `MODELS` is True."""

    def read(self, spec: RecipeSpec, rows: "Rows") -> "Stored":
        """What the file says of each row; only where `TRAINS` is False."""


def on_cpu(spec: RecipeSpec) -> Device:
    """The device of backends that know no other."""
    return Device("cpu", spec.backend)


def require_gpu(spec: RecipeSpec, device: Device, gpus: int) -> None:
    """An InputError where a job holds GPUs and would not train on them."""
    if gpus and (device.kind != "gpu" or device.count < gpus):
        raise InputError(
            f"{spec.name}: the job has asked for {gpus} GPU (`gpu` of its rule, as in the profile's "
            f"`set-resources`) and would train by {device} on {socket.gethostname()}. Networks can use one, "
            "with `engine: jax` several, and trees with `device: cuda` one, where their jobs have CUDA "
            "(docs/site.md, GPUs); elsewhere leave `gpu` out"
        )
    size = spec.training.batch_size
    if gpus > 1 and size % gpus:
        raise InputError(
            f"{spec.name}: training.batch_size, {size}, is no multiple of the {gpus} GPUs that the job has "
            "asked for (`gpu` of its rule): they share each batch"
        )


def require_classes(model: Path, found: int, spec: RecipeSpec) -> None:
    """An InputError where a model gives probabilities of another number of classes."""
    if found != len(spec.classes):
        raise InputError(
            f"{model}: gives {found} probabilities, but {spec.name} has {len(spec.classes)} classes; "
            "train it again"
        )


def find_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        ConfigError: There is none; the message lists those that there are.
    """
    return cast(Backend, plugs.find("classifiers", name, "backend", "value"))
