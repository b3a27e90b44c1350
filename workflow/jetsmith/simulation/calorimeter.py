"""Calorimeter candidates: photons, neutral hadrons, lost charged particles, pile-up residue."""

import numpy as np

from jetsmith.io import IntArray
from jetsmith.simulation.parameters import Detector
from jetsmith.simulation.tables import Neutrals, Particles


def deposits(particles: Particles, rows: IntArray, rng: np.random.Generator) -> Neutrals:
    """Photons and neutral hadrons, and charged particles that left no track."""
    chosen = particles.take(rows)
    electromagnetic = np.isin(np.abs(chosen.pdg_id), (11, 22))
    resolution = np.where(
        electromagnetic,
        np.hypot(0.05 / np.sqrt(chosen.energy), 0.01),
        np.hypot(0.9 / np.sqrt(chosen.energy), 0.06),
    )
    response = np.where(electromagnetic, 1.0, 0.92)
    measured = response * (1 + rng.normal(size=len(rows)) * resolution)
    direction = rng.normal(0.0, 0.006, (2, len(rows)))
    momentum = np.sqrt(chosen.px**2 + chosen.py**2 + chosen.pz**2)
    candidates = Neutrals(
        event=chosen.event,
        pt=chosen.pt * measured * chosen.energy / np.maximum(momentum, 1e-9),
        eta=chosen.eta + direction[0],
        phi=np.asarray((chosen.phi + direction[1] + np.pi) % (2 * np.pi) - np.pi),
        pdg_id=np.where(electromagnetic, 22, 130),
        puppi_weight=np.clip(rng.normal(1.0, 0.1, len(rows)), 0.3, 1.0),
    )
    return candidates.take(measured * chosen.energy > np.where(electromagnetic, 0.4, 1.2))


def pile_up_neutrals(n_events: int, detector: Detector, rng: np.random.Generator) -> Neutrals:
    """Soft calorimeter candidates of other collisions, mostly with a small weight."""
    counts = rng.poisson(detector.pile_up_neutrals, n_events)
    n = int(counts.sum())
    edge = detector.calorimeter_abseta_max
    return Neutrals(
        event=np.repeat(np.arange(n_events), counts),
        pt=0.4 + rng.exponential(0.5, n),
        eta=rng.uniform(-edge, edge, n),
        phi=rng.uniform(-np.pi, np.pi, n),
        pdg_id=np.where(rng.random(n) < 0.7, 22, 130),
        puppi_weight=rng.beta(1.0, 4.0, n),
    )
