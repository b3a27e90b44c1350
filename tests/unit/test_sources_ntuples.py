"""RNTuple: what is read fast is what uproot reads slowly, and damage or odd columns are named.

`root_files/EventData.root` was written by ROOT (write.C beside it), with ATLAS' names.
"""

import time
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from jetsmith.sources import trees

WRITTEN = Path(__file__).parent / "root_files" / "EventData.root"
RECORDS = ak.Array(
    {
        "event": [1, 2, 3],
        "pt": [1.5, 2.5, 3.5],
        "Jet": [[{"pt": 1.0, "eta": 2.0}], [], [{"pt": 3.0, "eta": 4.0}, {"pt": 5.0, "eta": 6.0}]],
        "Info:": [{"run": 4, "weights": [1.0]}, {"run": 5, "weights": []}, {"run": 6, "weights": [2.0, 3.0]}],
        "Jets:pt": [[1.0], [], [2.0, 3.0]],
        "with.point": [7, 8, 9],
        "deep": [[[1], [2, 3]], [], [[4]]],
        "struct": [{"a": {"x": 1, "y": 2}}, {"a": {"x": 3, "y": 4}}, {"a": {"x": 5, "y": 6}}],
        "name": ["a", "bc", ""],
    }
)


def written(path, **tables):
    """A file with RNTuples, each table a cluster."""
    with uproot.recreate(path) as file:
        for name, clusters in tables.items():
            target = file.mkrntuple(name, clusters[0])
            for cluster in clusters[1:]:
                target.extend(cluster)
    return path


def opened(path, name):
    """The RNTuple as uproot has it, in a file of its own so that nothing is shared."""
    return uproot.open({str(path): None})[name]


def ours(path, name):
    return trees.table(opened(path, name), name)


@pytest.fixture
def records(tmp_path):
    return written(tmp_path / "a.root", events=[RECORDS, RECORDS])


def test_fields_are_those_of_uproot(records):
    """Every key of uproot that has no others below it is a branch, by the name that a TTree gives it."""
    for path, name in ((records, "events"), (WRITTEN, "EventData")):
        plain = opened(path, name)
        keys = plain.keys()
        leaves = {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}
        table = ours(path, name)
        assert {line[-1].path for line in table.fields.values()} == leaves
        assert [f.path for f in table.stored.all_fields] == [f.path for f in plain.all_fields]
        assert table.stored.keys() == keys
    assert ours(records, "events").branches == {
        "event", "pt", "Jet_pt", "Jet_eta", "Info.run", "Info.weights", "Jets.pt", "with.point", "deep",
        "struct_a_x", "struct_a_y", "name",
    }  # fmt: skip
    names = {"EventInfoAuxDyn.eventNumber", "AnalysisJetsAuxDyn.btaggingLink.m_persKey"}
    assert ours(WRITTEN, "EventData").branches > names | {"AntiKt4TruthDressedWZJetsAux.pt"}


@pytest.mark.parametrize("bounds", [(0, 6), (2, 5), (4, 4)])
def test_values_are_those_that_were_written(records, bounds):
    """Of any range; a branch alone or among others, also where two fields are called `pt`."""
    expected = ak.concatenate([RECORDS, RECORDS])[slice(*bounds)]
    table = ours(records, "events")
    of = {
        "pt": expected["pt"], "Jet_pt": expected["Jet"]["pt"], "Jet_eta": expected["Jet"]["eta"],
        "Info.run": expected["Info:"]["run"], "Info.weights": expected["Info:"]["weights"],
        "Jets.pt": expected["Jets:pt"], "with.point": expected["with.point"], "deep": expected["deep"],
        "struct_a_y": expected["struct"]["a"]["y"],
    }  # fmt: skip
    together = table.read(list(of), *bounds)
    for name, values in of.items():
        assert together[name].to_list() == table.read([name], *bounds)[name].to_list() == values.to_list()


def test_ranges_in_turn(records):
    """As chunks are read: one after the other, each of other clusters, from one table."""
    table = ours(records, "events")
    bounds = [(0, 2), (2, 3), (3, 6), (0, 1), (5, 6)]
    found = [table.read(["event"], *bound)["event"].to_list() for bound in bounds]
    assert found == [[1, 2], [3], [1, 2, 3], [1], [3]]


def test_values_of_root_are_those_of_uproot():
    """Base classes, members of an object, projected and truncated columns, lists of lists, over clusters."""
    table, plain = ours(WRITTEN, "EventData"), opened(WRITTEN, "EventData")
    assert (table.n_entries, table.bounds([]), table.codec()) == (60, [0, 20, 40, 60], "ZSTD(5)")
    for name in table.branches - {"either"}:  # uproot itself cannot slice a variant
        line = table.fields[name]
        expected = plain.arrays(filter_field=lambda f, path=line[-1].path: f.path == path)[15:45]
        for field in line:
            expected = expected[field.name]
        assert ak.array_equal(table.read([name], 15, 45)[name], expected, equal_nan=True), name
    pt = table.read(["AnalysisJetsAuxDyn.pt", "AntiKt4TruthDressedWZJetsAux.pt"], 5, 8)
    assert pt["AnalysisJetsAuxDyn.pt"].to_list() == [[25e3], [26e3, 36e3], [27e3, 37e3, 47e3]]
    assert pt["AntiKt4TruthDressedWZJetsAux.pt"].to_list() == pt["AnalysisJetsAuxDyn.pt"].to_list()
    assert table.read(["number"], 0, 3)["number"].to_list() == [7, 8, 9]
    link = table.read(["AnalysisJetsAuxDyn.btaggingLink.m_persIndex"], 2, 4)
    assert link["AnalysisJetsAuxDyn.btaggingLink.m_persIndex"].to_list() == [[1, 0], [2, 1, 0]]


def test_pages_are_those_of_uproot(records):
    """Where the pages of each column are, how many values they hold, and how they are packed."""
    for path, name in ((records, "events"), (WRITTEN, "EventData")):
        plain, table = opened(path, name), ours(path, name)
        assert len(plain.page_link_list) == len(table.stored.page_link_list)
        for expected, found in zip(plain.page_link_list, table.stored.page_link_list, strict=True):
            assert len(expected) == len(found)
            for a, b in zip(expected, found, strict=True):
                assert (a.suppressed, a.compression_settings) == (b.suppressed, b.compression_settings)
                places = [
                    [(p.num_elements, p.locator.offset, p.locator.num_bytes) for p in c.pages] for c in (a, b)
                ]
                assert places[0] == places[1]
        summaries = [
            [(c.num_first_entry, c.num_entries) for c in of.cluster_summaries] for of in (plain, table.stored)
        ]
        assert summaries[0] == summaries[1]


def test_bytes_of_an_entry(records):
    """Those of the branches that are asked for, with the lengths of their lists."""
    table = ours(records, "events")
    assert table.entry_bytes(["event"]) == 8
    assert table.entry_bytes(["Jet_pt"]) == table.entry_bytes(["Jets.pt"]) == 8 + 8  # 3 values in 3 entries
    assert table.entry_bytes(["Jet_pt", "Jet_eta"]) == 8 + 2 * 8
    assert table.entry_bytes([]) == 0
    # Of the projected field there is no column but that of its source.
    assert ours(WRITTEN, "EventData").entry_bytes(["number"]) == 8


def test_many_fields_are_found_quickly(tmp_path):
    """In one pass; uproot looks through all fields for the subfields of each: 10 s for 2,451."""
    row = {f"x{i}": np.zeros(1, "f4") for i in range(600)} | {"Jet": RECORDS["Jet"][:1]}
    path = written(tmp_path / "wide.root", events=[row])
    seconds = []
    for names in (lambda: opened(path, "events").keys(), lambda: ours(path, "events").branches):
        start = time.perf_counter()
        assert len(names()) >= 602
        seconds.append(time.perf_counter() - start)
    assert seconds[1] < seconds[0] / 2


def test_no_more_pages_are_looked_at_than_are_read(tmp_path, monkeypatch):
    """Of a file of 300 columns and 3 clusters, those of the two columns that are asked for."""
    row = {f"x{i}": np.arange(2.0) for i in range(300)}
    made = []
    path = written(tmp_path / "wide.root", events=[row] * 3)
    reader = uproot.models.RNTuple.ColumnPageListFrameReader
    plain = reader.read
    monkeypatch.setattr(reader, "read", lambda self, *args: made.append(1) or plain(self, *args))
    assert ours(path, "events").read(["x7", "x250"], 0, 6)["x250"].to_list() == [0, 1] * 3
    assert len(made) == 2 * 3
    made.clear()
    ours(path, "events").read(["x7", "x250"], 2, 4)
    assert len(made) == 2  # of the cluster that is read, not of the one behind it


def flipped(path, place, target):
    """A copy of a file with one byte changed."""
    content = bytearray(Path(path).read_bytes())
    content[place] ^= 0x10
    target.write_bytes(content)
    return target


def test_damaged_pages_are_noticed(tmp_path):
    """A byte that still unpacks would be another number; ROOT writes a checksum behind each page."""
    table = ours(WRITTEN, "EventData")
    column = table.columns(["AnalysisJetsAuxDyn.pt"])[-1].idx
    (page,) = table.stored.page_link_list[1][column].pages
    place = page.locator.offset + page.locator.num_bytes - 3
    damaged = ours(flipped(WRITTEN, place, tmp_path / "a.root"), "EventData")
    assert len(damaged.read(["AnalysisJetsAuxDyn.pt"], 0, 20)["AnalysisJetsAuxDyn.pt"]) == 20
    with pytest.raises(ValueError, match=f"page at byte {page.locator.offset:,} does not match its checksum"):
        damaged.read(["AnalysisJetsAuxDyn.pt"], 0, 40)


def test_damaged_lists_of_pages_are_noticed(tmp_path, records):
    """They say where everything is; without compression any byte of them unpacks."""
    with uproot.recreate(tmp_path / "plain.root", compression=None) as file:
        file.mkrntuple("events", RECORDS)
    plain = opened(tmp_path / "plain.root", "events")
    place = plain.footer.cluster_group_records[0].page_list_link.locator.offset + 40
    damaged = flipped(tmp_path / "plain.root", place, tmp_path / "b.root")
    with pytest.raises(ValueError, match="list of pages does not match its checksum"):
        ours(damaged, "events")


def test_columns_that_uproot_misreads_are_named():
    """A field that came later has zeros before, one in two widths has zeros between its values."""
    table = ours(WRITTEN, "EventData")
    wrong = table.read(["mixed", "late"], 29, 31)
    assert (wrong["mixed"].to_list(), wrong["late"].to_list()) == ([0, 0], [0, 30])  # 14.5, 15; none, 30
    found = table.unreadable(table.branches)
    assert set(found) == {"mixed", "late"}
    assert "stored in several ways" in found["mixed"]
    assert "what lies before holds no value" in found["late"]
