"""Which table of which layout a file is read as; everything else is called what it is."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from jetsmith import io as stored
from jetsmith import sources
from jetsmith.errors import DamagedError, InputError
from jetsmith.skimming import inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import aliases, files, foreign, mock
from jetsmith.specs.datasets import LAYOUTS, DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
PHYSLITE = SPEC.model_copy(update={"layout": "physlite", "without": ("jvt",)})
LOOSE = SelectionSpec(pt_min_gev=0, abseta_max=10, jet_id=0)
WRITTEN = Path(__file__).parent / "root_files"  # by ROOT: write.C beside them


def inspect(folder, path, spec=SPEC):
    """What inspect says of one file."""
    output = folder / "inspect.json"
    inspection.inspect_dataset("test", spec, [str(path)], 1, PartitionSpec(), output)
    return stored.read_json(output)


def fails(folder, path, spec=SPEC):
    with pytest.raises(InputError) as error:
        inspect(folder, path, spec)
    return str(error.value)


def rows_of(folder, path, spec):
    """Plan and rows of one file."""
    plan = inspect(folder, path, spec)
    made = [folder / name for name in ("rows.parquet", "report.json", "identity.parquet")]
    skim.skim_partition("test", spec, LOOSE, SkimSpec(chunk_entries=7), folder / "inspect.json", 0, *made)
    assert stored.read_json(made[1])["lost"] == []
    return plan, stored.read_rows(made[0])


@pytest.mark.parametrize(
    ("name", "tree", "score", "low_bounds"),
    [
        ("EventData", "EventData", "stored_GN2v01_pb", [0, 20, 40]),
        ("split", "CollectionTree", "stored_DL1r_pb", [0]),
    ],
)
def test_forms_of_physlite_as_root_writes_them(tmp_path, name, tree, score, low_bounds):
    """An RNTuple `EventData` with colons in its names; release 21 with run and event inside `EventInfoAux.`
    and scores in a container of another name: the same jets, each with the score that it links to."""
    plan, rows = rows_of(tmp_path, WRITTEN / f"{name}.root", PHYSLITE)
    assert (plan["layout"], plan["n_entries"], plan["files"][0]["tree"]) == ("physlite", 60, tree)
    assert plan["files"][0]["bounds"][: len(low_bounds)] == low_bounds
    jets = [(i, j) for i in range(60) for j in range(i % 4)]
    assert list(zip(rows["event"] - 7, rows["jet_index"], strict=True)) == jets
    np.testing.assert_allclose(rows["jet_pt_gev"], [20 + 10 * j + i for i, j in jets], rtol=1e-6)
    assert rows["luminosity_block"].to_list() == [i % 5 for i, _ in jets]
    assert set(rows["run"]) == {700322}
    assert rows["weight"].to_list() == [i % 3 - 1.5 for i, _ in jets]
    np.testing.assert_allclose(rows[score], [0.01 * (i % 4 - 1 - j) + 0.001 * i for i, j in jets], rtol=1e-6)


def test_an_object_that_is_not_split(tmp_path):
    """uproot cannot take run and event out of it; the message says what would help."""
    message = fails(tmp_path, WRITTEN / "unsplit.root", PHYSLITE)
    assert "it lacks EventInfoAuxDyn.eventNumber; `EventInfoAux.` is one object that was not split" in message
    assert "a split level of 1 or more, or as RNTuple" in message
    assert "nearest is `physlite`" in fails(tmp_path, WRITTEN / "unsplit.root")


def test_aliases():
    """A variable in its container and one by itself have both names; what is there itself is not hidden."""
    found = aliases.aliased(["EventInfoAux.run", "JetsAuxDyn.pt", "AAux.x", "AAuxDyn.x", "Jet_pt", "BAux."])
    assert found["EventInfoAuxDyn.run"] == "EventInfoAux.run"
    assert found["JetsAux.pt"] == "JetsAuxDyn.pt"
    assert (found["AAux.x"], found["AAuxDyn.x"]) == ("AAux.x", "AAuxDyn.x")
    assert set(found) - {"EventInfoAuxDyn.run", "JetsAux.pt"} == {
        "EventInfoAux.run", "JetsAuxDyn.pt", "AAux.x", "AAuxDyn.x", "Jet_pt", "BAux.",
    }  # fmt: skip


def two_trees(path, n_events=5, n_physlite=60):
    """NanoAOD and PHYSLITE in one file."""
    with uproot.open(WRITTEN / "split.root") as file:
        arrays = file["CollectionTree"].arrays(filter_name="/.*(Number|lumiBlock|Weights|pt|eta)$/", how=dict)
    arrays = {name: array[:n_physlite] for name, array in arrays.items()}
    table = mock.events(n_events, with_candidates=False)
    with uproot.recreate(path) as file:
        for tree, content in (("Events", table), ("CollectionTree", arrays)):
            types = {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in content.items()}
            target = file.mktree(tree, types)
            if len(next(iter(content.values()))):
                target.extend(content)
    return path


def test_two_tables_of_a_file(tmp_path):
    """Which one is meant is asked; the answer is taken; one without entries is not meant."""
    path = two_trees(tmp_path / "both.root")
    message = fails(tmp_path, path)
    assert "`Events` (nanoaod, 5), `CollectionTree` (physlite, 60); say which: `layout`" in message
    for layout, n_entries in (("physlite", 60), ("nanoaod", 5)):
        found = inspect(tmp_path, path, SPEC.model_copy(update={"layout": layout}))
        assert (found["layout"], found["n_entries"]) == (layout, n_entries)
    empty = two_trees(tmp_path / "empty.root", n_physlite=0)
    assert inspect(tmp_path, empty)["layout"] == "nanoaod"
    assert sources.fitting({"Events": {"event", "Jet_pt"}, "CollectionTree": set()}) == {"Events": "nanoaod"}


def test_the_layout_that_is_asked_for(tmp_path):
    """It is looked at first; the message has what it lacks, and the layout that fits."""
    path = mock.write(tmp_path / "a.root", [mock.events(5, with_candidates=False)])
    message = fails(tmp_path, path, PHYSLITE)
    assert "not of the layout `physlite`" in message
    assert "it lacks a table `CollectionTree` or `EventData`; it looks like `nanoaod`" in message
    message = fails(tmp_path, path, SPEC.model_copy(update={"layout": "pfnano"}))
    assert "it lacks JetPFCands_*; it looks like `nanoaod`: set `layout: nanoaod`" in message
    table = mock.events(5) | {"x": np.zeros(5)}
    del table["event"]
    path = mock.write(tmp_path / "b.root", [table])
    nano = SPEC.model_copy(update={"layout": "nanoaod"})
    assert "that the dataset asks for: it lacks event" in fails(tmp_path, path, nano)
    with uproot.recreate(tmp_path / "c.root") as file:  # as merging leaves a file that holds no event
        file.mktree("CollectionTree", {"x": "f4"})
    assert inspect(tmp_path, tmp_path / "c.root", PHYSLITE)["layout"] is None


def test_files_of_cms_before_nanoaod(tmp_path):
    """They have a tree `Events`, too."""
    path = tmp_path / "aod.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"EventAuxiliary": "i4"}).extend({"EventAuxiliary": np.zeros(2, "i4")})
    assert "it is an EDM file of CMS (AOD, MiniAOD): make NanoAOD or PFNano" in fails(tmp_path, path)


def test_cycles(tmp_path, capsys):
    """ROOT saves a growing tree again and again: the last is read, and the log says so. One that shrank is
    another tree, and which of the two is right nobody knows."""
    grown, shrunk = tmp_path / "grown.root", tmp_path / "shrunk.root"
    for path, sizes in ((grown, (3, 8)), (shrunk, (8, 3))):
        with uproot.recreate(path) as file:
            for n in sizes:
                table = mock.events(n, with_candidates=False)
                types = {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in table.items()}
                file.mktree("Events", types).extend(table)
    assert inspect(tmp_path, grown)["n_entries"] == 8
    assert (
        "`Events` was written 2 times: cycle 2 has 8 entries and is read; 1 has 3" in capsys.readouterr().err
    )
    assert "cycle 2 has 3 entries, 1 has 8: two tables of one name" in fails(tmp_path, shrunk)


def test_files_without_our_tables(tmp_path):
    """Histograms, a tree in a folder, other trees: what is there is in the message, and not all of it."""
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        for i in range(20):
            file[f"h{i}"] = np.histogram(np.zeros(3))
    message = fails(tmp_path, path)
    assert "a ROOT file without trees" in message
    assert "20 TH1D" in message
    with uproot.recreate(path) as file:
        file.mktree("ntuples/Events", {"x": "f4"}).extend({"x": np.zeros(2, "f4")})
    assert "`ntuples/Events` is in a folder" in fails(tmp_path, path)
    with uproot.recreate(path) as file:
        for i in range(7):
            file.mktree(f"t{i}", {"x": "f4"}).extend({"x": np.zeros(2, "f4")})
    message = fails(tmp_path, path)
    assert "t0 (TTree), t1 (TTree)" in message
    assert "2 more tables" in message


def test_branches_that_uproot_misreads(tmp_path):
    """An RNTuple whose run numbers came later, as merging may leave it: zeros would pass for runs."""
    found = inspect(tmp_path, WRITTEN / "EventData.root", PHYSLITE)
    assert found["schemas"][0]["unreadable"] == {}
    with files.open_root(str(WRITTEN / "EventData.root")) as file:
        table = files.find_trees(file, "x")["EventData"]
        assert set(table.unreadable(["late", "mixed", "number"])) == {"late", "mixed"}


def test_unreadable_branches_are_not_read(tmp_path, monkeypatch, capsys):
    """One that rows can do without is left out, and the log says so; one that they need stops inspect."""
    path = mock.write(tmp_path / "a.root", [mock.events(5)])
    real = sources.trees.Tree.unreadable

    def unreadable(lost):
        reason = "of the type X, which uproot does not read"
        return lambda self, names: real(self, names) | {name: reason for name in lost if name in names}

    monkeypatch.setattr("jetsmith.sources.trees.Tree.unreadable", unreadable(["Jet_btagDeepFlavB"]))
    found = inspect(tmp_path, path)
    assert "stored_btagDeepFlavB" not in found["columns"]
    assert "Jet_btagDeepFlavB" not in found["schemas"][0]["branches"]
    assert "not read: `Jet_btagDeepFlavB` is of the type X" in capsys.readouterr().err
    monkeypatch.setattr("jetsmith.sources.trees.Tree.unreadable", unreadable(["Jet_eta"]))
    message = fails(tmp_path, path)
    assert "gives no jet_eta" in message
    assert "`Jet_eta` is of the type X, which uproot does not read" in message


def packed(kind):
    """An archive with a small file."""
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a.root", "root")
    else:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("a.root"), io.BytesIO())
    return stream.getvalue()


LHE = b'<LesHouchesEvents version="3.0">\n<header>\n'
LOGIN = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>"


@pytest.mark.parametrize(
    ("content", "words", "damaged"),
    [
        (LHE, "an LHE file, which is read from a disk alone", False),
        (b'<?xml version="1.0"?>\n' + LHE, "an LHE file", False),
        (gzip.compress(LHE * 99, mtime=0), "a gzip file; inside: an LHE file", False),
        (gzip.compress(b"root" + bytes(500), mtime=0), "a ROOT file packed with gzip; unpack it", False),
        (gzip.compress(bytes(500), mtime=0), "a gzip file; unpack it", False),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "an HDF5 file", False),
        (b"PAR1" + bytes(500), "a Parquet file", False),
        (packed("zip"), "a zip archive", False),
        (packed("tar"), "a tar archive", False),
        (b"\x08\x07\x12\x07pytorch\x1a\x061.13.0", "an ONNX network", False),
        (b'{"297050": [[12, 137]]}', "`golden_json`", False),
        (b"/store/a.root\n/store/b.root\n", "write its lines under `files`", False),
        (b"HepMC::Version 3.02.05\n", "a HepMC file", False),
        (LOGIN, "an HTML page, as a server sends it that asks for a login; copy it again", True),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "`git lfs pull` brings it", True),
        ("ein Gruß\n".encode() * 80, 'text that begins with "ein Gru', True),
        (bytes(1000), r"not a ROOT file (it starts with b'\x00\x00\x00\x00'", True),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path, content, words, damaged):
    """By their bytes, whatever their name: no copy mends those of another kind, and `files` is wrong there;
    those that stand for a ROOT file that did not arrive may be allowed losses."""
    path = tmp_path / "a.root"
    path.write_bytes(content)
    with pytest.raises(InputError) as error, files.open_root(str(path)):
        pass
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert isinstance(error.value, DamagedError) == damaged
    assert ("`files` takes ROOT files of NanoAOD" in str(error.value)) == (not damaged)


@pytest.mark.parametrize(
    ("head", "words"),
    [(LHE, "LHE"), (b"\x89HDF", "HDF5"), (b"PAR1", "Parquet"), (LOGIN, "HTML"), (b"PK\x03\x04", "zip")],
)
def test_four_bytes_may_suffice(head, words):
    """uproot says no more of a remote file."""
    assert words in foreign.identify(head[:4]).what


def test_tables_are_those_of_the_layouts():
    """What is looked for in a file is what some layout reads."""
    assert set(files.TREES) == {name for layout in LAYOUTS.values() for name in layout.tables}


def test_rntuples_of_cms(tmp_path):
    """`Events` of CMS as RNTuple, with collections: the rows of its TTree."""
    table = mock.events(30, 3)
    with uproot.recreate(tmp_path / "ntuple.root") as file:
        file.mkrntuple("Events", table)
    tree = mock.write(tmp_path / "tree.root", [table])
    expected, found = (rows_of(tmp_path, path, SPEC)[1] for path in (tree, tmp_path / "ntuple.root"))
    assert ak.array_equal(found, expected, equal_nan=True)
