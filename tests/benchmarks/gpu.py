"""Benchmark `gpu`: networks in training on one GPU, from packed files, against PyTorch as users feed it."""

import os
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness

NETWORKS, BATCHES = ("deepjet", "dips"), (1024, 10_000)
JETS = int(os.environ.get("JETSMITH_BENCH_JETS", "1000000"))


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains, by network and batch; or that there is no GPU."""
    device = name()
    if device is None and "JETSMITH_BENCH_CPU" not in os.environ:
        return {"device": "none: nvidia-smi finds no GPU here, nothing was measured"}
    torch = harness.peer("torch")
    folder = harness.INPUTS / f"gpu-{JETS}"
    environment = harness.package_on_path()
    found = {}
    for network in NETWORKS:
        harness.call(harness.python("_gpu_ways", "files", network, folder, str(JETS)), **environment)
        for batch in BATCHES:
            ours = partial(harness.python, "_gpu_ways")
            peer = [torch, Path(__file__).with_name("_torch_ways.py")]
            ways = {
                "ours": ours("resident", network, folder, str(batch)),
                "streamed": ours("streamed", network, folder, str(batch)),
                "loader": [*peer, network, folder, str(batch), "loader"],
                "resident": [*peer, network, folder, str(batch), "resident"],
            }
            calls = {way: partial(harness.call, command, **environment) for way, command in ways.items()}
            turns = harness.in_turn(calls, harness.rounds(3))
            found[f"{network}, {batch}"] = _fields(
                {way: [cost.said for cost in costs] for way, costs in turns.items()}
            )
    return {"device": device or "CPU", "networks": found}


def _fields(said: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    rates = {way: [one["jets"] / one["seconds"] for one in runs] for way, runs in said.items()}
    return {
        "jets_per_s": harness.median(rates["ours"]),
        "ratio_loader": harness.ratio(rates["ours"], rates["loader"]),
        "ratio_resident": harness.ratio(rates["ours"], rates["resident"]),
        "ratio_streamed": harness.ratio(rates["streamed"], rates["ours"]),
        "first_epoch_s": harness.median([one["first_epoch_s"] for one in said["ours"]]),
    }


def name() -> str | None:
    """The GPU's, None where there is none."""
    if shutil.which("nvidia-smi") is None:
        return None
    done = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True
    )
    return done.stdout.strip().splitlines()[0] if not done.returncode and done.stdout.strip() else None
