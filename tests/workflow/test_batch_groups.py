"""On a batch system the feature groups of a partition are one job, which asks for what one of them needs."""

import json
import subprocess
import sys

import pytest

from .conftest import ROOT, copy_project

pytestmark = pytest.mark.workflow
PROFILES = sorted({path.parent.name for path in (ROOT / "profiles").glob("*/profile.yaml")} - {"default"})


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """The groups of each profile but the default, planned in one process."""
    project = copy_project(tmp_path_factory.mktemp("grouped")).folder
    paths = [str(project / "profiles" / profile / "profile.yaml") for profile in PROFILES]
    done = subprocess.run(
        [sys.executable, "-m", "tests.workflow.in_process", str(project), "grouped", *paths],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return dict(zip(PROFILES, found, strict=True))


@pytest.mark.parametrize("profile", PROFILES)
def test_batch_jobs_do_not_multiply_by_groups(grouped: dict[str, object], profile: str) -> None:
    """A job a partition; memory and threads of one group, the time of all, since they run one by one."""
    one = {"threads": 1, "mem_mb": 4000}
    expected = {f"features.ttbar.{part:03d}": {"jobs": 5, "runtime": 100, **one} for part in range(2)}
    expected["features.qcd.000"] = {"jobs": 5, "runtime": 100, **one}
    for name in ("higgs_bb", "qcd_boosted", "zjets_power", "zjets_dipole"):
        expected[f"features.{name}.000"] = {"jobs": 2, "runtime": 40, **one}
    found = grouped[profile]
    assert {name: of for name, of in found.items() if not name.startswith("plots.")} == expected
    # Discriminant, confusion, efficiency, dependence, importance, training.
    assert found["plots.deepcsv"] == {"jobs": 6, "runtime": 120, "threads": 1, "mem_mb": 2000}
    names = {"jets", "fat_jets", "zjets", "deepcsv", "double_b", "pythia_shower"}
    assert {f"plots.{name}" for name in names} <= set(found)
