"""What keeps plans and runs short changes nothing of them.

A script that is not there is still missed, and a rate limit still holds.
"""

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


@pytest.mark.parametrize(
    ("delay", "free", "looks"),
    [(1, 100, False), (1, 0, True), (5, 100, True)],
    ids=["nothing was held back", "the limit holds jobs back", "for another reason"],
)
def test_ready_jobs_are_looked_at_again_where_the_limit_held_some_back(
    monkeypatch, snakemake, delay, free, looks
):
    """Else each job that ends adds a look a second at all that are ready; a driver of thousands is busy."""
    scheduler, asked = snakemake.scheduling.job_scheduler.JobScheduler, []
    monkeypatch.setattr(scheduler, "_schedule_reevalutation", lambda self, delay: asked.append(delay))
    planning.look_when_jobs_end()
    planning.look_when_jobs_end()
    limiter = SimpleNamespace(timespan=1, get_free_jobs=lambda: free)
    scheduler._schedule_reevalutation(SimpleNamespace(job_rate_limiter=limiter), delay)
    assert asked == [delay] * looks


def test_snakemake_looks_again_by_the_method_that_is_replaced(snakemake):
    """Protects: a newer Snakemake in which the method is called otherwise, and the driver busy again."""
    source = inspect.getsource(snakemake.scheduling.job_scheduler.JobScheduler.schedule)
    assert "self._schedule_reevalutation(self.job_rate_limiter.timespan)" in source


def test_a_quick_function_is_the_same():
    """Snakemake reads which arguments a function takes from its signature."""
    function = planning.quick(lambda wildcards, attempt: attempt * 2)
    assert list(inspect.signature(function).parameters) == ["wildcards", "attempt"]
    assert function(None, attempt=3) == 6


def test_memory_by_input(tmp_path):
    """It follows the files that are there, from the least on; a folder has no size of its own."""
    large, small = tmp_path / "large", tmp_path / "small"
    with large.open("wb") as file:
        file.truncate(3_000_000_000)  # a hole
    small.write_bytes(b"x")
    assert planning.memory_mb([str(large), str(small)], 2000, 2) == 6400
    assert planning.memory_mb([str(small), str(tmp_path), str(tmp_path / "none")], 2000, 2) == 2000
