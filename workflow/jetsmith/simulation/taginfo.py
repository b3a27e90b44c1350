# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""The high-level inputs of DeepCSV and the jet probability, with CMS' conventions for what is missing.

After CMSSW's `CombinedSVComputer` and `DeepNNTagInfoProducer`.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from jetsmith.angles import delta_r
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.simulation.impact import Impact, impact_parameters
from jetsmith.simulation.jets import track_momenta
from jetsmith.simulation.probability import jet_probability
from jetsmith.simulation.selection import AK4_DELTA_R, at_axis, from_kaon, well_measured, without_kaons
from jetsmith.simulation.tables import (
    Array,
    Jets,
    Tracks,
    Vertices,
    offsets,
    pairs,
    rank_within,
    sum_by,
)
from jetsmith.simulation.vertexing import corrected_mass

MISSING = -999.0
N_SLOTS = 6
N_ETA_REL = 4
_VERTEX_DELTA_R = 0.3
_PSEUDO_SIGNIFICANCE, _PSEUDO_KAON_WINDOW_GEV = 2.0, 0.05
_MIN_TRACKS = 2  # well measured ones; jets with fewer get no inputs at all
CHARM_MASS_GEV = 1.5


@dataclass(frozen=True)
class VertexLinks:
    """Which vertices are in which jet: rows of both, ordered by jet and falling significance."""

    jet: IntArray
    vertex: IntArray
    delta_r: FloatArray


def link_vertices(
    jet_event: IntArray, eta: FloatArray, phi: FloatArray, vertices: Vertices, radius: float,
    n_events: int, by_flight: bool = True,
) -> VertexLinks:  # fmt: skip
    """Vertices whose flight direction (or momentum) is within `radius` of a jet axis."""
    jet, vertex = pairs(jet_event, offsets(vertices.event, n_events))
    vertex_eta = vertices.flight_eta if by_flight else vertices.eta
    vertex_phi = vertices.flight_phi if by_flight else vertices.phi
    distance = delta_r(vertex_eta[vertex], vertex_phi[vertex], eta[jet], phi[jet])
    near = distance < radius
    jet, vertex, distance = jet[near], vertex[near], distance[near]
    order, _ = rank_within(jet, vertices.dlen_sig[vertex])
    return VertexLinks(jet[order], vertex[order], distance[order])


@njit(cache=True)
def first_above_mass(group, momentum, threshold):
    """For each group the place (row) at which the summed mass first exceeds a threshold.

    Args:
        group: Group of each row, ordered; groups are numbered from 0.
        momentum: Rows px, py, pz, energy, shape (4, n), in the order of summing.
        threshold: Shape (n_groups,) [GeV].

    Returns:
        Row of each group, -1 where the mass stays below.
    """
    found = np.full(len(threshold), -1, np.int64)
    total = np.zeros(4)
    current = -1
    for row in range(len(group)):
        if group[row] != current:
            current = group[row]
            total[:] = 0.0
        total += momentum[:, row]
        mass_squared = total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2
        if found[current] < 0 and mass_squared > threshold[current] ** 2:
            found[current] = row
    return found


def _slots(jet: IntArray, rank: IntArray, values: FloatArray, n_jets: int, n_slots: int) -> FloatArray:
    """Values by jet and rank, MISSING elsewhere; shape (n_jets, n_slots)."""
    table = np.full((n_jets, n_slots), MISSING)
    inside = rank < n_slots
    table[jet[inside], rank[inside]] = values[inside]
    return table


def _sum(jet: IntArray, momentum: FloatArray, n_jets: int) -> FloatArray:
    return np.stack([sum_by(jet, row, n_jets) for row in momentum])


def _direction(momentum: FloatArray) -> tuple[FloatArray, FloatArray]:
    pt = np.maximum(np.hypot(momentum[0], momentum[1]), 1e-9)
    return np.arcsinh(momentum[2] / pt), np.arctan2(momentum[1], momentum[0])


def _mass(momentum: FloatArray) -> FloatArray:
    square = momentum[3] ** 2 - np.sum(momentum[:3] ** 2, axis=0)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def tag_inputs(
    jets: Jets,
    link_jet: IntArray,
    link_track: IntArray,
    impact: Impact,
    tracks: Tracks,
    vertices: Vertices,
    vertex_links: tuple[IntArray, IntArray],
    n_events: int,
) -> dict[str, Array]:
    """The branches Jet_DeepCSV_* (without that prefix) and Proba, one value a jet.

    Args:
        jets: The jets before corrections, as CMS' tag infos have them.
        link_jet, link_track: Charged constituents, ordered by jet.
        impact: Of each of these with respect to its jet.
        tracks, vertices: Of the same events.
        vertex_links: Vertex and track of each track that is in a vertex.
        n_events: Events of the batch.
    """
    n_jets = len(jets)
    momentum = track_momenta(tracks)
    good = well_measured(tracks)[link_track]
    fit = good & at_axis(impact)
    probability = fit & (impact.delta_r < AK4_DELTA_R)
    few = np.bincount(link_jet[good], minlength=n_jets) < _MIN_TRACKS
    fit &= ~few[link_jet]
    rows = np.flatnonzero(fit & probability)
    total = _sum(link_jet[rows], momentum[:, link_track[rows]], n_jets)
    whole = np.stack([jets.px, jets.py, jets.pz, jets.energy])
    eta, phi = _direction(total)  # of nothing: 0 and 0, as in CMS' files
    out: dict[str, Array] = {
        "trackSumJetDeltaR": np.where(few, MISSING, delta_r(eta, phi, jets.eta, jets.phi)),
        "trackSumJetEtRatio": np.where(few, MISSING, _transverse_energy(total) / _transverse_energy(whole)),
    }
    out |= _track_slots(link_jet, link_track, rows, impact, tracks, n_jets)
    out |= _above_charm(link_jet, momentum[:, link_track], np.flatnonzero(fit), impact, few)
    links = link_vertices(jets.event, jets.eta, jets.phi, vertices, _VERTEX_DELTA_R, n_events)
    some = ~few[links.jet]
    links = VertexLinks(links.jet[some], links.vertex[some], links.delta_r[some])
    pseudo = _pseudo_tracks(link_jet, link_track, rows, impact, tracks, n_jets)
    out |= _vertex_inputs(jets, links, pseudo, tracks, vertices, vertex_links, total[3], few)
    positive = np.flatnonzero(probability)
    out["Proba"] = jet_probability(link_jet[positive], impact.sip3d_sig[positive], n_jets)
    return out


def _transverse_energy(momentum: FloatArray) -> FloatArray:
    """Energy times the sine of the polar angle, shape (4, n) -> (n,)."""
    size = np.sqrt(np.sum(momentum[:3] ** 2, axis=0))
    return np.asarray(momentum[3] * np.hypot(momentum[0], momentum[1]) / np.maximum(size, 1e-9))


def _track_slots(
    link_jet: IntArray, link_track: IntArray, rows: IntArray, impact: Impact, tracks: Tracks, n_jets: int
) -> dict[str, Array]:
    """The leading tracks, and how many there are: selected ones that do not make a K0S with each other."""
    track = link_track[rows]
    rows = rows[without_kaons(link_jet[rows], track_momenta(tracks)[:, track], tracks.charge[track])]
    order, rank = rank_within(link_jet[rows], impact.sip2d_sig[rows])
    rows = rows[order]
    momentum = np.maximum(np.hypot(impact.pt_rel, impact.p_par), 1e-9)
    quantities = {
        "trackSip2dSig": impact.sip2d_sig,
        "trackSip3dSig": impact.sip3d_sig,
        "trackJetDistVal": -impact.jet_dist,  # CMS counts it negative
        "trackDecayLenVal": impact.decay_len,
        "trackDeltaR": impact.delta_r,
        "trackPtRel": impact.pt_rel,
        "trackPtRatio": impact.pt_rel / momentum,
    }
    out: dict[str, Array] = {
        f"{name}_{slot}": column
        for name, values in quantities.items()
        for slot, column in enumerate(_slots(link_jet[rows], rank, values[rows], n_jets, N_SLOTS).T)
    }
    return out | {"jetNSelectedTracks": np.bincount(link_jet[rows], minlength=n_jets).astype(np.int32)}


def _above_charm(
    link_jet: IntArray, momentum: FloatArray, rows: IntArray, impact: Impact, few: BoolArray
) -> dict[str, Array]:
    """The track that lifts the mass above charm, tracks at any angle by falling significance; -1 for none.

    Args:
        link_jet: Jet of each constituent.
        momentum: Of each constituent, shape (4, n).
        rows: The constituents that are near enough.
        impact: Of each constituent.
        few: Jets that have no inputs.
    """
    out: dict[str, Array] = {}
    for name, significance, value in (
        ("2d", impact.sip2d_sig, impact.sip2d_val),
        ("3d", impact.sip3d_sig, impact.sip3d_val),
    ):
        ordered = rows[rank_within(link_jet[rows], significance[rows])[0]]
        place = first_above_mass(link_jet[ordered], momentum[:, ordered], np.full(len(few), CHARM_MASS_GEV))
        reached = np.flatnonzero(place >= 0)
        for kind, values in (("Val", value), ("Sig", significance)):
            column = np.where(few, MISSING, -1.0)
            column[reached] = values[ordered[place[reached]]]
            out[f"trackSip{name}{kind}AboveCharm"] = column
    return out


def _pseudo_tracks(
    link_jet: IntArray, link_track: IntArray, rows: IntArray, impact: Impact, tracks: Tracks, n_jets: int
) -> tuple[IntArray, IntArray]:
    """Jet and track of what may make a pseudo vertex: displaced tracks, two of which are no K0S."""
    rows = rows[impact.sip2d_sig[rows] > _PSEUDO_SIGNIFICANCE]
    jet, track = link_jet[rows], link_track[rows]
    kaon = from_kaon(jet, track_momenta(tracks)[:, track], tracks.charge[track], _PSEUDO_KAON_WINDOW_GEV)
    left = ~(kaon & (np.bincount(jet, minlength=n_jets)[jet] == 2))
    return jet[left], track[left]


def vertex_tracks(
    links: VertexLinks, vertex_links: tuple[IntArray, IntArray], n_vertices: int
) -> tuple[IntArray, IntArray]:
    """Link and track of each track in the vertices of each link."""
    link, row = pairs(links.vertex, offsets(vertex_links[0], n_vertices))
    return link, vertex_links[1][row]


def _vertex_inputs(
    jets: Jets,
    links: VertexLinks,
    pseudo: tuple[IntArray, IntArray],
    tracks: Tracks,
    vertices: Vertices,
    vertex_links: tuple[IntArray, IntArray],
    track_energy: FloatArray,
    few: BoolArray,
) -> dict[str, Array]:
    """Everything about the vertex: a found one, else a pseudo vertex of two or more displaced tracks."""
    n_jets = len(jets)
    n_vertices = np.bincount(links.jet, minlength=n_jets)
    real = n_vertices > 0
    link, track = vertex_tracks(links, vertex_links, len(vertices))
    jet = links.jet[link]
    n_pseudo = np.bincount(pseudo[0], minlength=n_jets)
    faked = ~real & (n_pseudo >= 2)
    taken = faked[pseudo[0]]
    jet, track = np.concatenate([jet, pseudo[0][taken]]), np.concatenate([track, pseudo[1][taken]])
    total = _sum(jet, track_momenta(tracks)[:, track], n_jets)
    some = real | faked
    best = np.full(n_jets, -1)
    best[links.jet[::-1]] = np.arange(len(links.jet))[::-1]  # the first link of a jet is written last
    row = links.vertex[best[real]]
    eta, phi = _direction(total)
    distance = np.where(some, delta_r(eta, phi, jets.eta, jets.phi), MISSING)
    distance[real] = links.delta_r[best[real]]
    mass = _mass(total)
    flight = np.stack([vertices.x[row], vertices.y[row], vertices.z[row]])
    mass[real] = corrected_mass(mass[real], total[:3, real], flight)
    out: dict[str, Array] = {
        "jetNSecondaryVertices": n_vertices.astype(np.int32),
        "vertexCategory": np.where(few, MISSING, np.where(real, 0.0, np.where(faked, 1.0, 2.0))),
        "vertexMass": np.where(some, mass, MISSING),
        "vertexNTracks": np.bincount(jet, minlength=n_jets).astype(np.int32),
        "vertexEnergyRatio": np.where(some, _over(total[3], track_energy), MISSING),
        "vertexJetDeltaR": distance,
    }
    for name, values in (
        ("flightDistance2dVal", vertices.dxy),
        ("flightDistance2dSig", vertices.dxy_sig),
        ("flightDistance3dVal", vertices.dlen),
        ("flightDistance3dSig", vertices.dlen_sig),
    ):
        out[name] = np.full(n_jets, MISSING)
        out[name][real] = values[row]
    eta_rel = impact_parameters(tracks, track, jets.eta[jet], jets.phi[jet]).eta_rel
    order, rank = rank_within(jet, -eta_rel)
    out["jetNTracksEtaRel"] = np.bincount(jet, minlength=n_jets).astype(np.int32)
    slots = _slots(jet[order], rank, eta_rel[order], n_jets, N_ETA_REL)
    return out | {f"trackEtaRel_{slot}": column for slot, column in enumerate(slots.T)}


def _over(energy: FloatArray, track_energy: FloatArray) -> FloatArray:
    """Energy over that of the selected tracks, 1 where there are none."""
    return np.where(track_energy > 0, energy / np.where(track_energy > 0, track_energy, 1.0), 1.0)
