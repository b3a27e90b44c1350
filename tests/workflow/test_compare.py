"""A run beside last month's: what is planned, what reruns, and that the gate ends it after its page."""

import json
import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from jetsmith.sources import mock
from tests import tiny

from .conftest import ROOT, Project

pytestmark = pytest.mark.workflow
AGAIN = {"compare", "report", "verdict", "all"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny run with stored scores alone, finished, and a copy of its results."""
    folder = tmp_path_factory.mktemp("compared")
    for name in ("Snakefile", "workflow", "scripts", "envs", "profiles"):
        (folder / name).symlink_to(ROOT / name)
    tiny.write_config(folder / "config")
    write_better(folder / "a.root")
    project = Project(folder, {})
    for key, value in (
        ("taggers", {"score": "mine"}),
        ("explain", {"enabled": False}),
        ("splits", {"train": 0.05, "validation": 0.05, "calibration": 0.2, "test": 0.7}),
    ):  # nothing is trained: most jets judge, more than 100 of each class
        project.edit_yaml("config.yaml", key, value=value)
    assert project.snakemake("--cores", "1").returncode == 0
    shutil.copytree(folder / "results", folder / "last_month", copy_function=shutil.copy2)
    return project


def write_better(path: Path) -> None:
    """The events of `tiny.write`, with scores that tell b jets from others."""
    tables = []
    for k in range(2):
        table = mock.events(1500, seed=k, first_event=2000 * k)
        rng, jets = np.random.default_rng(k), table["Jet"]
        is_b = ak.flatten(jets.hadronFlavour) == 5
        score = rng.beta(np.where(is_b, 4, 2), np.where(is_b, 2, 4)).astype("float32")
        jets = ak.with_field(jets, ak.unflatten(score, ak.num(jets)), "btagDeepFlavB")
        for name, flavour in (("nBHadrons", 5), ("nCHadrons", 4)):  # else light ones are none
            jets = ak.with_field(jets, ak.values_astype(jets.hadronFlavour == flavour, "int32"), name)
        tables.append(table | {"genWeight": np.ones(len(jets), np.float32), "Jet": jets})
    mock.write(path, tables)


def against(project: Project, **more: object) -> None:
    project.edit_yaml("config.yaml", "compare", value={"against": "last_month", **more})


def test_a_run_is_compared_and_judged(project: Project) -> None:
    """A comparison is made, and what shows it; again where it is gone, or the older run has gone on."""
    against(project)
    assert set(project.planned()) == AGAIN - {"verdict"}
    against(project, fail_if_worse_than=0.3)
    done = project.snakemake("--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((project.folder / "results/comparison/comparison.json").read_text())
    assert [topic["changes"] for topic in found["topics"]] == [[]] * 6
    assert found["gate"]["status"] == "passed", found["gate"]
    verdict = json.loads((project.folder / "results/report/verdict.json").read_text())
    assert verdict["comparison/comparison.json"] == "passed"
    assert "Compared with last_month" in (project.folder / "results/report/index.html").read_text()
    assert project.planned() == {}
    done = project.snakemake("--report", "report.html")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (project.folder / "report.html").read_text()
    shown = {path.stem for path in (project.folder / "results/comparison/plots").glob("*.png")}
    assert shown
    for name in ("index", *shown):  # page and figures of the comparison are in Snakemake's own report
        assert f'"shown": "{name}"' in page
    made = project.folder / "results/comparison"
    made.rename(project.folder / "away")  # as a killed job leaves it: nothing else would ask for it
    assert set(project.planned()) == AGAIN
    (project.folder / "away").rename(made)
    ledger = project.folder / "last_month/.jetsmith/made.jsonl"
    ledger.write_text(ledger.read_text() + '{"file": "gone", "made": null}\n')
    assert set(project.planned()) == AGAIN


def test_no_run_to_compare_with(project: Project) -> None:
    """A target that asks for a comparison, and a folder that is none: said before any job."""
    project.edit_yaml("config.yaml", "compare", value=None)
    done = project.snakemake("-n", "results/comparison")
    assert "the run is compared with no other; give `compare: {against: …}`" in done.stdout + done.stderr
    against(project, against="config")
    done = project.snakemake("-n")
    assert done.returncode != 0
    assert "compare.against: config: is no results folder" in done.stdout + done.stderr


def test_what_is_worse_ends_the_run_after_its_page(project: Project) -> None:
    """A feature that tells nothing as the score: the page is there and says so, the verdict is not."""
    project.edit_yaml("taggers/score.yaml", "inputs", value={"ak4": ["jetAbsEta"]})
    column = {"column": "jetAbsEta", "valid": [0, None], "not_tagged": [-1, 0]}
    project.edit_yaml("taggers/score.yaml", "architecture", value=column)
    against(project, fail_if_worse_than=0.02)
    done = project.snakemake("--cores", "1")
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "lose more than 2% of their rejection" in text, text
    assert "Compared with last_month" in (project.folder / "results/report/index.html").read_text()
    assert not (project.folder / "results/report/verdict.json").exists()
