"""What a killed driver has in the queue is taken over, cancelled or settled, and never run twice."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_interface_common.exceptions import WorkflowError

from jetsmith.batch.handover import Handover
from jetsmith.batch.ledger import LEDGER, Ledger, Submitted, refuse_others

SYSTEM = "jetsmith-test"


class Job:
    """As much of a Snakemake job as is looked at."""

    def __init__(self, name, outputs, inputs=(), seed=1):
        self.name = name
        self.rule = SimpleNamespace(name=name)
        self.output, self.input, self.params = list(map(str, outputs)), list(map(str, inputs)), {"seed": seed}

    def is_group(self):
        return False


class Group:
    """A group of jobs."""

    def __init__(self, name, *jobs):
        self.name, self.jobs = name, jobs

    def is_group(self):
        return True


class Queue:
    """A batch system with some jobs."""

    def __init__(self, states=(), living=()):
        self._states, self._living, self.cancelled = dict(states), set(living), []

    def states(self, numbers):
        return {number: state for number, state in self._states.items() if number in numbers}

    def living(self):
        return self._living | {number for number, state in self._states.items() if state == "active"}

    def cancel(self, numbers):
        self.cancelled += numbers


class Workflow:
    """Snakemake's, with jobs of which some need not run."""

    def __init__(self, folder, needed=(), done=(), marked=(), dependencies=()):
        self.records = []
        self.dag = SimpleNamespace(
            jobs=[*needed, *done],
            needrun=lambda job: job in needed,
            dependencies={job: {} for job in [*needed, *done]} | dict(dependencies),
        )
        self.persistence = SimpleNamespace(
            path=str(folder / ".snakemake"),
            deactivate_cache=lambda: None,
            _filter_incomplete_keys=lambda keys: {path for job in marked for path in job.output} & set(keys),
            finished=self.records.append,
        )
        self.async_run = lambda coroutine: coroutine


class Log:
    """Keeps what is said."""

    def __init__(self):
        self.text = ""

    def info(self, line):
        self.text += line + "\n"

    warning = info


@pytest.fixture
def train(tmp_path):
    """A job that a driver submitted as job 7 before it was killed; its input is there, its output is not."""
    (tmp_path / "in").touch()
    job = Job("train", [tmp_path / "out"], [tmp_path / "in"])
    start(tmp_path, Queue()).submitted(job, 7, "log")
    return job


DRIVERS = []


@pytest.fixture(autouse=True)
def dead_at_the_end():
    """No driver outlives its test."""
    yield
    while DRIVERS:
        DRIVERS.pop().close()


def start(folder, queue, log=None, **workflow):
    """The next driver; those before are dead."""
    while DRIVERS:
        DRIVERS.pop().close()
    DRIVERS.append(Handover(SYSTEM, queue, Workflow(folder, **workflow), log or Log()))
    return DRIVERS[-1]


def open_numbers(folder):
    return [job.id for job in Ledger(folder / ".snakemake" / LEDGER).still_open()]


def test_a_job_that_goes_on(tmp_path, train):
    """It waits or works: it is not submitted again; and a third driver would find it, too."""
    queue, log = Queue({"7": "active"}), Log()
    handover = start(tmp_path, queue, log, needed=[train])
    assert handover.take([train])[train].id == "7"
    assert "job 7 (rule train) of the killed run" in log.text
    assert not handover.take([train])  # a second attempt is a new job
    assert not queue.cancelled
    handover = start(tmp_path, queue, needed=[train])
    handover.submitted(train, *[handover.take([train])[train].id, "log"])
    handover.ended(train)
    assert not open_numbers(tmp_path)


@pytest.mark.parametrize(
    ("states", "has_output", "marked", "counts"),
    [
        ({"7": "ended well"}, True, True, True),
        ({"7": "ended well"}, False, True, False),  # someone has deleted the results
        ({}, True, False, True),  # the batch system has forgotten it, and it took its mark away
        ({}, True, True, False),  # it was killed
    ],
)
def test_a_job_that_ended_meanwhile(tmp_path, train, states, has_output, marked, counts):
    """It counts where its results are complete."""
    if has_output:
        Path(train.output[0]).touch()
    queue = Queue(states)
    handover = start(tmp_path, queue, needed=[train], marked=[train] if marked else [])
    assert (train in handover.take([train])) == counts
    assert not queue.cancelled


def test_other_parameters(tmp_path, train):
    """A job of the old ones is cancelled before the new one is submitted."""
    queue, now = Queue({"7": "active"}), Job("train", train.output, train.input, seed=2)
    assert not start(tmp_path, queue, needed=[now]).take([now])
    assert queue.cancelled == ["7"]
    assert not open_numbers(tmp_path)


def test_other_inputs(tmp_path, train):
    """The same files, made anew: what was made of the old ones does not count."""
    os.utime(train.input[0], (1, 1))
    queue = Queue({"7": "active"})
    handover = start(tmp_path, queue, needed=[train])
    assert queue.cancelled == ["7"]  # at once, not when its turn comes
    assert not handover.take([train])


def test_inputs_that_are_about_to_be_made_anew(tmp_path, train):
    """The job is cancelled at once, not when its turn comes."""
    pack, queue = Job("pack", train.input), Queue({"7": "active"})
    start(tmp_path, queue, needed=[pack, train], dependencies={train: {pack: set(pack.output)}})
    assert queue.cancelled == ["7"]


def test_a_group_that_has_shrunk(tmp_path, train):
    """The old batch job would write what the new one does: it is cancelled first."""
    score = Job("score", [tmp_path / "scores"], train.output)
    handover = start(tmp_path, Queue())
    handover.submitted(Group("both", train, score), 9, "log")
    queue = Queue({"9": "active"})
    assert not start(tmp_path, queue, needed=[score]).take([score])
    assert queue.cancelled == ["9"]


def test_a_group_of_which_a_part_is_done(tmp_path):
    """Its jobs need not wait for each other: the batch job makes the rest, and is not submitted again."""
    rows, charged, other = (Job(name, [tmp_path / name], [tmp_path / "skim"]) for name in "abc")
    (tmp_path / "skim").touch()
    start(tmp_path, Queue()).submitted(Group("features", rows, charged), 9, "log")
    Path(rows.output[0]).touch()
    queue = Queue({"9": "active"})
    rest = Group("features", charged)
    handover = start(tmp_path, queue, needed=[charged], done=[rows])
    assert handover.take([rest])[rest].id == "9"
    assert handover.workflow.records == [rows]
    assert not queue.cancelled
    # What is not complete, or is made otherwise now, or was not in the group, it does not stand for.
    changed = Group("features", Job("b", charged.output, charged.input, seed=2))
    for group, marked in ((rest, [rows]), (changed, []), (Group("features", charged, other), [])):
        folder = tmp_path / f"{group.jobs[0].params}{len(group.jobs)}{len(marked)}"
        folder.mkdir()
        start(folder, Queue()).submitted(Group("features", rows, charged), 9, "log")
        queue = Queue({"9": "active"})
        assert not start(folder, queue, needed=group.jobs, done=[rows], marked=marked).take([group])
        assert queue.cancelled == ["9"]


def test_a_group_that_ended_meanwhile(tmp_path, train):
    """Its second job read what the first had made, which was not there when the group was submitted."""
    score = Job("score", [tmp_path / "scores"], train.output)
    group = Group("both", train, score)
    start(tmp_path, Queue()).submitted(group, 9, "log")
    for path in (*train.output, *score.output):
        Path(path).touch()
    handover = start(tmp_path, Queue({"9": "active"}), needed=[train, score], marked=[train])
    assert handover.take([group])[group].id == "9"
    handover = start(tmp_path, Queue({"9": "ended well"}), done=[train, score])
    assert set(handover.workflow.records) == {train, score}
    assert not open_numbers(tmp_path)


def test_cancelled_by_the_user(tmp_path, train):
    """After Ctrl-C nothing is left to take over, and a run on this machine may start."""
    start(tmp_path, Queue({"7": "active"}), needed=[train]).cancelled()
    refuse_others(tmp_path / ".snakemake", "local")


def test_jobs_that_nobody_asks_for(tmp_path, train):
    """They are neither in the run nor in the queue: they are forgotten."""
    start(tmp_path, Queue())
    assert not open_numbers(tmp_path)


def test_a_query_that_failed(tmp_path, train):
    """What the queue lists is at work, whatever else is known of it."""
    queue = Queue({}, {"7"})
    assert start(tmp_path, queue, needed=[train]).take([train])[train].id == "7"
    assert not queue.cancelled


def test_submitted_in_the_moment_of_death(tmp_path, train):
    """The queue has a job that is not in the ledger: nobody can tell what it is, so it goes."""
    queue = Queue({"7": "active"}, {"8"})
    start(tmp_path, queue, needed=[train])
    assert queue.cancelled == ["8"]


@pytest.mark.parametrize("state", ["ended well", "active"])
def test_records_of_what_ended_meanwhile(tmp_path, train, state):
    """Its outputs are complete and Snakemake will not run it: it gets its record, and leaves in peace."""
    log, queue = Log(), Queue({"7": state})
    handover = start(tmp_path, queue, log, done=[train])
    assert handover.workflow.records == [train]
    assert "ended meanwhile" in log.text
    assert not queue.cancelled
    assert not open_numbers(tmp_path)


def test_ended_meanwhile_with_other_parameters(tmp_path, train):
    """Its outputs would pass for those of the new ones: the run stops and says which."""
    now = Job("train", train.output, train.input, seed=2)
    with pytest.raises(WorkflowError, match=r"out: made by jetsmith-test job 7 .* remove it"):
        start(tmp_path, Queue({"7": "ended well"}), done=[now])


def test_jobs_of_another_target_stay(tmp_path, train):
    """A run for other results neither takes nor cancels them, and the ledger keeps them."""
    queue, other = Queue({"7": "active"}), Job("score", [tmp_path / "other"])
    assert not start(tmp_path, queue, needed=[other]).take([other])
    assert not queue.cancelled
    assert open_numbers(tmp_path) == ["7"]


def test_another_system(tmp_path, train):
    """Going on elsewhere, also on this machine, would run them twice: it stops with what to do."""
    for other in ("jetsmith-other", "local"):
        with pytest.raises(WorkflowError, match=r"jetsmith-test: 7 \(train\)"):
            refuse_others(tmp_path / ".snakemake", other)
    refuse_others(tmp_path / ".snakemake", SYSTEM)


def test_two_drivers(tmp_path):
    """The second would take the jobs of the first for those of a killed run."""
    start(tmp_path, Queue())
    with pytest.raises(WorkflowError, match="another Snakemake"):
        Handover(SYSTEM, Queue(), Workflow(tmp_path), Log())


def test_killed_while_it_wrote(tmp_path):
    """Half a line at the end of the ledger harms no other."""
    ledger = Ledger(tmp_path / "ledger")
    job = Submitted(SYSTEM, "7", "train", {"out": "how"}, "log")
    ledger.submitted(job)
    with (tmp_path / "ledger").open("a") as file:
        file.write('{"system": "jet')
    assert ledger.still_open() == [job]


DAMAGED = (
    "", "7", "[]", "null", '"ended"', "{}", '{"ended": "7"}', '{"system": "a", "ended": 7}',
    '{"system": "a", "id": "8", "name": "n", "parts": {}, "log": "l", "new": 1}',
    '{"system": "a", "id": "8", "name": "n", "parts": [], "log": "l"}',
    '{"system": "a", "id": 8, "name": "n", "parts": {}, "log": "l"}',
    '{"system": "a", "id": "8", "name": "n", "parts": {"out": 3}, "log": "l"}', "[" * 9999,
)  # fmt: skip


@pytest.mark.parametrize("line", DAMAGED)
def test_damaged_lines_of_the_ledger(tmp_path, line, capsys):
    """Or those of another version: the other lines count, it is said, and there is no traceback."""
    ledger = Ledger(tmp_path / "ledger")
    jobs = [Submitted(SYSTEM, number, "train", {"out": "how"}, "log") for number in ("7", "9")]
    for job in jobs:
        ledger.submitted(job)
    with (tmp_path / "ledger").open("a") as file:
        file.write(f"{line}\n")
    ledger.ended(SYSTEM, "9")
    assert ledger.still_open() == jobs[:1]
    assert "1 lines are damaged" in capsys.readouterr().err
    (tmp_path / "ledger").write_bytes(b"\xff\xfe" + (tmp_path / "ledger").read_bytes())
    assert ledger.still_open() == []


def test_the_ledger_keeps_what_is_open(tmp_path):
    """In the order of submission, by system and number; what ended elsewhere ends nothing here."""
    ledger = Ledger(tmp_path / "folder" / "ledger")
    jobs = [
        Submitted(system, number, "train", {f"{system}{number}": "how"}, "log")
        for system, number in (("b", "1"), ("a", "1"), ("a", "2"))
    ]
    ledger.forget_others([])
    for job in jobs:
        ledger.submitted(job)
    ledger.ended("a", "1")
    ledger.ended("b", "2")
    assert ledger.still_open() == [jobs[0], jobs[2]]
    ledger.forget_others(jobs[2:])
    assert ledger.still_open() == jobs[2:]
    assert (tmp_path / "folder" / "ledger").read_text().count("\n") == 1
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["ledger"]
    assert Submitted("a", "1", "n", {"x\ny": "how", "z": "how"}, "log").outputs == {"x", "y", "z"}


def test_the_disk_has_each_line(tmp_path, monkeypatch):
    """A job that is forgotten in a power cut would be submitted again: its line is there at once."""
    on_disk, fsync = [], os.fsync

    def seen(handle):
        on_disk.append(Path(os.readlink(f"/proc/self/fd/{handle}")).read_text())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", seen)
    ledger = Ledger(tmp_path / "ledger")
    ledger.submitted(Submitted(SYSTEM, "7", "train", {"out": "how"}, "log"))
    ledger.ended(SYSTEM, "7")
    assert [text.count("\n") for text in on_disk] == [1, 2]


@pytest.mark.parametrize(("n", "more"), [(1, False), (10, False), (11, True)])
def test_jobs_of_another_system_are_listed(tmp_path, n, more):
    """Ten of them by number and name, and whether there are more."""
    ledger = Ledger(tmp_path / LEDGER)
    for number in range(n):
        ledger.submitted(Submitted("other", str(number), "train", {f"{number}": "how"}, "log"))
    with pytest.raises(WorkflowError) as caught:
        refuse_others(tmp_path, SYSTEM)
    assert str(caught.value).count("(train)") == min(n, 10)
    assert (", …" in str(caught.value)) == more


@pytest.mark.parametrize("system", ["slurm", "htcondor"])
def test_without_the_plugin(system):
    """Snakemake loads all executors: without the extra the others work, and ours says what to install."""
    code = f"""
import sys, warnings
warnings.simplefilter("ignore")
for name in ("htcondor2", "snakemake_executor_plugin_slurm", "snakemake_executor_plugin_htcondor"):
    sys.modules[name] = None
import snakemake_executor_plugin_jetsmith_{system} as ours
from snakemake_interface_executor_plugins.executors.base import AbstractExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings
assert issubclass(ours.Executor, AbstractExecutor)
assert isinstance(ours.common_settings, CommonSettings)
ours.Executor(None, None)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert f"needs the package snakemake-executor-plugin-{system}" in done.stderr
