"""What Slurm says of its jobs: squeue and sacct asked, their answers as records."""

import re
import shutil
import socket
import subprocess
import time
from typing import Literal, NamedTuple

from snakemake_interface_common.exceptions import WorkflowError

from jetsmith.batch.handover import State

DONE = "COMPLETED"
# Where a job is over and does not come back by itself: what to say of it.
FAILED = {
    "BOOT_FAIL": "its node went down",
    "CANCELLED": "someone cancelled it",
    "DEADLINE": "it ran longer than its runtime",
    "FAILED": "its command failed",
    "NODE_FAIL": "its node went down",
    "NOT_STARTED": "it could not be started, or its node went down",  # FAILED, with a reason that says so
    "OUT_OF_MEMORY": "it used more than its mem_mb",
    "PREEMPTED": "another job took its place",
    "TIMEOUT": "it ran longer than its runtime",
    "HELD": "nobody released it, or its partition is down",
    "NEVER_STARTS": "what it asks for does not fit the partition, account or QOS, so it would wait for ever",
    "FORGOTTEN": "neither squeue nor sacct knows it any more, and its results are not complete",
}
LOST = {"NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "NOT_STARTED"}  # states that say nothing of the job itself
NOT_STARTED = re.compile("JobLaunchFailure|NodeDown|Prolog", re.I)  # reasons of what is FAILED
KILLED_FOR_MEMORY = re.compile(r"exceeded (job|step) memory limit|oom.?kill", re.I)
# Reasons of a waiting job. The first need a person; with the next it never starts; the last: a full queue.
HELD = re.compile("held|JobHold|PartitionNodeLimit|PartitionDown|PartitionInactive|ReservationDeleted", re.I)
NEVER_STARTS = re.compile(
    "PartitionTimeLimit|PartitionConfig|BadConstraints|InvalidAccount|InvalidQOS|AccountNotAllowed|QOSNotAllowed"
    r"|MaxMemPerLimit|DependencyNeverSatisfied|(QOS|Assoc)(Min\w+|Max\w+Per(Job|Node)\w*)"
)
USUAL = re.compile("(None|Resources|Priority|BeginTime|Cleaning)?", re.I)
# What sbatch says where it does not take a job and another time it would: no answer, or too many jobs.
NOT_TAKEN = re.compile(
    r"(Unable to contact slurm controller|Socket timed out|Zero Bytes were transmitted|Munge \w+ failed"
    r"|Slurm temporarily unable to accept job|failed to fetch \w*\s?config)[^\n']*"
    r"|controller in standby mode"
    r"|Communication connection failure|Message (send|receive) failure|Connection (refused|timed out)"
    r"|Protocol authentication error|Resource temporarily unavailable|\w*(Max|Grp)SubmitJob\w*"
)
COMMAND_S = 60  # a command of Slurm that takes longer counts as unanswered
GONE_S = 120  # a cancelled job has so long to leave the queue


class Job(NamedTuple):
    """A job as Slurm sees it."""

    state: str
    reason: str
    node: str


class SlurmQueue:
    """What `Handover` asks of Slurm.

    Args:
        run: Name of the jobs.

    Raises:
        WorkflowError: There is no Slurm here, or it does not answer.
    """

    def __init__(self, run: str) -> None:
        if shutil.which("squeue") is None:
            raise WorkflowError(
                f"no squeue in the PATH of {socket.gethostname()}: start the run where jobs are submitted, "
                "on a login node, and load Slurm's module where it is one"
            )
        known = squeue(run)
        if known is None:
            raise WorkflowError("squeue does not answer; jobs of a killed run may be in the queue: try later")
        self._run, self._known = run, known

    def states(self, numbers: list[str]) -> dict[str, State]:
        missing = [number for number in numbers if number not in self._known]
        known = self._known | (sacct(missing) if missing else {})
        return {number: state_of(job) for number, job in known.items()}

    def living(self) -> set[str]:
        return {number for number, job in self._known.items() if state_of(job) == "active"}

    def cancel(self, numbers: list[str]) -> None:
        deadline = time.monotonic() + GONE_S
        while time.monotonic() < deadline:
            call(["scancel", *numbers])
            time.sleep(1)
            known = squeue(self._run)
            if known is not None and not any(
                number in known and state_of(known[number]) == "active" for number in numbers
            ):
                return
        raise WorkflowError(f"Slurm did not cancel {', '.join(numbers)} in {GONE_S} s; try later")


def squeue(run: str) -> dict[str, Job] | None:
    """All jobs of a name that squeue knows, by number; None where it does not answer."""
    text = call(["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%r|%N", f"--name={run}"])
    return None if text is None else _table(text)


def sacct(numbers: list[str]) -> dict[str, Job]:
    """The jobs that the accounting knows, where the site has one."""
    if shutil.which("sacct") is None:
        return {}
    text = call(
        ["sacct", "-X", "-n", "-P", "--format=JobID,State,Reason,NodeList", f"--jobs={','.join(numbers)}"]
    )
    return _table(text or "")


def _table(text: str) -> dict[str, Job]:
    found = {}
    for line in text.splitlines():
        number, _, rest = line.partition("|")
        state, reason, node = [*rest.split("|"), "", "", ""][:3]
        if state:
            found[number.strip()] = Job(state.split()[0], reason, node)  # sacct: CANCELLED by 1000
    return found


def state_of(job: Job) -> State:
    """What the handover wants to know of a job."""
    if job.state == DONE:
        return "ended well"
    return "gone" if job.state in FAILED else "active"


def kind_of_wait(job: Job) -> Literal["its turn", "a person", "ever", "what we do not know"]:
    """What a job that does not run waits for."""
    reason = job.reason.replace(" ", "_")
    if NEVER_STARTS.match(reason):
        return "ever"
    if job.state == "SPECIAL_EXIT" or HELD.search(reason):
        return "a person"
    return "its turn" if USUAL.fullmatch(reason) else "what we do not know"


def cause_of(job: Job, printed: str) -> str:
    """Of a job that is over, a key of `FAILED`: FAILED alone where its command has failed.

    Args:
        job: As Slurm sees it.
        printed: The end of what it has printed.
    """
    if job.state == "FAILED" and KILLED_FOR_MEMORY.search(printed):
        return "OUT_OF_MEMORY"
    return "NOT_STARTED" if job.state == "FAILED" and NOT_STARTED.search(job.reason) else job.state


def why_not_taken(said: str) -> str:
    """Of what sbatch said: why it takes no job now, whatever the job; empty where that is about the job."""
    found = NOT_TAKEN.search(said)
    return found[0] if found else ""


def call(command: list[str]) -> str | None:
    """What a command of Slurm prints; None where it fails or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S)
    except (subprocess.TimeoutExpired, OSError):  # also of a file system with Slurm's commands that is away
        return None
    return done.stdout if done.returncode == 0 else None
