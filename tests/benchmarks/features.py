"""Benchmark `features`: the groups of the taggers, against what ROOT reading costs and against awkward."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness

EVENTS = {"zstd1": 40_000, "lzma4": 20_000}
WAYS = ("ours", "reading", "skim", "few", "awkward")
ENVIRONMENT = harness.package_on_path() | {"OMP_NUM_THREADS": "1"}


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains; those of the file in ZSTD-1 also at the top."""
    harness.INPUTS.mkdir(parents=True, exist_ok=True)
    codecs = {codec: _codec(codec, events) for codec, events in EVENTS.items()}
    return codecs["zstd1"] | {"codecs": codecs}


def _codec(codec: str, events: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:

        def call(way: str, *more: str) -> harness.Cost:
            command = harness.python("_features_way", way, folder, *more)
            return harness.call(command, Path(harness.ROOT), **ENVIRONMENT)

        call("make", str(events), codec)
        found = harness.in_turn({way: partial(call, way) for way in WAYS}, harness.rounds(5))
        call("check")
    cpu = {way: [c.said["jets"] / c.said["cpu_seconds"] for c in costs] for way, costs in found.items()}
    wall = [c.said["jets"] / c.said["seconds"] for c in found["ours"]]
    return {
        "jets": found["ours"][0].said["jets"],
        "jets_per_s": harness.median(wall),
        "jets_per_cpu_s": harness.median(cpu["ours"]),
        "ratio_reading": harness.ratio(cpu["ours"], cpu["reading"]),
        "ratio_skim": harness.ratio(cpu["ours"], cpu["skim"]),
        "ratio_awkward": harness.ratio(cpu["few"], cpu["awkward"]),
    }
