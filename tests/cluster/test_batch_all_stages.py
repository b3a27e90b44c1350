"""The whole workflow on a real Slurm and a real HTCondor, with a driver that is killed.

What mostly waits (failures, walltimes) is started here, too, and looked at in test_batch_failures.py.
"""

import re
import signal
from collections import Counter

import numpy as np
import pytest

from jetsmith import io
from jetsmith.batch.common import run_name
from jetsmith.sealed.made import Ledger
from tests.cluster.drivers import ROOT, TINY, Driver, wait_for
from tests.cluster.systems import ACTIVE
from tests.workflow.conftest import job_table

pytestmark = [pytest.mark.cluster, pytest.mark.alone]
BOTH = ("slurm", "htcondor")


def test_the_whole_workflow(whole_run, request):
    """Every rule instance is one batch job that ended well, although the driver was killed in mid-run; the
    feature groups of a partition are one together, and so are the figures of a tagger or a sample."""
    name = whole_run.system.name
    assert whole_run.exit_code == 0, whole_run.text[-6000:]
    assert {(job.state, job.exit_code) for job in whole_run.jobs} == {("COMPLETED", 0)}
    # The table of the first driver; `all` has no job of its own.
    planned = Counter(job_table(whole_run.text))
    together = Counter(job.rule for job in whole_run.jobs if job.rule.startswith("features."))
    datasets = {"ttbar": 2, "zjets_power": 1, "zjets_dipole": 1}
    assert together == {
        f"features.{d}.{part:03d}_features": 1 for d, n in datasets.items() for part in range(n)
    }
    assert planned.pop("features") > len(together)
    figures = Counter(job.rule for job in whole_run.jobs if job.rule.startswith("plots."))
    assert set(figures.values()) == {1}
    n_figures = [planned.pop(rule) for rule in list(planned) if rule.startswith("plot_")]
    assert sum(n_figures) > 2 * len(figures)
    jobs = Counter(job.rule for job in whole_run.jobs)
    assert jobs - together - figures + Counter(["all"]) == planned
    assert re.search(
        rf"jetsmith-{name} job \d+ \(rule [\w.]+\) of the killed run (ended|goes on)", whole_run.text
    )
    again = whole_run.nothing_to_do
    assert again.process.returncode == 0
    assert again.text.rstrip().endswith(
        "Nothing to be done (all requested files are present and up to date)."
    )
    # What ended while nobody looked has its record, too: a change of its parameters would be seen.
    assert "missing provenance" not in again.text
    request.getfixturevalue(f"{name}_training")  # it waits most of its time, so it begins here


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


def test_what_is_edited_while_a_job_waits(slurm, tmp_path):
    """The job stops, since it would make something else than was planned; put back, its next attempt runs.

    Protects: a result of an edited configuration that counts as one of the planned configuration for ever.
    """
    planned = TINY.read_text()
    config = tmp_path / "tiny.yaml"
    config.write_text(planned)
    target = "results/simulated/ttbar/000.root"
    driver = Driver(
        slurm, tmp_path, "--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config),
        "--retries", "1", "--default-resources", "slurm_extra='--begin=now+8'", "--", target,
    )  # fmt: skip
    wait_for(lambda: slurm.jobs_of(tmp_path), "a job in the queue")
    config.write_text(planned.replace("simulation_scale: 0.03", "simulation_scale: 0.02"))
    wait_for(lambda: "edited since this job was planned" in driver.text, "the job's refusal", 120)
    assert "planned: scale=0.03; now: scale=0.02" in driver.text
    assert not (tmp_path / target).exists()
    config.write_text(planned)
    assert driver.wait(180) == 0, driver.text[-4000:]
    made_from = Ledger(tmp_path / "results").get(target.removeprefix("results/"))
    assert made_from is not None
    assert "scale=0.03" in made_from.params


def test_the_same_results(slurm_run, htcondor_run):
    """Rows and features agree to the byte; scores to rounding, since the systems' C libraries differ here."""
    slurm, htcondor = (run.folder / "results" for run in (slurm_run, htcondor_run))
    paths = [
        path.relative_to(slurm)
        for pattern in ("skim/*/*.parquet", "features/*/*/*.parquet")
        for path in slurm.glob(pattern)
    ]
    assert len(paths) == 16
    for path in paths:
        assert (slurm / path).read_bytes() == (htcondor / path).read_bytes(), path
    scores = [io.read_rows(folder / "scores/deepcsv/jets.parquet") for folder in (slurm, htcondor)]
    one, other = (np.asarray(rows["p_b_or_lepb"]) for rows in scores)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
