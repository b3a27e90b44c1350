"""What the executor for Slurm makes of answers: commands of a made-up Slurm, the plugin itself."""

import asyncio
import importlib
import importlib.util
import os
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from tests.requirements import require

REFUSED = "sbatch: error: Batch job submission failed: "
UNREACHABLE = REFUSED + "Unable to contact slurm controller (connect failure)"
NO_ACCOUNT = REFUSED + "Invalid account or account/partition combination specified"
NO_NODE = REFUSED + "Requested node configuration is not available"
TIMED_OUT = "sbatch: error: Socket timed out on send/recv operation"
TOO_MANY = "sbatch: error: QOSMaxSubmitJobPerUserLimit"


class Resources(dict):
    """As Snakemake's: by attribute, too."""

    __getattr__ = dict.get


class Job:
    """As much of a job as is looked at."""

    def __init__(self, name):
        self.name, self.jobid, self.threads = name, 1, 1
        self.rule = SimpleNamespace(name=name)
        self.output, self.input, self.params, self.wildcards = [f"{name}.txt"], [], {}, []
        self.resources = Resources(mem_mb=300, runtime=5, slurm_account="mine", slurm_partition="main")
        self.attempt = 1
        self._attempt = 1

    def is_group(self):
        return False


class Slurm:
    """Commands that say what a test wants, and what came of the executor."""

    def __init__(self, folder):
        self.folder = folder
        self.said, self.failed = [], []
        (folder / "bin").mkdir()
        for command in ("squeue", "sbatch", "scancel"):
            self.answers(command)

    def answers(self, command, out="", error=""):
        """From now on; at once, since a thread may be calling it."""
        script = self.folder / command
        script.write_text(
            f'#!/bin/sh\necho "$@" >> {self.folder}/{command}.calls\n'
            + (f"echo '{error}' >&2; exit 1\n" if error else f"printf '{out}'\n")
        )
        script.chmod(0o755)
        script.replace(self.folder / "bin" / command)

    def calls(self, command):
        path = self.folder / f"{command}.calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A Slurm whose commands answer what a test wants; nothing is in its queue."""
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return Slurm(tmp_path)


@pytest.fixture
def executor(slurm, monkeypatch):
    """One that has started, without Snakemake's thread that polls."""
    found = importlib.util.find_spec("snakemake_executor_plugin_slurm")
    require(None if found else "no snakemake-executor-plugin-slurm: EXTRAS=slurm")
    ours = importlib.import_module("snakemake_executor_plugin_jetsmith_slurm.executor")
    plugin = importlib.import_module("snakemake_executor_plugin_slurm")
    monkeypatch.setattr(plugin, "validate_account", lambda account, logger: account)
    monkeypatch.setattr(plugin.atexit, "register", lambda call: None)
    monkeypatch.setattr(plugin.Executor, "format_job_exec", lambda self, job: f"make {job.name}")
    monkeypatch.setattr(RealExecutor, "report_job_submission", lambda self, info, register_job=True: None)
    monkeypatch.setattr(RealExecutor, "handle_job_error", lambda self, job: None)
    submitted = []
    monkeypatch.setattr(
        RemoteExecutor, "report_job_submission", lambda self, info, register_job=True: submitted.append(info)
    )
    made = object.__new__(ours.Executor)
    made.report_job_error = lambda info, msg="", **more: slurm.failed.append((info, msg))
    made.report_job_success = lambda info: None
    made.workflow = SimpleNamespace(
        executor_settings=ours.ExecutorSettings(),
        workdir_init=str(slurm.folder),
        resource_settings=SimpleNamespace(cores=None),
        persistence=SimpleNamespace(path=str(slurm.folder / ".snakemake")),
        dag=SimpleNamespace(jobs=[]),
        storage_settings=SimpleNamespace(shared_fs_usage=True),
    )
    say = slurm.said.append
    made.logger = SimpleNamespace(info=say, warning=say, debug=lambda line: None, error=lambda *a, **k: None)
    made.status_rate_limiter = Unlimited()
    made.submitted = submitted
    monkeypatch.setattr(RemoteExecutor, "shutdown", lambda self: None)
    made.__post_init__()
    yield made
    made.shutdown()


class Unlimited:
    """A limiter of rates that limits nothing."""

    async def __aenter__(self):
        return None

    async def __aexit__(self, *what):
        return None


def poll(executor, *infos):
    """One look at jobs; those that still wait or work."""

    async def look():
        return [info async for info in executor.check_active_jobs(list(infos))]

    return asyncio.run(look())


def wait_for(condition):
    """For what the threads that submit do."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """A job that waits is tried at the next look."""
    monkeypatch.setattr("jetsmith.batch.waiting.FIRST_S", 0.0)


def submit(executor, slurm, *jobs):
    """Submit jobs, and wait until sbatch has been asked."""
    before = len(slurm.calls("sbatch"))
    for job in jobs:
        executor.run_job(job)
    assert len(slurm.calls("sbatch")) > before


@pytest.mark.parametrize("error", [UNREACHABLE, TOO_MANY, TIMED_OUT])
def test_a_submission_that_is_nobodys_fault(executor, slurm, error):
    """It waits, and is submitted when Slurm takes jobs again; it has not failed, and its attempt stays."""
    slurm.answers("sbatch", error=error)
    job = Job("skim")
    submit(executor, slurm, job)
    assert slurm.failed == executor.submitted == []
    assert any("Slurm takes no jobs" in line and error.split(": ")[-1][:20] in line for line in slurm.said)
    slurm.answers("sbatch", "17\n")
    poll(executor)
    wait_for(lambda: executor.submitted)
    assert [(info.job, info.external_jobid) for info in executor.submitted] == [(job, "17")]
    assert slurm.failed == []


def test_an_outage_whatever_sbatch_says(executor, slurm):
    """Where squeue does not answer either it is no fault of the job; the others are not even tried."""
    slurm.answers("sbatch", error="sbatch: error: what nobody has seen before")
    slurm.answers("squeue", error="no")
    submit(executor, slurm, Job("one"), Job("two"))
    assert slurm.failed == []
    assert len(slurm.calls("sbatch")) == 1
    poll(executor)  # squeue is silent: nothing is submitted beside a job that may be in the queue
    assert len(slurm.calls("sbatch")) == 1


def test_a_submission_that_is_the_jobs_fault(executor, slurm):
    """It has failed, with what sbatch said."""
    slurm.answers("sbatch", error=NO_ACCOUNT)
    submit(executor, slurm, Job("skim"))
    ((_, text),) = slurm.failed
    assert "Invalid account" in text
    poll(executor)
    assert len(slurm.calls("sbatch")) == 1


def test_no_successor_beside_a_stranger(executor, slurm):
    """sbatch said no, and Slurm took the job all the same: it is cancelled before another is submitted."""
    slurm.answers("sbatch", error=TIMED_OUT)
    submit(executor, slurm, Job("skim"))
    slurm.answers("squeue", "99|RUNNING|None|n1\n")
    slurm.answers("sbatch", "17\n")
    for _ in range(12):
        poll(executor)
    assert slurm.calls("scancel") == ["99"]
    assert len(slurm.calls("sbatch")) == 1
    slurm.answers("squeue", "99|CANCELLED|None|n1\n")
    poll(executor)
    wait_for(lambda: executor.submitted)


def test_the_jobs_of_an_array_one_by_one(executor, slurm):
    """An array that Slurm does not take: each of its jobs gets an answer, or waits."""
    slurm.answers("sbatch", error=TOO_MANY)
    jobs = [Job("one"), Job("two")]
    executor.run_array_jobs(jobs)
    wait_for(lambda: len(slurm.calls("sbatch")) >= 2)
    slurm.answers("sbatch", "17\n")
    deadline = time.monotonic() + 60
    while len(executor.submitted) < 2:
        assert time.monotonic() < deadline
        poll(executor)
        time.sleep(0.05)
    assert {info.job for info in executor.submitted} == set(jobs)
    assert slurm.failed == []


def running(executor, slurm, job):
    """A job that Slurm has taken as number 17."""
    slurm.answers("sbatch", "17\n")
    submit(executor, slurm, job)
    return executor.submitted[-1]


def test_a_node_that_goes_down(executor, slurm, monkeypatch):
    """The job is submitted again as it was, elsewhere; there again where there is no other node."""
    job = Job("skim")
    info = running(executor, slurm, job)
    slurm.answers("squeue", "17|NODE_FAIL|None|n3\n")
    assert poll(executor, info) == []
    ((_, text),) = slurm.failed
    assert "its node went down" in text
    assert "For 10 min jobs are submitted with --exclude=n3" in text
    assert "no attempt" in text
    executor.handle_job_error(job)
    assert job._attempt == 0  # Snakemake adds one

    submit(executor, slurm, Job("next"))
    assert "--exclude=n3" in slurm.calls("sbatch")[-1]
    slurm.answers("sbatch", error=NO_NODE)
    submit(executor, slurm, Job("there"))
    wait_for(lambda: len(slurm.calls("sbatch")) == 4)
    assert [("--exclude" in call) for call in slurm.calls("sbatch")] == [False, True, True, False]
    assert any("--exclude=n3" in line and "submitted without it" in line for line in slurm.said)
    wait_for(lambda: len(slurm.failed) == 2)  # the second answer is about the job
    assert "node configuration" in slurm.failed[1][1]


def test_a_node_is_avoided_for_a_while(executor, slurm, monkeypatch):
    """And not for the rest of the run."""
    ours = importlib.import_module("snakemake_executor_plugin_jetsmith_slurm.executor")
    monkeypatch.setattr(ours, "AVOIDED_S", 0)
    info = running(executor, slurm, Job("skim"))
    slurm.answers("squeue", "17|NODE_FAIL|None|n3\n")
    poll(executor, info)
    submit(executor, slurm, Job("next"))
    assert "--exclude" not in slurm.calls("sbatch")[-1]


def test_a_job_that_loses_every_node(executor, slurm):
    """Three times that is no attempt; then it may be the job."""
    job = Job("skim")
    for k in range(4):
        info = running(executor, slurm, job)
        slurm.answers("squeue", "17|BOOT_FAIL|None|n3\n")
        poll(executor, info)
        executor.handle_job_error(job)
        job._attempt += 1
        assert job._attempt == (1 if k < 3 else 2)


@pytest.mark.parametrize(
    ("line", "printed", "words"),
    [
        ("FAILED|NonZeroExitCode", "", "its command failed"),
        ("FAILED|JobLaunchFailure", "", "it could not be started, or its node went down"),
        ("FAILED|NodeDown", "", "it could not be started, or its node went down"),
        ("FAILED|JobLaunchFailure", "slurmstepd: error: Exceeded job memory limit\n", "more than its mem_mb"),
    ],
)
def test_what_has_failed(executor, slurm, line, printed, words):
    """A job that could not be started has no command that failed; a memory limit may read the same."""
    info = running(executor, slurm, Job("skim"))
    info.aux["slurm_logfile"].write_text(printed)
    slurm.answers("squeue", f"17|{line}|n1\n")
    poll(executor, info)
    assert words in slurm.failed[0][1]
    assert ("no attempt" in slurm.failed[0][1]) == ("could not be started" in words)


HELD = ["JobHeldUser", "job requeued in held state", "launch failed requeued held", "JobHoldMaxRequeue"]
HELD += ["PartitionInactive", "PartitionDown", "ReservationDeleted"]


@pytest.mark.parametrize("reason", HELD)
def test_a_held_job_is_told_of(executor, slurm, reason):
    """In each way that Slurm has to say it; after the time for a release it is cancelled."""
    info = running(executor, slurm, Job("skim"))
    slurm.answers("squeue", f"17|PENDING|{reason}|\n")
    assert poll(executor, info) == [info]
    assert any(f"is held ({reason})" in line for line in slurm.said)
    assert slurm.calls("scancel") == []
    executor.workflow.executor_settings.held_timeout = 0
    poll(executor, info)
    assert slurm.calls("scancel") == ["17"]


NEVER = ["QOSMinGRES", "QOSMinCpuNotSatisfied", "QOSMinMemory", "QOSMaxBillingPerJob", "PartitionTimeLimit"]
NEVER += ["AssocMaxBillingMinutesPerJob", "DependencyNeverSatisfied", "QOSMaxWallDurationPerJobLimit"]


@pytest.mark.parametrize("reason", NEVER)
def test_what_never_starts_is_cancelled(executor, slurm, reason):
    """At once."""
    info = running(executor, slurm, Job("skim"))
    slurm.answers("squeue", f"17|PENDING|{reason}|\n")
    poll(executor, info)
    assert slurm.calls("scancel") == ["17"]


@pytest.mark.parametrize("line", ["PENDING|QOSMaxCpuPerUserLimit", "PENDING|Licenses", "SUSPENDED|None"])
def test_what_lasts_long_is_told_once(executor, slurm, monkeypatch, line):
    """After an hour, with number and reason, one job for all; a queue that is full is not told of."""
    ours = importlib.import_module("snakemake_executor_plugin_jetsmith_slurm.executor")
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)  # nobody waits for an hour here
    monkeypatch.setattr(ours, "time", clock)
    info = running(executor, slurm, Job("skim"))
    slurm.said.clear()
    slurm.answers("squeue", f"17|{line}|\n")
    poll(executor, info)
    other = replace(info, external_jobid="18")
    slurm.answers("squeue", f"17|{line}|\n18|{line}|\n")
    clock.now = 3599.0
    poll(executor, info, other)
    assert slurm.said == []
    for clock.now in (3601.0, 3602.0, 7199.0):  # the other one has waited for less than an hour, then as long
        poll(executor, info, other)
    (text,) = slurm.said
    assert text.startswith("Slurm job 17 of rule skim, and maybe others, waits")
    assert line.replace("|", " ").split()[1] in text
    slurm.answers("squeue", "17|PENDING|Priority|\n")
    poll(executor, info)
    assert len(slurm.said) == 1
    assert slurm.calls("scancel") == []


def test_a_machine_without_slurm_is_told_in_a_line(executor, slurm, tmp_path, monkeypatch):
    """Protects: on a node without Slurm's commands a run ended in a traceback of subprocess."""
    module = importlib.import_module("snakemake_executor_plugin_jetsmith_slurm.slurm")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(WorkflowError, match=r"no squeue in the PATH of .* where jobs are submitted"):
        module.SlurmQueue("a")
    assert module.squeue("a") is None  # in mid-run: the scheduler is silent
