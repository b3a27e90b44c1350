"""A line after each job: how many of all are done, and how long the rest takes; what a dry run has found.

Snakemake finds this package by its name; profiles/default/profile.yaml turns it on with
`logger: [jetsmith]`. It adds to Snakemake's own output and replaces none of it.

It is also the only thing of ours that runs before Snakemake reads the files of `--configfile`. Snakemake's
reader says of a bad one that it is bad, or dies of it; so they are read here first, exactly.
"""

import sys
import time
from argparse import ArgumentParser
from collections import Counter, defaultdict
from logging import LogRecord
from pathlib import Path
from statistics import mean, median
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from jetsmith.configuration import exact_yaml
from jetsmith.errors import ConfigError
from jetsmith.progress import clock

PARAMS = "Params have changed since last execution: "


class Estimate:
    """Time that the remaining jobs need, from the finished jobs of the same rule.

    Args:
        planned: Jobs by rule.
        start: Clock reading at the start [s].
    """

    def __init__(self, planned: dict[str, int], start: float) -> None:
        self._left = Counter(planned)
        self._start = start
        self._running: dict[int, tuple[str, float]] = {}
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._since: dict[str, float] = {}
        self._until: dict[str, float] = {}

    def begin(self, job: int, rule: str, now: float) -> None:
        """A job has started, or was submitted."""
        self._since.setdefault(rule, now)
        self._running[job] = (rule, now)

    def end(self, job: int, now: float) -> None:
        """A job has ended."""
        rule, since = self._running.pop(job, ("", now))
        self._left[rule] -= 1
        self._seconds[rule].append(now - since)
        self._until[rule] = now

    def give_up(self, job: int) -> None:
        """A job has failed."""
        self._running.pop(job, None)

    def rest_s(self, now: float) -> float | None:
        """Seconds to the end, jobs at a time as so far; None while nothing has finished.

        A rule of which no job has finished counts with the median of the rules that are known: most
        rules are short. It is not less than what each rule needs at its rate so far: jobs that wait in
        the queue of a batch system seem to be at work.
        """
        busy = sum(map(sum, self._seconds.values()))
        if not self._seconds or now <= self._start:
            return None
        typical = median(mean(seconds) for seconds in self._seconds.values())
        work = 0.0
        for rule, n_left in self._left.items():
            known = self._seconds.get(rule)
            work += max(n_left, 0) * (mean(known) if known else typical)
        running = sum(now - since for _, since in self._running.values())
        at_a_time = max((busy + running) / (now - self._start), 0.1)
        at_its_rate = (
            self._left[rule] * (until - self._since.get(rule, self._start)) / len(self._seconds[rule])
            for rule, until in self._until.items()
        )
        return max((work - running) / at_a_time, *at_its_rate, 0.0)


class LogHandler(LogHandlerBase):
    """Snakemake's interface to it."""

    def __post_init__(self) -> None:
        self._estimate = Estimate({}, time.monotonic())
        self._changed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        read_first(sys.argv[1:])

    def emit(self, record: LogRecord) -> None:
        """Take what concerns us from Snakemake's record and print the line."""
        event = getattr(record, "event", None)
        fields: dict[str, Any] = record.__dict__
        now = time.monotonic()
        if event == LogEvent.RUN_INFO:
            planned = {rule: n for rule, n in fields["stats"].items() if rule != "total"}
            self._estimate = Estimate(planned, now)
        elif event == LogEvent.JOB_INFO:
            self._estimate.begin(fields["jobid"], fields["rule_name"], now)
            if self.common_settings.dryrun and (why := changed(fields["reason"])):
                self._changed[fields["rule_name"]][why] += 1
        elif event == LogEvent.JOB_FINISHED:
            self._estimate.end(fields["job_id"], now)
        elif event == LogEvent.JOB_ERROR:
            self._estimate.give_up(fields["jobid"])
        elif event == LogEvent.PROGRESS:
            rest = self._estimate.rest_s(now)
            note = "" if rest is None or fields["done"] == fields["total"] else f", about {clock(rest)} left"
            print(f"[jetsmith] {fields['done']} of {fields['total']} jobs{note}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """At the end of a dry run, by rule, what is not as it was when its results were made."""
        lines = [
            f"[jetsmith] {rule}, {n} {'job' if n == 1 else 'jobs'}: {why}"
            for rule, found in self._changed.items()
            for why, n in found.most_common(3)
        ]
        if lines:
            print("[jetsmith] changed since the results were made:", *lines, sep="\n", file=sys.stderr)
            self._changed.clear()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """False keeps Snakemake's own output."""
        return False

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False


def changed(reason: str) -> str:
    """What Snakemake's reason for a job says of its parameters, code or set of inputs; nothing else."""
    for part in reason.split("; "):
        if part.startswith(PARAMS):
            return reason[reason.index(PARAMS) + len(PARAMS) :]
        if part.startswith("Set of input files"):
            return "other input files"
    return ""


def read_first(arguments: list[str]) -> None:
    """Read the files of `--configfile` and say what is wrong with them; the rest is Snakemake's."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, action="extend", default=[])
    for k, path in enumerate(parser.parse_known_args(arguments)[0].configfile):
        try:
            exact_yaml.read(path)
        except ConfigError as error:
            behind = (
                "; --configfile takes all words behind it: if this is a target, put it in front" if k else ""
            )
            raise WorkflowError(f"configuration: {error}{behind}") from None
