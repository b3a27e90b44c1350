"""Isolated leptons that select events: channels, charges, edges of the cuts, and jets that are leptons."""

import awkward as ak
import numpy as np
import pytest

from jetsmith.errors import InputError
from jetsmith.handed.plan import Plan
from jetsmith.io import read_record
from jetsmith.skimming import inspection
from jetsmith.sources import leptons, mock, nanoaod
from jetsmith.specs.datasets import DatasetSpec, LeptonsSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec

CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=0)
ALL = ("e", "mu", "ee", "emu", "mumu")


def asked(*channels, **more):
    return LeptonsSpec(channels=channels, **more)


def spec(obj="ak4", *channels, **more):
    return DatasetSpec(object=obj, process="test", files=("x",), leptons=asked(*channels, **more))


def events(electrons, muons, jets=None):
    """Events with (pt, eta, phi, charge, cutBased), and (pt, eta, phi, charge, tightId, isolation)."""
    n = len(electrons)
    found = {
        "run": np.full(n, 1), "luminosityBlock": np.arange(n), "event": np.arange(n),
        "genWeight": np.where(np.arange(n) % 3 == 1, -1.0, 2.0), "PV_npvs": np.full(n, 9),
    }  # fmt: skip
    jets = jets or [[(50.0, 0.0, 0.0)]] * n
    common = ("pt", "eta", "phi", "charge")
    for prefix, of, names in (
        ("Electron", electrons, (*common, "cutBased")),
        ("Muon", muons, (*common, "tightId", "pfRelIso04_all")),
        ("Jet", jets, ("pt", "eta", "phi")),
    ):
        counts = [len(entries) for entries in of]
        for k, name in enumerate(names):
            flat = np.array([entry[k] for entries in of for entry in entries], np.float64)
            found[f"{prefix}_{name}"] = ak.unflatten(flat, counts)
    return {name: ak.Array(value) for name, value in found.items()}


def select(given, of):
    """Of all events."""
    return leptons.select(given, of, np.ones(len(given["run"]), np.bool_))


def random_events(rng, n=1500):
    """With up to three of each, some of which pass nothing."""

    def some(extra):
        return [
            [
                (rng.uniform(10, 60), rng.uniform(-3, 3), rng.uniform(-3, 3), rng.choice([-1, 1]), *extra())
                for _ in range(rng.integers(0, 4))
            ]
            for _ in range(n)
        ]

    electrons = some(lambda: (rng.integers(3, 5),))
    muons = some(lambda: (rng.integers(0, 2), rng.uniform(0, 0.3)))
    jets = [
        [(50.0, rng.uniform(-2, 2), rng.uniform(-3, 3)) for _ in range(rng.integers(0, 5))] for _ in muons
    ]
    return electrons, muons, jets


def by_loop(electrons, muons, of):
    """Isolated leptons of an event, as (pt, eta, phi, charge, kind)."""
    good = [
        (*e[:4], "e") for e in electrons if e[0] >= of.pt_min_gev and abs(e[1]) <= of.abseta_max and e[4] >= 4
    ]
    good += [
        (*m[:4], "mu")
        for m in muons
        if m[0] >= of.pt_min_gev and abs(m[1]) <= of.abseta_max and m[4] and m[5] < of.isolation_max
    ]
    return good


@pytest.mark.parametrize("channels", [("e",), ("e", "mu"), ("emu",), ("ee", "mumu"), ALL])
@pytest.mark.parametrize("opposite", [True, False])
def test_events_and_jets_as_a_loop_has_them(channels, opposite):
    """Of random events the same rows stay, in the same order, with the same charge."""
    electrons, muons, jets = random_events(np.random.default_rng(3))
    settings = spec("ak4", *channels, opposite_charge=opposite)
    rows, cutflow = nanoaod.rows(events(electrons, muons, jets), settings, CUTS)
    expected, n_events = [], 0
    for number, event in enumerate(zip(electrons, muons, jets, strict=True)):
        good = by_loop(*event[:2], settings.leptons)
        kinds = "".join(sorted((kind for *_, kind in good), key="emu".index))
        total = sum(charge for _, _, _, charge, _ in good)
        if kinds not in channels or (opposite and len(good) == 2 and total):
            continue
        n_events += 1
        for index, (_, eta, phi) in enumerate(event[2]):
            distances = [np.hypot(eta - g[1], (phi - g[2] + np.pi) % (2 * np.pi) - np.pi) for g in good]
            if min(distances) >= 0.4:
                expected.append((number, index, max(good)[3]))
    assert list(zip(rows["event"], rows["jet_index"], rows["lepton_charge"], strict=True)) == expected
    assert n_events > 5
    assert [line.cut for line in cutflow] == ["entries", "leptons", "jets", "pt", "abseta", "lepton_overlap"]
    assert cutflow[1].n == n_events
    assert cutflow[-1].n == len(expected) < cutflow[-2].n


def test_edges_belong_to_the_selection():
    """pt and |eta| at the cut pass, an isolation at its limit and less than tight do not."""
    tight = (25.0, -2.4, 0.0, 1)
    of = asked("e", "mu")
    for electron, muon, passes in (
        ((*tight, 4), None, True),
        ((*tight, 3), None, False),
        (None, (*tight, 1, 0.149), True),
        (None, (*tight, 1, 0.15), False),
        (None, (*tight, 0, 0.0), False),
        ((np.nextafter(25.0, 0), 0.0, 0.0, 1, 4), None, False),
        ((*tight, 4), (*tight, 1, 0.0), False),  # one more is another channel
    ):
        found = select(events([[electron] if electron else []], [[muon] if muon else []]), of)
        assert found.passes(of).tolist() == [passes]


def test_charges():
    """Two leptons of one charge are not of a pair unless asked; the hardest one's charge goes to the jets."""
    pair = events(
        [[(40.0, 0, 0, -1, 4)], [(40.0, 0, 0, -1, 4)]], [[(50.0, 1, 1, -1, 1, 0)], [(30.0, 1, 1, 1, 1, 0)]]
    )
    found = select(pair, asked("emu"))
    assert found.passes(asked("emu")).tolist() == [False, True]
    assert found.passes(asked("emu", opposite_charge=False)).tolist() == [True, True]
    assert found.hardest_charge().tolist() == [-1, -1]
    none = select(events([[]], [[]]), asked("e"))
    assert none.hardest_charge().tolist() == [0]
    assert none.passes(asked(*ALL)).tolist() == [False]


def test_transverse_masses():
    """At the least one an event passes, below it not, and pairs have none; without the key none is read."""
    one, two = [(40.0, 0, 0.5, 1, 4)], [(40.0, 0, 0, 1, 4), (30.0, 0, 1, -1, 4)]
    missing = {"PuppiMET_pt": [31.25, 31.24, 0.0], "PuppiMET_phi": [0.5 + np.pi, 0.5 - np.pi, 0.0]}
    some = events([one, one, two], [[], [], []]) | {name: ak.Array(v) for name, v in missing.items()}
    of = asked("e", "ee", transverse_mass_min_gev=np.sqrt(4 * 40 * 31.25) - 1e-6)
    assert select(some, of).passes(of).tolist() == [True, False, True]
    assert set(missing) <= set(leptons.wanted("nanoaod", of))
    assert set(missing).isdisjoint(leptons.wanted("nanoaod", asked("e")))
    assert leptons.lacking("nanoaod", of, set(leptons.NANOAOD)) == [*missing]


@pytest.mark.parametrize("of", [{"pair_mass_gev": (30, 70)}, {"z_veto_gev": 20}, {}])
def test_masses_of_pairs_as_a_loop_has_them(of):
    """By four-momenta; the veto is for pairs of one flavour alone."""
    electrons, muons, _ = random_events(np.random.default_rng(8))
    settings = asked(*ALL, pt_min_gev=15, **of)
    found = select(events(electrons, muons), settings).passes(settings)
    expected, n_cut = [], 0
    for event in zip(electrons, muons, strict=True):
        good = by_loop(*event, settings)
        passes = len(good) == 1 or (len(good) == 2 and good[0][3] + good[1][3] == 0)
        if passes and len(good) == 2:
            x, y, z, energy = np.sum(
                [
                    (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta))
                    for pt, eta, phi, *_ in good
                ],
                axis=0,
            )
            mass = np.sqrt(energy**2 - x**2 - y**2 - z**2)
            veto = settings.z_veto_gev if good[0][4] == good[1][4] else 0
            low, high = settings.pair_mass_gev or (0, np.inf)
            passes = low <= mass < high and abs(mass - 91.19) >= veto
            n_cut += not passes
        expected.append(passes)
    assert found.tolist() == expected
    assert (n_cut > 5) == bool(of)


LEPTON_NUMBERS = [f"{flavour}_{of}" for flavour in ("Electron", "Muon") for of in ("pt", "eta", "phi")]
LEPTON_NUMBERS.append("Muon_pfRelIso04_all")


@pytest.mark.parametrize("name", [*LEPTON_NUMBERS, "PuppiMET_pt", "PuppiMET_phi"])
def test_numbers_that_are_none(name):
    """They stop the run, by name, where cuts let the lepton so far; in events that are cut nobody looks."""
    electrons, muons = [[(50.0, 0.1, 0.0, 1, 4)]] * 2, [[]] * 2
    if name.startswith("Muon"):
        electrons, muons = muons, [[(50.0, 0.1, 0.0, 1, 1, 0.0)]] * 2
    given = events(electrons, muons, [[(50.0, 0.1, 0.0), (60.0, 1.5, 2.0)]] * 2)
    given |= {"PuppiMET_pt": ak.Array([60.0, 60.0]), "PuppiMET_phi": ak.Array([3.0, 3.0])}
    settings = spec("ak4", "e", "mu", transverse_mass_min_gev=1.0)
    assert set(nanoaod.rows(given, settings, CUTS)[0]["event"]) == {0, 1}
    given[name] = ak.Array([[np.nan], given[name][1].to_list()] if given[name].ndim == 2 else [np.nan, 60.0])
    with pytest.raises(InputError, match=f"{name} is not finite of 1"):
        nanoaod.rows(given, settings, CUTS)
    triggered = settings.model_copy(update={"hlt": ("HLT_X",)})
    fired = given | {"HLT_X": ak.Array([False, True])}
    assert set(nanoaod.rows(fired, triggered, CUTS)[0]["event"]) == {1}
    if name in LEPTON_NUMBERS and not name.endswith("_pt"):
        soft = given | {f"{name.partition('_')[0]}_pt": ak.Array([[10.0], [50.0]])}
        assert set(nanoaod.rows(soft, settings, CUTS)[0]["event"]) == {1}


def test_files_without_leptons_stop_at_inspect(tmp_path):
    """What a file lacks for the key is named before any chunk is read; else the plan has the branches."""
    table = mock.events(5)
    lacking, holding = tmp_path / "a.root", tmp_path / "b.root"
    mock.write(lacking, [table])
    with pytest.raises(InputError, match=r"a\.root: leptons: no Electron_pt, .*Muon_pfRelIso04_all"):
        inspect(tmp_path, lacking, spec("ak4", "e"))
    found = events([[]] * 5, [[]] * 5)
    own = {name: found[name] for name in leptons.NANOAOD}
    pairs = {
        flavour: ak.zip({n.removeprefix(f"{flavour}_"): own[n] for n in own if n.startswith(flavour)})
        for flavour in ("Electron", "Muon")
    }
    mock.write(holding, [table | pairs])
    for of, gives in ((spec("ak4", "e"), True), (None, False)):
        plan = inspect(tmp_path, holding, of)
        assert (leptons.CHARGE in plan.columns) == gives
        assert set(leptons.NANOAOD).isdisjoint(plan.schemas[0].branches) != gives


def inspect(folder, path, of):
    """The plan of one file."""
    of = of or spec("ak4", "e").model_copy(update={"leptons": None})
    inspection.inspect_dataset("d", of, [str(path)], 1, PartitionSpec(), folder / "i.json")
    return read_record(Plan, folder / "i.json")
