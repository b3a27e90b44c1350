"""Benchmark `coverage`: how often the interval of a log ratio holds the truth, by an ensemble of halves."""

from typing import Any

from tests.benchmarks import _harness as harness

SIZES = (10_000,)  # events of each generator; 100,000 takes hours


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains, of networks and of trees."""
    found: dict[str, Any] = {}
    for n in SIZES:
        for way in ("network", "trees"):
            command = harness.python("_coverage_way", way, str(n), str(harness.rounds(10)))
            said = harness.call(command, **harness.package_on_path(), OMP_WAIT_POLICY="PASSIVE").said
            found |= {f"{way}_{n}_{name}": value for name, value in said.items()}
    return found
