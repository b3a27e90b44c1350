"""Formulas of derived columns with one value an element: numpy arrays of one shape in, one out.

Definitions follow CMS (RecoBTag/ImpactParameter, TrackingTools/IPTools and DeepNtuples): the jet
axis is the direction of the jet's momentum, tracks carry the charged pion's mass.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.angles import delta_phi as delta_phi  # derived columns name them as they name those below
from jetsmith.angles import delta_r as delta_r

Array = npt.NDArray[Any]

PION_MASS_GEV = 0.13957018
# ASSUME errors of the primary vertex, across the beam and along it: with these the significances come back
# that CMS stored for ten events of hard jets (tests/golden). Vertices of fewer tracks are known less well.
VERTEX_ERROR_CM, VERTEX_Z_ERROR_CM = 3e-4, 5e-4
MASSES_GEV = {11: 0.000511, 13: 0.10566, 211: PION_MASS_GEV}  # by |PDG id| of particle flow; others have none


def total(first: Array, second: Array) -> Array:
    """Sum of two columns."""
    return np.asarray(first + second)


def difference(first: Array, second: Array) -> Array:
    """First column less the second."""
    return np.asarray(first - second)


def ratio(first: Array, second: Array) -> Array:
    """First column over the second; not finite where that is zero."""
    return np.asarray(first / second)


def product(first: Array, second: Array) -> Array:
    """Product of two columns."""
    return np.asarray(first * second)


def whole_part(values: Array) -> Array:
    """Largest whole number that is not above."""
    return np.floor(values)


def outward(deta: Array, jet_eta: Array) -> Array:
    """Pseudorapidity relative to the jet, positive on the side away from eta = 0; CMS' etarel."""
    return np.asarray(np.where(jet_eta > 0, deta, -deta))


def energy(pt: Array, eta: Array, pdg_id: Array) -> Array:
    """Energy [GeV] of a candidate, with the mass of what particle flow takes it for."""
    mass = np.select([np.abs(pdg_id) == kind for kind in MASSES_GEV], list(MASSES_GEV.values()), 0.0)
    return np.asarray(np.hypot(pt * np.cosh(eta), mass))


def magnitude(values: Array) -> Array:
    """Absolute value."""
    return np.abs(values)


def length(first: Array, second: Array) -> Array:
    """Root of the sum of squares."""
    return np.asarray(np.hypot(first, second))


def is_muon(pdg_id: Array) -> Array:
    """1 for a muon, else 0."""
    return np.asarray(np.abs(pdg_id) == 13)


def is_electron(pdg_id: Array) -> Array:
    """1 for an electron, else 0."""
    return np.asarray(np.abs(pdg_id) == 11)


def is_photon(pdg_id: Array) -> Array:
    """1 for a photon, else 0."""
    return np.asarray(pdg_id == 22)


def is_charged_hadron(pdg_id: Array) -> Array:
    """1 for a charged hadron, else 0."""
    return np.asarray(np.abs(pdg_id) == 211)


def is_neutral_hadron(pdg_id: Array) -> Array:
    """1 for a neutral hadron, else 0; those in the forward calorimeter have another id."""
    return np.asarray(np.abs(pdg_id) == 130)


def along_axis(pt: Array, eta: Array, dphi: Array, jet_eta: Array) -> Array:
    """Momentum along the jet axis [GeV], from the azimuth relative to it."""
    return np.asarray(pt * (np.cos(dphi) + np.sinh(eta) * np.sinh(jet_eta)) / np.cosh(jet_eta))


def across_axis(pt: Array, eta: Array, dphi: Array, jet_eta: Array) -> Array:
    """Momentum across the jet axis [GeV]; by the vector product, which keeps its digits."""
    in_plane = np.sinh(eta) / np.cosh(jet_eta) - np.cos(dphi) * np.tanh(jet_eta)
    return np.asarray(pt * np.hypot(np.sin(dphi), in_plane))


def over_momentum(value: Array, pt: Array, eta: Array) -> Array:
    """A component of the momentum over its magnitude."""
    return np.asarray(value / (pt * np.cosh(eta)))


def significance_along_beam(dz: Array, dz_err: Array, eta: Array) -> Array:
    """dz over its error along the beam; `dz_err` is that error times sin(theta), 1 / cosh(eta)."""
    return np.asarray(dz / (dz_err * np.cosh(eta)))


def other_component(component: Array, share: Array) -> Array:
    """Second of two components of a momentum, from the first and its share of the whole."""
    return np.asarray(component / share * np.sqrt(1 - share * share))


def other_ratio(share: Array) -> Array:
    """Share of the second of two components of a momentum, from that of the first."""
    return np.asarray(np.sqrt(1 - share * share))


def eta_rel(along: Array, across: Array) -> Array:
    """Rapidity along the jet axis, CMS' 0.5 ln((E + p_par) / (E - p_par)) for a pion."""
    return np.asarray(np.arcsinh(along / np.hypot(across, PION_MASS_GEV)))


def signed_ip_2d(d0: Array, phi: Array, jet_phi: Array) -> Array:
    """Transverse impact parameter [cm], positive where it lies on the jet's side of the vertex.

    The point of closest approach is d0 (-sin phi, cos phi).
    """
    return np.asarray(np.where(d0 * np.sin(jet_phi - phi) >= 0, 1.0, -1.0) * np.abs(d0))


def _closest_point(d0: Array, dz: Array, eta: Array) -> tuple[Array, Array, Array]:
    """The straight track's point nearest to the vertex, in the frame along (phi, across, z) [cm]."""
    along = dz * np.tanh(eta)  # track direction (1, 0, sinh eta) / cosh eta
    return -along / np.cosh(eta), d0, dz - along * np.tanh(eta)


def _axis(phi: Array, jet_eta: Array, jet_phi: Array) -> tuple[Array, Array, Array]:
    """The jet's direction in the frame of the track's azimuth."""
    turn = jet_phi - phi
    return np.cos(turn) / np.cosh(jet_eta), np.sin(turn) / np.cosh(jet_eta), np.tanh(jet_eta)


def _normal(eta: Array, jet_x: Array, jet_y: Array, jet_z: Array) -> tuple[tuple[Array, Array, Array], Array]:
    """Vector product of the directions of track and axis, and its size: the sine of the angle between."""
    track_x, track_z = 1 / np.cosh(eta), np.tanh(eta)
    normal = -track_z * jet_y, track_z * jet_x - track_x * jet_z, track_x * jet_y
    return normal, np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)


def signed_ip_3d(d0: Array, dz: Array, eta: Array, phi: Array, jet_eta: Array, jet_phi: Array) -> Array:
    """Impact parameter in space [cm], positive where it lies on the jet's side of the vertex."""
    x, y, z = _closest_point(d0, dz, eta)
    jet_x, jet_y, jet_z = _axis(phi, jet_eta, jet_phi)
    side = np.where(x * jet_x + y * jet_y + z * jet_z >= 0, 1.0, -1.0)
    return np.asarray(side * np.sqrt(x * x + y * y + z * z))


def signed_ip_2d_significance(value: Array, d0_err: Array) -> Array:
    """Significance of the transverse impact parameter; the error of the vertex is ASSUMEd, see above."""
    return np.asarray(value / np.hypot(d0_err, VERTEX_ERROR_CM))


def signed_ip_3d_significance(
    value: Array, d0: Array, d0_err: Array, dz: Array, dz_err: Array, eta: Array
) -> Array:
    """Its significance: errors along the line from the vertex to the point of closest approach.

    ASSUME d0 and dz uncorrelated, and the error of the vertex: files store neither. CMS' own value has both.
    """
    across, tanh = dz / np.cosh(eta), np.tanh(eta)
    beside = dz_err**2 + (VERTEX_ERROR_CM * tanh) ** 2 + (VERTEX_Z_ERROR_CM / np.cosh(eta)) ** 2
    variance = d0**2 * (d0_err**2 + VERTEX_ERROR_CM**2) + across**2 * beside
    return np.asarray(value * np.hypot(d0, across) / np.sqrt(variance))


def distance_to_axis(d0: Array, dz: Array, eta: Array, phi: Array, jet_eta: Array, jet_phi: Array) -> Array:
    """Distance of the straight track to the jet axis [cm]; negative, as CMS stores it."""
    x, y, z = _closest_point(d0, dz, eta)
    normal, size = _normal(eta, *_axis(phi, jet_eta, jet_phi))
    return np.asarray(-np.abs(x * normal[0] + y * normal[1] + z * normal[2]) / size)


def decay_length(d0: Array, dz: Array, eta: Array, phi: Array, jet_eta: Array, jet_phi: Array) -> Array:
    """Distance from the vertex to the axis' point nearest to the straight track [cm]; 0 along the axis."""
    x, y, z = _closest_point(d0, dz, eta)
    jet_x, jet_y, jet_z = _axis(phi, jet_eta, jet_phi)
    sine_squared = _normal(eta, jet_x, jet_y, jet_z)[1] ** 2
    along = np.abs(x * jet_x + y * jet_y + z * jet_z)
    return np.asarray(np.where(sine_squared > 1e-9, along / np.maximum(sine_squared, 1e-9), 0.0))


def energy_ratio(pt: Array, eta: Array, mass: Array, jet_pt: Array, jet_eta: Array, jet_mass: Array) -> Array:
    """Energy over that of the jet."""
    energy = np.hypot(pt * np.cosh(eta), mass)
    return np.asarray(energy / np.hypot(jet_pt * np.cosh(jet_eta), jet_mass))


def weighted_energy_fraction(
    energy: Array, weight: Array, jet_pt: Array, jet_eta: Array, jet_mass: Array
) -> Array:
    """Energy times a weight over that of the jet."""
    return np.asarray(energy * weight / np.hypot(jet_pt * np.cosh(jet_eta), jet_mass))


def either(first: Array, second: Array) -> Array:
    """First column; the second where the first is not finite."""
    return np.where(np.isfinite(first), first, second)


def _pair(*of_two: Array) -> tuple[Array, Array, Array, Array]:
    """x, y, z [GeV] and energy of two particles, each given as pt, rapidity, azimuth, mass."""
    pt, rapidity, phi, mass = np.stack([of_two[:4], of_two[4:]], axis=1)  # (2, N) each
    transverse = np.hypot(pt, mass)
    x, y, z = pt * np.cos(phi), pt * np.sin(phi), transverse * np.sinh(rapidity)
    energy = transverse * np.cosh(rapidity)
    return x.sum(axis=0), y.sum(axis=0), z.sum(axis=0), energy.sum(axis=0)


def pair_pt(*of_two: Array) -> Array:
    """Transverse momentum of two particles, each given as pt, rapidity, azimuth, mass [GeV]."""
    x, y, _, _ = _pair(*of_two)
    return np.hypot(x, y)


def pair_y(*of_two: Array) -> Array:
    """Their rapidity."""
    _, _, z, energy = _pair(*of_two)
    return np.arctanh(z / energy)


def pair_mass(*of_two: Array) -> Array:
    """Their mass [GeV]."""
    x, y, z, energy = _pair(*of_two)
    return np.asarray(np.sqrt(np.maximum(energy**2 - x**2 - y**2 - z**2, 0)))
