"""What the backend `keras` does: own training loop, checkpoints that change nothing.

Everything random in an epoch follows from the seed and the number of the epoch, so a training that
was killed and goes on from its last checkpoint ends where an uninterrupted one does.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from jetsmith import io, plugs
from jetsmith.classifiers import Labelled, Task, require_classes, stalled
from jetsmith.classifiers._scaler import Scaler, fit_scalers, largest
from jetsmith.errors import InputError
from jetsmith.io import FloatArray, IntArray
from jetsmith.losses import Loss, Seen
from jetsmith.packed.rows import Rows
from jetsmith.progress import Progress
from jetsmith.specs.classifiers import LossSpec, RecipeSpec

PREDICT_ROWS = 4096
WINDOW = 65_536  # rows that are shuffled among themselves, so that memory maps are read in stretches
LAST_RATE = 0.02  # learning rate at the end over that at the start, falling as a cosine
CLASSES = "classes"  # the output that every classifier has


def fit(task: Task) -> list[dict[str, float]]:
    """Train until the validation loss has not fallen for `patience` epochs; keep the best epoch.

    Raises:
        InputError: The loss is not finite; epoch and the largest inputs are named.
    """
    import keras

    _prepare(task.threads)
    keras.utils.set_random_seed(int(np.random.default_rng([task.seed, 3]).integers(2**31)))
    scalers = fit_scalers(task.train.rows)
    model = build_model(task.spec, scalers)
    training = Training(task, model, keras.optimizers.Adam(task.spec.training.learning_rate), scalers)
    checkpoint = task.folder / "checkpoint.npz"
    history, best = training.restore(checkpoint)
    while len(history) < task.spec.training.epochs and not stalled(history, task.spec.training.patience):
        history.append(training.epoch(len(history)))
        if history[-1]["validation_loss"] <= min(row["validation_loss"] for row in history):
            best = [np.array(weight) for weight in model.get_weights()]
        if len(history) % task.spec.training.checkpoint_every == 0:
            training.save(checkpoint, history, best)
    model.set_weights(best)
    io.write_json(task.folder / "scaler.json", {name: scaler.record() for name, scaler in scalers.items()})
    with io.atomic_file(task.folder / "model.keras") as temporary:
        finished(model).save(temporary)
    checkpoint.unlink(missing_ok=True)
    return history


def build_model(spec: RecipeSpec, scalers: dict[str, Scaler]) -> Any:
    """The network of a classifier with its standardisation set; raw outputs by their names.

    Raises:
        ConfigError: There is no such model, or no such loss.
    """
    model = plugs.find("models", spec.model, f"{spec.name}: model", "value")
    widths = {name: len(spec.classes) if term.plug.CLASSES else 1 for name, term in terms(spec).items()}
    network = model.build(spec.inputs, widths, model.Options.model_validate(spec.architecture))
    for group, scaler in scalers.items():
        network.get_layer(f"standardise_{group}").set(**scaler.numbers())
    return network


def finished(network: Any) -> Any:
    """The network as it is saved: its output `classes` are probabilities, others as they are."""
    import keras

    outputs = dict(network.output)
    outputs[CLASSES] = keras.layers.Softmax(name="probabilities")(outputs[CLASSES])
    return keras.Model({tensor.name: tensor for tensor in network.inputs}, outputs)


@dataclass(frozen=True)
class Term:
    """One term of the sum that a network learns by: a loss, its keys, its factor."""

    plug: Loss
    options: Any
    weight: float


def terms(spec: RecipeSpec) -> dict[str, Term]:
    """The losses of a classifier, by output of its network.

    Raises:
        ConfigError: There is no such loss.
    """
    found = {}
    for name, given in (spec.losses or {CLASSES: LossSpec()}).items():
        plug = plugs.find("losses", given.loss, f"{spec.name}: losses.{name}", "value")
        found[name] = Term(cast(Loss, plug), plug.Options.model_validate(given.options), given.weight)
    return found


@dataclass
class Training:
    """A network in training with its compiled steps."""

    task: Task
    model: Any
    optimizer: Any
    scalers: dict[str, Scaler]

    def __post_init__(self) -> None:
        self.optimizer.build(self.model.trainable_variables)
        self._step, self._loss = _compiled(self.task.spec, self.model, self.optimizer)
        self._progress = Progress(
            f"train {self.task.spec.name}", self.task.spec.training.epochs * len(self.task.train.rows), "rows"
        )

    def epoch(self, number: int) -> dict[str, float]:
        """One pass over the training rows and one over the validation rows; `number` starts at 0."""
        start, train, training = time.monotonic(), self.task.train, self.task.spec.training
        self._seed(number)
        self.optimizer.learning_rate.assign(_rate(training.learning_rate, number, training.epochs))
        order = _shuffled(len(train.rows), np.random.default_rng([self.task.seed, 4, number]))
        total = norm = 0.0
        for first in range(0, len(order), training.batch_size):
            which = order[first : first + training.batch_size]
            batch = train.rows.batch(which)
            loss = float(self._step(batch, *_beside(train, which)))
            if not np.isfinite(loss):
                self._give_up(number, batch)
            total, norm = total + loss * len(which), norm + float(train.weight[which].sum())
            self._progress.update(
                number * len(order) + min(first + len(which), len(order) - 1), f"epoch {number + 1}"
            )
        losses = {"loss": total / norm, "validation_loss": self._evaluate(number)}
        self._report(number, losses, start)
        return {"epoch": number + 1, **losses, "seconds": round(time.monotonic() - start, 3)}

    def _evaluate(self, number: int) -> float:
        data: Labelled = self.task.validation
        total = 0.0
        for which in data.rows.slices(PREDICT_ROWS):
            batch = data.rows.batch(which)
            loss = float(self._loss(batch, *_beside(data, which)))
            if not np.isfinite(loss):
                self._give_up(number, batch)
            total += loss * (which.stop - which.start)
        return total / float(data.weight.sum(dtype=np.float64))

    def _report(self, number: int, losses: dict[str, float], start: float) -> None:
        """A line each epoch, however short."""
        n_epochs, n_rows = self.task.spec.training.epochs, len(self.task.train.rows)
        seconds = time.monotonic() - start
        self._progress.update(
            (number + 1) * n_rows,
            f"epoch {number + 1} of at most {n_epochs}: loss {losses['loss']:.5f}, validation "
            f"{losses['validation_loss']:.5f}, {seconds:.1f} s",
            always=True,
        )

    def _give_up(self, number: int, batch: dict[str, Any]) -> NoReturn:
        raise InputError(
            f"{self.task.spec.name}: the loss is not finite in epoch {number + 1}; largest standardised "
            f"inputs of the batch: {largest(self.scalers, batch)}. Lower training.learning_rate, or `clip` "
            "the feature in config/features"
        )

    def _seed(self, number: int) -> None:
        """Start the generators of the dropout layers afresh."""
        rng = np.random.default_rng([self.task.seed, 5, number])
        for state in self._states():
            state.assign(rng.integers(2**31, size=2).astype(np.uint32))

    def _states(self) -> list[Any]:
        return [v for v in self.model.variables if "seed_generator_state" in v.path]

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.optimizer.variables]

    def save(self, path: Path, history: list[dict[str, float]], best: list[FloatArray]) -> None:
        """Write weights, optimiser, best weights and history; what is random follows from the epoch."""
        arrays = {f"now_{i}": v.numpy() for i, v in enumerate(self._variables())}
        arrays |= {f"best_{i}": weight for i, weight in enumerate(best)}
        file = BytesIO()
        np.savez(file, allow_pickle=False, history=json.dumps(history), **arrays)
        io.write_sealed(path, file.getvalue())

    def restore(self, path: Path) -> tuple[list[dict[str, float]], list[FloatArray]]:
        """Go on from a checkpoint where there is one; history and best weights."""
        content = io.read_sealed(path)
        if content is None:
            return [], self.model.get_weights()
        with np.load(BytesIO(content), allow_pickle=False) as found:
            for i, variable in enumerate(self._variables()):
                variable.assign(found[f"now_{i}"])
            best = [found[f"best_{i}"] for i in range(len(self.model.weights))]
            return json.loads(str(found["history"])), best


def _beside(data: Labelled, which: slice | IntArray) -> tuple[Any, ...]:
    """What a step gets of some rows beside their inputs."""
    side = {name: values[which] for name, values in data.side.items()}
    return data.target[which], data.weight[which], side


def _compiled(spec: RecipeSpec, model: Any, optimizer: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The step of the optimiser and the loss alone; both give the sum of factor × loss of all outputs."""
    import tensorflow as tf

    names = [tensor.name for tensor in model.inputs]
    number = tf.TensorSpec((None,), tf.float32)
    signature = (
        {name: tf.TensorSpec(t.shape, t.dtype) for name, t in zip(names, model.inputs, strict=True)},
        tf.TensorSpec((None,), tf.int32),
        number,
        {name: number for inputs in spec.side for name in inputs.features},
    )
    summed = terms(spec)

    def loss_of(batch: Any, target: Any, weight: Any, side: Any, training: bool) -> Any:
        found = model({name: batch[name] for name in names}, training=training)
        seen = Seen(target, weight, side, spec.class_names)
        losses = [term.weight * term.plug.loss(found[n], seen, term.options) for n, term in summed.items()]
        return sum(losses[1:], start=losses[0])

    @tf.function(input_signature=signature, jit_compile=False)  # XLA slows recurrent layers
    def step(batch: Any, target: Any, weight: Any, side: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(batch, target, weight, side, training=True)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    @tf.function(input_signature=signature, jit_compile=False)
    def loss_alone(batch: Any, target: Any, weight: Any, side: Any) -> Any:
        return loss_of(batch, target, weight, side, training=False)

    return step, loss_alone


def _shuffled(n: int, rng: np.random.Generator) -> IntArray:
    """A permutation of n rows: windows in random order, rows in random order in each."""
    starts = rng.permutation(np.arange(0, n, WINDOW))
    return np.concatenate([rng.permutation(np.arange(s, min(s + WINDOW, n))) for s in starts])


def _rate(start: float, epoch: int, epochs: int) -> float:
    return float(start * (LAST_RATE + (1 - LAST_RATE) * (1 + np.cos(np.pi * epoch / epochs)) / 2))


def _prepare(threads: int) -> None:
    """Set threads and determinism; in a process where TensorFlow works already, its threads stay."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        if "after initialization" not in str(error) and "cannot be modified" not in str(error):
            raise
    tf.config.experimental.enable_op_determinism()


def predict(spec: RecipeSpec, model: Path, rows: Rows, threads: int) -> FloatArray:
    """Class probabilities, shape (N, C), float32.

    Raises:
        InputError: The network gives a probability that is not finite, or is of another number of classes.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    import keras
    import tensorflow as tf

    import jetsmith.models._layers  # noqa: F401  registers the layers that the file names

    _prepare(threads)
    network = keras.models.load_model(model / "model.keras", compile=False, safe_mode=True)
    require_classes(model, network.output[CLASSES].shape[-1], spec)
    names = [tensor.name for tensor in network.inputs]
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in network.inputs]
    call = tf.function(
        lambda *tensors: network(dict(zip(names, tensors, strict=True)))[CLASSES], input_signature=specs
    ).get_concrete_function()  # each fold has its own: TensorFlow would warn of repeated tracing
    out = np.empty((len(rows), len(spec.classes)), np.float32)
    progress = Progress(f"score {spec.name}", len(rows), "rows")
    for which in rows.slices(PREDICT_ROWS):
        batch = rows.batch(which)
        out[which] = call(*(batch[name] for name in names)).numpy()
        progress.update(which.stop)
    if not np.isfinite(out).all():
        raise InputError(f"{model}: the network gives probabilities that are not finite; train it again")
    return out
