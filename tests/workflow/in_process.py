"""A whole run in this process: Snakemake plans it, and the scripts of its jobs are run one after the other.

Each job of Snakemake starts a Python of its own, which takes seconds; many small runs are only possible so.
"""

import contextlib
import io
import json
import os
import runpy
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
    StorageSettings,
)

from tests import tiny


def run(project: Path) -> None:
    """Run everything that the project's default run wants.

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
                    _script(job, workflow.globals["config"])


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
    main(Path(sys.argv[1]), [int(index) for index in sys.argv[2:]])
