"""What benchmark `coverage` runs: python -m tests.benchmarks._coverage_way network|trees EVENTS TOYS MEMBERS.

Five correlated Gaussians whose true ratio is known. A toy draws events of both generators, trains ensembles
of halves, of bootstrap replicas and of seeds on these same events, and looks at 3,000 other events of the
source, the same in all toys.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np

from jetsmith.balance import balanced_weights
from jetsmith.classifiers import Labelled, Task, find_backend
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import LossSpec, Members, RecipeSpec, TrainingSpec, TruthSpec
from jetsmith.specs.features import Inputs
from jetsmith.spread import members_error
from tests.densities import Densities

TOY, PROBES, BINS = Densities(5, tail=False), 3000, 5
KINDS: tuple[Members, ...] = get_args(Members)
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


def times_of(members: Members, n_members: int, n: int, rng: np.random.Generator) -> Iterator[Any]:
    """Of each member how often it is given each event, shape (n,)."""
    if members == "halves":
        for _ in range(n_members // 2):
            half = rng.random(n) < 0.5
            yield from (half.astype(int), (~half).astype(int))
    else:
        for _ in range(n_members):
            yield rng.poisson(1, n) if members == "bootstrap" else np.ones(n, int)


def main(way: str, n: int, toys: int, n_members: int) -> None:
    """Print the shares as JSON: over all probes, in fifths of the true log ratio, and the mean error."""
    spec = RecipeSpec(
        name=way, role="reweighter", sample="events", object="event", inputs=(INPUTS,), **WAYS[way],
        classes=tuple(TruthSpec(name=name, generator=name) for name in ("source", "target")),
    )  # fmt: skip
    backend = find_backend(spec.backend)
    probes, _ = TOY.draw(0, PROBES, np.random.default_rng(99))
    truth = TOY.log_ratio(probes)
    fifth = np.argsort(np.argsort(truth)) * BINS // PROBES
    covered: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}
    widths: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for toy in range(toys):
        first = np.random.default_rng(1000 + toy)
        x, target = np.concatenate([TOY.draw(k, n, first)[0] for k in (0, 1)]), np.repeat([0, 1], n)
        valid = first.random(2 * n) < 0.2
        for kind in KINDS:
            rng = first if kind == "halves" else np.random.default_rng([1000 + toy, KINDS.index(kind)])
            members = []
            for times in times_of(kind, n_members, 2 * n, rng):
                which = [np.flatnonzero((times > 0) & mask) for mask in (~valid, valid)]
                which = [rng.permutation(rows) for rows in which]
                data = [(rows_of(x[rows], target[rows]), target[rows].astype(np.int32)) for rows in which]
                weights = balanced_weights(
                    spec, [rows for rows, _ in data], [t for _, t in data], [times[rows] for rows in which]
                )
                train, validation = (Labelled(*pair, w) for pair, w in zip(data, weights, strict=True))
                with tempfile.TemporaryDirectory() as folder, _quiet():
                    backend.fit(Task(spec, train, validation, Path(folder), int(rng.integers(2**31)), 1))
                    p = backend.predict(spec, Path(folder), rows_of(probes, np.zeros(PROBES)), 1)
                members.append(np.log(p[:, 1].astype(float)) - np.log(p[:, 0].astype(float)))
            log_ratio = np.array(members)
            away, width = np.abs(log_ratio.mean(axis=0) - truth), members_error(log_ratio, kind)
            covered[kind].append(away < width)
            errors[kind].append(away.mean())
            widths[kind].append(width.mean())
        print(f"[coverage {way}] toy {toy}: {[np.mean(covered[kind][-1]) for kind in KINDS]}", flush=True)
    found: dict[str, Any] = {"toys": toys, "members": n_members}
    for kind in KINDS:
        share = np.mean(covered[kind], axis=0)
        spread = np.mean(covered[kind], axis=1).std(ddof=1) if toys > 1 else np.nan
        found |= {
            f"{kind}_coverage": round(float(share.mean()), 3),
            f"{kind}_coverage_error": round(float(spread / np.sqrt(toys)), 3) if toys > 1 else None,
            f"{kind}_coverage_in_fifths": [round(float(share[fifth == k].mean()), 3) for k in range(BINS)],
            f"{kind}_log_weight_error": round(float(np.mean(errors[kind])), 3),
            f"{kind}_interval": round(float(np.mean(widths[kind])), 3),
        }
    print(json.dumps(found))


def _quiet() -> Any:
    return contextlib.redirect_stderr(open(os.devnull, "w"))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
