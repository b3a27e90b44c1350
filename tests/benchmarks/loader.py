"""Benchmark `loader`: windows out of packed arrays, against batches read one by one and against training."""

from functools import partial
from typing import Any

from tests.benchmarks import _harness as harness

NETWORKS = ("deepjet", "dips")


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains, by network."""
    environment = harness.package_on_path() | {"OMP_NUM_THREADS": "1"}
    ways = {
        (what, network): partial(
            harness.call, harness.python("_training_ways", what, network, "1"), **environment
        )
        for network in NETWORKS
        for what in ("load", "train")
    }
    found = harness.in_turn(ways, harness.rounds(5))
    return {"networks": {network: _fields(found, network) for network in NETWORKS}}


def _fields(found: dict[Any, list[harness.Cost]], network: str) -> dict[str, float]:
    said = {what: [cost.said for cost in found[what, network]] for what in ("load", "train")}
    window, batches = ([_rate(x[key]) for x in said["load"]] for key in ("window", "batches"))
    return {
        "jets_per_s": harness.median(window),
        "ratio_batches": harness.ratio(window, batches),
        "ratio_training": harness.ratio(window, [_rate(x) for x in said["train"]]),
    }


def _rate(said: dict[str, float]) -> float:
    """Jets a CPU second."""
    return said["jets"] / said["cpu_seconds"]
