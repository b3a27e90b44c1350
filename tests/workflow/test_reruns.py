"""What an edit reruns, by `snakemake -n` on a finished run: no less and no more than what depends on it."""

import hashlib
import os
import time

import pytest

from .conftest import copy_project

pytestmark = pytest.mark.workflow

PLOTS = {"plot_roc", "plot_discriminant", "plot_efficiency", "plot_reweighting", "plot_training"}


def test_touched_files_rerun_nothing(edited):
    """A new checkout gives every file a new time, and nothing else."""
    later = time.time() + 100
    for part in ("Snakefile", "workflow", "scripts", "config", "profiles"):
        for path in [edited.folder / part, *(edited.folder / part).rglob("*")]:
            os.utime(path, (later, later))
    assert edited.planned() == {}


def test_plot_style_reruns_plots_alone(edited):
    """Another label: plots and the page that shows them."""
    edited.edit_yaml("config.yaml", "plots", value={"label": "Work in progress"})
    assert set(edited.planned()) == PLOTS | {"report", "all"}


def test_a_colour_retrains_nothing(edited):
    """Nor does a title or a label of a feature: plots and the page."""
    edited.edit_yaml("flavours.yaml", "b_jets", "color", value="#123456")
    edited.edit_yaml("taggers/deepcsv.yaml", "title", value="Another")
    edited.edit_yaml("features/event.yaml", "features", "z_pt", "label", value="Z")
    planned = set(edited.planned())
    assert planned <= PLOTS | {"report", "all"}
    assert {"plot_roc", "plot_training", "plot_reweighting"} <= planned


def test_a_cross_section_reads_nothing_again(edited):
    """Nor do the bins in which efficiencies are quoted."""
    edited.edit_yaml("config.yaml", "selection", "ak4", "pt_bins_gev", value=[30, 100, 1000])
    assert set(edited.planned()) <= PLOTS | {"calibrate", "report", "all"}
    edited.edit_yaml("datasets.yaml", "ttbar", "generator", value="other")
    planned = edited.planned()
    assert planned["pack"] == 1
    assert not set(planned) & {"simulate", "inspect", "skim", "account", "features"}


def test_one_tagger_retrains_alone(edited):
    """One tagger's config: its training, its scores and what shows them."""
    edited.edit_yaml("taggers/cmva.yaml", "training", "epochs", value=7)
    planned = edited.planned()
    assert planned["train"] == planned["score"] == planned["calibrate"] == 1
    assert not set(planned) & {
        "simulate",
        "inspect",
        "skim",
        "account",
        "features",
        "pack",
        "weights",
        "closure",
    }


def test_comment_reruns_nothing(edited):
    """A comment is no logic."""
    path = edited.folder / "workflow" / "jetsmith" / "skim.py"
    path.write_text("# a remark\n" + path.read_text())
    assert edited.planned() == {}


@pytest.mark.parametrize(
    ("module", "first", "spared"),
    [
        ("pack", "pack", {"simulate", "inspect", "skim", "features"}),
        ("calibration/stage", "calibrate", {"train", "score", "weights", "closure"}),
        ("models/deepjet", "train", {"pack", "weights", "closure"}),
        ("plots/roc", "plot_roc", {"calibrate", "train", "plot_discriminant"}),
        ("features/derived", "features", {"simulate", "skim"}),
    ],
)
def test_module_reruns_its_stages(edited, module, first, spared):
    """Edited logic reruns the stages that import it, and not those left of them."""
    path = edited.folder / "workflow" / "jetsmith" / f"{module}.py"
    path.write_text(path.read_text() + "\nANOTHER = 1\n")
    planned = edited.planned()
    assert first in planned
    assert not set(planned) & spared
    if module == "models/deepjet":
        assert planned["train"] == 1


REPRODUCIBLE = (
    "skim/ttbar/000.parquet",
    "features/ttbar/000.parquet",
    "models/cmva/model.json",
    "weights/pythia_shower/zjets_power.parquet",
)


def test_same_config_same_bytes(finished, tmp_path):
    """The same configuration in another place gives the same skim, features, BDT and weights."""
    again = copy_project(tmp_path / "again")
    targets = [f"results/{name}" for name in REPRODUCIBLE if not name.startswith("models")]
    done = again.snakemake("--cores", "2", *targets, "results/models/cmva")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    for name in REPRODUCIBLE:
        first, second = (
            hashlib.sha256((project.folder / "results" / name).read_bytes()).hexdigest()
            for project in (finished, again)
        )
        assert first == second, name
