"""A whole run in this process: Snakemake plans it, and the scripts of its jobs are run one after the other.

Each job of Snakemake starts a Python of its own, which takes seconds; many small runs are only possible so.
"""

import ast
import contextlib
import cProfile
import inspect
import io
import json
import os
import runpy
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    GroupSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
    StorageSettings,
)

from jetsmith import provenance
from tests import tiny


def run(project: Path, around: Callable[[Any], AbstractContextManager[object]] | None = None) -> None:
    """Run everything that the project's default run wants.

    Args:
        project: Its folder.
        around: Given a job, what to enter while its script runs.

    Raises:
        Exception: Of the first script that fails, with the rule in its notes.
    """
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        called = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(),
            storage_settings=StorageSettings(),
            snakefile=project / "Snakefile",
            workdir=project,
        )
        called.dag(DAGSettings()).execute_workflow(executor="dryrun")
        workflow = called._workflow
        for level in workflow.dag.toposorted():
            for job in sorted(level, key=str):
                if job.rule.script:
                    with around(job) if around else contextlib.nullcontext():
                        _script(job, workflow.globals["config"])


def grouped(project: Path, profile: Path) -> dict[str, dict[str, Any]]:
    """By group of jobs as a batch profile makes them: its size, and what it asks a batch system for."""
    asked = yaml.safe_load(profile.read_text())
    settings = ResourceSettings(cores=sys.maxsize, nodes=asked["jobs"], resources=asked["resources"])
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        called = api.workflow(
            resource_settings=settings, snakefile=project / "Snakefile", workdir=project
        ).dag(DAGSettings())
        together = GroupSettings(group_components=asked["group-components"])
        called.execute_workflow(executor="dryrun", group_settings=together)
        workflow = called.workflow_api._workflow
        return {
            group.groupid: {"jobs": len(list(group.jobs)), "threads": group.threads}
            | {name: group.resources.get(name) for name in ("mem_mb", "runtime")}
            for group in workflow.dag._group.values()
        }


def _script(job: Any, config: dict[str, Any]) -> None:
    for path in (*job.output, *job.log):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    given = SimpleNamespace(
        input=job.input, output=job.output, params=job.params, wildcards=job.wildcards, threads=1,
        resources=job.resources, log=job.log, config=config, rule=job.rule.name,
    )  # fmt: skip
    script = Path(job.rule.workflow.basedir) / "scripts" / Path(job.rule.script).name
    try:
        runpy.run_path(str(script), {"snakemake": given})
    except BaseException as error:
        error.add_note(f"in {job}: {Path(job.log[0]).read_text()[-3000:]}")
        raise


def missed(project: Path) -> dict[str, list[str]]:
    """By rule, definitions of the package that a job called and that its digest does not count."""
    asked: dict[str, tuple[Path, tuple[str, ...]]] = {}  # by digests of what is counted
    called: dict[tuple[str, str], set[tuple[str, int]]] = {}  # by rule and digest: file and line
    real = provenance.script_digests

    def remembering(script: Path, *modules: str) -> dict[str, str]:
        digests = real(script, *modules)
        asked[str(digests)] = script, modules
        return digests

    @contextlib.contextmanager
    def watching(job: Any) -> Iterator[None]:
        here = called.setdefault((job.rule.name, str(job.params.code)), set())
        profiles: list[cProfile.Profile] = []  # one a thread; tracing in Python is dearer

        def begin(*_: object) -> None:
            sys.setprofile(None)  # this function, in a thread that begins
            profiles.append(cProfile.Profile(subcalls=False, builtins=False))
            with contextlib.suppress(ValueError):  # from Python 3.12 on the first one sees all threads
                profiles[-1].enable()

        threading.setprofile(begin)
        begin()
        try:
            yield
        finally:
            threading.setprofile(None)  # type: ignore[arg-type]
            for profile in profiles:
                profile.disable()
        for profile in profiles:
            for code in (entry.code for entry in profile.getstats() if isinstance(entry.code, CodeType)):
                is_function = code.co_flags & inspect.CO_OPTIMIZED  # no body of a class or module: an import
                if is_function and code.co_filename.startswith(str(provenance.PACKAGE)):
                    here.add((code.co_filename, code.co_firstlineno))

    provenance.script_digests = remembering
    run(project, watching)
    found: dict[str, list[str]] = {}
    for (rule, digest), places in called.items():
        script, modules = asked[digest]
        counted = provenance.reached(provenance.roots(script, *modules))
        names = {_definition(*place) for place in places if place[0].endswith(".py")}
        others = {name for name in names - counted if name and name[0] not in provenance.WITHOUT_EFFECT}
        assert names, rule
        found.setdefault(rule, []).extend(sorted(":".join(name) for name in others))
    return found


def _definition(path: str, line: int) -> tuple[str, str] | None:
    """Module and name at the top of a file that a line belongs to; None for a lambda in an assignment."""
    place = Path(path).relative_to(provenance.PACKAGE).with_suffix("")
    module = ".".join(part for part in place.parts if part != "__init__")
    for node in ast.parse(Path(path).read_bytes()).body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        if first <= line <= (node.end_lineno or 0) and isinstance(node, ast.FunctionDef | ast.ClassDef):
            return module, node.name
    return None


def main(project: Path, chosen: list[int]) -> None:
    """Make mistakes one after the other (their places in `tiny.mutations`), and say how each run ends.

    Prints a line of JSON for each: the mistake, `ended` well or not, and what was said.
    """
    os.chdir(project)
    for index in chosen:
        mutation = tiny.mutations()[index]
        tiny.write_config(project / "config")
        (project / "config" / mutation.file).write_text(tiny.mutated(mutation))
        shutil.rmtree("results", ignore_errors=True)
        said = io.StringIO()
        ended = True
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                run(project)
        except BaseException as error:
            ended = False
            said.write(f"{type(error).__name__}: {error} {getattr(error, '__notes__', '')}")
        report = Path("results/report/index.html").is_file()
        print(
            json.dumps({"mistake": str(mutation), "ended": ended and report, "said": said.getvalue()[-4000:]})
        )


if __name__ == "__main__":
    if sys.argv[2:] == ["missed"]:
        os.chdir(sys.argv[1])
        print(json.dumps(missed(Path(sys.argv[1]))))
    elif sys.argv[2] == "grouped":
        os.chdir(sys.argv[1])
        for path in sys.argv[3:]:
            print(json.dumps(grouped(Path(sys.argv[1]), Path(path))))
    else:
        main(Path(sys.argv[1]), [int(index) for index in sys.argv[2:]])
