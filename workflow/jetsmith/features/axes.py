# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""The two axes of 2-subjettiness of large jets, as CMS' double-b tagger has them.

Two exclusive kT jets of the candidates, moved to the minimum next to them (beta = 1, cut-off 0.8), as
`OnePass_KT_Axes` of fastjet-contrib does.
"""

import math

import numpy as np
from numba import njit

from jetsmith.features.summaries import joined
from jetsmith.features.table import Lists
from jetsmith.features.tagging import momenta

RADIUS = 0.8
ITERATIONS, PRECISION = 100, 1e-4


@njit(cache=True)
def _wrapped(angle):
    return (angle + math.pi) % (2 * math.pi) - math.pi


@njit(cache=True)
def _distance(jets, i, j):
    """kT's, of jets as rows of eta, phi and pt squared."""
    apart = (jets[i, 0] - jets[j, 0]) ** 2 + _wrapped(jets[i, 1] - jets[j, 1]) ** 2
    return apart * min(jets[i, 2], jets[j, 2])


@njit(cache=True)
def _describe(p, jets, i):
    square = p[0, i] ** 2 + p[1, i] ** 2
    jets[i, 0] = math.asinh(p[2, i] / max(math.sqrt(square), 1e-9))
    jets[i, 1] = math.atan2(p[1, i], p[0, i])
    jets[i, 2] = square


@njit(cache=True)
def _look(jets, least, near, i):
    """Find the nearest of the jets before one."""
    least[i] = np.inf
    for j in range(i):
        distance = _distance(jets, i, j)
        if distance < least[i]:
            least[i], near[i] = distance, j


@njit(cache=True)
def two_kt(p):
    """Two exclusive kT jets of momenta px, py, pz, energy, shape (4, n >= 2): eta and phi of each.

    About n^2 steps: the nearest of those before each jet is kept, and looked for again where it is gone.
    """
    n = p.shape[1]
    jets, least, near = np.empty((n, 3)), np.empty(n), np.zeros(n, np.int64)
    for i in range(n):
        _describe(p, jets, i)
        _look(jets, least, near, i)
    made = np.arange(n)  # when each jet was made: fastjet has the older one first
    step = n
    while n > 2:
        second = np.argmin(least[:n])
        first = near[second]
        p[:, first] += p[:, second]
        made[first] = step
        step, n = step + 1, n - 1
        p[:, second], made[second] = p[:, n], made[n]
        _describe(p, jets, first)
        _describe(p, jets, second)
        for i in range(n):
            if i in (first, second) or near[i] in (first, second):
                _look(jets, least, near, i)
                continue
            for k in (first, second):
                if k < i:
                    distance = _distance(jets, i, k)
                    if distance < least[i] or (distance == least[i] and k < near[i]):
                        least[i], near[i] = distance, k
    found = np.empty(4)
    order = (0, 1) if made[0] < made[1] else (1, 0)
    for place in range(2):
        px, py, pz = p[0, order[place]], p[1, order[place]], p[2, order[place]]
        found[2 * place] = math.asinh(pz / max(math.hypot(px, py), 1e-9))
        found[2 * place + 1] = math.atan2(py, px)
    return found


@njit(cache=True)
def minimised(axes, pt, eta, phi):
    """Axes moved until each is the median of the candidates next to it, those beyond the radius left out."""
    for _ in range(ITERATIONS):
        weight, shift_eta, shift_phi = np.zeros(2), np.zeros(2), np.zeros(2)
        for i in range(len(pt)):
            near, least = 0, np.inf
            for k in range(2):
                distance = math.hypot(eta[i] - axes[2 * k], _wrapped(phi[i] - axes[2 * k + 1]))
                if distance < least:
                    near, least = k, distance
            if least < RADIUS:
                w = pt[i] / max(least, 1e-6)
                weight[near] += w
                shift_eta[near] += w * (eta[i] - axes[2 * near])
                shift_phi[near] += w * _wrapped(phi[i] - axes[2 * near + 1])
        moved = 0.0
        for k in range(2):
            if weight[k] > 0:
                d_eta, d_phi = shift_eta[k] / weight[k], shift_phi[k] / weight[k]
                axes[2 * k] += d_eta
                axes[2 * k + 1] = _wrapped(axes[2 * k + 1] + d_phi)
                moved = max(moved, math.hypot(d_eta, d_phi))
        if moved < PRECISION:
            break
    return axes


@njit(cache=True)
def _axes(offsets, p, pt, eta, phi):
    found = np.empty((len(offsets) - 1, 4))
    for row in range(len(offsets) - 1):
        start, end = offsets[row], offsets[row + 1]
        if end - start < 2:
            found[row] = np.nan
            if end > start:
                found[row] = np.array([eta[start], phi[start], eta[start], phi[start]])
            continue
        axes = two_kt(p[:, start:end].copy())
        found[row] = minimised(axes, pt[start:end], eta[start:end], phi[start:end])
    return found


def tau_axes(*columns: Lists) -> Lists:
    """eta, phi of the axis that was whole first, eta, phi of the other; a lone candidate is both.

    Args:
        columns: pt, eta, phi and PUPPI weight of charged candidates, then of neutral ones.
    """
    charged, neutral = columns[:4], columns[4:]
    weights = charged[3], neutral[3]
    pt, eta, phi, puppi = (joined(c, n, *weights) for c, n in zip(charged, neutral, strict=True))
    scaled = pt.values * puppi.values
    p = momenta(scaled, eta.values, phi.values, 0.0)
    offsets = np.asarray(pt.offsets, np.int64)
    found = _axes(offsets, np.ascontiguousarray(p), scaled, eta.values, phi.values)
    return Lists(4 * np.arange(len(pt) + 1), np.asarray(found).ravel())
