"""How many b and c hadrons are in a jet: each way to know it, which one counts, and when nothing tells."""

import awkward as ak
import numpy as np
import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.skimming import inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import decays, hadrons, mock, nanoaod, truth
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

# Two events with two large jets each, at these azimuths: QCD with bb, b, cc and none.
PHI = [[0.0, 2.0], [0.5, -2.5]]
OWN = {"nBHadrons": [[2, 1], [0, 0]], "nCHadrons": [[0, 3], [2, 0]]}
IDS = [1055, 1005, 1044, 1000]
FLAVOUR = [[5, 5], [4, 0]]


def branches(prefix, columns):
    """Branches of a collection."""
    return {f"{prefix}_{name}": ak.Array(values) for name, values in columns.items()}


def jets_of(prefix="FatJet", **columns):
    """Jets at PHI."""
    return branches(prefix, {"pt": [[300.0, 250.0]] * 2, "eta": [[0.0, 1.0]] * 2, "phi": PHI} | columns)


def particles(events):
    """GenPart from lists of (pdg id, mother, eta, phi)."""
    names = ("pdgId", "genPartIdxMother", "eta", "phi")
    columns = {
        name: ak.values_astype(
            ak.Array([[p[i] for p in event] for event in events]), np.int32 if i < 2 else "f4"
        )
        for i, name in enumerate(names)
    }
    like = columns["pdgId"]
    return branches("GenPart", columns | {n: ak.ones_like(like) for n in ("status", "statusFlags", "pt")})


# In each jet its hadrons: B* to B and a second b; a b that decays to a c; two c and one outside; none.
HADRONS = particles(
    [
        [(513, -1, 0.0, 0.1), (511, 0, 0.0, 0.1), (-521, -1, 0.2, 0.0), (5122, -1, 1.0, 2.3),
         (411, 3, 1.0, 2.3), (5503, -1, 1.0, 2.0), (25, -1, 9.0, 0.0)],
        [(421, -1, 0.0, 0.5), (4122, -1, 0.3, 0.2), (-431, -1, 0.0, 2.0), (22, 0, 0.0, 0.5)],
    ]
)  # fmt: skip


def flavour(events, obj="ak8"):
    """Truth ids of all jets."""
    prefix = hadrons.PREFIX[obj]
    offsets = np.array([0, 2, 4])
    jets = nanoaod.Jets(events, offsets, np.arange(4), np.array([0, 0, 1, 1]), prefix)
    return nanoaod.flavour(jets, obj).tolist()


def generator_jets(**columns):
    """In another order than the jets, one not of them among them."""
    order = {
        "phi": [[2.0, 3.1, 0.05], [-2.5, 0.5]],
        "eta": [[1.0, 0.0, 0.0], [1.0, 0.0]],
        "pt": [[1.0] * 3, [1.0] * 2],
    }
    return branches("GenJetAK8", order | columns)


COUNTED = {"nBHadrons": [[1, 0, 2], [0, 0]], "nCHadrons": [[3, 0, 0], [0, 2]]}
SUBJETS = {
    **branches("SubJet", {"nBHadrons": [[1, 1, 1], [0, 0]], "nCHadrons": [[0, 0, 1], [1, 1]]}),
    **branches("FatJet", {"subJetIdx1": [[0, 2], [0, -1]], "subJetIdx2": [[1, -1], [1, -1]]}),
}
INDEX = {"genJetAK8Idx": [[2, 0], [1, 0]]}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (jets_of(**OWN), IDS),
        (jets_of(**OWN, hadronFlavour=FLAVOUR), IDS),
        (jets_of(hadronFlavour=FLAVOUR, **INDEX) | generator_jets(**COUNTED), IDS),
        (jets_of(hadronFlavour=FLAVOUR) | generator_jets(**COUNTED), IDS),
        (jets_of(**INDEX) | generator_jets(**COUNTED), IDS),
        (jets_of(hadronFlavour=FLAVOUR) | HADRONS, IDS),
        (jets_of() | HADRONS, IDS),
        (jets_of(hadronFlavour=FLAVOUR) | SUBJETS, IDS),
        # Only the flavour is known: of the jet, or of its generator jet.
        (jets_of(hadronFlavour=FLAVOUR), [1005, 1005, 1004, 1000]),
        (jets_of(**INDEX) | generator_jets(hadronFlavour=[[5, 0, 5], [0, 4]]), [1005, 1005, 1004, 1000]),
        (jets_of(), [999] * 4),
    ],
    ids=["own", "own with flavour", "v15 by index", "v15 by direction", "v15 without flavour", "particles",
         "particles alone", "subjets", "flavour", "generator flavour", "nothing"],
)  # fmt: skip
def test_each_way_to_know_the_hadrons(events, expected):
    """The same four jets by each of them: one and two hadrons are told apart wherever the file can."""
    assert flavour(events) == expected
    tells = expected == IDS
    assert hadrons.tells_counts(set(events), "ak8") == tells
    assert hadrons.tells_flavour(set(events), "ak8") == (expected[0] != 999)


def test_the_next_way_serves_where_one_knows_nothing():
    """A jet without generator jet is counted by particles, one whose own flavour is light stays light."""
    events = jets_of(hadronFlavour=[[5, 5], [0, 0]], genJetAK8Idx=[[-1, 0], [-1, 7]]) | generator_jets(
        **COUNTED
    )
    assert flavour(events | HADRONS) == [1055, 1005, 1000, 1000]
    # Nothing tells: as many as the flavour says at least.
    assert flavour(events) == [1005, 1005, 1000, 1000]


def test_without_any_flavour_unmatched_jets_are_unmatched():
    """A flavour is not made up where neither the jet nor a generator jet has one."""
    events = jets_of(genJetAK8Idx=[[2, -1], [1, 9]]) | generator_jets(hadronFlavour=[[5, 0, 5], [0, 4]])
    assert flavour(events) == [1005, 999, 1004, 999]
    # One behind the last of its event: the first of the next event is not its partner.
    events = jets_of(genJetAK8Idx=[[3, 0], [1, 0]]) | generator_jets(hadronFlavour=[[5, 0, 5], [4, 0]])
    assert flavour(events) == [999, 1005, 1000, 1004]


SMALL_GENERATOR_JETS = {
    **branches("Jet", {"genJetIdx": [[0, 1], [1, 0]]}),
    **branches("GenJet", {"nBHadrons": [[2, 1], [0, 0]], "nCHadrons": [[0, 0], [0, 2]]}),
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (SMALL_GENERATOR_JETS, [510, 500, 410, 0]),
        (HADRONS, [510, 500, 400, 0]),  # the second c hadron is 0.42 away
        ({}, [500, 500, 400, 0]),
    ],
    ids=["generator jets", "particles", "flavour"],
)  # fmt: skip
def test_small_jets_hold_two_hadrons_too(more, expected):
    """AK4's classes bb and cc by the same ways."""
    events = jets_of("Jet", hadronFlavour=FLAVOUR, partonFlavour=[[5, 5], [4, 21]]) | more
    assert flavour(events, "ak4") == expected
    assert hadrons.tells_counts(set(events), "ak4") == bool(more)


# Of the four small jets: with a partner, of pile-up, with a partner too soft to be listed, with one.
PILE_UP = {"index": branches("Jet", {"genJetIdx": [[0, -1], [7, 0]]})}
PILE_UP["direction"] = branches("GenJet", {"eta": [[0.0], [0.0, 1.0]], "phi": [[0.3], [0.5, -2.1]]})
PILE_UP["nothing"] = {}


@pytest.mark.parametrize(
    ("how", "expected", "told"),
    [
        ("index", [500, 999, 400, 0], ""),
        ("direction", [500, 999, 400, 0], "jets without a GenJet within 0.4, as there is no Jet_genJetIdx"),
        (
            "nothing",
            [500, 500, 400, 0],
            "its jets count by the partons near them, as there is no Jet_genJetIdx",
        ),
    ],
)
def test_jets_without_a_generator_jet_are_of_pile_up(how, expected, told):
    """By the index, where that is -1; else by direction, within 0.4; else not known, which is said."""
    events = jets_of("Jet", hadronFlavour=FLAVOUR, partonFlavour=[[5, 21], [4, 21]]) | PILE_UP[how]
    assert flavour(events, "ak4") == expected
    assert nanoaod.instead(set(events), "ak4", 0).get("pile_up", "") == told
    read = nanoaod.branches({*events, "run", "event"}, "ak4")
    assert set(PILE_UP[how]) <= set(read)


def test_of_data_and_of_stored_ids_no_pile_up_is_said():
    """Data have no truth; FlavSplit knows pile-up; large jets have no such id."""
    for available, obj in (
        ({"Jet_pt", "Jet_eta"}, "ak4"),
        ({"Jet_hadronFlavour", "Jet_FlavSplit"}, "ak4"),
        ({"FatJet_pt", "FatJet_hadronFlavour"}, "ak8"),
    ):
        assert "pile_up" not in nanoaod.instead(available, obj, 0)


def test_pruned_particles_do_not_tell():
    """Many b jets and no b hadron anywhere: the particles were thinned, so b and bb are not told apart."""
    n = hadrons.N_PRUNED // 2 + 1
    events = {
        "FatJet_hadronFlavour": ak.Array([[5, 5]] * n), "FatJet_phi": ak.Array([[0.0, 2.0]] * n),
        "FatJet_eta": ak.Array([[0.0, 1.0]] * n), "FatJet_pt": ak.Array([[300.0, 250.0]] * n),
        **particles([[(25, -1, 0.0, 0.0)]] * n),
    }  # fmt: skip
    jets = nanoaod.Jets(
        events, np.arange(0, 2 * n + 1, 2), np.arange(2 * n), np.repeat(np.arange(n), 2), "FatJet"
    )
    with pytest.raises(InputError, match="cannot tell b from bb"):
        nanoaod.flavour(jets, "ak8")


def test_only_what_is_needed_is_read():
    """Own counts need no other branch; counts of generator jets and their way, where these are missing."""
    own = set(jets_of(**OWN, **INDEX) | generator_jets(**COUNTED) | SUBJETS)
    assert hadrons.branches(own, "ak8") == []
    without = own - {"FatJet_nBHadrons"}
    assert {"FatJet_genJetAK8Idx", "GenJetAK8_nBHadrons", "SubJet_nBHadrons"} <= set(
        hadrons.branches(without, "ak8")
    )
    assert "GenJetAK8_eta" in hadrons.branches(without - {"FatJet_genJetAK8Idx"}, "ak8")
    assert set(nanoaod.branches(without | {"run", "event"}, "ak8")) >= {
        "GenJetAK8_nCHadrons",
        "FatJet_subJetIdx2",
    }


def test_last_hadrons_are_those_that_decay_into_none_of_their_kind():
    """B* is none, since it becomes a B; a c hadron of a b decay is one of c; diquarks are no hadrons."""
    found = truth.Generator(HADRONS)
    assert found.pdg_id[found.last_hadrons(5)].tolist() == [511, -521, 5122]
    assert found.pdg_id[found.last_hadrons(4)].tolist() == [411, 421, 4122, -431]


PARTICLES = set(truth.GEN_BRANCHES)


@pytest.mark.parametrize(
    ("obj", "available", "expected"),
    [
        ("ak8", set(jets_of(**OWN, hadronFlavour=FLAVOUR)) | PARTICLES, {}),
        ("ak8", set(jets_of(hadronFlavour=FLAVOUR)) | PARTICLES, {}),
        ("ak8", set(jets_of()) | PARTICLES, {}),
        ("ak8", set(jets_of(**OWN)), decays.AS_QCD),
        ("ak8", set(jets_of(hadronFlavour=FLAVOUR)), {1055: 1005, 1044: 1004, **decays.AS_QCD}),
        ("ak8", set(jets_of()), dict.fromkeys(truth.KNOWN["ak8"], 999)),
        ("ak4", {"Jet_pt", "Jet_eta", "Jet_phi", "Jet_hadronFlavour", "Jet_partonFlavour"} | PARTICLES, {}),
        ("ak4", {"Jet_pt", "Jet_eta", "Jet_phi", "Jet_hadronFlavour", "Jet_partonFlavour"},
         {510: 500, 511: 500, 410: 400, 411: 400, 520: 500, 521: 500}),
        ("ak4", {"Jet_pt", "Jet_FlavSplit"}, {}),
    ],
)  # fmt: skip
def test_what_a_file_cannot_tell_is_said(obj, available, expected):
    """By branches alone, as inspect sees them: each id that no jet will have, and the one it will have."""
    assert {key: u.become for u in nanoaod.untold(available, obj) for key in u.ids} == expected


def test_partners_are_found_where_few_events_are_left(tmp_path):
    """Generator jets are read for events with a kept jet alone: a partner is looked up by event and place."""
    rng = np.random.default_rng(4)
    n = 60
    n_jets, n_partners = rng.integers(0, 3, n), rng.integers(1, 4, n)
    event = np.repeat(np.arange(n), n_jets)
    place = rng.integers(-1, n_partners[event])
    pt = rng.choice([100.0, 400.0], len(event), p=[0.8, 0.2])
    n_b = rng.integers(0, 3, int(n_partners.sum()))
    start = np.cumsum(n_partners) - n_partners

    def collection(counts, **columns):
        return ak.zip({name: ak.unflatten(values, counts) for name, values in columns.items()})

    zeros = np.zeros(len(event), np.float32)
    jets = {"pt": pt.astype("f4"), "eta": zeros, "phi": zeros, "genJetAK8Idx": place.astype("i2")}
    partners = {"nBHadrons": n_b.astype("u1"), "nCHadrons": np.zeros(len(n_b), "u1")}
    table = {
        "run": np.ones(n, np.uint32), "luminosityBlock": np.ones(n, np.uint32),
        "event": np.arange(n, dtype=np.uint64), "genWeight": np.ones(n, np.float32),
        "FatJet": collection(n_jets, **jets), "GenJetAK8": collection(n_partners, **partners),
    }  # fmt: skip
    cuts = [slice(0, 20), slice(20, 40), slice(40, n)]
    tables = [{name: values[cut] for name, values in table.items()} for cut in cuts]
    spec = DatasetSpec(object="ak8", process="qcd", files=("x",))
    plan, paths = tmp_path / "plan.json", [tmp_path / f"0.{end}" for end in ("parquet", "json", "id.parquet")]
    file = mock.write(tmp_path / "a.root", tables)
    inspection.inspect_dataset("test", spec, [file], 1, PartitionSpec(), plan)
    selection = SelectionSpec(pt_min_gev=200, jet_id=0)
    skim.skim_partition("test", spec, selection, SkimSpec(chunk_entries=17), plan, 0, *paths)
    kept = pt > 200
    count = np.where(place >= 0, n_b[start[event] + place], -1)[kept]
    expected = np.select([count == 1, count == 2, count == 0], [1005, 1055, 1000], default=999)
    rows = io.read_rows(paths[0])
    assert rows["event"].to_list() == event[kept].tolist()
    assert rows["flavour"].to_list() == expected.tolist()
    assert set(expected) == {1000, 1005, 1055, 999}
