"""What the backend `xgboost` does: boosting from histograms, early stopping, checkpoints.

XGBoost keeps the bin of every feature of every row, not the features. Where these do not fit the memory of
the job, they lie on disk and are read in each round: slower, with the same trees to the bit.
"""

import contextlib
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from jetsmith import io, plugs
from jetsmith.classifiers import Device, Labelled, Task, require_classes, stalled
from jetsmith.classifiers.xgboost import Options
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.packed import windows
from jetsmith.packed.rows import CHUNK, Rows
from jetsmith.progress import Progress
from jetsmith.specs.classifiers import RecipeSpec

CHECKPOINT_ROUNDS = 10  # times training.checkpoint_every
SAMPLING = ("subsample", "colsample_bytree", "colsample_bynode")
GROWTH = 1.5  # with sampling, from one checkpoint to the next: going on from it costs a prediction


MEMORY_SHARE = 0.5  # of the job's memory, that the bins may take; the rest is for gradients, labels, pieces
SMALLEST = 1e-16  # second derivative: XGBoost's own floor
COPIES = 2  # of each bin: by row, for histograms, and by column, for the way of a row through a tree


class _Chunks(xgboost.DataIter):
    """Hands the rows to XGBoost in pieces, so that no copy of all of them is needed.

    Args:
        data: The rows.
        cache: Beginning of the names of files; None where bins stay in memory.
    """

    def __init__(self, data: Labelled, cache: Path | None) -> None:
        super().__init__(cache_prefix=None if cache is None else os.fspath(cache))
        self._data = data
        self._slices = list(data.rows.slices(CHUNK))
        self._next = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        if self._next == len(self._slices):
            return False
        which = self._slices[self._next]
        self._next += 1
        data = self._data
        data.rows.let_go()  # of the piece before
        weight = np.abs(data.weight[which])  # signs are the objective's, `SignedLoss`
        input_data(data=_matrix(data.rows, which), label=data.target[which], weight=weight)
        return True

    def reset(self) -> None:
        self._next = 0


def _matrix(rows: Rows, which: slice) -> FloatArray:
    """Flat inputs side by side, shape (n, F), float32; of one group without a copy of it."""
    found = windows.read(rows, which)
    arrays = [found[inputs.group] for inputs in rows.inputs]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1)


def gpu(spec: RecipeSpec) -> Device:
    """The GPU that XGBoost sees. Its own way is to train on the CPU where it sees none, with a warning.

    Raises:
        InputError: It was built without CUDA, or there is no GPU.
    """
    why = "was built without CUDA"
    if xgboost.build_info().get("USE_CUDA"):
        with xgboost.config_context(verbosity=0):
            found = json.loads(xgboost.Booster({"device": "cuda", "num_feature": 1}).save_config())
        if found["learner"]["generic_param"]["device"] != "cpu":
            return Device("gpu", f"XGBoost {xgboost.__version__}")
        why = "sees no GPU"
    raise InputError(
        f"{spec.name}: architecture.device is `cuda`, but XGBoost {xgboost.__version__} {why} on "
        f"{socket.gethostname()}; run the rule `train_cuda` where there is one (docs/site.md, GPUs), or "
        "leave `device` out"
    )


def bins_mb(task: Task, max_bin: int) -> float:
    """Memory of the bins of all rows [MB]."""
    rows = len(task.train.rows) + len(task.validation.rows)
    features = sum(len(inputs.features) for inputs in task.spec.inputs)
    return rows * features * COPIES * (1 if max_bin <= 256 else 2) / 1e6


@contextlib.contextmanager
def _cache(task: Task, max_bin: int) -> Iterator[Path | None]:
    """A folder for bins on disk, where it takes one; it is gone afterwards, also that of a killed run."""
    folder = task.folder / "bins"
    shutil.rmtree(folder, ignore_errors=True)
    need, has = bins_mb(task, max_bin), task.memory_mb * MEMORY_SHARE
    if not has or need <= has or plugs.asks_for_gpu(task.spec):  # CUDA takes no rows from disk in this way
        yield None
        return
    print(
        f"[train {task.spec.name}] the bins of all rows need {need:,.0f} MB, more than {MEMORY_SHARE:.0%} of "
        f"the {task.memory_mb:,} MB of the job (`mem_mb`): they lie on disk and are read in each round, "
        "which is slower and gives the same trees",
        file=sys.stderr,
        flush=True,
    )
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _matrices(task: Task, max_bin: int, folder: Path | None) -> list[xgboost.DMatrix]:
    """Bins of the rows to train on, and with the same edges of those to validate on."""
    kind = xgboost.QuantileDMatrix if folder is None else xgboost.ExtMemQuantileDMatrix
    train, validation = (
        _Chunks(data, folder and folder / name)
        for name, data in (("train", task.train), ("validation", task.validation))
    )
    first = kind(train, max_bin=max_bin)
    return [first, kind(validation, max_bin=max_bin, ref=first)]


def fit(task: Task) -> list[dict[str, float]]:
    """Boost until the validation loss has not fallen for `patience` rounds; keep the best round.

    A checkpoint is the booster with the history as an attribute. Rounds are seeded one by one, and
    where rows or columns are sampled an uninterrupted run too goes on from its checkpoints, so that
    an interruption leaves no trace in the result.
    """
    parameters = booster_parameters(task)
    with _cache(task, parameters["max_bin"]) as folder:
        return _boost(task, parameters, _matrices(task, parameters["max_bin"], folder))


def _boost(task: Task, parameters: dict[str, Any], matrices: list[xgboost.DMatrix]) -> list[dict[str, float]]:
    spec, training = task.spec, task.spec.training
    train, validation = matrices
    checkpoint = task.folder / "checkpoint.ubj"
    booster, history = _load(parameters, matrices, checkpoint)
    growth = GROWTH if any(parameters[name] < 1 for name in SAMPLING) else 1.0
    saved = len(history)
    signed = [SignedLoss(data) for data in (task.train, task.validation)] if has_signs(task) else []
    progress = Progress(f"train {spec.name}", training.epochs, "rounds")
    progress.go_on(len(history))
    while len(history) < training.epochs and not stalled(history, training.patience):
        start, this = time.monotonic(), len(history)
        booster.update(train, iteration=this, fobj=signed[0].objective if signed else None)
        if signed:
            found = [of.loss(booster, rows) for of, rows in zip(signed, matrices, strict=True)]
        else:
            found = _told(booster.eval_set([(train, "train"), (validation, "validation")], this))
        losses = _losses(found, spec.name)
        history.append({"epoch": this + 1, **losses, "seconds": round(time.monotonic() - start, 4)})
        note = f"loss {losses['loss']:.5f}, validation {losses['validation_loss']:.5f}"
        progress.update(this + 1, note)
        task.live(history)
        if this + 1 >= max(saved + CHECKPOINT_ROUNDS * training.checkpoint_every, int(growth * saved)):
            saved = this + 1
            _save(booster, history, checkpoint)
            if growth > 1:
                booster, _ = _load(parameters, matrices, checkpoint)
    best = int(np.argmin([row["validation_loss"] for row in history]))
    booster.set_attr(history=None)
    with io.atomic_file(task.folder / "model.json") as temporary:
        temporary.write_bytes(booster[: best + 1].save_raw("json"))
    checkpoint.unlink(missing_ok=True)
    return history


def booster_parameters(task: Task) -> dict[str, Any]:
    """What XGBoost gets."""
    many = len(task.spec.classes) > 2
    start = {"base_score": 0.5} if has_signs(task) else {}  # of levelled classes: XGBoost would take |w|
    return Options.model_validate(task.spec.architecture).model_dump() | {
        "objective": "multi:softprob" if many else "binary:logistic",
        "eval_metric": "mlogloss" if many else "logloss",
        "learning_rate": task.spec.training.learning_rate,
        "tree_method": "hist",
        "seed": int(np.random.default_rng([task.seed, 1]).integers(2**31)),
        "seed_per_iteration": True,  # round i then draws the same whatever came before
        "nthread": task.threads,
        **({"num_class": len(task.spec.classes)} if many else {}),
        **start,
    }


def has_signs(task: Task) -> bool:
    """Whether weights below 0 take part."""
    return any(bool((data.weight < 0).any()) for data in (task.train, task.validation))


class SignedLoss:
    """Cross-entropy of two classes with weights of both signs, which XGBoost itself refuses.

    Gradients are signed, w (p - y). Second derivatives would be too, and their sum in a leaf may be near 0
    or below: |w| p (1 - p) takes their place. A leaf then stops where its signed gradients cancel, as it
    should, and comes there in smaller steps; `min_child_weight` counts |w|. Where a leaf has more weight
    below 0 than above there is no minimum: the rows to validate on end that.

    Args:
        data: Rows in the order of the matrix.
    """

    def __init__(self, data: Labelled) -> None:
        self._weight = np.asarray(data.weight, np.float64)
        self._target = np.asarray(data.target)

    def objective(self, margin: FloatArray, matrix: xgboost.DMatrix) -> tuple[FloatArray, FloatArray]:
        """Gradient and second derivative by log-odds, shape (N,) each."""
        p = 1 / (1 + np.exp(-np.asarray(margin, np.float64)))
        curvature = np.maximum(np.abs(self._weight) * p * (1 - p), SMALLEST)
        gradient = self._weight * (p - self._target)
        return gradient.astype(np.float32), curvature.astype(np.float32)

    def loss(self, booster: xgboost.Booster, matrix: xgboost.DMatrix) -> float:
        """Mean with weights."""
        margin = booster.predict(matrix, output_margin=True).astype(np.float64)
        losses = np.logaddexp(0, np.where(self._target == 1, -margin, margin))
        return float(self._weight @ losses / self._weight.sum())


def _told(line: str) -> list[float]:
    """The two numbers of `[3]\\ttrain-mlogloss:0.4\\tvalidation-mlogloss:0.5`."""
    return [float(part.rsplit(":", 1)[1]) for part in line.split("\t")[1:]]


def _losses(found: list[float], name: str) -> dict[str, float]:
    """Of the rows to train and to validate on, by their names; both have to be finite."""
    loss, validation_loss = found
    if not np.isfinite(found).all():
        raise InputError(
            f"{name}: the loss is not finite ({loss:g}, to validate on {validation_loss:g}); lower "
            "training.learning_rate"
        )
    return {"loss": loss, "validation_loss": validation_loss}


def _load(
    parameters: dict[str, Any], matrices: list[xgboost.DMatrix], checkpoint: Path
) -> tuple[xgboost.Booster, list[dict[str, float]]]:
    content = io.read_sealed(checkpoint)
    if content is None:
        return xgboost.Booster(parameters, matrices), []
    booster = xgboost.Booster(parameters, matrices, model_file=bytearray(content))
    return booster, json.loads(booster.attr("history"))


def _save(booster: xgboost.Booster, history: list[dict[str, float]], checkpoint: Path) -> None:
    booster.set_attr(history=json.dumps(history))
    io.write_sealed(checkpoint, bytes(booster.save_raw("ubj")))


def predict(spec: RecipeSpec, model: Path, rows: Rows, threads: int) -> FloatArray:
    """Class probabilities, shape (N, C), float32.

    Raises:
        InputError: The model is of another number of classes.
    """
    booster = xgboost.Booster({"nthread": threads}, model_file=os.fspath(model / "model.json"))
    out = np.empty((len(rows), len(spec.classes)), np.float32)
    progress = Progress(f"score {spec.name}", len(rows), "rows")
    for which in rows.slices(CHUNK):
        found = booster.inplace_predict(_matrix(rows, which))
        require_classes(model, found.shape[1] if found.ndim == 2 else 2, spec)
        out[which] = found if found.ndim == 2 else np.stack([1 - found, found], axis=1)
        progress.update(which.stop)
    return out
