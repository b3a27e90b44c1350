"""Jets within a large jet, and what of it is theirs: `Lists` in, arrays or `Lists` out."""

import numpy as np

from jetsmith.angles import delta_r
from jetsmith.features import tagging
from jetsmith.features.table import Array, Lists

RADIUS = 0.4  # of what belongs to a subjet: that of AK4 jets
WIDE_RADIUS = 0.8  # of tracks and vertices to a large jet


def nearest(eta: Lists, phi: Lists, jet_eta: Lists, jet_phi: Lists) -> Lists:
    """0 or 1 for each element: the nearer of the first two subjets, -1 where it is 0.4 away or more."""
    place, distance = np.full(len(eta.values), -1.0, np.float32), np.full(len(eta.values), RADIUS)
    for number in range(2):
        to = delta_r(eta.values, phi.values, jet_eta.slot(number)[eta.owner], jet_phi.slot(number)[eta.owner])
        nearer = to < distance  # False for NaN, a subjet that is not there
        place[nearer], distance[nearer] = number, to[nearer]
    return Lists(eta.offsets, place)


def _distance_to(
    number: int, deta: Lists, dphi: Lists, eta: Lists, phi: Lists, jet_eta: Array, jet_phi: Array
) -> Lists:
    of_eta, of_phi = (eta.slot(number) - jet_eta)[deta.owner], (phi.slot(number) - jet_phi)[deta.owner]
    return Lists(deta.offsets, delta_r(deta.values, dphi.values, of_eta, of_phi))


def distance_to_first(
    deta: Lists, dphi: Lists, eta: Lists, phi: Lists, jet_eta: Array, jet_phi: Array
) -> Lists:
    """Distance of each element to the first subjet, from what is relative to the jet; NaN without one."""
    return _distance_to(0, deta, dphi, eta, phi, jet_eta, jet_phi)


def distance_to_second(
    deta: Lists, dphi: Lists, eta: Lists, phi: Lists, jet_eta: Array, jet_phi: Array
) -> Lists:
    """The same to the second."""
    return _distance_to(1, deta, dphi, eta, phi, jet_eta, jet_phi)


def first(values: Lists) -> Array:
    """Of the first subjet, NaN without one."""
    return values.slot(0)


def second(values: Lists) -> Array:
    """Of the second subjet, NaN without one."""
    return values.slot(1)


def of_first(values: Lists, subjet: Lists) -> Lists:
    """The elements that belong to the first subjet."""
    return values.where(subjet.values == 0)


def of_second(values: Lists, subjet: Lists) -> Lists:
    """The elements that belong to the second subjet."""
    return values.where(subjet.values == 1)


def same(values: Array | Lists) -> Array | Lists:
    """As they are."""
    return values


def selected(is_near_axis: Lists, distance: Lists) -> Lists:
    """As `tagging.selected`, within 0.8 of the axis."""
    return tagging.selected(is_near_axis, distance, WIDE_RADIUS)


def tagged_vertices(
    n_tracks: Array, mass: Lists, n_of_vertex: Lists, dxy: Lists, dxy_sig: Lists, distance: Lists
) -> Lists:
    """As `tagging.tagged_vertices`, within 0.8 of the axis."""
    return tagging.tagged_vertices(n_tracks, mass, n_of_vertex, dxy, dxy_sig, distance, WIDE_RADIUS)
