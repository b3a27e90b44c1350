"""A user's configuration stands in its own folder; the checkout is used from elsewhere, or as a module."""

import subprocess
import sys

import pytest
import yaml

from jetsmith.sources import mock

from .conftest import ROOT, job_table

pytestmark = pytest.mark.workflow
MODULE = f"""
configfile: "config/config.yaml"


module jetsmith:
    snakefile:
        "{ROOT}/Snakefile"
    config:
        config


use rule * from jetsmith as flavour_*
"""
RUN = {
    "seed": 1,
    "selection": {"ak4": {"pt_min_gev": 30}},
    "samples": {"jets": {"datasets": ["mine"]}},
    "taggers": {"mine": "jets"},
}


@pytest.fixture
def folder(tmp_path):
    """A user's folder with a dataset, a feature group and a tagger of its own; the rest is the checkout's."""
    mock.write(tmp_path / "a.root", [mock.events(50, 1)])
    for kind in ("features", "taggers"):
        (tmp_path / "config" / kind).mkdir(parents=True)
    entry = {"object": "ak4", "process": "ttbar", "files": ["a.root"]}
    feature = {"source": "jet_pt_gev", "label": "$p_T$"}
    group = {"object": "ak4", "kind": "flat", "features": {"pt": feature}, "presets": {"all": ["pt"]}}
    tagger = yaml.safe_load((ROOT / "config/taggers/cmva.yaml").read_text()) | {"inputs": {"mine": "all"}}
    for name, content in {
        "config": RUN, "datasets": {"mine": entry}, "features/mine": group, "taggers/mine": tagger
    }.items():  # fmt: skip
        (tmp_path / "config" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def call(folder, *arguments):
    """Snakemake in a folder, with nothing of the checkout in the environment."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_folder_of_its_own(folder):
    """The checkout's Snakefile, called from a user's folder: its entries count before the checkout's."""
    planned = job_table(call(folder, "--snakefile", f"{ROOT}/Snakefile", "-n"))
    assert {planned[rule] for rule in ("inspect", "skim", "train", "report")} == {1}


def test_used_as_a_module(folder):
    """`module: snakefile:` with rules of other names: planned, run, and finished for the next dry run."""
    (folder / "Snakefile").write_text(MODULE)
    assert job_table(call(folder, "-n"))["flavour_train"] == 1
    call(folder, "--cores", "1", "--", "results/inspect/mine.json")
    assert (folder / "results/.jetsmith/made.jsonl").is_file()
    assert job_table(call(folder, "-n", "--", "results/inspect/mine.json")) == {}
    (folder / "config/datasets.yaml").write_text("mine: {object: ak4, process: ttbar, files: [b.root]}\n")
    refused = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n"], cwd=folder, capture_output=True, text=True
    )
    assert "datasets.yaml:1" in refused.stdout + refused.stderr
