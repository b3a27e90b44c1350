"""Snakemake's records of results, kept in the results folder, and what they mean for the plan.

Snakemake asks here what each result was made from. Of one that nobody has written down, or that is not the
file that was made, the answer is that its parameters are other than today's: it is made again, and the reason
says so.
"""

import atexit
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from snakemake.logging import logger
from snakemake.persistence import NO_PARAMS_CHANGE, RECORD_FORMAT_VERSION, MetadataRecord, ParamsChange
from snakemake.persistence.file import FilePersistence
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_storage_plugins.io import Mtime

from jetsmith import locks, provenance
from jetsmith.batch.ledger import refuse_others
from jetsmith.errors import OutputError
from jetsmith.sealed import frozen, made, planned
from jetsmith.sealed.frozen import Seen

NOBODY_KNOWS = "nobody has written down what it was made from"
CHANGED = "it is not the file that was made here"
FAILED = "its job failed"
_REASON, _PART = 150, 140  # characters of what changed, and of each list of files, in a reason of Snakemake
_VALUE = 40


def install(results: str, package: Seen) -> None:
    """Let Snakemake keep its records of results in their folder, and print reasons that people can read.

    Args:
        results: The folder, as the paths of outputs begin.
        package: The code that the plan is made with.
    """
    from snakemake import workflow  # brings all of Snakemake and its plugins
    from snakemake.jobs import Job, Reason

    Persistence.results, Persistence.package = results, package
    workflow.FilePersistence = Persistence
    workflow.DbPersistence = _no_database
    ends = Job.postprocess
    if not hasattr(ends, "plain"):

        async def postprocess(self: Any, *given: Any, error: bool = False, **options: Any) -> None:
            if error:
                self.dag.workflow.persistence.failed.add(self)
            await ends(self, *given, error=error, **options)

        postprocess.plain = ends  # type: ignore[attr-defined]
        Job.postprocess = postprocess
    plain = Reason.__str__
    if not hasattr(plain, "plain"):

        def brief(self: Any) -> str:
            parts = str(plain(self)).split("; ")
            return "; ".join(_list(part.split(", "), _PART) for part in parts)

        brief.plain = plain  # type: ignore[attr-defined]
        Reason.__str__ = brief


def when_planned(tell: Callable[[Mapping[str, bool]], Iterable[str]]) -> None:
    """Say something on standard error whenever Snakemake has planned, in a dry run, too.

    Args:
        tell: Lines, by the outputs of all jobs that belong to the call, and whether they are to be made.
    """
    from snakemake.dag import DAG

    Persistence.tell = staticmethod(tell)
    plain = DAG.init
    if not hasattr(plain, "plain"):

        async def init(self: Any, *given: Any, **options: Any) -> None:
            await plain(self, *given, **options)
            if self.workflow.is_main_process:
                to_make = set(self.needrun_jobs())
                jobs = self.bfs(self.dependencies, *self.targetjobs)  # those that `--until` leaves
                planned_now = {str(path): job in to_make for job in jobs for path in job.output}
                sys.stderr.writelines(f"{line}\n" for line in Persistence.tell(planned_now))

        init.plain = plain  # type: ignore[attr-defined]
        DAG.init = init


def _no_database(**_: Any) -> NoReturn:
    raise WorkflowError("--persistence-backend db: results carry their records themselves; leave it out")


class Change(ParamsChange):
    """What differs, in words for people."""

    def __str__(self) -> str:
        old, new = (
            dict(line.partition("=")[::2] for line in lines) for lines in (self.only_old, self.only_new)
        )
        strange = sorted({NOBODY_KNOWS, CHANGED, FAILED} & set(old))
        if strange:
            return strange[0]
        code = sorted({key.removeprefix("code.") for key in {**old, **new} if key.startswith("code.")})
        found = [
            f"{key}: {_short(old.get(key))} -> {_short(new.get(key))}"
            for key in sorted({**old, **new})
            if not key.startswith("code.")
        ]
        return _list(found + ([f"code of {_list(code, _REASON // 2)}"] if code else []), _REASON, "; ")


class Persistence(FilePersistence):
    """Snakemake's records, those of results in their folder.

    Attributes:
        results: The results folder, as the paths of outputs begin.
        package: The code that the plan is made with.
        tell: See `when_planned`.
    """

    results: ClassVar[str] = "results"
    package: ClassVar[Seen]
    tell: ClassVar[Callable[[Mapping[str, bool]], Iterable[str]]]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._found: dict[str, made.Made | str | None] = {}
        self.failed: set[Any] = set()  # jobs, and each of them once: one that is tried again may succeed
        self._accepts = set(os.environ.get(made.ACCEPT, "").split())
        if self._accepts:
            held = ExitStack()
            held.enter_context(locks.at_work(Path(self.results)))
            atexit.register(held.close)
        if self.dag is not None and self.dag.workflow.is_main_process:
            self.dag.workflow.iocache.collect_mtime = self._mtime

    @cached_property
    def ledger(self) -> made.Ledger:
        """What the results were made from; a batch job has no need of it."""
        return made.Ledger(Path(self.results))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A run begins: nobody else is at work on the results, its code is frozen, its plan written down."""
        forget = partial(locks.forget, Path(self.path), self.results, logger.info)
        with locks.at_work(Path(self.results), forget) as alone, super().lock():
            if alone:
                self.ledger = made.Ledger(Path(self.results))  # another run may have ended since the plan
                self.ledger.compact()
            provenance.announce_commit()
            frozen.freeze(self.package, self.path / "jetsmith-code")
            refuse_others(self.path, self.dag.workflow.executor_plugin.name)
            planned.write(self.path / "jetsmith-plans", self.dag.needrun_jobs())
            provenance.leave_notes(planned.SOURCES)
            yield

    async def finished(self, job: Any) -> None:
        """Write down what outputs were made from; of a job that has failed, that it has.

        Snakemake calls this for jobs that have failed, too, before it removes their outputs: these would
        count as made with today's parameters, and what is behind would stay as it was.
        """
        keys = list(map(self._get_key, job.output))
        if job not in self.failed or not all(map(self._is_ours, keys)):
            await super().finished(job)
            return
        self.failed.discard(job)
        self._clear_cache()
        for key in keys:
            if self.dag.workflow.is_main_process:
                with _said():
                    self.ledger.put(self._name(key), made.failed(job.rule.name, hash(job)))
            self._unmark_incomplete(key)

    def params_changed(self, job: Any, file: Any = None) -> ParamsChange:
        """What differs between the parameters that results were made with and today's."""
        now = planned.leaves(job.params.items())
        change = NO_PARAMS_CHANGE
        for path in [file] if file is not None else job.output:
            found = self._made(self._get_key(path))
            if isinstance(found, str):
                change |= Change({found}, set(), {path})
            elif found is not None and found.params != now:
                old, new = set(found.params), set(now)
                change |= Change(old - new, new - old, {path})
        if change and job.rule.name in self._accepts and FAILED not in change.only_old:
            self._accept(job, change)
            return NO_PARAMS_CHANGE
        return Change(change.only_old, change.only_new, change.files)

    @cached_property
    def accepted(self) -> dict[str, str]:
        """What somebody had let stand when this run was planned, by rule, in words for people."""
        made_so: dict[str, list[tuple[made.Made, Mapping[str, Any]]]] = {}
        for name in self.ledger:
            entry = self.ledger.get(name)
            if entry is not None and entry.accepted is not None:
                made_so.setdefault(entry.rule, []).append((entry, entry.accepted))
        return {
            rule: f"{len(entries)} results stand since {entries[-1][1]['when']}, although "
            f"{Change(set(entries[-1][1]['was']), set(entries[-1][1]['is']))}"
            for rule, entries in sorted(made_so.items())
        }

    def _params(self, job: Any) -> list[str]:
        return planned.leaves(job.params.items())

    def _accept(self, job: Any, change: ParamsChange) -> None:
        now = planned.leaves(job.params.items())
        when = f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
        about = {"when": when, "was": sorted(change.only_old), "is": sorted(change.only_new)}
        for path in filter(os.path.exists, map(self._get_key, job.output)):
            since = Path(path).stat().st_mtime
            self.ledger.put(
                self._name(path),
                made.Made(
                    rule=job.rule.name,
                    job=hash(job),
                    params=now,
                    input=[self._outside(p) for p in self._input(job)],
                    checksums={},
                    began=since,
                    ended=since,
                    **made.identity(Path(path)),
                    accepted=about,
                ),
            )
        self._clear_cache()

    def _made(self, key: str) -> made.Made | str | None:
        """What a result was made from; in words why that is unknown; None where there is none."""
        if key not in self._found:
            entry, path = self.ledger.get(self._name(key)), Path(key)
            found: made.Made | str | None = entry
            if entry is not None and entry.has_failed:
                found = FAILED
            elif path.exists():
                found = NOBODY_KNOWS if entry is None else entry if made.same(path, entry) else CHANGED
            self._found[key] = found
        return self._found[key]

    def _read_record(self, key: str) -> MetadataRecord | None:
        if not self._is_ours(key):
            return super()._read_record(key)
        found = self._made(key)
        if not isinstance(found, made.Made):
            words = [] if found is None else [found]
            return (
                MetadataRecord(record_format_version=RECORD_FORMAT_VERSION, params=words) if words else None
            )
        return MetadataRecord(
            rule=found.rule,
            params=list(found.params),
            input=sorted(map(self._inside, found.input)),
            input_checksums={self._inside(path): value for path, value in found.checksums.items()},
            starttime=found.began,
            endtime=found.ended,
            incomplete=False,
            record_format_version=RECORD_FORMAT_VERSION,
        )

    def _write_record(self, key: str, record: MetadataRecord) -> None:
        if not self._is_ours(key):
            super()._write_record(key, record)
            return
        entry = made.Made(
            rule=record.rule or "",
            job=record.job_hash or 0,
            params=list(record.params or ()),
            input=[self._outside(path) for path in record.input or ()],
            checksums={self._outside(path): value for path, value in (record.input_checksums or {}).items()},
            began=record.starttime or 0.0,
            ended=record.endtime or 0.0,
            **made.identity(Path(key)),
        )
        with _said():
            self.ledger.put(self._name(key), entry)
        self._found.pop(key, None)

    def _delete_record(self, key: str) -> bool:
        if not self._is_ours(key):
            return bool(super()._delete_record(key))
        with _said():
            self.ledger.forget(self._name(key))
        self._found.pop(key, None)
        return True

    def _clear_cache(self) -> None:
        super()._clear_cache()
        self._found.clear()

    async def _mtime(self, path: Any) -> Mtime:
        """The time when a result was made, also of a copy that has another."""
        key = str(path)
        if self._is_ours(key) and isinstance(found := self._made(key), made.Made):
            is_copy = made.state(Path(key)) != found.state
            if is_copy:
                return Mtime(local=found.ended)
        return await path.mtime_uncached()

    def _is_ours(self, key: str) -> bool:
        return key.startswith(f"{self.results}/")

    def _name(self, key: str) -> str:
        return key.removeprefix(f"{self.results}/")

    def _outside(self, path: str) -> str:
        """A path that is right wherever the results lie; plain text, not Snakemake's kind of it."""
        return f"<results>/{self._name(path)}" if self._is_ours(path) else str(path)

    def _inside(self, path: str) -> str:
        return path.replace("<results>", self.results, 1) if path.startswith("<results>/") else path


@contextmanager
def _said() -> Iterator[None]:
    """A full disk in our words: of an OSError Snakemake says that `.snakemake` cannot be written."""
    try:
        yield
    except OutputError as error:
        raise WorkflowError(str(error)) from None


def _short(value: str | None) -> str:
    text = "none" if value is None else value
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def _list(items: list[str], limit: int, between: str = ", ") -> str:
    """As many as fit."""
    n = len(items)
    while n > 1 and len(between.join(items[:n])) > limit:
        n -= 1
    return between.join(items[:n]) + (f"{between}and {len(items) - n} more" if n < len(items) else "")
