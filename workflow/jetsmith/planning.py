"""What keeps plans of thousands of jobs short: Snakemake asks of each job what all jobs of a rule share."""

import inspect
from collections.abc import Callable
from typing import Any


def quick(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a rule, with its signature: Snakemake works that out for each call of each job."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


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
