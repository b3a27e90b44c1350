"""What the backend `xgboost` does: boosting from histograms, early stopping, checkpoints."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from jetsmith import io
from jetsmith.classifiers import Labelled, Task, require_classes, stalled
from jetsmith.classifiers.xgboost import Options
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.packed.rows import CHUNK, Rows
from jetsmith.progress import Progress
from jetsmith.specs.classifiers import RecipeSpec

CHECKPOINT_ROUNDS = 10  # times training.checkpoint_every
SAMPLING = ("subsample", "colsample_bytree", "colsample_bynode")
GROWTH = 1.5  # with sampling, from one checkpoint to the next: going on from it costs a prediction


class _Chunks(xgboost.DataIter):
    """Hands the rows to QuantileDMatrix in pieces, so that no copy of all of them is needed."""

    def __init__(self, data: Labelled) -> None:
        super().__init__()
        self._data = data
        self._slices = list(data.rows.slices(4 * CHUNK))
        self._next = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        if self._next == len(self._slices):
            return False
        which = self._slices[self._next]
        self._next += 1
        data = self._data
        input_data(data=data.rows.matrix(which), label=data.target[which], weight=data.weight[which])
        return True

    def reset(self) -> None:
        self._next = 0


def fit(task: Task) -> list[dict[str, float]]:
    """Boost until the validation loss has not fallen for `patience` rounds; keep the best round.

    A checkpoint is the booster with the history as an attribute. Rounds are seeded one by one, and
    where rows or columns are sampled an uninterrupted run too goes on from its checkpoints, so that
    an interruption leaves no trace in the result.
    """
    spec, training = task.spec, task.spec.training
    parameters = _parameters(task)
    train = xgboost.QuantileDMatrix(_Chunks(task.train), max_bin=parameters["max_bin"])
    validation = xgboost.QuantileDMatrix(_Chunks(task.validation), max_bin=parameters["max_bin"], ref=train)
    checkpoint = task.folder / "checkpoint.ubj"
    booster, history = _load(parameters, [train, validation], checkpoint)
    growth = GROWTH if any(parameters[name] < 1 for name in SAMPLING) else 1.0
    saved = len(history)
    progress = Progress(f"train {spec.name}", training.epochs, "rounds")
    while len(history) < training.epochs and not stalled(history, training.patience):
        start, this = time.monotonic(), len(history)
        booster.update(train, iteration=this)
        losses = _losses(booster.eval_set([(train, "train"), (validation, "validation")], this), spec.name)
        history.append({"epoch": this + 1, **losses, "seconds": round(time.monotonic() - start, 4)})
        note = f"loss {losses['loss']:.5f}, validation {losses['validation_loss']:.5f}"
        progress.update(this + 1, note)
        if this + 1 >= max(saved + CHECKPOINT_ROUNDS * training.checkpoint_every, int(growth * saved)):
            saved = this + 1
            _save(booster, history, checkpoint)
            if growth > 1:
                booster, _ = _load(parameters, [train, validation], checkpoint)
    best = int(np.argmin([row["validation_loss"] for row in history]))
    booster.set_attr(history=None)
    with io.atomic_file(task.folder / "model.json") as temporary:
        temporary.write_bytes(booster[: best + 1].save_raw("json"))
    checkpoint.unlink(missing_ok=True)
    return history


def _parameters(task: Task) -> dict[str, Any]:
    many = len(task.spec.classes) > 2
    return Options.model_validate(task.spec.architecture).model_dump() | {
        "objective": "multi:softprob" if many else "binary:logistic",
        "eval_metric": "mlogloss" if many else "logloss",
        "learning_rate": task.spec.training.learning_rate,
        "tree_method": "hist",
        "seed": int(np.random.default_rng([task.seed, 1]).integers(2**31)),
        "seed_per_iteration": True,  # round i then draws the same whatever came before
        "nthread": task.threads,
        **({"num_class": len(task.spec.classes)} if many else {}),
    }


def _losses(line: str, name: str) -> dict[str, float]:
    """Take the two numbers out of `[3]\\ttrain-mlogloss:0.4\\tvalidation-mlogloss:0.5`."""
    loss, validation_loss = (float(part.rsplit(":", 1)[1]) for part in line.split("\t")[1:])
    if not np.isfinite([loss, validation_loss]).all():
        raise InputError(f"{name}: the loss is not finite ({line}); lower training.learning_rate")
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
        found = booster.inplace_predict(rows.matrix(which))
        require_classes(model, found.shape[1] if found.ndim == 2 else 2, spec)
        out[which] = found if found.ndim == 2 else np.stack([1 - found, found], axis=1)
        progress.update(which.stop)
    return out
