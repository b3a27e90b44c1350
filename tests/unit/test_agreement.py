"""What files say of their events: nothing is assumed where they are silent, and no contradiction passes."""

import awkward as ak
import numpy as np
import pytest

from jetsmith import io, sources
from jetsmith.errors import InputError
from jetsmith.skimming import inspection, suitability
from jetsmith.skimming import partition as skim
from jetsmith.sources import leptons, mock
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, TrainingSpec
from jetsmith.specs.datasets import LAYOUTS, DatasetSpec, LeptonsSpec, SelectionSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=2)
PATHS = ("HLT_A", "HLT_B")


def table(seed=1, first_event=0, n=30, drop=(), jets=(), **more):
    """A chunk of NanoAOD without some branches and some quantities of its jets."""
    found = mock.events(n, seed, with_candidates=False, first_event=first_event) | more
    kept = [name for name in found["Jet"].fields if name not in jets]
    return {name: value for name, value in found.items() if name not in drop} | {"Jet": found["Jet"][kept]}


@pytest.fixture
def write(tmp_path):
    """Write chunks as one file of that name."""
    return lambda name, *tables: mock.write(tmp_path / f"{name}.root", tables)


def inspect(folder, files, jet_id=2, **keys):
    """The plan."""
    spec, output = SPEC.model_copy(update=keys), folder / "inspect.json"
    output.unlink(missing_ok=True)
    inspection.inspect_dataset("test", spec, files, 1, PartitionSpec(), output, jet_id=jet_id)
    return io.read_json(output)


def refused(folder, files, jet_id=2, **keys):
    """What inspect says where it writes no plan."""
    with pytest.raises(InputError) as error:
        inspect(folder, files, jet_id, **keys)
    assert not (folder / "inspect.json").exists()
    return str(error.value)


def skimmed(folder, files, cuts=CUTS, **keys):
    """Rows and report of all files."""
    inspect(folder, files, cuts.jet_id, **keys)
    paths = [folder / name for name in ("0.parquet", "0.json", "0.identity.parquet")]
    spec = SPEC.model_copy(update=keys)
    skim.skim_partition("test", spec, cuts, SkimSpec(), folder / "inspect.json", 0, *paths)
    return io.read_rows(paths[0]), io.read_json(paths[1])


def test_simulation_is_no_data(tmp_path, write):
    """`is_data: true` would give it weight 1 and no truth; file, reason and key are named."""
    path = write("a", table())
    message = refused(tmp_path, [path], is_data=True)
    assert f"is_data: true, but {path} (genWeight, Jet_hadronFlavour" in message
    assert inspect(tmp_path, [path])["content"]["simulated"] is True


def test_data_are_no_simulation(tmp_path, write):
    """Without is_data they would count as simulation of weight 1 whose jets are all unmatched."""
    path = write("a", mock.measured(table()))
    message = refused(tmp_path, [path])
    assert path in message
    assert "`is_data: true`" in message
    rows, report = skimmed(tmp_path, [path], is_data=True)
    assert set(rows["flavour"]) == {-1}
    assert (report["sum_w"], set(rows["weight"])) == (30, {1})


@pytest.mark.parametrize("is_data", [True, False])
def test_no_list_mixes_them(tmp_path, write, is_data):
    """Both files are named, whatever the dataset says."""
    files = [write("a", table(1)), write("b", mock.measured(table(2)))]
    message = refused(tmp_path, files, is_data=is_data)
    assert f"{files[0]} (" in message
    assert f"{files[1]} (" in message
    assert "simulation and data in one list" in message


@pytest.mark.parametrize(
    "sign",
    ["genWeight", "Generator_weight", "LHEWeight_originalXWGTUP", "Pileup_nTrueInt"],
)
def test_any_branch_of_a_generator_tells(tmp_path, write, sign):
    """Skims drop branches, seldom all; one that is left in a run of its own still tells."""
    path = write("a", mock.measured(table()) | {sign: np.ones(30, np.float32)})
    assert sign in refused(tmp_path, [path], is_data=True)


def test_run_one_is_simulation(tmp_path, write):
    """A skim that dropped every branch of the generator left the run that CMS gives to simulation."""
    path = write("a", mock.measured(table(), run=1))
    assert "(events of run 1) is simulated" in refused(tmp_path, [path], is_data=True)
    assert "no generator weight in any file" in refused(tmp_path, [path])
    found = inspect(tmp_path, [path], weights="unit")
    assert found["content"]["simulated"] is True
    assert found["content"]["untold"][0]["become"] == 999


def test_run_one_among_data_stops_the_skim(tmp_path, write):
    """The first event does not speak for all of a file that was merged."""
    path = write("a", mock.measured(table(1)), mock.measured(table(2, 100), run=1))
    with pytest.raises(InputError, match=r"is_data: true, but its events are of run 1"):
        skimmed(tmp_path, [path], is_data=True)


@pytest.mark.parametrize("turn", [False, True])
def test_a_weight_in_one_file_alone(tmp_path, write, turn):
    """The others would get weight 1 beside weights of 27,000."""
    files = [write("a", table(1)), write("b", table(2, 100, drop=["genWeight"]))]
    message = refused(tmp_path, files[::-1] if turn else files)
    assert f"genWeight in {files[0]}" in message
    assert f"none in {files[1]}" in message


def test_weights_of_one_branch(tmp_path, write):
    """Generator_weight has 14 bits: it serves where all files have it, not in the place of genWeight."""
    other = table(2, 100, drop=["genWeight"], Generator_weight=np.full(30, 0.25, np.float32))
    files = [write("a", table(1)), write("b", other)]
    assert f"Generator_weight in {files[1]}" in refused(tmp_path, files)
    rows, report = skimmed(tmp_path, files[1:])
    assert set(rows["weight"]) == {0.25}
    assert report["sum_w"] == 7.5
    assert io.read_json(tmp_path / "inspect.json")["content"]["weight"] == "Generator_weight"


def test_no_weight_at_all(tmp_path, write):
    """The weight of the matrix element is none; weights of 1 are asked for, and then shown."""
    path = write("a", table(drop=["genWeight"], LHEWeight_originalXWGTUP=np.full(30, 9.0, np.float32)))
    message = refused(tmp_path, [path])
    assert path in message
    assert "`weights: unit`" in message
    rows, report = skimmed(tmp_path, [path], weights="unit")
    assert (report["sum_w"], set(rows["weight"])) == (30, {1})
    content = io.read_json(tmp_path / "inspect.json")["content"]
    assert (content["simulated"], content["weight"]) == (True, None)


def test_unit_weights_where_there_are_others(tmp_path, write):
    """A key that was copied from another dataset does not drop signs."""
    assert "weights: unit, but its files hold genWeight" in refused(
        tmp_path, [write("a", table())], weights="unit"
    )


def test_files_without_entries_say_nothing(tmp_path, write):
    """Merging leaves files of no entries without branches."""
    files = [write("a", table()), write("b", table(2, n=0, drop=["genWeight"], jets=["jetId"]))]
    found = inspect(tmp_path, files, hlt=["HLT_PFJet40"])
    expected = {"simulated": True, "weight": "genWeight", "not_applied": {}, "absent_hlt": {}}
    assert {key: found["content"][key] for key in expected} == expected
    assert inspect(tmp_path, files[1:])["content"]["simulated"] is None


def test_a_cut_that_files_cannot_make(tmp_path, write):
    """jet_id: 2 is the default: it is applied, or the run stops before it reads, or the cutflow says no."""
    files = [write("a", table(1)), write("b", table(2, 100, jets=["jetId"]))]
    message = refused(tmp_path, files)
    assert f"1 of 2 files, such as {files[1]} (no Jet_jetId" in message
    assert "`without: [jet_id]`" in message
    rows, report = skimmed(tmp_path, files, without=["jet_id"])
    jets = ak.concatenate([table(1)["Jet"], table(2, 100)["Jet"]])
    n_central = int(ak.sum((jets["pt"] >= 30) & (abs(jets["eta"]) <= 2.5)))
    assert len(rows) == n_central  # in none of the files, also not where it could be
    last = report["cutflow"][-1]
    assert (last["cut"], last["n"], last["applied"]) == ("jet_id", n_central, False)
    assert all("applied" not in line for line in report["cutflow"][:-1])
    assert "no Jet_jetId" in io.read_json(tmp_path / "inspect.json")["content"]["not_applied"]["jet_id"]
    _, report = skimmed(tmp_path, files, CUTS.model_copy(update={"jet_id": 0}))
    assert [line["cut"] for line in report["cutflow"]] == ["entries", "jets", "pt", "abseta"]


def test_a_skim_alone_makes_no_exception(tmp_path, write):
    """Whatever inspect was asked: a cut is not left out."""
    path = write("a", table(jets=["jetId"]))
    inspect(tmp_path, [path], jet_id=0)
    paths = [tmp_path / name for name in ("0.parquet", "0.json", "0.identity.parquet")]
    with pytest.raises(InputError, match=r"a.root, entries .*jet_id: 2: no Jet_jetId"):
        skim.skim_partition("test", SPEC, CUTS, SkimSpec(), tmp_path / "inspect.json", 0, *paths)
    assert not paths[1].exists()


def test_a_cut_of_another_layout(tmp_path, write):
    """`without: [jvt]` says nothing of CMS files."""
    assert "knows `jet_id` alone" in refused(tmp_path, [write("a", table())], without=["jvt"])


FRACTIONS = ("neHEF", "neEmEF", "chHEF", "chMultiplicity", "neMultiplicity", "chEmEF", "muEF")


def newer(seed, first_event):
    """A chunk as NanoAOD v15 has it: what the identification is computed from, not the result."""
    found = table(seed, first_event, jets=["jetId"])
    for name in FRACTIONS:
        found["Jet"] = ak.with_field(found["Jet"], ak.values_astype(found["Jet"]["pt"] * 0 + 0.4, "f4"), name)
    return found


def test_what_a_cut_is_made_from(tmp_path, write):
    """Computed or stored: said, and the same in all files; both in one list would be two cuts of one name."""
    files = [write("a", table(1)), write("b", newer(2, 100))]
    message = refused(tmp_path, files)
    assert "jet_id is not the same in all files" in message
    assert all(path in message for path in files)
    found = inspect(tmp_path, files[1:])["content"]
    assert "computed from neHEF" in found["instead"]["jet_id"]
    assert inspect(tmp_path, files[:1])["content"]["instead"].keys() == {"leptons"}
    assert inspect(tmp_path, files, without=["jet_id"])["content"]["instead"].keys() == {"leptons"}


def test_truth_of_two_origins(tmp_path, write):
    """Counts of the jets and counts in generator jets differ by a few percent: not in one dataset."""
    bare = table(2, 100, jets=["nBHadrons", "nCHadrons"])
    bare["Jet"] = ak.with_field(bare["Jet"], ak.values_astype(bare["Jet"]["pt"] * 0, "i4"), "genJetIdx")
    counts = {name: np.ones(30, np.int32) for name in ("nBHadrons", "nCHadrons")}
    bare["GenJet"] = ak.unflatten(ak.zip(counts), np.ones(30, int))
    files = [write("a", table(1)), write("b", bare)]
    assert "truth is not the same in all files" in refused(tmp_path, files)
    found = inspect(tmp_path, files[1:])["content"]["instead"]
    assert found["truth"] == "hadrons counted in generator jets, as jets have no counts of their own"


def test_leptons_among_the_jets_are_said(tmp_path, write):
    """Of simulated small jets whose events are selected by no leptons; which these are no truth knows."""
    plain = inspect(tmp_path, [write("a", table(1))])["content"]["instead"]
    assert "as gluon or light jets" in plain["leptons"]
    spec = DatasetSpec(object="ak4", process="test", files=("x",))
    assert "taus are unmatched" in leptons.among_jets("physlite", spec)
    assert "and so are taus" in leptons.among_jets("pfnano", spec)
    for keys in ({"is_data": True}, {"object": "ak8"}, {"leptons": LeptonsSpec(channels=("e",))}):
        assert leptons.among_jets("nanoaod", spec.model_copy(update=keys)) == ""
    assert leptons.among_jets("deepntuples", spec) == ""


def test_vertices_of_another_kind(tmp_path, write):
    """PV_npvsGood leaves vertices out: it serves, and is said; beside PV_npvs it does not."""
    other = table(2, 100, drop=["PV_npvs"], PV_npvsGood=np.full(30, 7, np.int32))
    files = [write("a", table(1)), write("b", other)]
    assert "n_pv is not the same in all files" in refused(tmp_path, files)
    rows, _ = skimmed(tmp_path, files[1:])
    assert set(rows["n_pv"]) == {7}
    assert "PV_npvsGood" in io.read_json(tmp_path / "inspect.json")["content"]["instead"]["n_pv"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_one_cut_a_layout(name):
    """The parse, which imports no layout, knows the cut by the name that the layout gives it."""
    found = sources.load(name).unable(set(), "ak4", 2)
    assert set(found) <= {LAYOUTS[name].cut}
    assert found or name == "pfnano", found


def test_damage_where_the_kind_is_read(tmp_path, write, monkeypatch):
    """What cannot be decompressed there is damage of the file, and may be a declared loss."""

    def broken(*arguments):
        raise ValueError("bytes")

    path = write("a", mock.measured(table()))
    monkeypatch.setattr("jetsmith.sources.trees.Tree.read", broken)
    with pytest.raises(InputError, match=rf"{path}: damaged metadata: ValueError: bytes"):
        inspect(tmp_path, [path], is_data=True)


def fired(seed):
    return np.random.default_rng(seed).integers(0, 2, 30).astype(bool)


def test_paths_come_and_go(tmp_path, write):
    """A path that a file lacks has not fired there; the plan says where; other files are as before."""
    tables = [
        table(1, 0, HLT_A=fired(1)),
        table(2, 100, HLT_B=fired(2)),
        table(3, 200, HLT_A=fired(3), HLT_B=fired(4)),
        table(4, 300),
    ]
    files = [write(name, content) for name, content in zip("abcd", tables, strict=True)]
    rows, report = skimmed(tmp_path, files, hlt=PATHS)
    passed = [content.get("HLT_A", False) | content.get("HLT_B", np.zeros(30, bool)) for content in tables]
    expected = {
        int(event)
        for content, mask in zip(tables, passed, strict=True)
        for event in content["event"][np.broadcast_to(mask, 30)]
    }
    assert report["cutflow"][1]["cut"] == "trigger"
    assert report["cutflow"][1]["n"] == len(expected) == sum(int(np.sum(mask)) for mask in passed)
    assert set(rows["event"]) <= expected
    assert set(rows["event"] // 100) == {0, 1, 2}
    found = io.read_json(tmp_path / "inspect.json")
    assert found["content"]["absent_hlt"] == {"HLT_A": [files[1], files[3]], "HLT_B": [files[0], files[3]]}


def test_a_path_that_no_file_has(tmp_path, write):
    """It stops as a typo would, with close names, also beside a path that is there."""
    files = [write("a", table(1, HLT_A=fired(1))), write("b", table(2, 100, HLT_B=fired(2)))]
    message = refused(tmp_path, files, hlt=("HLT_A", "HLT_PFJet400"))
    assert "no trigger branch `HLT_PFJet400` in any file" in message
    assert "HLT_PFJet40" in message.split("close to it")[1]


CLASSES = {
    "b_jets": (500, 510, 511, 520, 521),
    "b": (500, 510, 511),
    "one_b": (500, 520, 521),
    "bb": (510, 511),
    "lepb": (520, 521),
    "light": (0, 1, 2),
    "c_jets": (400, 410, 411),
}


def check(folder, *names):
    """Stage check of a tagger with these classes."""
    classes = [ClassSpec(name=name, truth=CLASSES[name], label=name, color="#000000") for name in names]
    spec = ClassifierSpec(
        name="tagger", role="tagger", sample="s", backend="xgboost", title="t", object="ak4",
        classes=tuple(classes), training=TrainingSpec(),
        inputs=(Inputs(group="ak4", kind="flat", length=0, features=("a",), sources=("jet_pt_gev",)),),
    )  # fmt: skip
    suitability.check_classifier(spec, [folder / "inspect.json"], set, folder / "check.json", told=classes)


FLAVOURS = ("hadronFlavour", "nBHadrons", "nCHadrons")  # of each alone the flavour can be told


def test_truth_that_one_file_lacks(tmp_path, write):
    """Its jets are all unmatched: no tagger can be trained on half of a dataset without a word."""
    files = [write("a", table(1)), write("b", table(2, 100, jets=FLAVOURS))]
    (untold, *_) = [u for u in inspect(tmp_path, files)["content"]["untold"] if u["become"] == 999]
    assert (untold["n_files"], untold["file"], untold["lacks"]) == (1, files[1], "Jet_hadronFlavour")
    with pytest.raises(InputError) as error:
        check(tmp_path, "b_jets", "light")
    for word in ("tagger", "dataset test", files[1], "Jet_hadronFlavour", "b_jets, light"):
        assert word in str(error.value)


def test_classes_that_need_no_difference_pass(tmp_path, write):
    """Without generator particles leptonic b are among the b: who keeps them together may go on."""
    inspect(tmp_path, [write("a", table())])
    check(tmp_path, "b_jets", "light")
    with pytest.raises(InputError, match=r"truth 520, 521 cannot be told from 500 \(no GenPart_pt"):
        check(tmp_path, "b", "lepb", "light")


def test_a_file_that_cannot_tell_b_from_bb(tmp_path, write):
    """Without any count of hadrons all b jets seem to have one: who keeps b and bb apart stops, by class."""
    path = write("a", table(jets=["nBHadrons"]))
    (untold, *_) = inspect(tmp_path, [path])["content"]["untold"]
    assert (untold["ids"], untold["become"]) == ([510, 511], 500)
    check(tmp_path, "b_jets", "light")
    with pytest.raises(InputError) as error:
        check(tmp_path, "one_b", "bb", "light")
    for word in ("truth 510, 511 cannot be told from 500 (no Jet_nBHadrons", path, "classes one_b, bb need"):
        assert word in str(error.value)


def test_light_jets_without_partons(tmp_path, write):
    """They are unmatched; heavy ones are not."""
    inspect(tmp_path, [write("a", table(jets=["partonFlavour"]))])
    with pytest.raises(InputError, match=r"truth 0, 1, 2 .*no Jet_partonFlavour.*classes light need"):
        check(tmp_path, "b_jets", "light")
    check(tmp_path, "b_jets", "c_jets")


def test_data_have_no_truth_to_tell(tmp_path, write):
    """Of data it is not asked at check: the parse does."""
    path = write("a", mock.measured(table()))
    assert inspect(tmp_path, [path], is_data=True)["content"]["untold"] == []


def test_the_log_says_it(tmp_path, write, capsys):
    """What is left out, absent and not told stands in the log of inspect."""
    files = [write("a", table(1, jets=["jetId"])), write("b", table(2, 100, HLT_B=fired(2), jets=["jetId"]))]
    inspect(tmp_path, files, without=["jet_id"], hlt=["HLT_B"])
    log = capsys.readouterr().err
    assert "[inspect test] cut jet_id is not applied: no Jet_jetId" in log
    assert f"trigger HLT_B is absent in 1 files, so not fired there: {files[0]}" in log
    assert "cannot be told from 500" in log
