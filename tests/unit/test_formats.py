"""What files look like over the years: both table formats, all codecs, branches that come and go."""

import awkward as ak
import numpy as np
import pytest
import uproot

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.skimming import inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import jetid, mock
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=2)
TABLES = (mock.events(30, 1), mock.events(20, 2, first_event=100))


def rows_of(folder, path, cuts=CUTS):
    """Inspect and skim one file in two partitions; plan and rows."""
    plan = folder / "inspect.json"
    inspection.inspect_dataset("test", SPEC, [str(path)], 2, PartitionSpec(), plan)
    rows = []
    for part in range(2):
        paths = [folder / f"{part}.{end}" for end in ("parquet", "json", "identity.parquet")]
        skim.skim_partition("test", SPEC, cuts, SkimSpec(chunk_entries=12), plan, part, *paths)
        assert io.read_json(paths[1])["lost"] == []
        rows.append(io.read_rows(paths[0]))
    return io.read_json(plan), ak.concatenate(rows)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Rows of the plain TTree."""
    folder = tmp_path_factory.mktemp("plain")
    return rows_of(folder, mock.write(folder / "a.root", TABLES))


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        (uproot.LZMA(4), "LZMA(4)"), (uproot.ZSTD(3), "ZSTD(3)"), (uproot.LZ4(1), "LZ4(1)"),
        (uproot.ZLIB(1), "ZLIB(1)"), (None, "none"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["tree", "ntuple of collections", "ntuple of columns"])
def test_formats_and_codecs(tmp_path, expected, codec, name, kind):
    """TTree and RNTuple, its collections as records or column by column: the same rows, codec named."""
    path = tmp_path / "a.root"
    tables = [mock.flatten(table) for table in TABLES] if kind == "ntuple of columns" else TABLES
    types = {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in TABLES[0].items()}
    with uproot.recreate(path, compression=codec) as file:
        target = file.mktree("Events", types) if kind == "tree" else file.mkrntuple("Events", tables[0])
        for table in tables[kind != "tree" :]:
            target.extend(table)
    plan, rows = rows_of(tmp_path, path)
    assert ak.array_equal(rows, expected[1], equal_nan=True)
    assert plan["files"][0]["codec"] == name
    assert plan["files"][0]["bounds"] == [0, 30, 50]
    assert plan["files"][0]["entry_bytes"] == pytest.approx(expected[0]["files"][0]["entry_bytes"], rel=0.5)


def aged(table, *gone, **new):
    """Jets of other years: without some branches, with others."""
    jets = {name: table["Jet"][name] for name in table["Jet"].fields if name not in gone}
    return table | {"Jet": ak.zip(jets | {name: make(table["Jet"]["pt"]) for name, make in new.items()})}


def like(kind, low, high, seed):
    """Random numbers in the shape of a branch."""
    rng = np.random.default_rng(seed)
    return lambda pt: ak.unflatten(rng.uniform(low, high, ak.count(pt)).astype(kind), ak.num(pt))


V15 = {
    "neHEF": like("f4", 0, 1.2, 1), "neEmEF": like("f4", 0, 1.2, 2), "chHEF": like("f4", 0, 0.1, 3),
    "chMultiplicity": like("u1", 0, 3, 4), "neMultiplicity": like("u1", 0, 4, 5),
    "chEmEF": like("f4", 0, 1, 6), "muEF": like("f4", 0, 1, 7), "btagUParTAK4B": like("f4", 0, 1, 8),
}  # fmt: skip


@pytest.mark.parametrize(
    ("gone", "new", "column"),
    [
        (
            ("nBHadrons", "nCHadrons"),
            {"btagDeepB": like("f4", 0, 1, 1), "puId": like("i4", 0, 7, 2)},
            "btagDeepB",
        ),
        (("btagDeepFlavB",), {"btagPNetB": like("f4", 0, 1, 1)}, "btagPNetB"),
        (("jetId", "btagDeepFlavB"), V15, "btagUParTAK4B"),
    ],
    ids=["v9", "v12", "v15"],
)
def test_branches_that_come_and_go(tmp_path, gone, new, column):
    """NanoAOD v9 to v15: what is there is read, what is not is no column, jets are identified."""
    path = mock.write(tmp_path / "a.root", [aged(table, *gone, **new) for table in TABLES])
    plan, rows = rows_of(tmp_path, path)
    assert f"stored_{column}" in rows.fields
    assert ("stored_btagDeepFlavB" in rows.fields) == ("btagDeepFlavB" not in gone)
    lines = [line["cut"] for line in io.read_json(tmp_path / "0.json")["cutflow"]]
    assert lines == ["entries", "jets", "pt", "abseta", "jet_id"]
    assert 0 < len(rows) < len(rows_of(tmp_path, path, SelectionSpec(pt_min_gev=30, jet_id=0))[1])
    assert ("Jet_neHEF" in plan["schemas"][0]["branches"]) == ("jetId" in gone)


def identified(eta, ne_hef, ne_emef, ch_hef, n_charged, n_neutral, ch_emef, mu_ef):
    """The slow twin of `jetid.computed`, for one jet."""
    eta = abs(eta)
    if eta <= 2.6:
        tight = (
            ne_hef < 0.99 and ne_emef < 0.9 and n_charged + n_neutral > 1 and ch_hef > 0.01 and n_charged > 0
        )
    elif eta <= 2.7:
        tight = ne_hef < 0.90 and ne_emef < 0.99
    elif eta <= 3.0:
        tight = ne_hef < 0.99
    else:
        tight = n_neutral >= 2 and ne_emef < 0.4
    veto = tight and (eta > 2.7 or (mu_ef < 0.8 and ch_emef < 0.8))
    return 2 * tight + 4 * veto


def test_jet_id_is_that_of_a_loop():
    """In all regions of pseudorapidity; both answers occur in each."""
    table = aged(mock.events(3000, 5), "jetId", **V15)
    jets = table["Jet"]
    jets = ak.with_field(jets, jets["eta"] * 1.5, "eta")
    events = mock.flatten(table | {"Jet": jets})
    found = jetid.computed(events, "Jet")
    flat = [ak.to_list(ak.flatten(jets[name])) for name in ("eta", *jetid.INPUTS)]
    assert found.tolist() == [identified(*numbers) for numbers in zip(*flat, strict=True)]
    region = np.digitize(np.abs(flat[0]), [2.6, 2.7, 3.0])
    for index in range(4):
        assert {0, 2} <= set((found[region == index] & 2).tolist())


def test_nothing_says_whether_a_jet_is_good():
    """Without jetId and without its inputs a cut that is asked for stops, and the message has its key."""
    events = mock.flatten(aged(mock.events(5), "jetId"))
    with pytest.raises(InputError, match=r"jet_id: 2: no Jet_jetId.* no Jet_neHEF.*`without: \[jet_id\]`"):
        jetid.passes(events, "Jet", 2)


def test_a_bit_that_is_never_computed_is_refused():
    """Bit 1 (loose) is in old files alone: computed, no jet would have it, and 3 would cut all of them."""
    events = mock.flatten(aged(mock.events(20), "jetId", **V15))
    with pytest.raises(InputError, match=r"jet_id: 3: .*has no bit 1 \(loose\)"):
        jetid.passes(events, "Jet", 3)
    assert 0 < jetid.passes(events, "Jet", 6).sum() <= jetid.passes(events, "Jet", 2).sum()
