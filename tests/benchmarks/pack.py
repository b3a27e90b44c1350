"""Benchmark `pack`: peak memory of packing rows and a sequence at 1, 4 and 16 times the rows."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness

PARTITIONS = {"rows": 60, "group": 4}  # at once; _pack_way.py says how large they are
TIMES = (1, 4, 16)


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains; those of the largest size also at the top."""
    harness.INPUTS.mkdir(parents=True, exist_ok=True)
    environment = harness.package_on_path()
    with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:
        harness.call(harness.python("_pack_way", "make", folder, "0"), **environment)
        ways = {
            (what, times): partial(
                harness.call,
                harness.python("_pack_way", what, folder, str(times * PARTITIONS[what])),
                Path(folder),
                **environment,
            )
            for times in TIMES
            for what in PARTITIONS
        }
        found = harness.in_turn(ways, harness.rounds(3))
    memory = {way: [cost.peak_rss_mb for cost in costs] for way, costs in found.items()}
    sizes: dict[str, dict[str, Any]] = {
        str(times): {f"{what}_n": found[what, times][0].said["rows"] for what in PARTITIONS}
        | {f"{what}_mb": harness.median(memory[what, times]) for what in PARTITIONS}
        | {
            f"{what}_per_s": harness.median([c.said["rows"] / c.said["seconds"] for c in found[what, times]])
            for what in PARTITIONS
        }
        for times in TIMES
    }
    for what in PARTITIONS:
        for times in TIMES:
            growth = harness.ratio(memory[what, times], memory[what, TIMES[0]])
            sizes[str(times)][f"ratio_{what}_mb"] = growth
    return sizes[str(TIMES[-1])] | {"sizes": sizes}
