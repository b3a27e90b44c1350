"""Stage check, a file a classifier and sample: for which of them a training waits, and when all come up."""

import re
import shutil

import pytest

from jetsmith.sources import mock
from tests import tiny

from .conftest import Project, copy_project

pytestmark = pytest.mark.workflow
SCORES = [f"results/scores/trees/{sample}.parquet" for sample in ("mine", "again")]
CHECKS = [f"results/inspect/check/trees/{sample}.json" for sample in ("mine", "again")]


@pytest.fixture(scope="module")
def judged_on(tmp_path_factory):
    """A tagger with its scores, before it is judged on another sample."""
    project = copy_project(tmp_path_factory.mktemp("checks"))
    for path in (project.folder / "config").rglob("*.yaml"):
        path.unlink()
    tiny.write(project.folder)
    entry = tiny.FILES["datasets.yaml"]["jets"]
    project.edit_yaml("datasets.yaml", "jets", "files", value=["a.root"])
    project.edit_yaml("datasets.yaml", "others", value=entry | {"files": ["others.root"]})
    write_others(project)
    done = project.snakemake("--cores", "1", SCORES[0])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    project.edit_yaml("config.yaml", "samples", "again", value={"datasets": ["others"], "folds": 0})
    project.edit_yaml("config.yaml", "judged_on", value={"trees": ["again"]})
    return project


def write_others(project: Project, n_events: int = 700, without: str = "") -> None:
    """The file of the other sample."""
    table = mock.events(n_events, seed=9, first_event=90_000)
    jets = table["Jet"][[name for name in table["Jet"].fields if name != without]]
    mock.write(project.folder / "others.root", [table | {"Jet": jets}])


def test_a_further_sample_trains_nothing(judged_on):
    """Neither when it is added nor when what its files hold changes; its own sample's check does train."""
    planned = judged_on.planned(*SCORES)
    assert planned["check"] == planned["score"] == planned["inspect"] == planned["skim"] == 1
    assert "train" not in planned
    done = judged_on.snakemake("--cores", "1", *CHECKS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert judged_on.planned(*CHECKS) == {}
    write_others(judged_on, 800)
    planned = judged_on.planned(*SCORES)
    assert planned["check"] == planned["inspect"] == 1
    assert "train" not in planned
    own = judged_on.folder / CHECKS[0]
    content = own.read_bytes()
    own.write_bytes(content.replace(b'"columns"', b'"other"'))  # not the file that the training waited for
    try:
        planned = judged_on.planned(*SCORES)
    finally:
        own.write_bytes(content)
    assert planned["train"] == 1
    assert planned["check"] == planned["score"] == 2


def test_what_a_further_sample_lacks_comes_up_before_the_long_stages(judged_on, tmp_path):
    """On one core, in a run from the start: before any skim. The tagger is trained, and not scored there."""
    left_out = shutil.ignore_patterns("results", ".snakemake")
    folder = shutil.copytree(judged_on.folder, tmp_path / "fresh", ignore=left_out)
    fresh = Project(folder, judged_on.config)
    write_others(fresh, without="btagDeepFlavB")
    jobs = re.findall(r"^rule (\w+):\n((?:    .+\n)+)", fresh.snakemake("-n", *SCORES).stdout, re.M)
    assert {rule for rule, about in jobs if "    priority: 100\n" in about} == {"inspect", "check"}
    done = fresh.snakemake("--cores", "1", *SCORES)
    assert done.returncode != 0
    begun = re.findall(r"^(?:local)?rule (\w+):|(trees cannot read dataset others)", done.stderr, re.M)
    order = list(dict.fromkeys(rule or "refused" for rule, _ in begun))
    assert order[:4] == ["inspect", "check", "refused", "skim"]
    assert [(fresh.folder / path).is_file() for path in (*CHECKS, *SCORES)] == [True, False, True, False]
