"""The plugin `slurm` builds the calls of sbatch; states, failures and what a killed driver left are ours.

Of the plugin (snakemake-executor-plugin-slurm 2.8) we do without: polls that come ever more rarely, up to
3 minutes; waiting for ever where Slurm has forgotten a job; array jobs that it keeps back and never
submits where `--jobs` limits them; arrays whose jobs have different resources, or that are too long for a
command line; submitting again what a killed driver has in the queue; a second Snakemake in each job, which
srun starts as a step of it, 3 s later (jobs are of one node, where limits hold for their batch step alike).
"""

import re
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from jetsmith.batch.common import asked_by, end_of, error_in, pieces, run_name
from jetsmith.batch.handover import TakesOver
from jetsmith.batch.waiting import WaitingRoom
from snakemake_executor_plugin_jetsmith_slurm.slurm import (
    DONE,
    FAILED,
    LOST,
    Job,
    SlurmQueue,
    call,
    cause_of,
    kind_of_wait,
    sacct,
    squeue,
    state_of,
    why_not_taken,
)

SYSTEM = "jetsmith-slurm"
IN_ARRAY = re.compile("Part of failed array sbatch submission|Array job submission failed")  # the plugin says
NO_SUCH_NODES = re.compile("Requested node configuration is not available|Invalid node name")
LONG_S = 3600  # after so long a waiting job is spoken of once, whatever its reason
AVOIDED_S = 600  # a node that went down gets no job of ours for so long

ELSEWHERE = ("cluster", "clusters", "slurm_cluster")
POLLS_UNKNOWN = 3  # that squeue does not know a job, before sacct is asked and its results are looked at
POLLS_LOST = 30  # the same, where sacct holds that it runs
POLLS_STRANGE = 10  # that squeue knows a job of ours of which sbatch has not told us
# Linux takes 128 KiB as one argument; the plugin's way around makes all jobs of an array do the first's work.
ARRAY_BYTES = 90_000
IN_THE_JOB = "--executor local"  # said, since the environment may name a profile that submits
NOT_SUBMITTED = ("tmpdir", "disk", "disk_mb", "disk_mib")  # resources that make no difference to sbatch

common_settings = plugin.common_settings


@dataclass
class ExecutorSettings(plugin.ExecutorSettings):  # type: ignore[misc]
    """Those of the plugin, and one more."""

    held_timeout: Optional[int] = field(  # noqa: UP045  Snakemake makes an option of it
        default=3600,
        metadata={
            "help": "Seconds that a held job waits for `scontrol release` before it has failed.",
            "required": False,
        },
    )


class Executor(TakesOver, plugin.Executor):  # type: ignore[misc]
    """Jobs of a Snakemake run as jobs of Slurm."""

    _is_ready = False
    _failed_nodes: set[str]

    def __post_init__(self, test_mode: bool = False) -> None:
        super().__post_init__(test_mode)
        self._unknown: Counter[str] = Counter()
        self._strange: Counter[str] = Counter()
        self._held_since: dict[str, float] = {}
        self._waits_since: dict[str, float] = {}
        self._spoken_of: dict[str, float] = {}
        self._avoided: dict[str, float] = {}
        self._never_wanted = frozenset(self._failed_nodes)  # --jetsmith-slurm-exclude-failed-nodes
        self._room = WaitingRoom("Slurm", self.logger)
        self._given_up: dict[str, Job] = {}
        self._in_arrays: set[Any] = set()
        self._silent_since: float | None = None
        self.run_uuid = self.workflow.executor_settings.jobname_prefix + run_name(Path.cwd())
        self.logger.info(f"Slurm jobs of this run: squeue --name {self.run_uuid}")
        self.take_stock(SYSTEM, SlurmQueue(self.run_uuid))
        self._is_ready = True

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        """Submit what is not at work already: arrays of like jobs where they are asked for, else singly."""
        arrays: defaultdict[Any, list[Any]] = defaultdict(list)
        taken = self._handover.take(jobs)
        for job in jobs:
            if job in taken:
                self.run_job_pre(job)
                found = taken[job]
                info = SubmittedJobInfo(job, external_jobid=found.id, aux={"slurm_logfile": Path(found.log)})
                self.report_job_submission(info, register_job=False)  # it has its mark, or has taken it away
            elif any(job.resources.get(name) for name in ELSEWHERE):
                self.report_job_error(
                    SubmittedJobInfo(job),
                    msg=f"Jobs on several Slurm clusters ({', '.join(ELSEWHERE)}) are not watched. ",
                )
            elif not job.is_group() and self.array_jobs & {"all", job.rule.name}:
                asked = {name: value for name, value in job.resources.items() if name not in NOT_SUBMITTED}
                arrays[job.rule.name, job.threads, tuple(sorted(asked.items()))].append(job)
            else:
                self._submit_job(job)
        for alike in arrays.values():
            for piece in pieces([self._array_bytes(job) for job in alike], ARRAY_BYTES):
                if len(alike[piece]) == 1:
                    self._submit_job(alike[piece][0])
                else:
                    self._in_arrays.update(alike[piece])
                    self._submit_array_jobs(alike[piece])

    def format_job_exec(self, job: Any) -> str:
        """The call of a job; only in an array a step tells the tasks apart."""
        call: str = super().format_job_exec(job)
        return call if job in self._in_arrays else call.replace(self.additional_general_args(), IN_THE_JOB)

    def _array_bytes(self, job: Any) -> int:
        """Length of a job in the command line of its array: compressed, in hexadecimal, in base 64."""
        return len(zlib.compress(super().format_job_exec(job).encode(), level=9)) * 2 * 4 // 3 + 20

    def run_job(self, job: Any) -> None:
        """In a thread of its own, where an exception of the plugin would be lost, and the job with it."""
        if self._room.keeps(job):
            return
        self._avoid()
        try:
            super().run_job(job)
        except Exception as error:
            self._report_job_error_threadsafe(SubmittedJobInfo(job), f"It was not submitted: {error}. ")

    def run_array_jobs(self, jobs: list[Any]) -> None:
        """Likewise."""
        self._avoid()
        if wanted := [job for job in jobs if not self._room.keeps(job)]:
            super().run_array_jobs(wanted)

    def _report_job_error_threadsafe(self, job_info: SubmittedJobInfo, msg: str) -> None:
        """A submission that failed: only what the job itself is to blame for is a failure of it."""
        job, said = job_info.job, msg.partition("sbatch call:")[0]
        if IN_ARRAY.search(said):  # each gets an answer of its own
            self._submit_again(job)
        elif NO_SUCH_NODES.search(said) and (nodes := self._avoided_in(msg)):
            self.logger.warning(
                f"Slurm has no node for a job of rule {job.name} with --exclude={nodes}, which went down "
                "lately: submitted without it"
            )
            self._avoided = {}
            self._submit_again(job)
        elif why := why_not_taken(said):
            self._room.refused(job, why)
        elif squeue(self.run_uuid) is None:
            self._room.refused(job, "squeue does not answer")
        else:
            self._room.failed(job)
            super()._report_job_error_threadsafe(job_info, msg)

    def _submit_again(self, job: Any) -> None:
        """By itself, and without the line that says that a job begins."""
        self._in_arrays.discard(job)
        with suppress(RuntimeError):  # the run is being cancelled
            self._job_submission_executor.submit(self.run_job, job)

    def _submit_waiting(self, known: dict[str, Job]) -> None:
        """What sbatch did not take before; not beside a job of which we do not know whose it is."""
        if not any(self._is_strange(number, job) for number, job in known.items()):
            for job in self._room.due():
                self._submit_again(job)

    def _avoided_in(self, call: str) -> str:
        """Nodes that a call of sbatch excludes, without those that the user does."""
        found = re.search(r"--exclude=(\S+)", call)
        return ",".join(sorted(set(found[1].split(",")) - self._never_wanted)) if found else ""

    def _avoid(self) -> None:
        """Let the plugin exclude nodes that went down lately, and those alone."""
        now = time.monotonic()
        self._avoided = {node: until for node, until in self._avoided.items() if now < until}
        self._failed_nodes = {*self._never_wanted, *self._avoided}

    def report_job_submission(self, job_info: SubmittedJobInfo, register_job: bool = True) -> None:
        """Also in the ledger, and with the log file that an array's job has in truth."""
        log = Path(job_info.aux["slurm_logfile"])
        if "_" in job_info.external_jobid:
            log = self.slurm_logdir / f"rule_{job_info.job.name}" / log.name
            job_info.aux["slurm_logfile"] = log
        super().report_job_submission(job_info, register_job=register_job)
        self._handover.submitted(job_info.job, job_info.external_jobid, str(log))
        self._room.taken()

    def cancel(self) -> None:
        """All jobs of the run, also those that are being submitted."""
        self._room.close()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        if call(["scancel", f"--name={self.run_uuid}"]) is None:
            self.logger.warning(f"Slurm does not answer: cancel by `scancel --name={self.run_uuid}`")
        else:
            self._handover.cancelled()
        self.shutdown()

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """One squeue a poll; yields the jobs that still wait or work."""
        if not self._is_ready or not (active_jobs or len(self._room)):
            return
        async with self.status_rate_limiter:
            known = squeue(self.run_uuid)
        if known is None:
            self._say_silence()
            for info in active_jobs:
                yield info
            return
        self._silent_since = None
        self._cancel_strangers(known)
        self._submit_waiting(known)
        accounted = self._ask_sacct([info.external_jobid for info in active_jobs], known)
        for info in active_jobs:
            number = info.external_jobid
            job = known.get(number) or accounted.get(number)
            if self._unknown[number] >= (POLLS_UNKNOWN if job is None else POLLS_LOST):
                job = self._judge(info)
            if job is not None and job.state in ("PENDING", "SPECIAL_EXIT"):
                self._look_at_waiting(info, job)
            elif job is not None and job.state == "SUSPENDED":
                self._say_once_long(info, job)
            else:
                self._waits_since.pop(number, None)
            if job is None or not (job.state == DONE or job.state in FAILED):
                yield info
            elif job.state == DONE:
                self._forget(number)
                if not self.workflow.executor_settings.keep_successful_logs:
                    with suppress(OSError):
                        Path(info.aux["slurm_logfile"]).unlink(missing_ok=True)
                self.report_job_success(info)
            else:
                job = self._given_up.get(number, job)
                self._forget(number)
                if job.state == "NODE_FAIL" and job.node:
                    self._avoided = self._avoided | {job.node: time.monotonic() + AVOIDED_S}
                text = self._explain(info, job)
                if cause_of(job, end_of(info.aux["slurm_logfile"])) in LOST and self.spare(info.job):
                    text += "It is no attempt: it is submitted again as it was. "
                self.report_job_error(info, msg=text, aux_logs=[str(info.aux["slurm_logfile"])])

    def _ask_sacct(self, numbers: list[str], known: dict[str, Job]) -> dict[str, Job]:
        """What the accounting says of jobs that squeue has not known for some polls."""
        for number in numbers:
            if number in known:
                self._unknown.pop(number, None)
            else:
                self._unknown[number] += 1
        lost = [number for number in numbers if self._unknown[number] >= POLLS_UNKNOWN]
        return sacct(lost) if lost else {}

    def _cancel_strangers(self, known: dict[str, Job]) -> None:
        """Cancel jobs that Slurm has accepted although sbatch said that it failed."""
        for number, job in known.items():
            if not self._is_strange(number, job):
                self._strange.pop(number, None)
                continue
            self._strange[number] += 1
            if self._strange[number] == POLLS_STRANGE:
                self.logger.warning(f"Slurm took job {number} although sbatch failed: it is cancelled")
                call(["scancel", number])

    def _is_strange(self, number: str, job: Job) -> bool:
        return state_of(job) == "active" and not self._handover.is_known(number)

    def _look_at_waiting(self, info: SubmittedJobInfo, job: Job) -> None:
        """Cancel jobs that will never start, and those that were held for too long."""
        number, waits_for = info.external_jobid, kind_of_wait(job)
        if waits_for == "ever":
            self._given_up[number] = job._replace(state="NEVER_STARTS")
        elif waits_for == "a person":
            now = time.monotonic()
            since = self._held_since.setdefault(number, now)
            waits_s = self.workflow.executor_settings.held_timeout - (now - since)
            if waits_s <= 0:
                self._given_up[number] = job._replace(state="HELD")
            elif since == now:
                self.logger.warning(
                    f"Slurm job {number} of rule {info.job.name} is held ({job.reason}). `scontrol release "
                    f"{number}` lets it go on; in {waits_s / 60:.0f} min it is cancelled."
                )
        else:
            self._held_since.pop(number, None)
            if waits_for != "its turn":
                self._say_once_long(info, job)
        if number in self._given_up:
            call(["scancel", number])  # once more at the next poll, where Slurm does not answer now

    def _say_once_long(self, info: SubmittedJobInfo, job: Job) -> None:
        """Name what has waited for long for a reason that we do not judge; one job for all such."""
        number, now = info.external_jobid, time.monotonic()
        waits_s = now - self._waits_since.setdefault(number, now)
        why = f"{job.state}, {job.reason}"
        if waits_s >= LONG_S and now - self._spoken_of.get(why, -LONG_S) >= LONG_S:
            self._spoken_of[why] = now
            self.logger.warning(
                f"Slurm job {number} of rule {info.job.name}, and maybe others, waits for "
                f"{waits_s / 60:.0f} min ({why}): `scontrol show job {number}` says more; `scancel {number}` "
                "and it is submitted again."
            )

    def _forget(self, number: str) -> None:
        self._room.hurry()  # it has left the queue
        self._unknown.pop(number, None)
        self._waits_since.pop(number, None)
        self._held_since.pop(number, None)
        self._given_up.pop(number, None)

    def _judge(self, info: SubmittedJobInfo) -> Job:
        """A job that Slurm has forgotten: its results tell."""
        return Job(DONE if self._handover.is_complete(info.job) else "FORGOTTEN", "", "")

    def _explain(self, info: SubmittedJobInfo, job: Job) -> str:
        printed = end_of(info.aux["slurm_logfile"])
        text = FAILED[cause_of(job, printed)]
        reason = "" if job.reason in ("", "None") else f" ({job.reason})"
        avoided = ""
        if job.node in self._avoided:
            avoided = f"For {AVOIDED_S / 60:.0f} min jobs are submitted with --exclude={job.node}. "
        return (
            f"Slurm job {info.external_jobid} of rule {info.job.name} is {job.state}{reason}: {text}. It had "
            f"{asked_by(info.job)}{f', node {job.node}' if job.node else ''}. {avoided}"
            f"{error_in(printed)}"
        )

    def _say_silence(self) -> None:
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        self.logger.warning(f"squeue has not answered for {now - self._silent_since:.0f} s; jobs may go on")
