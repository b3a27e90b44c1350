"""Benchmark `coverage`: how often the interval of a log ratio holds the truth, by the kind of ensemble."""

import os
from typing import Any

from tests.benchmarks import _harness as harness

SIZES = (10_000,)  # events of each generator; 100,000 takes hours
MEMBERS = "10"


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains, of networks and of trees.

    JETSMITH_BENCH_EVENTS and JETSMITH_BENCH_MEMBERS ask for another size, and for ensembles of another one.
    """
    found: dict[str, Any] = {}
    sizes = [int(n) for n in os.environ.get("JETSMITH_BENCH_EVENTS", "").split()] or SIZES
    members = os.environ.get("JETSMITH_BENCH_MEMBERS", MEMBERS)
    for n in sizes:
        for way in ("network", "trees"):
            command = harness.python("_coverage_way", way, str(n), str(harness.rounds(10)), members)
            said = harness.call(command, **harness.package_on_path(), OMP_WAIT_POLICY="PASSIVE").said
            found |= {f"{way}_{n}_{name}": value for name, value in said.items()}
    return found
