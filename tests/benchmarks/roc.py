"""Benchmark `roc`: ROC curves and working points of many jets, against a plain sort of the sample."""

import tempfile
from functools import partial
from typing import Any

from tests.benchmarks import _harness as harness

WAYS = ("ours", "floor", "ours_apart", "floor_apart", "stable", "sklearn", "areas")


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    environment = harness.package_on_path() | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    harness.INPUTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:

        def call(way: str) -> harness.Cost:
            return harness.call(harness.python("_roc_way", way, folder), **environment)

        jets = call("make").said["jets"]
        off = call("check").said["off"]
        found = harness.in_turn({way: partial(call, way) for way in WAYS}, harness.rounds(5))
    wall, cpu = (
        {way: [cost.said[clock] for cost in costs] for way, costs in found.items()}
        for clock in ("seconds", "cpu_seconds")
    )
    ours, apart = "ours", "ours_apart"
    return {
        "jets": jets,
        "seconds": harness.median(wall[ours]),
        "floor_seconds": harness.median(wall["floor"]),
        "ratio_floor": harness.ratio(wall[ours], wall["floor"]),
        "ratio_floor_cpu": harness.ratio(cpu[ours], cpu["floor"]),
        "seconds_apart": harness.median(wall[apart]),
        "floor_seconds_apart": harness.median(wall["floor_apart"]),
        "ratio_floor_apart": harness.ratio(wall[apart], wall["floor_apart"]),
        "ratio_floor_apart_cpu": harness.ratio(cpu[apart], cpu["floor_apart"]),
        "ratio_stable": harness.ratio(wall[ours], wall["stable"]),
        "ratio_sklearn": harness.ratio(wall[ours], wall["sklearn"]),
        "seconds_areas": harness.median(wall["areas"]),
        "peak_rss_gb": harness.significant(max(cost.peak_rss_mb for cost in found[ours]) / 1024),
        "off": harness.significant(off, 2),
    }
