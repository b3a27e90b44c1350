"""The whole workflow on a real Slurm and a real HTCondor, with a driver that is killed.

What mostly waits (failures, walltimes) is started here, too, and looked at in test_batch_failures.py.
"""

import re
import signal
import time
from collections import Counter

import numpy as np
import pytest

from jetsmith import io
from jetsmith.batch import run_name
from tests.cluster.drivers import ROOT, TINY, Driver, Training, wait_for
from tests.cluster.systems import ACTIVE
from tests.workflow.conftest import job_table

pytestmark = pytest.mark.cluster
BOTH = ("slurm", "htcondor")


@pytest.mark.parametrize("name", BOTH)
def test_the_whole_workflow(name, request, trainings, faults, tmp_path_factory):
    """Every rule instance is one batch job that ended well, although the driver is killed in mid-run."""
    system = request.getfixturevalue(name)
    folder = tmp_path_factory.mktemp(f"run-{name}")
    arguments = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", str(TINY))

    def states():
        return Counter(job.state for job in system.jobs_of(folder))

    first = Driver(system, folder, *arguments)

    def in_the_middle():
        # Not while it submits: a job that is in no ledger yet is cancelled and submitted again.
        quiet_s = time.time() - (folder / "driver.log").stat().st_mtime
        found = states()
        return found["COMPLETED"] >= 9 and sum(found[s] for s in ACTIVE) >= 2 and quiet_s > 0.4

    wait_for(in_the_middle, "nine jobs have ended, and others are at work", 200, every_s=0.05)
    first.kill()
    at_work = {job.id for job in system.jobs_of(folder) if job.state in ACTIVE}
    assert at_work
    # One ends while nobody looks.
    wait_for(
        lambda: any(job.id in at_work and job.state == "COMPLETED" for job in system.jobs_of(folder)),
        "an end",
    )
    second = Driver(system, folder, *arguments)
    assert second.wait() == 0, second.text[-6000:]

    jobs = system.jobs_of(folder)
    assert {(job.state, job.exit_code) for job in jobs} == {("COMPLETED", 0)}
    # The table of the first driver; `all` has no job of its own.
    assert Counter(job.rule for job in jobs) + Counter(["all"]) == Counter(job_table(second.text))
    assert re.search(rf"jetsmith-{name} job \d+ \(rule \w+\) of the killed run (ended|goes on)", second.text)
    third = Driver(system, folder, *arguments, "-n")
    assert third.wait() == 0
    assert third.text.rstrip().endswith(
        "Nothing to be done (all requested files are present and up to date)."
    )
    # What ended while nobody looked has its record, too: a change of its parameters would be seen.
    assert "missing provenance" not in third.text
    trainings[name] = Training(system, folder)


def test_ctrl_c(system, tmp_path):
    """All jobs of the run are cancelled, also those that are being submitted; those of others are not."""
    driver = Driver(system, tmp_path, "--snakefile", str(ROOT / "Snakefile"), "--configfile", str(TINY))
    wait_for(lambda: system.jobs_of(tmp_path), "jobs in the queue")
    others = {job.id for job in system.jobs() if job.state in ACTIVE and job.run != run_name(tmp_path)}
    driver.process.send_signal(signal.SIGINT)
    assert driver.wait(60) == 1
    wait_for(lambda: not [j for j in system.jobs_of(tmp_path) if j.state in ACTIVE], "an empty queue", 30)
    cancelled = {job.id for job in system.jobs() if job.state == "CANCELLED"}
    assert not others & cancelled


def test_the_same_results(trainings):
    """Rows and features agree to the byte; scores to rounding, since the systems' C libraries differ here."""
    slurm, htcondor = (trainings[name].folder / "results" for name in BOTH)
    paths = [
        path.relative_to(slurm) for kind in ("skim", "features") for path in slurm.glob(f"{kind}/*/*.parquet")
    ]
    assert len(paths) == 12
    for path in paths:
        assert (slurm / path).read_bytes() == (htcondor / path).read_bytes(), path
    scores = [io.read_rows(folder / "scores/deepcsv/jets.parquet") for folder in (slurm, htcondor)]
    one, other = (np.asarray(rows["discriminant"]) for rows in scores)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
