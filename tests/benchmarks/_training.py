"""What the benchmarks of networks share: a network in training, against the same in PyTorch."""

from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness


def run(network: str) -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    torch = harness.peer("torch")
    way = Path(__file__).with_name("_torch_ways.py")

    def rates(threads: int, clock: str, rounds: int) -> tuple[list[float], list[float]]:
        one = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        environment = harness.package_on_path() | one
        ours = harness.python("_training_ways", "train", network, str(threads))
        found = harness.in_turn(
            {
                "ours": partial(harness.call, ours, **environment),
                "torch": partial(harness.call, [torch, way, network, str(threads)], **one),
            },
            rounds,
        )
        ours_s, torch_s = (
            [cost.said["jets"] / cost.said[clock] for cost in found[name]] for name in ("ours", "torch")
        )
        return ours_s, torch_s

    ours, torch_s = rates(1, "cpu_seconds", harness.rounds(5))
    ours_wall, torch_wall = rates(2, "seconds", max(harness.rounds(5) // 2, 1))
    return {
        "jets_per_s": harness.median(ours),
        "torch_jets_per_s": harness.median(torch_s),
        "ratio_peer": harness.ratio(ours, torch_s),
        "ratio_peer_wall": harness.ratio(ours_wall, torch_wall),
    }
