"""Benchmark `decorrelation`: the distance correlation of a batch, and what trainings make of a mass."""

import statistics
from functools import partial
from typing import Any

from tests.benchmarks import _harness as harness

SIZES = (1024, 2048, 4096, 8192)
BOUNDS = {"independent": "0", "bound": "1"}
WAYS = ("plain", "disco", "adversary")
SEEDS = range(1, 6)


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    one = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    environment = harness.package_on_path() | one | {"TF_CPP_MIN_LOG_LEVEL": "3"}

    def said(*arguments: str) -> dict[str, float]:
        return harness.call(harness.python("_decorrelation_way", *arguments), **environment).said

    sizes = {str(n): _cost(partial(said, "ours", str(n)), partial(said, "dense", str(n))) for n in SIZES}
    off = {
        f"gradient_off_{name}": harness.significant(said("off", "8192", bound)["off"])
        for name, bound in BOUNDS.items()
    }
    trainings = {}
    for way in WAYS:
        found = [said("train", way, str(seed)) for seed in SEEDS]
        trainings[way] = {
            name: value
            for field in ("correlation", "auc")
            for name, value in _mean(field, [one_of[field] for one_of in found]).items()
        }
    return {"sizes": sizes, "trainings": trainings, **off}


def _cost(ours: Any, dense: Any) -> dict[str, float]:
    found = harness.in_turn({"ours": ours, "dense": dense}, harness.rounds(5))
    a, b = ([cost["cpu_seconds"] for cost in found[name]] for name in ("ours", "dense"))
    return {
        "ratio_peer": harness.ratio(b, a),
        "mb": harness.median([cost["mb"] for cost in found["ours"]]),
        "peer_mb": harness.median([cost["mb"] for cost in found["dense"]]),
    }


def _mean(name: str, values: list[float]) -> dict[str, float]:
    error = statistics.stdev(values) / len(values) ** 0.5
    return {
        name: harness.significant(statistics.mean(values), 4),
        f"{name}_error": harness.significant(error, 2),
    }
