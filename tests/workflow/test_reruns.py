"""What an edit reruns, by `snakemake -n` on a finished run: no less and no more than what depends on it."""

import ast
import hashlib
import os
import shutil
import time
from dataclasses import replace

import correctionlib
import numpy as np
import pytest
import yaml

from jetsmith import io
from jetsmith.event_weights import LearnedEfficiencies
from jetsmith.handed.measurement import Measurement

from .conftest import copy_project, job_table

pytestmark = pytest.mark.workflow

PLOTS = {
    "plot_roc",
    "plot_fractions",
    "plot_discriminant",
    "plot_confusion",
    "plot_efficiency",
    "plot_dependence",
    "plot_sculpting",
    "plot_importance",
    "plot_reweighting",
    "plot_closure",
    "plot_systematic",
    "plot_training",
    "plot_features",
    "plot_shifts",
}


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
    assert set(edited.planned()) == PLOTS | {"publish", "report", "verdict", "all"}


def test_a_colour_retrains_nothing(edited):
    """Nor does a title or a label of a feature: plots and the page."""
    edited.edit_yaml("flavours.yaml", "b_jets", "color", value="#123456")
    edited.edit_yaml("taggers/deepcsv.yaml", "title", value="Another")
    edited.edit_yaml("features/event.yaml", "features", "z_pt", "label", value="Z")
    planned = set(edited.planned())
    assert planned <= PLOTS | {"publish", "report", "verdict", "all"}
    assert {"plot_roc", "plot_training", "plot_reweighting"} <= planned


def test_a_cross_section_reads_nothing_again(edited):
    """Nor do the bins in which efficiencies are quoted; bundles carry these along."""
    edited.edit_yaml("config.yaml", "selection", "ak4", "pt_bins_gev", value=[30, 100, 1000])
    assert set(edited.planned()) <= PLOTS | {"calibrate", "bundle", "publish", "report", "verdict", "all"}
    edited.edit_yaml("datasets.yaml", "ttbar", "generator", value="other")
    planned = edited.planned()
    assert planned["pack_rows"] == 1
    assert "pack" not in planned
    assert not set(planned) & {"simulate", "inspect", "skim", "account", "features"}


def test_what_a_failed_closure_means_is_the_verdicts_alone(edited):
    """Whether the run goes on: no test of weights is made again; the page shows the configuration."""
    edited.edit_yaml("config.yaml", "closure", "allow_failed_closure", value=False)
    assert set(edited.planned()) == {"report", "verdict", "all"}


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
        "pack_rows",
        "weights",
        "closure",
    }


def test_trees_on_a_gpu_have_a_rule_of_their_own(edited):
    """It asks for a GPU, and no other training does, whatever the profile."""
    edited.edit_yaml("taggers/cmva.yaml", "architecture", "device", value="cuda")
    planned = edited.planned()
    assert planned["train_cuda"] == planned["score"] == 1
    assert not set(planned) & {"train", "train_network", "pack"}
    assert edited.snakemake("-n").stdout.count("gpu=1") == 1


def test_a_group_reruns_those_that_read_it(edited):
    """Charged candidates are DeepJet's alone: nobody else is trained again, and no rows are packed."""
    edited.edit_yaml("features/charged.yaml", "length", value=7)
    planned = edited.planned()
    assert planned["features"] == 3  # partitions of ttbar and qcd
    assert planned["pack"] == planned["train_network"] == planned["score"] == planned["check"] == 1
    assert not set(planned) & {"simulate", "inspect", "skim", "account", "pack_rows", "weights", "closure"}


def test_a_group_that_nobody_reads_makes_nothing(edited):
    """Nor does a feature of one, nor a preset."""
    group = (edited.folder / "config/features/charged.yaml").read_text()
    path = edited.folder / "config/features/muons.yaml"
    path.write_text(group)
    try:
        assert edited.planned() == {}
    finally:
        path.unlink()


def test_a_tagger_that_others_begin_to_read_stays_what_it_is(edited):
    """Its model and its scores are there; what is made are models without a part of the events."""
    path = edited.folder / "config/taggers/mine.yaml"
    content = yaml.safe_load((edited.folder / "config/taggers/cmva.yaml").read_text())
    path.write_text(yaml.safe_dump(content | {"title": "Mine", "inputs": {"cmva": "all", "ak4": ["JP"]}}))
    edited.edit_yaml("config.yaml", "taggers", "mine", value="jets")
    try:
        planned = edited.planned()
    finally:
        path.unlink()
    assert planned["train_fold"] == 2
    assert planned["stack"] == planned["train"] == planned["score"] == planned["check"] == 1
    assert not set(planned) & {"simulate", "inspect", "skim", "account", "features", "pack", "pack_rows"}


def test_a_scan_trains_its_points_alone(edited):
    """Two trainings of one tagger, the choice, and what shows it; no other tagger."""
    edited.edit_yaml("taggers/cmva.yaml", "scan", value={"over": {"architecture.max_depth": [3, 5]}})
    planned = edited.planned()
    assert planned["train"] == 2
    assert planned["choose"] == planned["score"] == planned["calibrate"] == planned["plot_scan"] == 1
    assert not set(planned) & {"simulate", "inspect", "skim", "features", "pack", "check", "train_network"}


def test_a_plane_is_made_beside_the_rest(edited):
    """Two-dimensional points of finished taggers: a job and a figure, and corrections that are valid."""
    for name, background, judged in (
        ("CvsL", {"udsg": 1.0}, "light_jets"),
        ("CvsB", {"b_or_lepb": 1.0, "bb": 1.0}, "b_jets"),
    ):
        evaluation = {"signal": "c_jets", "backgrounds": [judged]}
        asked = {"signal": ["c"], "background": background, "evaluation": evaluation}
        edited.edit_yaml("taggers/deepcsv.yaml", "discriminants", name, value=asked)
    plane = {"judgements": ["deepcsv_CvsL", "deepcsv_CvsB"], "points": {"L": [0.5, 0.4]}}
    edited.edit_yaml("config.yaml", "calibration", "planes", value={"charm": plane})
    made = [edited.folder / "results" / name for name in ("calibration/charm.json", "plots/plane/charm.png")]
    targets = [str(path.relative_to(edited.folder)) for path in made]
    done = edited.snakemake("--cores", "2", *targets)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(job_table(done.stdout + done.stderr)) == {"calibrate_plane", "plot_plane"}
        corrections = correctionlib.CorrectionSet.from_file(str(made[0]))
        cuts = [corrections["charm_wp_values"].evaluate("L", name) for name in ("CvsL", "CvsB")]
        assert 0 < min(cuts) < max(cuts) < 1
        assert all(0 < corrections["charm_eff"].evaluate("L", code, 0.5, 60.0) < 1 for code in (4, 0, 5))
        # Of a network of three epochs nothing is known but what its cuts were asked to let pass.
        found = io.read_json(made[0].with_suffix(".numbers.json"))["working_points"]["L"]["efficiencies"]
        for name, asked in (("light_jets", 0.5), ("b_jets", 0.4)):
            error = (found[name]["high"] - found[name]["low"]) / 2
            assert abs(found[name]["value"] - asked) < 4 * np.hypot(
                error, 1.3 * error
            )  # fewer jets fix the cuts
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def test_a_measurement_and_resilience_are_made_beside_the_rest(edited):
    """Scale factors with a finished tagger: its scores on two more samples, the fits and their figure.

    Resilience and data beside simulation likewise, by the same scores: none trains anything again.
    """
    for name, dataset in (("measured", "qcd"), ("expected", "ttbar")):
        edited.edit_yaml("config.yaml", "samples", name, value={"datasets": [dataset]})
    muons = {"group": "ak4", "feature": "softMuPtRel", "edges": [0, 1, 6]}
    probe = {"judgement": "csvv2", "data": "measured", "simulation": "expected", "variable": muons}
    edited.edit_yaml("config.yaml", "scale_factors", value={"probe": probe | {"pt_bins_gev": [31, 1000]}})
    tried = {"shifts": {"other jets": "expected"}, "taggers": ["csvv2"], "jets": 1000}
    edited.edit_yaml("config.yaml", "resilience", value={"jets": tried})
    pair = {"judgements": ["csvv2"], "data": "measured", "simulation": ["expected"]}
    edited.edit_yaml("config.yaml", "commissioning", value={"pair": pair})
    names = (
        "plots/commissioning/pair/discriminants.png",
        "plots/commissioning/pair/ak4.png",
        "scale_factors/probe.json",
        "plots/fits/probe.png",
        "moves/csvv2.json",
        "plots/resilience/jets/b_jets_vs_light_jets.png",
    )
    made = [edited.folder / "results" / name for name in names]
    targets = [str(path.relative_to(edited.folder)) for path in made]
    done = edited.snakemake("--cores", "2", *targets)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        jobs = {"pack", "pack_rows", "score", "measure", "plot_fits", "perturb", "plot_resilience"}
        jobs |= {"check", "plot_commissioning"}  # of the tagger in two more samples
        assert set(job_table(done.stdout + done.stderr)) == jobs
        cells = [io.read_json(path.with_suffix(".json"))["cells"] for path in made[:2]]
        assert [cell["feature"] for cell in cells[0]] == ["csvv2"]
        assert all(cell["n_data"] > 0 and not cell["why"] for of in cells for cell in of)
        found = io.read_record(Measurement, made[2], measurement="probe")
        assert found.is_pseudo
        for point in found.points:  # few jets, of which a bin may have none
            assert found.points[point][0].n_data > 0
            assert (point in found.complete) == (found.why_not(point) == "")
        shown = io.read_json(made[-1].with_suffix(".json"))
        assert shown["shifts"] == ["other jets", "random moves", "adversarial moves"]
        assert [change["change"] is not None for change in shown["taggers"][0]["changes"]] == [True] * 3
    finally:
        for path in made:
            path.unlink(missing_ok=True)
        for sample in ("measured", "expected"):
            shutil.rmtree(edited.folder / "results/packed" / sample, ignore_errors=True)
            for path in (edited.folder / "results/scores/csvv2").glob(f"{sample}.*"):
                path.unlink()


def test_learned_efficiencies_are_made_beside_the_rest(edited):
    """By the scores that are there: networks, a file that an analysis reads, and a figure."""
    by_jet = {"judgement": "csvv2", "features": {"ak4": ["jet_pt", "npv"]}, "closes_in": {"ak4": ["nsv"]}}
    quick = {"members": 2, "epochs": 1, "hidden": [4]}
    edited.edit_yaml("config.yaml", "learned_efficiencies", value={"by_jet": by_jet | quick})
    made = [edited.folder / "results" / name for name in ("learned/by_jet.onnx", "plots/learned/by_jet.png")]
    done = edited.snakemake("--cores", "2", *(str(path.relative_to(edited.folder)) for path in made))
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(job_table(done.stdout + done.stderr)) == {"learn", "plot_learned"}
        learned = LearnedEfficiencies(made[0], allow_failed_closure=True)
        efficiency = learned(
            [[5], [0, 0]], {"ak4": {"jet_pt": [[50.0], [60, 70]], "npv": [[20.0], [20, 20]]}}
        )
        (first, *_) = efficiency.efficiency.values()
        assert first.to_list()[0][0] <= 1
    finally:
        for path in (*made, made[0].with_suffix(".json")):
            path.unlink(missing_ok=True)


def test_comment_reruns_nothing(edited):
    """A comment is no logic."""
    path = edited.folder / "workflow" / "jetsmith" / "skimming" / "partition.py"
    path.write_text("# a remark\n" + path.read_text())
    assert edited.planned() == {}


def edit_function(path, name):
    """Another statement in a function."""
    lines = path.read_text().splitlines()
    (function,) = [n for n in ast.parse("\n".join(lines)).body if getattr(n, "name", "") == name]
    lines.insert(function.body[-1].lineno - 1, "    pass")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("module", "function", "first", "spared"),
    [
        ("packed/pack", "pack_group", "pack", {"simulate", "inspect", "skim", "features", "pack_rows"}),
        ("packed/pack_rows", "pack_rows", "pack_rows", {"simulate", "inspect", "skim", "features", "pack"}),
        ("calibration/stage", "calibrate", "calibrate", {"train", "score", "weights", "closure"}),
        ("models/deepjet", "build", "train_network", {"pack", "train", "weights", "closure"}),
        ("plots/roc", "compute", "plot_roc", {"calibrate", "train", "plot_discriminant"}),
        ("features/derived", "derive", "features", {"simulate", "skim", "check"}),
    ],
)
def test_logic_reruns_its_stages(edited, module, function, first, spared):
    """Edited logic reruns the stages that reach it, and not those left of them."""
    edit_function(edited.folder / "workflow" / "jetsmith" / f"{module}.py", function)
    planned = edited.planned()
    assert first in planned
    assert not set(planned) & spared
    if module == "models/deepjet":
        assert planned["train_network"] == 1


def test_what_no_stage_reaches_reruns_nothing(edited):
    """A new function, the wording of a description, how often progress is written."""
    package = edited.folder / "workflow" / "jetsmith"
    for name, old, new in (
        ("io/parquet", "\n\n\ndef ", "\n\n\ndef new():\n    return 1\n\n\ndef "),
        ("specs/datasets", "Collision data:", "Measured data:"),
        ("progress", "\n\n\n", "\n\nANOTHER = 1\n\n\n"),
    ):
        path = package / f"{name}.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))
    assert edited.planned() == {}


def test_a_derived_column_reruns_nothing(edited):
    """An entry that no feature asks for, its formula; a transform, a process or a detector without users."""
    package = edited.folder / "workflow" / "jetsmith"
    for name, line, new in (
        (
            "derivations/of_jets",
            '    "n_muons": jet(',
            '    "more": jet("", "one more", "more", "jet_pt_gev"),\n',
        ),
        ("simulation/processes", '    "ttbar": Process(', '    "more": Process((), False, ""),\n'),
        ("simulation/parameters", '    "nominal": Detector(),', '    "more": Detector(1.0),\n'),
        ("features/summaries", "def count(", "def more(values):\n    return values\n\n\n"),
        ("features/transforms", "def log(", "def more(values):\n    return values\n\n\n"),
    ):
        path = package / f"{name}.py"
        assert path.read_text().count(line) == 1
        path.write_text(path.read_text().replace(line, new + line))
    assert edited.planned() == {}


def test_a_formula_remakes_the_groups_that_call_it(edited):
    """The hardest lepton is a column of ak4's features: three partitions, and what reads them."""
    edit_function(edited.folder / "workflow" / "jetsmith" / "features" / "summaries.py", "of_hardest")
    planned = edited.planned()
    assert planned["features"] == 3
    assert not set(planned) & {"simulate", "inspect", "check", "skim", "account", "pack_rows", "weights"}


def test_a_plot_reruns_no_other(edited):
    """A module and a line: nothing of what is there runs again but the page, which shows the new figures."""
    package = edited.folder / "workflow" / "jetsmith"
    text = (package / "plots" / "discriminant.py").read_text()
    (package / "plots" / "again.py").write_text(text.replace("plot_discriminant", "plot_again"))
    path = package / "plots" / "__init__.py"
    line = '    "efficiency": About('
    path.write_text(path.read_text().replace(line, '    "again": About("judgement"),\n' + line))
    assert set(edited.planned()) == {"plot_again", "report", "verdict", "all"}


def test_a_layout_reruns_its_own_datasets(edited):
    """The demo is PFNano: PHYSLITE is none of its business."""
    package = edited.folder / "workflow" / "jetsmith" / "sources"
    edit_function(package / "physlite.py", "rows")
    assert edited.planned() == {}
    edit_function(package / "pfnano.py", "rows")
    assert {"inspect", "skim"} <= set(edited.planned())


def test_an_option_of_the_plots_reruns_plots(edited):
    """A new field of their style: neither a skim nor a training."""
    path = edited.folder / "workflow" / "jetsmith" / "specs" / "plots.py"
    path.write_text(path.read_text().rstrip() + '\n    grid: bool = Field(False, description="Lines.")\n')
    assert set(edited.planned()) == PLOTS | {"publish", "report", "verdict", "all"}


REPRODUCIBLE = (
    "skim/zjets_power/000.parquet",
    "features/zjets_power/000/event.parquet",
    "models/pythia_shower/fold0/model.json",
    "weights/pythia_shower/zjets_power.parquet",
)


def test_same_config_same_bytes(finished, tmp_path):
    """The same configuration in another place gives the same skim, features, trees and weights.

    From the same files: that a seed gives the same events is tested where they are simulated.
    """
    again = replace(copy_project(tmp_path / "again"), config=finished.config)
    for kept in (".jetsmith", "simulated"):
        shutil.copytree(finished.folder / "results" / kept, again.folder / "results" / kept)
    done = again.snakemake("--cores", "2", f"results/{REPRODUCIBLE[-1]}")  # and all that it is made of
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    for name in REPRODUCIBLE:
        first, second = (
            hashlib.sha256((project.folder / "results" / name).read_bytes()).hexdigest()
            for project in (finished, again)
        )
        assert first == second, name
