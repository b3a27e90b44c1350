"""Locks: Snakemake's own, and those that end with their process.

A killed run leaves Snakemake's lock behind, and the next one would refuse to start. Each run therefore holds
a lock of the system as long as it lives, one that it shares with other runs in the folder. A run that is
about to take Snakemake's lock, and none that only looks (`-n`, `--dag`, `--summary`), asks whether anybody
lives: if not, what lies there is stale and is taken away; beside a living run, what is of results on which
nobody but the new one is at work. Locks of other machines are left alone, since not every file system tells
machines of each other's locks.
"""

import contextlib
import fcntl
import getpass
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from snakemake_interface_common.exceptions import WorkflowError

OWNER = "jetsmith-owner.json"  # machines whose runs may have left locks
LIFE, TURN = "jetsmith-owner.lock", "jetsmith-owner.turn"  # shared by the living; who looks and takes, alone
KILLED = "The run before was killed; its lock is taken away, and what it finished stays."


def guard(persistence: Any, say: Callable[[str], None]) -> None:
    """Let Snakemake's lock be taken from dead runs at the moment when a run takes it, and not before.

    Args:
        persistence: Snakemake's class of the records in `.snakemake`; its method `lock` is replaced.
        say: Is told when a lock was taken away.
    """
    plain = persistence.lock
    if hasattr(plain, "plain"):
        return

    @contextlib.contextmanager
    def lock(self: Any) -> Iterator[None]:
        with alive(Path(self.path), say) as begun, plain(self):
            begun()
            yield

    lock.plain = plain  # type: ignore[attr-defined]
    persistence.lock = lock


@contextlib.contextmanager
def alive(folder: Path, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Count as a living run of `folder` (Snakemake's `.snakemake`); stale locks are taken away before.

    Yields:
        To be called once Snakemake's lock is taken: until then no other run may look.
    """
    with contextlib.ExitStack() as held:
        turn = None
        try:
            turn = held.enter_context(_locked(folder / TURN, fcntl.LOCK_EX))
            try:
                if _take_stock(folder):
                    say(KILLED)
            finally:  # where the note cannot be written, this run lives all the same
                held.enter_context(_locked(folder / LIFE, fcntl.LOCK_SH))
        except OSError as error:  # a file system without locks, or a full one
            print(f"no lock in {folder}: {error}", file=sys.stderr, flush=True)
        yield turn.close if turn else lambda: None


def _take_stock(folder: Path) -> bool:
    """Note that this machine has a run here; whether stale locks were there, which are removed."""
    try:
        with _locked(folder / LIFE, fcntl.LOCK_EX | fcntl.LOCK_NB):
            anybody = False
    except BlockingIOError:
        anybody = True
    left = list((folder / "locks").glob("*")) if (folder / "locks").is_dir() else []
    here, hosts = socket.gethostname(), _hosts(folder / OWNER)
    if not left:
        hosts = []
    elif hosts is None:
        print(f"{folder / OWNER} is missing or damaged: whose the locks are is unknown", file=sys.stderr)
        return False
    elif not anybody and hosts == [here]:
        for path in left:
            path.unlink()
        return True
    temporary = folder / f".{OWNER}.{os.getpid()}"
    temporary.write_text(json.dumps({"hosts": sorted({*hosts, here})}))
    temporary.replace(folder / OWNER)
    return False


def _hosts(note: Path) -> list[str] | None:
    """The machines of the note; None where it is none, or of another version."""
    try:
        hosts = json.loads(note.read_text())["hosts"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return hosts if isinstance(hosts, list) and all(isinstance(host, str) for host in hosts) else None


def _results_of(output: str) -> Path | None:
    """The results folder that a file is of: the nearest one, since those of other runs may lie within."""
    return next((p for p in Path(output).parents if (p / ".jetsmith").is_dir()), None)


def forget(folder: Path, results: str, say: Callable[[str], None]) -> None:
    """Take away the locks of a killed run on these results, where another run of `folder` lives.

    To be called while nobody is at work on the results (`alone` of `at_work`).

    Args:
        folder: Snakemake's `.snakemake`.
        results: The results folder, as the paths of outputs begin.
        say: Is told when a lock was taken away.
    """
    if _hosts(folder / OWNER) != [socket.gethostname()]:
        return

    def is_own(path: Path) -> bool:
        with contextlib.suppress(OSError):  # a run that ends takes all of them away
            return any(_results_of(line) == Path(results) for line in path.read_text().splitlines())
        return False

    stale = [path for path in (folder / "locks").glob("*.output.lock") if is_own(path)]
    for path in stale:
        read = path.with_name(path.name.replace(".output.", ".input."))
        if is_own(read):
            read.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    if stale:
        say(KILLED)


@contextlib.contextmanager
def at_work(results: Path, alone: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold a results folder for runs of this working folder: two checkouts would delete each other's inputs.

    Args:
        results: The folder.
        alone: Is called where no other run is at work on it, before one can be.

    Yields:
        Whether no other run is at work on it.

    Raises:
        WorkflowError: A run of another working folder is; the message says whose.
    """
    note = results / ".jetsmith" / "run.json"
    here = {
        "folder": str(Path.cwd()),
        "machine": socket.gethostname(),
        "user": _user(),
        "process": os.getpid(),
        "since": f"{datetime.now().astimezone():%Y-%m-%d %H:%M}",
    }
    with contextlib.ExitStack() as held:
        is_alone = True
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            lock = note.with_suffix(".lock")
            try:
                with _locked(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    temporary = note.with_name(f".{note.name}.{os.getpid()}")
                    temporary.write_text(json.dumps(here))
                    temporary.replace(note)
                    alone()
            except BlockingIOError:
                is_alone = False
            held.enter_context(_locked(lock, fcntl.LOCK_SH))
            _refuse_strangers(results, note, here)
        except OSError as error:  # a file system without locks, or a full one
            print(f"no lock in {results}: {error}", file=sys.stderr, flush=True)
        yield is_alone


def _user() -> str:
    """Who runs this; a number where it has no name, as in containers that give users one of their own."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13 on
        return str(os.getuid())


def _refuse_strangers(results: Path, note: Path, here: dict[str, Any]) -> None:
    try:
        owner = json.loads(note.read_text())
        is_ours = all(owner[key] == here[key] for key in ("folder", "machine"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    if not is_ours:
        raise WorkflowError(
            f"{results}: a run in {owner['folder']} on {owner['machine']} (user {owner.get('user')}, process "
            f"{owner.get('process')}, since {owner.get('since')}) is at work on these results: wait for its "
            "end, or give this run a results folder of its own (`pathvars` in its configuration)"
        )


def hold(path: Path) -> TextIO:
    """Hold a lock until the file that is given back is closed, or this process ends, however it does.

    A file system without locks does without, and it is said.

    Raises:
        BlockingIOError: Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    except OSError as error:
        print(f"no lock on {path}: {error}", file=sys.stderr, flush=True)
    return file


def _locked(path: Path, how: int) -> TextIO:
    file = path.open("a")
    try:
        fcntl.flock(file, how)
    except OSError:
        file.close()
        raise
    return file
