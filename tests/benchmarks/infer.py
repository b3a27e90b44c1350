"""Benchmark `infer`: the public network out of a bundle, against a bare ONNX graph and against Keras."""

import tempfile
from functools import partial
from typing import Any

from tests.benchmarks import _harness as harness

BATCHES = ("1", "100", "10000")
WAYS = ("bundle", "full", "direct", "keras")


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    environment = harness.package_on_path() | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as folder:

        def call(*arguments: str) -> dict[str, Any]:
            return harness.call(harness.python("_infer_ways", *arguments, folder), **environment).said

        call("write")
        found = harness.in_turn({way: partial(call, way) for way in WAYS}, harness.rounds(3))
        memory = call("memory")
    rates = {
        batch: {way: [said["jets_per_s"][batch] for said in found[way]] for way in WAYS} for batch in BATCHES
    }
    batches = {
        batch: {
            "jets_per_s": harness.median(of["bundle"]),
            "direct_jets_per_s": harness.median(of["direct"]),
            "keras_jets_per_s": harness.median(of["keras"]),
            "ratio_direct": harness.ratio(of["bundle"], of["direct"]),
            "ratio_direct_full": harness.ratio(of["full"], of["direct"]),
            "ratio_keras": harness.ratio(of["bundle"], of["keras"]),
        }
        for batch, of in rates.items()
    }
    return {"batches": batches, "max_abs_diff": found["keras"][0]["max_abs_diff"], **memory}
