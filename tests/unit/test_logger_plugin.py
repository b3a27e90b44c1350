"""The estimate of a run's rest: from jobs of the same rule, at as many at a time as so far."""

import pytest
from snakemake_interface_common.exceptions import WorkflowError

from snakemake_logger_plugin_jetsmith import Estimate, read_first


def test_rest_of_one_rule():
    """Two of four jobs took 10 s each, one after the other: 20 s are left."""
    estimate = Estimate({"skim": 4}, start=0)
    assert estimate.rest_s(1) is None
    for job in range(2):
        estimate.begin(job, "skim", 10.0 * job)
        estimate.end(job, 10.0 * (job + 1))
    assert abs(estimate.rest_s(20.0) - 20) < 1e-9


def test_parallel_jobs_halve_it():
    """Two at a time: half the time."""
    estimate = Estimate({"skim": 4}, start=0)
    for job in range(2):
        estimate.begin(job, "skim", 0.0)
    for job in range(2):
        estimate.end(job, 10.0)
    assert abs(estimate.rest_s(10.0) - 10) < 1e-9


def test_running_jobs_count():
    """Half of a running job is done; an unknown rule counts as a typical one."""
    estimate = Estimate({"skim": 2, "train": 1}, start=0)
    estimate.begin(0, "skim", 0.0)
    estimate.end(0, 10.0)
    estimate.begin(1, "skim", 10.0)
    assert abs(estimate.rest_s(15.0) - 15) < 1e-9


def test_jobs_that_wait_in_a_queue():
    """Ten were submitted at once, and one every 10 s comes to its end: five more take 50 s."""
    estimate = Estimate({"skim": 10}, start=0)
    for job in range(10):
        estimate.begin(job, "skim", 0.0)
    for job in range(5):
        estimate.end(job, 10.0 * (job + 1))
    assert abs(estimate.rest_s(50.0) - 50) < 1e-9


def test_files_of_the_run_are_read_first(tmp_path):
    """Before Snakemake does, which dies of some; `--config` is none of them."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("seed: 1\n")
    bad.write_text("seed: 1\nseed: 2\n")
    read_first(["-n", "--configfile", str(good), "--config", f"title={bad}", "--cores", "1"])
    read_first(["-n", "--config", str(bad)])
    for option in ("--configfile", "--configfiles"):
        with pytest.raises(WorkflowError, match=r"bad.yaml:2: key `seed` is given twice"):
            read_first(["-n", option, str(good), str(bad), "--cores", "1"])


def test_a_target_behind_configfile_is_named(tmp_path):
    """Snakemake takes it for one more file of the run, as it does all words up to the next option."""
    good = tmp_path / "good.yaml"
    good.write_text("seed: 1\n")
    for target in ("results/plots/roc/a/b.pdf", "report"):
        with pytest.raises(WorkflowError, match=f"{target}: cannot be read: .*if this is a target, put it"):
            read_first(["-n", "--configfile", str(good), target])
        with pytest.raises(WorkflowError, match=r"cannot be read: [^;]*$"):
            read_first(["-n", "--configfile", target])
        read_first(["-n", target, "--configfile", str(good)])
        read_first(["-n", "--configfile", str(good), "--", target])
