# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""Helices and vertex fits, compiled. A helix is a row (phi, curvature, sinh(eta), d0, dz).

phi, d0 and dz are taken at the closest approach to the origin in the transverse plane; the
curvature is charge over bending radius [1/cm]. Errors are rows (sigma(d0), sigma(dz)) [cm].
"""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def position(helix, arc):
    """Point [cm] and azimuth after a transverse arc [cm] from the closest approach."""
    phi, curvature, sinh_eta, d0, dz = helix[0], helix[1], helix[2], helix[3], helix[4]
    turned = phi - curvature * arc
    if abs(curvature * arc) < 1e-5:
        x, y = arc * math.cos(phi), arc * math.sin(phi)
    else:
        x = (math.sin(phi) - math.sin(turned)) / curvature
        y = (math.cos(turned) - math.cos(phi)) / curvature
    return x - d0 * math.sin(phi), y + d0 * math.cos(phi), dz + sinh_eta * arc, turned


@njit(cache=True)
def tangent(helix, point):
    """Straight line that touches a helix near a point.

    Returns:
        Point on the helix (3 numbers) [cm], unit direction there (3 numbers), azimuth.
    """
    arc = point[0] * math.cos(helix[0]) + point[1] * math.sin(helix[0])
    x, y, z, phi = position(helix, arc)
    norm = math.sqrt(1 + helix[2] * helix[2])
    return x, y, z, math.cos(phi) / norm, math.sin(phi) / norm, helix[2] / norm, phi


@njit(cache=True)
def compatibility(helix, error, point):
    """Chi2 (two degrees of freedom) and distance [cm] of a point from a track."""
    x, y, z, tx, ty, tz, phi = tangent(helix, point)
    ux, uy = -math.sin(phi), math.cos(phi)
    wx, wy, wz = -tz * uy, tz * ux, tx * uy - ty * ux
    across = (point[0] - x) * ux + (point[1] - y) * uy
    along = (point[0] - x) * wx + (point[1] - y) * wy + (point[2] - z) * wz
    sin_theta = 1 / math.sqrt(1 + helix[2] * helix[2])
    chi2 = (across / error[0]) ** 2 + (along / (error[1] * sin_theta)) ** 2
    return chi2, math.sqrt(across * across + along * along)


@njit(cache=True)
def closest_approach(first, second, point):
    """Midpoint of the closest approach of two helices, written to `point` [cm].

    The tracks are straight lines, taken anew once at the crossing.

    Returns:
        Distance of the tracks [cm], -1 where they are (nearly) parallel, diverge by more than 60
        degrees or meet beyond 20 cm; and the direction of the first track (3 numbers).
    """
    point[:] = 0.0
    distance = -1.0
    tx = ty = tz = 0.0
    for _ in range(2):
        x1, y1, z1, tx, ty, tz, _phi = tangent(first, point)
        x2, y2, z2, ux, uy, uz, _phi = tangent(second, point)
        cosine = tx * ux + ty * uy + tz * uz
        if cosine < 0.5 or 1 - cosine * cosine < 1e-7:
            return -1.0, tx, ty, tz
        dx, dy, dz = x2 - x1, y2 - y1, z2 - z1
        on_first = dx * tx + dy * ty + dz * tz
        on_second = dx * ux + dy * uy + dz * uz
        s = (on_first - cosine * on_second) / (1 - cosine * cosine)
        t = (cosine * on_first - on_second) / (1 - cosine * cosine)
        if abs(s) > 20.0 or abs(t) > 20.0:
            return -1.0, tx, ty, tz
        ax, ay, az = x1 + s * tx, y1 + s * ty, z1 + s * tz
        bx, by, bz = x2 + t * ux, y2 + t * uy, z2 + t * uz
        point[0], point[1], point[2] = (ax + bx) / 2, (ay + by) / 2, (az + bz) / 2
        distance = math.sqrt((ax - bx) ** 2 + (ay - by) ** 2 + (az - bz) ** 2)
    return distance, tx, ty, tz


@njit(cache=True)
def _invert(matrix, inverse):
    """Inverse of a symmetric 3x3 matrix; False where it is singular."""
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 1], matrix[1, 2], matrix[2, 2]
    determinant = a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d)
    if not determinant > 1e-6:
        return False
    inverse[0, 0] = (d * f - e * e) / determinant
    inverse[0, 1] = inverse[1, 0] = (c * e - b * f) / determinant
    inverse[0, 2] = inverse[2, 0] = (b * e - c * d) / determinant
    inverse[1, 1] = (a * f - c * c) / determinant
    inverse[1, 2] = inverse[2, 1] = (b * c - a * e) / determinant
    inverse[2, 2] = (a * d - b * b) / determinant
    return True


@njit(cache=True)
def _add_track(helix, error, weight, point, matrix, vector):
    """Add a track, made straight at `point`, to the normal equations."""
    x, y, z, tx, ty, tz, phi = tangent(helix, point)
    sin_theta = 1 / math.sqrt(1 + helix[2] * helix[2])
    ux, uy = -math.sin(phi), math.cos(phi)
    across = (ux, uy, 0.0)
    along = (-tz * uy, tz * ux, tx * uy - ty * ux)
    weight_across = weight / error[0] ** 2
    weight_along = weight / (error[1] * sin_theta) ** 2
    at_across = ux * x + uy * y
    at_along = along[0] * x + along[1] * y + along[2] * z
    for row in range(3):
        vector[row] += weight_across * across[row] * at_across + weight_along * along[row] * at_along
        for column in range(3):
            matrix[row, column] += weight_across * across[row] * across[column]
            matrix[row, column] += weight_along * along[row] * along[column]


@njit(cache=True)
def fit_vertex(helix, error, members, n_members, point, weight, temperatures, covariance):
    """Adaptive least-squares vertex of linearised helices.

    Args:
        helix, error: All tracks, shapes (n, 5) and (n, 2).
        members: Rows to fit, of which the first `n_members` count.
        point: Start, replaced by the vertex [cm], shape (3,).
        weight: Written: weight of each member, 0 to 1.
        temperatures: One an iteration; 0 gives all tracks weight 1, else tracks beyond chi2 9 fade.
        covariance: Written: of the vertex [cm2], shape (3, 3).

    Returns:
        Chi2 (-1 where the fit fails or leaves the tracker) and degrees of freedom.
    """
    matrix, vector = np.zeros((3, 3)), np.zeros(3)
    for temperature in temperatures:
        matrix[:] = 0.0
        vector[:] = 0.0
        for q in range(n_members):
            i = members[q]
            weight[q] = 1.0
            if temperature > 0:
                chi2, _ = compatibility(helix[i], error[i], point)
                weight[q] = 1 / (1 + math.exp(min(50.0, (chi2 - 9.0) / (2 * temperature))))
            _add_track(helix[i], error[i], weight[q], point, matrix, vector)
        for row in range(3):
            matrix[row, row] += 0.01  # a weak pull to the origin (10 cm) keeps the matrix regular
        if not _invert(matrix, covariance):
            return -1.0, 0.0
        for row in range(3):
            point[row] = (
                covariance[row, 0] * vector[0]
                + covariance[row, 1] * vector[1]
                + covariance[row, 2] * vector[2]
            )
        if point[0] ** 2 + point[1] ** 2 > 100.0 or abs(point[2]) > 100.0:
            return -1.0, 0.0
    chi2_sum = weight_sum = 0.0
    for q in range(n_members):
        chi2, _ = compatibility(helix[members[q]], error[members[q]], point)
        chi2_sum += weight[q] * chi2
        weight_sum += weight[q]
    return chi2_sum, 2 * weight_sum - 3
