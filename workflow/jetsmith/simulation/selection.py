# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""The tracks that CMS' b taggers take.

After CMSSW: `pfImpactParameterTagInfos_cfi` for what a track must be, `trackSelection_cff` for how it
must lie to the axis of the jet, and `V0Filter` for what it must not come from. tests/golden holds them
against the counts that a file of CMS stores.
"""

import math

import numpy as np
from numba import njit

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.simulation.impact import Impact
from jetsmith.simulation.tables import Tracks

PT_MIN_GEV, D0_MAX_CM, DZ_MAX_CM, CHI2_MAX = 1.0, 0.2, 17.0, 5.0
N_PIXEL_LAYERS = 4  # a track that misses them all has no pixel hit; CMS wants one
AXIS_DISTANCE_MAX_CM, DECAY_LENGTH_MAX_CM = 0.07, 5.0
AK4_DELTA_R, AK8_DELTA_R = 0.3, 0.8  # of the track to the axis of the jet
KAON_MASS_GEV, KAON_WINDOW_GEV = 0.497648, 0.03


def well_measured(tracks: Tracks) -> BoolArray:
    """Tracks with an impact parameter that counts, whatever the jet; shape (tracks,)."""
    return np.asarray(
        (tracks.pt > PT_MIN_GEV)
        & (np.abs(tracks.d0) < D0_MAX_CM)
        & (np.abs(tracks.dz) < DZ_MAX_CM)
        & (tracks.chi2 < CHI2_MAX)
        & (tracks.layer < N_PIXEL_LAYERS)
    )


def at_axis(impact: Impact) -> BoolArray:
    """Pairs of axis and track whose closest approach is near axis and primary vertex; shape (pairs,)."""
    return np.asarray((impact.jet_dist <= AXIS_DISTANCE_MAX_CM) & (impact.decay_len <= DECAY_LENGTH_MAX_CM))


@njit(cache=True)
def from_kaon(group, momentum, charge, window):
    """Rows that have the mass of a K0S with another row of their group, of opposite charge.

    Args:
        group: Group of each row, ordered.
        momentum: Rows px, py, pz, energy [GeV], shape (4, n).
        charge: Shape (n,).
        window: Largest difference to the mass [GeV].

    Returns:
        Shape (n,), True for both of such a pair.
    """
    found = np.zeros(len(group), np.bool_)
    for first in range(len(group)):
        second = first + 1
        while second < len(group) and group[second] == group[first]:
            if charge[first] * charge[second] <= 0:
                total = momentum[:, first] + momentum[:, second]
                square = total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2
                if abs(math.sqrt(max(square, 0.0)) - KAON_MASS_GEV) < window:
                    found[first] = found[second] = True
            second += 1
    return found


def without_kaons(group: IntArray, momentum: FloatArray, charge: IntArray) -> BoolArray:
    """Rows that are in no pair of a K0S, see `from_kaon`."""
    return np.asarray(~from_kaon(group, momentum, charge, KAON_WINDOW_GEV))
