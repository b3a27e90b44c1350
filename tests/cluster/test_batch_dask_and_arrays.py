"""Other ways of work on real daemons: Dask workers as batch jobs, arrays, no shared file system."""

import os
import re
import shutil
import sys
from collections import Counter

import pytest

from jetsmith import io
from tests.cluster.drivers import TINY, Driver, wait_for
from tests.workflow.conftest import copy_project, mock_project

pytestmark = [pytest.mark.cluster, pytest.mark.alone]
TARGET = "results/skim/mock.json"
N_PARTS = 60
# In an array; 200 went through in 6 minutes on 2 cores.
N_ARRAY = int(os.environ.get("JETSMITH_ARRAY", "10"))
OPTIONS = {
    "slurm": {"memory": "900MB", "queue": "main", "walltime": "00:20:00"},
    "htcondor": {
        "memory": "900MB", "disk": "200MB", "job_extra_directives": {"getenv": "PATH, HOME, CONDOR_CONFIG"},
    },
}  # fmt: skip


def start(system, project, *arguments, **skim):
    """A driver for the account of the dataset."""
    project.edit_yaml("mine.yaml", "skim", value=skim)
    return Driver(system, project.folder, "--configfile", "config/mine.yaml", *arguments, "--", TARGET)


def account(project):
    """The account of a complete skim."""
    found = io.read_json(project.folder / TARGET)
    assert found["n_events"] == found["n_entries"] > 0
    return found


@pytest.fixture(scope="module")
def array(slurm, tmp_path_factory):
    """A project whose partitions are tasks of arrays, fewer at a time than there are, and its driver."""
    project = mock_project(tmp_path_factory.mktemp("array"), N_ARRAY, 50)
    options = ("--jetsmith-slurm-array-jobs", "skim", "--jobs", str(N_ARRAY // 2 + 1))
    yield project, (driver := start(slurm, project, *options))
    driver.kill()


@pytest.fixture(scope="module")
def transfer(htcondor, tmp_path_factory):
    """A project whose jobs see nothing of it but what HTCondor carries, and its driver."""
    project = copy_project(tmp_path_factory.mktemp("transfer") / "project")
    shutil.copy(TINY, project.folder / "config/tiny.yaml")
    yield project, (driver := transferring(htcondor, project, "results/models/pythia_shower"))
    driver.kill()


def transferring(htcondor, project, target):
    """A driver with the profile that has no shared file system."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JETSMITH_PYTHON", sys.executable)
        return Driver(
            htcondor, project.folder, "--configfile", "config/tiny.yaml", "--retries", "0", "--", target,
            profile=project.folder / "profiles/htcondor-transfer",
        )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def at_work(array, transfer):
    """Both from the first test on: they mostly wait."""


def test_dask_workers_are_batch_jobs(system, tmp_path):
    """The driver is a job that submits workers; one is cancelled in mid-run; complete, nothing is left."""
    project = mock_project(tmp_path, N_PARTS, 400)
    options = OPTIONS[system.name] | {
        "log_directory": str(tmp_path),
        "local_directory": str(tmp_path),
        "scheduler_options": {"host": "127.0.0.1", "dashboard_address": ":0"},
    }
    kind = {"slurm": "SLURMCluster", "htcondor": "HTCondorCluster"}[system.name]
    before = {job.id for job in system.jobs()}
    driver = start(
        system,
        project,
        backend="dask",
        dask={"cluster": f"dask_jobqueue.{kind}", "options": options, "minimum": 2, "maximum": 2},
    )

    def workers(*states):
        mine = {job.id for job in system.jobs_of(project.folder)}
        new = [
            job for job in system.jobs() if job.id not in before | mine and not job.run.startswith("jetsmith")
        ]
        return [job for job in new if not states or job.state in states]

    staged = project.folder / "results/skim/mock"
    wait_for(lambda: len(list(staged.glob(".dask-*/*.report.json"))) >= 5, "five partitions", every_s=0.05)
    victim = workers("RUNNING")[0].id
    system.cancel(victim)
    assert driver.wait() == 0, driver.text[-6000:]
    assert account(project)["n_entries"] == 400 * N_PARTS
    states = {job.id: job.state for job in workers()}
    assert states[victim] == "CANCELLED"
    assert len(states) >= 2
    wait_for(lambda: not workers("PENDING", "RUNNING"), "the workers are gone", timeout_s=30)


def test_an_array_of_many_partitions(slurm, array):
    """Tasks of arrays, with fewer at a time than there are: none is lost, and all is accounted for."""
    project, driver = array
    assert driver.wait() == 0, driver.text[-6000:]
    assert account(project)["n_entries"] == 50 * N_ARRAY
    jobs = [job for job in slurm.jobs_of(project.folder) if job.rule == "skim"]
    assert Counter(job.state for job in jobs) == {"COMPLETED": N_ARRAY}
    in_arrays = [job for job in jobs if "_" in job.id]
    assert len(in_arrays) >= N_ARRAY // 2


def test_without_a_shared_file_system(htcondor, transfer):
    """HTCondor carries sources, inputs and results, also folders; a job that fails says why."""
    project, driver = transfer
    assert driver.wait() == 0, driver.text[-6000:]
    made = Counter(job.rule for job in htcondor.jobs_of(project.folder) if job.state == "COMPLETED")
    assert made == {"simulate": 2, "inspect": 2, "check": 1, "skim": 2, "account": 2} | {
        "features.zjets_power.000_features": 1, "features.zjets_dipole.000_features": 1,
        "pack_rows": 1, "pack": 1, "train": 1,
    }  # fmt: skip
    assert io.read_json(project.folder / "results/models/pythia_shower/meta.json")["rows"]

    (project.folder / "scripts/score.py").write_text("raise SystemExit('error: made to fail')\n")
    driver = transferring(htcondor, project, "results/scores/pythia_shower/zjets.parquet")
    assert driver.wait() == 1
    assert re.search("its command failed with exit code 1.*It said: made to fail", driver.text)
