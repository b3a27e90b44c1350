"""Filters on generated events: which events they keep, and that what they leave out is counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import uproot

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from jetsmith.angles import delta_r
from jetsmith.errors import InputError
from jetsmith.simulate import simulate_part
from jetsmith.simulation import filters
from jetsmith.simulation.parameters import Detector
from jetsmith.simulation.processes import PROCESSES
from jetsmith.simulation.pythia import Batch, make_generator, next_batch
from jetsmith.simulation.truth import heavy_hadrons
from jetsmith.specs.datasets import SimulateSpec


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Multijets of which many have b quarks."""
    settings = ("HardQCD:gg2bbbar=on", "PhaseSpace:pTHatMin=280", "PartonLevel:MPI=off")
    process = replace(PROCESSES["qcd_flat"], settings=settings)
    return next_batch(make_generator(process, 3), 60)


def scalar(batch: Batch, event: int) -> bool:
    """Two last b hadrons of one event, pair by pair."""
    particles, ghost = batch.particles, heavy_hadrons(batch.particles)
    rows = [
        i for i in np.flatnonzero(particles.event == event) if ghost[i] == 5 and abs(particles.eta[i]) < 3
    ]
    for i in rows:
        for j in rows:
            px, py = particles.px[i] + particles.px[j], particles.py[i] + particles.py[j]
            distance = delta_r(particles.eta[i], particles.phi[i], particles.eta[j], particles.phi[j])
            if i < j and distance < 0.8 and np.hypot(px, py) > 150:
                return True
    return False


def test_pairs_are_those_of_the_scalar_version(batch: Batch) -> None:
    """Some events have a close pair, some none, and the two filters divide them."""
    found = filters.b_pairs(batch.particles, batch.n_events)
    assert found.tolist() == [scalar(batch, event) for event in range(batch.n_events)]
    assert 0 < found.sum() < batch.n_events
    masks = [filters.FILTERS[keep](batch.particles, batch.n_events) for keep in ("b_pairs", "no_b_pairs")]
    assert (masks[0] ^ masks[1]).all()


def test_muons_are_those_of_the_scalar_version(batch: Batch) -> None:
    """Final muons of 4 GeV within 2.5: not their copies before they radiate, nor soft or forward ones."""
    particles = batch.particles
    found = filters.muons(particles, batch.n_events)
    seen = [
        particles.event[i]
        for i in range(len(particles))
        if particles.pdg_id[i] in (13, -13)
        and particles.status[i] > 0
        and particles.pt[i] > 4
        and abs(particles.eta[i]) < 2.5
    ]
    assert found.tolist() == [event in seen for event in range(batch.n_events)]
    assert 0 < found.sum() < batch.n_events
    softer = replace(particles, px=particles.px / 1000, py=particles.py / 1000)
    assert not filters.muons(softer, batch.n_events).any()
    assert not filters.muons(replace(particles, pz=particles.pz + 1000), batch.n_events).any()
    assert not filters.muons(replace(particles, status=-particles.status), batch.n_events).any()


def test_muons_of_multijets_are_of_heavy_hadrons() -> None:
    """Pythia leaves pions and kaons undecayed: what the filter keeps has nearly always a heavy hadron."""
    process = PROCESSES["qcd_muons"]
    generated, kept = filters.kept(next_batch(make_generator(process, 5), 1500), process.keep, 1500)
    assert 20 < kept.n_events < generated.n_events / 5
    heavy = np.zeros(kept.n_events, np.bool_)
    heavy[kept.particles.event[heavy_hadrons(kept.particles) > 0]] = True
    assert heavy.mean() > 0.8


def test_kept_events_stay_what_they_were(batch: Batch) -> None:
    """Histories follow their events: mothers and daughters are the same particles."""
    generated, kept = filters.kept(batch, "b_pairs", 2)
    mask = filters.b_pairs(batch.particles, batch.n_events)
    first, second = np.flatnonzero(mask)[:2]
    assert generated.n_events == second + 1  # what comes after the last that is wanted was not generated
    assert kept.weight.tolist() == batch.weight[[first, second]].tolist()
    before, after = batch.particles, kept.particles
    rows = np.flatnonzero(np.isin(before.event, (first, second)))
    assert after.px.tolist() == before.px[rows].tolist()
    for name in ("mother", "daughter_first", "daughter_last"):
        old, new = getattr(before, name)[rows], getattr(after, name)
        assert ((old < 0) == (new < 0)).all()
        assert (after.px[new[new >= 0]] == before.px[old[old >= 0]]).all()


def test_what_is_left_out_counts_as_generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs holds all events and their weights, so that the efficiency of the filter is in every weight."""
    weights = []

    def of_nine(generator: object) -> Batch:
        batch = next_batch(generator, 9)
        weights.append(batch.weight)
        return batch

    def every_third(particles: object, n_events: int) -> np.ndarray:
        return (np.arange(n_events) % 3) == 2

    monkeypatch.setattr("jetsmith.simulation.pythia.next_batch", of_nine)
    monkeypatch.setitem(filters.FILTERS, "b_pairs", every_third)
    spec, path = SimulateSpec(process="qcd_flat_bb", n_events=4), tmp_path / "a.root"
    simulate_part("demo", spec, PROCESSES["qcd_flat_bb"], Detector(), 0, 1, 1.0, path)
    generated = np.concatenate(weights)[:12].astype(np.float32)
    with uproot.open(path) as file:
        assert file["Events"]["genWeight"].array(library="np").tolist() == generated[2::3].tolist()
        runs = file["Runs"].arrays(library="np")
    assert runs["genEventCount"][0] == 12
    assert runs["genEventSumw"][0] == pytest.approx(generated.astype(np.float64).sum(), rel=1e-12)


def test_a_filter_that_keeps_nothing_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job must not run for ever."""
    monkeypatch.setitem(filters.FILTERS, "b_pairs", lambda particles, n_events: np.zeros(n_events, np.bool_))
    monkeypatch.setattr("jetsmith.simulate.MOST_EMPTY", 2)
    process = PROCESSES["qcd_flat_bb"]
    light = replace(process, settings=(*process.settings, "PartonLevel:all=off"))
    spec = SimulateSpec(process="qcd_flat_bb", n_events=4)
    with pytest.raises(InputError, match="`b_pairs` keeps no event of 2 batches of qcd_flat_bb"):
        simulate_part("demo", spec, light, Detector(), 0, 1, 1.0, tmp_path / "a.root")
