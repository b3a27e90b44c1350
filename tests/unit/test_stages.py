"""What reruns: for every key of the configuration, the stages that get something else when it changes.

The table is reruns.yaml. A key without a line fails, and so does a stage that gets more than it says.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from jetsmith import columns, derivations, stages
from jetsmith.configuration import reference
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.load import load
from jetsmith.configuration.subjects import subjects
from jetsmith.derivations.ways import Derived
from jetsmith.plots import PLOTS
from jetsmith.sealed.made import PAGE, Ledger, Made
from jetsmith.simulation import parameters, processes
from jetsmith.strict import Record

ROOT = Path(__file__).parent.parent.parent
TABLE = yaml.safe_load(Path(__file__).with_name("reruns.yaml").read_text())
LINES = {key: line for key, line in TABLE.items() if line != "absent"}
JUDGED = {"calibrate", "explain", "plot_roc", "plot_discriminant", "plot_efficiency", "plot_dependence"}
SETS = {
    "none": set(),
    "model": {"train", "train_fold", "stack", "score", "bundle", *JUDGED},
    "judged": JUDGED,
    "drawn": JUDGED - {"calibrate", "explain"},
    "inputs": {"plot_importance", "plot_ablation"},
    "described": {"plot_features", "plot_shifts"},
}
Handed = dict[tuple[str, str], Any]
OF_DATASET = (stages.inspect, stages.look, stages.skim, stages.account)
OF_SAMPLE = (stages.pack_rows,)
OF_CLASSIFIER = (stages.score,)
OF_SCORED = (stages.check,)
OF_TRAINED_WITHOUT = (stages.train_fold,)
OF_STACKED = (stages.stack,)
OF_TRAINING = (stages.train,)
OF_SCAN = (stages.choose,)
OF_TAGGER = (stages.calibrate,)
OF_EXPLAINED = (stages.explain,)
OF_MOVED = (stages.perturb,)
OF_PLANE = (stages.calibrate_plane,)
OF_MEASURED = (stages.measure,)
OF_LEARNED = (stages.learn,)
OF_COMBINED = (stages.scale_factors,)
OF_SHAPED = (stages.shape,)
OF_ABLATED = (stages.ablate,)
OF_LOSS_SCANNED = (stages.scan_losses,)
OF_BUNDLED = (stages.bundle,)
OF_BUNDLED_REWEIGHTER = (stages.bundle_reweighter,)
OF_REWEIGHTER = (stages.weights, stages.closure)
OF_CORRECTED = (stages.correction,)
OF_PARAMETRISED = (stages.parameters,)
OF_RUN = (stages.resolution, stages.publish, stages.verdict)
FINISHED = ("last_month", "last_year")  # results folders of finished runs


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's configuration, two datasets of a file each, a class, a scan, an ensemble, a regression.

    A tagger of it is trained without some inputs, another one with several weights of a loss.
    """
    tmp_path: Path = tmp_path_factory.mktemp("stages")
    found = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    set_value(found / "config.yaml", "data_root", str(tmp_path))
    datasets = {
        "mine": ("a.root", {"cross_section_pb": 1.0}),
        "measured": ("b.root", {"is_data": True}),
        "picked": ("c.root", {"leptons": {"channels": ["e", "ee", "emu"]}}),
    }
    for name, (file, more) in datasets.items():
        (tmp_path / file).write_bytes(b'{"1": [[1, 9]]}')
        entry = {"object": "ak4", "process": "p", "files": [file], **more}
        set_value(found / "datasets.yaml", name, entry)
        set_value(found / "config.yaml", f"samples.{name}", {"datasets": [name]})
    set_value(found / "config.yaml", "samples.mine.normalise", "cross_section")
    boson = {"truth": [2504, 2505], "label": "H", "color": "#1f77b4", "flavor": 7}
    set_value(found / "flavours.yaml", "boson", boson)
    shutil.copy(found / "taggers/soft_muon.yaml", found / "taggers/scanned.yaml")
    over = {"training.learning_rate": {"low": 0.1, "high": 0.5, "log": True}}
    scan = {"method": "halving", "points": 9, "over": over}
    set_value(found / "taggers/scanned.yaml", "scan", scan)
    set_value(found / "taggers/scanned.yaml", "title", "Scanned")
    set_value(found / "taggers/scanned.yaml", "inputs.ak4", "csvv2")
    shutil.copy(found / "taggers/soft_muon.yaml", found / "taggers/averaged.yaml")
    set_value(found / "taggers/averaged.yaml", "ensemble", 2)
    set_value(found / "taggers/averaged.yaml", "inputs.ak4", "csvv2")
    set_value(found / "taggers/averaged.yaml", "title", "Averaged")
    set_value(found / "taggers/averaged.yaml", "decorrelate", {"n_pv": [0, 20, 100]})
    set_value(found / "reweighters/pythia_shower_2d.yaml", "ensemble", 4)
    set_value(found / "taggers/deepjet.yaml", "ablate", ["vertices"])
    set_value(found / "config.yaml", "taggers.averaged", "scanned_jets")
    set_value(found / "config.yaml", "samples.scanned_jets", {"datasets": ["ttbar"]})
    set_value(found / "config.yaml", "taggers.scanned", "scanned_jets")
    set_value(found / "config.yaml", "taggers.b_energy", "scanned_jets")
    weighed = {"loss": "mass", "weights": [0, 3], "seeds": 2}
    set_value(found / "taggers/deep_double_b_mass_independent.yaml", "loss_scan", weighed)
    set_value(found / "config.yaml", "taggers.deep_double_b_mass_independent", "fat_jets")
    set_value(found / "taggers/jbp.yaml", "evaluation.backgrounds", ["c_jets", "light_jets"])
    plane = {"judgements": ["jp", "jbp"], "points": {"L": [0.2, 0.1]}}
    set_value(found / "config.yaml", "calibration.planes.both", plane)
    variable = {"group": "ak4", "feature": "softMuPtRel", "edges": [0, 1, 2]}
    probe = {
        "judgement": "averaged",
        "data": "measured",
        "simulation": "scanned_jets",
        "pt_bins_gev": [32, 1000],
        "tag": "M",
        "variable": variable,
    }
    set_value(found / "config.yaml", "scale_factors.probe", probe)
    set_value(
        found / "config.yaml", "scale_factors.probe.uncertainties", {"samples": {"generator": "others"}}
    )
    set_value(found / "config.yaml", "samples.others", {"datasets": ["qcd"]})
    pair = {"judgements": ["averaged"], "data": "measured", "simulation": ["scanned_jets"]}
    set_value(found / "config.yaml", "commissioning.pair", pair)
    set_value(found / "config.yaml", "samples.mirrored", {"datasets": ["qcd"], "signs": "turned"})
    set_value(found / "config.yaml", "judged_on.scanned", ["mirrored"])
    region = {"data": "others", "simulation": "scanned_jets", "discriminant_bins": [0, 0.5, 1]}
    region |= {"pt_bins_gev": [32, 1000]}
    light = region | {"data": "light_data", "simulation": "light"}
    for name in ("light_data", "light"):
        dataset = {"light_data": "multijet_muons", "light": "multijet"}[name]
        set_value(found / "config.yaml", f"samples.{name}", {"datasets": [dataset]})
    own = {"truth": [0, 1, 2], "label": "light", "color": "#2ca02c", "flavor": 0}
    set_value(found / "flavours.yaml", "shaped_light", own)
    shutil.copy(found / "taggers/jbp.yaml", found / "taggers/shaped.yaml")
    set_value(found / "taggers/shaped.yaml", "title", "Shaped")
    set_value(found / "taggers/shaped.yaml", "evaluation.backgrounds", ["c_jets", "shaped_light"])
    set_value(found / "config.yaml", "taggers.shaped", "scanned_jets")
    set_value(found / "config.yaml", "shapes.shaped", {"heavy": region, "light": light})
    energies = {"energies": {"ak4.jetPt": {"scale": 1.05}}}
    tried = {"shifts": {"other events": "others"}, "features": energies, "taggers": ["averaged"]}
    set_value(found / "config.yaml", "resilience.scanned_jets", tried)
    for name in FINISHED:
        inspected = "inspect/qcd.json"  # what it has in common with this run
        (tmp_path / name / "inspect").mkdir(parents=True)
        (tmp_path / name / inspected).write_text("{}")
        Ledger(tmp_path / name).put(inspected, Made("inspect", 1, [], [], {}, 0.0, 1.0, "", ""))
        read = [f"<results>/{inspected}"]
        Ledger(tmp_path / name).put(PAGE, Made("report", 1, [], read, {}, 0.0, 1.0, "", ""))
    older = {"against": str(tmp_path / FINISHED[0]), "fail_if_worse_than": 0.02}
    set_value(found / "config.yaml", "compare", older)
    by_jet = {"judgement": "averaged", "features": {"ak4": ["nCpfcand"]}, "closes_in": {"ak4": ["nNpfcand"]}}
    set_value(found / "config.yaml", "learned_efficiencies.by_jet", by_jet)
    _add_parameters(found)
    return found


@pytest.fixture(scope="module")
def given(shared_folder: Path) -> Handed:
    """What each stage gets of it."""
    return handed(shared_folder)


@pytest.fixture
def folder(shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """It, and as it was after the test; finished runs lie in $FINISHED."""
    monkeypatch.setenv("FINISHED", str(shared_folder.parent))
    files = {path: path.read_bytes() for path in shared_folder.rglob("*.yaml")}
    yield shared_folder
    for path in set(shared_folder.rglob("*.yaml")) - files.keys():
        path.unlink()
    for path, content in files.items():
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


def _add_parameters(folder: Path) -> None:
    """A reweighter of three values of a parameter, one of which is held out."""
    datasets = {"shower_low": 0.25, "shower_middle": 0.5, "shower_high": 1.0}
    entry = yaml.safe_load((folder / "datasets.yaml").read_text())["zjets_dipole"]
    for name, value in datasets.items():
        set_value(folder / "datasets.yaml", name, entry | {"parameters": {"tune": value}})
    shutil.copy(folder / "reweighters/pythia_shower.yaml", folder / "reweighters/showers.yaml")
    parameters = {"names": ["tune"], "at": [{"tune": 0.75}], "held_out": [{"tune": 0.5}]}
    set_value(folder / "reweighters/showers.yaml", "parameters", parameters)
    set_value(folder / "config.yaml", "samples.showers", {"datasets": ["zjets_power", *datasets]})
    set_value(folder / "config.yaml", "reweighters.showers", "showers")


def set_value(path: Path, key: str, value: Any) -> None:
    """Set a value in a file; what lies above it is made."""
    content = yaml.safe_load(path.read_text())
    *above, last = key.split(".")
    place = content
    for name in above:
        place = place.setdefault(name, {})
    place[last] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def compared(run: Configuration) -> Any:
    """What compare gets beside the whole configuration, which it shows as the page does."""
    return stages.compare(run)._replace(run={})


def handed(folder: Path) -> Handed:
    """What each stage gets, by its name and by what it is of."""
    run = load(yaml.safe_load((folder / "config.yaml").read_text()), folder)
    found = {}
    for those, of in _by_subject(run):
        for name in those:
            names = name if isinstance(name, tuple) else (name,)
            found |= {(stage.__name__, "/".join(names)): stage(run, *names) for stage in of}
    found["compare", ""] = compared(run)
    for name, about in PLOTS.items():
        found |= {
            (f"plot_{name}", "/".join(of)): stages.plot(run, name, *of) for of in subjects(run, about.of)
        }
    for sample, spec in run.run.samples.items():
        read = {
            group for c in run.classifiers.values() if sample in run.samples_of(c.name) for group in c.groups
        }
        for group in (columns.ROWS, *sorted(read & run.groups.keys())):
            found |= {
                ("features", f"{name}/{group}"): stages.features(run, name, group) for name in spec.datasets
            }
            if group != columns.ROWS:
                found["pack", f"{sample}/{group}"] = stages.pack(run, sample, group)
    return found


def _by_subject(run: Configuration) -> Any:
    yield run.datasets, OF_DATASET
    yield [name for name, spec in run.datasets.items() if spec.simulate], (stages.simulate,)
    yield run.run.samples, OF_SAMPLE
    yield run.classifiers, OF_CLASSIFIER
    yield [(name, sample) for name in run.classifiers for sample in run.scored_on(name)], OF_SCORED
    trained = [name for name in run.classifiers if name in run.trainings]
    yield trained, OF_TRAINED_WITHOUT
    yield [(name, run.classifiers[name].sample) for name in trained], OF_STACKED
    yield run.trainings, OF_TRAINING
    yield run.scans, OF_SCAN
    for name, scan in run.scans.items():
        yield [(name, str(rung)) for rung in range(1, len(scan.trained))], (stages.retrain,)
    yield run.judgements, OF_TAGGER
    yield run.explained, OF_EXPLAINED
    yield run.moved, OF_MOVED
    yield run.run.calibration.planes, OF_PLANE
    yield run.run.scale_factors, OF_MEASURED
    yield run.run.learned_efficiencies, OF_LEARNED
    yield run.measured, OF_COMBINED
    yield run.run.shapes, OF_SHAPED
    yield run.ablations, OF_ABLATED
    yield run.loss_scans, OF_LOSS_SCANNED
    yield run.bundled, OF_BUNDLED
    yield run.bundled_reweighters, OF_BUNDLED_REWEIGHTER
    yield run.run.reweighters, OF_REWEIGHTER
    yield run.corrected, OF_CORRECTED
    yield run.parametrised, OF_PARAMETRISED
    yield [()], OF_RUN


@pytest.mark.parametrize("key", LINES)
def test_a_stage_gets_what_it_reads(folder: Path, given: Handed, key: str) -> None:
    """The stages that the table names get something else, and no others."""
    file, place, value, words = LINES[key]
    before = given
    set_value(folder / file, place, value)
    after = handed(folder)
    changed = {
        stage for stage, name in before.keys() & after.keys() if before[stage, name] != after[stage, name]
    }
    assert changed == set().union(*(SETS.get(word, {word}) for word in words.split()))


def test_a_group_that_nobody_reads_is_handed_to_nobody(folder: Path, given: Handed) -> None:
    """Neither the group, nor a feature of it, nor a preset of any."""
    before = given
    shutil.copy(folder / "features/neutral.yaml", folder / "features/photons.yaml")
    set_value(folder / "features/photons.yaml", "presets.mine", ["ptrel"])
    assert handed(folder) == before


def test_another_tagger_touches_nobody_else(folder: Path) -> None:
    """The groups that it adds to a sample are made; what is there stays as it is."""
    set_value(folder / "config.yaml", "taggers.deepcsv", "mine")
    before = handed(folder)
    set_value(folder / "config.yaml", "taggers.dips", "mine")
    after = handed(folder)
    drawn = {("plot_roc", f"mine/b_jets_vs_{name}") for name in ("light_jets", "c_jets")}
    drawn.add(("plot_fractions", "mine/b_jets_vs_light_jets_and_c_jets"))
    assert {key for key in before if before[key] != after[key]} == drawn
    new = {key for key in after.keys() - before.keys() if not any("dips" in of for of in key)}
    assert new == {(stage, "mine/charged") for stage in ("features", "pack", "plot_features")}


def test_another_point_trains_alone(folder: Path, given: Handed) -> None:
    """Its training is new, and the choice is made again; nothing else gets anything else."""
    before = given
    set_value(folder / "taggers/scanned.yaml", "scan.points", 11)
    after = handed(folder)
    assert {key for key in before if before[key] != after.get(key)} == {("choose", "scanned")}
    new = after.keys() - before.keys()
    assert {stage for stage, _ in new} == {"train"}
    assert len(new) == 2  # later rungs are trained again where another point is promoted to a rank


def test_a_scan_touches_nobody_else(folder: Path, given: Handed) -> None:
    """A tagger that gets one has the trainings of its points in the place of its own."""
    before = given
    set_value(folder / "taggers/cmva.yaml", "scan", {"over": {"architecture.max_depth": [3, 5]}})
    after = handed(folder)
    gone = {("train", "cmva"), ("train_fold", "cmva"), ("stack", "cmva/jets")}
    assert before.keys() - after.keys() == gone
    assert all(after[key] == before[key] for key in before.keys() - gone)
    assert sorted(stage for stage, _ in after.keys() - before.keys()) == [
        "choose",
        "plot_scan",
        "train",
        "train",
    ]


def test_a_new_feature_touches_its_group_alone(folder: Path, given: Handed) -> None:
    """Its group is made anew, and what reads it looks again; no other group, and no recipe of a tagger."""
    before = given
    set_value(folder / "features/charged.yaml", "features.mine", {"source": "cpf_pt_gev"})
    after = handed(folder)
    readers = {name for kind, name in before if kind == "check" and reads(before, name, "charged")}
    assert "deepjet/jets" in readers
    made = {("features", f"{name}/charged") for name in ("ttbar", "qcd")} | {("pack", "jets/charged")}
    assert {key for key in before if before[key] != after[key]} == made | {
        ("check", name) for name in readers
    }


def reads(handed_over: dict[tuple[str, str], Any], checked: str, group: str) -> bool:
    return group in {found["group"] for found in handed_over["check", checked].spec["inputs"]}


def test_what_a_tagger_learns_from_is_checked_where_it_is_trained(folder: Path) -> None:
    """Files of another sample need it alone where scores have it beside an estimate."""
    set_value(folder / "config.yaml", "samples.more_fat", {"datasets": ["higgs_bb"]})
    set_value(folder / "config.yaml", "judged_on.b_energy", ["others"])
    set_value(folder / "config.yaml", "judged_on.deep_double_b_mass_independent", ["more_fat"])
    checked = {
        name: given.spec["side"] for (stage, name), given in handed(folder).items() if stage == "check"
    }
    assert checked["b_energy/others"] == checked["b_energy/scanned_jets"] != []
    assert checked["deep_double_b_mass_independent/fat_jets"] != []
    assert checked["deep_double_b_mass_independent/more_fat"] == []


def test_another_derived_column_is_handed_to_nobody(
    folder: Path, given: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no feature asks for makes nothing anew; another way to a column that features ask for does."""
    before = given
    more = Derived("ratio", ("jet_pt_gev", "cpf_pt_gev"))
    monkeypatch.setattr(derivations, "DERIVED", {"more": (more,), **derivations.DERIVED})
    assert handed(folder) == before
    ways = derivations.DERIVED["cpf_max_pt_rel_gev"]  # of flat features alone, and of few
    monkeypatch.setitem(derivations.DERIVED, "cpf_max_pt_rel_gev", (*ways, more))
    after = handed(folder)
    groups = {("features", "ttbar/ak4"), ("features", "qcd/ak4")}
    changed = {key for key in before if before[key] != after[key]}
    assert groups <= changed
    assert {key for key in changed if key[0] != "check"} <= groups | {("features", "mine/ak4")}
    for kind, name in before:
        asks = kind == "check" and any(
            "cpf_max_pt_rel_gev" in inputs["sources"] for inputs in before[kind, name].spec["inputs"]
        )
        assert asks == (kind == "check" and (kind, name) in changed), name


@pytest.mark.parametrize("key", ["target_mb", "target_entries"])
def test_targets_inspect_what_is_cut_by_costs(folder: Path, given: Handed, key: str) -> None:
    """Several files in several partitions; the rest reads no file again, nor what is behind it."""
    set_value(folder / "config.yaml", f"partition.{key}", 1000)
    after = handed(folder)
    several = {name for name, parts in demo_parts(folder).items() if parts > 1}
    assert "ttbar" in several
    assert {key for key in given if given[key] != after[key]} == {("inspect", name) for name in several}
    set_value(folder / "datasets.yaml", "mine.parts", 3)  # of one file
    cut = handed(folder)["inspect", "mine"]
    set_value(folder / "config.yaml", f"partition.{key}", 2000)
    assert handed(folder)["inspect", "mine"] == cut


def demo_parts(folder: Path) -> dict[str, int]:
    """Simulated files of each dataset of the run."""
    run = load(yaml.safe_load((folder / "config.yaml").read_text()), folder)
    return {name: spec.simulate.parts for name, spec in run.datasets.items() if spec.simulate}


def test_a_time_is_handed_to_the_look_alone(folder: Path, given: Handed) -> None:
    """Of local files; nobody asks a server, and what is simulated here has no files of others."""
    path = folder.parent / "a.root"
    before = path.stat()
    try:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))
        after = handed(folder)
        assert {key for key in given if given[key] != after[key]} == {("look", "mine")}
        assert after["look", "mine"].times == [before.st_mtime_ns + 1000]
    finally:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    set_value(folder / "datasets.yaml", "mine.files", ["root://host//store/a.root", "a.root"])
    set_value(folder / "datasets.yaml", "picked.files", ["root://host//store/b.root"])
    run = load(yaml.safe_load((folder / "config.yaml").read_text()), folder)
    assert stages.look(run, "mine").times == [0, before.st_mtime_ns]
    assert run.looked_at == ["mine", "measured"]


def test_simulated_parts_may_have_the_same_sums(given: Handed) -> None:
    """They have seeds of their own; of files the dataset has to say so."""
    assert given["account", "ttbar"].allow_same_sums
    assert not given["account", "mine"].allow_same_sums


def test_another_process_is_handed_to_nobody(
    folder: Path, given: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other settings of one are handed to the datasets that are made by it."""
    before = given
    more = processes.Process(("HardQCD:all=on",), False, "")
    monkeypatch.setitem(processes.PROCESSES, "more", more)
    assert handed(folder) == before
    monkeypatch.setitem(processes.PROCESSES, "ttbar", more)
    after = handed(folder)
    assert {key for key in before if before[key] != after[key]} == {("simulate", "ttbar")}


def test_another_detector_is_handed_to_nobody(
    folder: Path, given: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other numbers of one are handed to the datasets that name it, and to no nominal one."""
    set_value(folder / "datasets.yaml", "qcd.simulate.detector", "worse_tracker")
    before = handed(folder)
    assert {key for key in given if given[key] != before[key]} == {("simulate", "qcd")}
    more = parameters.Detector(layers_cm=(3.0, 7.0))
    monkeypatch.setitem(parameters.DETECTORS, "more", more)
    assert handed(folder) == before
    monkeypatch.setitem(parameters.DETECTORS, "worse_tracker", more)
    after = handed(folder)
    assert {key for key in before if before[key] != after[key]} == {("simulate", "qcd")}
    assert parameters.Detector.from_plain(json.loads(json.dumps(after["simulate", "qcd"].detector))) == more


def test_every_key_has_a_line() -> None:
    """Keys of all records but those of `architecture`, which is handed over as a whole."""
    records = [record for _, _, record in reference.FILES]
    keys = {
        f"{record.__name__}.{name}"
        for record in records
        for name, field in record.model_fields.items()
        if not any(other.__name__ in str(field.annotation) for other in records)
    }
    assert keys == set(TABLE)


def test_every_stage_has_its_record() -> None:
    """Of each function in jetsmith.stages the table's test asks; `report` and `compare` get all."""
    public = {
        name for name, what in vars(stages).items()
        if name.islower() and callable(what) and getattr(what, "__module__", "").startswith(stages.__name__)
        and not name.startswith("_")
    }  # fmt: skip
    by_subject = (
        OF_DATASET,
        OF_SAMPLE,
        OF_CLASSIFIER,
        OF_SCORED,
        OF_TRAINED_WITHOUT,
        OF_STACKED,
        OF_TRAINING,
        OF_SCAN,
        OF_TAGGER,
        OF_EXPLAINED,
        OF_MOVED,
        OF_PLANE,
        OF_MEASURED,
        OF_LEARNED,
        OF_COMBINED,
        OF_SHAPED,
        OF_ABLATED,
        OF_LOSS_SCANNED,
        OF_BUNDLED,
        OF_BUNDLED_REWEIGHTER,
        OF_REWEIGHTER,
        OF_CORRECTED,
        OF_PARAMETRISED,
        OF_RUN,
    )
    asked = {stage.__name__ for stages_of in by_subject for stage in stages_of}
    assert public == asked | {"simulate", "features", "pack", "report", "compare", "plot", "retrain"}
    records = public - {"plot"}
    assert all(issubclass(getattr(stages, name).__annotations__["return"], tuple) for name in records)


def test_what_a_stage_gets_is_plain(folder: Path) -> None:
    """Snakemake compares and pickles it: no records, and the same text in every process."""
    for found in handed(folder).values():
        assert "Spec(" not in repr(found)
        values = found.values() if isinstance(found, dict) else found
        assert not any(isinstance(value, Record) for value in values)


UNREAD = {("inspect", "sizes"), ("stack", "folds")}  # what is read through other files, whose names they are


@pytest.mark.parametrize("stage", stages.__all__)
def test_scripts_read_what_their_stage_is_given(stage: str) -> None:
    """Each field of a stage's record is read by its script, or by what that calls: else it does nothing."""
    record = get_type_hints(getattr(stages, stage))["return"]
    text = (ROOT / "scripts" / f"{stage}.py").read_text()
    text += (ROOT / "workflow/jetsmith/job.py").read_text() if "of_training(" in text else ""
    read = set(re.findall(r"snakemake\.params\.(\w+)", text))
    read |= set(re.findall(r'"(\w+)"', text)) if "snakemake.params[" in text else set()
    unread = [(stage, field) for field in getattr(record, "__annotations__", {}) if field not in read]
    assert set(unread) <= UNREAD
