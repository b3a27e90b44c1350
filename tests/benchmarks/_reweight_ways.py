"""What benchmarks `reweight` and `toys` run in processes of their own.

    python -m tests.benchmarks._reweight_ways make FOLDER TOY   events to learn from, and as many to judge by
    python -m tests.benchmarks._reweight_ways network FOLDER    our stages train, score, weights
    python -m tests.benchmarks._reweight_ways trees FOLDER      the same with trees
    python -m tests.benchmarks._reweight_ways form FOLDER       the form of the true ratio, fitted
    python -m tests.benchmarks._reweight_ways judge FOLDER WAY  how good the weights of a way are

`_hep_ml_way.py` is the other side of `reweight`. TOY is JSON: what `Densities` takes, and `n`, the number of
events of the source and of the target.
"""

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks._harness import timed
from tests.densities import Densities

N_MIXTURES, N_MIXED, FRACTION = 300, 2000, 0.3
MAX_STEPS = 50  # of Newton's; ten or so do
SPLITS = {"train": 0.8, "validation": 0.1, "calibration": 0.1}
NETWORK: dict[str, Any] = {
    "backend": "keras",
    "model": "dense",
    "architecture": {"dense": [64, 64, 64], "dropout": 0.0, "activation": "silu"},
    "training": {"epochs": 24, "patience": 24, "batch_size": 8192, "learning_rate": 4e-3, "balance": "class"},
}
TREES: dict[str, Any] = {
    "backend": "xgboost",
    "architecture": {"max_depth": 4, "min_child_weight": 20},
    "training": {"epochs": 500, "patience": 15, "learning_rate": 0.1, "balance": "class"},
}
WAYS = {"network": NETWORK, "trees": TREES}
SIGNED = {"negative_weights": "classes"}  # as docs/reweighting.md says
Array = np.ndarray[Any, Any]


def make(folder: Path, asked: str) -> None:
    """Packed splits as stage pack writes them, the same events as plain arrays, and the true ratio."""
    from tests.unit.packed_jets import write_packed

    (folder / "toy.json").write_text(asked)
    given = json.loads(asked)
    n = dict(zip(("source", "target"), given.pop("n"), strict=True))
    toy, rng = Densities(**given), np.random.default_rng(11)
    arrays = {}
    for role in ("fit", "judge"):
        for which, what in enumerate(n):
            x, w = toy.draw(which, n[what], rng)
            arrays |= {f"{role}_{what}_x": x, f"{role}_{what}_w": w}
    for what in n:
        arrays[f"{what}_log_ratio"] = toy.log_ratio(arrays[f"judge_{what}_x"])
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    first, shares = 0, np.cumsum([0, *SPLITS.values()])
    for k, split in enumerate((*SPLITS, "test")):
        parts = []
        for what, count in n.items():
            role = "judge" if split == "test" else "fit"
            at = slice(None) if split == "test" else slice(*np.round(shares[k : k + 2] * count).astype(int))
            parts.append((arrays[f"{role}_{what}_x"][at], arrays[f"{role}_{what}_w"][at]))
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
    from jetsmith.reweighting.weights import write_weights
    from jetsmith.scoring import score
    from jetsmith.specs.classifiers import RecipeSpec
    from jetsmith.specs.features import Inputs
    from jetsmith.training import train

    given = json.loads((folder / "toy.json").read_text())
    toy = Densities(**{key: value for key, value in given.items() if key != "n"})
    way_of = WAYS[way] | {"training": WAYS[way]["training"] | (SIGNED if toy.negative != "none" else {})}
    spec = RecipeSpec(
        name=way, role="reweighter", sample="events", object="event",
        classes=[{"name": name, "generator": name} for name in ("source", "target")],
        inputs=[Inputs(group="event", kind="flat", length=0, features=toy.names, sources=toy.names)],
        **way_of,
    )  # fmt: skip
    if spec.backend == "keras":
        import keras  # noqa: F401  imports are not timed, of no side

        import jetsmith.classifiers._tensorflow  # noqa: F401
    packed, datasets = folder / "packed", [("source", "source"), ("target", "target")]

    def fit() -> None:
        train(spec, packed, folder / way, 3, threads=2)

    def weigh() -> None:
        score(spec, folder / way, packed, folder / f"{way}.scores", threads=2)
        for name, _ in datasets:
            write_weights(spec, folder / f"{way}.scores", datasets, name, folder / f"{way}.{name}.parquet")

    fitted, weighed = timed(fit), timed(weigh)
    for name, _ in datasets:
        rows = io.read_rows(folder / f"{way}.{name}.parquet")
        held = ak.to_numpy(rows["split"]) == 3
        found = ak.to_numpy(rows["ratio"])[held]  # by event: as they were drawn
        np.save(folder / f"{way}{'' if name == 'source' else '_target'}.npy", found)
    return {"fit_seconds": fitted["seconds"], "weigh_seconds": weighed["seconds"]}


def form(folder: Path) -> None:
    """Weights of one who knows the form of the ratio, and of its factors what the events say, no more.

    Factors are those of the smallest signed logistic loss: what is left of its error no way can be without.
    """
    given = json.loads((folder / "toy.json").read_text())
    toy = Densities(**{key: value for key, value in given.items() if key != "n"})
    x, w = ([np.load(folder / f"fit_{what}_{k}.npy") for what in ("source", "target")] for k in "xw")
    terms, is_target = toy.terms(np.concatenate(x)), np.repeat([0, 1], [len(w[0]), len(w[1])])
    weight, factors = np.concatenate([of / of.sum() for of in w]), np.zeros(terms.shape[1])
    for _ in range(MAX_STEPS):
        p = 1 / (1 + np.exp(-terms @ factors))
        hessian = (terms * (weight * p * (1 - p))[:, None]).T @ terms
        step = np.linalg.solve(hessian, terms.T @ (weight * (p - is_target)))
        factors -= step
        if abs(step).max() < 1e-9:
            np.save(folder / "form.npy", np.exp(toy.terms(np.load(folder / "judge_source_x.npy")) @ factors))
            return
    raise RuntimeError("the fit of the true form does not converge")


def judge(folder: Path, way: str) -> dict[str, float]:
    """AUC of a fresh classifier between the weighted source and the target, and the error of the log ratio.

    Events of negative weight count for the other class, as in the closure test. Where a way has ratios of
    events of the target, too, also how well fractions of it are fitted.
    """
    import xgboost

    from jetsmith.metrics import auc

    source, target, generator, truth = (
        np.load(folder / f"{name}.npy")
        for name in ("judge_source_x", "judge_target_x", "judge_target_w", "source_log_ratio")
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
    found = {
        "auc": auc(p[signal], w[signal], p[~signal], w[~signal]),
        "log_weight_error": float(np.abs(error).mean()),
        "n_effective": float(weight.sum() ** 2 / (weight**2).sum() / len(weight)),
    }
    if (folder / f"{way}_target.npy").exists():
        found |= _mixtures(folder, weight, np.load(folder / f"{way}_target.npy"))
    return found


def _mixtures(folder: Path, source: Array, target: Array) -> dict[str, float]:
    """Mean squared error of fitted fractions of the target by learned ratios, over that by the true ones.

    Also the share of mixtures that have no fit by the learned ones; these count on neither side.
    """
    from jetsmith.errors import InputError
    from jetsmith.reweighting.mixture import unbinned

    true = [np.exp(np.load(folder / f"{name}_log_ratio.npy")) for name in ("source", "target")]
    generator = [np.load(folder / f"judge_{name}_w.npy") for name in ("source", "target")]
    rng, found = np.random.default_rng(13), []
    for _ in range(N_MIXTURES):
        counts = rng.poisson([(1 - FRACTION) * N_MIXED, FRACTION * N_MIXED / generator[1].mean()])
        rows = [rng.integers(0, len(w), n) for w, n in zip(generator, counts, strict=True)]

        def mixed(of: Sequence[Array], rows: Sequence[Array] = rows) -> Array:
            return np.concatenate([values[chosen] for values, chosen in zip(of, rows, strict=True)])

        weight = mixed(generator)
        with contextlib.suppress(InputError):
            each = (([source, target], np.ones(len(source))), (true, generator[0]))
            fits = [unbinned(mixed(of), source=of[0], weight=weight, source_weight=by) for of, by in each]
            found.append([fit.value - FRACTION for fit in fits])
    learned_error, right = np.square(found).mean(axis=0)
    return {
        "mixture_error": float(learned_error / right),
        "mixtures_without_fit": 1 - len(found) / N_MIXTURES,
    }


def main(what: str, folder: str, *more: str) -> None:
    """Print what the way found, as JSON."""
    path = Path(folder)
    if what == "make":
        print(json.dumps(make(path, more[0])))
    elif what == "form":
        print(json.dumps(form(path)))
    elif what == "judge":
        print(json.dumps(judge(path, more[0])))
    else:
        print(json.dumps(ours(path, what)))


if __name__ == "__main__":
    main(*sys.argv[1:])
