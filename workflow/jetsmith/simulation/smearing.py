"""Impact parameters of exact helices, their errors, and what crowding does to them."""

import math
from dataclasses import replace

import numba
import numpy as np

from jetsmith.angles import delta_phi
from jetsmith.io import FloatArray, IntArray
from jetsmith.simulation.parameters import Detector
from jetsmith.simulation.tables import Tracks

# Radii that end a layer [cm], and by how much the impact parameter of a track born beyond each is worse.
_LAYER_RADII_CM = np.array([2.9, 6.8, 10.9, 16.0, 25.0, 36.0, 50.0])
_WORSE = np.array([1.0, 1.8, 3.0, 6.0, 12.0, 20.0, 40.0, 60.0])


def track_parameters(
    x: FloatArray, y: FloatArray, z: FloatArray, eta: FloatArray, phi: FloatArray, curvature: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Closest approach of helices to the origin in the transverse plane, exactly.

    Args:
        x, y, z: A point of each helix [cm].
        eta, phi: Direction at that point.
        curvature: Charge over bending radius [1/cm], not 0.

    Returns:
        d0 [cm], dz [cm] and the azimuth there.
    """
    centre_x = x + np.sin(phi) / curvature
    centre_y = y - np.cos(phi) / curvature
    sign = np.sign(curvature)
    phi_there = np.arctan2(sign * centre_x, -sign * centre_y)
    d0 = -sign * (np.hypot(centre_x, centre_y) - np.abs(1 / curvature))
    dz = z - np.sinh(eta) * delta_phi(phi_there, phi) / curvature
    return d0, dz, phi_there


def track_errors(
    detector: Detector, pt: FloatArray, eta: FloatArray, radius: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Resolutions of d0 and dz [cm], and the layers that a track born at `radius` [cm] misses."""
    sin_theta = 1 / np.cosh(eta)
    layer = np.searchsorted(_LAYER_RADII_CM, radius)
    d0 = np.hypot(detector.d0_constant_cm, detector.d0_scattering_cm / (pt * np.sqrt(sin_theta)))
    dz = np.hypot(detector.dz_constant_cm, detector.dz_scattering_cm / (pt * sin_theta**1.5))
    return d0 * _WORSE[layer], dz * _WORSE[layer], layer


def displace_crowded(
    tracks: Tracks, starts: IntArray, detector: Detector, rng: np.random.Generator
) -> Tracks:
    """Give some close pairs of tracks a common displacement (see Detector.crowd_probability)."""
    n = len(tracks)
    dice, size, sign = rng.random(n), rng.normal(0.0, 0.8, n), rng.normal(size=n)
    d0, dz, d0_error = tracks.d0.copy(), tracks.dz.copy(), tracks.d0_error.copy()
    chosen = dice < detector.crowd_probability
    shift = detector.crowd_cm * np.exp(size) * np.where(sign > 0, 1.0, -1.0)
    shift_z = 2 * detector.crowd_cm * sign
    _displace(
        starts, tracks.pt, tracks.eta, tracks.phi, d0, dz, d0_error, chosen, shift, shift_z,
        detector.crowd_delta_r,
    )  # fmt: skip
    return replace(tracks, d0=d0, dz=dz, d0_error=d0_error)


@numba.njit(cache=True)
def _displace(starts, pt, eta, phi, d0, dz, d0_error, chosen, shift, shift_z, delta_r):  # type: ignore[no-untyped-def]
    """Move each track above 0.8 GeV and its next close neighbour together, in place."""
    for event in range(len(starts) - 1):
        first, last = starts[event], starts[event + 1]
        used = np.zeros(last - first, np.bool_)
        for i in range(first, last):
            if used[i - first] or pt[i] < 0.8:
                continue
            for j in range(i + 1, last):
                angle = abs(phi[i] - phi[j])
                angle = min(angle, 2 * math.pi - angle)
                if used[j - first] or angle >= delta_r or abs(eta[i] - eta[j]) >= delta_r:
                    continue
                if chosen[i]:
                    used[j - first] = True
                    for k in (i, j):
                        if abs(dz[k]) < 0.3:
                            d0[k] += shift[i]
                            dz[k] += shift_z[i]
                            d0_error[k] *= 1.15
                break
