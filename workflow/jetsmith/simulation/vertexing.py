# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""An inclusive secondary-vertex finder on measured tracks, after that of CMS (IVF).

Displaced seeds gather tracks that pass them closely, an adaptive fit gives a vertex, vertices that
share tracks are merged, each track goes to the vertex (or the primary one) that fits it best, and
what is left is fitted again. It knows nothing of the truth.
"""

import math

import numpy as np
from numba import njit

from jetsmith.io import FloatArray, IntArray
from jetsmith.simulation.helix import closest_approach, compatibility, fit_vertex
from jetsmith.simulation.tables import PION_MASS_SQUARED, Tracks, Vertices

_SEED_SIGNIFICANCE = 1.2
_SEED_DISTANCE_CM = 0.005
_PAIR_DISTANCE_CM = 0.05
_PAIR_SIGNIFICANCE = 4.5
_FLIGHT_OVER_DISTANCE = 20.0  # pairs have to meet much farther out than they miss each other
_ANNEALING = np.array([0.0, 8.0, 2.0, 1.0, 1.0])
_REFIT_ANNEALING = np.array([4.0, 1.0, 1.0])
_PRIMARY_ERROR_CM = 0.001
_KAON_MASS_GEV = 0.4976
_COLUMNS = (
    "event", "x", "y", "z", "px", "py", "pz", "energy", "mass", "n_tracks", "dlen", "dlen_sig", "dxy",
    "dxy_sig", "chi2", "ndof", "cos_theta",
)  # fmt: skip


def find_vertices(tracks: Tracks, starts: IntArray) -> tuple[Vertices, IntArray, IntArray]:
    """Secondary vertices of every event.

    Args:
        tracks: Ordered by event.
        starts: Rows at which the events start, shape (n_events + 1,).

    Returns:
        Vertices ordered by event; and the links: vertex and track of each, ordered by vertex.
    """
    helix = np.column_stack([tracks.phi, tracks.curvature, np.sinh(tracks.eta), tracks.d0, tracks.dz])
    error = np.column_stack([tracks.d0_error, tracks.dz_error])
    rows, link_vertex, link_track = _find(
        starts, helix, error, tracks.pt, tracks.eta, tracks.phi, tracks.charge
    )
    columns = dict(zip(_COLUMNS, rows.T, strict=True))
    event = columns.pop("event").astype(np.int64)
    return Vertices(event=event, **columns), link_vertex, link_track


@njit(cache=True)
def _angle(first, second):
    return (first - second + math.pi) % (2 * math.pi) - math.pi


@njit(cache=True)
def _is_seed(helix, error):
    """True for tracks that miss the primary vertex."""
    sin_theta = 1 / math.sqrt(1 + helix[2] * helix[2])
    d0, dz = helix[3], helix[4] * sin_theta
    distance = math.sqrt(d0 * d0 + dz * dz)
    if distance < _SEED_DISTANCE_CM:
        return False
    sigma = math.sqrt((d0 * error[0]) ** 2 + (dz * error[1] * sin_theta) ** 2) / distance
    return distance >= _SEED_SIGNIFICANCE * sigma


@njit(cache=True)
def _gather(seed, selected, helix, error, eta, phi, members, point):
    """Tracks that pass a seed closely, away from the primary vertex; their mean crossing is the start.

    Returns:
        Number of members, the seed with them.
    """
    members[0] = seed
    n_members = 1
    crossing = np.zeros(3)
    total = 0.0
    point[:] = 0.0
    for j in selected:
        if j == seed or abs(_angle(phi[seed], phi[j])) > 1.05 or abs(eta[seed] - eta[j]) > 1.2:
            continue
        distance, tx, ty, tz = closest_approach(helix[seed], helix[j], crossing)
        if distance < 0 or distance > _PAIR_DISTANCE_CM:
            continue
        variance = error[seed, 0] ** 2 + error[j, 0] ** 2 + 1e-14
        flight = math.sqrt(crossing[0] ** 2 + crossing[1] ** 2 + crossing[2] ** 2)
        if distance > _PAIR_SIGNIFICANCE * math.sqrt(variance) or distance * _FLIGHT_OVER_DISTANCE > flight:
            continue
        if crossing[0] * tx + crossing[1] * ty + crossing[2] * tz < 0:
            continue
        if crossing[0] ** 2 + crossing[1] ** 2 > 9.0:
            continue
        weight = 1 / (variance + 1e-8)
        for axis in range(3):
            point[axis] += weight * crossing[axis]
        total += weight
        members[n_members] = j
        n_members += 1
    if n_members > 1:
        point /= total
    return n_members


@njit(cache=True)
def _candidates(selected, helix, error, eta, phi, points, belongs):
    """Vertices of all seeds: fills `points` (n, 3) and `belongs` (n, tracks of the event); counts them."""
    n_selected = len(selected)
    members, weight = np.empty(n_selected + 1, np.int64), np.empty(n_selected + 1)
    point, covariance = np.zeros(3), np.zeros((3, 3))
    first = selected[0]
    n_found = 0
    for seed in selected:
        if not _is_seed(helix[seed], error[seed]):
            continue
        n_members = _gather(seed, selected, helix, error, eta, phi, members, point)
        if n_members < 2:
            continue
        chi2, _ = fit_vertex(helix, error, members, n_members, point, weight, _ANNEALING, covariance)
        if chi2 < 0 or np.sum(weight[:n_members] > 0.5) < 2:
            continue
        belongs[n_found] = False
        for q in range(n_members):
            if weight[q] > 0.5:
                belongs[n_found, members[q] - first] = True
        points[n_found] = point
        n_found += 1
    return n_found


@njit(cache=True)
def _merge(points, belongs):
    """Indices of the vertices left after those that share tracks with a bigger one are dropped."""
    sizes = np.array([np.sum(belongs[row]) for row in range(len(points))])
    left = sizes.copy()
    kept = np.empty(len(points), np.int64)
    n_kept = 0
    for _ in range(len(points)):
        a = np.argmax(left)  # of equal ones the first; a sort takes seconds to compile
        left[a] = -1
        double = False
        for b in kept[:n_kept]:
            shared = np.sum(belongs[a] & belongs[b])
            distance = math.sqrt(np.sum((points[a] - points[b]) ** 2))
            if shared >= 0.66 * sizes[a] or (shared > 0 and distance < 0.02):
                double = True
                break
        if not double:
            kept[n_kept] = a
            n_kept += 1
    return kept[:n_kept]


@njit(cache=True)
def _arbitrate(selected, helix, error, eta, phi, points, owner):
    """Give each track to the vertex that fits it best; -1 where the primary vertex does."""
    origin = np.zeros(3)
    for a in range(len(selected)):
        i = selected[a]
        best, _ = compatibility(helix[i], error[i], origin)
        owner[a] = -1
        for b in range(len(points)):
            point = points[b]
            radius = max(math.sqrt(point[0] ** 2 + point[1] ** 2), 1e-9)
            angle = _angle(phi[i], math.atan2(point[1], point[0]))
            if angle**2 + (math.asinh(point[2] / radius) - eta[i]) ** 2 > 0.16:
                continue
            chi2, distance = compatibility(helix[i], error[i], point)
            if chi2 < min(best, 16.0) and distance < 0.04:
                best = chi2
                owner[a] = b


@njit(cache=True)
def _describe(members, n_members, point, covariance, pt, eta, phi, charge, row):
    """Fill a row of _COLUMNS, chi2, ndof and event excepted; False for what is no heavy-hadron decay."""
    px = py = pz = energy = 0.0
    total_charge = 0
    for i in members[:n_members]:
        px += pt[i] * math.cos(phi[i])
        py += pt[i] * math.sin(phi[i])
        pz += pt[i] * math.sinh(eta[i])
        energy += math.sqrt((pt[i] * math.cosh(eta[i])) ** 2 + PION_MASS_SQUARED)
        total_charge += charge[i]
    momentum = math.sqrt(px * px + py * py + pz * pz)
    mass = math.sqrt(max(energy**2 - momentum**2, 0.0))
    dlen = math.sqrt(np.sum(point**2))
    dxy = math.sqrt(point[0] ** 2 + point[1] ** 2)
    variance = 0.0
    for a in range(3):
        for b in range(3):
            variance += point[a] * covariance[a, b] * point[b]
    dlen_sig = dlen / math.sqrt(variance / dlen**2 + _PRIMARY_ERROR_CM**2)
    across = (
        point[0] ** 2 * covariance[0, 0]
        + 2 * point[0] * point[1] * covariance[0, 1]
        + point[1] ** 2 * covariance[1, 1]
    )
    dxy_sig = dxy / math.sqrt(across / (dxy**2 + 1e-14) + _PRIMARY_ERROR_CM**2)
    cosine = (px * point[0] + py * point[1] + pz * point[2]) / (momentum * dlen + 1e-12)
    row[1], row[2], row[3] = point[0], point[1], point[2]
    row[4], row[5], row[6], row[7], row[8] = px, py, pz, energy, mass
    row[9] = n_members
    row[10], row[11], row[12], row[13], row[16] = dlen, dlen_sig, dxy, dxy_sig, cosine
    is_kaon = n_members == 2 and total_charge == 0 and abs(mass - _KAON_MASS_GEV) < 0.03
    flies = cosine >= 0.9 and dxy_sig >= 2.5 and dlen_sig >= 0.5 and dxy <= 2.5
    return flies and mass <= 6.5 and not is_kaon


@njit(cache=True)
def _find(starts, helix, error, pt, eta, phi, charge):
    """All events; see `find_vertices`. A track belongs to one vertex at most, which bounds the sizes."""
    rows = np.empty((len(pt) // 2 + 1, len(_COLUMNS)))
    link_vertex, link_track = np.empty(len(pt), np.int64), np.empty(len(pt), np.int64)
    n_vertices = n_links = 0
    covariance = np.zeros((3, 3))
    for event in range(len(starts) - 1):
        first, last = starts[event], starts[event + 1]
        inside = (pt[first:last] > 0.8) & (np.abs(helix[first:last, 4]) < 0.3)
        inside &= np.abs(helix[first:last, 3]) < 1.0
        selected = first + np.flatnonzero(inside)
        if len(selected) < 2:
            continue
        points = np.empty((len(selected), 3))
        belongs = np.empty((len(selected), last - selected[0]), np.bool_)
        n_found = _candidates(selected, helix, error, eta, phi, points, belongs)
        if n_found == 0:
            continue
        points = points[_merge(points[:n_found], belongs[:n_found])]
        owner = np.empty(len(selected), np.int64)
        _arbitrate(selected, helix, error, eta, phi, points, owner)
        weight = np.empty(len(selected))
        for b in range(len(points)):
            members = selected[owner == b]
            if len(members) < 2:
                continue
            point = points[b]
            chi2, ndof = fit_vertex(
                helix, error, members, len(members), point, weight, _REFIT_ANNEALING, covariance
            )
            members = members[weight[: len(members)] > 0.5]
            row = rows[n_vertices]
            if chi2 < 0 or ndof <= 0 or len(members) < 2:
                continue
            row[0], row[14], row[15] = event, chi2, ndof
            if not _describe(members, len(members), point, covariance, pt, eta, phi, charge, row):
                continue
            for i in members:
                link_vertex[n_links] = n_vertices
                link_track[n_links] = i
                n_links += 1
            n_vertices += 1
    return rows[:n_vertices], link_vertex[:n_links], link_track[:n_links]


def corrected_mass(mass: FloatArray, momentum: FloatArray, flight: FloatArray) -> FloatArray:
    """Mass with the momentum across the flight that was not seen: sqrt(m^2 + p_t^2) + p_t, as CMS tags with.

    Args:
        mass: Of the tracks [GeV], shape (n,).
        momentum: px, py, pz of the tracks [GeV], shape (3, n).
        flight: From the primary to the secondary vertex, in any unit, shape (3, n).
    """
    across = np.linalg.norm(np.cross(flight, momentum, axis=0), axis=0)
    across = across / np.maximum(np.linalg.norm(flight, axis=0), 1e-9)
    return np.asarray(np.hypot(mass, across) + across)
