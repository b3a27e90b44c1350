# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""The high-level inputs of DeepCSV and the jet probability, with CMS' conventions for what is missing."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.special import gammaincc

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.simulation.impact import Impact, impact_parameters
from jetsmith.simulation.jets import track_momenta
from jetsmith.simulation.tables import (
    Array,
    Jets,
    Tracks,
    Vertices,
    delta_phi,
    offsets,
    pairs,
    rank_within,
    sum_by,
)

MISSING = -999.0
N_SLOTS = 6
N_ETA_REL = 4
_VERTEX_DELTA_R = 0.3
_PSEUDO_SIGNIFICANCE = 2.0
_CHARM_MASS_GEV = 1.5
# The survival function of the significance of tracks from the primary vertex: sums of
# fraction * exp(-(s / scale)^power), fitted to the negative side of light jets of simulated ttbar.
_RESOLUTION = ((0.755, 1.46, 2.0), (0.151, 2.99, 1.0), (0.094, 5.18, 1.0))
_PROBABILITY_FLOOR = 1e-4


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
    delta_r = np.hypot(vertex_eta[vertex] - eta[jet], delta_phi(vertex_phi[vertex], phi[jet]))
    near = delta_r < radius
    jet, vertex, delta_r = jet[near], vertex[near], delta_r[near]
    order, _ = rank_within(jet, vertices.dlen_sig[vertex])
    return VertexLinks(jet[order], vertex[order], delta_r[order])


def select_tracks(pt: FloatArray, impact: Impact) -> BoolArray:
    """Tracks good enough for tagging: not too far from the jet axis nor from the primary vertex."""
    return np.asarray(
        (impact.jet_dist < 0.07)
        & (impact.decay_len < 5.0)
        & (pt > 0.6)
        & (impact.delta_r < 0.4)
        & (np.abs(impact.sip2d_val) < 0.2)
    )


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


def track_probability(significance: FloatArray) -> FloatArray:
    """Probability that a track of the primary vertex has at least this significance (>= 0)."""
    sums = [fraction * np.exp(-((significance / scale) ** power)) for fraction, scale, power in _RESOLUTION]
    return np.asarray(np.clip(np.sum(sums, axis=0), _PROBABILITY_FLOOR, 1.0))


def jet_probability(jet: IntArray, significance: FloatArray, n_jets: int) -> FloatArray:
    """Jet probability as CMS' Jet_Proba: -log10(probability that all positive tracks are primary) / 4.

    With P the product of n track probabilities that is P sum_{k<n} (-ln P)^k / k!, a regularised
    gamma function. 0 without tracks.
    """
    positive = significance >= 0
    minus_log = -np.log(track_probability(significance[positive]))
    exponent = sum_by(jet[positive], minus_log, n_jets)
    count = np.bincount(jet[positive], minlength=n_jets)
    combined = gammaincc(np.maximum(count, 1), exponent)
    return np.where(count > 0, -np.log10(np.maximum(combined, 1e-30)) / 4, 0.0)


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
        jets: The jets.
        link_jet, link_track: Charged constituents, ordered by jet.
        impact: Of each of these with respect to its jet.
        tracks, vertices: Of the same events.
        vertex_links: Vertex and track of each track that is in a vertex.
        n_events: Events of the batch.
    """
    n_jets = len(jets)
    momentum = track_momenta(tracks)
    rows = np.flatnonzero(select_tracks(tracks.pt[link_track], impact))
    order, rank = rank_within(link_jet[rows], impact.sip2d_sig[rows])
    rows = rows[order]
    jet, track = link_jet[rows], link_track[rows]
    n_selected = np.bincount(jet, minlength=n_jets)
    total = _sum(jet, momentum[:, track], n_jets)
    out: dict[str, Array] = {"jetNSelectedTracks": n_selected.astype(np.int32)}
    empty = n_selected == 0
    eta, phi = _direction(total)
    out["trackSumJetDeltaR"] = np.where(empty, MISSING, np.hypot(eta - jets.eta, delta_phi(phi, jets.phi)))
    out["trackSumJetEtRatio"] = np.where(empty, MISSING, np.hypot(total[0], total[1]) / jets.pt)
    out |= _track_slots(jet, rank, rows, impact, n_jets)
    above = first_above_mass(jet, momentum[:, track], np.full(n_jets, _CHARM_MASS_GEV))
    found = np.where(above >= 0, rows[np.maximum(above, 0)] if len(rows) else 0, -1)
    for name, values in (
        ("trackSip2dValAboveCharm", impact.sip2d_val),
        ("trackSip2dSigAboveCharm", impact.sip2d_sig),
        ("trackSip3dValAboveCharm", impact.sip3d_val),
        ("trackSip3dSigAboveCharm", impact.sip3d_sig),
    ):
        reached = values[np.maximum(found, 0)] if len(values) else np.zeros(n_jets)
        out[name] = np.where(empty, MISSING, np.where(found >= 0, reached, -1.0))
    links = link_vertices(jets.event, jets.eta, jets.phi, vertices, _VERTEX_DELTA_R, n_events)
    pseudo = rows[impact.sip2d_sig[rows] > _PSEUDO_SIGNIFICANCE]
    out |= _vertex_inputs(
        jets, links, (link_jet[pseudo], link_track[pseudo]), tracks, vertices, vertex_links, total[3], empty
    )
    out["Proba"] = jet_probability(jet, impact.sip3d_sig[rows], n_jets)
    return out


def _track_slots(
    jet: IntArray, rank: IntArray, rows: IntArray, impact: Impact, n_jets: int
) -> dict[str, Array]:
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
    return {
        f"{name}_{slot}": column
        for name, values in quantities.items()
        for slot, column in enumerate(_slots(jet, rank, values[rows], n_jets, N_SLOTS).T)
    }


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
    empty: BoolArray,
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
    distance = np.where(some, np.hypot(eta - jets.eta, delta_phi(phi, jets.phi)), MISSING)
    distance[real] = links.delta_r[best[real]]
    out: dict[str, Array] = {
        "jetNSecondaryVertices": n_vertices.astype(np.int32),
        "vertexCategory": np.where(empty & ~real, MISSING, np.where(real, 0.0, np.where(faked, 1.0, 2.0))),
        "vertexMass": np.where(some, _mass(total), MISSING),
        "vertexNTracks": np.bincount(jet, minlength=n_jets).astype(np.int32),
        "vertexEnergyRatio": np.where(some, total[3] / np.maximum(track_energy, 1e-3), MISSING),
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
