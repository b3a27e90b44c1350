"""The simulated files: schema, units, indices, determinism and sums of weights."""

import warnings
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from jetsmith import sources
from jetsmith.angles import delta_r
from jetsmith.derivations import of
from jetsmith.features.derived import with_derived
from jetsmith.simulate import simulate_part
from jetsmith.simulation.leptons import leptons as simulated_leptons
from jetsmith.simulation.parameters import DETECTORS
from jetsmith.simulation.processes import PROCESSES
from jetsmith.simulation.tables import Neutrals, Tracks
from jetsmith.sources import leptons
from jetsmith.specs.datasets import DatasetSpec, LeptonsSpec, SelectionSpec, SimulateSpec

N_EVENTS = 80
DEEPCSV_SCALARS = (
    "flightDistance2dVal", "flightDistance2dSig", "flightDistance3dVal", "flightDistance3dSig",
    "trackSip2dValAboveCharm", "trackSip2dSigAboveCharm", "trackSip3dValAboveCharm",
    "trackSip3dSigAboveCharm", "trackSumJetDeltaR", "trackSumJetEtRatio", "vertexCategory",
    "vertexEnergyRatio", "vertexJetDeltaR", "vertexMass", "vertexNTracks", "jetNSecondaryVertices",
    "jetNSelectedTracks", "jetNTracksEtaRel",
)  # fmt: skip
DEEPCSV_TRACKS = (
    "trackSip2dSig", "trackSip3dSig", "trackJetDistVal", "trackDecayLenVal", "trackDeltaR", "trackPtRel",
    "trackPtRatio",
)  # fmt: skip

REAL_TYPES = {
    "run": "uint32_t",
    "luminosityBlock": "uint32_t",
    "event": "uint64_t",
    "genWeight": "float",
    "PV_npvs": "int32_t",
    "Jet_pt": "float[]",
    "Jet_hadronFlavour": "int32_t[]",
    "Jet_nBHadrons": "int32_t[]",
    "Jet_jetId": "int32_t[]",
    "Jet_genJetIdx": "int32_t[]",
    "Jet_DeepCSV_jetNSelectedTracks": "int32_t[]",
    "Jet_DeepCSV_vertexNTracks": "int32_t[]",
    "Jet_DeepCSV_vertexCategory": "float[]",
    "FatJet_nBHadrons": "uint8_t[]",
    "FatJet_hadronFlavour": "int32_t[]",
    "FatJet_subJetIdx1": "int32_t[]",
    "FatJet_DDX_jetNTracks": "int32_t[]",
    "FatJet_genJetAK8Idx": "int32_t[]",
    "GenJet_hadronFlavour": "uint8_t[]",
    "GenJetAK8_hadronFlavour": "uint8_t[]",
    "GenJet_partonFlavour": "int32_t[]",
    "GenPart_pdgId": "int32_t[]",
    "GenPart_statusFlags": "int32_t[]",
    "JetPFCands_pFCandsIdx": "int32_t[]",
    "JetSVs_ntracks": "float[]",
    "PFCands_charge": "int32_t[]",
    "PFCands_d0": "float[]",
    "SV_ntracks": "uint8_t[]",
}


def simulate(
    path: Path,
    process: str,
    n_events: int = N_EVENTS,
    name: str = "demo",
    part: int = 0,
    detector: str = "nominal",
) -> Path:
    spec = SimulateSpec(process=process, detector=detector, n_events=n_events * (part + 1), parts=part + 1)
    simulate_part(name, spec, PROCESSES[process], DETECTORS[detector], part, 42, 1.0, path)
    return path


@pytest.fixture(scope="session")
def ttbar_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("simulated") / "ttbar.root", "ttbar")


@pytest.fixture(scope="session")
def boosted_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("simulated") / "higgs.root", "higgs_bb", 40)


@pytest.fixture(scope="session")
def ttbar(ttbar_file: Path) -> Any:
    return uproot.open(ttbar_file)["Events"].arrays()


@pytest.fixture(scope="session")
def boosted(boosted_file: Path) -> Any:
    return uproot.open(boosted_file)["Events"].arrays()


def flat(values: Any) -> Any:
    return ak.to_numpy(ak.flatten(values))


def test_events_and_runs_agree(ttbar_file: Path, boosted_file: Path) -> None:
    """The sums of Runs, by which samples are normalised, are those of the events."""
    for path, n_events in ((ttbar_file, N_EVENTS), (boosted_file, 40)):
        with uproot.open(path) as file:
            weight = file["Events"]["genWeight"].array(library="np").astype(np.float64)
            runs = file["Runs"].arrays(library="np")
        assert len(weight) == n_events == runs["genEventCount"][0]
        assert runs["genEventSumw"][0] == pytest.approx(weight.sum(), rel=1e-12)
        assert runs["genEventSumw2"][0] == pytest.approx((weight**2).sum(), rel=1e-12)
        assert runs["run"][0] == 1


def test_same_seed_same_content_other_part_other_events(tmp_path: Path, ttbar: Any) -> None:
    """A rerun reproduces every branch; another part or dataset is independent."""
    again = uproot.open(simulate(tmp_path / "a.root", "ttbar"))["Events"].arrays()
    assert ak.fields(again) == ak.fields(ttbar)
    for name in ak.fields(ttbar):
        assert ak.array_equal(again[name], ttbar[name], equal_nan=True), name
    other = uproot.open(simulate(tmp_path / "b.root", "ttbar", 5, part=1))["Events"].arrays()
    assert set(other.luminosityBlock) == {2}
    assert not set(other.event) & set(ttbar.event)
    assert flat(other.Jet_pt)[0] != flat(ttbar.Jet_pt)[0]
    named = uproot.open(simulate(tmp_path / "c.root", "ttbar", 5, name="demo2"))["Events"].arrays()
    assert flat(named.Jet_pt)[0] != flat(ttbar.Jet_pt)[0]


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A job that fails while it writes leaves neither half a file nor a temporary one."""
    target = tmp_path / "part.root"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="broken"):
        _write_and_fail(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def _write_and_fail(target: Path) -> None:
    from jetsmith.simulation.writer import open_pfnano

    with open_pfnano(target) as writer:
        writer.add({"genWeight": np.ones(2, np.float32)}, {})
        raise RuntimeError("broken")


def test_coffea_reads_it_like_a_real_file(ttbar_file: Path) -> None:
    """Collections, behaviours and cross-references of coffea's schema work."""
    from coffea.nanoevents import NanoEventsFactory, PFNanoAODSchema

    with warnings.catch_warnings():
        # Said of every collection that a file does not have, of real ones too.
        warnings.filterwarnings("ignore", "Missing cross-reference", RuntimeWarning)
        events = NanoEventsFactory.from_root(
            {str(ttbar_file): "Events"}, schemaclass=PFNanoAODSchema, mode="virtual"
        ).events()
    assert len(events) == N_EVENTS
    charged = events.JetPFCands.pf.charge != 0
    np.testing.assert_allclose(
        flat(events.JetPFCands.pf.pt[charged]), flat(events.JetPFCands.pt[charged]), rtol=1e-5
    )
    assert ak.all(events.JetPFCands.jet.pt >= 20)
    np.testing.assert_allclose(flat(events.JetSVs.sv.mass), flat(events.JetSVs.mass))
    response = flat(ak.drop_none(events.Jet.pt / events.Jet.matched_gen.pt))
    assert 0.9 < np.median(response) < 1.1
    assert ak.any(abs(events.GenPart.pdgId) == 6)
    assert ak.all(events.GenPart.hasFlags(["isHardProcess"]) == events.GenPart.hasFlags("isHardProcess"))


def test_constituents_add_up_to_their_jet(ttbar: Any) -> None:
    """Indices and weights: the constituents' momenta make the raw jet, with charge where it matters."""
    pt = ttbar.JetPFCands_pt
    index = ttbar.JetPFCands_pFCandsIdx
    phi, eta = ttbar.PFCands_phi[index], ttbar.PFCands_eta[index]
    for event in range(10):
        for jet in range(len(ttbar.Jet_pt[event])):
            mine = ttbar.JetPFCands_jetIdx[event] == jet
            px = np.sum(pt[event][mine] * np.cos(phi[event][mine]))
            py = np.sum(pt[event][mine] * np.sin(phi[event][mine]))
            raw = ttbar.Jet_pt[event, jet] * (1 - ttbar.Jet_rawFactor[event, jet])
            assert np.hypot(px, py) == pytest.approx(raw, rel=1e-4)
            assert len(pt[event][mine]) == ttbar.Jet_nConstituents[event, jet]
    neutral = flat(ttbar.PFCands_charge[index] == 0)
    assert (flat(ttbar.JetPFCands_btagSip3dVal)[neutral] == 0).all()
    assert np.isfinite(flat(eta)).all()


@pytest.fixture(scope="module")
def dilepton(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = simulate(tmp_path_factory.mktemp("simulated") / "dilepton.root", "ttbar_dilepton", 150)
    return uproot.open(path)["Events"].arrays()


def test_jets_that_are_leptons_are_known_as_such(dilepton: Any) -> None:
    """A lepton alone is no tight jet, one with a few tracks lacks the bit of the lepton veto."""
    events = dilepton
    for fractions in (events.Jet_muEF, events.Jet_chEmEF):
        assert not ak.any((events.Jet_jetId & 4 > 0) & (fractions >= 0.8))
    mostly = (events.Jet_muEF >= 0.8) | (events.Jet_chEmEF >= 0.8)
    assert ak.all((events.Jet_jetId == 2) == ((events.Jet_jetId & 2 > 0) & mostly))
    prompt = (events.GenPart_status == 1) & (events.GenPart_statusFlags & 1 > 0)
    prompt = prompt & (abs(events.GenPart_pdgId) % 2 == 1) & (events.GenPart_pt > 20)
    assert set(abs(flat(events.GenPart_pdgId[prompt]))) == {11, 13}
    near = []
    for event, mask in zip(events, prompt, strict=True):
        lepton = (np.asarray(event[f"GenPart_{name}"][mask])[None] for name in ("eta", "phi"))
        jet = (np.asarray(event[f"Jet_{name}"])[:, None] for name in ("eta", "phi"))
        near.extend((delta_r(*jet, *lepton) < 0.1).any(axis=1))
    near = np.array(near) & flat(events.Jet_hadronFlavour == 0)
    kept = flat(events.Jet_jetId & 4 > 0)
    assert near.sum() > 100
    assert kept[near].mean() < 0.3  # those that are not identified, and are jets to any analysis
    assert kept[flat(events.Jet_hadronFlavour == 5)].mean() > 0.95


def test_leptons_of_w_are_isolated_and_others_not(dilepton: Any) -> None:
    """Tight isolated ones are of W but for a few; soft muons, of hadrons, are not isolated."""
    of = LeptonsSpec(channels=("ee", "emu", "mumu"), pt_min_gev=20)
    given = dict(zip(dilepton.fields, ak.unzip(dilepton), strict=True))
    found = leptons.select(given, of, np.ones(len(dilepton), np.bool_))
    prompt = (dilepton.GenPart_status == 1) & (dilepton.GenPart_statusFlags & 1 > 0)
    prompt = prompt & (abs(dilepton.GenPart_pdgId) % 2 == 1) & (abs(dilepton.GenPart_pdgId) < 16)
    near = [
        delta_r(eta, phi, np.asarray(event.GenPart_eta[mask]), np.asarray(event.GenPart_phi[mask])).min()
        < 0.1
        for event, mask, eta, phi in (
            (dilepton[i], prompt[i], eta, phi)
            for i, eta, phi in zip(found.event, found.directions.eta, found.directions.phi, strict=True)
        )
    ]
    assert np.mean(near) > 0.95
    assert found.passes(of).mean() > 0.15  # of 20 GeV within 2.4 each, and identified
    assert set(abs(found.charge)) == {1}
    muons = dilepton.Muon_pfRelIso04_all[dilepton.Muon_pt < 10]
    assert ak.mean(muons < of.isolation_max) < 0.2  # of b and c hadrons
    assert len(flat(muons)) > 20


def test_what_is_missing_is_neutrinos(dilepton: Any) -> None:
    """Of two W: the vector sum of neutrinos to the resolution of a detector, and not of another event."""
    code = abs(dilepton.GenPart_pdgId)
    neutrino = (dilepton.GenPart_status == 1) & ((code == 12) | (code == 14) | (code == 16))
    pt, phi = dilepton.GenPart_pt[neutrino], dilepton.GenPart_phi[neutrino]
    true = ak.to_numpy(ak.sum(pt * np.cos(phi), axis=1) + 1j * ak.sum(pt * np.sin(phi), axis=1))
    found = ak.to_numpy(dilepton.PuppiMET_pt * np.exp(1j * dilepton.PuppiMET_phi))
    assert np.median(np.abs(true)) > 40
    assert np.median(np.abs(found - true)) < 0.5 * np.median(np.abs(np.roll(found, 1) - true))


def test_isolation_is_what_a_loop_adds_up() -> None:
    """Charged particles of the primary vertex and neutral ones by weight, the lepton itself left out."""
    rng = np.random.default_rng(4)
    events = np.sort(rng.integers(0, 6, 120))

    def table(kind: type, **more: Any) -> Any:
        n = len(events)
        plain = {
            field.name: rng.normal(0, 0.05, n) for field in fields(kind) if field.name not in ("event", *more)
        }
        return kind(**plain, event=events, **more)

    pt = np.sort(rng.uniform(1, 40, len(events)))[::-1]
    code = rng.choice([11, -13, 211], len(events))
    eta, phi = rng.uniform(-1, 1, len(events)), rng.uniform(-1, 1, len(events))
    tracks = table(Tracks, pt=pt, pdg_id=code, eta=eta, phi=phi, dz=rng.normal(0, 0.1, len(events)))
    neutrals = table(
        Neutrals, pt=pt[::-1], eta=-eta, phi=phi, puppi_weight=rng.random(len(events)), pdg_id=code * 0 + 22
    )
    found = simulated_leptons(tracks, neutrals, 6)
    for name, flavour, least in (("Electron", 11, 5.0), ("Muon", 13, 3.0)):
        expected = []
        for i in np.flatnonzero((abs(code) == flavour) & (pt > least)):
            total = 0.0
            for j in np.flatnonzero(events == events[i]):
                if j != i and abs(tracks.dz[j]) < 0.1 and delta_r(eta[i], phi[i], eta[j], phi[j]) < 0.4:
                    total += pt[j]
                if delta_r(eta[i], phi[i], neutrals.eta[j], phi[j]) < 0.4:
                    total += neutrals.pt[j] * neutrals.puppi_weight[j]
            expected.append(total / pt[i])
        assert len(expected) > 20
        np.testing.assert_allclose(found[name].columns["pfRelIso04_all"], expected)
        assert found[name].counts.sum() == len(expected)


def test_a_worse_tracker_measures_worse(tmp_path: Path, ttbar: Any) -> None:
    """Of the same events: fewer tracks, with larger errors; generator particles stay as they are."""
    worse = uproot.open(simulate(tmp_path / "a.root", "ttbar", detector="worse_tracker"))["Events"].arrays()
    assert ak.array_equal(worse.GenPart_pt, ttbar.GenPart_pt)
    errors, counts = [], []
    for events in (worse, ttbar):
        error = flat(events.PFCands_d0Err)
        counts.append((error > 0).sum())
        errors.append(np.median(error[error > 0]))
    assert 1.1 < errors[0] / errors[1] < 1.3
    assert 0.9 < counts[0] / counts[1] < 0.99


def test_lengths_are_in_cm(ttbar: Any) -> None:
    """Impact parameters, their errors and flight distances have the size that they have in cm."""
    charged = flat(ttbar.PFCands_charge) != 0
    assert 0.001 < np.median(flat(ttbar.PFCands_d0Err)[charged]) < 0.02
    assert np.abs(flat(ttbar.PFCands_d0)).max() < 2.5
    assert 0.1 < np.median(flat(ttbar.JetSVs_d3d)) < 2
    assert np.std(ttbar.PV_z) > 1
    position = np.stack([flat(ttbar[f"SV_{axis}"] - ttbar[f"PV_{axis}"]) for axis in "xyz"])
    np.testing.assert_allclose(
        np.sqrt(np.sum(position**2, axis=0)), flat(ttbar.SV_dlen), rtol=1e-3, atol=1e-4
    )


def test_all_deepcsv_inputs_are_there(ttbar: Any) -> None:
    """The 66 inputs of DeepCSV, finite, -999 exactly in the unused slots."""
    for name in DEEPCSV_SCALARS:
        assert np.isfinite(flat(ttbar[f"Jet_DeepCSV_{name}"])).all()
    n_tracks = flat(ttbar.Jet_DeepCSV_jetNSelectedTracks)
    for name in DEEPCSV_TRACKS:
        for slot in range(6):
            values = flat(ttbar[f"Jet_DeepCSV_{name}_{slot}"])
            np.testing.assert_array_equal(values == -999, n_tracks <= slot, err_msg=name)
    n_eta_rel = flat(ttbar.Jet_DeepCSV_jetNTracksEtaRel)
    for slot in range(4):
        values = flat(ttbar[f"Jet_DeepCSV_trackEtaRel_{slot}"])
        np.testing.assert_array_equal(values == -999, n_eta_rel <= slot)
    assert set(flat(ttbar.Jet_DeepCSV_vertexCategory)) <= {0.0, 1.0, 2.0, -999.0}
    slots = [flat(ttbar[f"Jet_DeepCSV_trackSip2dSig_{slot}"]) for slot in range(6)]
    assert all((first >= second).all() for first, second in pairwise(slots))


def test_flavours_make_physical_sense(ttbar: Any) -> None:
    """b jets have b hadrons and flavour 5, two a top pair or nearly, and are displaced."""
    flavour = flat(ttbar.Jet_hadronFlavour)
    np.testing.assert_array_equal(flavour == 5, flat(ttbar.Jet_nBHadrons) > 0)
    assert (np.abs(flat(ttbar.Jet_partonFlavour))[flavour > 0] == flavour[flavour > 0]).all()
    assert not np.isin(np.abs(flat(ttbar.Jet_partonFlavour))[flavour == 0], (4, 5)).any()
    assert 1.2 < (flavour == 5).sum() / len(ttbar) < 2.2
    probability = flat(ttbar.Jet_Proba)
    assert probability[flavour == 5].mean() > 2 * probability[flavour == 0].mean()


def test_types_are_those_of_a_real_file(boosted_file: Path) -> None:
    """Readers meet the types that CMS' PFNano files have; counters are signed here (uproot)."""
    with uproot.open(boosted_file) as file:
        types = file["Events"].typenames()
    for name, expected in REAL_TYPES.items():
        assert types[name] == expected, name
    doubles = {name for name, kind in types.items() if "double" in kind or "int64_t[]" in kind}
    assert not doubles


def test_boosted_jets(boosted: Any) -> None:
    """AK8 jets of H(bb): the Higgs mass, two subjets, two b hadrons, and all double-b inputs."""
    mass, n_b = flat(boosted.FatJet_msoftdrop), flat(boosted.FatJet_nBHadrons)
    assert 100 < np.median(mass[n_b >= 2]) < 135
    assert (flat(boosted.FatJet_pt) >= 200).all()
    second = flat(boosted.FatJet_subJetIdx2)
    subjet_pt = ak.to_numpy(boosted.SubJet_pt[boosted.FatJet_subJetIdx1][:, :1].layout.content)
    assert (second[n_b >= 2] > 0).mean() > 0.9
    assert (subjet_pt > 0).all()
    names = {name for name in ak.fields(boosted) if name.startswith("FatJet_DDX_")}
    assert len(names) == 27
    assert "FatJet_DDX_tau2_trackEtaRel_3" in names
    for name in names:
        assert np.isfinite(flat(boosted[name])).all()
    assert set(flat(boosted.FatJetPFCands_jetIdx)) <= set(range(10))


def test_block_of_ak8_only_where_boosted(ttbar: Any, boosted: Any) -> None:
    """AK8 costs time and space, so that processes without boosted jets leave it out."""
    assert not any(name.startswith("FatJet") for name in ak.fields(ttbar))
    assert {"FatJet_pt", "SubJet_pt", "FatJetSVs_enration", "Jet_pt"} <= set(ak.fields(boosted))


def test_tag_information_follows_from_candidates_and_vertices(ttbar_file: Path) -> None:
    """What the simulation stores, computed from the same file by the derived columns: share within 1e-3.

    All of tracks is the same. Of vertices, files do not tell their tracks (relative pseudorapidities), their
    direction of flight (distance to the axis), the sharing of tracks with the primary vertex (which of them
    count), and the first is here the most significant, CMS' the one with the smallest error.
    """
    source = sources.load("pfnano")
    spec = DatasetSpec(object="ak4", layout="pfnano", files=("ttbar.root",), process="ttbar")
    with uproot.open(ttbar_file) as file:
        tree = file["Events"]
        events = {name: tree[name].array() for name in source.branches(set(tree.keys()), "ak4")}
    rows = source.rows(events, spec, SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=0))[0]
    names = [name for name in rows.fields if name.startswith(("tag_", "track_"))]
    found = with_derived(rows[[n for n in rows.fields if n not in names]], names, of("ak4"))
    least = dict.fromkeys(("tag_vertex_category", "tag_n_secondary_vertices"), 0.9)
    least |= dict.fromkeys(("tag_vertex_n_tracks", "tag_n_tracks_eta_rel"), 0.9)
    least |= {"tag_vertex_energy_ratio": 0.85, "tag_vertex_mass_gev": 0.6, "track_eta_rel": 0.1}
    least |= {name: 0.8 for name in names if "flight" in name}
    stand_in = "tag_vertex_jet_delta_r"
    for name in names:
        ours, stored = (_numbers(table[name]) for table in (found, rows))
        both = np.isfinite(ours) & np.isfinite(stored)
        ours, stored = ours[both], stored[both]
        share = np.mean(np.abs(ours - stored) <= 1e-3 * np.abs(stored) + 1e-6)
        print(f"{name}: {share:.3f} of {both.sum()}, correlation {np.corrcoef(ours, stored)[0, 1]:.3f}")
        assert both.sum() > 50, name
        assert share >= least.get(name, 0.995) or name == stand_in, name
        assert name != stand_in or np.corrcoef(ours, stored)[0, 1] > 0.5


def _numbers(column: Any) -> Any:
    """Values of rows, or of the first four of their lists."""
    padded = column if column.ndim == 1 else ak.fill_none(ak.pad_none(column, 4, clip=True), np.nan)
    return ak.to_numpy(padded).astype(float).ravel()
