"""Benchmark `toys`: how near trained weights come to the true ones, on densities that are known.

Five and ten correlated Gaussian features, source and target in equal number and 5:1, the target without
negative weights, with as many everywhere, and with more along the first feature.
"""

import json
import tempfile
from functools import partial
from itertools import product
from typing import Any

from tests.benchmarks import _harness as harness

WAYS = ("network", "trees")
N = 200_000


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains, by toy."""
    toys = product((5, 10), (1, 5), ("none", "constant", "rising"))
    return {
        "toys": {
            f"{n_features} features, {share}:1, {negative}": _of(
                {"n_gaussians": n_features, "tail": False, "negative": negative, "n": [N, N // share]}
            )
            for n_features, share, negative in toys
        }
    }


def _of(toy: dict[str, Any]) -> dict[str, Any]:
    environment = harness.package_on_path() | {"OMP_WAIT_POLICY": "PASSIVE"}
    harness.INPUTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:
        command = partial(harness.python, "_reweight_ways")
        harness.call(command("make", folder, json.dumps(toy)), **environment)
        for name in (*WAYS, "form"):
            harness.call(command(name, folder), **environment)
        judged = {
            name: harness.call(command("judge", folder, name), **environment).said
            for name in ("truth", *WAYS, "form")
        }
    numbers: dict[str, Any] = {}
    for name in (*WAYS, "form"):
        numbers |= {
            f"{name}_auc_excess": round(judged[name]["auc"] - judged["truth"]["auc"], 4),
            f"{name}_log_weight_error": harness.significant(judged[name]["log_weight_error"]),
        }
    for name in WAYS:
        numbers |= {
            f"{name}_mixture_error": harness.significant(judged[name]["mixture_error"]),
            f"{name}_mixtures_without_fit": harness.significant(judged[name]["mixtures_without_fit"]),
        }
    return numbers
