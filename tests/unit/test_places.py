"""places: a message names the line of the key that it is about, wherever that came from."""

import os
import shutil
from pathlib import Path

import pytest
import yaml

from jetsmith.classifiers import xgboost
from jetsmith.configuration.checks import expand_files
from jetsmith.configuration.load import load
from jetsmith.configuration.places import Run, located
from jetsmith.configuration.records import validate
from jetsmith.errors import ConfigError
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, TrainingSpec
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.features import FeatureSpec
from jetsmith.specs.run import RunSpec
from jetsmith.specs.skimming import SkimSpec

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of config/ in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(ROOT / "config", "config"))


def _load(folder, *files, given=None, **changes):
    """As Snakemake does it: files one over the other, then `--config`."""
    config = {}
    for path in files:
        config |= yaml.safe_load(Path(path).read_text())
    config |= given or {}
    return load(
        config | changes, folder, Run(", ".join(map(str, files)), [Path(f) for f in files], given or {})
    )


def _said(folder, *files, **options):
    with pytest.raises(ConfigError) as caught:
        _load(folder, *files, **options)
    return str(caught.value)


LINES = {  # file, what is replaced by what, and what is said
    "value": ("config.yaml", "seed: 20261123", "seed: true", "config/config.yaml:3: `seed`: "),
    "unknown key": ("config.yaml", "tolerance: 0.03", "tolerances: 0.03",
                    "config/config.yaml:39: unknown key `closure.tolerances`; did you mean `tolerance`"),
    "check": ("config.yaml", "train: 0.5,", "train: 0.6,", "config/config.yaml:7: splits add up to 1.1"),
    "bins": ("config.yaml", "[200, 300, 400, 500, 1000]", "[300, 200]",
             "config/config.yaml:11: selection.ak8.pt_bins_gev: bin edges must rise"),
    "name": ("config.yaml", "deepcsv: jets", "deepcsv: jet",
             "config/config.yaml:25: taggers.deepcsv: unknown sample `jet`; did you mean `jets`"),
    "dataset": ("datasets.yaml", "n_events: 6000, parts: 1}}\nhiggs", "n_events: lots, parts: 1}}\nhiggs",
                "config/datasets.yaml:6: qcd: `simulate.n_events`: Input should be a valid integer"),
    "missing key": ("datasets.yaml", "higgs_bb: {object: ak8, ", "higgs_bb: {",
                    "config/datasets.yaml:7: higgs_bb: key `object` is missing"),
    "class": ("flavours.yaml", "flavor: 5}", "flavor: five}", "config/flavours.yaml:19: b_jets: `flavor`"),
    "feature": ("features/ak4.yaml", "{source: jet_eta, t", "{source: jet_etta, t",
                "config/features/ak4.yaml:9: features.jetAbsEta.source: no column `jet_etta`"),
    "classifier": ("taggers/deepjet.yaml", "learning_rate: 2.0e-3", "learning_rate: 2e-3",
                   "config/taggers/deepjet.yaml:17: `training.learning_rate`: "),
    "unknown class": ("taggers/deepjet.yaml", "classes: [b, ", "classes: [bottom, ",
                      "config/taggers/deepjet.yaml:6: classes: unknown class `bottom`"),
    "parts": ("datasets.yaml", "ttbar, n_events: 16000, parts: 2}}",
              "ttbar, n_events: 16000, parts: 2000000}}",
              "config/datasets.yaml:5: ttbar: `simulate.parts`: Input should be less than or equal"),
    "twice": ("datasets.yaml", "qcd_boosted: {object", "qcd: {object",
              "config/datasets.yaml:8: key `qcd` is given twice; the first is in line 6"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "said"), LINES.values(), ids=LINES)
def test_line_of_the_key(folder, name, old, new, said):
    """File, line, key, in every kind of file."""
    path = folder / name
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    found = _said(folder, "config/config.yaml")
    assert found.startswith(said), found


def test_later_file_and_the_command_line(folder):
    """The line is that of the file that has the last word; `--config` has none and is named itself."""
    Path("mine.yaml").write_text("title: Mine\nsplits:\n  train: 0.9\n")
    splits = {"splits": {"train": 0.9, "validation": 0.1, "calibration": 0.15, "test": 0.25}}
    said = _said(folder, "config/config.yaml", "mine.yaml", **splits)
    assert said.startswith("mine.yaml:2: splits add up to 1.4")
    said = _said(folder, "config/config.yaml", given={"seed": -1})
    assert said.startswith("--config: `seed`: Input should be greater than or equal to 0; got -1")
    said = _said(folder, "config/config.yaml", given={"sead": 1})
    assert said.startswith("--config: unknown key `sead`; did you mean `seed`?")


def test_brackets_of_the_command_line(folder):
    """Snakemake leaves the numbers in `--config skim='{threads: 2}'` as text; here they are numbers again."""
    options = {"walltime": "04:00:00", "cores": "2", "memory": "3GB"}
    skim = {"threads": "2", "max_loss_fraction": "1.0e-2", "write_root": "true", "dask": {"options": options}}
    run = _load(folder, "config/config.yaml", given={"skim": skim, "xrootd": {"redirectors": []}}).run
    assert (run.skim.threads, run.skim.max_loss_fraction, run.skim.write_root) == (2, 0.01, True)
    assert run.skim.dask.options == {"walltime": "04:00:00", "cores": 2, "memory": "3GB"}
    assert run.partition.at_least == 8


def test_partitions_by_the_million(folder):
    """A slip of the pen in the size of a partition is said before Snakemake makes a job of each."""
    with Path("a.root").open("wb") as file:
        file.truncate(1_000_000)
    mine = "seed: 1\nselection: {ak4: {}}\npartition:\n  target_mb: 0.000002\nsamples: {a: {datasets: [a]}}\n"
    Path("mine.yaml").write_text(mine)
    (folder / "datasets.yaml").write_text("a: {object: ak4, process: ttbar, files: [a.root]}\n")
    said = _said(folder, "mine.yaml")
    assert said.startswith("mine.yaml:3: partition: makes 500,000 partitions of dataset `a`; 100,000 at most")


def test_every_line_of_a_message(folder):
    """Two mistakes are two lines, each with its own place; other text stays."""
    text = "config/config.yaml: seed: a\nconfig/datasets.yaml: qcd.simulate: b\nnothing.yaml: seed: c\nplain"
    assert located(text, Run("x")).split("\n") == [
        "config/config.yaml:3: seed: a",
        "config/datasets.yaml:6: qcd.simulate: b",
        "nothing.yaml: seed: c",
        "plain",
    ]


WRONG = {
    "too large for a column": (
        FeatureSpec,
        {"source": "jet_eta", "default": 1e300},
        "`default`: .*in single precision this is infinite",
    ),
    "too small for one": (
        TrainingSpec,
        {"learning_rate": 1e-300},
        "`learning_rate`: .*in single precision",
    ),
    "too large for XGBoost": (
        xgboost.Options,
        {"max_depth": 10**30},
        "`max_depth`: .*equal to 64",
    ),
    "too large for anything": (
        SkimSpec,
        {"chunk_entries": 10**30},
        "`chunk_entries`: .* 92233720368",
    ),
    "too large for a code": (ClassSpec, {"flavor": 10**30}, "`flavor`: .* less than"),
    "truth value for a number": (
        SelectionSpec,
        {"pt_min_gev": True},
        "`pt_min_gev`: .* truth values, no num",
    ),
    "truth value for an integer": (SelectionSpec, {"jet_id": False}, "`jet_id`: .*truth values"),
    "text for a number": (SelectionSpec, {"pt_min_gev": "30"}, "got '30': text for YAML; write 30$"),
    "power of ten": (
        SkimSpec,
        {"max_loss_fraction": "8e-1"},
        "'8e-1': text for YAML; write 0.8 or 8.0e-1$",
    ),
    "large power of ten": (SkimSpec, {"chunk_entries": "1e5"}, "got '1e5': text for YAML; write 100000$"),
    "fraction for an integer": (
        SkimSpec,
        {"threads": 2.0},
        "`threads`: .* valid integer; got 2.0",
    ),
    "text in a list": (SelectionSpec, {"pt_bins_gev": [1, "2", 3]}, r"`pt_bins_gev.1`: .* write 2$"),
    "number for a list": (SelectionSpec, {"pt_bins_gev": 30}, "`pt_bins_gev`: Input should be a valid list"),
    "text for a list": (
        DatasetSpec,
        {"object": "ak4", "process": "a", "files": "a.root"},
        r"`files`: .* list; got 'a.root': a list stands in brackets, such as \[a.root\]$",
    ),
    "number for text": (RunSpec, {"title": 5, "seed": 1, "samples": {"a": {"datasets": ["b"]}}}, "in quotes"),
    "truth value for text": (
        RunSpec,
        {"title": True, "seed": 1, "samples": {"a": {"datasets": ["b"]}}},
        "in quotes",
    ),
    "text for a truth value": (SkimSpec, {"write_root": "true"}, "write true or false, without quotes"),
    "number for a truth value": (SkimSpec, {"write_root": 1}, "write true or false"),
    "nothing": (SelectionSpec, {"pt_min_gev": None}, "got None .nothing stands after the key"),
    "infinity": (SelectionSpec, {"abseta_max": float("inf")}, "finite number"),
    "no number": (SelectionSpec, {"pt_min_gev": float("nan")}, "finite number"),
}


@pytest.mark.parametrize(("record", "content", "said"), WRONG.values(), ids=WRONG)
def test_types_are_meant(record, content, said):
    """Nothing is turned into what it was not; the message says how YAML read it."""
    with pytest.raises(ConfigError, match=said):
        validate(record, content, "a.yaml")


def test_integers_and_lists_pass():
    """For floats and tuples, in YAML and in the parameters of a job, which are plain values."""
    spec = validate(SelectionSpec, {"pt_min_gev": 30, "pt_bins_gev": [20, 30.5]}, "a.yaml")
    assert (spec.pt_min_gev, spec.pt_bins_gev) == (30.0, (20.0, 30.5))
    assert isinstance(spec.pt_min_gev, float)
    assert SelectionSpec(**spec.model_dump()) == SelectionSpec(**spec.model_dump(mode="json")) == spec


def test_records_survive_the_way_into_a_job(folder):
    """`params` carry plain values; a job builds the same record from them."""
    loaded = _load(folder, "config/config.yaml")
    for spec in loaded.classifiers.values():
        assert ClassifierSpec(**spec.model_dump(mode="json")) == spec
    for name, spec in loaded.datasets.items():
        assert DatasetSpec(**loaded.raw["datasets"][name]) == spec
    assert RunSpec(**loaded.raw["run"]) == loaded.run


def test_paths_as_people_write_them(tmp_path, monkeypatch):
    """`~`, variables, brackets in names; a pattern that is a file's name is that file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", "run [2]")
    folder = tmp_path / "run [2]"
    folder.mkdir()
    names = ["a[1].root", "a1.root", "b?.root", "bc.root", "Größe $x.root"]
    for name in names:
        (folder / name).touch()

    def found(*patterns, root="."):
        return [path.rpartition("/")[2] for path in expand_files(patterns, root, "here")]

    assert found("~/run [2]/a[1].root") == ["a[1].root"]
    assert found("a[1].root", root="~/$PLACE") == ["a[1].root"]
    assert found("b?.root", root="~/${PLACE}") == ["b?.root"]
    assert found("b*.root", root=str(folder)) == ["b?.root", "bc.root"]
    assert found("~/r*/b[c-d].root") == ["bc.root"]
    assert found("Größe $x.root", root=str(folder)) == ["Größe $x.root"]
    (folder / os.fsdecode(b"caf\xe9.root")).touch()
    with pytest.raises(ConfigError, match=r"caf\\udce9\.root' is no UTF-8, .*rename it"):
        found("c*.root", root=str(folder))
    with pytest.raises(ConfigError, match=r"no file .*; the variable NOWHERE is not set; a relative"):
        found("$NOWHERE/a.root")
    with pytest.raises(ConfigError, match=r"the variable NOWHERE is not set"):
        found("a.root", root="${NOWHERE}/b")
