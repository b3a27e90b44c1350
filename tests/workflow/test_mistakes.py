"""What the dry run lets pass also ends well: mistakes of all kinds on a tiny sample, to the report."""

import itertools
import json
import os
import random
import subprocess
import sys

import pytest

from jetsmith.configuration.exact_yaml import read
from jetsmith.configuration.load import load
from jetsmith.errors import ConfigError
from tests import tiny

from .conftest import ROOT, copy_project

pytestmark = pytest.mark.workflow
N_RUNS = 6
# What only the files can tell: the job that finds out says so, in a message without a traceback.
OF_CONTENT = ("hlt", "pt_min_gev", "abseta_max", "working_points", "calibration", "truth")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The tiny configuration and its file."""
    project = copy_project(tmp_path_factory.mktemp("tiny"))
    for path in (project.folder / "config").rglob("*.yaml"):
        path.unlink()
    tiny.write(project.folder)
    return project


def _pass(folder, seed):
    """Places of the mistakes that the configuration lets pass, in an order that the seed gives."""
    mutations = tiny.mutations()
    for index in random.Random(seed).sample(range(len(mutations)), len(mutations)):
        mutation = mutations[index]
        (folder / "config" / mutation.file).write_text(tiny.mutated(mutation))
        try:
            load(read(folder / "config/config.yaml").content | {"data_root": str(folder)}, folder / "config")
            yield index
        except ConfigError:
            continue
        finally:
            tiny.write_config(folder / "config")


def test_what_passes_ends_well(project):
    """Mistakes chosen by a fixed seed; each run goes from the ROOT file to the report."""
    chosen = list(itertools.islice(_pass(project.folder, seed=9), N_RUNS))
    places = f"{project.folder / 'workflow'}{os.pathsep}{ROOT}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.workflow.in_process", str(project.folder)]
        + [str(index) for index in chosen],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": places, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=1000,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(found) == N_RUNS, done.stdout + done.stderr
    for run in found:
        is_said = any(word in run["mistake"] for word in OF_CONTENT) and "error: " in run["said"]
        assert run["ended"] or (is_said and "Traceback" not in run["said"]), run


def test_digests_count_what_jobs_call(project):
    """Each function of the package that a stage called, in any thread, is one whose edit reruns the stage.

    A run with a tagger that reads the scores of two others and is scanned, and with an ensemble: each of
    their rules is made, and read. A network is trained with several weights of a loss.
    """
    tiny.write_config(project.folder / "config")
    tiny.add_stacked(project.folder / "config")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.workflow.in_process", str(project.folder), "missed"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'workflow'}{os.pathsep}{ROOT}", "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=1000,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    rules = {"inspect", "skim", "pack", "pack_rows", "train", "train_fold", "stack", "score", "calibrate"}
    rules |= {"promote_both_1", "retrain", "choose", "assemble", "plot_scan", "plot_members", "bundle"}
    rules |= {"explain", "ablate", "plot_importance", "plot_ablation", "plot_dependence"}
    rules |= {"train_network", "scan_losses", "plot_loss_scan"}
    assert rules | {"plot_roc", "report"} <= found.keys()
    assert {rule: missed for rule, missed in found.items() if missed} == {}
    results = project.folder / "results"
    assert {path.name for path in (results / "models").glob("[!.]*")} == {
        "both",
        "both.scan",
        "left",
        "left.loss_scan",
        "mean",
        "mean.members",
        "score",
        "trees",
        "trees.folds",
        "trees.without",
    }
    assert {path.name for path in (results / "packed/mine/test").glob("*")} == {
        "rows",
        "ak4",
        "score",
        "trees",
    }
    meta = json.loads((results / "packed/mine/train/trees/meta.json").read_text())
    assert meta["models"] == 2
    assert meta["rows"]["out_of_fold"] > 0


def test_the_dry_run_says_it(project):
    """The same messages through Snakemake itself: one a call, with file and line, and nothing planned."""
    chosen = random.Random(3).sample([m for m in tiny.mutations() if m.kind in ("double", "no number")], 3)
    for mutation in chosen:
        path = project.folder / "config" / mutation.file
        path.write_text(tiny.mutated(mutation))
        done = project.snakemake("-n")
        tiny.write_config(project.folder / "config")
        said = done.stdout + done.stderr
        assert done.returncode != 0
        assert f"{mutation.file}:" in said
        assert str(mutation.keys[-1]) in said
        assert "Traceback" not in said
        assert "Job stats" not in said
