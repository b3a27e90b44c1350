"""NanoAOD on a few jets written by hand: edges of the cuts, signs, which branch counts, what is read."""

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.sources import eventcuts, jetid, nanoaod, truth
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=6)
ABOVE = float(np.nextafter(np.float32(2.5), np.float32(3)))
BELOW = float(np.nextafter(np.float32(30), np.float32(0)))


def events(n=3, **changes):
    """Three events with weights of both signs; the jets of the last one are all cut."""
    found = {
        "run": np.full(n, 1), "luminosityBlock": np.arange(n) + 10, "event": np.arange(n) + 100,
        "genWeight": [2.0, -3.0, 0.5][:n], "Generator_weight": [9.0, 9.0, 9.0][:n],
        "PV_npvs": [7, 8, 9][:n], "PV_npvsGood": [6, 6, 6][:n],
        "Jet_pt": [[30.0, BELOW, 99.0], [40.0], [50.0, 60.0]],
        "Jet_eta": [[2.5, 0.0, -2.5], [-1.0], [ABOVE, -ABOVE]],
        "Jet_jetId": [[6, 6, 7], [6], [6, 6]],
    }  # fmt: skip
    return {name: ak.Array(value) for name, value in (found | changes).items()}


def lines(cutflow):
    return [(line.cut, line.n, line.sum_w, line.sum_w2) for line in cutflow]


def test_edges_belong_to_the_selection():
    """A jet at the least momentum and one at the largest |eta| of either sign stay; weights keep signs."""
    rows, cutflow = nanoaod.rows(events(), SPEC, CUTS)
    assert list(zip(rows["event"], rows["jet_index"], strict=True)) == [(100, 0), (100, 2), (101, 0)]
    assert rows["luminosity_block"].to_list() == [10, 10, 11]
    assert rows["weight"].to_list() == [2, 2, -3]
    assert rows["n_pv"].to_list() == [7, 7, 8]
    assert lines(cutflow) == [
        ("entries", 3, -0.5, 13.25), ("jets", 6, 4.0, 21.5), ("pt", 5, 2.0, 17.5),
        ("abseta", 3, 1.0, 17.0), ("jet_id", 3, 1.0, 17.0),
    ]  # fmt: skip


def test_all_bits_of_the_identification_count():
    """A jet with one of two bits has not passed; left out, the cut has a line of what it would have seen."""
    some = events(Jet_jetId=[[4, 6, 2], [6], [6, 6]])
    assert nanoaod.rows(some, SPEC, CUTS)[0]["event"].to_list() == [101]
    spec = SPEC.model_copy(update={"without": ("jet_id",)})
    rows, cutflow = nanoaod.rows(some, spec, CUTS)
    assert len(rows) == 3
    assert cutflow[-1] == CutStep(3, 1.0, 17.0, "jet_id", applied=False)
    none = CUTS.model_copy(update={"jet_id": 0})
    assert [line.cut for line in nanoaod.rows(some, SPEC, none)[1]] == ["entries", "jets", "pt", "abseta"]


def test_weights_and_vertices_have_an_order():
    """The exact generator weight before that of 14 bits, all vertices before the good ones."""
    both = events()
    less = {name: values for name, values in both.items() if name not in ("genWeight", "PV_npvs")}
    rows, _ = nanoaod.rows(less, SPEC, CUTS)
    assert set(rows["weight"]) == {9.0}
    assert set(rows["n_pv"]) == {6}
    wanted = {"run", "luminosityBlock", "event", "Jet_pt", "Jet_eta", "Jet_jetId"}
    assert set(nanoaod.branches(set(both), "ak4")) == wanted | {"genWeight", "PV_npvs"}
    assert set(nanoaod.branches(set(less), "ak4")) == wanted | {"Generator_weight", "PV_npvsGood"}
    assert nanoaod.instead(set(both), "ak4", 6) == {}
    assert list(nanoaod.instead(set(less), "ak4", 6)) == ["n_pv"]
    assert nanoaod.instead(set(less), "event", 6) == {}
    assert nanoaod.instead({"Jet_FlavSplit"}, "ak4", 0) == {"truth": "Jet_FlavSplit"}
    assert nanoaod.instead({"Jet_FlavSplit"}, "ak8", 0) == {}
    counted = nanoaod.instead({*truth.GEN_BRANCHES, "FatJet_eta", "FatJet_phi"}, "ak8", 0)
    assert counted["truth"].startswith("hadrons counted in generator particles, as")
    unit = SPEC.model_copy(update={"weights": "unit"})
    assert set(nanoaod.rows(both, unit, CUTS)[0]["weight"]) == {1.0}
    with pytest.raises(InputError, match=r"no generator weight \(genWeight or Generator_weight\)"):
        nanoaod.rows({k: v for k, v in less.items() if k != "Generator_weight"}, SPEC, CUTS)


def test_no_branch_too_many_is_read():
    """What rows are made of, and of particles and identification what nothing else tells."""
    key = {"run", "luminosityBlock", "event", "genWeight", "PV_npvs"}
    jets = {f"{prefix}_{name}" for prefix in ("Jet", "FatJet") for name in ("pt", "eta", "phi", "btagX")}
    computed = {f"Jet_{name}" for name in jetid.INPUTS}
    every = {*key, *jets, *computed, *truth.GEN_BRANCHES, "Jet_jetId", "FatJet_jetId", "GenJet_pt", "x"}
    of_jet = {name for name in jets if name.startswith("Jet_")}
    fat = jets - of_jet
    particles = set(truth.GEN_BRANCHES)

    def read(available, obj="ak4"):
        found = nanoaod.branches(available, obj)
        assert len(found) == len(set(found))
        return set(found)

    assert read(every) == key | of_jet | particles | {"Jet_jetId"}
    assert read(every - {"Jet_jetId"}) == key | of_jet | particles | computed
    assert read(every - {"Jet_phi"}) == key | of_jet - {"Jet_phi"} | {"Jet_jetId"}
    split = every | {"Jet_FlavSplit"}
    assert read(split) == key | of_jet | {"Jet_jetId", "Jet_FlavSplit"}
    assert read(split, "ak8") == key | fat | particles | {"FatJet_jetId"}
    assert read(split, "event") == key | particles | {"GenJet_pt"}


@pytest.mark.parametrize(
    ("obj", "jet", "index", "generated"),
    [("ak4", "Jet", "genJetIdx", "GenJet"), ("ak8", "FatJet", "genJetAK8Idx", "GenJetAK8")],
)
def test_generator_jets_are_those_of_the_index(obj, jet, index, generated):
    """Counted within the event; an index of none, or beyond them, gives no number of another event's."""
    given = {name.replace("Jet_", f"{jet}_", 1): values for name, values in events().items()}
    more = {
        f"{jet}_{index}": ak.Array([[1, 0, -1], [2], [0, 1]]),
        f"{generated}_pt": ak.Array([[50.0, 33.0], [41.0, 12.0], [60.0]]),
        f"{generated}_mass": ak.Array([[5.0, 3.0], [4.0, 1.0], [6.0]]),
    }
    given |= more
    assert {"jet_gen_pt_gev", "jet_gen_mass_gev"} <= nanoaod.gives(set(given), obj)
    assert set(nanoaod.branches(set(given), obj)) >= set(more)
    rows, _ = nanoaod.rows(given, SPEC.model_copy(update={"object": obj}), CUTS)
    np.testing.assert_array_equal(rows["jet_gen_pt_gev"], np.array([33, np.nan, np.nan], "f4"))
    np.testing.assert_array_equal(rows["jet_gen_mass_gev"], np.array([3, np.nan, np.nan], "f4"))
    less = {name: values for name, values in given.items() if name != f"{jet}_{index}"}
    assert not {name for name in nanoaod.gives(set(less), obj) if "_gen_" in name}
    rows, _ = nanoaod.rows(less, SPEC.model_copy(update={"object": obj}), CUTS)
    assert "jet_gen_pt_gev" not in rows.fields


def test_codes_of_stored_scores():
    """Below -900 a number is a code; that at the limit, and -1, are scores."""
    scores = [[-900.0, 0.0, -901.0], [-1.0], [0.0, 0.0]]
    rows, _ = nanoaod.rows(events(Jet_btagX=scores), SPEC, CUTS)
    assert rows["stored_btagX"].to_list()[::2] == [-900.0, -1.0]
    assert np.isnan(rows["stored_btagX"][1])


def test_one_trigger_path_is_enough():
    """Of several any; one that the file lacks has not fired, and without any of them none has."""
    fired = events(HLT_A=[True, False, False], HLT_B=[False, False, True])
    for paths, passed in (
        (("HLT_A", "HLT_B"), [True, False, True]),
        (("HLT_B", "HLT_C"), [False, False, True]),
        (("HLT_C",), [False] * 3),
    ):
        weight, found, cutflow, _ = eventcuts.event_cuts(fired, SPEC.model_copy(update={"hlt": paths}))
        assert found.tolist() == passed
        assert weight.tolist() == [2.0, -3.0, 0.5]
        assert lines(cutflow.lines)[1][:3] == ("trigger", sum(passed), weight[passed].sum())
        assert set(paths) <= nanoaod.selecting(SPEC.model_copy(update={"hlt": paths}))


def test_numbers_that_contradict_stop():
    """A weight that is no number, counted; and run 1 in what shall be data, once among others is enough."""
    with pytest.raises(InputError, match=r"2 generator weights are not finite"):
        nanoaod.rows(events(genWeight=[np.nan, 1.0, np.inf]), SPEC, CUTS)
    data = SPEC.model_copy(update={"is_data": True})
    with pytest.raises(InputError, match="is_data: true, but its events are of run 1"):
        nanoaod.rows(events(run=[7, 1, 7]), data, CUTS)
    rows, _ = nanoaod.rows(events(run=[7, 2, 7]), data, CUTS)
    assert set(rows["flavour"]) == {truth.DATA}
    assert set(rows["weight"]) == {1.0}


def test_content_says_simulation_or_data():
    """A branch of the generator, or run 1; else a detector's."""
    plain = {"run", "event", "Jet_pt"}
    assert nanoaod.kind(plain, {"run": 1}.__getitem__).simulated
    assert not nanoaod.kind(plain, {"run": 2}.__getitem__).simulated
    assert nanoaod.kind(plain | {"genWeight"}, {"run": 2}.__getitem__).simulated


def test_what_a_nanoaod_needs_and_gives():
    """An event number and one collection; columns of the object alone."""
    assert nanoaod.lacks({"event", "GenJet_pt"}) == []
    assert nanoaod.lacks({"Jet_pt"}) == ["event"]
    assert nanoaod.lacks({"event"}) == ["one of Jet_pt, FatJet_pt, GenJet_pt"]
    some = {"run", "event", "Jet_pt", "Jet_eta", "Jet_btagX", "PV_npvsGood"}
    key = {"run", "event", "jet_index", *columns.COMMON}
    assert nanoaod.gives(some, "ak4") == key | {"jet_pt_gev", "jet_eta", "n_pv", "stored_btagX"}
    assert nanoaod.gives(some, "ak8") == key
    assert nanoaod.gives(some | set(truth.GEN_BRANCHES) | {"GenJet_pt"}, "event") == key | {
        "genjet_pt_gev", "z_pt_gev", "z_y", "z_phi_rad", "z_mass_gev",
    }  # fmt: skip
    assert nanoaod.selecting(SPEC) >= {"Jet_pt", "Jet_eta", "Jet_jetId", "Jet_neHEF", "genWeight", "event"}
    assert not any(name.startswith(("Jet_", "FatJet_")) for name in nanoaod.selecting(event_spec()))
    assert set(nanoaod.unable(some, "ak4", 2)) == {"jet_id"}
    assert nanoaod.unable(some, "ak4", 0) == nanoaod.unable(some, "event", 2) == {}


def event_spec(**changes):
    return SPEC.model_copy(update={"object": "event"} | changes)


def test_events_with_a_pair_of_leptons():
    """Its key and weight in the place of its own row; an event that does not pass the trigger has none."""
    pair = {"pdgId": [[13, -13], [], [11, -11]], "status": [[1, 1], [], [1, 1]]}
    flags = truth.FROM_HARD_PROCESS
    pair |= {"statusFlags": [[flags] * 2, [], [flags] * 2], "genPartIdxMother": [[-1, -1], [], [-1, -1]]}
    pair |= {"pt": [[30.0, 30.0], [], [60.0, 20.0]], "eta": [[0.0, 0.0], [], [0.5, 0.5]]}
    pair |= {"phi": [[0.0, 3.0], [], [1.0, 1.0]]}
    made = {f"GenPart_{name}": values for name, values in pair.items()}
    made |= {
        f"GenJet_{name}": [[], [], [value]]
        for name, value in zip(("pt", "eta", "phi"), (40.0, -4.0, 0.0), strict=True)
    }
    rows, cutflow = nanoaod.rows(events(**made, HLT_A=[False, True, True]), event_spec(), CUTS)
    assert rows["event"].to_list() == [100, 102]
    assert rows["z_pt_gev"].to_list()[1] == pytest.approx(80)
    assert lines(cutflow)[-1] == ("two leptons of a Z", 2, 2.5, 4.25)
    rows, _ = nanoaod.rows(events(**made, HLT_A=[False, True, True]), event_spec(hlt=("HLT_A",)), CUTS)
    assert rows[["event", "luminosity_block", "jet_index", "weight", "flavour"]].to_list() == [
        {"event": 102, "luminosity_block": 12, "jet_index": 0, "weight": 0.5, "flavour": 0}
    ]
    assert rows["genjet_pt_gev"].to_list() == [[40.0]]
    data = event_spec(is_data=True)
    assert set(nanoaod.rows(events(**made, run=[7, 7, 7]), data, CUTS)[0]["flavour"]) == {truth.DATA}


def test_flavour_prefers_what_the_experiment_says():
    """FlavSplit where it is; else hadrons and partons; the parton alone tells no light jet from nothing."""
    flavours = {"Jet_hadronFlavour": [[5, 0, 0], [4], [0, 0]], "Jet_partonFlavour": [[5, 0, -3], [4], [0, 0]]}
    rows, _ = nanoaod.rows(events(**flavours), SPEC, CUTS)
    assert rows["flavour"].to_list() == [500, 2, 400]
    rows, _ = nanoaod.rows(events(**flavours, Jet_FlavSplit=[[511, 0, 1000], [1], [0, 0]]), SPEC, CUTS)
    assert rows["flavour"].to_list() == [511, 999, 1]
    untold = {u.ids: u.become for u in nanoaod.untold({"Jet_hadronFlavour"}, "ak4")}
    assert untold[truth.LIGHT] == truth.UNMATCHED
    assert untold[truth.LEPTONIC_B] == truth.B
    assert nanoaod.untold({"Jet_FlavSplit"}, "ak4") == nanoaod.untold(set(), "event") == []


def test_jets_by_event_and_place():
    """Rows of all jets before cuts, and directions of the kept ones, event by event."""
    phi = ak.Array([[0.1, 0.2, 0.3], [0.4], [0.5, 0.6]])
    jets = nanoaod.Jets(
        events(Jet_phi=phi), np.array([0, 3, 4, 6]), np.array([0, 2, 3]), np.array([0, 0, 1]), "Jet"
    )
    assert jets.row.tolist() == [0, -1, 1, 2, -1, -1]
    points = jets.directions()
    assert points.offsets.tolist() == [0, 2, 3, 3]
    assert points.eta.tolist() == [2.5, -2.5, -1.0]
    assert points.phi.tolist() == [0.1, 0.3, 0.4]


def test_the_lower_score_of_both_subjets_counts():
    """A jet cut in between, one without a second subjet, an index beyond the event, a code not computed."""
    large = {
        "FatJet_pt": [[400.0, 20.0, 500.0], [], [600.0, 700.0]],
        "FatJet_eta": [[0.1, 0.2, 0.3], [], [0.4, 0.5]],
        "FatJet_subJetIdx1": [[0, 2, 4], [], [1, 0]],
        "FatJet_subJetIdx2": [[1, 3, -1], [], [0, 9]],
        "SubJet_btagCSVV2": [[0.9, 0.4, 0.1, 0.1, 0.8], [0.7], [0.3, -999.0]],
        "SubJet_pt": [[80.0, 70.0, 60.0, 50.0, 40.0], [1.0], [30.0, 20.0]],
        "SubJet_rawFactor": [[0.5] * 5, [0.5], [0.5, 0.25]],
        "SubJet_eta": [[0.1, 0.2, 0.3, 0.4, 0.5], [1.0], [0.6, 0.7]],
    }
    spec = DatasetSpec(object="ak8", process="test", files=("x",))
    some = {name: value for name, value in events(**large).items() if not name.startswith("Jet_")}
    read = set(nanoaod.branches(set(some), "ak8"))
    assert {"SubJet_btagCSVV2", "FatJet_subJetIdx1", "FatJet_subJetIdx2"} <= read
    assert "SubJet_mass" not in read
    momenta = {"subjet_pt_gev", "subjet_raw_pt_gev", "subjet_eta"}
    assert {name for name in nanoaod.gives(set(some), "ak8") if name.startswith("subjet_")} == momenta
    for lacking in ("FatJet_subJetIdx2", "SubJet_pt"):  # without it nothing can be had of `rawFactor`
        assert not {*nanoaod.gives(set(some) - {lacking}, "ak8")} & momenta
    name = "stored_subjet_btagCSVV2"
    assert name in nanoaod.gives(set(some), "ak8")
    assert name not in nanoaod.gives(set(some) - {"FatJet_subJetIdx2"}, "ak8")
    cuts = CUTS.model_copy(update={"jet_id": 0})
    rows, _ = nanoaod.rows({key: some[key] for key in read}, spec, cuts)
    found = np.asarray(rows[name])
    np.testing.assert_allclose(found[[0, 1, 3]], [0.4, -10, -10])
    assert np.isnan(found[2])
    assert rows["subjet_pt_gev"].to_list() == [[80, 70], [40], [20, 30], [30]]
    assert rows["subjet_raw_pt_gev"].to_list() == [[40, 35], [20], [15, 15], [15]]
    np.testing.assert_allclose(np.concatenate(rows["subjet_eta"].to_list()), [0.1, 0.2, 0.5, 0.7, 0.6, 0.6])
