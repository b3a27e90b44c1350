"""Benchmark `event_weights`: weights of events, against correctionlib alone on all of their jets."""

from functools import partial
from typing import Any

from tests.benchmarks import _harness as harness

KINDS = ("one_point", "three_points", "shape")


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    environment = harness.package_on_path()
    kinds = {}
    for kind in KINDS:
        ways = {
            way: partial(harness.call, harness.python("_event_weights_way", way, kind), **environment)
            for way in ("ours", "correctionlib")
        }
        found = harness.in_turn(ways, harness.rounds(3))
        cpu = {way: [cost.said["cpu_seconds"] for cost in costs] for way, costs in found.items()}
        kinds[kind] = {
            "ratio_correctionlib": harness.ratio(cpu["ours"], cpu["correctionlib"]),
            "mb": harness.median([cost.peak_rss_mb for cost in found["ours"]]),
        }
    return {"kinds": kinds}
