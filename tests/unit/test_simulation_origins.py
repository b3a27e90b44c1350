"""Protects the truth of the demo's tracks: origins by ancestors, vertices by place."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastjet")

from jetsmith.columns import ORIGINS
from jetsmith.simulation.origins import track_truth
from jetsmith.simulation.tables import Particles, Tracks
from tests.unit.test_simulation_truth import make_particles

# (pdg id, status, mother, first daughter, last daughter, px, py, pz), place [cm] behind
RECORD = [
    ((5, -23, -1, 1, 2, 50, 0, 10), 0.0),  # 0
    ((511, -83, 0, 3, 6, 45, 0, 9), 0.0),  # 1 B0
    ((211, 83, 0, -1, -1, 3, 0, 1), 0.0),  # 2 fragmentation
    ((413, -91, 1, 7, 8, 20, 0, 4), 0.3),  # 3 D*+, which decays at once
    ((443, -91, 1, 9, 10, 9, 0, 2), 0.3),  # 4 J/psi, at once, too
    ((310, -91, 1, 11, 12, 4, 0, 1), 0.3),  # 5 K0S of the B
    ((15, -91, 1, 13, 13, 4, 0, 1), 0.3),  # 6 tau of the B
    ((411, -91, 3, 14, 15, 18, 0, 4), 0.3),  # 7 D+
    ((211, 91, 3, -1, -1, 1, 0, 0), 0.3),  # 8 slow pion
    ((13, 91, 4, -1, -1, 5, 0, 1), 0.3),  # 9 muons of the J/psi
    ((-13, 91, 4, -1, -1, 4, 0, 1), 0.3),  # 10
    ((211, 91, 5, -1, -1, 2, 0, 0), 5.0),  # 11 pions of the K0S
    ((-211, 91, 5, -1, -1, 2, 0, 0), 5.0),  # 12
    ((211, 91, 6, -1, -1, 2, 0, 0), 0.5),  # 13 pion of the tau
    ((321, 91, 7, -1, -1, 9, 0, 2), 0.4),  # 14 of the D
    ((211, 91, 7, -1, -1, 9, 0, 2), 0.4),  # 15
    ((4, -23, -1, 17, 17, -50, 0, -10), 0.0),  # 16
    ((4122, -83, 16, 18, 19, -45, 0, -9), 0.0),  # 17 charmed baryon
    ((3122, -91, 17, 20, 21, -20, 0, -4), 0.1),  # 18 its Lambda
    ((211, 91, 17, -1, -1, -20, 0, -4), 0.1),  # 19
    ((2212, 91, 18, -1, -1, -15, 0, -3), 9.0),  # 20
    ((-211, 91, 18, -1, -1, -5, 0, -1), 9.0),  # 21
    ((21, -23, -1, 23, 25, 0, 30, 0), 0.0),  # 22
    ((3122, -83, 22, 26, 27, 0, 9, 0), 0.0),  # 23 a Lambda of no heavy hadron
    ((113, -83, 22, 28, 29, 0, 9, 0), 0.0),  # 24 rho
    ((22, 83, 22, -1, -1, 0, 9, 0), 0.0),  # 25 photon
    ((2212, 91, 23, -1, -1, 0, 7, 0), 3.0),  # 26
    ((-211, 91, 23, -1, -1, 0, 2, 0), 3.0),  # 27
    ((211, 91, 24, -1, -1, 0, 5, 0), 0.0),  # 28
    ((-211, 91, 24, -1, -1, 0, 4, 0), 0.0),  # 29
]
EXPECTED = {
    "primary": [2, 28, 29],
    "from_b": [8, 9, 10, 11, 12, 13],
    "from_b_to_c": [14, 15],
    "from_c": [19, 20, 21],
    "other": [26, 27],
}


def record() -> Particles:
    found = make_particles([row for row, _ in RECORD])
    return replace(found, x=np.array([place for _, place in RECORD]))


def tracks_of(source: list[int], **changes: Any) -> Tracks:
    n = len(source)
    columns: dict[str, Any] = {name: np.zeros(n) for name in Tracks.__dataclass_fields__}
    columns |= {"event": np.zeros(n, np.int64), "source": np.array(source)}
    columns |= {name: np.zeros(n, np.bool_) for name in ("fake", "secondary")}
    return Tracks(**columns | changes)


def test_origins_follow_from_ancestors() -> None:
    """Heavy hadrons win, those that decay at once and quarkonia do not count; rho decays are primary."""
    sources = [row for rows in EXPECTED.values() for row in rows]
    origin, _ = track_truth(tracks_of(sources), record(), 1)
    found = {
        name: [s for s, o in zip(sources, origin, strict=True) if ORIGINS[o] == name] for name in EXPECTED
    }
    assert found == EXPECTED


def test_what_the_detector_makes() -> None:
    """Pile-up has no source; fragments and conversions are no decays; a track measured wrongly is a fake."""
    secondary, fake = np.array([0, 1, 1, 0, 0], bool), np.array([0, 0, 0, 1, 1], bool)
    tracks = tracks_of([-1, 25, 14, 14, -1], secondary=secondary, fake=fake)
    origin, _ = track_truth(tracks, record(), 1)
    assert [ORIGINS[o] for o in origin] == ["pile_up", "other", "other", "fake", "fake"]


def test_vertices_are_within_a_tenth_of_a_millimetre() -> None:
    """Of the same place, not of the same parent; material by its parent; fakes and pile-up have their own."""
    particles = record()
    moved = particles.x.copy()
    moved[9], moved[10] = 0.3 + 0.009, 0.3 + 0.011
    particles = replace(particles, x=moved)
    sources = [8, 9, 10, 2, 28, 14, 15, 25, 25, 28, -1, -1]
    secondary, fake = np.zeros((2, 12), bool)
    secondary[7:9], fake[9] = True, True
    _, vertex = track_truth(tracks_of(sources, secondary=secondary, fake=fake), particles, 1)
    assert vertex.tolist() == [0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7]


def test_vertices_are_counted_by_event() -> None:
    """Two events at the same place share none."""
    tracks = tracks_of([2, 14, 2], event=np.array([0, 0, 2]))
    _, vertex = track_truth(tracks, record(), 3)
    assert vertex.tolist() == [0, 1, 0]
