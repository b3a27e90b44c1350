"""What goes wrong on a real Slurm and a real HTCondor: named, cured where that can be, and never a hang."""

import re

import pytest

from jetsmith import io
from tests.cluster.systems import ACTIVE
from tests.workflow.conftest import job_table

pytestmark = [pytest.mark.cluster, pytest.mark.alone]
# What the driver says of the first attempt of each rule of faults.smk.
REASONS = {
    "slurm": {
        "asks": "FAILED.*its command failed",
        "memory": "FAILED.*it used more than its mem_mb",
        "walltime": "TIMEOUT.*it ran longer than its runtime",
        "cancelled": "CANCELLED.*someone cancelled it",
        "held": "HELD.*nobody released it",
        "node": "NODE_FAIL.*its node went down.*node n3.*with --exclude=n3.*no attempt",
        "hopeless": "FAILED.*its command failed",
        # Slurm has two names for it: which of its schedulers looked first decides.
        "too_long": r"NEVER_STARTS \(Partition(TimeLimit|Config)\): what it asks for does not fit",
    },
    "htcondor": {
        "asks": "ExitCode 1",
        "memory": "memory usage exceeded request_memory",
        "walltime": "ran longer than its runtime of 1 min|allowed",
        "cancelled": "removed/aborted",
        "held": "via condor_hold",
        "hopeless": "ExitCode 1",
    },
}


def test_failures(system, faults):
    """Each is named with rule, number, reason and log; what can be cured is, and the rest ends."""
    found = faults[system.name]
    assert found.result() == 1
    text = found.driver.text
    for rule, reason in REASONS[system.name].items():
        (message, logs, number) = re.search(
            rf"Error in rule {rule}:\n +message: (.*)\n(?:.*\n)*? +log: (.*) \(check.*\n"
            r"(?:.*\n)*? +external_jobid: (\S+)",
            text,
        ).groups()
        assert re.search(reason, message), (rule, message)
        assert rule in message
        assert (
            f"job {number} " in message or f"Cluster ID {number} " in message or f"job {number}:" in message
        )
        never_ran = system.name == "slurm" and rule in ("held", "too_long")
        assert never_ran or all((found.folder / log).exists() for log in logs.split(", ")), (rule, logs)
    failed = {rule for rule in job_table(text) if not (found.folder / f"{rule}.txt").exists()}
    assert failed == {"all", "hopeless"}
    assert "no way" in text  # the log of the rule itself
    left = [job for job in system.jobs_of(found.folder) if job.state in (*ACTIVE, "HELD")]
    assert not left


def test_resources(system, faults):
    """What a profile asks for arrives, and grows with the attempt."""
    found = faults[system.name]
    found.result()
    asked = [job.asked for job in system.jobs_of(found.folder) if job.rule == "asks"]
    assert [(a["cpus"], a["mem_mb"], a["runtime"], a["gpu"]) for a in asked] == [
        (3, 700, 7, 1),
        (3, 1400, 14, 1),
    ]
    assert {a["account"] for a in asked} == {"flavour"}
    assert {round(a["disk_mb"] / 100) for a in asked} == {30}
    if system.name == "slurm":
        assert {a["partition"] for a in asked} == {"gpu"}
        lost = [job.asked for job in system.jobs_of(found.folder) if job.rule == "node"]
        assert len(lost) > 1
        assert {(a["mem_mb"], a["runtime"]) for a in lost} == {(500, 5)}  # it was not the job's fault
    else:
        assert [a["allowed_s"] for a in asked] == [420, 840]


def test_training_goes_on_after_its_walltime(training):
    """The second attempt continues the first, and the network is that of an uninterrupted training."""
    assert training.result() == 0, training.driver.text[-6000:]
    assert 0 < training.frozen_at < 30
    log = (training.folder / "results/logs/train/deepcsv.log").read_text()
    assert "going on in" in log
    first, second = (io.read_json(path / "history.json") for path in (training.reference, training.model))
    assert [row["validation_loss"] for row in first] == [row["validation_loss"] for row in second]
    jobs = [job for job in training.system.jobs_of(training.folder) if job.rule == "train_network"]
    interrupted = {"slurm": "TIMEOUT", "htcondor": "CANCELLED"}  # HTCondor holds, and then removes
    assert [job.state for job in jobs[-2:]] == [interrupted[training.system.name], "COMPLETED"]
