"""What benchmark `coverage` runs: python -m tests.benchmarks._coverage_way network|trees EVENTS TOYS.

Five correlated Gaussians whose true ratio is known. A toy draws events of both generators, trains five
pairs of halves, and looks at 3,000 other events of the source, the same in all toys.
"""

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.balance import balanced_weights
from jetsmith.classifiers import Labelled, Task, find_backend
from jetsmith.halves import halves_error
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import LossSpec, RecipeSpec, TrainingSpec, TruthSpec
from jetsmith.specs.features import Inputs
from tests.densities import Densities

TOY, PAIRS, PROBES, BINS = Densities(5, tail=False), 5, 3000, 5
WAYS: dict[str, dict[str, Any]] = {
    "network": {  # trained on past the smallest validation loss
        "backend": "keras", "model": "dense", "losses": {"classes": LossSpec()},
        "architecture": {"dense": [32, 32], "dropout": 0.0, "activation": "silu", "batch_norm": None},
        "training": TrainingSpec(epochs=80, patience=80, batch_size=512, learning_rate=3e-3, balance="class"),
    },
    "trees": {
        "backend": "xgboost", "architecture": {"max_depth": 3, "min_child_weight": 20, "subsample": 0.8},
        "training": TrainingSpec(epochs=600, patience=30, learning_rate=0.1, balance="class"),
    },
}  # fmt: skip
INPUTS = Inputs(group="event", kind="flat", length=0, features=TOY.names, sources=TOY.names)


def rows_of(x: Any, target: Any) -> Rows:
    """As if packed."""
    columns = {"dataset": target.astype("i4")}
    groups = {"event": arrays.FlatGroup(x, TOY.names)}
    whose = (("source", "target"), ("source", "target"))
    return Rows.select([INPUTS], [arrays.Packed(groups, 0 * target, np.ones(len(x)), columns, *whose)])


def main(way: str, n: int, toys: int) -> None:
    """Print the shares as JSON: over all probes, in fifths of the true log ratio, and the mean error."""
    spec = RecipeSpec(
        name=way, role="reweighter", sample="events", object="event", inputs=(INPUTS,), **WAYS[way],
        classes=tuple(TruthSpec(name=name, generator=name) for name in ("source", "target")),
    )  # fmt: skip
    backend = find_backend(spec.backend)
    probes, _ = TOY.draw(0, PROBES, np.random.default_rng(99))
    truth = TOY.log_ratio(probes)
    fifth = np.argsort(np.argsort(truth)) * BINS // PROBES
    covered, errors = [], []
    for toy in range(toys):
        rng = np.random.default_rng(1000 + toy)
        x, target = np.concatenate([TOY.draw(k, n, rng)[0] for k in (0, 1)]), np.repeat([0, 1], n)
        valid = rng.random(2 * n) < 0.2
        members = []
        for pair in range(PAIRS):
            half = rng.random(2 * n) < 0.5
            for side in (half, ~half):
                which = [np.flatnonzero(side & mask) for mask in (~valid, valid)]
                which = [rng.permutation(rows) for rows in which]
                data = [(rows_of(x[rows], target[rows]), target[rows].astype(np.int32)) for rows in which]
                weights = balanced_weights(spec, [rows for rows, _ in data], [t for _, t in data])
                train, validation = (Labelled(*pair, w) for pair, w in zip(data, weights, strict=True))
                with tempfile.TemporaryDirectory() as folder, _quiet():
                    backend.fit(Task(spec, train, validation, Path(folder), int(rng.integers(2**31)), 1))
                    p = backend.predict(spec, Path(folder), rows_of(probes, np.zeros(PROBES)), 1)
                members.append(np.log(p[:, 1].astype(float)) - np.log(p[:, 0].astype(float)))
        log_ratio = np.array(members)
        away = np.abs(log_ratio.mean(axis=0) - truth)
        covered.append(away < halves_error(log_ratio))
        errors.append(away.mean())
    share = np.mean(covered, axis=0)
    print(
        json.dumps(
            {
                "coverage": round(float(share.mean()), 3),
                "coverage_error": round(float(np.mean(covered, axis=1).std() / np.sqrt(toys)), 3),
                "coverage_in_fifths": [round(float(share[fifth == k].mean()), 3) for k in range(BINS)],
                "log_weight_error": round(float(np.mean(errors)), 3),
                "toys": toys,
            }
        )
    )


def _quiet() -> Any:
    return contextlib.redirect_stderr(open(os.devnull, "w"))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
