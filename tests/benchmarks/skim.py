"""Benchmark `skim`: one partition of a PFNano-like file, against bare uproot and a coffea processor."""

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness
from tests.benchmarks._harness import ROOT, Cost, Process

EVENTS = {"zstd1": 40_000, "lzma4": 20_000}  # LZMA takes two minutes for as many
WARM_EVENTS = 500
MEMORY_EVENTS = 100_000  # one chunk of the default size
MANY_FILES = 50
FILE_EVENTS = 20_000  # entries of each of them
OTHERS = ("floor", "floor_all", "coffea")
ENVIRONMENT = harness.package_on_path() | {"OMP_NUM_THREADS": "1"}


def run() -> dict[str, Any]:
    """Measure; the fields are explained in docs/benchmarks.md.

    The fields of the file in ZSTD-1 stand at the top, those of each codec in `codecs`.
    """
    with tempfile.TemporaryDirectory(prefix="jetsmith-skim-") as name:
        folder = Path(name)
        warm = _plan(folder / "warm.json", _input(WARM_EVENTS, "zstd1"))
        codecs = {codec: _codec(folder, codec, warm) for codec in EVENTS}
        memory = _memory(folder, warm)
    return codecs["zstd1"] | memory | {"codecs": codecs}


def _input(events: int, codec: str, fillers: bool = True) -> Path:
    """A file made in a process of its own, or the one that an earlier run made by the same code."""
    maker = hashlib.sha256((Path(__file__).parent / "_pfnano.py").read_bytes()).hexdigest()[:8]
    path = harness.INPUTS / f"{maker}-{codec}-{events}-{'wide' if fillers else 'narrow'}.root"
    if not path.exists():
        print(f"  making {path.name}", file=sys.stderr, flush=True)
        harness.call(harness.python("_pfnano", path, str(events), codec, str(fillers)), **ENVIRONMENT)
    return path


def _plan(path: Path, *files: Path) -> Path:
    harness.call(harness.python("_skim_ways", "plan", path, "1", *files), **ENVIRONMENT)
    return path


def _start(way: str, job: dict[str, Any], warm: Path) -> Process:
    """Start a way; it waits, warm, for `_go`."""
    output = Path(job["output"])
    small = {"plan": str(warm), "output": str(output.with_suffix(".warm.parquet"))}
    if way == "floor":
        small["rows"] = str(Path(job["rows"]).with_suffix(".warm.parquet"))
    text = json.dumps({**job, "warm": small})
    return harness.start(harness.python("_skim_ways", way, text), ROOT, waits=True, **ENVIRONMENT)


def _measure(way: str, job: dict[str, Any], warm: Path) -> Cost:
    process = _start(way, job, warm)
    harness.go([process])
    return process.finish()


def _codec(folder: Path, codec: str, warm: Path) -> dict[str, Any]:
    """Every way in turn on the file of one codec."""
    plan = _plan(folder / f"{codec}.json", _input(EVENTS[codec], codec))
    rows = str(folder / "ours.parquet")

    def way(name: str) -> Callable[[], Cost]:
        job = {"plan": str(plan), "output": str(folder / f"{name}.parquet"), "rows": rows}
        return lambda: _measure(name, job, warm)

    def two() -> list[Cost]:
        jobs = [{"plan": str(plan), "output": str(folder / f"two.{i}.parquet")} for i in range(2)]
        processes = [_start("ours", job, warm) for job in jobs]
        harness.go(processes)
        return [process.finish() for process in processes]

    ways: dict[str, Callable[[], Any]] = {name: way(name) for name in ("ours", *OTHERS)}
    found = harness.in_turn(ways | {"two": two}, harness.rounds(5))
    n = EVENTS[codec]
    cpu = {name: [n / cost.said["cpu_seconds"] for cost in found[name]] for name in ways}
    wall = {name: [n / cost.said["seconds"] for cost in found[name]] for name in ways}
    both = [2 * n / max(cost.said["seconds"] for cost in pair) for pair in found["two"]]
    ours = cpu["ours"]
    return {
        "events": n,
        "events_per_s": harness.median(wall["ours"]),
        "events_per_cpu_s": harness.median(ours),
        **{f"ratio_{name}": harness.ratio(ours, cpu[name]) for name in OTHERS},
        **{f"ratio_{name}_wall": harness.ratio(wall["ours"], wall[name]) for name in OTHERS},
        "ratio_two_cores": harness.ratio(both, wall["ours"]),
        **{f"{name}_events_per_cpu_s": harness.median(cpu[name]) for name in OTHERS},
    }


def _memory(folder: Path, warm: Path) -> dict[str, Any]:
    """Peak memory of one job: a chunk of 100,000 events, and many files against one."""
    big = _input(MEMORY_EVENTS, "zstd1", fillers=False)
    one = _plan(folder / "one.json", big)
    many = folder / "many.json"
    content = json.loads(one.read_text())
    (record,), links = content["files"], [folder / f"{i:02d}.root" for i in range(MANY_FILES)]
    for link in links:
        link.symlink_to(big)
    content["files"] = [record | {"file": str(link)} for link in links]
    content["parts"][0]["ranges"] = [
        {"file": str(link), "uuid": record["uuid"], "start": 0, "stop": FILE_EVENTS} for link in links
    ]
    many.write_text(json.dumps(content))

    def way(plan: Path, chunk: int) -> Callable[[], Cost]:
        job = {"plan": str(plan), "output": str(folder / "memory.parquet"), "chunk_entries": chunk}
        return lambda: _measure("ours", job, warm)

    found = harness.in_turn(
        {
            "chunk of 100,000": way(one, MEMORY_EVENTS),
            "one file": way(one, FILE_EVENTS),
            f"{MANY_FILES} files": way(many, FILE_EVENTS),
        },
        min(harness.rounds(5), 2),
    )
    peak = {name: [cost.peak_rss_mb / 1000 for cost in costs] for name, costs in found.items()}
    return {
        "peak_rss_gb": harness.significant(max(peak["chunk of 100,000"])),
        "ratio_rss_50_files": harness.ratio(peak[f"{MANY_FILES} files"], peak["one file"]),
    }
