"""The command line of the benchmarks."""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks._harness import RESULTS, package_on_path


def names() -> list[str]:
    """The benchmarks: modules of this package without an underscore."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main(arguments: list[str], results: Path = RESULTS) -> int:
    """Run what the command line names; several in processes of their own."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(names())}; all by default")
    parser.add_argument("--table", action="store_true", help="print the table of docs/benchmarks.md")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in names()]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names())}")
    if asked.table:
        print(table(results))
        return 0
    wanted = asked.names or names()
    if len(wanted) == 1:
        print(json.dumps(_run(wanted[0], results)))
        return 0
    codes = [
        subprocess.run([sys.executable, "-m", "tests.benchmarks", name], env=os.environ | package_on_path())
        for name in wanted
    ]
    return max(code.returncode for code in codes)


def _run(name: str, results: Path) -> dict[str, Any]:
    """Run one benchmark and write what it found."""
    load = os.getloadavg()
    found: dict[str, Any] = importlib.import_module(f"tests.benchmarks.{name}").run()
    from jetsmith import io, provenance  # after the run: they are large, see _harness

    content = {"name": name, **found, "machine": _machine(load), "provenance": provenance.record()}
    io.write_json(results / f"{name}.json", content)
    return content


def _machine(load: tuple[float, float, float]) -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_before": [round(x, 2) for x in load],
        "load_after": [round(x, 2) for x in os.getloadavg()],
    }


def table(results: Path) -> str:
    """The numbers of all benchmarks that were run, as Markdown; one column for each of several inputs."""
    blocks = []
    for name in names():
        path = results / f"{name}.json"
        if path.is_file():
            blocks.append(_block(name, json.loads(path.read_text())))
    return "\n\n".join(blocks)


def _block(name: str, content: dict[str, Any]) -> str:
    """A heading with date, machine and versions, and the table of one benchmark."""
    machine, record = content.pop("machine"), content.pop("provenance")
    tables = [value for value in content.values() if isinstance(value, dict)]
    inside = {key for columns in tables for column in columns.values() for key in column}
    single = {k: v for k, v in content.items() if isinstance(v, int | float) and k not in inside}
    blocks = [_columns(columns) for columns in tables]
    if single:
        blocks.append(_rows(["field", "value"], [[key, value] for key, value in single.items()]))
    versions = ", ".join(f"{package} {found}" for package, found in record["versions"].items())
    about = (
        f"{machine['date']}, {machine['cores']} cores ({machine['cpu']}), load {machine['load_before'][0]} "
        f"before and {machine['load_after'][0]} after, {record['system']}, Python {record['python']}, "
        f"commit {record['commit']}; {versions}."
    )
    return "\n\n".join([f"### {name}", *blocks, about])


def _columns(columns: dict[str, dict[str, Any]]) -> str:
    """A table with a column for each of several inputs, or with a line where there are many."""
    if all(name.isdecimal() for name in columns):  # a JSON file has them as texts: 1, 16, 4
        columns = {name: columns[name] for name in sorted(columns, key=int)}
    fields = list(dict.fromkeys(key for column in columns.values() for key in column))
    if len(columns) > max(len(fields), 6):
        return _rows(
            ["", *fields], [[name, *(c.get(key, "") for key in fields)] for name, c in columns.items()]
        )
    rows = [[key, *(column.get(key, "") for column in columns.values())] for key in fields]
    return _rows(["field", *columns], rows)


def _rows(head: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
