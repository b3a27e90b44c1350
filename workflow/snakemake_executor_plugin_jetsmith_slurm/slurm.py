"""What Slurm says of its jobs: squeue and sacct asked, their answers as records."""

import shutil
import subprocess
import time
from typing import NamedTuple

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
    "OUT_OF_MEMORY": "it used more than its mem_mb",
    "PREEMPTED": "another job took its place",
    "TIMEOUT": "it ran longer than its runtime",
    "HELD": "nobody released it, or its partition is down",
    "NEVER_STARTS": "what it asks for does not fit the partition, account or QOS, so it would wait for ever",
    "FORGOTTEN": "neither squeue nor sacct knows it any more, and its results are not complete",
}
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
        WorkflowError: Slurm does not answer.
    """

    def __init__(self, run: str) -> None:
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


def call(command: list[str]) -> str | None:
    """What a command of Slurm prints; None where it fails or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
