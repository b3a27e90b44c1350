"""The plugin `htcondor` submits and reads the event log; resources, holds and killed drivers are ours.

Of the plugin (snakemake-executor-plugin-htcondor 0.3) we do without: `mem_mb`, `disk_mb`, `runtime` and
`gpu` that never reach HTCondor; held jobs that count as running for 4 hours and stay in the queue after
that, so that a release would run them beside their successor; submitting again what a killed driver has
in the queue.
"""

import re
import socket
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Optional

import htcondor2
import snakemake_executor_plugin_htcondor as plugin
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from jetsmith.batch.common import asked_by, end_of, error_in, run_name
from jetsmith.batch.handover import State, TakesOver, members
from jetsmith.batch.waiting import WaitingRoom

SYSTEM = "jetsmith-htcondor"
HELD_BY_USER = 1  # HoldReasonCode of condor_hold; all others will not get better by waiting
# What a job needs of the submitter's environment; many sites refuse all of it.
ENVIRONMENT = (
    "PATH, HOME, USER, LANG, LC_*, PYTHONPATH, LD_LIBRARY_PATH, VIRTUAL_ENV, CONDA_*, CONDOR_CONFIG, "
    "X509_*, KRB5CCNAME, BEARER_TOKEN*, XDG_*, JETSMITH_*"
)
SOURCES = ("Snakefile", "workflow", "scripts", "config", "envs")  # what a job needs of the checkout
VACATE_S = 10  # Snakemake in a job does not stop at SIGTERM; so long after it comes SIGKILL
GONE_S = 120  # a removed job has so long to leave the queue
# What a submission says that another time would succeed: no answer, too many jobs (-2; -3: of one owner).
NOT_TAKEN = re.compile(
    r"(Failed|Unable) to (connect|locate)[^\n]*|Failed to create new cluster[^\n]*|Schedd says -[23]\b"
    r"|MAX_JOBS_\w+",
    re.I,
)


common_settings = plugin.common_settings


@dataclass
class ExecutorSettings(plugin.ExecutorSettings):  # type: ignore[misc]
    """Those of the plugin."""

    held_timeout: Optional[int] = field(  # noqa: UP045  Snakemake makes an option of it
        default=3600,
        metadata={
            "help": "Seconds that a job held by condor_hold waits for condor_release before it has failed. "
            "Jobs that HTCondor itself holds do not wait.",
            "required": False,
        },
    )


class Hold(NamedTuple):
    """Why a job is held, and since when [s since 1970]."""

    code: int
    reason: str
    since: float


class Executor(TakesOver, plugin.Executor):  # type: ignore[misc]
    """Jobs of a Snakemake run as jobs of HTCondor."""

    _is_ready = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._draining, self._submitting = threading.Lock(), threading.Lock()
        self._room = WaitingRoom("HTCondor", self.logger)
        self._given_up: dict[int, str] = {}
        self.take_stock(SYSTEM, CondorQueue(self))
        if not self._handover.found_any:
            # Numbers of jobs begin anew with another schedd: old events must not speak for new jobs.
            Path(self._unified_log_file).unlink(missing_ok=True)
        self._is_ready = True

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        """Submit what is not at work already; a submission that fails by the job's fault is a failed job."""
        taken = self._handover.take(jobs)
        for job, found in taken.items():
            self.run_job_pre(job)
            info = SubmittedJobInfo(job, external_jobid=int(found.id), aux={"log": found.log})
            self.report_job_submission(info, register_job=False)  # it has its mark, or has taken it away
        for job in jobs:
            if job in taken:
                continue
            self.run_job_pre(job)
            self._submit(job)

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Also submits what the schedd did not take before."""
        for job in self._room.due() if self._is_ready else ():
            self._submit(job, again=True)
        async for info in super().check_active_jobs(active_jobs):
            yield info

    def _submit(self, job: Any, again: bool = False) -> None:
        """Submit a job, or keep it where the schedd takes none now; from one thread at a time.

        Args:
            job: Of Snakemake.
            again: The schedd may have it already, although it did not say so.
        """
        if self._room.keeps(job):
            return
        with self._submitting:
            if again and not self._cancel_strangers():
                self._room.refused(job, "the schedd does not answer")
                return
            try:
                self.run_job(job)
            except Exception as error:
                found = NOT_TAKEN.search(str(error))
                if not self._cancel_strangers() or found:
                    self._room.refused(job, found[0] if found else str(error))
                else:
                    self._room.failed(job)
                    super().report_job_error(SubmittedJobInfo(job), msg=f"It was not submitted: {error}. ")

    def _cancel_strangers(self) -> bool:
        """Remove jobs that the schedd has accepted although the submission failed; False if it is silent."""
        queue = CondorQueue(self)
        try:
            strangers = [number for number in queue.living() if not self._handover.is_known(number)]
            if strangers:
                queue.cancel(strangers)
        except Exception as error:
            self.logger.debug(f"HTCondor may have taken a job all the same, and does not answer: {error}")
            return False
        return True

    def report_job_submission(self, job_info: SubmittedJobInfo, register_job: bool = True) -> None:
        """Also in the ledger."""
        super().report_job_submission(job_info, register_job=register_job)
        self._handover.submitted(job_info.job, job_info.external_jobid, self._log_of(job_info))
        self._room.taken()

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """All jobs of the run, also those of which this process does not know yet."""
        self._room.close()
        try:
            htcondor2.Schedd().act(htcondor2.JobAction.Remove, _mine())
            self._handover.cancelled()
        except Exception as error:
            self.logger.warning(
                f"HTCondor did not remove the jobs: {error}; condor_rm -constraint '{_mine()}'"
            )
        super().cancel_jobs([])

    def report_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None, **kwargs: Any) -> None:
        """Name rule, number, resources and log file."""
        text = (msg or "it failed").rstrip(".")
        super().report_job_error(
            job_info,
            msg=f"Rule {job_info.job.name}: {text}. It had {asked_by(job_info.job)}. "
            f"{error_in(end_of(Path(self._log_of(job_info))))}",
            aux_logs=[self._log_of(job_info)],
            **kwargs,
        )

    def _drain_unified_log(self) -> None:
        """Not before the start is over: the thread that polls would open a log that is about to go."""
        if self._is_ready:
            with self._draining:
                super()._drain_unified_log()

    def _log_of(self, info: SubmittedJobInfo) -> str:
        if info.aux:
            return str(info.aux["log"])
        name = info.job.name
        return str(Path(self.jobDir) / name / f"{name}-{info.job.jobid}_{info.external_jobid}.err")

    def _handle_explicit_unit_resources(self, job: Any, submit_dict: dict[str, Any]) -> None:
        """The place where the plugin lets a submit description be completed."""
        super()._handle_explicit_unit_resources(job, submit_dict)
        for key, value in submit_commands(job.resources).items():
            submit_dict.setdefault(key, value)
        if not self.workflow.storage_settings.shared_fs_usage:
            # Of a job that fails nothing else comes back: its results are missing, so that it is held.
            submit_dict.setdefault("stream_error", True)
        if job.resources.get("getenv") is None:
            submit_dict["getenv"] = ENVIRONMENT

    def _get_files_for_transfer(self, job: Any) -> tuple[list[str], list[str], list[str]]:
        """Without a shared file system: also the project's sources, and logs and benchmarks.

        The plugin knows the Snakefile alone, and takes scripts for relative to it.
        """
        inputs, outputs, remaps = super()._get_files_for_transfer(job)
        inputs = [path for path in inputs if not path.startswith("..")]
        inputs += [path for path in SOURCES if path not in inputs]
        for part in members(job):
            for path in map(str, [*part.log, *([part.benchmark] if part.benchmark else [])]):
                outputs.append(path)
                remaps.append(f"{path} = {Path(path).absolute()}")
        return inputs, outputs, remaps

    def _report_and_resolve_job_state(self, current_job: SubmittedJobInfo, job_state: Any) -> Any:
        """A held job waits for a release where a person held it; else it is removed, and then has failed."""
        if job_state.status in (plugin.JobStatus.COMPLETED, plugin.JobStatus.REMOVED):
            self._room.hurry()  # it has left the queue
        number = current_job.external_jobid
        if job_state.status == plugin.JobStatus.REMOVED and number in self._given_up:
            reason = self._given_up.pop(number)
            self.report_job_error(current_job, msg=f"HTCondor held job {number}: {reason}; it is removed")
            self._cleanup_job_tracking(number)
            return None
        if job_state.status != plugin.JobStatus.HELD:
            return super()._report_and_resolve_job_state(current_job, job_state)
        hold = _hold(number)
        if hold is None:  # released or gone meanwhile: the log will say
            return current_job
        waits_s = self._held_timeout - (time.time() - hold.since)
        if hold.code == HELD_BY_USER and waits_s > 0:
            self.logger.info(
                f"HTCondor job {number} of rule {current_job.job.name} is held: {hold.reason}. "
                f"`condor_release {number}` lets it go on; in {waits_s / 60:.0f} min it is removed."
            )
        else:
            self._given_up[number] = hold.reason
            htcondor2.Schedd().act(htcondor2.JobAction.Remove, [f"{number}.0"])
        return current_job


def submit_commands(resources: Any) -> dict[str, Any]:
    """Commands of a submit description for the resources of a Snakemake job.

    Args:
        resources: `mem_mb`, `disk_mb` [MB], `runtime` [min], `gpu`; `accounting_group`.
    """
    made: dict[str, Any] = {"+JetsmithRun": f'"{run_name(Path.cwd())}"', "job_max_vacate_time": VACATE_S}
    if mem_mb := resources.get("mem_mb"):
        made["request_memory"] = f"{mem_mb}MB"
    if disk_mb := resources.get("disk_mb"):
        made["request_disk"] = f"{disk_mb}MB"
    if gpu := resources.get("gpu"):
        made["request_gpus"] = gpu
    if group := resources.get("accounting_group"):
        made["accounting_group"] = group
    if (runtime := resources.get("runtime")) and not resources.get("classad_JobFlavour"):
        seconds = 60 * runtime
        made["+MaxRuntime"] = seconds  # CERN's name; elsewhere it does no harm
        made["allowed_execute_duration"] = seconds
        # Some versions do not watch that.
        made["periodic_hold"] = f"JobStatus == 2 && time() - EnteredCurrentStatus > {seconds}"
        made["periodic_hold_reason"] = f'"it ran longer than its runtime of {runtime} min"'
    return made


class CondorQueue:
    """What `Handover` asks of HTCondor."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def states(self, numbers: list[str]) -> dict[str, State]:
        """By the event log, which outlives jobs, or else by the schedd."""
        self._executor._is_ready = True  # the log stays
        self._executor._drain_unified_log()
        found = {int(number): self._executor._try_read_job_log(int(number)) for number in numbers}
        untold = [n for n, job in found.items() if job is None or job.status == plugin.JobStatus.PENDING]
        found |= dict.fromkeys(untold) | self._executor._batch_query_schedd(untold)
        return {str(number): _state(job) for number, job in found.items() if job is not None}

    def living(self) -> set[str]:
        removed, completed = 3, 4
        wanted = f"{_mine()} && JobStatus != {removed} && JobStatus != {completed}"
        try:
            found = htcondor2.Schedd().query(wanted, ["ClusterId"])
        except htcondor2.HTCondorException as error:
            raise WorkflowError(
                f"no schedd of HTCondor answers on {socket.gethostname()} ({str(error).rstrip('.')}): start "
                "the run on a submit node; if it is one, try later: jobs of a killed run may be in the queue"
            ) from error
        return {str(job["ClusterId"]) for job in found}

    def cancel(self, numbers: list[str]) -> None:
        schedd = htcondor2.Schedd()
        schedd.act(htcondor2.JobAction.Remove, [f"{number}.0" for number in numbers])
        wanted = " || ".join(f"ClusterId == {number}" for number in numbers)
        deadline = time.monotonic() + GONE_S
        while time.monotonic() < deadline:
            if not schedd.query(wanted, ["ClusterId"]):
                return
            time.sleep(1)
        raise WorkflowError(f"HTCondor did not remove {', '.join(numbers)} in {GONE_S} s; try later")


def _mine() -> str:
    """The jobs of this working folder, as a constraint."""
    return f'JetsmithRun == "{run_name(Path.cwd())}"'


def _state(job: Any) -> State:
    if job.status == plugin.JobStatus.COMPLETED:
        return "gone" if job.exit_by_signal or job.exit_code != 0 else "ended well"
    return "gone" if job.status == plugin.JobStatus.REMOVED else "active"


def _hold(number: int) -> Hold | None:
    """Why and since when a job is held; None where it is not."""
    held = 5
    found = htcondor2.Schedd().query(
        f"ClusterId == {number} && JobStatus == {held}",
        ["HoldReasonCode", "HoldReason", "EnteredCurrentStatus", "ExitCode"],
    )
    if not found:
        return None
    job = found[0]
    reason = str(job.get("HoldReason", "no reason given"))
    if job.get("ExitCode"):
        reason = f"its command failed with exit code {job['ExitCode']}, then: {reason}"
    return Hold(
        int(job.get("HoldReasonCode", 0)), reason, float(job.get("EnteredCurrentStatus", time.time()))
    )
