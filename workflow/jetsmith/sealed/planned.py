"""What a run has planned for each job, for the job to compare with what it is about to do.

A batch job reads the configuration and the rules again, hours or days after they were planned, and Snakemake
records what was planned, not what ran. So the driver writes its plan down, and a job that finds itself with
other code or other parameters ends before it begins.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jetsmith import provenance
from jetsmith.errors import InputError
from jetsmith.sealed.frozen import forget_old

VARIABLE = "JETSMITH_PLAN"
SOURCES = Path(".snakemake/jetsmith-sources.json")
"""What processes have found of source files, see `provenance.remember`."""


def leaves(params: Iterable[tuple[str, Any]]) -> list[str]:
    """Parameters of a job, a line a value that has a name: `spec.training.epochs=20`.

    Snakemake compares these lines and prints those that differ.

    Args:
        params: Names and plain values, as JSON has them.
    """
    return [line for name, value in params for line in _leaves(name, value)[1]]


_known: dict[tuple[str, int], tuple[Any, str, list[str]]] = {}


def _leaves(name: str, value: Any) -> tuple[str, list[str]]:
    """Digest and lines of one parameter; thousands of jobs share one object."""
    key = name, id(value)
    if key not in _known:  # the object is kept, or another could come to its place
        lines = [
            f"{path}={json.dumps(found, sort_keys=True, default=repr)}" for path, found in _flat(name, value)
        ]
        _known[key] = value, provenance.config_digest(lines), lines
    return _known[key][1:]


def digest(params: Iterable[tuple[str, Any]]) -> str:
    """Digest of parameters, the same as of other objects with the same `leaves`."""
    return provenance.config_digest([_leaves(name, value)[0] for name, value in params])


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{path}.{key}", inner)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        names = [item.get("name", i) if isinstance(item, Mapping) else i for i, item in enumerate(value)]
        if len(value) > 1:  # of two orders the lines would be the same
            yield path, names
        for name, item in zip(names, value, strict=True):
            yield from _flat(f"{path}.{name}", item)
    else:
        yield path, value


def write(folder: Path, jobs: Iterable[Any]) -> None:
    """Write down what jobs are to be made from; children of this process find it.

    Args:
        folder: For plans, each named by its content.
        jobs: Jobs of Snakemake.
    """
    made_from: dict[str, dict[str, list[str]]] = {}
    plan = {}
    for job in jobs:
        inputs = sorted(map(str, job.input))
        key = f"{digest(job.params.items())} {provenance.config_digest(inputs)}"
        if key not in made_from:
            made_from[key] = _about(job.params, inputs)
        plan[_key(job.output)] = key
    content = {"jobs": plan, "made_from": made_from}
    path = folder.absolute() / f"{provenance.config_digest(content)}.json"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(content))
        temporary.replace(path)
    os.utime(path)
    forget_old(folder.absolute(), keep=path)
    os.environ[VARIABLE] = str(path)


def check(job: Any) -> None:
    """Compare a job that is about to start with its plan; where none can be seen, its code alone.

    Args:
        job: Snakemake's object of the script.

    Raises:
        InputError: Its code, parameters or inputs are not those that were planned.
    """
    found = _code_found(job.params)
    if found is not None and found != job.params.code:
        raise _changed(_differences(leaves([("code", job.params.code)]), leaves([("code", found)])))
    told = os.environ.get(VARIABLE)
    if told and Path(told).is_file():
        content = json.loads(Path(told).read_text())
        key = content["jobs"].get(_key(job.output))
        if key is None:
            raise _changed(["it was not planned"])
        wanted, here = content["made_from"][key], _about(job.params, job.input)
        if wanted != here:
            raise _changed([line for kind in wanted for line in _differences(wanted[kind], here[kind])])


def _about(params: Any, inputs: Iterable[Any]) -> dict[str, list[str]]:
    return {"params": leaves(params.items()), "input": sorted(map(str, inputs))}


def _key(outputs: Iterable[Any]) -> str:
    return "\n".join(sorted(map(str, outputs)))


def _code_found(params: Any) -> dict[str, str] | None:
    """Digests of the code that this process runs; None where the script is not Snakemake's copy."""
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    if not script.is_file() or not _is_snakemakes(script):
        return None
    provenance.remember(SOURCES)
    return provenance.script_digests(script, *params.code.get("beside", "").split())


def _is_snakemakes(script: Path) -> bool:
    """Whether a script is a copy with Snakemake's preamble."""
    with open(script, "rb") as file:
        return provenance.PREAMBLE_END in file.read()


def _differences(wanted: list[str], found: list[str]) -> list[str]:
    return [f"planned: {line}" for line in wanted if line not in found] + [
        f"now: {line}" for line in found if line not in wanted
    ]


def _changed(lines: list[str]) -> InputError:
    listed = "; ".join(lines[:6]) + (f"; and {len(lines) - 6} more" if len(lines) > 6 else "")
    return InputError(
        "code or configuration were edited since this job was planned, and it would make something else than "
        f"is written down of it ({listed}). Start the run again: it plans with what is there now"
    )
