"""What keeps Snakemake quick with thousands of jobs.

In plans it asks of each job what all jobs of a rule share; in runs it looks at all jobs that are ready more
often than there is something to start.
"""

import inspect
import os
from collections.abc import Callable, Iterable
from typing import Any


def quick(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a rule, with its signature: Snakemake works that out for each call of each job."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


def memory_mb(paths: Iterable[str], least: int, factor: float) -> int:
    """Memory of a job that holds columns of its inputs [MB].

    Args:
        paths: Its inputs; what is not there yet counts for nothing, so that a plan shows the least.
        least: What it has at least [MB].
        factor: MB in memory for one on disk.
    """
    size = sum(os.path.getsize(path) for path in map(str, paths) if os.path.isfile(path))
    return max(least, 400 + round(factor * size / 1e6))


def look_once_for_scripts() -> None:
    """Let Snakemake look whether a rule's script is there once, and not read it for each of its jobs.

    No path of a script has wildcards here; a job that starts reads its script itself.
    """
    from snakemake.dag import ScriptProcessor  # brings all of Snakemake

    plain = ScriptProcessor.process_job
    if hasattr(plain, "plain"):
        return

    def process_job(self: Any, job: Any) -> None:
        seen = vars(self).setdefault("rules_seen", set())
        if job.rule.name not in seen:
            plain(self, job)
            seen.add(job.rule.name)

    process_job.plain = plain  # type: ignore[attr-defined]
    ScriptProcessor.process_job = process_job


def look_when_jobs_end() -> None:
    """Let Snakemake choose the next jobs when one has ended, and not once a second for each that ever did.

    It looks again after the span of its rate limit (`--max-jobs-per-timespan`, 100 a second by default),
    whether or not the limit held a job back. While jobs are ready each look calls for the next one: every
    job that ends adds a look a second at all jobs that are ready.
    """
    from snakemake.scheduling.job_scheduler import JobScheduler

    plain = JobScheduler._schedule_reevalutation
    if hasattr(plain, "plain"):
        return

    def look_again(self: Any, delay: float) -> None:
        limit = self.job_rate_limiter
        if limit is None or delay != limit.timespan or not limit.get_free_jobs():
            plain(self, delay)

    look_again.plain = plain  # type: ignore[attr-defined]
    JobScheduler._schedule_reevalutation = look_again
