"""Bad input ends with one clear message and a non-zero exit; nothing is half-written."""

import time

import numpy as np
import pytest
import uproot

from .conftest import copy_project

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("bad"))


def _empty(path):
    path.write_bytes(b"")


def _text(path):
    path.write_text("this is no ROOT file\n" * 100)


def _foreign(path):
    with uproot.recreate(path) as file:
        file.mktree("Other", {"x": "float64"}).extend({"x": np.arange(3.0)})


def _truncated(path):
    with uproot.recreate(path) as file:
        file.mktree("Events", {"event": "uint64"}).extend({"event": np.arange(100_000, dtype=np.uint64)})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _no_jets(path):
    with uproot.recreate(path) as file:
        file.mktree("Events", {"event": "uint64"}).extend({"event": np.arange(3, dtype=np.uint64)})


BAD = {
    "empty": (_empty, ["empty", "bad.root"]),
    "text": (_text, ["bad.root"]),
    "foreign": (_foreign, ["bad.root", "Events"]),
    "truncated": (_truncated, ["bad.root", "truncated"]),
    "no_jets": (_no_jets, ["bad.root", "no known layout", "`nanoaod`: it lacks one of Jet_pt"]),
}


@pytest.fixture(scope="module")
def inspected(project, tmp_path_factory):
    """What one run says that inspects a dataset of each bad file."""
    folder = tmp_path_factory.mktemp("files")
    paths = [project.folder / "config" / name for name in ("datasets.yaml", "config.yaml")]
    before = [path.read_text() for path in paths]
    for name, (make, _) in BAD.items():
        (folder / name).mkdir()
        make(folder / name / "bad.root")
        entry = {"object": "ak4", "process": "ttbar", "files": [str(folder / name / "bad.root")]}
        project.edit_yaml("datasets.yaml", f"bad_{name}", value=entry)
        project.edit_yaml("config.yaml", "samples", f"of_{name}", value={"datasets": [f"bad_{name}"]})
    wanted = [f"results/inspect/bad_{name}.json" for name in BAD]
    done = project.snakemake("--cores", "2", "--keep-going", *wanted)
    for path, text in zip(paths, before, strict=True):
        path.write_text(text)
    return done


@pytest.mark.parametrize("name", BAD)
def test_bad_files(project, inspected, name):
    """At inspect, before any long job; the message names the file."""
    assert inspected.returncode != 0
    assert "Traceback" not in inspected.stderr
    log = (project.folder / "results/logs/inspect" / f"bad_{name}.log").read_text()
    (message,) = [line for line in log.splitlines() if line.startswith("error: ")]
    assert message in inspected.stderr
    for word in (f"{name}/bad.root", *BAD[name][1]):
        assert word in message
    assert not (project.folder / "results" / "inspect" / f"bad_{name}.json").exists()


def test_unknown_names_in_targets(project):
    """Without a traceback, without a plan: with the choices. The same where a Dask driver makes the parts."""
    wanted = {
        "results/skim/tbar/000.parquet": "the run has no dataset `tbar`; did you mean `ttbar`",
        "results/skim/ttbar/999.parquet": "dataset `ttbar` has no partition `999`; it has 2, 000 to 001",
        "results/packed/jet/test/rows": "the run has no sample `jet`",
        "results/models/b": "the run has no classifier `b`",
        "results/calibration/b.json": "the run has no tagger `b`",
        "results/closure/b.json": "the run has no reweighter `b`",
        "results/plots/roc/jets/qcd.png": "sample `jets` has no contrast `qcd`",
        "results/plots/roc_curves/jets/b_jets_vs_c_jets.png": "the run has no plot `roc_curves`",
    }
    for skim in ("{backend: jobs}", "{backend: dask}"):
        done = project.snakemake("-n", *wanted, skim=skim)
        said = done.stdout + done.stderr
        assert done.returncode != 0
        for target, words in wanted.items():
            assert f"target: {target}: {words}" in said
        assert "KeyError" not in said
        assert "Job stats" not in said


def test_config_error_in_the_dry_run(project):
    """At `snakemake -n`, in one message without a traceback."""
    path = project.folder / "config" / "taggers" / "deepcsv.yaml"
    before = path.read_text()
    path.write_text(before.replace("backend: keras", "backend: kears"))
    start = time.monotonic()
    done = project.snakemake("-n")
    seconds = time.monotonic() - start
    path.write_text(before)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "deepcsv.yaml" in said
    assert "kears" in said
    assert "Traceback" not in said
    assert seconds < 30  # a hang, not a speed, is what this catches; the speed is quoted in the README
