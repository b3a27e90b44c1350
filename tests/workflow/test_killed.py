"""kill -9 in mid-run: nothing that looks finished is not, and the next run goes on by itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uproot

from jetsmith.sealed import planned

from .conftest import SCALE, copy_project, job_table

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


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """One after the other is killed in it."""
    return copy_project(tmp_path_factory.mktemp("killed"))


def started(project):
    """A run, in a session of its own, in the middle of its last simulation; files of both; what it prints."""
    files = [project.folder / f"results/simulated/ttbar/{part}.root" for part in ("000", "001")]
    said = project.folder / "said.log"
    (project.folder / planned.SOURCES).unlink(missing_ok=True)
    run = ["--cores", "1", TARGET, "--config", f"simulation_scale={SCALE}"]
    with said.open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *run],
            cwd=project.folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + 300
    while not (any(path.exists() for path in files) and simulates(running.pid)):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.1)
    time.sleep(3)  # into the simulation
    return running, files, said


def simulates(session):
    """Whether a job of a session is at it."""
    return any("simulate.py" in command for command in alive_in(session).values())


def is_half_done(project, files):
    """What was made is there, and a dry run takes nothing away: the lock goes with the run that takes it."""
    assert [path.exists() for path in files].count(True) == 1
    assert (project.folder / planned.SOURCES).is_file()  # for jobs, so not only when the driver ends
    assert any((project.folder / ".snakemake" / "locks").iterdir())
    looked = project.snakemake("-n", TARGET)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert any((project.folder / ".snakemake" / "locks").iterdir())


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd: jobs go on to their end")
def test_jobs_end_with_a_killed_driver(project):
    """The driver alone is killed: none of its jobs goes on, to work beside its successors."""
    running, files, _ = started(project)
    assert len(alive_in(running.pid)) > 1
    running.send_signal(signal.SIGKILL)
    running.wait()
    # At once, but for what holds Python's lock: where no kernels are kept, Numba compiles for seconds.
    deadline = time.monotonic() + 30
    while alive_in(running.pid):
        assert time.monotonic() < deadline, alive_in(running.pid)
        time.sleep(0.1)
    is_half_done(project, files)  # so the job has not come to its own end


def test_killed_run_goes_on(project):
    """All processes killed while the second part is simulated; the same command then ends well.

    It is itself the run after one whose driver was killed.
    """
    follows = any((project.folder / "results").glob("simulated/ttbar/*.root"))
    running, files, said = started(project)
    assert ("The run before was killed" in said.read_text()) == follows
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    is_half_done(project, files)
    done = project.snakemake("--cores", "2", TARGET)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert "The run before was killed" in done.stderr
    for path in files:
        assert uproot.open(path)["Events"].num_entries == 8_000 * SCALE
    assert (project.folder / TARGET).exists()


def test_what_is_behind_a_killed_job_is_made_anew(project):
    """A job alone dies, while all behind it is there from before: the next run makes it, and what is behind.

    Protects: its outputs count as made with today's parameters, and older results stand beside newer ones.
    """
    account = "results/skim/higgs_bb.json"  # of one part: another that is made would draw account with it
    done = project.snakemake("--cores", "2", account)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    path = project.folder / account
    before = path.read_text()
    project.edit_yaml("config.yaml", "selection", "ak8", "abseta_max", value=2.0)
    with (project.folder / "died.log").open("wb") as log:
        run = ["--cores", "1", account, "--config", f"simulation_scale={SCALE}"]
        running = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *run],
            cwd=project.folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + 300
    while not (pids := [pid for pid, what in alive_in(running.pid).items() if "skim.py" in what]):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    os.kill(pids[0], signal.SIGKILL)
    assert running.wait(300) != 0
    assert path.read_text() == before
    looked = project.snakemake("-n", account)
    assert job_table(looked.stdout) == {"skim": 1, "account": 1}
    assert "its job failed" in looked.stdout + looked.stderr
    done = project.snakemake("--cores", "2", account)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert path.read_text() != before
    assert job_table(project.snakemake("-n", account).stdout) == {}


def test_a_dry_run_leaves_what_it_read_in_its_working_folder(project, tmp_path):
    """Protects: with `--directory`, which Snakemake has left by then, each call parses the package again."""
    (tmp_path / ".snakemake").mkdir()
    config = str(project.folder / "config/config.yaml")
    done = project.snakemake("-n", TARGET, "--directory", str(tmp_path), "--configfile", config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / planned.SOURCES).is_file()
