"""Batch jobs outlive the driver that submitted them: the next driver takes them over, none runs twice.

The ledger tells it of jobs without a recorded end, and the batch system of their states: a job that waits,
works or ended well counts as submitted by the new driver, provided that its rules, parameters, inputs and
outputs are still the same; any other is cancelled before its outputs are made anew.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from snakemake_interface_common.exceptions import WorkflowError

from jetsmith import locks
from jetsmith.batch.ledger import LEDGER, Ledger, Submitted, refuse_others
from jetsmith.provenance import config_digest

SPARED = 3  # so often a failure that says nothing of a job is no attempt of it
State = Literal["active", "ended well", "gone"]
"""What a batch system says of a job: it waits or works; it ended with success; anything else."""


class Queue(Protocol):
    """What a batch system has to tell of the jobs of this working folder."""

    def states(self, numbers: list[str]) -> dict[str, State]:
        """States by number; a job that is left out is gone."""

    def living(self) -> set[str]:
        """Numbers of all jobs that wait or work."""

    def cancel(self, numbers: list[str]) -> None:
        """Cancel jobs, and return when they are gone.

        Raises:
            WorkflowError: They are not.
        """


class Handover:
    """Takes over the jobs of a killed driver, and keeps the ledger for the next one.

    Attributes:
        found_any: Whether a killed driver has left jobs of which the ledger knows no end.

    Args:
        system: Name of the executor.
        queue: The batch system.
        workflow: Snakemake's; its jobs are known already.
        logger: Snakemake's.

    Raises:
        WorkflowError: Another driver is at work in this folder, jobs are in the queue of another batch
            system, or a result of the killed run is of another configuration.
    """

    def __init__(self, system: str, queue: Queue, workflow: Any, logger: Any) -> None:
        self._system, self._queue = system, queue
        self.workflow, self._logger = workflow, logger
        folder = Path(workflow.persistence.path)
        self._ledger = Ledger(folder / LEDGER)
        self._numbers: dict[Any, str] = {}
        try:
            self._only_one = locks.hold(folder / "jetsmith-submitted.lock")
        except BlockingIOError:
            raise WorkflowError(f"another Snakemake submits jobs from this folder ({folder})") from None
        try:
            refuse_others(folder, system)
            self._take_stock()
        except BaseException:
            self.close()
            raise

    def _take_stock(self) -> None:
        left = self._ledger.still_open()
        self._write(self._ledger.forget_others, left)
        self._orphans = {job.id: job for job in left}
        self.found_any = bool(left)
        # Submitted in the moment of the driver's death, before they were in the ledger.
        living = self._queue.living()
        self._states = self._queue.states(list(self._orphans)) if left else {}
        self._states |= dict.fromkeys(living & set(self._orphans), "active")
        self._drop((living - set(self._orphans)) | self._outdated())
        self._settle()

    def close(self) -> None:
        """Let another driver have the folder; the end of the process does the same."""
        self._only_one.close()

    def take(self, jobs: Sequence[Any]) -> dict[Any, Submitted]:
        """The batch jobs that make some of these already; the others have to be submitted."""
        taken, drop = {}, set()
        for job in jobs if self._orphans else ():
            parts = parts_of(job)
            outputs = {path for key in parts for path in key.split("\n")}
            for found in [orphan for orphan in self._orphans.values() if orphan.outputs & outputs]:
                if self._covers(found, parts) and self._counts(found, job):
                    taken[job] = found
                else:
                    drop.add(found.id)
        for found in taken.values():
            del self._orphans[found.id]
            self._logger.info(
                f"{self._system} job {found.id} (rule {found.name}) of the killed run goes on or has ended "
                "well: it is not submitted again."
            )
        self._drop(drop)
        return taken

    def submitted(self, job: Any, number: Any, log: str) -> None:
        """The batch system has accepted a job, now or from the driver before."""
        self._numbers[job] = str(number)
        self._write(
            self._ledger.submitted, Submitted(self._system, str(number), job.name, parts_of(job), log)
        )

    def ended(self, job: Any) -> None:
        """Snakemake has recorded the end of a job, good or bad."""
        number = self._numbers.pop(job, None)
        if number is not None:
            self._write(self._ledger.ended, self._system, number)

    def cancelled(self) -> None:
        """All jobs of this folder were cancelled."""
        for number in {*self._numbers.values(), *self._orphans}:
            self._write(self._ledger.ended, self._system, number)

    def is_known(self, number: str) -> bool:
        """Whether a job of the batch system is one of ours, or of the killed run's."""
        return number in self._orphans or number in self._numbers.values()

    def _covers(self, found: Submitted, parts: dict[str, str]) -> bool:
        """Whether a batch job makes these parts, in this way; of a group others may be complete already."""
        others = [path for key in found.parts.keys() - parts.keys() for path in key.split("\n")]
        return parts.items() <= found.parts.items() and self._are_complete(others)

    def _counts(self, found: Submitted, job: Any) -> bool:
        """Whether a batch job can stand for a job of Snakemake: it is at work, or its results are there."""
        state = self._states.get(found.id, "gone")
        if state == "active":
            return True
        # A batch system forgets; results are complete where the job took away Snakemake's mark.
        return all(map(os.path.exists, found.outputs)) and (state == "ended well" or self.is_complete(job))

    def is_complete(self, job: Any) -> bool:
        """Whether the results of a job are there, without Snakemake's mark of incomplete ones."""
        return self._are_complete([str(path) for part in members(job) for path in part.output])

    def _are_complete(self, outputs: list[str]) -> bool:
        persistence = self.workflow.persistence
        persistence.deactivate_cache()  # the job itself takes its mark away
        return all(map(os.path.exists, outputs)) and not persistence._filter_incomplete_keys(outputs)

    def _outdated(self) -> set[str]:
        """Jobs of the killed run that are made otherwise now, read what is made anew, or are not wanted."""
        dag = self.workflow.dag
        by_output = {path: job.id for job in self._orphans.values() for path in job.outputs}
        found: set[str] = set()
        wanted: set[str] = set()
        for job in dag.jobs if by_output else ():
            outputs = list(map(str, job.output))
            for number in {by_output[path] for path in outputs if path in by_output}:
                wanted.add(number)
                if not dag.needrun(job):
                    continue
                own = self._orphans[number].outputs
                others = [d for d in dag.dependencies[job] if not own & set(map(str, d.output))]
                is_same = self._orphans[number].parts.get("\n".join(outputs)) == how_of(job, own)
                if not is_same or any(map(dag.needrun, others)):
                    found.add(number)
        unwanted = set(self._orphans) - wanted
        return found | {number for number in unwanted if self._states.get(number, "gone") == "gone"}

    def _drop(self, numbers: set[str]) -> None:
        """Cancel what is at work of these jobs, and forget them."""
        known = self._orphans
        living = {n for n in numbers if n not in known or self._states.get(n) == "active"}
        if living:
            self._logger.info(
                f"{self._system} jobs {', '.join(sorted(living))} of the killed run do not fit what is to be "
                "done now: they are cancelled."
            )
            self._queue.cancel(sorted(living))
        self._forget(numbers & set(self._orphans))

    def _forget(self, numbers: set[str]) -> None:
        for number in numbers:
            del self._orphans[number]
            self._write(self._ledger.ended, self._system, number)

    def _settle(self) -> None:
        """Give Snakemake the records of jobs that ended well while no driver was there.

        Their outputs are complete, so Snakemake does not run them, but without a record, or with that
        of an earlier run, it would not notice a later change of their parameters.
        """
        dag, persistence = self.workflow.dag, self.workflow.persistence
        open_parts = {key: orphan for orphan in self._orphans.values() for key in orphan.parts}
        for job in dag.jobs if open_parts else ():
            key = "\n".join(map(str, job.output))
            if key not in open_parts or dag.needrun(job):
                continue
            found = open_parts.pop(key)
            if found.parts[key] != how_of(job, found.outputs):
                raise WorkflowError(
                    f"{', '.join(job.output)}: made by {self._system} job {found.id} of a killed run, with "
                    "another configuration, code or input than now; remove it, then run again"
                )
            self.workflow.async_run(persistence.finished(job))
            self._logger.info(
                f"{self._system} job {found.id} (rule {found.name}) of the killed run ended meanwhile."
            )
        # Not cancelled: a job whose results are complete may still be on its way out.
        self._forget({job.id for job in self._orphans.values() if not set(job.parts) & set(open_parts)})

    def _write(self, how: Any, *what: Any) -> None:
        try:
            how(*what)
        except OSError as error:  # the job is at work all the same
            self._logger.warning(f"{LEDGER}: {error}; a next driver may not know all jobs of this one")


class TakesOver:
    """What executors have in common that keep a ledger; stands before the plugin's own class."""

    workflow: Any
    logger: Any
    _handover: Handover

    def take_stock(self, system: str, queue: Queue) -> None:
        """Look at what a killed driver has left; for the end of `__post_init__`."""
        limit = self.workflow.resource_settings.cores
        if limit is not None:  # of the command line or the site's profile; profiles/default leaves it out
            self.logger.info(f"No job gets more than {limit} threads: `cores`")
        self._spared: Counter[Any] = Counter()
        self._to_spare: set[Any] = set()
        self._handover = Handover(system, queue, self.workflow, self.logger)

    @property
    def cores(self) -> str:
        """Of the machine where a job runs; its threads are what it has asked for."""
        return "all"

    def handle_job_success(self, job: Any) -> None:
        """Snakemake has recorded the success."""
        super().handle_job_success(job)  # type: ignore[misc]
        self._handover.ended(job)

    def spare(self, job: Any) -> bool:
        """Let the failure that is to be reported be no attempt, so that the job asks for the same."""
        self._spared[job] += 1
        if self._spared[job] <= SPARED:
            self._to_spare.add(job)
        return job in self._to_spare

    def handle_job_error(self, job: Any) -> None:
        """Snakemake is about to count the attempt, or has dealt with the failure."""
        super().handle_job_error(job)  # type: ignore[misc]
        self._handover.ended(job)
        if job in self._to_spare:
            self._to_spare.remove(job)
            job._attempt -= 1  # not by the setter: what the job has is given back before it is computed anew

    def shutdown(self) -> None:
        """The end of the run."""
        super().shutdown()  # type: ignore[misc]
        self._handover.close()


def parts_of(job: Any) -> dict[str, str]:
    """Digest of how each rule of a Snakemake job makes its outputs, by these."""
    own = {str(path) for part in members(job) for path in part.output}
    return {"\n".join(map(str, part.output)): how_of(part, own) for part in members(job)}


def how_of(part: Any, own: set[str]) -> str:
    """Digest of rule, parameters and inputs with their times.

    Args:
        part: A job of Snakemake.
        own: Outputs of its group, whose times say nothing.
    """
    inputs = [[str(path), 0 if str(path) in own else _changed(Path(path))] for path in part.input]
    return config_digest([part.rule.name, inputs, {key: str(value) for key, value in part.params.items()}])


def members(job: Any) -> list[Any]:
    """The jobs of a group, or the job itself."""
    return sorted(job.jobs, key=lambda part: str(part.output)) if job.is_group() else [job]


def _changed(path: Path) -> int:
    """Time of the last change as Snakemake sees it [s], 0 without one; nodes differ in what is finer."""
    for candidate in (path / ".snakemake_timestamp", path):
        try:
            return int(candidate.stat().st_mtime)
        except OSError:
            continue
    return 0
