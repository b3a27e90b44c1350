"""Backend `dask` of stage skim: one driver owns a Dask cluster, whose workers run partitions.

Workers run `skim.skim_partition`, as jobs do, and write the same files into a folder beside the
dataset's own, named by a digest of all that decides their content. A driver that is started again
finds there what was finished, whatever Snakemake removed meanwhile; at the end everything is
linked into its place.
"""

import contextlib
import importlib
import inspect
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Future, Nanny, Worker

from jetsmith.batch.common import walltime_s
from jetsmith.configuration.records import hint
from jetsmith.errors import InputError
from jetsmith.handed.account import PartReport
from jetsmith.handed.plan import Plan
from jetsmith.io import explained, move, plain, read_record
from jetsmith.progress import Progress
from jetsmith.provenance import PACKAGE, config_digest
from jetsmith.skimming.partition import skim_partition
from jetsmith.specs.datasets import CutsSpec, ReadingSpec
from jetsmith.specs.skimming import DaskSpec, SkimSpec, XRootDSpec

REMOTE = XRootDSpec()
PACKAGE_ROOT = str(PACKAGE.parent)  # where `import jetsmith` finds it
POLL_S = 0.2
DEATH_TIMEOUT_S = 60  # a worker without a driver ends itself
LIFETIME_SHARE, STAGGER_SHARE = 0.9, 0.05  # of the walltime: workers end in good order, one after the other


def skim_dataset(
    name: str,
    spec: ReadingSpec,
    selection: CutsSpec,
    settings: SkimSpec,
    plan: str | Path,
    outputs: Mapping[str, Sequence[str]],
    code: str,
    golden_json: str | None = None,
    xrootd: XRootDSpec = REMOTE,
    threads: int = 1,
) -> None:
    """Read all partitions of a dataset on a Dask cluster; arguments as in `skim.skim_partition`.

    Args:
        name: The dataset.
        spec: Its record.
        selection: Cuts on its jets.
        settings: Cluster, chunk size, retries.
        plan: JSON file of stage inspect.
        outputs: Files to write by what `skim_partition` calls them (rows, report, identity), one
            a partition each.
        code: Digest of the code; with it partitions of an earlier driver are known to be the same.
        golden_json: Path of the certified luminosity blocks, where the dataset has them.
        xrootd: Servers that may hold remote files, too, and the time they have to answer.
        threads: Workers of a LocalCluster at most, unless the settings say otherwise.

    Raises:
        InputError: A partition failed more often than is allowed; all others are kept.
    """
    planned = read_record(Plan, plan, dataset=name)
    golden = Path(golden_json).read_text() if golden_json else None
    decides = [
        plain(planned),
        spec.model_dump(mode="json"),
        selection.model_dump(),
        settings.chunk_entries,
        golden,
        code,
    ]
    folder = Path(outputs["report"][0]).parent.absolute() / f".dask-{config_digest(decides)}"
    folder.mkdir(parents=True, exist_ok=True)
    staged = [
        {key: str(folder / Path(paths[part]).name) for key, paths in outputs.items()}
        for part in range(len(planned.parts))
    ]
    common = {"name": name, "spec": spec, "selection": selection, "settings": settings}
    common |= {"plan": os.path.abspath(plan), "golden_json": golden_json, "xrootd": xrootd}
    common |= {"folder": os.getcwd()}
    tasks = {part: common | {"part": part} | files for part, files in enumerate(staged)}
    sizes = [part.n_entries for part in planned.parts]
    _run_all(name, tasks, sizes, settings.dask, threads)
    for part, files in enumerate(staged):
        for key, path in files.items():
            _link(path, outputs[key][part])
    # Where more is lost than is allowed, the others stay for the driver that reads it again.
    found = [read_record(PartReport, files["report"]) for files in staged]
    n_lost = sum(report.n_planned - report.n_processed for report in found)
    keep = {folder} if n_lost > settings.max_loss_fraction * sum(sizes) else set()
    for made in set(folder.parent.glob(".dask-*")) - keep:
        shutil.rmtree(made)


def _run_all(
    name: str, tasks: Mapping[int, dict[str, Any]], sizes: Sequence[int], settings: DaskSpec, threads: int
) -> None:
    """Run the partitions that are not finished yet; all are tried before a failure is raised."""
    todo = {part: task for part, task in tasks.items() if not is_finished(task["report"])}
    progress, done = Progress(f"skim {name}", sum(sizes), "entries"), sum(sizes)
    done -= sum(sizes[part] for part in todo)
    if len(todo) < len(tasks):
        print(f"[skim {name}] {len(tasks) - len(todo)} partitions were finished before", file=sys.stderr)
    if not todo:
        return
    failures: dict[int, str] = {}
    with client_of(settings, threads, len(todo)) as client:
        futures = {
            client.submit(
                run_part, task, key=f"skim-{name}-{part:03d}", retries=settings.retries, pure=False
            ): part
            for part, task in todo.items()
        }
        for future in _finished(client, list(futures), settings):
            part = futures[future]
            if future.status == "finished":
                done += sizes[part]
            else:
                failures[part] = _explain(future.exception())
            progress.update(done, f"{len(failures)} partitions failed" if failures else "")
    if failures:
        lines = [f"  partition {part:03d}: {text}" for part, text in sorted(failures.items())]
        raise InputError("\n".join([f"dataset {name}: {len(failures)} partitions failed:", *lines]))


def _finished(client: Client, pending: Sequence[Future], settings: DaskSpec) -> Iterator[Future]:
    """Futures as they finish or fail; gives up where no worker is there for too long."""
    last_seen = said = time.monotonic()
    while pending:
        ready = [future for future in pending if future.done()]
        yield from ready
        pending = [future for future in pending if future not in ready]
        now = time.monotonic()
        if ready or client.scheduler_info(n_workers=1)["workers"]:
            last_seen = now
        waited_min = (now - last_seen) / 60
        if waited_min > settings.patience_min:
            raise InputError(
                f"no Dask worker for {waited_min:.0f} minutes (skim.dask.patience_min): the queue is full, "
                f"or the logs of the workers say why; {len(pending)} partitions are left, the others are kept"
            )
        if waited_min > 0.5 and now - said > 60:
            print(f"waiting for Dask workers since {waited_min:.0f} minutes", file=sys.stderr, flush=True)
            said = now
        time.sleep(POLL_S)


def is_finished(report: str) -> bool:
    """Whether a staged partition is whole; it is read again where something of it was lost or damaged."""
    try:
        return os.path.exists(report) and not read_record(PartReport, report).lost
    except InputError as error:  # damaged: left as it is, it would stop every driver
        print(f"[skim] {error}", file=sys.stderr, flush=True)
        return False


def run_part(arguments: dict[str, Any]) -> str:
    """Run one partition on a worker; only the path of its report travels back.

    Args:
        arguments: Those of `skim_partition`, and `folder`, where relative paths start.
    """
    arguments = dict(arguments)
    os.chdir(arguments.pop("folder"))
    skim_partition(**arguments)
    return str(arguments["report"])


def _explain(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _link(source: str, target: str) -> None:
    """Put a finished file into its place and leave it in the staging folder, too."""
    if os.path.exists(target) and os.path.samefile(source, target):
        return  # to rename one link of a file to another does nothing
    temporary = Path(target).with_name(f".{Path(target).name}.link")
    temporary.unlink(missing_ok=True)
    with explained(Path(target)):
        try:
            os.link(source, temporary)
        except OSError:  # a file system without hard links
            shutil.copy2(source, temporary)
        move(temporary, Path(target))


@contextlib.contextmanager
def client_of(settings: DaskSpec, threads: int, n_tasks: int) -> Iterator[Client]:
    """A client of a new cluster, which is closed whatever happens, at SIGTERM too."""
    most = settings.maximum or (threads if settings.is_local else n_tasks)
    with (
        _end_at_sigterm(),
        _main_left_alone(),
        dask.config.set({"distributed.scheduler.allowed-failures": settings.retries}),
        contextlib.ExitStack() as stack,
    ):
        cluster = make_cluster(settings)
        stack.callback(_close, cluster)
        cluster.adapt(
            minimum=min(settings.minimum, n_tasks), maximum=max(settings.minimum, min(most, n_tasks))
        )
        client = stack.enter_context(Client(cluster))
        print(f"Dask dashboard: {cluster.dashboard_link}", file=sys.stderr, flush=True)
        yield client


def make_cluster(settings: DaskSpec) -> Any:
    """The cluster of `settings.cluster`, with arguments that suit unless `settings.options` has them.

    Raises:
        InputError: There is no such class, or it does not take the options. To know that, its package must
            be imported, which takes longer than a parse may; and it may be on the driver's machine alone.
    """
    module, _, cls = settings.cluster.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError) as error:
        raise InputError(f"skim.dask.cluster: no class `{settings.cluster}`: {error}") from error
    bases = {base.__module__.partition(".")[0] + "." + base.__name__ for base in kind.__mro__}
    defaults: dict[str, Any] = {}
    if "distributed.LocalCluster" in bases:
        defaults = {"n_workers": 0, "threads_per_worker": 1, "dashboard_address": "localhost:0"}
        _refuse_unknown(settings, kind)
    elif "dask_jobqueue.JobQueueCluster" in bases:
        defaults = {
            "cores": 1,
            "processes": 1,
            "python": sys.executable,
            "death_timeout": DEATH_TIMEOUT_S,
            "worker_extra_args": _lifetime(settings),
            "job_script_prologue": [f"export PYTHONPATH={PACKAGE_ROOT}:$PYTHONPATH"],
            "scheduler_options": {"dashboard_address": ":0"},
        }
    try:
        return kind(**(defaults | settings.options))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"skim.dask.options: `{settings.cluster}` does not take {settings.options}: {error}"
        ) from error


def _refuse_unknown(settings: DaskSpec, kind: Any) -> None:
    """What a LocalCluster does not know it hands on to workers, none of which would ever start."""
    known = {name for cls in (kind, Nanny, Worker) for name in inspect.signature(cls).parameters}
    for name in settings.options:
        if name not in known:
            raise InputError(f"skim.dask.options: unknown key `{name}`{hint(name, known)}")


def _lifetime(settings: DaskSpec) -> list[str]:
    """Arguments that let workers end before the batch system ends them, not all at once."""
    seconds: float
    if settings.lifetime_min is not None:
        seconds = 60 * settings.lifetime_min
    elif settings.is_slurm and (walltime := _walltime(settings)):
        seconds = LIFETIME_SHARE * walltime_s(walltime)
    else:
        return []
    stagger = STAGGER_SHARE / LIFETIME_SHARE * seconds
    return ["--lifetime", f"{seconds:.0f}s", "--lifetime-stagger", f"{stagger:.0f}s"]


def _walltime(settings: DaskSpec) -> Any:
    """What workers on Slurm ask for: where the options do not say it dask-jobqueue's configuration does."""
    if "walltime" in settings.options:
        return settings.options["walltime"]
    found = dask.config.get(f"jobqueue.{settings.options.get('config_name') or 'slurm'}.walltime", None)
    if found:
        print(f"skim.dask.options: no walltime; dask-jobqueue's configuration has {found}", file=sys.stderr)
    return found


@contextlib.contextmanager
def _main_left_alone() -> Iterator[None]:
    """Keep new processes from importing this one's main module: Snakemake's script, the job itself."""
    main = sys.modules["__main__"].__dict__
    hidden = {name: main[name] for name in ("__file__", "__spec__") if main.get(name) is not None}
    main |= dict.fromkeys(hidden)
    try:
        yield
    finally:
        main |= hidden


@contextlib.contextmanager
def _end_at_sigterm() -> Iterator[None]:
    """Let a cancelled driver close its cluster: by default SIGTERM would end it on the spot."""

    def end(number: int, frame: Any) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _close(cluster: Any) -> None:
    # dask-jobqueue asserts on the job of a worker that was killed; the others are cancelled all the same.
    with contextlib.suppress(AssertionError):
        cluster.close()
