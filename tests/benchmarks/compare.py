"""Benchmark `compare`: how often two runs are said to differ that do not, and which changes are found."""

from typing import Any

from tests.benchmarks import _harness as harness

ALARMS = ("paired", "apart")
FURTHER = {"same": 40, "other": 20}
TRAININGS = {"close": "0.1", "other": "0.3"}  # noise of each training's own, over the spread of a class


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    environment = harness.package_on_path() | {"OMP_NUM_THREADS": "1"}

    def said(*arguments: str) -> dict[str, Any]:
        return harness.call(harness.python("_compare_way", *arguments), **environment).said

    n_alarms, n_changes = (str(harness.rounds(default)) for default in (220, 12))
    alarms = {way: said("alarms", way, n_alarms) for way in ALARMS}
    changes = {way: said("change", noise, n_changes) for way, noise in TRAININGS.items()}
    further = {way: said("further", way, str(harness.rounds(n))) for way, n in FURTHER.items()}
    return {
        **{f"{name}_{way}": value for way, found in alarms.items() for name, value in found.items()},
        **{f"seconds_{way}": found["seconds"] for way, found in changes.items()},
        "changes": {
            f"{what}, {way}": numbers
            for way, of in changes.items()
            for what, numbers in of["numbers"].items()
        }
        | {kind: {**further["same"][kind], **further["other"][kind]} for kind in further["same"]},
    }
