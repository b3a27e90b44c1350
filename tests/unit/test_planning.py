"""What keeps a plan short changes nothing of it: a script that is not there is still missed."""

import importlib
import inspect
import warnings
from types import SimpleNamespace

import pytest

from jetsmith import planning


class Job:
    """One of a rule."""

    def __init__(self, rule):
        self.rule = SimpleNamespace(name=rule)


@pytest.fixture
def snakemake():
    """All of it; plugins of batch systems say that these are not here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("snakemake.cli")
    return importlib.import_module("snakemake")


def test_scripts_are_looked_for_once_a_rule(monkeypatch, snakemake):
    """Of each rule the first job is asked, and what is wrong with it comes up."""
    ScriptProcessor, asked = snakemake.dag.ScriptProcessor, []

    def process_job(self, job):
        asked.append(job.rule.name)
        if job.rule.name == "broken":
            raise OSError("no such script")

    monkeypatch.setattr(ScriptProcessor, "process_job", process_job)
    planning.look_once_for_scripts()
    planning.look_once_for_scripts()  # the Snakefile may be read twice in a process
    jobs = [Job(name) for name in ("skim", "skim", "pack", "skim")]
    processor = ScriptProcessor(SimpleNamespace(needrun_jobs=lambda: jobs))
    processor.process()
    assert asked == ["skim", "pack"]
    for _ in range(2):
        with pytest.raises(OSError, match="no such script"):
            processor.process_job(Job("broken"))


def test_a_quick_function_is_the_same():
    """Snakemake reads which arguments a function takes from its signature."""
    function = planning.quick(lambda wildcards, attempt: attempt * 2)
    assert list(inspect.signature(function).parameters) == ["wildcards", "attempt"]
    assert function(None, attempt=3) == 6
