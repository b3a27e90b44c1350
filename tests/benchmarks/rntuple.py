"""Benchmark `rntuple`: inspect and skim of a file of 2,451 branches, as RNTuple against TTree."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness
from tests.benchmarks._harness import ROOT, Cost

EVENTS, WARM_EVENTS = 20_000, 500
KINDS = ("ntuple", "tree")
ENVIRONMENT = harness.package_on_path() | {"OMP_NUM_THREADS": "1"}


def run() -> dict[str, Any]:
    """Measure; the fields are explained in docs/benchmarks.md."""
    found = harness.in_turn({kind: _way(kind) for kind in KINDS}, harness.rounds(5))

    def clock(kind: str, stage: str, name: str = "cpu_seconds") -> list[float]:
        return [cost.said[stage][name] for cost in found[kind]]

    def both(kind: str, name: str = "cpu_seconds") -> list[float]:
        return [
            sum(pair) for pair in zip(clock(kind, "inspect", name), clock(kind, "skim", name), strict=True)
        ]

    return {
        "events": EVENTS,
        "ratio_ttree": harness.ratio(both("ntuple"), both("tree")),
        "ratio_ttree_wall": harness.ratio(both("ntuple", "seconds"), both("tree", "seconds")),
        "ratio_ttree_inspect": harness.ratio(clock("ntuple", "inspect"), clock("tree", "inspect")),
        "ratio_ttree_skim": harness.ratio(clock("ntuple", "skim"), clock("tree", "skim")),
        "seconds": harness.median(both("ntuple", "seconds")),
        "ttree_seconds": harness.median(both("tree", "seconds")),
    }


def _way(kind: str) -> Callable[[], Cost]:
    files = [str(_input(kind, events)) for events in (EVENTS, WARM_EVENTS)]

    def way() -> Cost:
        process = harness.start(
            harness.python("_rntuple_ways", "run", *files), ROOT, waits=True, **ENVIRONMENT
        )
        harness.go([process])
        return process.finish()

    return way


def _input(kind: str, events: int) -> Path:
    """A file made in a process of its own, or the one that an earlier run made by the same code."""
    maker = hashlib.sha256((Path(__file__).parent / "_rntuple_ways.py").read_bytes()).hexdigest()[:8]
    path = harness.INPUTS / f"{maker}-wide-{kind}-{events}.root"
    if not path.exists():
        print(f"  making {path.name}", file=sys.stderr, flush=True)
        harness.call(harness.python("_rntuple_ways", "make", path, kind, str(events)), **ENVIRONMENT)
    return path
