"""kill -9 in mid-run: nothing that looks finished is not, and the next run goes on by itself."""

import os
import signal
import subprocess
import sys
import time

import pytest
import uproot

from .conftest import SCALE, copy_project

pytestmark = pytest.mark.workflow
TARGET = "results/skim/ttbar.json"


def test_killed_run_goes_on(tmp_path):
    """All processes killed while the second part is simulated; the same command then ends well."""
    project = copy_project(tmp_path / "killed")
    first, second = (project.folder / f"results/simulated/ttbar/{part}.root" for part in ("000", "001"))
    running = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", TARGET, "--config", f"simulation_scale={SCALE}"],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not (first.exists() or second.exists()):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.1)
    time.sleep(3)  # into the next simulation
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (first.exists() and second.exists())
    assert any((project.folder / ".snakemake" / "locks").iterdir())
    done = project.snakemake("--cores", "2", TARGET)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert "The run before was killed" in done.stderr
    for path in (first, second):
        assert uproot.open(path)["Events"].num_entries == 10_000 * SCALE
    assert (project.folder / TARGET).exists()
