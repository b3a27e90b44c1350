"""PHYSLITE on small trees made by hand: labels, links, empty events, what is refused."""

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns, sources
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.sources import btagging, physlite, truth
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
LOOSE = SelectionSpec(pt_min_gev=0, abseta_max=10, jet_id=0)
JETS, LARGE, INFO = "AnalysisJetsAuxDyn.", "AnalysisLargeRJetsAuxDyn.", "EventInfoAuxDyn."
BTAG = "BTagging_AntiKt4EMPFlowAuxDyn."
NONE = 4294967295
KEY = 582299515  # of links to BTagging_AntiKt4EMPFlow, in the real file


def ragged(lists, kind):
    """Lists with a type, also where all of them are empty."""
    flat = np.array([value for row in lists for value in row], dtype=kind)
    return ak.unflatten(flat, np.array([len(row) for row in lists]))


def header(n_events=3):
    """Key, weights and vertices."""
    return {
        f"{INFO}runNumber": ak.Array(np.full(n_events, 300000, np.uint32)),
        f"{INFO}mcChannelNumber": ak.Array(np.full(n_events, 700322, np.uint32)),
        f"{INFO}lumiBlock": ak.Array(np.arange(1, n_events + 1, dtype=np.uint32)),
        f"{INFO}eventNumber": ak.Array(np.arange(7, n_events + 7, dtype=np.uint64)),
        f"{INFO}mcEventWeights": ragged([[2.0, 9.0], [-3.0, 9.0], [0.5, 9.0]][:n_events], "f4"),
        "PrimaryVerticesAuxDyn.vertexType": ragged([[1, 3, 3, 0], [1, 0], [1, 3, 2, 0]][:n_events], "i2"),
    }


def small_jets():
    """Three events with three, no and two jets; scores of the third event in another order."""
    floats = {
        "pt": [[50e3, 40e3, 15e3], [], [30e3, 90e3]],
        "eta": [[0.1, -2.6, 1.0], [], [2.0, -1.0]],
        "phi": [[0.0, 1.0, 2.0], [], [3.0, -3.0]],
        "m": [[5e3, 4e3, 1e3], [], [3e3, 9e3]],
        "JetConstitScaleMomentum_pt": [[45e3, 41e3, 12e3], [], [25e3, 91e3]],
    }
    integers = {
        "HadronConeExclTruthLabelID": [[5, 15, 0], [], [4, 0]],
        "HadronConeExclExtendedTruthLabelID": [[55, 15, 0], [], [44, 0]],
        "PartonTruthLabelID": [[5, 1, -1], [], [21, 3]],
    }
    link = f"{JETS}btaggingLink."
    return (
        header()
        | {JETS + name: ragged(lists, "f4") for name, lists in floats.items()}
        | {JETS + name: ragged(lists, "i4") for name, lists in integers.items()}
        | {
            f"{JETS}NNJvtPass": ragged([[1, 1, 0], [], [0, 1]], "i1"),
            f"{link}m_persKey": ragged([[KEY, 0, KEY], [], [KEY, KEY]], "u4"),
            f"{link}m_persIndex": ragged([[0, NONE, 3], [], [1, 0]], "u4"),
            f"{BTAG}GN2v00_pb": ragged([[0.1, 0.2, 0.3], [0.4], [0.5, 0.6]], "f4"),
            f"{BTAG}JetFitter_mass": ragged([[0.1, 0.2, 0.3], [0.4], [0.5, 0.6]], "f4"),
        }
    )


def large_jets(labels, n_b, n_c):
    """One event with a large jet a label."""
    names = ("pt", "eta", "phi", "m", "Tau1_wta", "GN2Xv01_phbb")
    floats = {LARGE + name: ragged([[0.5] * len(labels)], "f4") for name in names}
    integers = {"R10TruthLabel_R22v1": labels, "GhostBHadronsFinalCount": n_b, "GhostCHadronsFinalCount": n_c}
    return header(1) | floats | {LARGE + name: ragged([values], "i4") for name, values in integers.items()}


def test_rows_hold_what_the_file_says():
    """Units, key, weight, vertices; the second event has no jets."""
    rows, cutflow = physlite.rows(small_jets(), SPEC, LOOSE)
    assert rows["jet_pt_gev"].to_list() == pytest.approx([50, 40, 15, 30, 90])
    assert rows["jet_mass_gev"].to_list() == pytest.approx([5, 4, 1, 3, 9])
    assert rows["jet_raw_pt_gev"].to_list() == pytest.approx([45, 41, 12, 25, 91])
    assert rows["jet_eta"].to_list() == pytest.approx([0.1, -2.6, 1, 2, -1])
    assert list(zip(rows["event"], rows["jet_index"], strict=True)) == [
        (7, 0),
        (7, 1),
        (7, 2),
        (9, 0),
        (9, 1),
    ]
    assert set(rows["run"]) == {700322}
    assert rows["luminosity_block"].to_list() == [1, 1, 1, 3, 3]
    assert rows["weight"].to_list() == [2, 2, 2, 0.5, 0.5]
    assert rows["n_pv"].to_list() == [3, 3, 3, 2, 2]
    assert cutflow[0] == CutStep(3, -0.5, 13.25, "entries")


def test_labels_become_truth_ids():
    """Two b hadrons, a tau beside a quark, no parton (-1, not a down quark), two c hadrons, strange."""
    rows, _ = physlite.rows(small_jets(), SPEC, LOOSE)
    assert rows["flavour"].to_list() == [510, 999, 999, 410, 2]
    assert rows["hadron_flavour"].to_list() == [5, 15, 0, 4, 0]
    assert rows["parton_flavour"].to_list() == [5, 1, 0, 21, 3]


def test_atlas_labels_one_by_one():
    """Every code of the labels of small jets."""
    cases = [
        (5, 5, 5, 500), (5, 54, 21, 500), (5, 55, 21, 510), (4, 4, 0, 400), (4, 44, 21, 410),
        (0, 0, 21, 0), (0, 0, 1, 1), (0, 0, 2, 1), (0, 0, 3, 2), (0, 0, 0, 999), (0, 0, 5, 999),
        (0, 0, 4, 999), (15, 15, 1, 999),
    ]  # fmt: skip
    hadron, extended, parton, expected = np.array(cases).T
    assert truth.atlas_ak4_flavour(hadron, extended, parton).tolist() == expected.tolist()


def test_scores_follow_their_links():
    """Not by position; no link (key 0) and an index behind the container are missing; no other branch."""
    rows, _ = physlite.rows(small_jets(), SPEC, LOOSE)
    expected = [0.1, np.nan, np.nan, 0.6, 0.5]
    assert rows["stored_GN2v00_pb"].to_list() == pytest.approx(expected, nan_ok=True)
    assert [name for name in rows.fields if name.startswith("stored_")] == ["stored_GN2v00_pb"]


def test_keys_of_containers():
    """As in ATLAS' files and its own table of them: hashes of name and class."""
    assert btagging.key("BTagging_AntiKt4EMPFlow") == KEY
    assert btagging.key("BTagging_AntiKt4EMPFlow_201903") == 1030373024


def test_links_decide_between_containers():
    """Release 21 has a container a training: the jets say which is theirs, whatever the order of names."""
    arrays = small_jets()
    del arrays[f"{BTAG}GN2v00_pb"]
    dated = {"201810": [[9.0] * 4, [9.0], [9.0] * 2], "201903": [[0.1, 0.2, 0.3], [0.4], [0.5, 0.6]]}
    for date, lists in dated.items():
        arrays[f"BTagging_AntiKt4EMPFlow_{date}AuxDyn.DL1r_pb"] = ragged(lists, "f4")
    keys = f"{JETS}btaggingLink.m_persKey"
    key = btagging.key("BTagging_AntiKt4EMPFlow_201903")
    arrays[keys] = ragged([[key, 0, key], [], [key, 7]], "u4")
    assert physlite.stored(set(arrays), "ak4") == ["DL1r_pb"]
    rows, _ = physlite.rows({n: arrays[n] for n in physlite.branches(set(arrays), "ak4")}, SPEC, LOOSE)
    # Behind the container, and a key that no container here has: no score.
    assert rows["stored_DL1r_pb"].to_list() == pytest.approx([0.1, np.nan, np.nan, 0.6, np.nan], nan_ok=True)


def test_scores_on_the_jets():
    """As release 25 has them, by position; they need no links, and come before those of a container."""
    arrays = small_jets() | {f"{JETS}GN2v00_pb": ragged([[1, 2, 3], [], [4, 5]], "f4")}
    arrays |= {f"{JETS}GN2v01_pc": ragged([[6, 7, 8], [], [9, 10]], "f4")}
    without = {name: array for name, array in arrays.items() if "Link" not in name}
    for given in (arrays, without):
        read = physlite.branches(set(given), "ak4")
        rows, _ = physlite.rows({name: given[name] for name in read}, SPEC, LOOSE)
        assert rows["stored_GN2v00_pb"].to_list() == [1, 2, 3, 4, 5]
        assert rows["stored_GN2v01_pc"].to_list() == [6, 7, 8, 9, 10]


def test_scores_without_links_are_not_given():
    """Nothing says which jet they belong to."""
    arrays = {name: array for name, array in small_jets().items() if "m_persKey" not in name}
    assert not any(name.startswith("stored_") for name in physlite.gives(set(arrays), "ak4"))
    assert "stored_GN2v00_pb" not in physlite.rows(arrays, SPEC, LOOSE)[0].fields


def test_cuts():
    """In GeV; NNJvtPass where `jet_id` is not 0."""
    rows, cutflow = physlite.rows(small_jets(), SPEC, SelectionSpec(pt_min_gev=20, abseta_max=2.5, jet_id=2))
    assert [(line.cut, line.n) for line in cutflow] == [
        ("entries", 3), ("jets", 5), ("pt", 4), ("abseta", 3), ("jvt", 2),
    ]  # fmt: skip
    assert rows["jet_index"].to_list() == [0, 1]
    assert rows["stored_GN2v00_pb"].to_list() == pytest.approx([0.1, 0.5])
    assert cutflow[-1].sum_w == 2.5


@pytest.mark.parametrize("n_events", [0, 3])
def test_no_jets_at_all(n_events):
    """Columns and types stay, of no events and of events without jets."""
    arrays = {name: array[:0] if n_events == 0 else array for name, array in small_jets().items()}
    for name in arrays:
        if name.startswith((JETS, BTAG)) and n_events:
            arrays[name] = arrays[name][:, :0]
    rows, cutflow = physlite.rows(arrays, SPEC, LOOSE)
    assert len(rows) == 0
    assert set(rows.fields) == physlite.gives(set(arrays), "ak4")
    assert cutflow[0].n == n_events


@pytest.mark.parametrize("obj", ["ak4", "ak8", "event"])
def test_rows_have_the_columns_that_are_promised(obj):
    """`gives` and `rows` agree, from the branches that `branches` names alone."""
    arrays = {"ak4": small_jets, "ak8": lambda: large_jets([10], [0], [0]), "event": z_event}[obj]()
    read = physlite.branches(set(arrays), obj)
    assert set(read) <= set(arrays)
    spec = SPEC.model_copy(update={"object": obj})
    rows, _ = physlite.rows({name: arrays[name] for name in read}, spec, LOOSE)
    assert set(rows.fields) == physlite.gives(set(arrays), obj)
    assert set(rows.fields) >= set(sources.REQUIRED[obj])
    for name in rows.fields:
        column = columns.column(obj, name)
        assert str(rows[name].type).endswith(("var * " if column.ragged else "* ") + column.dtype)


def test_large_jets():
    """Codes of LargeRJetTruthLabel; QCD by its hadrons, W, Z, pile-up and torn tops as unmatched."""
    labels = [1, 11, 12, 10, 10, 10, 10, 10, 2, 3, 5, 6, 7, 8, 9, 13, 0]
    n_b = [1, 2, 0, 0, 1, 2, 0, 0] + [0] * 9
    n_c = [1, 0, 2, 0, 1, 0, 1, 3] + [0] * 9
    rows, _ = physlite.rows(large_jets(labels, n_b, n_c), SPEC.model_copy(update={"object": "ak8"}), LOOSE)
    expected = [2506, 2505, 2504, 1000, 1005, 1055, 1004, 1044] + [999] * 9
    assert rows["flavour"].to_list() == expected
    assert rows["n_b_hadrons"].to_list() == n_b
    assert set(rows["stored_GN2Xv01_phbb"]) == set(rows["jet_tau1"]) == {0.5}


def test_older_labels_of_large_jets_are_not_read():
    """R21Precision was also written with codes in which 10 is a Higgs boson: better no truth than another."""
    arrays = large_jets([10], [0], [0])
    arrays[f"{LARGE}R10TruthLabel_R21Precision"] = arrays.pop(f"{LARGE}R10TruthLabel_R22v1")
    rows, _ = physlite.rows(arrays, SPEC.model_copy(update={"object": "ak8"}), LOOSE)
    assert rows["flavour"].to_list() == [999]


def z_event():
    """Two electrons of a Z, one of a b hadron, no muons; two jets, one of them at an electron."""
    electrons = {
        "px": [30e3, -40e3, 90e3], "py": [0.0, 1.0, 0.0], "pz": [0.0, 5e3, 0.0],
        "pdgId": [11, -11, 11], "status": [1, 1, 1], "classifierParticleOrigin": [13, 13, 26],
    }  # fmt: skip
    arrays = header(1)
    for name, values in electrons.items():
        kind = "f4" if name.startswith("p") and name != "pdgId" else "i4"
        arrays[f"TruthElectronsAuxDyn.{name}"] = ragged([values], kind)
        arrays[f"TruthMuonsAuxDyn.{name}"] = ragged([[]], kind)
    truth_jets = "AntiKt4TruthDressedWZJetsAux"
    for name, values in {"pt": [35e3, 25e3], "eta": [0.1, 2.0], "phi": [0.1, 2.0], "m": [5e3, 4e3]}.items():
        arrays[f"{truth_jets}.{name}"] = ragged([values], "f4")
    return arrays | {f"{truth_jets}Dyn.HadronConeExclTruthLabelID": ragged([[0, 5]], "i4")}


def test_z_and_its_jets():
    """The electrons from the Z, whatever is harder; the jet at one of them is left out."""
    rows, cutflow = physlite.rows(z_event(), SPEC.model_copy(update={"object": "event"}), LOOSE)
    (row,) = rows.to_list()
    assert row["z_pt_gev"] == pytest.approx(10, abs=1e-3)
    energy = 30 + np.hypot(40, 5)
    assert row["z_mass_gev"] == pytest.approx(np.sqrt(energy**2 - 10**2 - 5**2), rel=1e-4)
    assert row["genjet_pt_gev"] == pytest.approx([25])
    assert row["genjet_mass_gev"] == pytest.approx([4])
    assert row["genjet_hadron_flavour"] == [5]
    assert [line.n for line in cutflow] == [1, 1]


def test_data():
    """No truth, weight 1, the run number of the detector."""
    arrays = {name: array for name, array in small_jets().items() if "Label" not in name and "mc" not in name}
    rows, _ = physlite.rows(arrays, SPEC.model_copy(update={"is_data": True}), LOOSE)
    assert set(rows["flavour"]) == {-1}
    assert set(rows["weight"]) == {1.0}
    assert set(rows["run"]) == {300000}
    assert "hadron_flavour" not in rows.fields


def test_without_labels_jets_are_unmatched():
    """As in every layout."""
    arrays = {name: array for name, array in small_jets().items() if "Label" not in name}
    assert set(physlite.rows(arrays, SPEC, LOOSE)[0]["flavour"]) == {999}


def first(arrays):
    """Reads the first entry, as inspect does."""
    return lambda name: np.asarray(arrays[name][0])


@pytest.mark.parametrize(
    ("bits", "channel", "simulated"),
    [(1, 700322, True), (5, 0, True), (0, 700322, False), (None, 700322, True), (None, 0, False)],
)
def test_simulation_or_data(bits, channel, simulated):
    """The bit of eventTypeBitmask decides, else the channel: its branch is there in data, too, and 0."""
    arrays = small_jets() | {f"{INFO}mcChannelNumber": ak.Array(np.full(3, channel, np.uint32))}
    if bits is not None:
        arrays |= {f"{INFO}eventTypeBitmask": ak.Array(np.full(3, bits, np.uint32))}
    assert physlite.kind(set(arrays), first(arrays)).simulated is simulated


def test_truth_tells_where_the_header_does_not():
    """Labels are in simulation alone; a file with neither says nothing."""
    arrays = {name: array for name, array in small_jets().items() if "mc" not in name}
    assert physlite.kind(set(arrays), first(arrays)).simulated is True
    bare = {name for name in arrays if "Label" not in name}
    assert physlite.kind(bare, first(arrays)).simulated is None


@pytest.mark.parametrize("is_data", [True, False])
def test_events_of_the_other_kind_stop(is_data):
    """Every event is looked at, not the first alone; their number and the key are named."""
    bits = np.array([0, 0, 1] if is_data else [1, 1, 0], np.uint32)
    arrays = small_jets() | {f"{INFO}eventTypeBitmask": ak.Array(bits)}
    with pytest.raises(InputError, match=rf"is_data: {str(is_data).lower()}, but 1 events are"):
        physlite.rows(arrays, SPEC.model_copy(update={"is_data": is_data}), LOOSE)


def test_a_file_without_the_flag_of_pile_up():
    """NNJvtPass is not in older files: the cut stops, or is left out and shown as such."""
    arrays = {name: array for name, array in small_jets().items() if "NNJvtPass" not in name}
    cuts = SelectionSpec(pt_min_gev=20, abseta_max=2.5, jet_id=2)
    assert physlite.unable(set(arrays), "ak4", 2) == {"jvt": f"no {JETS}NNJvtPass"}
    assert physlite.unable(set(small_jets()), "ak4", 2) == physlite.unable(set(arrays), "ak4", 0) == {}
    with pytest.raises(InputError, match=r"NNJvtPass; `without: \[jvt\]`"):
        physlite.rows(arrays, SPEC, cuts)
    rows, cutflow = physlite.rows(arrays, SPEC.model_copy(update={"without": ("jvt",)}), cuts)
    assert len(rows) == 3
    assert (cutflow[-1].cut, cutflow[-1].n, cutflow[-1].applied) == ("jvt", 3, False)


def test_simulation_without_weights():
    """No branch of weights: not 1 but a question; `weights: unit` answers it."""
    arrays = {name: array for name, array in small_jets().items() if "mcEventWeights" not in name}
    with pytest.raises(InputError, match=r"no generator weight .*mcEventWeights.*`weights: unit`"):
        physlite.rows(arrays, SPEC, LOOSE)
    rows, _ = physlite.rows(arrays, SPEC.model_copy(update={"weights": "unit"}), LOOSE)
    assert set(rows["weight"]) == {1.0}


def test_what_labels_cannot_tell():
    """Leptonic b hadrons never; without one of the labels nothing, for jets of both sizes."""
    assert [(u.ids, u.become) for u in physlite.untold(set(small_jets()), "ak4")] == [((520, 521), 500)]
    bare = {name for name in small_jets() if "PartonTruthLabelID" not in name}
    assert [u.become for u in physlite.untold(bare, "ak4")] == [999]
    large = set(large_jets([10], [0], [0]))
    assert physlite.untold(large, "ak8") == []
    (untold,) = physlite.untold({name for name in large if "R10Truth" not in name}, "ak8")
    assert (untold.become, 2505 in untold.ids) == (999, True)


def test_what_is_refused():
    """Triggers, simulated events without a weight, branches that do not fit the jets."""
    arrays = small_jets()
    with pytest.raises(InputError, match="HLT_mu24"):
        physlite.rows(arrays, SPEC.model_copy(update={"hlt": ("HLT_mu24",)}), LOOSE)
    weightless = arrays | {f"{INFO}mcEventWeights": ragged([[1.0], [], [1.0]], "f4")}
    with pytest.raises(InputError, match="is_data"):
        physlite.rows(weightless, SPEC, LOOSE)
    torn = arrays | {f"{JETS}eta": ragged([[0.1], [], [0.1]], "f4")}
    with pytest.raises(InputError, match=r"eta has 1 values in entry 0 of these, and its collection has 3"):
        physlite.rows(torn, SPEC, LOOSE)


def test_recognised():
    """By event number and calibrated jets; another ATLAS file has the same tree."""
    assert sources.recognise({"CollectionTree": set(small_jets())}) == "physlite"
    assert sources.recognise({"CollectionTree": set(large_jets([10], [0], [0]))}) == "physlite"
    assert sources.recognise({"CollectionTree": {f"{INFO}eventNumber", "AntiKt4EMTopoJetsAux."}}) is None
    assert physlite.gives(set(header()), "event").isdisjoint({"z_pt_gev", "genjet_pt_gev"})
