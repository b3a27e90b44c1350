"""Benchmark `deepak8`: its network, P-CNN, in training on a CPU, against the same in PyTorch."""

from typing import Any

from tests.benchmarks import _training


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    return _training.run("deepak8", full="deepak8_full")
