# mypy: disallow-untyped-defs=false, check-untyped-defs=false
"""Generator history: heavy-hadron ghosts, partons of the jet flavour, and what GenPart keeps."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from jetsmith.angles import delta_r
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.simulation.tables import Particles, Table, offsets, pairs

# Bits of NanoAOD's GenPart_statusFlags that are set.
IS_PROMPT = 1 << 0
IS_TAU_DECAY_PRODUCT = 1 << 2
IS_DIRECT_HADRON_DECAY_PRODUCT = 1 << 6
IS_HARD_PROCESS = 1 << 7
FROM_HARD_PROCESS = 1 << 8
IS_FIRST_COPY = 1 << 12
IS_LAST_COPY = 1 << 13


@dataclass(frozen=True)
class GenParticles(Table):
    """The history that is written; `mother` is an index within the event, -1 for none."""

    pdg_id: IntArray
    status: IntArray
    status_flags: IntArray
    mother: IntArray
    pt: FloatArray
    eta: FloatArray
    phi: FloatArray
    mass: FloatArray


@njit(cache=True)
def heavy_quark(pdg_id):
    """5 or 4 for hadrons that hold such a quark (the heavier), else 0; quarks and diquarks give 0."""
    code = abs(pdg_id)
    if code < 100 or code > 9_990_000:
        return 0
    if 1000 < code < 10_000 and (code // 10) % 10 == 0:  # diquark
        return 0
    heaviest = max((code // 1000) % 10, (code // 100) % 10, (code // 10) % 10)
    return heaviest if 4 <= heaviest <= 5 else 0


@njit(cache=True)
def _has_daughter(row, pdg_id, first, last, same_id):
    """True where a daughter has the same PDG id (or, else, the same heavy quark)."""
    if first[row] < 0:
        return False
    apart = 0 <= last[row] < first[row]
    end = first[row] if apart or last[row] < 0 else last[row]
    wanted = pdg_id[row] if same_id else heavy_quark(pdg_id[row])
    for daughter in range(first[row], end + 1):
        found = pdg_id[daughter] if same_id else heavy_quark(pdg_id[daughter])
        if found == wanted:
            return True
    if apart:
        found = pdg_id[last[row]] if same_id else heavy_quark(pdg_id[last[row]])
        return found == wanted
    return False


@njit(cache=True)
def _ghosts(pdg_id, first, last):
    ghost = np.zeros(len(pdg_id), np.int8)
    for row in range(len(pdg_id)):
        quark = heavy_quark(pdg_id[row])
        if quark > 0 and not _has_daughter(row, pdg_id, first, last, False):
            ghost[row] = quark
    return ghost


def heavy_hadrons(particles: Particles) -> IntArray:
    """5 or 4 for hadrons that decay to no hadron of the same heavy quark, else 0."""
    return np.asarray(_ghosts(particles.pdg_id, particles.daughter_first, particles.daughter_last))


@njit(cache=True)
def _is_hadron_or_tau(pdg_id):
    return abs(pdg_id) > 100 or abs(pdg_id) == 15


def _hepmc_status(status: IntArray) -> IntArray:
    """Pythia's status codes as NanoAOD has them: 1 stable, 2 decayed hadron or tau, else unsigned.

    Source: Pythia's HepMC interface; 81 to 99 are hadronisation and decay products.
    """
    return np.select([status > 0, status < -80], [1, 2], np.abs(status))


@njit(cache=True)
def _history(pdg_id, status, mother, first, last):
    """Flags of each particle, and whether GenPart keeps it; mothers stand before daughters."""
    n = len(pdg_id)
    flags, kept, decayed = np.zeros(n, np.int32), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    from_tau, chosen_lepton = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for i in range(n):
        m, code = mother[i], abs(pdg_id[i])
        hard = 21 <= abs(status[i]) <= 29
        copy = m >= 0 and pdg_id[m] == pdg_id[i]
        flag = 0
        if m >= 0:
            decayed[i] = decayed[m] or _is_hadron_or_tau(pdg_id[m])
            from_tau[i] = from_tau[m] or abs(pdg_id[m]) == 15
            if abs(pdg_id[m]) > 100 and status[m] < 0:
                flag |= IS_DIRECT_HADRON_DECAY_PRODUCT
        last_copy = not _has_daughter(i, pdg_id, first, last, True)
        flag |= 0 if decayed[i] else IS_PROMPT
        flag |= IS_TAU_DECAY_PRODUCT if from_tau[i] else 0
        flag |= IS_HARD_PROCESS if hard else 0
        flag |= FROM_HARD_PROCESS if hard or (copy and (flags[m] & FROM_HARD_PROCESS)) else 0
        flag |= 0 if copy else IS_FIRST_COPY
        flag |= IS_LAST_COPY if last_copy else 0
        flags[i] = flag
        if 11 <= code <= 16:
            parent = abs(pdg_id[m]) if m >= 0 else 0
            born = parent in (15, 23, 24, 25) or heavy_quark(parent) > 0
            chosen_lepton[i] = hard or born or (copy and chosen_lepton[m])
            ends = status[i] > 0 or (code == 15 and last_copy)
            kept[i] = hard or (chosen_lepton[i] and ends)
        elif code in (6, 23, 24, 25):
            kept[i] = hard or last_copy
        else:
            kept[i] = hard or heavy_quark(code) > 0
    return flags, kept


@njit(cache=True)
def _kept_mothers(mother, kept):
    """Row of the nearest kept ancestor, -1 for none."""
    ancestor = np.full(len(mother), -1, np.int64)
    for i in range(len(mother)):
        m = mother[i]
        if m >= 0:
            ancestor[i] = m if kept[m] else ancestor[m]
    return ancestor


def gen_particles(particles: Particles, n_events: int) -> GenParticles:
    """Hard process, W, Z, H, t, b and c hadrons, and leptons of theirs or of taus."""
    mother = np.where(particles.mother < np.arange(len(particles)), particles.mother, -1)
    flags, kept = _history(
        particles.pdg_id, particles.status, mother, particles.daughter_first, particles.daughter_last
    )
    position = np.cumsum(kept) - 1
    rows = np.flatnonzero(kept)
    ancestor = _kept_mothers(mother, kept)[rows]
    event = particles.event[rows]
    start = offsets(event, n_events)[event]
    chosen = particles.take(rows)
    return GenParticles(
        event=event,
        pdg_id=chosen.pdg_id,
        status=_hepmc_status(chosen.status),
        status_flags=flags[rows],
        mother=np.where(ancestor >= 0, position[ancestor] - start, -1),
        pt=chosen.pt,
        eta=chosen.eta,
        phi=chosen.phi,
        mass=chosen.mass,
    )


def parton_flavour(
    particles: Particles, hadron_flavour: IntArray, jets: Table, eta: FloatArray, phi: FloatArray,
    n_events: int, radius: float = 0.4,
) -> IntArray:  # fmt: skip
    """Signed PDG id of the hardest parton in each jet's cone, 0 for none, as CMS defines it.

    Partons are those before hadronisation (Pythia's 71 to 74). Hadrons go first: a jet with heavy
    hadrons takes their flavour, a jet without takes light partons alone.

    Args:
        particles: Pythia's record.
        hadron_flavour: 5, 4 or 0 of each jet, shape (n_jets,).
        jets: The jets, for their event.
        eta, phi: Their directions.
        n_events: Events of the batch.
        radius: Of the cone.
    """
    code = np.abs(particles.pdg_id)
    is_parton = (np.abs(particles.status) >= 71) & (np.abs(particles.status) <= 74)
    # ASSUME 2 GeV: softer partons do not name a jet; CMS clusters them as ghosts instead.
    is_parton &= ((code <= 5) | (code == 21)) & (particles.pt > 2.0)
    partons = particles.take(is_parton)
    jet, parton = pairs(jets.event, offsets(partons.event, n_events))
    parton_code = np.abs(partons.pdg_id[parton])
    heavy = hadron_flavour[jet]
    wanted = np.where(heavy > 0, parton_code == heavy, ~np.isin(parton_code, (4, 5)))
    distance = delta_r(partons.eta[parton], partons.phi[parton], eta[jet], phi[jet])
    near: BoolArray = wanted & (distance < radius)
    jet, parton = jet[near], parton[near]
    order = np.lexsort((partons.pt[parton], jet))  # the hardest is written last
    flavour = np.array(hadron_flavour, np.int64)
    flavour[jet[order]] = partons.pdg_id[parton[order]]
    return flavour
