"""On a batch system the feature groups of a partition are one job, which asks for what one of them needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, copy_project

pytestmark = pytest.mark.workflow
PROFILES = sorted(path.parent.name for path in (ROOT / "profiles").glob("*/profile.yaml"))


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "default"])
def test_batch_jobs_do_not_multiply_by_groups(tmp_path: Path, profile: str) -> None:
    """A job a partition; memory and threads of one group, the time of all, since they run one by one."""
    project = copy_project(tmp_path / "project").folder
    path = project / "profiles" / profile / "profile.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "tests.workflow.in_process", project, "grouped", path],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    one = {"threads": 1, "mem_mb": 4000}
    expected = {f"features.ttbar.{part:03d}": {"jobs": 5, "runtime": 100, **one} for part in range(2)}
    expected["features.qcd.000"] = {"jobs": 5, "runtime": 100, **one}
    for name in ("higgs_bb", "qcd_boosted", "zjets_power", "zjets_dipole"):
        expected[f"features.{name}.000"] = {"jobs": 2, "runtime": 40, **one}
    assert found == expected
