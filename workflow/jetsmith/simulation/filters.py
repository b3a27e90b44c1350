"""Filters on generated events, before the detector: what is left out costs Pythia's time alone.

The events before a filter are counted in the tree Runs, as those before a skim are, so that weights are
normalised to all that was generated and the efficiency of the filter is in them.
"""

from collections.abc import Callable

import numpy as np

from jetsmith.angles import delta_r
from jetsmith.io import BoolArray
from jetsmith.simulation.processes import Keep
from jetsmith.simulation.pythia import Batch
from jetsmith.simulation.tables import Particles, offsets, pairs
from jetsmith.simulation.truth import heavy_hadrons

PAIR_DELTA_R, PAIR_PT_MIN_GEV, PAIR_ABSETA_MAX = 0.8, 150.0, 3.0
MUON_PT_MIN_GEV, MUON_ABSETA_MAX = 4.0, 2.5


def b_pairs(particles: Particles, n_events: int) -> BoolArray:
    """Events in which two b hadrons are close enough for one large jet, shape (n_events,).

    They are the last of their chains, within 0.8 of each other and 3 of pseudorapidity, and have 150 GeV of
    transverse momentum together.
    """
    hadrons = particles.take((heavy_hadrons(particles) == 5) & (np.abs(particles.eta) < PAIR_ABSETA_MAX))
    first, second = pairs(hadrons.event, offsets(hadrons.event, n_events))
    first, second = first[first < second], second[first < second]
    distance = delta_r(hadrons.eta[first], hadrons.phi[first], hadrons.eta[second], hadrons.phi[second])
    pt = np.hypot(hadrons.px[first] + hadrons.px[second], hadrons.py[first] + hadrons.py[second])
    found = np.zeros(n_events, np.bool_)
    found[hadrons.event[first[(distance < PAIR_DELTA_R) & (pt > PAIR_PT_MIN_GEV)]]] = True
    return found


def muons(particles: Particles, n_events: int) -> BoolArray:
    """Events with a muon that a muon chamber could see, shape (n_events,).

    It may come from anything, as for the trigger that stands behind such samples; since Pythia leaves pions
    and kaons undecayed, nearly all come from b and c hadrons. Hadrons that the detector takes for muons do
    not count: what is kept has them beside a true muon alone.
    """
    seen = (np.abs(particles.pdg_id) == 13) & (particles.status > 0)
    seen &= (particles.pt > MUON_PT_MIN_GEV) & (np.abs(particles.eta) < MUON_ABSETA_MAX)
    found = np.zeros(n_events, np.bool_)
    found[particles.event[seen]] = True
    return found


def _all(particles: Particles, n_events: int) -> BoolArray:
    return np.ones(n_events, np.bool_)


def _no_b_pairs(particles: Particles, n_events: int) -> BoolArray:
    return ~b_pairs(particles, n_events)


FILTERS: dict[Keep, Callable[[Particles, int], BoolArray]] = {
    "all": _all,
    "b_pairs": b_pairs,
    "no_b_pairs": _no_b_pairs,
    "muons": muons,
}


def kept(batch: Batch, keep: Keep, most: int) -> tuple[Batch, Batch]:
    """The events of a batch that were generated until `most` of them are kept, and those that are.

    What comes after the last event that is wanted counts as not generated, kept or not.
    """
    mask = FILTERS[keep](batch.particles, batch.n_events)
    if mask.sum() >= most:
        last = int(np.flatnonzero(mask)[most - 1]) + 1
        batch, mask = batch.head(last), mask[:last]
    return batch, batch.where(mask)
