"""Benchmark `bdt`: boosted trees from packed rows, against XGBoost called directly on the same arrays."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    harness.INPUTS.mkdir(parents=True, exist_ok=True)
    # Waiting threads of OpenMP burn CPU time on a busy machine; the package sets this for itself.
    environment = harness.package_on_path() | {"OMP_WAIT_POLICY": "PASSIVE"}
    with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:
        harness.call(harness.python("_bdt_ways", "make", folder), **environment)
        ways = {
            way: partial(harness.call, harness.python("_bdt_ways", way, folder), Path(folder), **environment)
            for way in ("ours", "xgboost")
        }
        found = harness.in_turn(ways, harness.rounds(5))
    losses = {cost.said["loss"] for costs in found.values() for cost in costs}
    if max(losses) - min(losses) > 1e-3:
        raise RuntimeError(f"bdt: both sides train the same trees, and their losses differ: {losses}")
    rates = {
        (way, clock): [cost.said["rows"] / cost.said[clock] for cost in costs]
        for way, costs in found.items()
        for clock in ("seconds", "cpu_seconds")
    }
    memory = {way: [cost.peak_rss_mb for cost in costs] for way, costs in found.items()}
    return {
        "rows_per_s": harness.median(rates["ours", "seconds"]),
        "ratio_xgboost": harness.ratio(rates["ours", "cpu_seconds"], rates["xgboost", "cpu_seconds"]),
        "ratio_xgboost_wall": harness.ratio(rates["ours", "seconds"], rates["xgboost", "seconds"]),
        "mb": harness.median(memory["ours"]),
        "ratio_mb": harness.ratio(memory["ours"], memory["xgboost"]),
    }
