"""Stage look in a run: what another time of a file reruns, and what another content."""

import os

import pytest
import yaml

from tests.unit.lhe_files import document, event, write

from .conftest import copy_project

pytestmark = pytest.mark.workflow
TARGETS = ["results/skim/mine.json", "results/inspect/mine.looked.json"]


def test_a_touched_file_reruns_the_look_alone(tmp_path):
    """One digit of one weight, at the same size: the look stops, and the next run skims again."""
    project = copy_project(tmp_path / "project")
    entry = {"object": "event", "process": "zjets", "generator": "one", "files": ["a.lhe"]}
    (project.folder / "config/datasets.yaml").write_text(yaml.safe_dump({"mine": entry}))
    run = {"seed": 1, "samples": {"mine": {"datasets": ["mine"]}}}
    (project.folder / "config/mine.yaml").write_text(yaml.safe_dump(run))
    path = project.folder / "a.lhe"
    call = ["--configfile", "config/mine.yaml", "--", *TARGETS]
    write(path, document([event(weight=1.0), event(weight=2.0)]))

    def done():
        return project.snakemake("--cores", "1", *call)

    def planned():
        return project.planned(*call)

    project.config.pop("simulation_scale", None)
    first = done()
    assert first.returncode == 0, first.stderr[-5000:]
    assert planned() == {}
    os.utime(path, (1, 1))
    assert planned() == {"look": 1}
    alone = ["-n", "--configfile", "config/mine.yaml", "--", TARGETS[0]]
    said = project.snakemake(*alone)
    assert "Nothing to be done" in said.stdout + said.stderr
    assert "dataset mine: 1 files were changed, or touched, since they were looked at" in said.stderr
    # However it is written, what belongs to the call decides; -R inspect reads the files anyway.
    without = (["--", f"./{TARGETS[0]}"], ["--until", "inspect"], ["--", "report"])
    looking = (["--", *TARGETS], ["--", TARGETS[1]], ["-R", "inspect", "--", TARGETS[0]], [])
    for ways in (*without, *looking):
        said = project.snakemake("-n", *call[:2], *ways)
        assert said.returncode == 0, said.stderr
        assert ("dataset mine: 1 files were changed" in said.stderr) == (ways in without), ways
    assert done().returncode == 0
    assert planned() == {}
    assert "looked at" not in project.snakemake(*alone).stderr
    size = path.stat().st_size
    write(path, document([event(weight=1.0), event(weight=3.0)]))
    assert path.stat().st_size == size
    assert planned() == {"look": 1}
    stopped = done()
    assert stopped.returncode != 0
    assert "dataset mine: 1 files are not what inspect saw" in stopped.stderr
    assert planned() == {"inspect": 1, "look": 1, "skim": 1, "account": 1}
    # Who asks for rows alone gets new ones, too.
    assert project.planned("--configfile", "config/mine.yaml", "--", TARGETS[0]) == {
        "inspect": 1, "skim": 1, "account": 1,
    }  # fmt: skip
    assert done().returncode == 0
    assert planned() == {}
