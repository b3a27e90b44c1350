"""kill -9 in mid-run: nothing that looks finished is not, and the next run goes on by itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uproot

from .conftest import SCALE, copy_project

pytestmark = pytest.mark.workflow
TARGET = "results/inspect/ttbar.json"


def alive_in(session):
    """Commands of the processes of a session that run."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            command = path.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has just ended
        if int(fields[3]) == session and fields[0] != "Z":
            found[int(path.parent.name)] = command
    return found


def started(project):
    """A run, in a session of its own, in the middle of its second simulation; the files of both."""
    files = [project.folder / f"results/simulated/ttbar/{part}.root" for part in ("000", "001")]
    running = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", TARGET, "--config", f"simulation_scale={SCALE}"],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not any(path.exists() for path in files):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.1)
    time.sleep(3)  # into the next simulation
    return running, files


def goes_on(project, files):
    """The same command ends well, and nothing is there twice or by half."""
    assert not all(path.exists() for path in files)
    assert any((project.folder / ".snakemake" / "locks").iterdir())
    looked = project.snakemake("-n", TARGET)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert any((project.folder / ".snakemake" / "locks").iterdir())
    done = project.snakemake("--cores", "2", TARGET)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert "The run before was killed" in done.stderr
    for path in files:
        assert uproot.open(path)["Events"].num_entries == 10_000 * SCALE
    assert (project.folder / TARGET).exists()


def test_killed_run_goes_on(tmp_path):
    """All processes killed while the second part is simulated; the same command then ends well.

    A dry run in between takes nothing away: the lock goes with the run that takes it.
    """
    project = copy_project(tmp_path / "killed")
    running, files = started(project)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    goes_on(project, files)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd: jobs go on to their end")
def test_jobs_end_with_a_killed_driver(tmp_path):
    """The driver alone is killed: none of its jobs goes on, to work beside its successors."""
    project = copy_project(tmp_path / "killed")
    running, files = started(project)
    assert len(alive_in(running.pid)) > 1
    running.send_signal(signal.SIGKILL)
    running.wait()
    # At once, but for what holds Python's lock: where no kernels are kept, Numba compiles for seconds.
    deadline = time.monotonic() + 30
    while alive_in(running.pid):
        assert time.monotonic() < deadline, alive_in(running.pid)
        time.sleep(0.1)
    goes_on(project, files)  # so the job has not come to its own end
