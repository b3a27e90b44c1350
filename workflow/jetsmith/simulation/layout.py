"""From reconstructed tables to the collections of PFNano: names, units, conventions and indices."""

from dataclasses import dataclass

import numpy as np

from jetsmith.angles import delta_phi, delta_r
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.simulation.impact import impact_parameters
from jetsmith.simulation.jets import RESPONSE, Clustered, neutral_momenta, track_momenta
from jetsmith.simulation.tables import (
    PION_MASS_GEV,
    Array,
    Jets,
    Neutrals,
    Tracks,
    Vertices,
    offsets,
    pairs,
    sum_by,
)
from jetsmith.simulation.taginfo import link_vertices
from jetsmith.simulation.writer import Collection, collection

ELECTRON_MASS_GEV, MUON_MASS_GEV = 0.000511, 0.10566
_BAD_CHI2 = 2.5
_TIGHT_DZ_CM = 0.03
TRUTH = ("genOrigin", "genVertexIdx")  # of PFCands, in no file of CMS; -1 of neutral ones


@dataclass(frozen=True)
class Candidates:
    """Tracks, then neutrals, as one table; `local` is the index within PFCands, -1 for left out."""

    event: IntArray
    momentum: FloatArray
    pdg_id: IntArray
    local: IntArray
    n_tracks: int


def candidates(
    tracks: Tracks, neutrals: Neutrals, truth: tuple[IntArray, IntArray], used: BoolArray, n_events: int
) -> tuple[Candidates, Collection]:
    """PFCands: the candidates that are in a jet, by falling pt.

    Args:
        tracks, neutrals: All of them.
        truth: Origin and vertex of each track (`origins`).
        used: Which of them (tracks first) are written.
        n_events: Events of the batch.
    """
    event = np.concatenate([tracks.event, neutrals.event])
    charged = _charged_columns(tracks) | dict(zip(TRUTH, truth, strict=True))
    neutral = _neutral_columns(neutrals)
    columns = {name: np.concatenate([charged[name], neutral[name]]) for name in charged}
    rows = np.flatnonzero(used)
    rows = rows[np.lexsort((-columns["pt"][rows], event[rows]))]
    local = np.full(len(event), -1)
    local[rows] = np.arange(len(rows)) - offsets(event[rows], n_events)[event[rows]]
    momentum = np.concatenate([track_momenta(tracks), neutral_momenta(neutrals)], axis=1)
    table = Candidates(event, momentum, columns["pdgId"], local, len(tracks))
    return table, collection(event[rows], n_events, {name: column[rows] for name, column in columns.items()})


def _charged_columns(tracks: Tracks) -> dict[str, Array]:
    code = np.abs(tracks.pdg_id)
    tight = (np.abs(tracks.dz) < _TIGHT_DZ_CM) & (np.abs(tracks.dz) < 5 * tracks.dz_error)
    n = len(tracks)
    return {
        "pt": tracks.pt,
        "eta": tracks.eta,
        "phi": tracks.phi,
        "mass": np.where(code == 11, ELECTRON_MASS_GEV, np.where(code == 13, MUON_MASS_GEV, PION_MASS_GEV)),
        "charge": tracks.charge,
        "pdgId": tracks.pdg_id,
        "d0": tracks.d0,
        "d0Err": tracks.d0_error,
        "dz": tracks.dz,
        "dzErr": tracks.dz_error / np.cosh(tracks.eta),  # CMS stores the error across the track
        "puppiWeight": np.ones(n),
        "trkChi2": tracks.chi2,
        "vtxChi2": np.zeros(n),  # as in CMS' files
        "trkQuality": np.where(tracks.chi2 < _BAD_CHI2, 5, 1),  # loose and high purity, or loose alone
        "lostInnerHits": np.where(tracks.layer == 0, -1, np.minimum(tracks.layer, 2)),
        "pvAssocQuality": np.where(tight, 7, 6),
    }


def _neutral_columns(neutrals: Neutrals) -> dict[str, Array]:
    n = len(neutrals)
    zero, minus = np.zeros(n), np.full(n, -1.0)
    none = np.zeros(n, np.int64)
    return {
        "pt": neutrals.pt,
        "eta": neutrals.eta,
        "phi": neutrals.phi,
        "mass": zero,
        "charge": none,
        "pdgId": neutrals.pdg_id,
        "d0": zero,
        "d0Err": minus,
        "dz": zero,
        "dzErr": minus,
        "puppiWeight": neutrals.puppi_weight,
        "trkChi2": minus,
        "vtxChi2": minus,
        "trkQuality": none,
        "lostInnerHits": none,
        "pvAssocQuality": none,
        **dict.fromkeys(TRUTH, none - 1),
    }


def kinematics(jets: Jets) -> dict[str, Array]:
    """pt, eta, phi and mass."""
    return {"pt": jets.pt, "eta": jets.eta, "phi": jets.phi, "mass": jets.mass}


def jet_columns(found: Clustered, cands: Candidates) -> dict[str, Array]:
    """Kinematics, truth by ghosts, energy fractions and identification of reconstructed jets."""
    n_jets = len(found.jets)
    code = np.abs(cands.pdg_id[found.link_input])
    energy = cands.momentum[3, found.link_input]
    total = np.maximum(sum_by(found.link_jet, energy, n_jets), 1e-6)
    fraction = {
        name: sum_by(found.link_jet, energy * (code == wanted), n_jets) / total
        for name, wanted in (("chHEF", 211), ("neHEF", 130), ("chEmEF", 11), ("neEmEF", 22), ("muEF", 13))
    }
    n_constituents = np.bincount(found.link_jet, minlength=n_jets)
    n_charged = np.bincount(found.link_jet[found.link_input < cands.n_tracks], minlength=n_jets)
    tight = (fraction["neHEF"] < 0.9) & (fraction["neEmEF"] < 0.9) & (n_constituents > 1)
    tight &= (np.abs(found.jets.eta) > 2.4) | ((n_charged > 0) & (fraction["chHEF"] > 0))
    lepton_veto = tight & (fraction["muEF"] < 0.8) & (fraction["chEmEF"] < 0.8)
    return {
        **kinematics(found.jets),
        "rawFactor": np.full(n_jets, 1 - RESPONSE),
        "jetId": 2 * tight.astype(np.int32) + 4 * lepton_veto.astype(np.int32),
        "nConstituents": n_constituents,
        "hadronFlavour": found.hadron_flavour,
        "nBHadrons": found.n_b_hadrons,
        "nCHadrons": found.n_c_hadrons,
        **fraction,
    }


def constituents(found: Clustered, cands: Candidates, tracks: Tracks, n_events: int) -> Collection:
    """JetPFCands: constituents of jets, with impact parameters for the charged ones and 0 for others."""
    jets, jet, row = found.jets, found.link_jet, found.link_input
    local = jet_index(jets, n_events)
    charged = row < cands.n_tracks
    impact = impact_parameters(tracks, row[charged], jets.eta[jet[charged]], jets.phi[jet[charged]])
    momentum = np.maximum(np.hypot(impact.pt_rel, impact.p_par), 1e-9)
    columns: dict[str, Array] = {
        "jetIdx": local[jet],
        "pFCandsIdx": cands.local[row],
        "pt": np.hypot(cands.momentum[0, row], cands.momentum[1, row]),
    }
    for name, values in (
        ("btagEtaRel", impact.eta_rel),
        ("btagPtRatio", impact.pt_rel / momentum),
        ("btagPParRatio", impact.p_par / momentum),
        ("btagSip2dVal", impact.sip2d_val),
        ("btagSip2dSig", impact.sip2d_sig),
        ("btagSip3dVal", impact.sip3d_val),
        ("btagSip3dSig", impact.sip3d_sig),
        ("btagJetDistVal", -impact.jet_dist),  # CMS counts it negative
    ):
        columns[name] = np.zeros(len(row))
        columns[name][charged] = values
    return collection(jets.event[jet], n_events, columns)


def jet_index(jets: Jets, n_events: int) -> IntArray:
    """Index of each jet within its event."""
    return np.asarray(np.arange(len(jets)) - offsets(jets.event, n_events)[jets.event])


def secondary_vertices(vertices: Vertices, primary: FloatArray, n_events: int) -> Collection:
    """SV: vertices with their absolute position.

    Args:
        vertices: Relative to the primary vertex.
        primary: Its position in each event [cm], shape (3, n_events).
        n_events: Events of the batch.
    """
    position = np.stack([vertices.x, vertices.y, vertices.z]) + primary[:, vertices.event]
    columns: dict[str, Array] = {
        "pt": vertices.pt,
        "eta": vertices.eta,
        "phi": vertices.phi,
        "mass": vertices.mass,
        "x": position[0],
        "y": position[1],
        "z": position[2],
        "dlen": vertices.dlen,
        "dlenSig": vertices.dlen_sig,
        "dxy": vertices.dxy,
        "dxySig": vertices.dxy_sig,
        # NanoAOD takes the angle to the way back.
        "pAngle": np.arccos(np.clip(-vertices.cos_theta, -1, 1)),
        "chi2": vertices.chi2 / vertices.ndof,
        "ndof": vertices.ndof,
        "ntracks": vertices.n_tracks.astype(np.uint8),
    }
    return collection(vertices.event, n_events, columns)


def jet_vertices(jets: Jets, vertices: Vertices, radius: float, n_events: int) -> Collection:
    """JetSVs: vertices whose momentum points into a jet; `enration` is spelt as in PFNano."""
    links = link_vertices(jets.event, jets.eta, jets.phi, vertices, radius, n_events, by_flight=False)
    jet, inside = links.jet, vertices.take(links.vertex)
    starts = offsets(vertices.event, n_events)
    columns: dict[str, Array] = {
        "jetIdx": jet_index(jets, n_events)[jet],
        "sVIdx": links.vertex - starts[inside.event],
        "mass": inside.mass,
        "pt": inside.pt,
        "ntracks": inside.n_tracks,
        "chi2": inside.chi2,
        "normchi2": inside.chi2 / inside.ndof,
        "dxy": inside.dxy,
        "dxysig": inside.dxy_sig,
        "d3d": inside.dlen,
        "d3dsig": inside.dlen_sig,
        "costhetasvpv": inside.cos_theta,
        "phirel": delta_phi(inside.phi, jets.phi[jet]),
        "ptrel": inside.pt / jets.pt[jet],
        "deltaR": links.delta_r,
        "enration": inside.energy / jets.energy[jet],
    }
    return collection(inside.event, n_events, columns)


def nearest(jets: Jets, targets: Jets, radius: float, n_events: int) -> IntArray:
    """Index within its event of the target nearest to each jet, -1 for none within `radius`."""
    jet, target = pairs(jets.event, offsets(targets.event, n_events))
    distance = delta_r(jets.eta[jet], jets.phi[jet], targets.eta[target], targets.phi[target])
    near = distance < radius
    jet, target, distance = jet[near], target[near], distance[near]
    order = np.lexsort((-distance, jet))  # the nearest is written last
    found = np.full(len(jets), -1)
    found[jet[order]] = jet_index(targets, n_events)[target[order]]
    return found
