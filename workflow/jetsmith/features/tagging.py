"""Inputs of DeepCSV from candidates and vertices: `Lists` in, arrays or `Lists` out.

After CMSSW's `CombinedSVComputer` (RecoBTag/SecondaryVertex), with the cuts of `pfImpactParameterTagInfos`,
`trackSelection`, `trackPseudoSelection` and `secondaryVertexTagInfos`. Masks are lists of 0 and 1. Jets with
fewer than two measured tracks have no inputs, as there: NaN.

What no layout tells is left out, or stands in: the tracks of a vertex and its flight direction.
"""

import numpy as np

from jetsmith.angles import delta_r
from jetsmith.features.formulas import PION_MASS_GEV
from jetsmith.features.summaries import (
    MAX_D0_CM,
    MAX_DECAY_LEN_CM,
    MAX_JET_DIST_CM,
    MIN_TRACK_PT_GEV,
    total_by_row,
)
from jetsmith.features.table import Array, Lists
from jetsmith.io import BoolArray, FloatArray, IntArray

MAX_DZ_CM, MAX_CHI2 = 17.0, 5.0
MIN_TRACKS = 2
DELTA_R = 0.3  # of tracks and vertices to the axis
KAON_MASS_GEV, KAON_WINDOW_GEV, PSEUDO_KAON_WINDOW_GEV = 0.497648, 0.03, 0.05
PSEUDO_SIGNIFICANCE, PSEUDO_TRACKS = 2.0, 2
CHARM_MASS_GEV = 1.5
MIN_FLIGHT_CM, MAX_FLIGHT_CM, MIN_FLIGHT_SIGNIFICANCE, MAX_VERTEX_MASS_GEV = 0.01, 2.5, 2.0, 6.5
VERTEX, PSEUDO_VERTEX, NO_VERTEX = 0.0, 1.0, 2.0
UNKNOWN = -2  # place of a track that cannot be told


# --- tracks ---


def measured(pt: Lists, d0: Lists, dz: Lists, chi2: Lists | None = None) -> Lists:
    """Tracks whose impact parameter counts, whatever the jet. Their hits are not told."""
    keep = (pt.values > MIN_TRACK_PT_GEV) & (np.abs(d0.values) < MAX_D0_CM) & (np.abs(dz.values) < MAX_DZ_CM)
    return mask_of(pt, keep & (chi2.values < MAX_CHI2) if chi2 is not None else keep)


def near_axis(is_measured: Lists, jet_dist: Lists, decay_len: Lists) -> Lists:
    """Measured tracks that pass near the axis, of jets with two measured ones."""
    keep = (np.abs(jet_dist.values) <= MAX_JET_DIST_CM) & (decay_len.values <= MAX_DECAY_LEN_CM)
    enough = total_by_row(is_measured) >= MIN_TRACKS
    return mask_of(is_measured, (is_measured.values != 0) & keep & enough[is_measured.owner])


def selected(is_near_axis: Lists, distance: Lists, radius: float = DELTA_R) -> Lists:
    """Those within 0.3 of the axis."""
    return mask_of(distance, (is_near_axis.values != 0) & (distance.values < radius))


def without_kaons(is_selected: Lists, pt: Lists, eta: Lists, phi: Lists, charge: Lists) -> Lists:
    """Selected tracks that do not make a K0S with another one."""
    return mask_of(
        pt, (is_selected.values != 0) & ~of_kaon(is_selected, pt, eta, phi, charge, KAON_WINDOW_GEV)
    )


def pseudo_vertex(
    is_selected: Lists, sip2d_sig: Lists, pt: Lists, eta: Lists, phi: Lists, charge: Lists
) -> Lists:
    """Displaced tracks that make a pseudo vertex: two or more, but no K0S."""
    displaced = mask_of(pt, (is_selected.values != 0) & (sip2d_sig.values > PSEUDO_SIGNIFICANCE))
    kaon = of_kaon(displaced, pt, eta, phi, charge, PSEUDO_KAON_WINDOW_GEV)
    number = total_by_row(displaced)
    made = number - np.where(number == 2, total_by_row(mask_of(pt, kaon)), 0) >= PSEUDO_TRACKS
    return mask_of(pt, (displaced.values != 0) & made[pt.owner])


def leading(values: Lists, mask: Lists, order: Lists) -> Lists:
    """The values with a mask that is not 0, in falling order of another list."""
    chosen = mask.values != 0
    found, by = values.where(chosen), order.where(chosen)
    return Lists(found.offsets, found.values[by.falling()])


def mask_of(like: Lists, keep: BoolArray) -> Lists:
    """A mask as a list: 1 where it holds, else 0."""
    return Lists(like.offsets, keep.astype(np.float32))


def of_kaon(mask: Lists, pt: Lists, eta: Lists, phi: Lists, charge: Lists, window: float) -> BoolArray:
    """Elements of a pair of opposite charge with the mass of a K0S, of those with a mask that is not 0."""
    chosen = np.flatnonzero(mask.values != 0)
    owner, sign = mask.owner[chosen], charge.values[chosen].astype(np.int64)
    momentum = momenta(pt.values[chosen], eta.values[chosen], phi.values[chosen], PION_MASS_GEV)
    found = np.zeros(len(chosen), np.bool_)
    for step in range(1, int(np.bincount(owner).max(initial=0))):  # tracks of the richest jet
        first = np.flatnonzero((owner[step:] == owner[:-step]) & (sign[step:] * sign[:-step] <= 0))
        near = np.abs(invariant_mass(momentum[:, first] + momentum[:, first + step]) - KAON_MASS_GEV) < window
        found[first[near]] = found[first[near] + step] = True
    result = np.zeros(len(mask.values), np.bool_)
    result[chosen] = found
    return result


def momenta(pt: Array, eta: Array, phi: Array, mass: Array | float) -> FloatArray:
    """Rows px, py, pz, energy [GeV], shape (4, n)."""
    pt, eta, phi = (np.asarray(values, np.float64) for values in (pt, eta, phi))
    energy = np.hypot(pt * np.cosh(eta), mass)
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy])


def invariant_mass(momentum: FloatArray) -> FloatArray:
    """Masses [GeV] of momenta, shape (4, n) -> (n,); 0 where rounding leaves a square below 0."""
    square = momentum[3] ** 2 - np.sum(momentum[:3] ** 2, axis=0)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def total_momentum(mask: Lists, pt: Lists, eta: Lists, phi: Lists, mass: Lists | float) -> FloatArray:
    """Sum of the momenta with a mask that is not 0, shape (4, N); NaN where one of them is not known."""
    used = np.flatnonzero(mask.values)  # most are not: momenta are costly
    owner = mask.owner[used]
    masses = mass.values[used] if isinstance(mass, Lists) else mass
    momentum = momenta(pt.values[used], eta.values[used], phi.values[used], masses)
    return np.stack([np.bincount(owner, weights=row, minlength=len(mask)) for row in momentum])


def where_some(mask: Lists, values: FloatArray) -> FloatArray:
    """NaN where no element of a row has a mask that is not 0."""
    return np.where(total_by_row(mask) > 0, values, np.nan)


def sum_of_tracks(mask: Lists, pt: Lists, eta: Lists, phi: Lists) -> FloatArray:
    """Sum of the tracks with a mask that is not 0, as pions: px, py, pz, energy [GeV], shape (4, N)."""
    return total_momentum(mask, pt, eta, phi, PION_MASS_GEV)


def _given(n_tracks: Array, values: Array) -> FloatArray:
    """NaN for jets without inputs."""
    return np.where(n_tracks < MIN_TRACKS, np.nan, values)


def sum_et_ratio(
    n_tracks: Array, is_selected: Lists, pt: Lists, eta: Lists, phi: Lists,
    jet_raw_pt: Array, jet_pt: Array, jet_eta: Array, jet_mass: Array,
) -> Array:  # fmt: skip
    """Transverse energy of the sum of the selected tracks over that of the uncorrected jet."""
    tracks = sum_of_tracks(is_selected, pt, eta, phi)
    jet_mass = jet_mass.astype(np.float64) * jet_raw_pt / jet_pt
    jets = momenta(jet_raw_pt, jet_eta, np.zeros(len(jet_pt)), jet_mass)
    return _given(n_tracks, _transverse_energy(tracks) / _transverse_energy(jets))


def _transverse_energy(momentum: FloatArray) -> FloatArray:
    size = np.sqrt(np.sum(momentum[:3] ** 2, axis=0))
    return np.asarray(momentum[3] * np.hypot(momentum[0], momentum[1]) / np.maximum(size, 1e-9))


def sum_delta_r(
    n_tracks: Array, is_selected: Lists, pt: Lists, eta: Lists, phi: Lists, jet_eta: Array, jet_phi: Array
) -> Array:
    """Distance of the sum of the selected tracks to the axis; of no tracks that of (0, 0), as CMS has it."""
    return _given(n_tracks, _distance(sum_of_tracks(is_selected, pt, eta, phi), jet_eta, jet_phi))


def _distance(momentum: FloatArray, jet_eta: Array, jet_phi: Array) -> FloatArray:
    across = np.maximum(np.hypot(momentum[0], momentum[1]), 1e-9)
    return delta_r(np.arcsinh(momentum[2] / across), np.arctan2(momentum[1], momentum[0]), jet_eta, jet_phi)


def above_charm(
    n_tracks: Array, values: Lists, order: Lists, is_near_axis: Lists, pt: Lists, eta: Lists, phi: Lists
) -> Array:
    """The value of the track that lifts the mass above 1.5 GeV, in falling `order`; -1 where none does."""
    ranked, place = above_mass(is_near_axis, order, pt, eta, phi, CHARM_MASS_GEV)
    known, found = place >= 0, np.where(place == UNKNOWN, np.nan, -1.0)
    found[known] = values.values[ranked.values[place[known]]]
    return _given(n_tracks, found)


def above_mass(
    mask: Lists, order: Lists, pt: Lists, eta: Lists, phi: Lists, mass_gev: float
) -> tuple[Lists, IntArray]:
    """The track that lifts the mass of those before it and itself, as pions, above a mass.

    Returns:
        Tracks with a mask that is not 0 in falling `order`, as indices of all; and of each row the place
        among these of the one that does, -1 where none does, UNKNOWN where the momentum of a track is none.
    """
    chosen = mask.values != 0
    by = order.where(chosen)
    ranked = np.flatnonzero(chosen)[by.falling()]
    own = momenta(pt.values[ranked], eta.values[ranked], phi.values[ranked], PION_MASS_GEV)
    mass = invariant_mass(_up_to(own, by.offsets))
    place = np.full(len(by), -1)
    place[by.owner[np.isnan(mass)]] = UNKNOWN
    over = np.flatnonzero(mass > mass_gev)
    rows, first = np.unique(by.owner[over], return_index=True)
    place[rows] = over[first]
    return Lists(by.offsets, ranked), place


def _up_to(momentum: FloatArray, offsets: IntArray) -> FloatArray:
    """Of each element the sum of its row up to itself, (4, n) -> (4, n).

    Row by row: differences of sums over all rows would carry what is not finite, or rounding, into others.
    """
    found, counts = momentum.copy(), np.diff(offsets)
    for rank in range(1, int(counts.max(initial=0))):  # tracks of the richest jet
        here = offsets[:-1][counts > rank] + rank
        found[:, here] += found[:, here - 1]
    return found


# --- vertices ---


def tagged_vertices(
    n_tracks: Array, mass: Lists, n_of_vertex: Lists, dxy: Lists, dxy_sig: Lists, distance: Lists,
    radius: float = DELTA_R,
) -> Lists:  # fmt: skip
    """Vertices that CMS' tag information takes; which tracks they share with the primary one is not told.

    ASSUME opposite charges in a vertex of two tracks with the mass of a K0S.
    """
    keep = are_displaced(mass, n_of_vertex, dxy, dxy_sig) & (distance.values < radius)
    return mask_of(mass, keep & (n_tracks[mass.owner] >= MIN_TRACKS))


def are_displaced(mass: Lists, n_of_vertex: Lists, dxy: Lists, dxy_sig: Lists) -> BoolArray:
    """Vertices of a heavy hadron by their flight, mass and tracks, of which two are no K0S."""
    keep = (dxy.values > MIN_FLIGHT_CM) & (dxy.values < MAX_FLIGHT_CM) & (mass.values < MAX_VERTEX_MASS_GEV)
    keep &= dxy_sig.values > MIN_FLIGHT_SIGNIFICANCE
    kaon = np.abs(mass.values - KAON_MASS_GEV) < PSEUDO_KAON_WINDOW_GEV
    found: BoolArray = keep & ((n_of_vertex.values > 2) | ((n_of_vertex.values == 2) & ~kaon))
    return found


def vertex_category(n_tracks: Array, is_tagged: Lists, is_pseudo: Lists) -> Array:
    """0 with a vertex, 1 with a pseudo vertex, 2 without either."""
    pseudo = np.where(total_by_row(is_pseudo) > 0, PSEUDO_VERTEX, NO_VERTEX)
    return _given(n_tracks, np.where(total_by_row(is_tagged) > 0, VERTEX, pseudo))


def _first_vertex(is_tagged: Lists, d3d: Lists, d3d_sig: Lists) -> tuple[IntArray, IntArray]:
    """Rows with a vertex, and the flat index of the one whose flight distance has the smallest error."""
    chosen = np.flatnonzero(is_tagged.values != 0)
    error = d3d.values[chosen].astype(np.float64) / d3d_sig.values[chosen]
    owner = is_tagged.owner[chosen]
    order = np.lexsort((error, owner))
    rows, place = np.unique(owner[order], return_index=True)
    return rows, chosen[order[place]]


def of_first_vertex(values: Lists, is_tagged: Lists, d3d: Lists, d3d_sig: Lists) -> Array:
    """The value of the first vertex; NaN without one."""
    rows, place = _first_vertex(is_tagged, d3d, d3d_sig)
    found = np.full(len(values), np.nan)
    found[rows] = values.values[place]
    return found


def _vertex_sum(category: Array, *columns: Lists) -> FloatArray:
    """Momentum of all vertices of a jet, or of its pseudo vertex, shape (4, N); NaN without either."""
    is_tagged, sv_pt, sv_eta, sv_phi, sv_mass, is_pseudo, pt, eta, phi = columns
    real = total_momentum(is_tagged, sv_pt, sv_eta, sv_phi, sv_mass)
    pseudo = where_some(is_pseudo, sum_of_tracks(is_pseudo, pt, eta, phi))
    total = np.where(category == VERTEX, where_some(is_tagged, real), pseudo)
    return np.where(category < NO_VERTEX, total, np.nan)


def vertex_n_tracks(category: Array, is_tagged: Lists, n_of_vertex: Lists, is_pseudo: Lists) -> Array:
    """Tracks of all vertices of a jet, or of its pseudo vertex."""
    real = total_by_row(Lists(is_tagged.offsets, n_of_vertex.values * is_tagged.values))
    pseudo = np.where(category == PSEUDO_VERTEX, total_by_row(is_pseudo), 0)
    return np.asarray(np.where(category == VERTEX, real, pseudo))


def vertex_mass(category: Array, cos_theta: Array, *columns: Lists) -> Array:
    """Mass of all vertices together, corrected for momentum across the flight; of a pseudo vertex as it is.

    The first vertex's angle between momentum and flight stands for that of all vertices together.
    """
    total = _vertex_sum(category, *columns)
    sine = np.sqrt(np.maximum(1 - cos_theta.astype(np.float64) ** 2, 0))
    across = np.where(category == VERTEX, sine * np.sqrt(np.sum(total[:3] ** 2, axis=0)), 0)
    return np.hypot(invariant_mass(total), across) + across


def vertex_energy_ratio(category: Array, is_selected: Lists, *columns: Lists) -> Array:
    """Their energy over that of the selected tracks; 1 where there are none of these."""
    energy = sum_of_tracks(is_selected, *columns[-3:])[3]
    found = np.where(energy > 0, _vertex_sum(category, *columns)[3] / np.maximum(energy, 1e-9), 1.0)
    return np.where(category < NO_VERTEX, found, np.nan)


def vertex_delta_r(
    category: Array, of_momentum: Array, cos_theta: Array, jet_eta: Array, jet_phi: Array, *columns: Lists
) -> Array:
    """Distance of the first vertex, or of the momentum of the pseudo vertex, to the axis.

    The root of the mean square stands for the vertex' distance, its flight being at a known angle to its
    momentum, but to no known side of it.
    """
    angle = np.arccos(np.clip(cos_theta, -1, 1)) * np.cosh(jet_eta)
    of_pseudo = where_some(columns[0], _distance(sum_of_tracks(*columns), jet_eta, jet_phi))
    found = np.where(category == VERTEX, np.hypot(of_momentum, angle), of_pseudo)
    return np.where(category < NO_VERTEX, found, np.nan)


def eta_rel_of_vertex(
    category: Array, number: Array, eta_rel: Lists, is_measured: Lists, significance: Lists, is_pseudo: Lists
) -> Lists:
    """Relative pseudorapidities of the tracks of a pseudo vertex, or of as many tracks as vertices have.

    Both in falling significance. The measured tracks with the largest stand for those of the vertices.
    """
    ranked = significance.where(is_measured.values != 0)
    place = np.flatnonzero(is_measured.values != 0)[ranked.falling()]
    owner = ranked.owner
    rank = np.arange(len(place)) - ranked.offsets[:-1][owner]
    kind = category[owner]
    keep = ((kind == VERTEX) & (rank < number[owner])) | (
        (kind == PSEUDO_VERTEX) & (is_pseudo.values[place] != 0)
    )
    return Lists(ranked.offsets, eta_rel.values[place]).where(keep)
