"""configuration: every mistake comes up before any job and names file, key and choices."""

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from jetsmith import columns
from jetsmith.configuration import reference
from jetsmith.configuration.load import load
from jetsmith.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path):
    """A copy of config/ to spoil."""
    return Path(shutil.copytree(ROOT / "config", tmp_path / "config"))


def _run(folder):
    return yaml.safe_load((folder / "config.yaml").read_text())


def _edit(path, change):
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def test_demo_is_valid(folder):
    """The demo's own configuration loads and knows the partitions of its datasets."""
    loaded = load(_run(folder), folder)
    assert loaded.parts("ttbar") == ["000", "001"]
    assert {spec.role for spec in loaded.classifiers.values()} == {"tagger", "reweighter"}


def _set(*keys, value):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def _drop(*keys):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


SLURM = {"cluster": "dask_jobqueue.SLURMCluster"}
RUN_MISTAKES = {
    "walltime without quotes": (
        _set("skim", value={"backend": "dask", "dask": SLURM | {"options": {"walltime": 14400}}}),
        ["skim.dask.options.walltime", "in quotes"],
    ),
    "redirector": (
        _set("xrootd", value={"redirectors": ["xrootd.example.org"]}),
        ["xrootd.redirectors", "'xrootd.example.org'", "root://host.name:1094/"],
    ),
    "secret in a redirector": (
        _set("xrootd", value={"redirectors": ["root://me:pw@example.org/"]}),
        ["xrootd.redirectors", "no user or password"],
    ),
    "backend": (_set("skim", value={"backend": "spark"}), ["skim.backend", "'jobs' or 'dask'", "'spark'"]),
    "cluster": (
        _set("skim", value={"backend": "dask", "dask": {"cluster": "mysite.Cluster"}}),
        ["skim.dask.cluster", "no module `mysite`", "distributed.LocalCluster"],
    ),
    "cluster without a module": (
        _set("skim", value={"backend": "dask", "dask": {"cluster": "SLURMCluster"}}),
        ["skim.dask.cluster", "by its dotted name"],
    ),
    "walltime": (
        _set(
            "skim",
            value={
                "backend": "dask",
                "dask": {"cluster": "dask_jobqueue.SLURMCluster", "options": {"walltime": "4h"}},
            },
        ),
        ["skim.dask.options.walltime", "`4h`", "04:00:00"],
    ),
    "unknown key": (_set("sead", value=1), ["unknown key `sead`", "did you mean `seed`"]),
    "nested key": (
        _set("splits", "trian", value=0.1),
        ["unknown key `splits.trian`", "did you mean `train`"],
    ),
    "splits": (_set("splits", "train", value=0.9), ["splits add up to"]),
    "unknown tagger": (_set("taggers", "depcsv", value="jets"), ["unknown tagger `depcsv`", "`deepcsv`"]),
    "unknown sample": (
        _set("taggers", "cmva", value="jet"),
        ["taggers.cmva", "unknown sample `jet`", "`jets`"],
    ),
    "unknown dataset": (
        _set("samples", "jets", "datasets", value=["tbar"]),
        ["unknown dataset `tbar`", "`ttbar`"],
    ),
    "mixed objects": (
        _set("samples", "jets", "datasets", value=["ttbar", "higgs_bb"]),
        ["samples.jets", "different objects"],
    ),
    "wrong object": (
        _set("taggers", "double_b", value="jets"),
        ["double_b.yaml", "taggers.double_b of the run", "`ak8`", "`ak4`"],
    ),
    "wrong type": (_set("seed", value="twelve"), ["`seed`", "'twelve'"]),
    "working point": (_set("working_points", "L", value=1.5), ["working_points.L", "1.5"]),
    "one fold": (_set("samples", "jets", "folds", value=1), ["samples.jets.folds", "got 1"]),
    "cross-section": (
        _set("samples", "jets", "normalise", value="cross_section"),
        ["samples.jets", "cross_section_pb", "ttbar"],
    ),
    "bins": (
        _set("selection", "ak4", "pt_bins_gev", value=[30, 20]),
        ["selection.ak4.pt_bins_gev", "must rise"],
    ),
}


@pytest.mark.parametrize(("change", "words"), RUN_MISTAKES.values(), ids=RUN_MISTAKES)
def test_mistakes_in_the_run(folder, change, words):
    """config/config.yaml."""
    run = _run(folder)
    change(run)
    with pytest.raises(ConfigError) as caught:
        load(run, folder, "config/config.yaml")
    for word in words:
        assert word in str(caught.value)


FILE_MISTAKES = {
    "unknown class": ("taggers/deepcsv.yaml", _set("classes", 0, value="bottom"), ["unknown class `bottom`"]),
    "unknown preset": (
        "taggers/deepcsv.yaml",
        _set("inputs", "ak4", value="deepscv"),
        ["inputs.ak4", "unknown preset `deepscv`", "`deepcsv`"],
    ),
    "unknown feature": (
        "taggers/deepcsv.yaml",
        _set("inputs", "ak4", value=["trackSip3dSig"]),
        ["unknown feature `trackSip3dSig`", "trackSip3dSig_0"],
    ),
    "unknown group": (
        "taggers/deepcsv.yaml",
        _set("inputs", "ak5", value="x"),
        ["unknown feature group or tagger `ak5`", "ak4"],
    ),
    "unknown model": (
        "taggers/deepcsv.yaml",
        _set("model", value="danse"),
        ["architecture `danse`", "`dense`"],
    ),
    "leftover model": (
        "taggers/cmva.yaml",
        _set("model", value="dense"),
        ["model", "backend `xgboost` takes none", "`model: dense`", "keras"],
    ),
    "no model": ("taggers/deepcsv.yaml", _drop("model"), ["model", "architecture ``", "dense"]),
    "architecture": (
        "taggers/deepcsv.yaml",
        _set("architecture", "drop_out", value=0.1),
        ["architecture: unknown key `drop_out`", "did you mean `dropout`"],
    ),
    "architecture of another": (
        "taggers/cmva.yaml",
        _set("architecture", "dense", value=[100]),
        ["architecture: unknown key `dense`", "max_depth"],
    ),
    "number as text": (
        "taggers/deepcsv.yaml",
        _set("architecture", "dropout", value="1e-1"),
        ["architecture: `dropout`", "0.1", "1.0e-1"],
    ),
    "misfit": (
        "taggers/deepjet.yaml",
        _set("architecture", "recurrent", value={"chraged": 5}),
        ["architecture.recurrent.chraged", "did you mean `charged`"],
    ),
    "sequence for trees": (
        "taggers/cmva.yaml",
        _set("inputs", "charged", value="deepjet"),
        ["inputs", "charged is a sequence", "`xgboost`", "keras"],
    ),
    "unknown backend": ("taggers/deepcsv.yaml", _set("backend", value="torch"), ["backend", "'torch'"]),
    "overlap": (  # of many classes those two, by what they share
        "taggers/deepcsv.yaml",
        _set("classes", value=["b_or_lepb", "bb", "c", "udsg", "light_jets"]),
        ["classes: `udsg` and `light_jets` overlap in truth: both have 0, 1, 2"],
    ),
    "discriminant": (
        "taggers/deepcsv.yaml",
        _set("discriminants", "BvsAll", "signal", value=["top"]),
        ["discriminants.BvsAll.signal", "`top`"],
    ),
    "negative epochs": (
        "taggers/deepcsv.yaml",
        _set("training", "epochs", value=-1),
        ["training.epochs", "-1"],
    ),
    "generator": (
        "datasets.yaml",
        _set("zjets_dipole", "generator", value="sherpa"),
        ["pythia_shower", "generator", "sherpa"],
    ),
    "unknown process": (
        "datasets.yaml",
        _set("ttbar", "simulate", "process", value="tbar"),
        ["ttbar", "unknown process `tbar`", "`ttbar`"],
    ),
    "unknown detector": (
        "datasets.yaml",
        _set("ttbar", "simulate", "detector", value="worse_traker"),
        ["ttbar: simulate.detector", "unknown detector `worse_traker`", "`worse_tracker`"],
    ),
    "files and simulate": (
        "datasets.yaml",
        _set("ttbar", "files", value=["a.root"]),
        ["ttbar", "one of the two"],
    ),
    "missing file": (
        "datasets.yaml",
        _set("ttbar", value={"object": "ak4", "process": "ttbar", "files": ["gone/*.root"]}),
        ["datasets.yaml", "ttbar", "gone/*.root", "data_root"],
    ),
    "remote file": (
        "datasets.yaml",
        _set("ttbar", value={"object": "ak4", "process": "ttbar", "files": ["root://host/store/a.root"]}),
        ["datasets.yaml", "ttbar", "two slashes must follow the host", "root://host//store/a.root"],
    ),
    "unknown source": (
        "features/ak4.yaml",
        _set("features", "jetPt", "source", value="jet_pt"),
        ["features.jetPt.source", "`jet_pt`"],
    ),
    "preset's feature": (
        "features/ak4.yaml",
        _set("presets", "deepcsv", value=["jetPtt"]),
        ["presets.deepcsv", "`jetPtt`", "`jetPt`"],
    ),
    "colour": ("flavours.yaml", _set("b", "color", value="blue"), ["flavours.yaml", "color", "'blue'"]),
}


@pytest.mark.parametrize(("name", "change", "words"), FILE_MISTAKES.values(), ids=FILE_MISTAKES)
def test_mistakes_in_files(folder, name, change, words):
    """The files that the run's names are looked up in."""
    _edit(folder / name, change)
    with pytest.raises(ConfigError) as caught:
        load(_run(folder), folder)
    for word in [name.rsplit("/", maxsplit=1)[-1], *words]:
        assert word in str(caught.value)


def test_callers_of_bundles_are_told_what_columns_hold(folder):
    """Unit and meaning are those of the column; another tagger's score has none."""
    run = load(_run(folder), folder)
    given = run.given_to("deepcsv")["ak4"]["jetPt"]
    column = columns.column("ak4", given.source)
    assert (given.unit, given.meaning) == (column.unit, column.text)
    assert run.given_to("cmva")["csvv2"]["p_b_jets"].meaning == ""


def test_yaml_cannot_run_code(folder):
    """A configuration from elsewhere is data: tags that build objects are refused."""
    (folder / "flavours.yaml").write_text("b: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ConfigError, match=r"flavours\.yaml"):
        load(_run(folder), folder)


@pytest.mark.parametrize(
    "name",
    [
        *("boosted", "charm", "continuous", "jet_images", "learned", "negative_tags", "regression"),
        *("resilience", "scale_factors", "shapes"),
    ],
)
def test_runs_on_simulated_events_are_valid(folder, name):
    """What docs tell people to run beside the demo; those on files have tests where their files are."""
    run = yaml.safe_load((folder / f"{name}.yaml").read_text())
    found = load(run, folder)
    assert all(spec.simulate for spec in found.datasets.values())
    assert set(found.run.taggers) == set(run["taggers"])


def test_the_example_of_scale_factors_is_valid(folder):
    """That of docs/scale_factors.md, in the demo's run, with pseudo-data in the place of data."""
    page = (ROOT / "docs/scale_factors.md").read_text()
    text = page.partition("```yaml")[2].partition("```")[0]
    for data, pseudo in (("muon_eg_2018", "dilepton_data"), ("btagmu_2018", "multijet_muons_data")):
        assert data in text
        text = text.replace(data, pseudo)
    found = load({"seed": 1, "selection": _run(folder)["selection"], **yaml.safe_load(text)}, folder)
    assert found.measured == {"csvv2": ["tag_and_probe", "muon_momentum"]}


def test_the_example_of_learned_efficiencies_is_valid(folder):
    """That of docs/learned_efficiencies.md, in the demo's run."""
    page = (ROOT / "docs/learned_efficiencies.md").read_text()
    example = yaml.safe_load(page.partition("```yaml")[2].partition("```")[0])
    found = load(_run(folder) | example, folder)
    assert found.run.learned_efficiencies["by_tracks"].features == {
        "ak4": ("jet_pt", "jetAbsEta", "npv", "jetNSelectedTracks")
    }


def test_the_example_of_shapes_is_valid(folder):
    """That of docs/shapes.md, in the demo's run, with pseudo-data in the place of data."""
    page = (ROOT / "docs/shapes.md").read_text()
    text = page.partition("```yaml")[2].partition("```")[0]
    for data, pseudo in (("muon_eg_2018", "dilepton_data"), ("jet_ht_2018", "multijet_worse_tracker")):
        assert data in text
        text = text.replace(data, pseudo)
    found = load({"seed": 1, "selection": _run(folder)["selection"], **yaml.safe_load(text)}, folder)
    assert found.run.shapes["csvv2"].heavy.tag == "M"
    assert "multijet_data" in found.scored_on("csvv2")


def test_every_classifier_file_is_valid(folder):
    """The taggers that the demo leaves out load too."""
    run = _run(folder)
    known = yaml.safe_load((folder / "datasets.yaml").read_text())
    objects = {"ak4": "jets", "ak8": "fat_jets", "event": "zjets"}
    assert known
    partons = ("lhe_z_fxfx", "lhe_z_mlm")
    run["samples"]["lhe_z"] = {"datasets": list(partons)}
    run["data_root"] = str(folder)
    for name in (name for dataset in partons for name in known[dataset]["files"]):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    for role in ("taggers", "reweighters"):
        for path in sorted((folder / role).glob("*.yaml")):
            content = yaml.safe_load(path.read_text())
            if content["object"] == "ak4" and role == "reweighters":
                continue  # of data: `continuous.yaml`, among the runs above
            if {"file", "bundle"} & content.get("architecture", {}).keys():
                continue  # of others: tests/golden/test_public_weights.py, tests/unit/test_within.py
            read = [name for name in content["inputs"] if path.with_name(f"{name}.yaml").is_file()]
            sample = "lhe_z" if "lhe" in content["inputs"] else objects[content["object"]]
            run[role] = dict.fromkeys([path.stem, *read], sample)
            assert load(run, folder).classifiers[path.stem].inputs


def test_bins_are_of_features_as_experiments_spell_them(folder):
    """Capitals too, as in `valid` and `binned`; another spelling is refused with the one that is meant."""
    for path in [folder / "features/event.yaml", *(folder / "reweighters").glob("pythia*.yaml")]:
        path.write_text(re.sub(r"\bz_pt\b", "Z_Pt", path.read_text()))
    path = folder / "reweighters/pythia_shower.yaml"

    def bins(name):
        return lambda c: c["training"].update(flatten_in=name) or c.update(ratio={"conserve_in": name})

    _edit(path, bins({"Z_Pt": [0, 50, 100]}))
    found = load(_run(folder), folder).classifiers["pythia_shower"]
    assert list(found.training.flatten_in) == list(found.ratio.conserve_in) == ["Z_Pt"]
    _edit(path, bins({"Z_pt": [0, 50, 100]}))
    with pytest.raises(
        ConfigError, match=r"conserve_in: `Z_pt` is none of the flat inputs.*`?Z_Pt"
    ) as caught:
        load(_run(folder), folder)
    assert "flatten_in: `Z_pt` is none" in str(caught.value)


def test_no_bound_of_a_key_overrides_another():
    """Of two of a kind, one of the type and one of the key, pydantic holds one alone, and not the key's."""
    kinds = {"Ge", "Gt", "Le", "Lt", "MinLen", "MaxLen", "MultipleOf"}
    records = [record for _, _, record in (*reference.FILES, *reference.plugged())]
    assert len(records) > 60
    both = [
        f"{record.__module__}.{record.__name__}.{name}: {bound}"
        for record in records
        for name, field in record.model_fields.items()
        for bound, n in Counter(type(one).__name__ for one in field.metadata).items()
        if bound in kinds and n > 1
    ]
    assert both == []


def test_reference_is_current():
    """docs/config.md says what the records say; its second line names the command that mends it."""
    assert (ROOT / "docs" / "config.md").read_text() == reference.markdown()
