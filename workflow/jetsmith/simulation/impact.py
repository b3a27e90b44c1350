# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""Tracks seen from a jet axis: signed impact parameters, distances and momenta along and across."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from jetsmith.io import FloatArray, IntArray
from jetsmith.simulation.tables import PION_MASS_SQUARED, Tracks

_PRIMARY_ERROR_CM = 0.0008  # of the primary vertex, added to the errors of the impact parameters


@dataclass(frozen=True)
class Impact:
    """One value a pair of axis and track; lengths [cm], momenta [GeV].

    Impact parameters are positive where the closest approach lies in the direction of the axis.
    `jet_dist` is the (positive) distance between track and axis, `decay_len` the distance from the
    primary vertex of the axis' point nearest to the track.
    """

    sip2d_val: FloatArray
    sip2d_sig: FloatArray
    sip3d_val: FloatArray
    sip3d_sig: FloatArray
    jet_dist: FloatArray
    decay_len: FloatArray
    pt_rel: FloatArray
    p_par: FloatArray
    delta_r: FloatArray
    eta_rel: FloatArray


def impact_parameters(tracks: Tracks, rows: IntArray, axis_eta: FloatArray, axis_phi: FloatArray) -> Impact:
    """Signed impact parameters with tracks as straight lines at their closest approach.

    Args:
        tracks: All tracks.
        rows: Track of each pair.
        axis_eta, axis_phi: Axis of each pair.
    """
    columns = _impact(
        axis_eta,
        axis_phi,
        tracks.pt[rows],
        tracks.eta[rows],
        tracks.phi[rows],
        tracks.d0[rows],
        tracks.dz[rows],
        tracks.d0_error[rows],
        tracks.dz_error[rows],
    )
    return Impact(*columns)


@njit(cache=True)
def _impact(axis_eta, axis_phi, pt, eta, phi, d0, dz, d0_error, dz_error):
    """Columns of Impact, shape (10, n)."""
    out = np.zeros((10, len(pt)))
    for i in range(len(pt)):
        jet_sin = 1 / math.cosh(axis_eta[i])
        jx, jy, jz = math.cos(axis_phi[i]) * jet_sin, math.sin(axis_phi[i]) * jet_sin, math.tanh(axis_eta[i])
        sin_theta = 1 / math.cosh(eta[i])
        tx, ty, tz = math.cos(phi[i]) * sin_theta, math.sin(phi[i]) * sin_theta, math.tanh(eta[i])
        # The closest approach in the transverse plane, and the one in space.
        rx, ry, rz = -d0[i] * math.sin(phi[i]), d0[i] * math.cos(phi[i]), dz[i]
        along = rz * tz
        cx, cy, cz = rx - along * tx, ry - along * ty, rz - along * tz
        distance = math.sqrt(cx * cx + cy * cy + cz * cz) + 1e-10
        across_z = dz[i] * sin_theta
        sigma = math.hypot(d0[i] * d0_error[i], across_z * dz_error[i] * sin_theta) / distance
        sigma_3d = math.hypot(sigma, _PRIMARY_ERROR_CM)
        sign_2d = 1.0 if rx * jx + ry * jy >= 0 else -1.0
        sign_3d = 1.0 if cx * jx + cy * jy + cz * jz >= 0 else -1.0
        out[0, i] = sign_2d * abs(d0[i])
        out[1, i] = out[0, i] / math.hypot(d0_error[i], _PRIMARY_ERROR_CM)
        out[2, i] = sign_3d * distance
        out[3, i] = out[2, i] / sigma_3d
        nx, ny, nz = ty * jz - tz * jy, tz * jx - tx * jz, tx * jy - ty * jx
        norm = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-10
        out[4, i] = abs(rx * nx + ry * ny + rz * nz) / norm
        cosine = tx * jx + ty * jy + tz * jz
        sine_squared = max(1 - cosine * cosine, 0.0)
        if sine_squared > 1e-9:
            out[5, i] = abs(rx * jx + ry * jy + rz * jz - cosine * along) / sine_squared
        momentum = pt[i] / sin_theta
        out[6, i], out[7, i] = momentum * math.sqrt(sine_squared), momentum * cosine
        angle = (phi[i] - axis_phi[i] + math.pi) % (2 * math.pi) - math.pi
        out[8, i] = math.hypot(angle, eta[i] - axis_eta[i])
        energy = math.sqrt(momentum * momentum + PION_MASS_SQUARED)
        out[9, i] = 0.5 * math.log((energy + out[7, i]) / (energy - out[7, i]))
    return out
