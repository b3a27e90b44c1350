"""What the backend `keras` does: own training loop, checkpoints that change nothing.

Order and seeds come from here, from the seed and the number of the epoch; an engine (`_tensorflow`) runs
the batches of a window in one call. So a training that was killed and goes on from its last checkpoint
ends where an uninterrupted one does.
"""

import contextlib
import json
import math
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from jetsmith import io, plugs
from jetsmith.archives import steady
from jetsmith.classifiers import STARTED, Device, Task, _start, require_classes, stalled
from jetsmith.classifiers._batches import summed_loss, terms
from jetsmith.classifiers._feed import AHEAD, Feed, room_of, rows_within, windows_of
from jetsmith.classifiers._heads import judge
from jetsmith.classifiers._images import mean_images
from jetsmith.classifiers._rates import rates, schedule_of
from jetsmith.classifiers._scaler import Scaler, fit_scalers, largest
from jetsmith.errors import InputError
from jetsmith.io import FloatArray, IntArray
from jetsmith.losses import output_of
from jetsmith.models import CLASSES
from jetsmith.packed.rows import Batch, Rows
from jetsmith.progress import Progress
from jetsmith.specs.classifiers import RecipeSpec

PREDICT_ROWS = 4096
PREDICT_BYTES = 1 << 30  # of windows at work, as no job that applies a network has less than 4 GB
HEADS = "heads.json"  # of a model: how well its auxiliary heads do
IMAGES = "images.json"  # likewise: mean images of the classes, where it makes some
MEMORY_SHARE = 0.5  # of the job's memory, for windows: those at work, and those that stay
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # weights are float32 in both


def device(spec: RecipeSpec, threads: int, gpus: int) -> Device:
    """What its engine computes on."""
    found: Device = engine_of(spec, threads).device(gpus)
    return found


def engine_of(spec: RecipeSpec, threads: int) -> Any:
    """What runs its network, such as `_tensorflow`; the first in a process decides, as Keras wants it.

    Raises:
        InputError: It is not installed.
    """
    os.environ["KERAS_BACKEND"] = spec.engine
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no GPU is no error of each job (docs/site.md)
    try:
        if spec.engine == "jax":
            from jetsmith.classifiers import _jax as engine
        else:
            from jetsmith.classifiers import _tensorflow as engine  # type: ignore[no-redef]
    except ModuleNotFoundError as error:
        raise InputError(
            f"{spec.name}: engine `{spec.engine}` is not installed ({error}): make setup EXTRAS=jax"
        ) from error
    engine.prepare(threads)
    import keras

    assert keras.backend.backend() == os.environ["KERAS_BACKEND"], "Keras runs another engine already"
    return engine


def fit(task: Task) -> list[dict[str, float]]:
    """Train until the validation loss has not fallen for `patience` epochs; keep the best epoch.

    Raises:
        InputError: The loss is not finite; epoch and the largest inputs are named.
    """
    engine = engine_of(task.spec, task.threads)
    import keras

    # Names that Keras numbers follow from the network, and not from others that the process has made before.
    keras.utils.clear_session()
    keras.utils.set_random_seed(int(np.random.default_rng([task.seed, 3]).integers(2**31)))
    scalers = fit_scalers(task.train.rows)
    model = build_model(task.spec, scalers)
    started: dict[str, Any] = {}
    if task.start is not None:
        scalers, started = _start.start(task.spec, model, scalers, task.start)
    training = Training(task, model, scalers, engine)
    checkpoint = task.folder / "checkpoint.npz"
    history, best = training.restore(checkpoint)
    if started and not history:
        started["validation_loss"] = training.evaluate(0)
        _start.told(task.spec.name, started)
        io.write_json(task.folder / STARTED, started)
    while len(history) < task.spec.training.epochs and not stalled(history, task.spec.training.patience):
        history.append(training.epoch(len(history)))
        task.live(history)
        if history[-1]["validation_loss"] <= min(row["validation_loss"] for row in history):
            best = [np.array(weight) for weight in model.get_weights()]
        if len(history) % task.spec.training.checkpoint_every == 0:
            training.save(checkpoint, history, best)
    model.set_weights(best)
    io.write_json(task.folder / "scaler.json", {name: scaler.record() for name, scaler in scalers.items()})
    with io.atomic_file(task.folder / "model.keras") as temporary:
        finished(exact(task.spec, model, scalers), adversaries(task.spec)).save(temporary)
        temporary.write_bytes(steady(temporary.read_bytes()))
    if task.judged is not None:
        io.write_json(task.folder / HEADS, judge(task.spec, model, *task.judged))
    if (images := mean_images(task.spec, model, task.validation)) is not None:
        io.write_json(task.folder / IMAGES, images)
    checkpoint.unlink(missing_ok=True)
    return history


def build_model(spec: RecipeSpec, scalers: dict[str, Scaler]) -> Any:
    """The network of a classifier with its standardisation set; raw outputs by their names.

    Raises:
        ConfigError: There is no such model, or no such loss.
    """
    model = plugs.find("models", spec.model, f"{spec.name}: model", "value")
    n_classes = len(spec.classes)
    outputs = {
        name: output_of(term.plug, term.options, n_classes)
        for name, term in terms(spec).items()
        if term.plug.OUTPUT is not None
    }
    with _computing_in(POLICIES[spec.precision]):
        network = model.build(spec.inputs, outputs, model.Options.model_validate(spec.architecture))
    scale(network, scalers, spec)
    return network


def scale(network: Any, scalers: dict[str, Scaler], spec: RecipeSpec) -> None:
    """Set the standardisation of each group; a network of images has none of the sequences that it draws."""
    drawn = [i.group for i in spec.inputs if i.kind == "sequence"] if plugs.shows_image(spec) else []
    for group, scaler in scalers.items():
        if group not in drawn:
            network.get_layer(f"standardise_{group}").set(**scaler.numbers())


def exact(spec: RecipeSpec, model: Any, scalers: dict[str, Scaler]) -> Any:
    """The network in float32 with the same weights: what leaves computes the same wherever it runs."""
    if spec.precision == "float32":
        return model
    found = build_model(spec.model_copy(update={"precision": "float32"}), scalers)
    found.set_weights(model.get_weights())
    return found


@contextlib.contextmanager
def _computing_in(policy: str) -> Iterator[None]:
    """What layers compute in, where they do not say it themselves."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def adversaries(spec: RecipeSpec) -> list[str]:
    """Outputs that only training needs."""
    return [name for name, term in terms(spec).items() if term.plug.OUTPUT == "adversary"]


def finished(network: Any, without: Collection[str] = ()) -> Any:
    """The network as it is saved: its output `classes` are probabilities, others, but some, as they are."""
    import keras

    outputs = {name: output for name, output in network.output.items() if name not in without}
    outputs[CLASSES] = keras.layers.Softmax(name="probabilities")(outputs[CLASSES])
    return keras.Model({tensor.name: tensor for tensor in network.inputs}, outputs)


@dataclass
class Training:
    """A network in training."""

    task: Task
    model: Any
    scalers: dict[str, Scaler]
    engine: Any

    def __post_init__(self) -> None:
        import keras

        task, engine, size = self.task, self.engine, self.task.spec.training.batch_size
        self.steps = math.ceil(len(task.train.rows) / size)
        self.rates = rates(task.spec.training, self.steps)
        self.optimizer = keras.optimizers.Adam(schedule_of(self.rates))
        self.optimizer.build(self.model.trainable_variables)
        self._runs = engine.Runs(
            self.model, task.spec.inputs, summed_loss(task.spec, engine.slots), self.optimizer, task.devices
        )
        rooms, ahead = [engine.room()] * 2, AHEAD
        if task.memory_mb and engine.device(task.devices).kind == "cpu":  # windows stay in the job's memory
            both = windows_of(task.train, size), windows_of(task.validation, PREDICT_ROWS)
            *rooms, ahead = room_of(int(task.memory_mb * 1e6 * MEMORY_SHARE), *both)
        upload = self._runs.upload
        self._train = Feed(task.train, size, upload, rooms[0], ahead)
        self._validation = Feed(task.validation, PREDICT_ROWS, upload, rooms[1], ahead)
        self._progress = Progress(
            f"train {task.spec.name}", task.spec.training.epochs * len(task.train.rows), "rows"
        )

    def epoch(self, number: int) -> dict[str, float]:
        """One pass over the training rows and one over the validation rows; `number` starts at 0."""
        start, training, n_rows = time.monotonic(), self.task.spec.training, len(self.task.train.rows)
        self._seed(number)
        rng = np.random.default_rng([self.task.seed, 4, number])
        total, done = 0.0, 0
        for window, data in self._train(rng.permutation(len(self._train.slices))):
            order = rng.permutation(window.stop - window.start)
            losses = self._runs.train(data, order, training.batch_size)
            total += self.sum_losses(number, losses, order, training.batch_size, window, self.task.train.rows)
            del data  # before the next one is there
            done += len(order)
            note = f"epoch {number + 1}, loss {total / done:.5f}"
            self._progress.update(number * n_rows + min(done, n_rows - 1), note)
        means = {
            "loss": total / float(self.task.train.weight.sum(dtype=np.float64)),
            "validation_loss": self.evaluate(number),
        }
        self._report(number, means, start)
        about = {
            "seconds": round(time.monotonic() - start, 3),
            "learning_rate": float(self.rates[(number + 1) * self.steps - 1]),
        }
        return {"epoch": number + 1, **means, **about}

    def evaluate(self, number: int) -> float:
        """Mean loss of the validation rows; `number` of the epoch is for messages."""
        data, total = self.task.validation, 0.0
        for window, arrays in self._validation(range(len(self._validation.slices))):
            order = np.arange(window.stop - window.start)
            losses = self._runs.losses(arrays, order, PREDICT_ROWS)
            del arrays
            total += self.sum_losses(number, losses, order, PREDICT_ROWS, window, data.rows)
        return total / float(data.weight.sum(dtype=np.float64))

    def sum_losses(
        self, number: int, losses: FloatArray, order: IntArray, size: int, window: slice, rows: Rows
    ) -> float:
        """Sum over the rows of a window, of the mean losses of its batches; all have to be finite."""
        total = 0.0
        for loss, first in zip(losses.tolist(), range(0, len(order), size), strict=True):
            which = order[first : first + size]
            if not np.isfinite(loss):
                self._give_up(number, rows.batch(window.start + which))
            total += loss * len(which)
        return total

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

    def _give_up(self, number: int, batch: Batch) -> NoReturn:
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
        arrays = {f"now_{i}": np.array(v) for i, v in enumerate(self._variables())}
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
            history = json.loads(str(found["history"]))
        self._progress.go_on(len(history) * len(self.task.train.rows))
        return history, best


def predict(spec: RecipeSpec, model: Path, rows: Rows, threads: int) -> FloatArray:
    """Class probabilities, shape (N, C), float32.

    Raises:
        InputError: The network gives a probability that is not finite, or is of another number of classes.
    """
    return _output(spec, model, rows, threads, CLASSES, len(spec.classes))


def estimate(spec: RecipeSpec, model: Path, rows: Rows, threads: int, output: str, width: int) -> FloatArray:
    """An output of so many numbers of each row, shape (N, width), float32.

    Raises:
        InputError: The network has no such output, or gives a number that is not finite.
    """
    return _output(spec, model, rows, threads, output, width)


def _output(spec: RecipeSpec, model: Path, rows: Rows, threads: int, output: str, width: int) -> FloatArray:
    """What the network gives of each row by this name, shape (N, width)."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    engine = engine_of(spec, threads)
    from jetsmith.models._saved import load

    network = load(model)
    require_classes(model, network.output[CLASSES].shape[-1], spec)
    if output not in network.output or network.output[output].shape[-1] != width:
        raise InputError(f"{model}: the network has no output `{output}` of {width} numbers; train it again")
    runs = engine.Runs(network, spec.inputs, output=output)
    fewer = rows_within(PREDICT_BYTES, rows, PREDICT_ROWS)  # the batches stay what they are
    feed = Feed(rows, PREDICT_ROWS, runs.upload, room=0, n_rows=fewer)
    out = np.empty((len(rows), width), np.float32)
    progress = Progress(f"score {spec.name}", len(rows), "rows")
    for window, data in feed(range(len(feed.slices))):
        out[window] = runs.predict(data, np.arange(window.stop - window.start), PREDICT_ROWS)
        del data
        progress.update(window.stop)
    if not np.isfinite(out).all():
        what = "probabilities" if output == CLASSES else f"numbers `{output}`"
        raise InputError(f"{model}: the network gives {what} that are not finite; train it again")
    return out
