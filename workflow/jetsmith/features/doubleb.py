"""Inputs of CMS' double-b tagger from candidates and vertices: `Lists` in, arrays or `Lists` out.

After CMSSW's `BoostedDoubleSVProducer` (arXiv 1712.07158, section 7); `features.axes` has the axes. Masks are
lists of 0 and 1. What no layout tells stands in: the tracks of a vertex and its flight direction.
"""

import numpy as np

from jetsmith.angles import delta_phi, delta_r
from jetsmith.features import formulas, tagging
from jetsmith.features.summaries import MAX_DECAY_LEN_CM, MAX_JET_DIST_CM, total_by_row
from jetsmith.features.table import Array, Lists
from jetsmith.features.tagging import (
    CHARM_MASS_GEV,
    KAON_WINDOW_GEV,
    UNKNOWN,
    above_mass,
    are_displaced,
    invariant_mass,
    mask_of,
    momenta,
    of_kaon,
    total_momentum,
    where_some,
)
from jetsmith.io import FloatArray, IntArray

RADIUS, COUNTED_RADIUS = 0.8, 0.7  # of tracks and vertices to the jet; of vertices that are counted
IN_FIT = 7  # association of a track that the primary vertex was fitted with
BOTTOM_MASS_GEV, NOT_REACHED = 5.2, -19.0
N_ETA_REL, MAX_ENERGY_RATIO = 3, 50.0


# --- the axes ---


def _table(axes: Lists) -> FloatArray:
    """Shape (N, 2, 2): row, axis, and eta or phi."""
    return np.asarray(axes.values, np.float64).reshape(-1, 2, 2)


def nearest_axis(eta: Lists, phi: Lists, axes: Lists) -> Lists:
    """0 or 1 for each element: the nearer of the two axes; -1 where it has no direction."""
    mine = _table(axes)[eta.owner]
    distance = delta_r(eta.values[:, None], phi.values[:, None], mine[:, :, 0], mine[:, :, 1])
    known = np.isfinite(eta.values) & np.isfinite(phi.values)
    return Lists(eta.offsets, np.where(known, distance[:, 1] < distance[:, 0], -1).astype(np.float32))


def vertex_axis(eta: Lists, phi: Lists, axes: Lists, is_vertex: Lists) -> Lists:
    """0 or 1 for each vertex that counts, the nearer of the two axes, else -1; 0 where one axis has none.
    Of one without a direction -1, too.

    The direction of its momentum stands for that of its flight.
    """
    near = np.where(is_vertex.values != 0, nearest_axis(eta, phi, axes).values, -1.0)
    has_first = total_by_row(mask_of(eta, near == 0)) > 0
    return Lists(eta.offsets, np.where((near == 1) & ~has_first[eta.owner], 0.0, near))


def vertices(mass: Lists, n_of_vertex: Lists, dxy: Lists, dxy_sig: Lists, distance: Lists) -> Lists:
    """Vertices of CMS' tag information of a large jet."""
    return mask_of(mass, are_displaced(mass, n_of_vertex, dxy, dxy_sig) & (distance.values < RADIUS))


def counted_vertices(is_vertex: Lists, distance: Lists) -> Lists:
    """Those of them within 0.7 of the jet."""
    return mask_of(is_vertex, (is_vertex.values != 0) & (distance.values < COUNTED_RADIUS))


# --- tracks ---


def counted(
    is_measured: Lists, jet_dist: Lists, decay_len: Lists, distance: Lists, pt: Lists, eta: Lists, phi: Lists,
    charge: Lists,
) -> Lists:  # fmt: skip
    """Measured tracks near the axis of the jet and within 0.8 of it that make no K0S with another of them."""
    keep = (np.abs(jet_dist.values) < MAX_JET_DIST_CM) & (decay_len.values < MAX_DECAY_LEN_CM)
    chosen = mask_of(pt, (is_measured.values != 0) & keep & (distance.values < RADIUS))
    kaon = of_kaon(chosen, pt, eta, phi, charge, KAON_WINDOW_GEV)
    return mask_of(pt, (chosen.values != 0) & ~kaon)


def near_axes(
    is_measured: Lists, near: Lists, axes: Lists, d0: Lists, dz: Lists, pt: Lists, eta: Lists, phi: Lists,
    charge: Lists,
) -> Lists:  # fmt: skip
    """Measured tracks near their axis that make no K0S with another measured one."""
    mine = _table(axes)[near.owner, near.values.astype(np.int64)]
    track = (d0.values, dz.values, eta.values, phi.values, mine[:, 0], mine[:, 1])
    keep = np.abs(formulas.distance_to_axis(*track)) < MAX_JET_DIST_CM
    keep &= formulas.decay_length(*track) < MAX_DECAY_LEN_CM
    kaon = of_kaon(is_measured, pt, eta, phi, charge, KAON_WINDOW_GEV)
    return mask_of(pt, (is_measured.values != 0) & keep & ~kaon)


def leading(mask: Lists, significance: Lists) -> Lists:
    """Significances of the tracks with a mask that is not 0, falling."""
    return tagging.leading(significance, mask, significance)


def leading_first(mask: Lists, near: Lists, significance: Lists) -> Lists:
    """The same of those of the first axis."""
    return leading(mask_of(mask, (mask.values != 0) & (near.values == 0)), significance)


def leading_second(mask: Lists, near: Lists, significance: Lists) -> Lists:
    """The same of those of the second axis."""
    return leading(mask_of(mask, (mask.values != 0) & (near.values == 1)), significance)


def _picked(significance: Lists, ranked: Lists, place: IntArray) -> FloatArray:
    known, found = place >= 0, np.where(place == UNKNOWN, np.nan, NOT_REACHED)
    found[known] = significance.values[ranked.values[place[known]]]
    return found


def above_charm(is_measured: Lists, significance: Lists, pt: Lists, eta: Lists, phi: Lists) -> Array:
    """Significance of the track that lifts the mass above that of charm, -19 where none does."""
    return _picked(significance, *above_mass(is_measured, significance, pt, eta, phi, CHARM_MASS_GEV))


def above_bottom(is_measured: Lists, significance: Lists, pt: Lists, eta: Lists, phi: Lists) -> Lists:
    """The same of bottom, and the significance of the track after it: two a jet."""
    ranked, place = above_mass(is_measured, significance, pt, eta, phi, BOTTOM_MASS_GEV)
    after = np.where((place >= 0) & (place + 1 < ranked.offsets[1:]), place + 1, np.minimum(place, -1))
    both = np.stack([_picked(significance, ranked, which) for which in (place, after)], axis=1)
    return Lists(2 * np.arange(len(ranked) + 1), both.ravel())


# --- vertices ---


def _ranked(chosen: Lists, d3d: Lists, d3d_sig: Lists) -> tuple[Lists, IntArray]:
    """Flat indices of the chosen vertices, the smallest error of the flight distance first; their numbers."""
    kept = chosen.where(chosen.values != 0)
    place = np.flatnonzero(chosen.values != 0)
    error = d3d.values[place].astype(np.float64) / d3d_sig.values[place]
    order = place[np.lexsort((error, kept.owner))]
    return Lists(kept.offsets, order), kept.counts


def _of(values: Array, ranked: Lists, slot: int) -> FloatArray:
    """A value of the vertex of this rank, NaN where there is none."""
    place = ranked.slot(slot)
    known = np.isfinite(place)
    found = np.full(len(ranked), np.nan)
    found[known] = values[place[known].astype(np.int64)]
    return found


def _first_of(axis: int, values: Lists, near: Lists, d3d: Lists, d3d_sig: Lists) -> Array:
    return _of(values.values, _ranked(mask_of(near, near.values == axis), d3d, d3d_sig)[0], 0)


def of_first(*columns: Lists) -> Array:
    """Of the vertex of the first axis whose flight distance has the smallest error; NaN without one."""
    return _first_of(0, *columns)


def of_second(*columns: Lists) -> Array:
    """The same of the second axis."""
    return _first_of(1, *columns)


def distance_to_axis(eta: Lists, phi: Lists, near: Lists, d3d: Lists, d3d_sig: Lists, axes: Lists) -> Array:
    """Distance of that of the first axis to the axis that is nearer to it."""
    mine = _table(axes)[eta.owner]
    distance = delta_r(eta.values[:, None], phi.values[:, None], mine[:, :, 0], mine[:, :, 1]).min(axis=1)
    return _first_of(0, Lists(eta.offsets, distance), near, d3d, d3d_sig)


def _sum_of(axis: int, near: Lists, *vertex: Lists) -> FloatArray:
    """Momentum of all vertices of an axis, shape (4, N); NaN without any."""
    mask = mask_of(near, near.values == axis)
    return where_some(mask, total_momentum(mask, *vertex))


def mass_of_first(*columns: Lists) -> Array:
    """Mass of all vertices of the first axis together; NaN without any."""
    return invariant_mass(_sum_of(0, *columns))


def mass_of_second(*columns: Lists) -> Array:
    """The same of the second axis."""
    return invariant_mass(_sum_of(1, *columns))


def _energy_ratio(axis: int, columns: tuple[Lists, ...]) -> Array:
    *vertices_, is_measured, association, pt, eta, phi = columns
    pions = momenta(pt.values, eta.values, phi.values, formulas.PION_MASS_GEV)[3]
    used = (is_measured.values != 0) & (association.values == IN_FIT)
    total = total_by_row(Lists(pt.offsets, np.where(used, pions, 0.0)))
    with np.errstate(divide="ignore"):
        found = np.minimum(_sum_of(axis, *vertices_)[3] / total, MAX_ENERGY_RATIO)
    return np.where(total > 0, found, np.nan)


def energy_ratio_of_first(*columns: Lists) -> Array:
    """Energy of the vertices of the first axis over that of the tracks that the primary vertex is made of."""
    return _energy_ratio(0, columns)


def energy_ratio_of_second(*columns: Lists) -> Array:
    """The same of the second axis."""
    return _energy_ratio(1, columns)


def z_ratio(
    is_counted: Lists, d3d: Lists, d3d_sig: Lists, axes: Lists, pt: Lists, eta: Lists, phi: Lists, mass: Lists
) -> Array:
    """Distance of the first two vertices times the second's pt over their common mass; NaN without any.

    Of a lone vertex the distance of the axes, its own pt and mass.
    """
    ranked, number = _ranked(is_counted, d3d, d3d_sig)
    kinematics = [column.values.astype(np.float64) for column in (pt, eta, phi, mass)]
    one, two = ([_of(values, ranked, slot) for values in kinematics] for slot in (0, 1))
    first, second = _table(axes)[:, 0], _table(axes)[:, 1]
    alone = delta_r(first[:, 0], first[:, 1], second[:, 0], second[:, 1]) * one[0] / one[3]
    both = delta_r(one[1], one[2], two[1], two[2]) * two[0] / invariant_mass(momenta(*one) + momenta(*two))
    return np.where(number > 1, both, alone)


def _eta_rel(
    axis: int, is_measured: Lists, near: Lists, order: Lists, axes: Lists, pt: Lists, eta: Lists, phi: Lists,
    of_vertex: Lists, n_of_vertex: Lists, sv_eta: Lists, sv_phi: Lists,
) -> Lists:  # fmt: skip
    own = (of_vertex.values == axis) & (nearest_axis(sv_eta, sv_phi, axes).values == axis)
    # Vertices of the second axis alone are those of the first by name: their tracks are about the second.
    about = np.where(total_by_row(mask_of(of_vertex, own)) > 0, axis, 1)
    mine = np.flatnonzero((is_measured.values != 0) & (near.values == about[near.owner]))
    ranked = mine[np.lexsort((-order.values[mine], near.owner[mine]))]
    number = total_by_row(Lists(of_vertex.offsets, n_of_vertex.values * (of_vertex.values == axis)))
    ranked = ranked[_rank(near.owner[ranked]) < number[near.owner[ranked]]]
    direction = _table(axes)[near.owner[ranked], about[near.owner[ranked]]]
    momentum = pt.values[ranked], eta.values[ranked]
    dphi = delta_phi(phi.values[ranked], direction[:, 1])
    along = formulas.along_axis(*momentum, dphi, direction[:, 0])
    across = formulas.across_axis(*momentum, dphi, direction[:, 0])
    values = formulas.eta_rel(along, across)
    rising = np.lexsort((values, near.owner[ranked]))
    owner = near.owner[ranked][rising]
    keep = _rank(owner) < N_ETA_REL
    counts = np.bincount(owner[keep], minlength=len(pt))
    return Lists(np.concatenate([[0], np.cumsum(counts)]), values[rising][keep])


def _rank(owner: IntArray) -> IntArray:
    """Place of each element among those of its row, of rows in order."""
    return np.asarray(np.arange(len(owner)) - np.searchsorted(owner, owner))


def eta_rel_of_first(*columns: Lists) -> Lists:
    """The three smallest relative pseudorapidities about the first axis.

    They are of as many tracks about it as its vertices have: the measured ones with the largest 2D
    significance stand for those of the vertices.
    """
    return _eta_rel(0, *columns)


def eta_rel_of_second(*columns: Lists) -> Lists:
    """The same about the second axis."""
    return _eta_rel(1, *columns)
