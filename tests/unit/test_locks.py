"""locks: a killed run's lock goes, a living one's stays."""

import json
import os
import subprocess
import sys

import pytest

from jetsmith import locks


@pytest.fixture
def folder(tmp_path):
    """A `.snakemake` whose lock this process holds."""
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.output.lock").write_text("results/a\n")
    locks.claim(tmp_path)
    return tmp_path


def _edit(folder, **changes):
    path = folder / locks.OWNER
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_living_owner_keeps_its_lock(folder):
    """Two runs in one folder must not both work."""
    assert not locks.release_stale(folder)
    assert (folder / "locks").is_dir()


def test_dead_owner_loses_it(folder):
    """After kill -9 the next run goes on without a word from the user."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    _edit(folder, pid=done.pid)
    assert locks.release_stale(folder)
    assert not (folder / "locks").exists()


def test_reused_number_is_not_the_owner(folder):
    """A process of the same number that started at another time is another."""
    _edit(folder, pid=os.getpid(), started="1")
    assert locks.release_stale(folder)


def test_other_machines_are_left_alone(folder):
    """Whether a process of another machine lives cannot be seen from here."""
    _edit(folder, host="elsewhere", pid=999_999_999)
    assert not locks.release_stale(folder)


def test_no_lock_no_deed(tmp_path):
    """A fresh folder."""
    assert not locks.release_stale(tmp_path)


def test_only_one_holds_it(tmp_path):
    """A second process, or driver, hears at once; the lock ends with the file."""
    path = tmp_path / "folder" / "lock"
    with locks.hold(path), pytest.raises(BlockingIOError):
        locks.hold(path)
    locks.hold(path).close()
