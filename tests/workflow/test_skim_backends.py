"""The skim as jobs and on a Dask cluster: the same bytes, no rerun between them, and no work done twice."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from .conftest import mock_project

pytestmark = pytest.mark.workflow
N_PARTS = 8
ENDS = ("parquet", "report.json", "identity.parquet")
TARGET = "results/skim/mock.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A run of one dataset of small files in many partitions."""
    return mock_project(tmp_path_factory.mktemp("backends"), N_PARTS, 30)


def call(project, *arguments, backend="jobs", **skim):
    """Snakemake on the run's own configuration."""
    return project.snakemake(
        "--configfile",
        "config/mine.yaml",
        "--cores",
        "2",
        TARGET,
        *arguments,
        skim={"backend": backend, **skim},
    )


def digests(project):
    """Digest of every file of the skim."""
    folder = project.folder / "results" / "skim"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def remove(project):
    """The skim's files."""
    for path in (project.folder / "results" / "skim").rglob("*.*"):
        if path.is_file():
            path.unlink()


@pytest.fixture(scope="module")
def by_jobs(project):
    """Digests of what jobs write."""
    done = call(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    found = digests(project)
    assert len(found) == 3 * N_PARTS + 1
    return found


def test_same_bytes(project, by_jobs):
    """And a change of the backend, or of how it reads, finds nothing to do."""
    for backend, more in (("dask", {}), ("jobs", {"retries": 7, "threads": 2})):
        planned = call(project, "-n", backend=backend, **more)
        assert "Nothing to be done" in planned.stdout + planned.stderr
    remove(project)
    done = call(project, backend="dask")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert "Dask dashboard: http://" in done.stderr
    assert digests(project) == by_jobs
    assert "Nothing to be done" in call(project, "-n").stdout


def test_killed_driver(project, by_jobs):
    """kill -9 of everything in mid-run: the next run takes what was finished; the bytes are the same."""
    remove(project)
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/mine.yaml", "--cores", "1", TARGET]
    running = subprocess.Popen(
        [*command, "--config", "skim={backend: dask}", "simulation_scale=0.1"],
        cwd=project.folder, env=os.environ | {"PYTHONPATH": str(project.folder / "workflow")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    finished = project.folder / "results" / "skim" / "mock"
    deadline = time.monotonic() + 120
    while not 1 <= len(list(finished.glob(".dask-*/*.report.json"))) < N_PARTS:
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    time.sleep(1)  # workers without a driver may finish what they are at
    kept = len(list(finished.glob(".dask-*/*.report.json")))
    assert 1 <= kept < N_PARTS
    assert not list(finished.glob("*.parquet"))
    done = call(project, backend="dask")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert "partitions were finished before" in done.stderr
    assert digests(project) == by_jobs


@pytest.mark.parametrize("backend", ["jobs", "dask"])
def test_an_outage_is_no_lasting_loss(project, by_jobs, backend):
    """A file is bad during the skim: the run stops and names it; when it is mended the next is whole."""
    remove(project)
    path = project.folder.parent / "2.root"
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))  # of the same size: inspect has nothing to do
    done = call(project, "--retries", "1", backend=backend, retries=0)
    path.write_bytes(content)
    assert done.returncode != 0
    assert "25.000% of its entries are lost" in done.stderr
    assert str(path) in done.stderr
    # No traceback through our code; Dask's workers may log one of their own while the driver closes them.
    assert not re.search(r'File ".*jetsmith/.*", line', done.stderr)
    assert "Missing files" not in done.stderr  # account, which removed its input, is not tried again
    done = call(project, backend=backend)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert digests(project) == by_jobs
    if backend == "dask":
        assert f"{N_PARTS * 3 // 4} partitions were finished before" in done.stderr


def test_damage_known_at_inspect(project, by_jobs):
    """More than is allowed: the run stops there, skims nothing, and goes on when the file is mended."""
    results = project.folder / "results"
    for name in ("inspect/mock.json", "skim/mock.json", *(f"skim/mock/000.{end}" for end in ENDS)):
        (results / name).unlink()
    path = project.folder.parent / "2.root"
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    done = call(project, max_loss_fraction=0.01)
    path.write_bytes(content)
    assert done.returncode != 0
    assert "2.root: not a ROOT file" in done.stderr
    assert "rule skim:" not in done.stderr
    done = call(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert digests(project) == by_jobs


def test_root_files(project, by_jobs):
    """`skim.write_root` adds a ROOT file a partition, made of its rows; nothing is skimmed again."""
    done = project.snakemake(
        "--configfile", "config/mine.yaml", "--cores", "2", "--until", "skim_root", skim={"write_root": True}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    found = digests(project)
    assert sum(name.endswith(".root") for name in found) == N_PARTS
    assert {name: digest for name, digest in found.items() if not name.endswith(".root")} == by_jobs
