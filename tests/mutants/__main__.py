"""Would the tests notice? `make mutants [only="MODULE …"] [n=20]`, n of 0 for every fault.

Puts small faults into a copy of the package, one at a time, and runs the unit tests that import the module.
What no test notices is printed: a hole in the tests, or a change that changes nothing.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.faults import Fault, faults

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "workflow" / "jetsmith"
TIMEOUT_S = 300  # a fault may make a loop endless; that is noticed, too
MODULES = (
    "metrics.curves", "metrics.efficiencies", "metrics.thresholds", "calibration.maps", "reweighting.curve",
    "reweighting.events", "reweighting.gates", "reweighting.separation", "reweighting.weights", "training",
    "stacking", "sources.nanoaod", "sources.truth",
    "sources.hadrons", "sources.eventcuts", "io.atomic", "io.rows", "packed.arrays", "packed.buckets",
    "packed.overlap", "packed.pack", "packed.pack_rows", "packed.rows", "packed.writing", "skimming.account",
    "skimming.agreement", "skimming.copies", "skimming.normalisation", "balance", "hashing", "batch.ledger",
    "locks", "ratios",
)  # fmt: skip


def file_of(module: str, package: Path = PACKAGE) -> Path:
    """The file of a module, by its name below the package."""
    base = package.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def unit_tests_of(module: str) -> list[str]:
    """Unit tests that import a module or a package that it is in; those named after either come first.

    These count, too, where they import what the package hands on.
    """
    packages = {module[:i] for i, letter in enumerate(module) if letter == "."}
    named = {f"test_{part}" for part in module.split(".")}
    first, others = [], []
    for path in sorted((ROOT / "tests" / "unit").glob("test_*.py")):
        imported = {
            f"{node.module}.{alias.name}".removeprefix("jetsmith.")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        whole = any(name in {module, *packages} or name.startswith(f"{module}.") for name in imported)
        handed_on = any(name.rpartition(".")[0] in packages for name in imported)
        if path.stem in named and (whole or handed_on):
            first.append(str(path.relative_to(ROOT)))
        elif whole:
            others.append(str(path.relative_to(ROOT)))
    return first + others  # the first failure ends the run


def noticed(module: str, tests: Sequence[str], source: str | None) -> bool:
    """Whether a test fails with this source of the module; None for the source as it is."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "jetsmith"
        shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
        if source is not None:
            file_of(module, copied).write_text(source)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        # Byte code is not written: a fault of the same size within a second would be taken for the module.
        environment = {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "JETSMITH_HYPOTHESIS": "mutants"}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | environment, capture_output=True, timeout=TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0


def judge(module: str, n: int, seed: int, jobs: int) -> tuple[int, list[Fault]]:
    """How many faults of a module were tried, and those that no test noticed."""
    tests = unit_tests_of(module)
    if not tests:
        raise SystemExit(f"{module}: no unit test imports it")
    if noticed(module, tests, None):
        raise SystemExit(f"{module}: its tests fail as it is: {' '.join(tests)}")
    found = list(faults(file_of(module).read_text()))
    tried = random.Random(f"{seed} {module}").sample(found, n) if 0 < n < len(found) else found
    with ThreadPoolExecutor(jobs) as pool:
        seen = list(pool.map(lambda fault: noticed(module, tests, fault.source), tried))
    return len(tried), [fault for fault, was in zip(tried, seen, strict=True) if not was]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("modules", nargs="*", default=MODULES, help="below jetsmith, such as metrics.curves")
    parser.add_argument("-n", type=int, default=20, help="faults a module; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    total = total_noticed = 0
    for module in asked.modules or MODULES:
        n, missed = judge(module, asked.n, asked.seed, asked.jobs)
        total, total_noticed = total + n, total_noticed + n - len(missed)
        print(f"{module}: {n - len(missed)} of {n} noticed", flush=True)
        for fault in missed:
            print(f"    {file_of(module).relative_to(ROOT)}:{fault.line}: {fault.what}", flush=True)
    print(f"all: {total_noticed} of {total} noticed ({total_noticed / total:.0%})")


if __name__ == "__main__":
    main()
