"""What the benchmarks of networks share: a network in training, against the same in PyTorch."""

from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness


def run(network: str, peer: str = "torch", full: str = "") -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains.

    Args:
        network: A key of `_training_ways.MODELS`.
        peer: Whose network is the other, of the environment `peers/{peer}.txt`.
        full: The same network, by another key, on jets without padding.
    """
    torch = harness.peer(peer)
    way = Path(__file__).with_name(f"_{peer}_ways.py")

    def rates(threads: int, clock: str, rounds: int) -> list[list[float]]:
        one = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        environment = harness.package_on_path() | one
        ways = {"torch": partial(harness.call, [torch, way, network, str(threads)], **one)}
        for name in filter(None, (network, full)):
            ours = harness.python("_training_ways", "train", name, str(threads))
            ways[name] = partial(harness.call, ours, **environment)
        found = harness.in_turn(ways, rounds)
        return [[cost.said["jets"] / cost.said[clock] for cost in found[name]] for name in ways]

    torch_s, ours, *without_padding = rates(1, "cpu_seconds", harness.rounds(5))
    torch_wall, ours_wall, *_ = rates(2, "seconds", max(harness.rounds(5) // 2, 1))
    more = {"ratio_peer_full": harness.ratio(without_padding[0], torch_s)} if without_padding else {}
    return more | {
        "jets_per_s": harness.median(ours),
        "torch_jets_per_s": harness.median(torch_s),
        "ratio_peer": harness.ratio(ours, torch_s),
        "ratio_peer_wall": harness.ratio(ours_wall, torch_wall),
    }
