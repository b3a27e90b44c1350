"""Benchmark `closure`: how often right and wrong weights pass the gates, and what intervals cover."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tests.benchmarks import _harness as harness

RIGHT = ("right", "unit")  # with 19% negative weights, and without any
WRONG = (
    "none", "inverse", "shuffled", "squared", "root", "ten times", "absolute", "overfitted", "useless",
)  # fmt: skip
TOYS = {4000: (300, 20), 40_000: (300, 10), 400_000: (12, 2)}
"""By events of both generators together: toys of right weights, and of each kind of wrong ones."""


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains, by the number of events."""
    environment = harness.package_on_path() | {"OMP_NUM_THREADS": "1"}
    ways = {
        (kind, n): partial(
            harness.call, harness.python("_closure_way", kind, str(n), "0", str(toys)), **environment
        )
        for n, (n_right, n_wrong) in TOYS.items()
        for kind, toys in ([(kind, n_right) for kind in RIGHT] + [(kind, n_wrong) for kind in WRONG])
    }
    found = {way: cost.said["toys"] for way, (cost,) in harness.in_turn(ways, 1).items()}
    return summary(found)


def summary(found: Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Counts and intervals of coverage, by the number of events.

    Args:
        found: By kind of weights and number of events what `_closure_way` says of each toy.
    """
    from scipy.stats import beta

    sizes: dict[str, dict[str, Any]] = {}
    for (kind, n), toys in found.items():
        fields = sizes.setdefault(str(n), {})
        name = kind.replace(" ", "_")
        statuses = Counter(toy["status"] for toy in toys)
        fields |= {f"{name}_toys": len(toys)}
        fields |= {f"{name}_{status}": statuses[status] for status in ("passed", "failed")}
        if kind in RIGHT:
            covered = sum(toy["covers"] for toy in toys)
            missed = len(toys) - covered
            low, high = beta.ppf(
                [0.025, 0.975], [max(covered, 1e-9), covered + 1], [missed + 1, max(missed, 1e-9)]
            )
            fields[f"{name}_coverage"] = harness.significant(covered / len(toys))
            fields[f"{name}_coverage_low"] = harness.significant(float(low))
            fields[f"{name}_coverage_high"] = harness.significant(float(high))
        else:
            gates = Counter(
                gate for toy in toys for gate, status in toy["gates"].items() if status == "failed"
            )
            fields[f"{name}_failed_by"] = ", ".join(f"{gate} {count}" for gate, count in gates.most_common())
    return {"sizes": sizes}
