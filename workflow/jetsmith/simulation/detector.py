"""A parametric detector: tracks with impact parameters, calorimeter candidates, pile-up residue."""

from dataclasses import dataclass

import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.simulation.calorimeter import deposits, pile_up_neutrals
from jetsmith.simulation.parameters import Detector
from jetsmith.simulation.pythia import Batch
from jetsmith.simulation.smearing import displace_crowded, track_errors, track_parameters
from jetsmith.simulation.tables import Neutrals, Particles, Table, Tracks, offsets

NEUTRINOS = (12, 14, 16)


@dataclass(frozen=True)
class Flying(Table):
    """Charged particles before the detector: true momentum and production point."""

    source: IntArray
    charge: IntArray
    pt: FloatArray
    eta: FloatArray
    phi: FloatArray
    x: FloatArray
    y: FloatArray
    z: FloatArray
    pdg_id: IntArray
    secondary: BoolArray


def charge(pdg_id: IntArray) -> IntArray:
    """Electric charge of stable particles; 0 for those that are neutral or never stable."""
    absolute = np.abs(pdg_id)
    positive = np.isin(absolute, (211, 321, 2212, 3222)).astype(np.int64)
    negative = np.isin(absolute, (11, 13, 3112, 3312, 3334)).astype(np.int64)
    return np.asarray((positive - negative) * np.sign(pdg_id))


def simulate_detector(batch: Batch, detector: Detector, rng: np.random.Generator) -> tuple[Tracks, Neutrals]:
    """What the detector sees of a batch.

    Returns:
        Tracks ordered by event and falling pt; calorimeter candidates ordered by event.
    """
    particles = batch.particles
    absolute = np.abs(particles.pdg_id)
    visible = (particles.status > 0) & ~np.isin(absolute, NEUTRINOS)
    visible &= (np.abs(particles.eta) < detector.calorimeter_abseta_max) & (particles.pt > 0.1)
    stable = np.flatnonzero(visible)
    charges = charge(particles.pdg_id[stable])
    flying = _flying(particles, stable[charges != 0], charges[charges != 0])
    broken, fragments = _nuclear_interactions(flying, detector, rng)
    photons = stable[particles.pdg_id[stable] == 22]
    flying = flying.take(~broken).join(
        fragments,
        _conversions(_flying(particles, photons, np.zeros(len(photons), np.int64)), detector, rng),
        _pile_up_tracks(batch.n_events, detector, rng),
    )
    seen = _accepted(flying, detector, rng)
    lost = flying.source[~seen & (flying.source >= 0) & ~flying.secondary]
    tracks = _measure(flying.take(seen), batch.n_events, detector, rng)
    lost = lost[(absolute[lost] != 13) & (particles.energy[lost] > 2.0)]
    neutral = stable[(charges == 0) & (absolute[stable] != 13)]
    seen_neutrals = deposits(particles, np.concatenate([neutral, lost]), rng)
    neutrals = seen_neutrals.join(pile_up_neutrals(batch.n_events, detector, rng))
    return tracks, neutrals.take(np.argsort(neutrals.event, kind="stable"))


def _flying(particles: Particles, rows: IntArray, charges: IntArray) -> Flying:
    chosen = particles.take(rows)
    return Flying(
        event=chosen.event,
        source=rows,
        charge=charges,
        pt=chosen.pt,
        eta=chosen.eta,
        phi=chosen.phi,
        x=chosen.x,
        y=chosen.y,
        z=chosen.z,
        pdg_id=chosen.pdg_id,
        secondary=np.zeros(len(rows), np.bool_),
    )


def _secondaries(
    parents: Flying,
    radius: FloatArray,
    fraction: FloatArray,
    kick_gev: float,
    charges: IntArray,
    pdg_id: int,
    rng: np.random.Generator,
) -> Flying:
    """Particles born on a detector layer with a fraction of the parent's momentum and a kick."""
    path = radius - np.hypot(parents.x, parents.y)
    pt = parents.pt * fraction
    kick = rng.normal(0.0, kick_gev, (2, len(parents))) / np.maximum(pt, 0.1)
    return Flying(
        event=parents.event,
        source=parents.source,
        charge=charges,
        pt=pt,
        eta=parents.eta + np.clip(kick[1], -0.5, 0.5),
        phi=parents.phi + np.clip(kick[0], -0.5, 0.5),
        x=parents.x + path * np.cos(parents.phi),
        y=parents.y + path * np.sin(parents.phi),
        z=parents.z + path * np.sinh(parents.eta),
        # Leptons of positive charge have negative PDG ids, hadrons the other way round.
        pdg_id=charges * (-pdg_id if pdg_id in (11, 13) else pdg_id),
        secondary=np.ones(len(parents), np.bool_),
    )


def _nuclear_interactions(
    flying: Flying, detector: Detector, rng: np.random.Generator
) -> tuple[BoolArray, Flying]:
    """Which hadrons break up in the material, and two charged fragments of each."""
    hadron = np.isin(np.abs(flying.pdg_id), (211, 321, 2212)) & (flying.pt > 1.0)
    broken = hadron & (rng.random(len(flying)) < detector.nuclear_fraction)
    radius = rng.choice(np.array(detector.layers_cm[1:]), len(flying))
    broken &= radius > np.hypot(flying.x, flying.y)
    parents, radius = flying.take(broken), radius[broken]
    fraction = rng.beta(2, 3, len(parents))
    rest = (1 - fraction) * rng.random(len(parents))
    fragments = [
        _secondaries(parents, radius, share, 0.25, rng.choice(np.array([-1, 1]), len(parents)), 211, rng)
        for share in (fraction, rest)
    ]
    return broken, fragments[0].join(fragments[1])


def _conversions(photons: Flying, detector: Detector, rng: np.random.Generator) -> Flying:
    """Electron and positron of the photons that convert on a layer."""
    near = (photons.pt > 1.0) & (np.abs(photons.eta) < detector.abseta_max)
    parents = photons.take(near & (rng.random(len(photons)) < detector.conversion_fraction))
    radius = rng.choice(np.array(detector.layers_cm), len(parents))
    share = rng.random(len(parents))
    one = np.ones(len(parents), np.int64)
    first = _secondaries(parents, radius, share, 0.003, one, 11, rng)
    return first.join(_secondaries(parents, radius, 1 - share, 0.003, -one, 11, rng))


def _pile_up_tracks(n_events: int, detector: Detector, rng: np.random.Generator) -> Flying:
    """Soft tracks spread along the beam, mostly outside the window around the primary vertex."""
    counts = rng.poisson(detector.pile_up_tracks, n_events)
    n = int(counts.sum())
    charges = rng.choice(np.array([-1, 1]), n)
    hard = (rng.random(n) < 0.05) * rng.exponential(2.0, n)
    return Flying(
        event=np.repeat(np.arange(n_events), counts),
        source=np.full(n, -1),
        charge=charges,
        pt=0.5 + rng.exponential(0.5, n) + hard,
        eta=rng.uniform(-detector.abseta_max, detector.abseta_max, n),
        phi=rng.uniform(-np.pi, np.pi, n),
        x=rng.normal(0.0, 1e-3, n),
        y=rng.normal(0.0, 1e-3, n),
        z=rng.normal(0.0, 0.15, n),
        pdg_id=211 * charges,
        secondary=np.zeros(n, np.bool_),
    )


def _accepted(flying: Flying, detector: Detector, rng: np.random.Generator) -> BoolArray:
    """Which charged particles leave a track: fewer of the soft and of the displaced ones."""
    radius = np.hypot(flying.x, flying.y)
    inside = 1 - 0.5 * (radius - 3.0) / 13.0
    outside = np.clip(0.5 * (1 - (radius - 16.0) / 30.0), 0, 1)
    by_radius = np.where(radius < 3.0, 1.0, np.where(radius < 16.0, inside, outside))
    by_pt = np.clip(1 - 0.6 * np.exp(-(flying.pt - 0.3) / 0.3), 0, 1)
    lepton = np.isin(np.abs(flying.pdg_id), (11, 13)) & (flying.pt > 5)
    efficiency = np.where(lepton, 0.95, detector.efficiency * by_radius * by_pt)
    accepted = (flying.pt > detector.pt_min_gev) & (np.abs(flying.eta) < detector.abseta_max)
    accepted &= rng.random(len(flying)) < efficiency
    return np.asarray(accepted & (np.abs(flying.z) < 50.0))


def _measure(flying: Flying, n_events: int, detector: Detector, rng: np.random.Generator) -> Tracks:
    """Smear the true helix about a smeared primary vertex."""
    n = len(flying)
    primary = rng.normal(
        0.0, [[detector.primary_xy_cm], [detector.primary_xy_cm], [detector.primary_z_cm]], (3, n_events)
    )
    x, y, z = np.stack([flying.x, flying.y, flying.z]) - primary[:, flying.event]
    curvature = flying.charge * 0.003 * detector.field_tesla / flying.pt
    d0, dz, phi = track_parameters(x, y, z, flying.eta, flying.phi, curvature)
    d0_sigma, dz_sigma, layer = track_errors(detector, flying.pt, flying.eta, np.hypot(flying.x, flying.y))
    (wide, wide_factor), (far, far_factor) = detector.wide_tail, detector.far_tail
    dice = rng.random(n)
    tail = np.where(dice < far, far_factor, np.where(dice < far + wide, wide_factor, 1.0))
    fake = rng.random(n) < detector.fake_fraction
    d0 = d0 + d0_sigma * tail * rng.normal(size=n) + fake * rng.standard_cauchy(n) * 0.01
    dz = dz + dz_sigma * tail * rng.normal(size=n) + fake * rng.standard_cauchy(n) * 0.02
    relative = np.hypot(0.007 + 0.008 * (np.abs(flying.eta) > 1.5), 1.5e-4 * flying.pt)
    pt = np.maximum(flying.pt * (1 + rng.normal(size=n) * relative), 0.3)
    tracks = Tracks(
        event=flying.event,
        source=flying.source,
        charge=flying.charge,
        pt=pt,
        eta=flying.eta + rng.normal(size=n) * np.hypot(0.3e-3, 1e-3 / flying.pt),
        phi=phi + rng.normal(size=n) * np.hypot(0.2e-3, 0.8e-3 / flying.pt),
        d0=d0,
        dz=dz,
        d0_error=d0_sigma * np.exp(0.08 * rng.normal(size=n)),
        dz_error=dz_sigma * np.exp(0.08 * rng.normal(size=n)),
        curvature=flying.charge * 0.003 * detector.field_tesla / pt,
        pdg_id=_identify(flying, detector, rng),
        layer=layer,
        chi2=rng.gamma(10.0, 0.1, n) * np.where(fake, 3.0, 1.0),
        fake=fake,
        secondary=flying.secondary,
    )
    tracks = tracks.take((np.abs(dz) < 2.0) & (np.abs(d0) < 2.0))
    tracks = tracks.take(np.lexsort((-tracks.pt, tracks.event)))
    return displace_crowded(tracks, offsets(tracks.event, n_events), detector, rng)


def _identify(flying: Flying, detector: Detector, rng: np.random.Generator) -> IntArray:
    """PDG id by particle flow: 11 and 13 for identified leptons, else a pion of that charge."""
    absolute = np.abs(flying.pdg_id)
    dice = rng.random(len(flying))
    electron = np.where(absolute == 11, detector.electron_efficiency, detector.fake_electron_fraction)
    muon = np.where(absolute == 13, detector.muon_efficiency, detector.fake_muon_fraction)
    is_muon = (dice < muon) & (flying.pt > 3.0)
    # An electron from a conversion is as good an electron; the rest of the event has to refuse it.
    is_electron = (1 - dice < electron) & (flying.pt > 2.0) & ~is_muon
    lepton = np.where(is_muon, -13, np.where(is_electron, -11, 211))
    return np.asarray(lepton * flying.charge)
