"""The track selection of the simulation on candidates of CMS: counts and sums are those that CMS stores.

CMS takes all candidates about a jet, we those in it, which makes most of what is left between the two.
"""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from scipy.stats import spearmanr

pytest.importorskip("fastjet")

from jetsmith.derivations import of
from jetsmith.features.derived import with_derived
from jetsmith.simulation.doubleb import double_b_inputs
from jetsmith.simulation.impact import impact_parameters
from jetsmith.simulation.substructure import substructure
from jetsmith.simulation.tables import Jets, Tracks, Vertices
from jetsmith.simulation.taginfo import N_SLOTS, tag_inputs
from jetsmith.simulation.vertexing import corrected_mass
from tests.golden.test_tagger_inputs import canonical

pytestmark = pytest.mark.golden

Array = np.ndarray[Any, Any]


def flat(rows: ak.Array, name: str) -> Array:
    """A column of the candidates, or of the rows."""
    column = rows[name]
    return ak.to_numpy(ak.flatten(column) if column.ndim > 1 else column).astype(np.float64)


def tracks_of(rows: ak.Array) -> tuple[Array, Tracks]:
    """Jet of each candidate that was measured, and these as tracks of the simulation; a jet is an event."""
    jet = np.repeat(np.arange(len(rows)), ak.to_numpy(ak.num(rows["cpf_pt_gev"])))
    n = len(jet)
    branches = {
        "charge": "charge", "pt": "pt_gev", "eta": "eta", "phi": "phi_rad", "d0": "d0_cm", "dz": "dz_cm",
        "d0_error": "d0_err_cm", "dz_error": "dz_err_cm", "pdg_id": "pdg_id", "chi2": "chi2",
    }  # fmt: skip
    columns = {name: flat(rows, f"cpf_{branch}") for name, branch in branches.items()}
    unknown = {name: np.zeros(n, np.bool_) for name in ("fake", "secondary")}
    unknown |= {"source": np.full(n, -1), "curvature": np.zeros(n)}
    columns["dz_error"] *= np.cosh(columns["eta"])  # CMS stores the error across the track
    tracks = Tracks(event=jet, layer=np.zeros(n, np.int64), **unknown, **columns)
    tracks = tracks.take(np.isfinite(tracks.d0))
    return tracks.event, tracks


def jets_of(rows: ak.Array) -> Jets:
    """The jets before corrections, each its own event."""
    pt, eta, phi = (flat(rows, f"jet_{name}") for name in ("raw_pt_gev", "eta", "phi_rad"))
    mass = flat(rows, "jet_mass_gev") * pt / flat(rows, "jet_pt_gev")
    pz = pt * np.sinh(eta)
    energy = np.sqrt(pt**2 + pz**2 + mass**2)
    return Jets(np.arange(len(rows)), pt * np.cos(phi), pt * np.sin(phi), pz, energy)


def no_vertices() -> tuple[Vertices, tuple[Array, Array]]:
    """The file does not say which tracks a vertex has."""
    none, whole = np.zeros(0), np.zeros(0, np.int64)
    names = [name for name in Vertices.__dataclass_fields__ if name != "event"]
    return Vertices(event=whole, **dict.fromkeys(names, none)), (whole, whole)


@pytest.fixture(scope="module")
def slim(shared_data: Path) -> tuple[ak.Array, dict[str, Array]]:
    """The AK4 jets of the file, and their inputs as the simulation makes them."""
    rows = canonical(shared_data, "ak4")
    jets, (jet, tracks) = jets_of(rows), tracks_of(rows)
    impact = impact_parameters(tracks, np.arange(len(jet)), jets.eta[jet], jets.phi[jet])
    return rows, tag_inputs(
        jets, jet, np.arange(len(jet)), impact, tracks, *no_vertices(), n_events=len(rows)
    )


def test_as_many_tracks_as_cms(slim: tuple[ak.Array, dict[str, Array]]) -> None:
    """Selected tracks: as many in 3 of 4 jets, 5% fewer in all."""
    rows, found = slim
    stored = flat(rows, "tag_n_selected_tracks")
    given = np.isfinite(flat(rows, "tag_track_sum_jet_et_ratio"))
    ratio = found["jetNSelectedTracks"][given].sum() / stored[given].sum()
    same = np.mean(found["jetNSelectedTracks"][given] == stored[given])
    print(f"selected tracks over CMS': {ratio:.3f}, the same in {same:.3f} of {given.sum()} jets")
    assert 0.92 < ratio < 1.05
    assert same > 0.7
    missing = found["trackSumJetEtRatio"] == -999
    assert np.mean(missing == ~given) > 0.9  # jets with fewer than two tracks have no inputs


def test_sums_of_the_tracks_are_those_of_cms(slim: tuple[ak.Array, dict[str, Array]]) -> None:
    """Transverse energy over that of the uncorrected jet, and the direction of the sum."""
    rows, found = slim
    for name, column, tolerance, least in (
        ("trackSumJetEtRatio", "tag_track_sum_jet_et_ratio", 0.05, 0.85),
        ("trackSumJetDeltaR", "tag_track_sum_jet_delta_r", 0.05, 0.8),
    ):
        stored = flat(rows, column)
        given = np.isfinite(stored) & (found[name] != -999)
        close = np.abs(found[name] - stored)[given] <= tolerance * np.abs(stored[given]) + 1e-3
        print(f"{name}: {close.mean():.3f} of {given.sum()} jets within {tolerance:.0%}")
        assert close.mean() > least, name


def test_leading_tracks_are_those_of_cms(slim: tuple[ak.Array, dict[str, Array]]) -> None:
    """Slot by slot where the numbers of tracks agree: the same tracks in the same order."""
    rows, found = slim
    count = flat(rows, "tag_n_selected_tracks")
    agree = (found["jetNSelectedTracks"] == count) & (count > 0)
    for name, column in (("trackDeltaR", "track_delta_r"), ("trackPtRel", "track_pt_rel_gev")):
        stored = ak.to_numpy(ak.fill_none(ak.pad_none(rows[column], N_SLOTS, clip=True), -999.0))
        ours = np.stack([found[f"{name}_{slot}"] for slot in range(N_SLOTS)], axis=1)
        real = agree[:, None] & (stored != -999)
        close = np.abs(ours - stored)[real] < 0.01 * np.abs(stored[real]) + 1e-3
        print(f"{name}: {close.mean():.3f} of {real.sum()} slots")
        assert close.mean() > 0.85, name


def test_tracks_above_charm_are_those_of_cms(slim: tuple[ak.Array, dict[str, Array]]) -> None:
    """2D and 3D are ordered each by its own significance; -1 where the mass is not reached."""
    rows, found = slim
    for kind in ("2d", "3d"):
        stored = flat(rows, f"tag_track_sip{kind}_val_above_charm_cm")
        ours = found[f"trackSip{kind}ValAboveCharm"]
        given = np.isfinite(stored) & (ours != -999)
        close = np.abs(ours - stored)[given] < 0.05 * np.abs(stored[given]) + 2e-4
        print(f"trackSip{kind}ValAboveCharm: {close.mean():.3f} of {given.sum()} jets")
        assert close.mean() > 0.6, kind


def test_double_b_tracks_are_those_of_cms(shared_data: Path) -> None:
    """AK8: selected tracks, the leading significances and those above a mass."""
    rows = canonical(shared_data, "ak8")
    jets, (jet, tracks) = jets_of(rows), tracks_of(rows)
    pieces = [[flat(rows, f"{kind}_{name}") for name in ("pt_gev", "eta", "phi_rad", "puppi_weight")]
              for kind in ("cpf", "npf")]  # fmt: skip
    pt, eta, phi, weight = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    owner = np.concatenate(
        [np.repeat(np.arange(len(rows)), ak.to_numpy(ak.num(rows[f"{k}_pt_gev"]))) for k in ("cpf", "npf")]
    )
    order = np.argsort(owner, kind="stable")
    momentum = pt * weight * np.stack([np.cos(phi), np.sin(phi), np.sinh(eta), np.cosh(eta)])
    axes = substructure(owner[order], momentum[:, order], len(rows))
    found = double_b_inputs(jets, axes, jet, np.arange(len(jet)), tracks, *no_vertices(), n_events=len(rows))
    ratio = found["jetNTracks"].sum() / flat(rows, "ddx_n_tracks").sum()
    leading = ak.to_numpy(ak.fill_none(ak.pad_none(rows["ddx_track_sip3d_sig"], 4, clip=True), -50.0))
    ours = np.stack([found[f"trackSip3dSig_{slot}"] for slot in range(4)], axis=1)
    close = np.abs(ours - leading) < 0.1 * np.abs(leading) + 0.2
    charm = flat(rows, "ddx_track_sip2d_sig_above_charm")
    close_charm = np.abs(found["trackSip2dSigAboveCharm"] - charm) < 0.1 * np.abs(charm) + 0.2
    bottom = ak.to_numpy(
        ak.fill_none(ak.pad_none(rows["ddx_track_sip2d_sig_above_bottom"], 2, clip=True), -19.0)
    )
    ours = np.stack([found[f"trackSip2dSigAboveBottom_{slot}"] for slot in range(2)], axis=1)
    close_bottom = np.abs(ours - bottom) < 0.1 * np.abs(bottom) + 0.2
    print(
        f"double-b: tracks over CMS' {ratio:.3f}, leading {close.mean():.3f}, "
        f"above charm {close_charm.mean():.3f}, above bottom {close_bottom.mean():.3f}"
    )
    assert 0.9 < ratio < 1.05
    assert close.mean() > 0.6
    assert close_charm.mean() > 0.6
    assert close_bottom.mean() > 0.4


def test_jet_probability_from_candidates_goes_with_that_of_cms(shared_data: Path) -> None:
    """By rank, since the resolution function is not CMS'; with all angles and signs it was 0.80."""
    rows = canonical(shared_data, "ak4")
    stored = flat(rows, "jet_probability")
    found = flat(with_derived(rows, ["jet_probability_derived"], of("ak4")), "jet_probability_derived")
    given = np.isfinite(found) & (stored > 0)
    rank = float(spearmanr(found[given], stored[given]).statistic)
    print(f"jet probability from candidates: rank correlation {rank:.3f}, {given.sum()} jets")
    assert given.sum() > 45
    assert rank > 0.88


def test_mass_of_a_vertex_is_corrected_as_cms_does(shared_data: Path) -> None:
    """Jets with one vertex: what DeepCSV reads is the mass with the momentum across the flight."""
    with uproot.open(shared_data / "cms-pfnano" / "pfnano.root") as file:
        tree = file["Events"]
        names = [f"SV_{n}" for n in ("x", "y", "z", "pt", "eta", "phi", "mass")] + ["PV_x", "PV_y", "PV_z"]
        names += [f"Jet_DeepCSV_{n}" for n in ("vertexMass", "vertexCategory", "jetNSecondaryVertices")]
        events = tree.arrays([*names, "JetSVs_jetIdx", "JetSVs_sVIdx"])
    pt, eta, phi = events.SV_pt, events.SV_eta, events.SV_phi
    flight, momentum = (
        np.stack([ak.to_numpy(ak.flatten(component)) for component in components]).astype(np.float64)
        for components in (
            [events[f"SV_{axis}"] - events[f"PV_{axis}"] for axis in "xyz"],
            [pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)],
        )
    )
    plain = ak.to_numpy(ak.flatten(events.SV_mass)).astype(np.float64)
    counts = ak.num(events.SV_mass)
    corrected = ak.unflatten(corrected_mass(plain, momentum, flight), counts)
    one = (events.Jet_DeepCSV_vertexCategory == 0) & (events.Jet_DeepCSV_jetNSecondaryVertices == 1)
    agree = {"corrected": 0, "plain": 0}
    chosen = [(event, jet) for event, jets in enumerate(one.to_list()) for jet in np.flatnonzero(jets)]
    for event, jet in chosen:
        of_jet = events.JetSVs_sVIdx[event][events.JetSVs_jetIdx[event] == jet]
        of_jet = of_jet[of_jet >= 0]
        stored = events.Jet_DeepCSV_vertexMass[event, jet]
        for name, masses in (("corrected", corrected), ("plain", events.SV_mass)):
            agree[name] += bool(ak.any(np.abs(masses[event][of_jet] / stored - 1) < 0.005))
    print(f"vertex masses as stored: {agree} of {len(chosen)}")
    assert len(chosen) == 10
    assert agree == {"corrected": 9, "plain": 0}  # the tenth jet's vertex is listed nowhere
