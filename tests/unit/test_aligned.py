"""Branches of one collection have as many values, entry by entry; equal totals are no match."""

import awkward as ak
import numpy as np
import pytest

from jetsmith.errors import InputError
from jetsmith.sources import flat, mock, nanoaod, pfnano, physlite
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec

from . import test_sources_leptons as with_leptons

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=0, abseta_max=9, jet_id=2)


def torn(array):
    """The same values, one of them in the next entry."""
    counts = ak.to_numpy(ak.num(array)).copy()
    first = int(np.flatnonzero(counts)[0])
    counts[first] -= 1
    counts[(first + 1) % len(counts)] += 1
    return ak.unflatten(ak.flatten(array), counts)


EVENTS = mock.flatten(mock.events(40, 3))
RAGGED = [name for name in pfnano.branches(set(EVENTS), "ak4") if EVENTS[name].ndim == 2]
FIRST = {"Jet_pt": "Jet_", "JetPFCands_jetIdx": "JetPFCands_", "PFCands_charge": "PFCands_"}
FIRST |= {"JetSVs_jetIdx": "JetSVs_", "SV_eta": "SV_"}  # with these the others are compared


def test_as_they_are():
    """There is something to tear."""
    assert len(RAGGED) > 20
    assert len(pfnano.rows(EVENTS, SPEC, CUTS)[0]) > 20


@pytest.mark.parametrize("name", RAGGED)
def test_every_list_of_pfnano(name):
    """Selecting or not, jets, candidates, vertices: what does not fit is named."""
    with pytest.raises(InputError, match=rf"branch {FIRST.get(name, name)}\w* has \d+ values in entry \d"):
        pfnano.rows(EVENTS | {name: torn(EVENTS[name])}, SPEC, CUTS)


@pytest.mark.parametrize(
    ("values", "words"),
    [(np.full(40, 0.5, np.float32), "one number an entry"), ([[[0.5]]] * 40, "lists of lists")],
)
@pytest.mark.parametrize("name", RAGGED)
def test_every_list_is_one_of_numbers(name, values, words):
    """What has another shape is named, and no traceback."""
    with pytest.raises(InputError, match=f"branch {name} has {words}, where a list of numbers"):
        pfnano.rows(EVENTS | {name: ak.Array(values)}, SPEC, CUTS)


def test_an_identification_of_other_jets():
    """As an auditor had it: two events, three jets, three values of jetId, and another jet was kept."""
    one = {
        "run": [1, 1],
        "luminosityBlock": [1, 1],
        "event": [1, 2],
        "genWeight": [1.0, 1.0],
        "PV_npvs": [1, 1],
    }
    jets = {f"Jet_{name}": ak.Array([[50.0, 50.0], [0.1]]) for name in ("pt", "eta", "phi", "mass")}
    given = {name: ak.Array(values) for name, values in one.items()} | jets | {
        "Jet_jetId": ak.Array([[6], [0, 6]])
    }  # fmt: skip
    with pytest.raises(
        InputError, match="Jet_jetId has 1 values in entry 0 of these, and its collection has 2"
    ):
        nanoaod.rows(given, SPEC, CUTS)


@pytest.mark.parametrize("name", [f"Electron_{n}" for n in ("eta", "phi", "charge", "cutBased")])
def test_leptons(name):
    """Their cuts are by place, too."""
    electrons, muons, jets = with_leptons.random_events(np.random.default_rng(1), 20)
    given = with_leptons.events(electrons, muons, jets)
    cuts = CUTS.model_copy(update={"jet_id": 0})
    nanoaod.rows(given, with_leptons.spec("ak4", "e", "ee"), cuts)
    with pytest.raises(InputError, match=name):
        nanoaod.rows(given | {name: torn(given[name])}, with_leptons.spec("ak4", "e", "ee"), cuts)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("genWeight", ak.Array([[1.0]] * 40), "genWeight has a list an entry, where one number"),
        ("run", ak.Array([[1]] * 40), "run has a list an entry"),
    ],
)
def test_numbers(name, values, words):
    """What has another shape is named, and no traceback."""
    with pytest.raises(InputError, match=words):
        pfnano.rows(EVENTS | {name: ak.Array(values)}, SPEC, CUTS)


def test_columns_of_one_kind_of_list():
    """Layouts that put branches side by side without looking: lists of candidates have one length a row."""
    columns = flat.Columns("ak4", 2)
    columns.ragged("cpf_pt_gev", np.array([0, 2, 3]), np.ones(3))
    columns.ragged("npf_pt_gev", np.array([0, 1, 3]), np.ones(3))
    with pytest.raises(InputError, match="branches of charged candidates differ in length: cpf_d0_cm has 3"):
        columns.ragged("cpf_d0_cm", np.array([0, 1, 3]), np.ones(3))


def test_physlite_has_the_same_check():
    """One function for all layouts."""
    assert physlite.aligned is nanoaod.aligned is flat.aligned


LARGE = {
    **{name: ak.Array(np.ones(3)) for name in ("run", "luminosityBlock", "event", "genWeight", "PV_npvs")},
    **{f"FatJet_{name}": ak.Array([[300.0], [], [400.0, 350.0]]) for name in ("pt", "mass")},
    **{f"FatJet_{name}": ak.Array([[0.1], [], [0.2, 1.4]]) for name in ("eta", "phi")},
    "FatJet_subJetIdx1": ak.Array([[0], [], [0, 2]]),
    "FatJet_subJetIdx2": ak.Array([[1], [], [1, -1]]),
    "FatJet_genJetAK8Idx": ak.Array([[0], [], [0, -1]]),
    **{
        f"SubJet_{name}": ak.Array([[0.4, 0.3], [], [0.2, 0.1, 0.6]])
        for name in ("pt", "eta", "phi", "mass", "rawFactor", "btagDeepB")
    },
}
COUNTED = {
    "SubJet": ak.Array([[1, 0], [], [1, 0, 0]]),
    "GenJetAK8": ak.Array([[1], [], [0, 1]]),
}


@pytest.mark.parametrize("collection", COUNTED)
def test_what_large_jets_point_to(collection):
    """Subjets and generator jets: each of their branches is compared with another."""
    counts = {f"{collection}_{name}": COUNTED[collection] for name in ("nBHadrons", "nCHadrons")}
    given, spec = LARGE | counts, SPEC.model_copy(update={"object": "ak8"})
    cuts = CUTS.model_copy(update={"jet_id": 0})
    if collection == "GenJetAK8":
        given |= {f"GenJetAK8_{name}": ak.Array([[300.0], [], [400.0, 350.0]]) for name in ("pt", "mass")}
    assert len(nanoaod.rows(given, spec, cuts)[0]) == 3
    torn_ones = [name for name in given if name.startswith(f"{collection}_")]
    assert len(torn_ones) >= 4
    for name in torn_ones:
        with pytest.raises(InputError, match=rf"branch {collection}_\w+ has \d values in entry \d"):
            nanoaod.rows(given | {name: torn(given[name])}, spec, cuts)
