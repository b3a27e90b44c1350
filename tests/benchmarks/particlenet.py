"""Benchmark `particlenet`: the public network in training on a CPU, against weaver-core's."""

from typing import Any

from tests.benchmarks import _training


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    return _training.run("particlenet", peer="weaver")
