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
CORES_FILES = 15
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
        cores, memory = _cores(folder, warm), _memory(folder, warm)
    return codecs["zstd1"] | cores | memory | {"codecs": codecs}


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

    ways: dict[str, Callable[[], Any]] = {name: way(name) for name in ("ours", *OTHERS)}
    found = harness.in_turn(ways, harness.rounds(5))
    n = EVENTS[codec]
    cpu = {name: [n / cost.said["cpu_seconds"] for cost in found[name]] for name in ways}
    wall = {name: [n / cost.said["seconds"] for cost in found[name]] for name in ways}
    ours = cpu["ours"]
    return {
        "events": n,
        "events_per_s": harness.median(wall["ours"]),
        "events_per_cpu_s": harness.median(ours),
        **{f"ratio_{name}": harness.ratio(ours, cpu[name]) for name in OTHERS},
        **{f"ratio_{name}_wall": harness.ratio(wall["ours"], wall[name]) for name in OTHERS},
        **{f"{name}_events_per_cpu_s": harness.median(cpu[name]) for name in OTHERS},
    }


def _cores(folder: Path, warm: Path) -> dict[str, Any]:
    """One job that has one core, against two such jobs, and against one job of two processes."""
    plan = str(_repeated(folder / "cores.json", CORES_FILES))

    def jobs(*options: dict[str, int]) -> Callable[[], list[Cost]]:
        def work() -> list[Cost]:
            job = {"plan": plan, "chunk_entries": FILE_EVENTS}
            made = [job | {"output": str(folder / f"cores.{i}.parquet")} | o for i, o in enumerate(options)]
            processes = [_start("ours", one, warm) for one in made]
            harness.go(processes)
            return [process.finish() for process in processes]

        return work

    ways = {
        "one core": jobs({"core": 0}),
        "two jobs": jobs({"core": 0}, {"core": 1}),
        "two processes": jobs({"threads": 2}),
    }
    found = harness.in_turn(ways, harness.rounds(3))
    rate = {
        name: [len(costs) / max(cost.said["seconds"] for cost in costs) for costs in rounds]
        for name, rounds in found.items()
    }
    return {
        "ratio_two_cores": harness.ratio(rate["two jobs"], rate["one core"]),
        "ratio_two_processes": harness.ratio(rate["two processes"], rate["one core"]),
    }


def _repeated(path: Path, n_files: int) -> Path:
    """A plan of the first entries of one file under many names."""
    one = _plan(path.with_suffix(".one.json"), _input(MEMORY_EVENTS, "zstd1", fillers=False))
    content = json.loads(one.read_text())
    (record,), links = content["files"], [path.with_suffix(f".{i:02d}.root") for i in range(n_files)]
    for link in links:
        link.symlink_to(record["file"])
    content["files"] = [record | {"file": str(link)} for link in links]
    content["parts"][0]["ranges"] = [
        {"file": str(link), "uuid": record["uuid"], "start": 0, "stop": FILE_EVENTS} for link in links
    ]
    path.write_text(json.dumps(content))
    return path


def _memory(folder: Path, warm: Path) -> dict[str, Any]:
    """Peak memory of one job: a chunk of 100,000 events, and many files against one."""
    one = _plan(folder / "one.json", _input(MEMORY_EVENTS, "zstd1", fillers=False))
    many = _repeated(folder / "many.json", MANY_FILES)

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
