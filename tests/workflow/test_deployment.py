"""A user's configuration stands in its own folder; the checkout is used from elsewhere, or as a module."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jetsmith.sources import mock

from .conftest import PARTS, ROOT, job_table

pytestmark = pytest.mark.workflow
MODULE = """
configfile: "config/config.yaml"


module jetsmith:
    snakefile:
        {snakefile}
    config:
        config


use rule * from jetsmith as flavour_*
"""
CATALOGUE = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
TRIGGERS = CATALOGUE["mandatory-flags"]["flags"].split()
HOSTED = 'github("somebody/jetsmith", path="workflow/Snakefile", tag="{tag}")'
RUN = {
    "seed": 1,
    "selection": {"ak4": {"pt_min_gev": 30}},
    "samples": {"jets": {"datasets": ["mine"]}},
    "taggers": {"own": "jets"},
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
        "config": RUN, "datasets": {"mine": entry}, "features/mine": group, "taggers/own": tagger
    }.items():  # fmt: skip
        (tmp_path / "config" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    """The project as a repository with the tags v1, which is this one, and v2, another; Snakemake's
    `github(…)` clones it."""
    at = tmp_path_factory.mktemp("hosted")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, at / part)

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@here"]
        done = subprocess.run(["git", *identity, *arguments], cwd=at, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    (at / ".gitignore").write_text("__pycache__\n")
    git("init", "-q")
    for tag in ("v1", "v2"):
        git("add", ".")
        git("commit", "-qm", tag)
        git("tag", tag)
        (at / "workflow/jetsmith/errors.py").write_text("# another version\n")
    environment = {
        "XDG_CACHE_HOME": str(at / "cache"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{at}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/somebody/jetsmith",
    }
    return environment, git("rev-parse", "v1")


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Snakemake in a folder, with nothing of the checkout in the environment."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def call(folder: Path, *arguments: str, **environment: str) -> str:
    """The same, which has to end well; what it prints."""
    done = start(folder, *arguments, **environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_folder_of_its_own(folder):
    """The checkout's Snakefile, called from a user's folder: its entries count before the checkout's."""
    planned = job_table(call(folder, "--snakefile", f"{ROOT}/Snakefile", "-n"))
    assert {planned[rule] for rule in ("inspect", "skim", "train", "report")} == {1}


def test_used_as_a_module(folder):
    """`module: snakefile:` with rules of other names: run, planned, and finished for the next dry run."""
    (folder / "Snakefile").write_text(MODULE.format(snakefile=f'"{ROOT}/Snakefile"'))
    call(folder, "--cores", "1", "--", "results/inspect/mine.json")
    assert (folder / "results/.jetsmith/made.jsonl").is_file()
    planned = job_table(call(folder, "-n"))
    assert "flavour_inspect" not in planned
    assert planned["flavour_train"] == 1
    (folder / "config/datasets.yaml").write_text("mine: {object: ak4, process: ttbar, files: [b.root]}\n")
    refused = start(folder, "-n")
    assert "datasets.yaml:1" in refused.stdout + refused.stderr


def test_used_as_a_hosted_module(folder, hosted):
    """`github(…)`: scripts and package come from Snakemake's clone, at the commit of the tag; its jobs run,
    and the next dry run knows their results."""
    environment, commit = hosted
    (folder / "Snakefile").write_text(MODULE.format(snakefile=HOSTED.format(tag="v1")))
    call(folder, "--cores", "1", "--", "results/inspect/mine.json", **environment)
    assert [path.name for path in (folder / ".snakemake/jetsmith-checkouts").iterdir()] == [commit]
    planned = job_table(call(folder, "-n", *TRIGGERS, **environment))
    assert "flavour_inspect" not in planned
    assert planned["flavour_skim"] == planned["flavour_train"] == 1


def test_a_hosted_module_of_another_version(folder, hosted):
    """Plugins of ours have imported the installed package: the workflow would plan with one version and run
    jobs of another."""
    (folder / "Snakefile").write_text(MODULE.format(snakefile=HOSTED.format(tag="v2")))
    refused = start(folder, "-n", **hosted[0])
    assert refused.returncode
    assert "install that of the same version" in refused.stdout + refused.stderr
