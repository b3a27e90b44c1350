"""What our executors use of Snakemake's plugins beyond their interface: an update shows what it broke."""

import ast
import importlib
import importlib.util
import inspect
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.jobs import GroupJob, Job

from jetsmith.batch.handover import TakesOver
from tests.requirements import require

pytestmark = pytest.mark.cluster
SOURCES = Path(__file__).parent.parent.parent / "workflow"
# Private names that are Snakemake's, and the plugins': used, or replaced by ours.
OF_SNAKEMAKE = {"_filter_incomplete_keys"}
PRIVATE: dict[str, set[str]] = {
    "slurm": {
        "_failed_nodes", "_job_submission_executor", "_report_job_error_threadsafe", "_submit_array_jobs",
        "_submit_job",
    },
    "htcondor": {
        "_batch_query_schedd", "_cleanup_job_tracking", "_drain_unified_log", "_get_files_for_transfer",
        "_handle_explicit_unit_resources", "_held_timeout", "_report_and_resolve_job_state",
        "_try_read_job_log", "_unified_log_file",
    },
}  # fmt: skip

HANDOVER = Path(inspect.getfile(TakesOver))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name != "_replace"  # of named tuples


def names(source: str) -> tuple[set[str], set[str]]:
    """Private attributes that a source reads, and those that it defines or sets."""
    read, made = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            (made if isinstance(node.ctx, ast.Store) else read).add(node.attr)
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    made.add(part.name)
                for target in getattr(part, "targets", [getattr(part, "target", None)]):
                    made |= {target.id} if isinstance(target, ast.Name) else set()
    return set(filter(is_private, read)), set(filter(is_private, made))


def ours(plugin: str) -> tuple[set[str], set[str]]:
    """Those of our executor and of what it has in common with the other."""
    paths = (*(SOURCES / f"snakemake_executor_plugin_jetsmith_{plugin}").glob("*.py"), HANDOVER)
    found = [names(path.read_text()) for path in paths]
    return set.union(*(read for read, _ in found)), set.union(*(made for _, made in found))


@pytest.mark.parametrize("plugin", PRIVATE)
def test_what_is_not_ours_is_listed(plugin):
    """A private name that we use and do not define stands above, and none that we do not use."""
    read, made = ours(plugin)
    listed = PRIVATE[plugin] | OF_SNAKEMAKE
    assert sorted(read - made - listed) == []
    assert sorted(listed - read - made) == []


@pytest.mark.parametrize("plugin", PRIVATE)
def test_what_is_listed_is_in_the_plugin(plugin, monkeypatch):
    """As installed; and no name of ours is the plugin's by accident, which would replace what it means."""
    package = f"snakemake_executor_plugin_{plugin}"
    require(None if importlib.util.find_spec(package) else f"no {package}: `make setup EXTRAS={plugin}`")
    monkeypatch.setenv("CONDOR_CONFIG", os.devnull)
    modules = {one.__module__ for one in importlib.import_module(package).Executor.__mro__}
    modules = modules - {"abc", "builtins"} | {"snakemake.persistence"}
    theirs = set.union(*(names(inspect.getsource(importlib.import_module(name)))[1] for name in modules))
    listed = PRIVATE[plugin] | OF_SNAKEMAKE
    assert sorted(listed - theirs) == []
    assert sorted((ours(plugin)[1] & theirs) - listed) == []


def test_attempts_of_snakemake():
    """What an executor takes back of a job that lost its node (`TakesOver.spare`)."""
    assert all("_attempt" in kind.__slots__ for kind in (Job, GroupJob))


def test_a_job_is_one_snakemake(monkeypatch):
    """It works in its batch step, whatever profile the environment names; only an array has steps."""
    require(
        None if importlib.util.find_spec("snakemake_executor_plugin_slurm") else "no plugin: EXTRAS=slurm"
    )
    plugin = importlib.import_module("snakemake_executor_plugin_slurm")
    ours = importlib.import_module("snakemake_executor_plugin_jetsmith_slurm.executor").Executor
    monkeypatch.setattr(
        plugin.Executor,
        "format_job_exec",
        lambda self, job: f"python -m snakemake {self.additional_general_args()} --mode remote",
    )
    settings = SimpleNamespace(pass_command_as_script=False)
    executor = object.__new__(ours)
    vars(executor).update(_in_arrays={"task"}, workflow=SimpleNamespace(executor_settings=settings))
    assert executor.format_job_exec("job") == "python -m snakemake --executor local --mode remote"
    assert "--executor slurm-jobstep" in executor.format_job_exec("task")
