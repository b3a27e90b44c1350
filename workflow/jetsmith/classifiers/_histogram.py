"""Sums of signed weights of two classes in bins, and the share of the target in each: the exact ratio there.

A bin has a share where the weights of both classes add up to more than 0 and are worth enough events each.
Others have none: a ratio borrowed from their neighbours would be one that no event has shown.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jetsmith import io
from jetsmith.classifiers import Labelled, Task
from jetsmith.classifiers.histogram import Options
from jetsmith.errors import InputError
from jetsmith.io import FloatArray, IntArray
from jetsmith.metrics import bins_of
from jetsmith.packed.rows import CHUNK, Rows

MODEL = "model.json"


def fit(task: Task) -> list[dict[str, float]]:
    """Fill the bins with the rows to train on; those to validate on are for the loss alone.

    Returns:
        One row. Rows without a share count with 1/2 in the losses: their weight is 1.

    Raises:
        InputError: No bin has a share.
    """
    start = time.monotonic()
    options = Options.model_validate(task.spec.architecture)
    features, edges = list(options.edges), list(options.edges.values())
    shape = [len(found) - 1 for found in edges]
    place, validated = (_places(data.rows, features, edges) for data in (task.train, task.validation))
    share = target_share(place, task.train, int(np.prod(shape)), options.least)
    if np.isnan(share).all():
        raise InputError(
            f"{task.spec.name}: none of {share.size} bins has {options.least:g} effective events of each "
            "class, whose weights add up to more than 0; take wider bins, or a smaller `least`"
        )
    table = np.where(np.isnan(share), None, share).reshape(shape).tolist()  # type: ignore[call-overload]
    io.write_json(task.folder / MODEL, {"features": features, "edges": edges, "target_share": table})
    losses = [_loss(share[at], data) for at, data in ((place, task.train), (validated, task.validation))]
    seconds = round(time.monotonic() - start, 4)
    return [{"epoch": 1, "loss": losses[0], "validation_loss": losses[1], "seconds": seconds}]


def target_share(place: IntArray, data: Labelled, n_bins: int, least: float) -> FloatArray:
    """The second class's share of the signed weights in each bin.

    Args:
        place: Bin of each row, shape (N,).
        data: Rows of two classes, levelled.
        n_bins: B.
        least: Effective events of each class that a share needs.

    Returns:
        Shape (B,), between 0 and 1; NaN where there is none.
    """
    weight = data.weight.astype(np.float64)
    cell = 2 * place + data.target
    sums, squares = (np.bincount(cell, w, 2 * n_bins).reshape(n_bins, 2) for w in (weight, weight**2))
    filled = ((sums > 0) & (sums**2 >= least * squares)).all(axis=1)
    share = np.full(n_bins, np.nan)
    np.divide(sums[:, 1], sums.sum(axis=1), out=share, where=filled)
    return share


def _loss(share: FloatArray, data: Labelled) -> float:
    """Mean cross-entropy, with signed weights."""
    p = np.where(np.isnan(share), 0.5, np.where(data.target == 1, share, 1 - share))
    weight = data.weight.astype(np.float64)
    return float(-(weight @ np.log(p)) / weight.sum())


def _places(rows: Rows, features: Sequence[str], edges: Sequence[Sequence[float]]) -> IntArray:
    """Bin of each row, shape (N,), the last feature's running fastest."""
    names = [name for inputs in rows.inputs for name in inputs.features]
    columns = [names.index(name) for name in features]
    found = np.empty(len(rows), np.intp)
    for which in rows.slices(CHUNK):
        found[which] = bins_of(rows.matrix(which)[:, columns], edges)
    return found


def predict(model: Path, rows: Rows) -> FloatArray:
    """Probabilities of both classes, shape (N, 2), float32; NaN in bins that have none."""
    found = io.read_json(model / MODEL)
    share = np.array(found["target_share"], np.float64).ravel()[
        _places(rows, found["features"], found["edges"])
    ]
    return np.stack([1 - share, share], axis=1).astype(np.float32)
