"""What every benchmark needs: processes with their own clocks and memory, pairs in turn, medians.

Light on purpose: Linux counts the memory of the process that starts another one into the other's peak
until that has replaced it, so nothing large is imported, and no input is made, in a benchmark's own process.
"""

import functools
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "results" / "benchmarks"
INPUTS = RESULTS / "inputs"  # made once, read again by a later run; `make clean` takes them away


@dataclass(frozen=True)
class Cost:
    """What a process took, from start to end.

    Attributes:
        seconds: Wall time.
        cpu_seconds: CPU time of all its threads and of the children that it waited for.
        peak_rss_mb: Largest resident memory; NaN, which no JSON takes, where this process was as large
            and the number may be its own.
        output: Its standard output.
    """

    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    output: str

    @property
    def said(self) -> dict[str, Any]:
        """The JSON object in the last line of its standard output."""
        found: dict[str, Any] = json.loads(self.output.strip().splitlines()[-1])
        return found


@dataclass
class Process:
    """A process that was started; `finish` waits for it."""

    popen: subprocess.Popen[bytes]
    out: Any
    err: Any
    started: float

    def finish(self) -> Cost:
        """Wait for the end.

        Raises:
            RuntimeError: It failed; the message ends with what it wrote to standard error.
        """
        _, status, usage = os.wait4(self.popen.pid, 0)
        seconds = time.perf_counter() - self.started
        self.popen.returncode = os.waitstatus_to_exitcode(status)
        if self.popen.stdin is not None:
            self.popen.stdin.close()
        texts = []
        for stream in (self.out, self.err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
            stream.close()
        if self.popen.returncode:
            raise RuntimeError(f"{self.popen.args}: exit code {self.popen.returncode}\n{texts[1][-3000:]}")
        peak = usage.ru_maxrss / 1024 if usage.ru_maxrss > _own_peak_kb() else math.nan
        return Cost(seconds, usage.ru_utime + usage.ru_stime, peak, texts[0])


def _own_peak_kb() -> int:
    """Largest resident memory of this process, without what it took over from its own parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def start(
    arguments: Sequence[str | Path], folder: Path = ROOT, waits: bool = False, **environment: str
) -> Process:
    """Start a process.

    Args:
        arguments: The command.
        folder: Where it runs.
        waits: It is given a standard input, for `go`.
        environment: Variables that are set in it besides our own.
    """
    # Files and no pipes: a full pipe would stop it, and its clock would go on.
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
    started = time.perf_counter()
    popen = subprocess.Popen(
        [str(argument) for argument in arguments],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.PIPE if waits else subprocess.DEVNULL,
        stdout=out,
        stderr=err,
    )
    return Process(popen, out, err, started)


def go(processes: Sequence[Process]) -> None:
    """Let processes that wait for their standard input begin, at once, when all have said a line."""
    for process in processes:
        while not os.fstat(process.out.fileno()).st_size:
            if process.popen.poll() is not None:
                break
            time.sleep(0.02)
    for process in processes:
        if process.popen.stdin is not None and process.popen.returncode is None:
            process.popen.stdin.write(b"go\n")
            process.popen.stdin.flush()


def call(arguments: Sequence[str | Path], folder: Path = ROOT, **environment: str) -> Cost:
    """Run a process to its end."""
    return start(arguments, folder, **environment).finish()


def python(module: str, *arguments: str | Path) -> list[str]:
    """Command of a module of this package with JSON or plain arguments."""
    return [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]


def package_on_path() -> dict[str, str]:
    """PYTHONPATH with this checkout's package and tests in front."""
    there = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(ROOT / "workflow"), str(ROOT), *filter(None, [there])])}


def peer(name: str) -> Path:
    """Python of an environment with the other side's packages, made from peers/NAME.txt where it is new."""
    wanted = Path(__file__).parent / "peers" / f"{name}.txt"
    folder = RESULTS / "peers" / f"{name}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:8]}"
    if not (folder / "made").exists():
        print(f"  installing {wanted.name}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "-q", "-r", wanted], check=True, stdout=sys.stderr)
        (folder / "made").touch()
    return folder / "bin/python"


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Wall and CPU seconds of a call in this process, all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def in_turn(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """Call each way in turn: A, B, C, A, B, C, …; what each gave, by name."""
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
            print(f"  {name} {number + 1}/{rounds}", file=sys.stderr, flush=True)
    return found


def median(values: Sequence[float], digits: int = 3) -> float:
    """Median, rounded to so many significant digits."""
    return significant(statistics.median(values), digits)


def ratio(first: Sequence[float], second: Sequence[float]) -> float:
    """Median over the pairs of first / second."""
    return median([a / b for a, b in zip(first, second, strict=True)])


def significant(value: float, digits: int = 3) -> float:
    """A number with so many significant digits."""
    return float(f"{value:.{digits}g}")


@functools.cache
def rounds(default: int) -> int:
    """Pairs that are run; JETSMITH_BENCH_ROUNDS asks for another number."""
    return int(os.environ.get("JETSMITH_BENCH_ROUNDS", default))
