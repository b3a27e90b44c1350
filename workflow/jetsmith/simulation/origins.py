# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""Where tracks come from: their origin and their vertex of production, from Pythia's history.

Origins are those of `columns.ORIGINS`, as in ATL-PHYS-PUB-2022-027. The demo has all of them: pile-up tracks
are added by the detector, and `fake` are tracks whose impact parameters it measures wrongly.
"""

import numpy as np
from numba import njit

from jetsmith.columns import ORIGINS
from jetsmith.io import IntArray
from jetsmith.simulation.tables import Particles, Tracks, offsets
from jetsmith.simulation.truth import heavy_hadrons

SAME_VERTEX_CM = 0.01  # GN2 merges vertices within 0.1 mm
PILE_UP, FAKE, PRIMARY, FROM_B, FROM_B_TO_C, FROM_C, OTHER = range(len(ORIGINS))
# Leptons and hadrons without heavy quarks that decay weakly: what they decay to is no primary track.
_LONG_LIVED = (13, 15, 130, 211, 310, 321, 2112, 3112, 3122, 3222, 3312, 3322, 3334)


def track_truth(tracks: Tracks, particles: Particles, n_events: int) -> tuple[IntArray, IntArray]:
    """Origin of each track, and the number of its vertex in its event.

    Tracks share a vertex where they were produced within 0.1 mm of the first of them, those from an
    interaction in the material with those of the same parent. Fakes and pile-up tracks share theirs with
    none: the demo's pile-up is tracks, each at a place of its own.

    Args:
        tracks: By event.
        particles: Pythia's record.
        n_events: Events of the batch.
    """
    mother = np.where(particles.mother < np.arange(len(particles)), particles.mother, -1)
    quark = np.where(_is_quarkonium(particles.pdg_id), 0, heavy_hadrons(particles))
    strange = np.isin(np.abs(particles.pdg_id), _LONG_LIVED)
    generated = _inherited(mother, quark, strange)
    known = tracks.source >= 0
    origin = np.where(known, generated[tracks.source], PILE_UP)
    origin[tracks.secondary] = OTHER
    origin[tracks.fake] = FAKE
    place = np.stack([particles.x, particles.y, particles.z])[:, tracks.source]
    alone = tracks.fake | ~known
    starts = offsets(tracks.event, n_events)
    return origin, np.asarray(_vertices(starts, place, tracks.source, tracks.secondary, alone))


def _is_quarkonium(pdg_id: IntArray) -> IntArray:
    """Mesons of a heavy quark and its antiquark, which decay where they were made."""
    code = np.abs(pdg_id)
    meson = (code // 1000) % 10 == 0
    return np.asarray(meson & ((code // 100) % 10 == (code // 10) % 10))


@njit(cache=True)
def _inherited(mother, quark, long_lived):
    """Origin of what each particle leaves as a track, by its ancestors; mothers stand before daughters."""
    origin = np.full(len(mother), PRIMARY)
    for i in range(len(mother)):
        m = mother[i]
        if m < 0:
            continue
        before = origin[m]
        if quark[m] == 5:
            origin[i] = FROM_B
        elif quark[m] == 4:
            origin[i] = FROM_B_TO_C if before in (FROM_B, FROM_B_TO_C) else FROM_C
        elif long_lived[m] and before == PRIMARY:
            origin[i] = OTHER
        else:
            origin[i] = before
    return origin


@njit(cache=True)
def _vertices(starts, place, source, secondary, alone):
    """Number of the vertex of each track in its event, counted as they come."""
    vertex = np.empty(len(source), np.int64)
    first = np.empty(len(source), np.int64)  # track of each vertex, in one event
    for event in range(len(starts) - 1):
        n = 0
        for i in range(starts[event], starts[event + 1]):
            found = -1
            if not alone[i]:
                for k in range(n):
                    j = first[k]
                    if alone[j] or secondary[i] != secondary[j]:
                        continue
                    if secondary[i]:
                        near = source[i] == source[j]
                    else:
                        x, y, z = place[:, i] - place[:, j]
                        near = x * x + y * y + z * z < SAME_VERTEX_CM**2
                    if near:
                        found = k
                        break
            if found < 0:
                found = n
                first[n] = i
                n += 1
            vertex[i] = found
    return vertex
