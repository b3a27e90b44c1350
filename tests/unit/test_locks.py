"""locks: a killed run's lock goes when the next one takes it, a living one's stays, whatever a note says."""

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from jetsmith import locks

HOLDER = """
import sys, time
from pathlib import Path
from jetsmith import locks
with locks.alive(Path(sys.argv[1]), print) as begun:
    (Path(sys.argv[1]) / "locks").mkdir(exist_ok=True)
    (Path(sys.argv[1]) / "locks" / f"{sys.argv[2]}.output.lock").write_text("results/a\\n")
    if sys.argv[3] == "begun":
        begun()
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def run_in(folder, name="0", until="begun"):
    """Another run of the folder, with Snakemake's lock taken; killed with kill -9 at the end."""
    code = [sys.executable, "-c", HOLDER, folder, name, until]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "held\n"
        try:
            yield running
        finally:
            running.send_signal(signal.SIGKILL)


def starts(folder):
    """What a run that starts now says, and the locks that it finds afterwards."""
    said = []
    with locks.alive(folder, said.append) as begun:
        found = sorted(path.name for path in (folder / "locks").glob("*"))
        begun()
    return said, found


def test_dead_run_loses_its_lock(tmp_path):
    """After kill -9 the next run goes on without a word from the user."""
    with run_in(tmp_path):
        pass
    said, left = starts(tmp_path)
    assert [text[:25] for text in said] == ["The run before was killed"]
    assert left == []
    assert starts(tmp_path) == ([], [])


def test_living_run_keeps_its_lock(tmp_path):
    """Two runs in one folder must not both work; the first is the one that the note names, or not."""
    with run_in(tmp_path):
        assert starts(tmp_path) == ([], ["0.output.lock"])
        (tmp_path / locks.OWNER).write_text(json.dumps({"hosts": ["elsewhere"]}))
        assert starts(tmp_path) == ([], ["0.output.lock"])


def test_living_run_keeps_its_lock_beside_a_dead_one(tmp_path):
    """A run of other files in the same folder, which outlives the one that started first."""
    with run_in(tmp_path, "1"):
        with run_in(tmp_path, "0"):
            pass
        assert starts(tmp_path) == ([], ["0.output.lock", "1.output.lock"])
    said, left = starts(tmp_path)
    assert (len(said), left) == (1, [])


def test_a_dead_run_on_the_same_results_loses_its_lock_beside_a_living_one(tmp_path, monkeypatch):
    """The living one is at work on others; where it is on these, or on another machine, the lock stays."""
    monkeypatch.chdir(tmp_path)
    folder, said = tmp_path / "state", []
    (folder / "locks").mkdir(parents=True)

    def left():
        return sorted(path.name for path in (folder / "locks").glob("*"))

    def begins(results):
        forget = partial(locks.forget, folder, str(results), said.append)
        return locks.at_work(Path(results), forget)

    with run_in(folder, "1"):
        (folder / "locks/1.input.lock").write_text("/data/a.root\nresults/a/x\n")
        (folder / "locks/0.output.lock").write_text("results/ab/x\nresults/ab/y\n")
        (folder / "locks/0.input.lock").write_text("/data/a.root\nresults/ab/x\n")
        all_of_them = left()
        with begins("results/abc"):
            assert left() == all_of_them
        note = (folder / locks.OWNER).read_text()
        (folder / locks.OWNER).write_text(json.dumps({"hosts": [*json.loads(note)["hosts"], "elsewhere"]}))
        with begins("results/ab"):
            assert left() == all_of_them
            (folder / locks.OWNER).write_text(note)
            with begins("results/ab") as alone:
                assert not alone
                assert left() == all_of_them
        assert said == []
        with begins("results/ab") as alone:
            assert alone
            assert left() == ["1.input.lock", "1.output.lock"]
        assert said == [locks.KILLED]


def test_results_within_results_are_of_another_run(tmp_path, monkeypatch):
    """A run on `results` takes away no lock of one on `results/a`, as most of the shipped runs are."""
    monkeypatch.chdir(tmp_path)
    folder, said = tmp_path / "state", []
    (folder / "locks").mkdir(parents=True)
    with run_in(folder, "1"), locks.at_work(Path("results/a")):
        (folder / "locks/0.output.lock").write_text("results/a/x\n")
        (folder / "locks/2.output.lock").write_text("results/x\n")
        with locks.at_work(Path("results"), partial(locks.forget, folder, "results", said.append)):
            left = {path.name for path in (folder / "locks").glob("*")}
            assert "0.output.lock" in left
            assert "2.output.lock" not in left
    assert said == [locks.KILLED]


def test_no_run_looks_while_another_begins(tmp_path):
    """Between its place among the living and Snakemake's lock a run could be robbed: for 60 ms it was."""
    with run_in(tmp_path, until="not yet") as running:
        code = [sys.executable, "-c", HOLDER, tmp_path, "1", "begun"]
        with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as second:
            time.sleep(1.5)
            assert not (tmp_path / "locks" / "1.output.lock").exists()
            assert second.poll() is None
            running.send_signal(signal.SIGKILL)
            assert second.stdout is not None
            assert second.stdout.readline().startswith("The run before was killed")
            second.kill()


NO_NOTES = ("", "{", "[]", "7", '{"hosts": 7}', '{"host": "a", "pid": 1}', "\xff", "[" * 9999)


@pytest.mark.parametrize("note", NO_NOTES)
def test_damaged_note_is_no_traceback(tmp_path, note, capsys):
    """Whose a lock is, nobody knows then: it stays, it is said, and --unlock helps."""
    with run_in(tmp_path):
        pass
    (tmp_path / locks.OWNER).write_bytes(note.encode("latin-1"))
    assert starts(tmp_path) == ([], ["0.output.lock"])
    assert "jetsmith-owner.json is missing or damaged" in capsys.readouterr().err
    (tmp_path / "locks" / "0.output.lock").unlink()  # as --unlock does
    assert starts(tmp_path) == ([], [])
    with run_in(tmp_path):
        pass
    assert starts(tmp_path)[1] == []


def test_a_run_that_cannot_write_its_note_lives(tmp_path, monkeypatch, capsys):
    """A full disk costs the next run its ease, and never this one its lock."""
    with run_in(tmp_path):
        pass

    def full(path, text):
        raise OSError(28, "No space left on device")

    (tmp_path / "locks" / "0.output.lock").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "write_text", full)
        with locks.alive(tmp_path, print) as begun:
            begun()
            patch.undo()
            (tmp_path / "locks" / "0.output.lock").write_text("results/a")
            assert "no lock in" in capsys.readouterr().err
            assert starts(tmp_path) == ([], ["0.output.lock"])


def test_a_user_without_a_name_can_run(tmp_path, monkeypatch):
    """As containers give them (`docker run -u 12345`): each run ended in a KeyError of getpass."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with locks.at_work(tmp_path / "results") as alone:
        assert alone
    assert json.loads((tmp_path / "results/.jetsmith/run.json").read_text())["user"] == str(os.getuid())


def test_other_machines_are_left_alone(tmp_path):
    """Whether a run of another machine lives cannot be seen from here, on every file system."""
    with run_in(tmp_path):
        pass
    (tmp_path / locks.OWNER).write_text(json.dumps({"hosts": ["elsewhere"]}))
    assert starts(tmp_path) == ([], ["0.output.lock"])
    assert "elsewhere" in json.loads((tmp_path / locks.OWNER).read_text())["hosts"]
    assert starts(tmp_path) == ([], ["0.output.lock"])


def test_snakemakes_lock_alone_is_guarded(tmp_path):
    """A dry run, and whatever else takes no lock, takes none away: Snakemake gives those another method."""

    class Persistence:
        path = str(tmp_path)

        @contextmanager
        def lock(self):
            (tmp_path / "locks").mkdir(exist_ok=True)
            assert not list((tmp_path / "locks").iterdir())
            yield

    with run_in(tmp_path):
        pass
    locks.guard(Persistence, print)
    guarded = Persistence.lock
    locks.guard(Persistence, print)
    assert Persistence.lock is guarded
    records = Persistence()
    assert list((tmp_path / "locks").iterdir())
    with records.lock(), suppress(BlockingIOError):
        assert not list((tmp_path / "locks").iterdir())


def test_only_one_holds_it(tmp_path):
    """A second process, or driver, hears at once; the lock ends with the file."""
    path = tmp_path / "folder" / "inner" / "lock"
    with locks.hold(path), pytest.raises(BlockingIOError):
        locks.hold(path)
    locks.hold(path).close()
