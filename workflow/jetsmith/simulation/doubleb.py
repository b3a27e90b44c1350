"""The 27 inputs of the CMS double-b tagger (FatJet_DDX_*): tracks and vertices about two axes.

After arXiv:1712.07158, section 7, and CMSSW's `BoostedDoubleSVProducer`, with its paddings: -50 for
significances, -19 for those above a mass, -1 for vertices and relative pseudorapidities, -3 for the
z ratio; -999 for a jet without tracks.
"""

import numpy as np

from jetsmith.angles import delta_r
from jetsmith.io import FloatArray, IntArray
from jetsmith.simulation.impact import impact_parameters
from jetsmith.simulation.jets import track_momenta
from jetsmith.simulation.selection import AK8_DELTA_R, at_axis, well_measured, without_kaons
from jetsmith.simulation.substructure import Substructure
from jetsmith.simulation.tables import Array, Jets, Tracks, Vertices, rank_within, sum_by
from jetsmith.simulation.taginfo import (
    CHARM_MASS_GEV,
    MISSING,
    VertexLinks,
    first_above_mass,
    link_vertices,
    vertex_tracks,
)

_BOTTOM_MASS_GEV = 5.2
_NO_TRACK, _NOT_REACHED, _NO_VERTEX, _NO_RATIO = -50.0, -19.0, -1.0, -3.0
_VERTEX_DELTA_R = 0.8
_AXIS_DELTA_R = 0.4
# PFNano's third relative pseudorapidity of the second axis is called _3; readers expect that.
_ETA_REL_NAMES = (("0", "1", "2"), ("0", "1", "3"))


def double_b_inputs(
    jets: Jets,
    axes: Substructure,
    link_jet: IntArray,
    link_track: IntArray,
    tracks: Tracks,
    vertices: Vertices,
    vertex_links: tuple[IntArray, IntArray],
    n_events: int,
) -> dict[str, Array]:
    """The branches FatJet_DDX_* (without that prefix), one value a jet.

    Args:
        jets: AK8 jets.
        axes: Their substructure, of which the two axes are used.
        link_jet, link_track: Charged constituents, ordered by jet.
        tracks, vertices: Of the same events.
        vertex_links: Vertex and track of each track that is in a vertex.
        n_events: Events of the batch.
    """
    n_jets = len(jets)
    good = well_measured(tracks)[link_track]
    jet, track = link_jet[good], link_track[good]
    momentum, charge = track_momenta(tracks)[:, track], tracks.charge[track]
    near = _nearest_axis(axes, jet, tracks.eta[track], tracks.phi[track])[0]
    to_jet = impact_parameters(tracks, track, jets.eta[jet], jets.phi[jet])
    to_axis = impact_parameters(tracks, track, axes.axis_eta[jet, near], axes.axis_phi[jet, near])
    counted = np.flatnonzero(at_axis(to_jet) & (to_jet.delta_r < AK8_DELTA_R))
    counted = counted[without_kaons(jet[counted], momentum[:, counted], charge[counted])]
    out: dict[str, Array] = {"jetNTracks": np.bincount(jet[counted], minlength=n_jets).astype(np.int32)}
    leading = at_axis(to_axis) & without_kaons(jet, momentum, charge)
    significance = np.maximum(to_jet.sip3d_sig, _NO_TRACK)
    out |= _leading(jet[leading], near[leading], significance[leading], n_jets)
    out |= _above(jet, momentum, to_jet.sip2d_sig, n_jets)
    energy = sum_by(jet, momentum[3], n_jets)
    links = link_vertices(jets.event, jets.eta, jets.phi, vertices, _VERTEX_DELTA_R, n_events)
    out["jetNSecondaryVertices"] = np.bincount(links.jet, minlength=n_jets).astype(np.int32)
    out |= _vertex_inputs(axes, links, tracks, vertices, vertex_links, energy)
    empty = (out["jetNTracks"] == 0) & (out["jetNSecondaryVertices"] == 0)
    return {
        name: values if values.dtype == np.int32 else np.where(empty, MISSING, values)
        for name, values in out.items()
    }


def _nearest_axis(
    axes: Substructure, jet: IntArray, eta: FloatArray, phi: FloatArray
) -> tuple[IntArray, FloatArray]:
    """0 or 1, and the distance to that axis."""
    distance = delta_r(eta[:, None], phi[:, None], axes.axis_eta[jet], axes.axis_phi[jet])
    return np.argmin(distance, axis=1), np.min(distance, axis=1)


def _fill(
    jet: IntArray, rank: IntArray, values: FloatArray, shape: tuple[int, int], missing: float
) -> FloatArray:
    table = np.full(shape, missing)
    inside = rank < shape[1]
    table[jet[inside], rank[inside]] = values[inside]
    return table


def _leading(jet: IntArray, axis: IntArray, significance: FloatArray, n_jets: int) -> dict[str, Array]:
    """The largest 3D significances of the jet and of each axis."""
    order, rank = rank_within(jet, significance)
    table = _fill(jet[order], rank, significance[order], (n_jets, 4), _NO_TRACK)
    out: dict[str, Array] = {f"trackSip3dSig_{slot}": table[:, slot] for slot in range(4)}
    for which in (0, 1):
        mine = axis == which
        order, rank = rank_within(jet[mine], significance[mine])
        table = _fill(jet[mine][order], rank, significance[mine][order], (n_jets, 2), _NO_TRACK)
        out |= {f"tau{which + 1}_trackSip3dSig_{slot}": table[:, slot] for slot in range(2)}
    return out


def _above(jet: IntArray, momentum: FloatArray, significance: FloatArray, n_jets: int) -> dict[str, Array]:
    """2D significance of the tracks that lift the mass above charm and bottom, and of the one after these.

    Args:
        jet: Of each well measured track, ordered.
        momentum: Of each, shape (4, n).
        significance: Of each.
        n_jets: Number of jets.
    """
    order = rank_within(jet, significance)[0]
    jet, momentum, significance = jet[order], momentum[:, order], significance[order]

    def picked(place: IntArray) -> FloatArray:
        found = np.full(n_jets, _NOT_REACHED)
        reached = np.flatnonzero(place >= 0)
        found[reached] = significance[place[reached]]
        return found

    charm, bottom = (
        first_above_mass(jet, momentum, np.full(n_jets, mass)) for mass in (CHARM_MASS_GEV, _BOTTOM_MASS_GEV)
    )
    last = np.searchsorted(jet, np.arange(n_jets), side="right") - 1
    after = np.where((bottom >= 0) & (bottom < last), bottom + 1, -1)
    return {
        "trackSip2dSigAboveCharm": picked(charm),
        "trackSip2dSigAboveBottom_0": picked(bottom),
        "trackSip2dSigAboveBottom_1": picked(after),
    }


def _vertex_inputs(
    axes: Substructure,
    links: VertexLinks,
    tracks: Tracks,
    vertices: Vertices,
    vertex_links: tuple[IntArray, IntArray],
    track_energy: FloatArray,
) -> dict[str, Array]:
    """Vertices about each axis; the most significant one stands for it."""
    n_jets = len(axes.axis_eta)
    near, distance = _nearest_axis(
        axes, links.jet, vertices.flight_eta[links.vertex], vertices.flight_phi[links.vertex]
    )
    out: dict[str, Array] = {}
    leading = np.full((n_jets, 2), -1)
    for which in (0, 1):
        chosen = np.flatnonzero((near == which) & (distance < _AXIS_DELTA_R))
        leading[links.jet[chosen][::-1], which] = chosen[::-1]  # the most significant is written last
        found = leading[:, which] >= 0
        row = links.vertex[leading[found, which]]
        energy = sum_by(links.jet[chosen], vertices.energy[links.vertex[chosen]], n_jets)
        prefix = f"tau{which + 1}_"
        for name, values in (
            ("vertexMass", vertices.mass[row]),
            ("vertexEnergyRatio", (energy / np.maximum(track_energy, 1e-3))[found]),
            ("flightDistance2dSig", vertices.dxy_sig[row]),
            ("vertexDeltaR", distance[leading[found, which]]),
        ):
            column = np.full(n_jets, _NO_VERTEX)
            column[found] = values
            out[prefix + name] = column
        slots = _eta_rel(axes, links, leading[found, which], which, tracks, vertex_links, len(vertices))
        out |= {f"{prefix}trackEtaRel_{name}": slots[:, i] for i, name in enumerate(_ETA_REL_NAMES[which])}
    del out["tau2_vertexDeltaR"]  # the tagger does not use it and PFNano does not have it
    both = np.flatnonzero((leading >= 0).all(axis=1))
    out["z_ratio"] = np.full(n_jets, _NO_RATIO)
    out["z_ratio"][both] = _z_ratio(vertices, links.vertex[leading[both, 0]], links.vertex[leading[both, 1]])
    return out


def _eta_rel(
    axes: Substructure, links: VertexLinks, chosen: IntArray, which: int, tracks: Tracks,
    vertex_links: tuple[IntArray, IntArray], n_vertices: int,
) -> FloatArray:  # fmt: skip
    """The three smallest relative pseudorapidities of the leading vertex' tracks, shape (n_jets, 3)."""
    mine = VertexLinks(links.jet[chosen], links.vertex[chosen], links.delta_r[chosen])
    link, track = vertex_tracks(mine, vertex_links, n_vertices)
    jet = mine.jet[link]
    axis_eta, axis_phi = axes.axis_eta[jet, which], axes.axis_phi[jet, which]
    values = impact_parameters(tracks, track, axis_eta, axis_phi).eta_rel
    order, rank = rank_within(jet, -values)
    return _fill(jet[order], rank, values[order], (len(axes.axis_eta), 3), _NO_VERTEX)


def _z_ratio(vertices: Vertices, first: IntArray, second: IntArray) -> FloatArray:
    """Distance of two vertices times the second's pt over their mass, eq. 7 of arXiv:1712.07158."""
    distance = delta_r(
        vertices.flight_eta[first],
        vertices.flight_phi[first],
        vertices.flight_eta[second],
        vertices.flight_phi[second],
    )
    total = [
        component[first] + component[second]
        for component in (vertices.px, vertices.py, vertices.pz, vertices.energy)
    ]
    mass = np.sqrt(np.maximum(total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2, 0.0))
    return np.asarray(distance * vertices.pt[second] / np.maximum(mass, 0.1))
