"""lifeline: a job ends with its driver, however many processes stand between them; a batch job does not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jetsmith import lifeline

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd: jobs go on to their end")

JOB = """
import os, time
from jetsmith import lifeline
lifeline.follow()
print(os.getpid(), flush=True)
time.sleep(60)
"""
DRIVER = f"""
import subprocess, sys, time
from jetsmith import lifeline
lifeline.announce()
{{further}}
subprocess.Popen(["sh", "-c", '"$0" -c "$1"; true', sys.executable, {JOB!r}])
time.sleep(60)
"""


def job_of_a_killed_driver(further=""):
    """The number of a job that a driver has started behind a shell; the driver is killed then."""
    code = DRIVER.format(further=further)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        job = int(driver.stdout.readline())
        time.sleep(0.3)
        assert is_alive(job)
        driver.send_signal(signal.SIGKILL)
    return job


def is_alive(pid):
    """Whether it runs: it may be gone before its state is opened, or while it is read."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_job_ends_with_a_killed_driver():
    """Long before its own end, although a shell stands between, which nobody killed."""
    job = job_of_a_killed_driver()
    limit = time.monotonic() + 50
    while is_alive(job) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not is_alive(job)


def test_batch_job_outlives_it():
    """The next driver takes it over: it must not end with the one that submitted it."""
    job = job_of_a_killed_driver("lifeline.let_go()")
    time.sleep(1)
    assert is_alive(job)
    os.kill(job, signal.SIGKILL)


def test_driver_that_is_gone_already():
    """A job that is slow to start finds no driver, or another process with its number: it ends at once."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    for pid, started in ((done.pid, "1"), (os.getpid(), "1")):
        noted = f"{pid} {started} {lifeline.space()}"
        found = subprocess.run(
            [sys.executable, "-c", JOB], env=os.environ | {lifeline.VARIABLE: noted}, timeout=30
        )
        assert found.returncode == -signal.SIGKILL


@pytest.mark.parametrize("noted", ["", "7", "a b c", "1 1 other-namespace"])
def test_nothing_to_follow(monkeypatch, noted):
    """No driver, or one of another container: nothing happens."""
    monkeypatch.setenv(lifeline.VARIABLE, noted)
    lifeline.follow()
