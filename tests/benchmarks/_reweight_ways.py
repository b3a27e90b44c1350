"""What benchmark `reweight` runs in processes of their own.

    python -m tests.benchmarks._reweight_ways make FOLDER positive|signed   events to learn from, and to judge
    python -m tests.benchmarks._reweight_ways network FOLDER                our stages train, score, weights
    python -m tests.benchmarks._reweight_ways trees FOLDER                  the same with trees
    python -m tests.benchmarks._reweight_ways judge FOLDER WAY              how good the weights of a way are

`_hep_ml_way.py` is the other side. All learn from the same 200,000 events of source and of target, and give
weights to 200,000 others of the source.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks._harness import timed
from tests.densities import Densities

N = 200_000
SPLITS = {"train": 0.8, "validation": 0.1, "calibration": 0.1}
NETWORK: dict[str, Any] = {
    "backend": "keras",
    "model": "dense",
    "architecture": {"dense": [64, 64, 64], "dropout": 0.0, "activation": "silu"},
    "training": {"epochs": 24, "patience": 24, "batch_size": 2048, "learning_rate": 4e-3, "balance": "class"},
}
TREES: dict[str, Any] = {
    "backend": "xgboost",
    "architecture": {"max_depth": 4, "min_child_weight": 20},
    "training": {"epochs": 500, "patience": 15, "learning_rate": 0.1, "balance": "class"},
}
WAYS = {"network": NETWORK, "trees": TREES}


def make(folder: Path, kind: str) -> None:
    """Packed splits as stage pack writes them, the same events as plain arrays, and the true ratio."""
    from tests.unit.packed_jets import write_packed

    toy, rng = Densities(negative=kind == "signed"), np.random.default_rng(11)
    drawn = [[toy.draw(which, N, rng) for which in (0, 1)] for _ in ("fit", "judge")]
    arrays = {
        f"{role}_{what}_{name}": values
        for role, pair in zip(("fit", "judge"), drawn, strict=True)
        for what, both in zip(("source", "target"), pair, strict=True)
        for name, values in zip(("x", "w"), both, strict=True)
    }
    arrays["log_ratio"] = toy.log_ratio(arrays["judge_source_x"])
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    edges = np.cumsum([0, *(round(N * share) for share in SPLITS.values())])
    slices = {name: slice(a, b) for name, a, b in zip(SPLITS, edges[:-1], edges[1:], strict=True)}
    first = 0
    for split in (*SPLITS, "test"):
        role, at = ("judge", slice(0, N)) if split == "test" else ("fit", slices[split])
        parts = [
            (arrays[f"{role}_{what}_x"][at], arrays[f"{role}_{what}_w"][at]) for what in ("source", "target")
        ]
        packed = _packed(toy, parts, first, split)
        first += len(packed)
        write_packed(folder / "packed" / split, packed)


def _packed(toy: Densities, parts: Any, first: int, split: str) -> Any:
    from jetsmith.packed import arrays

    x, w = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    dataset = np.repeat([0, 1], [len(part[0]) for part in parts])
    order = np.random.default_rng(first).permutation(len(x))
    n = len(x)
    key = {"run": np.ones(n, "u4"), "luminosity_block": np.ones(n, "u4"), "jet_index": np.zeros(n, "i2")}
    key |= {"event": (first + order).astype("u8")}
    return arrays.Packed(
        groups={"event": arrays.FlatGroup(x[order], toy.names)},
        label=np.zeros(n, "i4"),
        weight=w[order],
        columns={**key, "dataset": dataset[order].astype("i4"), "fold": np.zeros(n, "i1")},
        datasets=("source", "target"),
        generators=("source", "target"),
        sample="events",
        split=split,
    )


def ours(folder: Path, way: str) -> dict[str, Any]:
    """As the stages do."""
    import awkward as ak

    from jetsmith import io
    from jetsmith.reweighting import write_weights
    from jetsmith.scoring import score
    from jetsmith.specs.classifiers import RecipeSpec
    from jetsmith.specs.features import Inputs
    from jetsmith.training import train

    names = Densities().names
    spec = RecipeSpec(
        name=way, role="reweighter", sample="events", object="event",
        classes=[{"name": name, "generator": name} for name in ("source", "target")],
        inputs=[Inputs(group="event", kind="flat", length=0, features=names, sources=names)],
        **WAYS[way],
    )  # fmt: skip
    if spec.backend == "keras":
        import keras  # noqa: F401  imports are not timed, of no side

        import jetsmith.classifiers._tensorflow  # noqa: F401
    packed, datasets = folder / "packed", [("source", "source"), ("target", "target")]

    def fit() -> None:
        train(spec, packed, folder / way, 3, threads=2)

    def weigh() -> None:
        score(spec, folder / way, packed, folder / f"{way}.scores", threads=2)
        write_weights(spec, folder / f"{way}.scores", datasets, "source", folder / f"{way}.parquet")

    fitted, weighed = timed(fit), timed(weigh)
    rows = io.read_rows(folder / f"{way}.parquet")
    held = ak.to_numpy(rows["split"]) == 3
    np.save(folder / f"{way}.npy", ak.to_numpy(rows["weight"])[held])  # by event: as they were drawn
    return {"fit_seconds": fitted["seconds"], "weigh_seconds": weighed["seconds"]}


def judge(folder: Path, way: str) -> dict[str, float]:
    """AUC of a fresh classifier between the weighted source and the target, and the error of the log ratio.

    Events of negative weight count for the other class, as in the closure test.
    """
    import xgboost

    from jetsmith.metrics import auc

    source, target, generator, truth = (
        np.load(folder / f"{name}.npy")
        for name in ("judge_source_x", "judge_target_x", "judge_target_w", "log_ratio")
    )
    weight = np.exp(truth) if way == "truth" else np.load(folder / f"{way}.npy")
    error = np.log(weight / weight.mean()) - np.log(np.exp(truth) / np.exp(truth).mean())
    x, y = np.concatenate([source, target]), np.repeat([0, 1], [len(source), len(target)])
    w = np.concatenate([weight / weight.sum(), generator / generator.sum()]) * len(source)
    order = np.random.default_rng(9).permutation(len(y))
    a, b = order[: len(order) // 2], order[len(order) // 2 :]
    seen = xgboost.QuantileDMatrix(x[a], (y ^ (w < 0))[a], weight=np.abs(w[a]))
    trees = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "min_child_weight": 20, "seed": 1}
    p = xgboost.train(trees, seen, 100).inplace_predict(x[b])
    signal, w = y[b] == 1, w[b]
    return {
        "auc": auc(p[signal], w[signal], p[~signal], w[~signal]),
        "log_weight_error": float(np.abs(error).mean()),
        "n_effective": float(weight.sum() ** 2 / (weight**2).sum() / len(weight)),
    }


def main(what: str, folder: str, *more: str) -> None:
    """Print what the way found, as JSON."""
    path = Path(folder)
    if what == "make":
        print(json.dumps(make(path, more[0])))
    elif what == "judge":
        print(json.dumps(judge(path, more[0])))
    else:
        print(json.dumps(ours(path, what)))


if __name__ == "__main__":
    main(*sys.argv[1:])
