"""Benchmark `reweight`: weights from one density to another whose ratio is known, against hep_ml."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness

OURS, THEIRS = ("network", "trees"), ("defaults", "notebook")
N = 200_000


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains: first of unit weights, then of signed ones."""
    found = {}
    for negative, name in (("none", ""), ("rising", "signed_")):
        found |= {f"{name}{field}": value for field, value in _of(negative).items()}
    return found


def _of(negative: str) -> dict[str, Any]:
    hep_ml = harness.peer("hep_ml")
    way = Path(__file__).with_name("_hep_ml_way.py")
    environment = harness.package_on_path() | {"OMP_WAIT_POLICY": "PASSIVE"}
    harness.INPUTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:
        command = partial(harness.python, "_reweight_ways")
        toy = json.dumps({"n_gaussians": 8, "negative": negative, "n": [N, N]})
        harness.call(command("make", folder, toy), **environment)
        ways = {name: partial(harness.call, command(name, folder), **environment) for name in OURS}
        ways |= {name: partial(harness.call, [hep_ml, way, folder, name]) for name in THEIRS}
        costs = {name: found[0].said for name, found in harness.in_turn(ways, 1).items()}
        harness.call(command("form", folder), **environment)
        judged = {
            name: harness.call(command("judge", folder, name), **environment).said
            for name in ("truth", "form", *OURS, *THEIRS)
        }
    numbers: dict[str, Any] = {}
    for name in ("form", *OURS, *THEIRS):
        numbers |= {
            f"{name}_auc_excess": round(judged[name]["auc"] - judged["truth"]["auc"], 5),
            f"{name}_log_weight_error": harness.significant(judged[name]["log_weight_error"]),
        }
        if name in costs:
            numbers[f"{name}_fit_s"] = harness.significant(costs[name]["fit_seconds"])
    numbers |= {
        "auc_excess": numbers["network_auc_excess"],
        "log_weight_error": numbers["network_log_weight_error"],
        "ratio_hep_ml": harness.significant(numbers["notebook_fit_s"] / numbers["network_fit_s"]),
        "trees_ratio_hep_ml": harness.significant(numbers["notebook_fit_s"] / numbers["trees_fit_s"]),
    }
    return numbers
