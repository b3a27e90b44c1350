"""Tag inputs against loops, and their conventions."""

import math

import numpy as np
import pytest

pytest.importorskip("fastjet")

from jetsmith.simulation import selection
from jetsmith.simulation.impact import Impact
from jetsmith.simulation.probability import jet_probability, track_probability
from jetsmith.simulation.substructure import substructure
from jetsmith.simulation.tables import PION_MASS_GEV, Tracks
from jetsmith.simulation.taginfo import first_above_mass
from jetsmith.simulation.vertexing import corrected_mass


def tracks_at_the_cuts() -> Tracks:
    """A good track, and one for each cut that fails it alone."""
    n = 7
    columns = {name: np.zeros(n) for name in Tracks.__dataclass_fields__}
    columns["pt"] = np.array([1.1, 0.9, 2.0, 2.0, 2.0, 2.0, 2.0])
    columns["d0"] = np.array([-0.19, 0, -0.21, 0, 0, 0, 0])
    columns["dz"] = np.array([-16.0, 0, 0, -18.0, 0, 0, 0])
    columns["chi2"] = np.array([4.9, 0, 0, 0, 5.1, 0, 0])
    columns["layer"] = np.array([3, 0, 0, 0, 0, 4, 0])
    return Tracks(**columns)


def test_cuts_on_tracks_are_those_of_cms() -> None:
    """CMSSW's pfImpactParameterTagInfos: pt, both impact parameters, chi2, a pixel hit."""
    expected = [True, False, False, False, False, False, True]
    assert selection.well_measured(tracks_at_the_cuts()).tolist() == expected


def test_cuts_about_the_axis_are_those_of_cms() -> None:
    """CMSSW's trackSelection: distance to the axis up to 0.07 cm, decay length up to 5 cm."""
    zeros = dict.fromkeys(Impact.__dataclass_fields__, np.zeros(4))
    impact = Impact(
        **zeros | {"jet_dist": np.array([0.069, 0.071, 0, 0]), "decay_len": np.array([4.9, 0, 5.1, 0])}
    )
    assert selection.at_axis(impact).tolist() == [True, False, False, True]


def test_pairs_of_a_kaon() -> None:
    """Two pions of its mass and opposite charge are found within a jet, and neither across jets nor alike."""
    at_rest = math.sqrt((selection.KAON_MASS_GEV / 2) ** 2 - PION_MASS_GEV**2)
    direction = np.array([1.0, -1, 1, -1, 1, -1, 0.2])
    momentum = np.zeros((4, 7))
    momentum[0] = direction * at_rest
    momentum[3] = np.sqrt(momentum[0] ** 2 + PION_MASS_GEV**2)
    jet = np.array([0, 0, 1, 1, 2, 3, 3])
    charge = np.array([1, -1, 1, 1, 1, -1, 1])
    expected = [False, False, True, True, True, True, True]
    assert selection.without_kaons(jet, momentum, charge).tolist() == expected
    assert selection.from_kaon(jet, momentum, charge, 1e-6).tolist() == [not kept for kept in expected]


def test_first_above_mass_against_a_loop() -> None:
    """The row at which the running sum of four-momenta exceeds the mass, per group."""
    rng = np.random.default_rng(1)
    group = np.sort(rng.integers(0, 12, 60))
    momentum = rng.normal(0, 1, (3, 60))
    momentum = np.concatenate([momentum, np.sqrt(np.sum(momentum**2, axis=0) + 0.02)[None]])
    found = first_above_mass(group, momentum, np.full(13, 3.0))
    for index in range(13):
        expected, total = -1, np.zeros(4)
        for row in np.flatnonzero(group == index):
            total += momentum[:, row]
            if total[3] ** 2 - np.sum(total[:3] ** 2) > 9.0:
                expected = row
                break
        assert found[index] == expected


def test_jet_probability_against_the_series() -> None:
    """The regularised gamma function is the sum of the textbook formula."""
    jet = np.array([0, 0, 0, 1, 2, 2])
    significance = np.array([3.0, 0.5, -2.0, -1.0, 20.0, 12.0])
    result = jet_probability(jet, significance, 4)
    for index in range(4):
        used = significance[(jet == index) & (significance >= 0)]
        if len(used) == 0:
            assert result[index] == 0
            continue
        product = float(np.prod(track_probability(used)))
        series = sum((-math.log(product)) ** k / math.factorial(k) for k in range(len(used)))
        assert result[index] == pytest.approx(-math.log10(product * series) / 4)


def test_track_probability_falls_from_one() -> None:
    """A survival function: 1 at no displacement, falling, with a floor."""
    values = track_probability(np.linspace(0, 200, 500))
    assert values[0] == pytest.approx(1.0)
    assert (np.diff(values) <= 0).all()
    assert values[-1] > 0


def test_substructure_of_two_prongs() -> None:
    """Two hard prongs: their mass, their axes, two subjets, and a small ratio of tau2 over tau1."""
    rng = np.random.default_rng(2)
    n = 20
    phi = np.concatenate([rng.normal(0.0, 0.01, n), rng.normal(0.5, 0.01, n)])
    eta, pt = rng.normal(0, 0.01, 2 * n), np.concatenate([np.full(n, 10.0), np.full(n, 6.0)])
    momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)])
    found = substructure(np.zeros(2 * n, np.int64), momentum, 1)
    total = momentum.sum(axis=1)
    assert found.softdrop_mass[0] == pytest.approx(
        math.sqrt(total[3] ** 2 - np.sum(total[:3] ** 2)), rel=1e-3
    )
    assert found.axis_phi[0] == pytest.approx([0.0, 0.5], abs=0.02)
    assert found.tau[0, 1] < 0.2 * found.tau[0, 0]
    assert found.n_subjets.tolist() == [2]
    assert np.hypot(found.subjets[0], found.subjets[1]) == pytest.approx([200, 120], rel=0.01)


def test_substructure_of_one_particle_and_of_none() -> None:
    """A jet of one particle has one subjet and both axes on it; no jets give empty results."""
    found = substructure(np.array([0]), np.array([[30.0], [0.0], [10.0], [math.sqrt(1000.0)]]), 1)
    assert found.n_subjets.tolist() == [1]
    assert found.axis_eta[0, 0] == found.axis_eta[0, 1]
    assert np.isfinite(found.tau).all()
    assert len(substructure(np.zeros(0, np.int64), np.zeros((4, 0)), 0).softdrop_mass) == 0


def test_corrected_mass_of_a_vertex() -> None:
    """Nothing is added along the flight or without any; across it sqrt(m^2 + p^2) + p."""
    momentum = np.array([[3.0, 3.0, 3.0], [0, 0, 0], [0, 0, 0]])
    flight = np.array([[2.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0, 0, 0]])
    found = corrected_mass(np.full(3, 4.0), momentum, flight)
    assert found == pytest.approx([4.0, 8.0, 4.0])
