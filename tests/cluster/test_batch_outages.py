"""The scheduler is away for a while: what is ready meanwhile waits, and its attempts stay."""

import shutil

import pytest

from tests.cluster import systems
from tests.cluster.drivers import ROOT, Driver, wait_for
from tests.requirements import require

pytestmark = [pytest.mark.cluster, pytest.mark.alone]
SNAKEFILE = """
rule all:
    input: "later.txt"
rule first:
    output: "first.txt"
    localrule: True
    shell: "touch begun; until [ -e away ]; do sleep 0.1; done; echo done > {output}"
rule later:
    input: "first.txt"
    output: "later.txt"
    resources:
        mem_mb=lambda wildcards, attempt: 300 * attempt,
        runtime=5,
    shell: "echo done > {output}"
"""


@pytest.mark.parametrize("kind", [systems.Slurm, systems.HTCondor])
def test_the_scheduler_is_away(kind, tmp_path):
    """One line says that it takes no jobs; the job is submitted when it is back, as at first, and once."""
    require(systems.missing())
    shutil.copytree(ROOT / "profiles/default", tmp_path / "profiles/default")
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    with kind() as system:  # of its own: others do not expect that
        driver = Driver(system, tmp_path, "--retries", "0", "--snakefile", "Snakefile")
        wait_for((tmp_path / "begun").exists, "the driver is at work", 60)
        with system.away():
            (tmp_path / "away").touch()
            wait_for(lambda: "takes no jobs" in driver.text, "it is said", 90)
        assert driver.wait(120) == 0, driver.text[-4000:]
        (job,) = system.jobs_of(tmp_path)
        assert (job.state, job.asked["mem_mb"]) == ("COMPLETED", 300)
    assert driver.text.count("takes no jobs") == 1
    assert "takes jobs again" in driver.text
    assert "Error in rule" not in driver.text


class FewJobs(systems.HTCondor):
    """It takes one job of an owner at a time."""

    def configure(self) -> str:
        script = super().configure()
        with (self.folder / "condor_config").open("a") as file:
            file.write("MAX_JOBS_PER_OWNER = 1\n")
        return script


def test_more_jobs_than_are_taken(tmp_path):
    """They wait until others have ended, and none has failed."""
    require(systems.missing())
    shutil.copytree(ROOT / "profiles/default", tmp_path / "profiles/default")
    (tmp_path / "Snakefile").write_text(
        'rule all:\n    input: expand("{n}.txt", n=range(3))\n'
        'rule one:\n    output: "{n}.txt"\n    resources: mem_mb=300, runtime=5\n'
        '    shell: "echo > {output}"\n'
    )
    with FewJobs() as system:
        driver = Driver(system, tmp_path, "--retries", "0", "--snakefile", "Snakefile")
        assert driver.wait(120) == 0, driver.text[-4000:]
        assert [job.state for job in system.jobs_of(tmp_path)] == 3 * ["COMPLETED"]
    assert "HTCondor takes no jobs" in driver.text
    assert "Error in rule" not in driver.text
