"""Anti-kT jets with ghost hadrons, at detector and generator level."""

from dataclasses import dataclass

import awkward as ak
import fastjet
import numpy as np
import vector

from jetsmith.io import FloatArray, IntArray
from jetsmith.simulation.detector import NEUTRINOS
from jetsmith.simulation.tables import PION_MASS_GEV, Jets, Neutrals, Particles, Tracks
from jetsmith.simulation.truth import heavy_hadrons

vector.register_awkward()

RESPONSE = 0.95  # of reconstructed jets; their momenta are divided by it, as NanoAOD's are
_GHOST_SCALE = 1e-18
_CHARGED_DZ_CM = 0.1  # charged candidates farther from the primary vertex belong to pile-up
_GEN_ABSETA_MAX = 5.0


@dataclass(frozen=True)
class Ghosts:
    """Heavy hadrons as directions: event, unit momentum of shape (3, n), and 5 or 4."""

    event: IntArray
    direction: FloatArray
    flavour: IntArray


@dataclass(frozen=True)
class Clustered:
    """Jets with what is in them.

    Attributes:
        jets: Falling pt within each event.
        link_jet, link_input: Jet and input of each constituent, ordered by jet.
        n_b_hadrons, n_c_hadrons: Ghosts in each jet.
    """

    jets: Jets
    link_jet: IntArray
    link_input: IntArray
    n_b_hadrons: IntArray
    n_c_hadrons: IntArray

    @property
    def hadron_flavour(self) -> IntArray:
        """5 with a b hadron, else 4 with a c hadron, else 0."""
        return np.where(self.n_b_hadrons > 0, 5, np.where(self.n_c_hadrons > 0, 4, 0))


def find_ghosts(particles: Particles) -> Ghosts:
    """The last b and c hadrons of each chain."""
    flavour = heavy_hadrons(particles)
    chosen = np.flatnonzero((flavour > 0) & (particles.pt > 1e-3))
    momentum = np.stack([particles.px[chosen], particles.py[chosen], particles.pz[chosen]])
    return Ghosts(particles.event[chosen], momentum / np.sqrt(np.sum(momentum**2, axis=0)), flavour[chosen])


def cluster(
    event: IntArray, momentum: FloatArray, ghosts: Ghosts, radius: float, pt_min_gev: float, n_events: int
) -> Clustered:
    """Anti-kT jets of inputs and of ghosts, which take no part but follow their neighbours.

    Args:
        event: Event of each input, in any order.
        momentum: px, py, pz, energy [GeV], shape (4, n).
        ghosts: Heavy hadrons to associate.
        radius: Of the jets.
        pt_min_gev: Smallest transverse momentum of a jet.
        n_events: Events of the batch.
    """
    n_inputs = len(event)
    n_ghosts = len(ghosts.event)
    events = np.concatenate([event, ghosts.event])
    soft = _GHOST_SCALE * np.concatenate([ghosts.direction, np.ones((1, n_ghosts))])
    p4 = np.concatenate([momentum, soft], axis=1)
    order = np.argsort(events, kind="stable")
    counts = np.bincount(events, minlength=n_events)
    starts = np.concatenate([[0], np.cumsum(counts)])
    inputs = ak.zip(
        {name: ak.unflatten(p4[row][order], counts) for row, name in enumerate(("px", "py", "pz", "E"))},
        with_name="Momentum4D",
    )
    sequence = fastjet.ClusterSequence(inputs, fastjet.JetDefinition(fastjet.antikt_algorithm, radius))
    found, constituents = sequence.inclusive_jets(pt_min_gev), sequence.constituent_index(pt_min_gev)
    jet_event = np.repeat(np.arange(n_events), ak.to_numpy(ak.num(found.px)))
    px, py, pz, energy = (ak.to_numpy(ak.flatten(found[name])) for name in ("px", "py", "pz", "E"))
    link_jet = np.repeat(np.arange(len(px)), ak.to_numpy(ak.flatten(ak.num(constituents, axis=2))))
    within = ak.to_numpy(ak.flatten(ak.flatten(constituents, axis=2), axis=1))
    link_input = order[within + starts[jet_event[link_jet]]]
    by_pt = np.lexsort((-np.hypot(px, py), jet_event))
    jets = Jets(jet_event, px, py, pz, energy).take(by_pt)
    new_place = np.empty(len(by_pt), np.int64)
    new_place[by_pt] = np.arange(len(by_pt))
    link_jet = new_place[link_jet]
    by_jet = np.lexsort((link_input, link_jet))
    link_jet, link_input = link_jet[by_jet], link_input[by_jet]
    is_ghost = link_input >= n_inputs
    flavour = ghosts.flavour[link_input[is_ghost] - n_inputs]
    counted = [np.bincount(link_jet[is_ghost][flavour == quark], minlength=len(jets)) for quark in (5, 4)]
    return Clustered(jets, link_jet[~is_ghost], link_input[~is_ghost], counted[0], counted[1])


def track_momenta(tracks: Tracks) -> FloatArray:
    """px, py, pz, energy [GeV] with the pion's mass, shape (4, n)."""
    momentum = tracks.pt * np.cosh(tracks.eta)
    return np.stack(
        [
            tracks.pt * np.cos(tracks.phi),
            tracks.pt * np.sin(tracks.phi),
            tracks.pt * np.sinh(tracks.eta),
            np.sqrt(momentum**2 + PION_MASS_GEV**2),
        ]
    )


def neutral_momenta(neutrals: Neutrals) -> FloatArray:
    """px, py, pz, energy [GeV], massless and scaled by the PUPPI weight, shape (4, n)."""
    pt = neutrals.pt * neutrals.puppi_weight
    return np.stack(
        [
            pt * np.cos(neutrals.phi),
            pt * np.sin(neutrals.phi),
            pt * np.sinh(neutrals.eta),
            pt * np.cosh(neutrals.eta),
        ]
    )


def reconstructed_jets(
    tracks: Tracks, neutrals: Neutrals, ghosts: Ghosts, radius: float, pt_min_gev: float, n_events: int
) -> Clustered:
    """Jets of the candidates, corrected for the response.

    Returns:
        Jets above `pt_min_gev` after correction; inputs count the tracks first, then the neutrals.
    """
    near = np.flatnonzero(np.abs(tracks.dz) < _CHARGED_DZ_CM)
    rows = np.concatenate([near, len(tracks) + np.arange(len(neutrals))])
    momentum = np.concatenate([track_momenta(tracks)[:, near], neutral_momenta(neutrals)], axis=1)
    event = np.concatenate([tracks.event[near], neutrals.event])
    found = cluster(event, momentum, ghosts, radius, pt_min_gev * RESPONSE, n_events)
    raw = found.jets
    jets = Jets(raw.event, raw.px / RESPONSE, raw.py / RESPONSE, raw.pz / RESPONSE, raw.energy / RESPONSE)
    return Clustered(jets, found.link_jet, rows[found.link_input], found.n_b_hadrons, found.n_c_hadrons)


def generator_jets(
    particles: Particles, ghosts: Ghosts, n_events: int, radius: float, pt_min_gev: float
) -> Clustered:
    """Jets of all stable particles but neutrinos; leptons of the hard process stay in, as in NanoAOD."""
    stable = (particles.status > 0) & ~np.isin(np.abs(particles.pdg_id), NEUTRINOS)
    stable &= np.abs(particles.eta) < _GEN_ABSETA_MAX
    chosen = particles.take(stable)
    momentum = np.stack([chosen.px, chosen.py, chosen.pz, chosen.energy])
    return cluster(chosen.event, momentum, ghosts, radius, pt_min_gev, n_events)
