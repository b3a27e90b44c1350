"""Stage inspect: damaged and foreign files are named, and the plan holds each entry once."""

import sys
import time
from functools import partial

import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.derivations.ways import Way
from jetsmith.errors import InputError
from jetsmith.features.derived import available_with_derived, origins
from jetsmith.skimming import inspection, suitability
from jetsmith.skimming import plan as partition
from jetsmith.sources import mock
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, TrainingSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.features import ColumnGroup, ColumnSpec, Inputs
from jetsmith.specs.skimming import PartitionSpec
from tests.unit.plans import file_found

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))


def inspect(folder, files, spec=SPEC, n_parts=1):
    output = folder / "inspect.json"
    inspection.inspect_dataset("test", spec, [str(f) for f in files], n_parts, PartitionSpec(), output)
    return io.read_json(output)


def fails(folder, files, spec=SPEC):
    with pytest.raises(InputError) as error:
        inspect(folder, files, spec)
    assert not (folder / "inspect.json").exists()
    return str(error.value)


def planned(files, n_parts, target):
    """The partitions, as JSON has them, of files given by what the plan looks at."""
    found = [file_found(**file | {"bounds": tuple(file["bounds"])}) for file in files]
    return [io.plain(part) for part in partition.plan_parts(found, n_parts, target)]


def covered(found):
    """All entries of a plan as (file, entry)."""
    return [
        (piece["file"], entry)
        for part in found["parts"]
        for piece in part["ranges"]
        for entry in range(piece["start"], piece["stop"])
    ]


def test_a_good_dataset(tmp_path):
    """Files of one layout, one of them without entries; Runs trees are added up."""
    runs = {"genEventCount": np.int64(99), "genEventSumw": np.float64(49.5)}
    files = [
        mock.write(tmp_path / "a.root", [mock.events(30, 1), mock.events(20, 2)], runs=runs),
        mock.write(tmp_path / "b.root", [mock.events(0, 3)], runs=runs),
    ]
    found = inspect(tmp_path, files, n_parts=3)
    assert found["layout"] == "pfnano"
    assert found["n_entries"] == 50
    assert [record["runs"] for record in found["files"]] == [
        {"n_events": 99, "sum_w": 49.5, "sum_w2": None}
    ] * 2
    first, second = found["files"]
    assert (first["entries"], first["bounds"]) == (50, [0, 30, 50])
    assert first["codec"] == "ZSTD(1)"
    assert first["tree"] == "Events"
    assert second["entries"] == 0
    schema = found["schemas"][first["schema"]]
    assert schema["constituents"]
    assert {"cpf_pt_gev", "stored_btagDeepFlavB"} <= set(schema["available"])
    assert "sv_pt_gev" in schema["missing"]
    assert covered(found) == [(files[0], entry) for entry in range(50)]


def test_all_files_empty(tmp_path):
    """A dataset without entries passes inspect, with partitions that hold nothing."""
    found = inspect(tmp_path, [mock.write(tmp_path / "a.root", [mock.events(0)])], n_parts=2)
    assert [part["ranges"] for part in found["parts"]] == [[], []]
    assert "jet_pt_gev" in found["columns"]


def test_columns_are_those_of_every_file(tmp_path):
    """A score that one file lacks is no column of the dataset; each file keeps its own list."""
    without = mock.events(20, 2)
    without["Jet"] = without["Jet"][[f for f in without["Jet"].fields if f != "btagDeepFlavB"]]
    files = [
        mock.write(tmp_path / "a.root", [mock.events(20, 1)]),
        mock.write(tmp_path / "b.root", [without]),
    ]
    found = inspect(tmp_path, files)
    assert "stored_btagDeepFlavB" not in found["columns"]
    assert "stored_btagDeepFlavB" in found["schemas"][found["files"][0]["schema"]]["available"]


def test_damaged_files_are_named(tmp_path):
    """Missing, a folder, empty, not ROOT, truncated: each with the file and what is wrong."""
    good = tmp_path / "good.root"
    mock.write(good, [mock.events(50)])
    empty, text, cut, junk = (tmp_path / f"{name}.root" for name in ("empty", "text", "cut", "junk"))
    empty.write_bytes(b"")
    text.write_text("not a ROOT file at all, but long enough")
    cut.write_bytes(good.read_bytes()[:-100])
    content = bytearray(good.read_bytes())
    content[60:400] = b"\0" * 340
    junk.write_bytes(content)
    for path, word in [
        (tmp_path / "gone.root", "no such file"),
        (tmp_path, "a folder"),
        (empty, r"empty (0 bytes)"),
        (text, "not a ROOT file"),
        (cut, "truncated"),
        (junk, "damaged"),
    ]:
        message = fails(tmp_path, [good, path])
        assert str(path) in message
        assert word in message


def test_foreign_files_are_named(tmp_path):
    """A ROOT file without a tree that is read, and one whose tree lacks jets."""
    path = tmp_path / "foreign.root"
    with uproot.recreate(path) as file:
        file.mktree("Delphes", {"x": np.dtype("f4")}).extend({"x": np.ones(3, "f4")})
    assert "a file of Delphes (`Delphes`)" in fails(tmp_path, [path])
    other = tmp_path / "xaod.root"  # every xAOD of ATLAS has this tree
    with uproot.recreate(other) as file:
        file.mktree("CollectionTree", {"x": np.dtype("f4")}).extend({"x": np.ones(3, "f4")})
    message = fails(tmp_path, [other])
    assert (
        "no known layout; the nearest is `physlite`: it lacks EventInfoAuxDyn.eventNumber, Analysis"
        in message
    )
    bare = mock.events(5)
    del bare["Jet"]
    other = mock.write(tmp_path / "bare.root", [bare])
    assert "the nearest is `nanoaod`: it lacks one of Jet_pt, FatJet_pt, GenJet_pt" in fails(
        tmp_path, [other]
    )


def test_the_same_file_twice(tmp_path):
    """A copy under another name would count twice."""
    first = tmp_path / "a.root"
    mock.write(first, [mock.events(5)])
    second = tmp_path / "b.root"
    second.write_bytes(first.read_bytes())
    assert "the same file" in fails(tmp_path, [first, second])


def test_wrong_layout_and_object(tmp_path):
    """The message says which layout it is, and which objects the file can serve."""
    path = mock.write(tmp_path / "a.root", [mock.events(5, with_candidates=False)])
    assert "layout: nanoaod" in fails(tmp_path, [path], SPEC.model_copy(update={"layout": "pfnano"}))
    assert "it can serve: ak4" in fails(tmp_path, [path], SPEC.model_copy(update={"object": "ak8"}))
    other = mock.write(tmp_path / "b.root", [mock.events(5, 2)])
    assert "several layouts" in fails(tmp_path, [path, other])
    asked = inspect(tmp_path, [path, other], SPEC.model_copy(update={"layout": "nanoaod"}))
    assert asked["layout"] == "nanoaod"


def test_missing_trigger_names_close_ones(tmp_path):
    """A typo in a trigger is found at once."""
    path = mock.write(tmp_path / "a.root", [mock.events(5)])
    assert "HLT_PFJet40" in fails(tmp_path, [path], SPEC.model_copy(update={"hlt": ("HLT_PFJet400",)}))


def test_remote_files_need_their_package(tmp_path, monkeypatch):
    """Without the XRootD client the message says what to install."""
    monkeypatch.setitem(sys.modules, "XRootD", None)
    message = fails(tmp_path, ["root://host//a.root"])
    assert "extra `xrootd`" in message


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("seed", range(4))
def test_every_entry_is_in_one_partition(n_parts, seed):
    """Random files and clusters: exactly n_parts, all entries once and in order."""
    rng = np.random.default_rng(seed)
    records = []
    for index in range(int(rng.integers(1, 9))):
        entries = int(rng.choice([0, 1, 10, 1000]))
        inner = sorted({int(b) for b in rng.integers(0, entries + 1, 3)} - {0, entries})
        bounds = [0, *inner, entries] if entries else [0]
        records.append(
            {"file": f"{index}", "uuid": f"{index}", "entries": entries, "bounds": bounds}
            | {"bytes": int(rng.integers(100, 10**6))}
        )
    parts = planned(records, n_parts, PartitionSpec())
    assert [part["part"] for part in parts] == [f"{i:03d}" for i in range(n_parts)]
    expected = [(r["file"], entry) for r in records for entry in range(r["entries"])]
    assert covered({"parts": parts}) == expected


@st.composite
def file_records(draw):
    """Files as inspect describes them: some without entries, boundaries anywhere."""
    records = []
    for index in range(draw(st.integers(1, 6))):
        entries = draw(st.integers(0, 300))
        inner = draw(st.sets(st.integers(1, max(entries - 1, 1)), max_size=5)) if entries > 1 else set()
        records.append(
            {"file": str(index), "uuid": str(index), "entries": entries}
            | {"bytes": draw(st.integers(1, 10**9)), "bounds": sorted({0, entries, *inner})}
        )
    return records


@given(records=file_records(), n_parts=st.integers(1, 20))
def test_partitions_are_complete_and_balanced(records, n_parts):
    """Each entry is in one partition; none costs more than a cut at either end may move, and an entry."""
    target = PartitionSpec(target_mb=100, target_entries=100)
    parts = planned(records, n_parts, target)
    assert covered({"parts": parts}) == [(r["file"], entry) for r in records for entry in range(r["entries"])]
    cost = {
        r["file"]: max(r["bytes"] / 100e6, r["entries"] / 100) / r["entries"] for r in records if r["entries"]
    }
    costs = [sum(cost[p["file"]] * (p["stop"] - p["start"]) for p in part["ranges"]) for part in parts]
    mean = sum(costs) / n_parts
    slack = 2 * partition.SNAP * mean + max(cost.values(), default=0) + 1e-6
    assert all(abs(found - mean) <= slack for found in costs)


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
def test_what_an_entry_costs_moves_no_cut_of_one_file_or_partition(n_parts):
    """So inspect is not told there (`stages.inspect`), and another target reads no file again."""
    targets = (PartitionSpec(target_mb=1e-6), PartitionSpec(target_entries=1))
    few = {"file": "a", "uuid": "a", "entries": 1000, "bytes": 10**6, "bounds": [0, 480, 1000]}
    many = few | {"file": "b", "uuid": "b", "entries": 10**6, "bounds": [0, 10**6]}
    for_bytes, for_entries = (planned([few], n_parts, target) for target in targets)
    assert for_bytes == for_entries
    for_bytes, for_entries = (planned([few, many], n_parts, target) for target in targets)
    assert (for_bytes == for_entries) == (n_parts == 1)


def test_many_files_are_planned_quickly():
    """10,000 files with as many boundaries as are kept take well under a second."""
    record = {"entries": 500_000, "bytes": 10**8, "bounds": list(range(0, 500_001, 1000))}
    records = [record | {"file": str(i), "uuid": str(i)} for i in range(10_000)]
    begin = time.process_time()
    parts = planned(records, 2_000, PartitionSpec())
    assert time.process_time() - begin < 1
    assert len(parts) == 2_000


def test_partitions_are_balanced_and_cut_at_clusters():
    """Equal files give equal partitions; a cluster boundary nearby is taken."""
    record = {"file": "a", "uuid": "a", "entries": 1000, "bytes": 10**6, "bounds": [0, 480, 1000]}
    parts = planned([record], 2, PartitionSpec())
    assert [(r["start"], r["stop"]) for part in parts for r in part["ranges"]] == [(0, 480), (480, 1000)]
    many = [{**record, "file": str(i), "entries": 100, "bounds": [0, 100]} for i in range(10)]
    parts = planned(many, 5, PartitionSpec())
    assert [len(part["ranges"]) for part in parts] == [2] * 5


def test_chunks_cover_the_range():
    """Chunks are no longer than allowed and end at cluster boundaries where these are near."""
    found = list(partition.chunks(5, 100, [0, 30, 60, 90, 120], 40))
    assert found == [(5, 30), (30, 60), (60, 100)]
    assert list(partition.chunks(0, 25, [0, 25], 10)) == [(0, 10), (10, 20), (20, 25)]


def classifier(sources, backend="xgboost"):
    two = [ClassSpec(name=n, truth=(i,), label=n, color="#000000") for i, n in enumerate("bc")]
    return ClassifierSpec(
        name="tagger", role="tagger", sample="s", backend=backend, title="t", object="ak4",
        classes=tuple(two), training=TrainingSpec(),
        inputs=(Inputs(group="ak4", kind="flat", length=0, features=("a",), sources=sources),),
    )  # fmt: skip


def test_check_classifier(tmp_path):
    """A column that is stored or derivable passes; another names dataset, file, input and remedy."""
    path = mock.write(tmp_path / "a.root", [mock.events(5, with_candidates=False)])
    inspect(tmp_path, [path])
    inspections, output = [tmp_path / "inspect.json"], tmp_path / "check.json"

    def derivable(available):
        return available | {"derived_column"}

    good = classifier(("jet_pt_gev", "derived_column", "stored_btagDeepFlavB"))
    suitability.check_classifier(good, inspections, derivable, output)
    assert io.read_json(output)["classifier"] == "tagger"
    output.unlink()
    with pytest.raises(InputError) as error:
        suitability.check_classifier(classifier(("cpf_pt_gev",)), inspections, derivable, output)
    message = str(error.value)
    assert not output.exists()
    for word in ("tagger", "dataset test", "nanoaod", "cpf_pt_gev", path, "inputs ak4", "stored"):
        assert word in message
    with pytest.raises(InputError, match="stored_btagDeepFlavB"):
        suitability.check_classifier(classifier(("stored_JP",)), inspections, derivable, output)


def test_check_refuses_what_cannot_be_turned(tmp_path):
    """A stored score serves a sample as it is; with turned signs it is refused, and its feature named."""
    path = mock.write(tmp_path / "a.root", [mock.events(5)])
    inspect(tmp_path, [path])
    inspections, output = [tmp_path / "inspect.json"], tmp_path / "check.json"
    source = {"a": ColumnSpec(source="stored_btagDeepFlavB")}
    group = ColumnGroup(name="ak4", object="ak4", kind="flat", features=source)
    given = classifier(("stored_btagDeepFlavB",)), inspections, set, output
    suitability.check_classifier(*given, groups=[group])
    with pytest.raises(InputError) as error:
        suitability.check_classifier(*given, groups=[group], is_turned=True)
    for word in ("dataset test", "with turned signs", "stored_btagDeepFlavB", "by ak4.a", "its files hold"):
        assert word in str(error.value)
    good = classifier(("jet_pt_gev",)), inspections, set, output
    suitability.check_classifier(*good, sample="mirrored", is_turned=True)
    found = io.read_json(output)
    assert (found["sample"], found["is_turned"], [*found["datasets"]]) == ("mirrored", True, ["test"])


def test_check_warns_of_stand_ins_of_turned_signs(tmp_path, capsys):
    """What files hold as it came is derived of turned tracks, perhaps by a stand-in: log and file say so."""
    inspect(tmp_path, [mock.write(tmp_path / "a.root", [mock.events(5, with_candidates=True)])])
    asked = []

    def stand_ins(wanted, stored):
        asked.append("stored_btagDeepFlavB" in stored)
        return {} if asked[-1] else {"guess": ("nobody knows", ["jet_pt_gev"])}

    suitability.check_classifier(
        classifier(("jet_pt_gev",)), [tmp_path / "inspect.json"], set, tmp_path / "check.json",
        sample="mirrored", is_turned=True, stand_ins=stand_ins,
    )  # fmt: skip
    assert asked == [False]
    found = io.read_json(tmp_path / "check.json")
    told = {"guess": {"reason": "nobody knows", "features": []}}
    assert found["datasets"]["test"]["stand_ins"] == told
    assert "dataset test with turned signs (layout" in capsys.readouterr().err


def test_check_warns_of_what_is_stored_in_one_dataset_and_computed_in_another(tmp_path, capsys):
    """A tagger would tell data sets by it. Of what comes from it, too, and of nothing that all have alike."""
    ways = {
        "cpf_sip3d_val_cm": (Way("signed_ip_3d", ("cpf_pt_gev",)),),
        "guess": (Way("x", ("cpf_sip3d_val_cm", "jet_pt_gev")),),
    }
    with_, without = mock.events(5), mock.events(5, seed=2)
    without["JetPFCands"] = without["JetPFCands"][["jetIdx", "pFCandsIdx"]]
    for name, events in (("with", with_), ("without", without)):
        inspect(tmp_path, [mock.write(tmp_path / f"{name}.root", [events])])
        content = io.read_json(tmp_path / "inspect.json")
        io.write_json(tmp_path / f"{name}.json", content | {"dataset": name})
    inspections, output = [tmp_path / "with.json", tmp_path / "without.json"], tmp_path / "check.json"
    group = ColumnGroup(name="ak4", object="ak4", kind="flat", features={"a": ColumnSpec(source="guess")})
    derivable = partial(available_with_derived, ways=ways)
    given = classifier(("guess", "jet_pt_gev")), inspections, derivable, output
    suitability.check_classifier(*given, groups=[group], origins=partial(origins, ways=ways))
    found = io.read_json(output)["datasets"]
    reason = "computed, while files of with hold it"
    assert found["without"]["stand_ins"] == {"cpf_sip3d_val_cm": {"reason": reason, "features": ["ak4.a"]}}
    assert "stand_ins" not in found["with"]
    assert f"WARNING: dataset without (layout pfnano) gives a stand-in for cpf_sip3d_val_cm: {reason}" in (
        capsys.readouterr().err
    )
    suitability.check_classifier(given[0], inspections[1:], *given[2:], origins=partial(origins, ways=ways))
    assert "stand_ins" not in io.read_json(output)["datasets"]["without"]


def test_check_warns_of_stand_ins(tmp_path, capsys):
    """In the log and in its file: dataset, column, reason and features; nothing where there is none."""
    inspect(tmp_path, [mock.write(tmp_path / "a.root", [mock.events(5, with_candidates=True)])])
    inspections, output = [tmp_path / "inspect.json"], tmp_path / "check.json"
    group = ColumnGroup(name="ak4", object="ak4", kind="flat", features={"a": ColumnSpec(source="guess")})
    asked = []

    def derivable(available):
        return available | {"guess"}

    def stand_ins(wanted, stored):
        asked.append((wanted, "cpf_pt_gev" in stored))
        return {"root_of_guess": ("nobody knows", ["guess"])}

    tagger = classifier(("guess",))
    suitability.check_classifier(tagger, inspections, derivable, output, groups=[group], stand_ins=stand_ins)
    assert asked == [(["guess"], True)]
    told = io.read_json(output)["datasets"]["test"]["stand_ins"]
    assert told == {"root_of_guess": {"reason": "nobody knows", "features": ["ak4.a"]}}
    log = capsys.readouterr().err
    for word in ("[check tagger] WARNING", "dataset test", "root_of_guess: nobody knows", "read by ak4.a"):
        assert word in log
    suitability.check_classifier(tagger, inspections, derivable, output, groups=[group])
    assert "stand_ins" not in io.read_json(output)["datasets"]["test"]
    assert "WARNING" not in capsys.readouterr().err


def test_what_orders_a_sequence_alone_may_be_absent(tmp_path, capsys):
    """Lists stay as they are, and it is said; where a feature is made of the column it is refused."""
    inspect(tmp_path, [mock.write(tmp_path / "a.root", [mock.events(5)])])
    inspections, output = [tmp_path / "inspect.json"], tmp_path / "check.json"
    features = {"a": ColumnSpec(source="jet_pt_gev"), "b": ColumnSpec(source="cpf_nowhere")}
    group = ColumnGroup(
        name="ak4", object="ak4", kind="sequence", length=7, sort_by="cpf_nowhere", features=features
    )
    spec = classifier(("jet_pt_gev", "cpf_nowhere"))
    suitability.check_classifier(spec, inspections, set, output, groups=[group])
    assert (
        "ak4 of dataset test are in the order of its files, which hold no cpf_nowhere"
        in capsys.readouterr().err
    )
    reads = spec.model_copy(update={"inputs": (spec.inputs[0].model_copy(update={"features": ("a", "b")}),)})
    with pytest.raises(InputError, match="no column cpf_nowhere"):
        suitability.check_classifier(reads, inspections, set, output, groups=[group])


def test_truth_of_constituents_may_lack(tmp_path, capsys):
    """As in all real files: what learns from it is off, which log and record say; inputs may not lack."""
    path = mock.write(tmp_path / "a.root", [mock.events(5)])
    inspect(tmp_path, [path])
    there, lacking = ("charged",) * 2, ("cpf_truth_origin", "cpf_truth_vertex")
    side = Inputs(
        group="charged", kind="sequence", length=9, features=there, sources=("cpf_pt_gev", *lacking)
    )
    spec = classifier(("jet_pt_gev",))
    suitability.check_classifier(
        spec.model_copy(update={"side": (side,)}), [tmp_path / "inspect.json"], set, tmp_path / "check.json"
    )
    found = io.read_json(tmp_path / "check.json")
    assert found["datasets"]["test"]["auxiliary_lacking"] == [*lacking]
    assert "cpf_truth_origin" not in found["sources"]
    assert "dataset test has no cpf_truth_origin, cpf_truth_vertex: heads" in capsys.readouterr().err
    with pytest.raises(InputError, match="no column cpf_truth_origin"):
        suitability.check_classifier(
            classifier(lacking[:1]), [tmp_path / "inspect.json"], set, tmp_path / "check.json"
        )
