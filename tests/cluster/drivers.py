"""Snakemakes that submit, and runs that mostly wait, so that other tests work meanwhile."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from tests.cluster import systems

ROOT = systems.ROOT
TINY = ROOT / "tests/cluster/tiny.yaml"
FAULTS = ROOT / "tests/cluster/faults.smk"
HELD_S = 4  # a held job waits so long for its release


class Driver:
    """A Snakemake that submits to a batch system; what it prints is in `driver.log` of its folder.

    Args:
        system: Where to.
        folder: Its working folder.
        arguments: Of Snakemake, after the profile of the project.
    """

    def __init__(
        self, system: systems.System, folder: Path, *arguments: str, profile: Path | None = None
    ) -> None:
        self.system, self.folder = system, folder
        # It dies with the test, however that ends, and heeds Ctrl-C although tests in the background do not.
        command = ["env", "--default-signal=INT", "setpriv", "--pdeathsig", "KILL"]
        command += [sys.executable, "-m", "snakemake"]
        command += ["--profile", str(profile or ROOT / "profiles" / system.name)]
        command += ["--seconds-between-status-checks", "1", "--latency-wait", "15", *arguments]
        with (folder / "driver.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=system.environment() | {"PYTHONPATH": str(ROOT / "workflow")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def text(self) -> str:
        """What it has printed, and drivers of this folder before it."""
        return (self.folder / "driver.log").read_text(errors="replace")

    def kill(self) -> None:
        """As kill -9 does; its jobs stay."""
        self.process.kill()
        self.process.wait()

    def wait(self, timeout_s: float = 900) -> int:
        """Its exit code."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"no end after {timeout_s} s:\n{self.text[-6000:]}\n{self.system.log()}"
            ) from None


def wait_for(
    condition: Callable[[], object], what: str, timeout_s: float = 300, every_s: float = 0.2
) -> None:
    """Until a condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for: {what}"
        time.sleep(every_s)


class Faults:
    """A driver of faults.smk with an operator who interferes."""

    def __init__(self, system: systems.System, folder: Path) -> None:
        self.system, self.folder = system, folder
        profile = yaml.safe_load((ROOT / "profiles" / system.name / "profile.yaml").read_text())
        profile.setdefault("default-resources", {}).update(
            slurm_account="flavour", accounting_group="flavour"
        )
        profile["set-threads"] = {"asks": 3}
        profile["set-resources"] = {
            "asks": {
                "mem_mb": "700 * attempt", "runtime": "7 * attempt", "disk_mb": 3000, "gpu": 1,
                "slurm_partition": "gpu", "slurm_extra": "'--tmp=3000M'",
            }
        }  # fmt: skip
        # Snakemake looks for it here or beside the Snakefile, and faults.smk has none.
        shutil.copytree(ROOT / "profiles/default", folder / "profiles/default")
        (folder / "site").mkdir()
        (folder / "site/profile.yaml").write_text(yaml.safe_dump(profile))
        self.driver = Driver(
            system,
            folder,
            *("--snakefile", str(FAULTS), "--retries", "1"),
            *(f"--jetsmith-{system.name}-held-timeout", str(HELD_S)),
            profile=folder / "site",
        )
        self._operator = threading.Thread(target=self._interfere)
        self._operator.start()

    def _interfere(self) -> None:
        self._when_running("cancelled", self.system.cancel)
        if isinstance(self.system, systems.HTCondor):
            self._when_running("held", self.system.hold)
            self._when_running("node", lambda number: self._crash("node"))
        else:
            self._when_running("node", lambda number: self._crash("n3"))
            wait_for(lambda: "submitted without it" in self.driver.text, "no other node is there")
            self.system.revive("slurmd", "-N", "n3")

    def _when_running(self, rule: str, deed) -> None:
        def mine():
            return [
                job for job in self.system.jobs_of(self.folder) if job.rule == rule and job.state == "RUNNING"
            ]

        wait_for(mine, f"{self.system.name}: {rule} runs", every_s=1)
        time.sleep(4)  # into the command itself
        deed(mine()[0].id)

    def _crash(self, what: str) -> None:
        (self.folder / "crashed").touch()
        self.system.crash(what)

    def result(self) -> int:
        """Exit code of the driver."""
        self._operator.join()
        return self.driver.wait()


class WholeRun:
    """Every stage on a batch system; the driver is killed in mid-run, and a second one takes over.

    Attributes:
        jobs: What the batch system has on record of it.
        exit_code: Of the second driver.
        text: What both have printed.
        nothing_to_do: A dry run afterwards, and what was printed up to its end.
    """

    def __init__(self, system: systems.System, folder: Path) -> None:
        self.system, self.folder = system, folder
        arguments = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", str(TINY))
        first = Driver(system, folder, *arguments)
        wait_for(self._in_the_middle, "nine jobs have ended, and others are at work", 400, every_s=0.05)
        first.kill()
        at_work = {job.id for job in system.jobs_of(folder) if job.state in systems.ACTIVE}
        assert at_work
        # One ends while nobody looks.
        wait_for(lambda: at_work & {job.id for job in self._ended()}, "an end")
        second = Driver(system, folder, *arguments)
        self.exit_code, self.text = second.wait(), second.text
        self.jobs = system.jobs_of(folder)
        self.nothing_to_do = Driver(system, folder, *arguments, "-n")
        self.nothing_to_do.wait()

    def _ended(self) -> list[systems.BatchJob]:
        return [job for job in self.system.jobs_of(self.folder) if job.state == "COMPLETED"]

    def _in_the_middle(self) -> bool:
        # Not while it submits: a job that is in no ledger yet is cancelled and submitted again.
        quiet_s = time.time() - (self.folder / "driver.log").stat().st_mtime
        active = [job for job in self.system.jobs_of(self.folder) if job.state in systems.ACTIVE]
        return len(self._ended()) >= 9 and len(active) >= 2 and quiet_s > 0.4


class Training:
    """The training of a finished run once more; it freezes at its first checkpoint, up to its walltime."""

    def __init__(self, system: systems.System, folder: Path) -> None:
        self.system, self.folder = system, folder
        self.model = folder / "results/models/deepcsv"
        self.reference = folder / "reference"
        self.model.rename(self.reference)
        self.driver = Driver(
            system,
            folder,
            *("--snakefile", str(ROOT / "Snakefile"), "--configfile", str(TINY), "--retries", "1"),
            *(
                "--set-resources",
                "train_network:runtime=2 * attempt - 1",
                "--",
                str(self.model.relative_to(folder)),
            ),
        )
        self.frozen_at = 0
        self._thread = threading.Thread(target=self._freeze)
        self._thread.start()

    def _freeze(self) -> None:
        checkpoint = self.model.with_name("deepcsv.partial") / "checkpoint.npz"
        wait_for(checkpoint.exists, "the first checkpoint", every_s=0.01)
        for process in self.system.processes("train.py"):
            if process.environ().get("PWD") == str(self.folder) or process.cwd() == str(self.folder):
                process.send_signal(signal.SIGSTOP)
        with np.load(checkpoint) as found:
            self.frozen_at = len(json.loads(str(found["history"])))

    def result(self) -> int:
        """Exit code of the driver."""
        self._thread.join()
        return self.driver.wait()
