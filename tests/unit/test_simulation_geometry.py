"""Helices, impact parameters and vertices against known geometry and slow twins."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from jetsmith.io import FloatArray
from jetsmith.simulation.helix import closest_approach, compatibility, fit_vertex, position
from jetsmith.simulation.impact import impact_parameters
from jetsmith.simulation.smearing import track_parameters
from jetsmith.simulation.tables import Tracks, offsets
from jetsmith.simulation.vertexing import find_vertices

FIELD_TESLA = 3.8


def make_tracks(
    points: FloatArray, pt: FloatArray, eta: FloatArray, phi: FloatArray, charge: FloatArray,
    sigma_cm: float = 0.002, event: FloatArray | None = None,
) -> Tracks:  # fmt: skip
    """Perfectly measured tracks through `points` (3, n) [cm], where they have direction eta, phi."""
    n = len(pt)
    curvature = charge * 0.003 * FIELD_TESLA / pt
    d0, dz, phi_there = track_parameters(*points, eta, phi, curvature)
    zero = np.zeros(n, np.int64)
    return Tracks(
        event=zero if event is None else event.astype(np.int64),
        source=zero,
        charge=charge.astype(np.int64),
        pt=pt,
        eta=eta,
        phi=phi_there,
        d0=d0,
        dz=dz,
        d0_error=np.full(n, sigma_cm),
        dz_error=np.full(n, sigma_cm),
        curvature=curvature,
        pdg_id=211 * charge.astype(np.int64),
        layer=zero,
        chi2=np.ones(n),
        fake=np.zeros(n, np.bool_),
        secondary=np.zeros(n, np.bool_),
    )


def helix_rows(tracks: Tracks) -> FloatArray:
    return np.column_stack([tracks.phi, tracks.curvature, np.sinh(tracks.eta), tracks.d0, tracks.dz])


def random_directions(rng: np.random.Generator, n: int) -> tuple[FloatArray, ...]:
    charge = rng.choice(np.array([-1.0, 1.0]), n)
    return rng.uniform(1, 20, n), rng.normal(0.5, 0.3, n), rng.normal(1.0, 0.2, n), charge


def test_track_parameters_against_a_stepped_helix() -> None:
    """The exact formula finds the closest approach that walking along the helix finds."""
    rng = np.random.default_rng(1)
    points = rng.normal(0, 0.5, (3, 20))
    tracks = make_tracks(points, *random_directions(rng, 20))
    for i, helix in enumerate(helix_rows(tracks)):
        arcs = np.linspace(-3, 3, 60_001)
        walked = np.array([position(helix, arc)[:3] for arc in arcs[::100]])
        # The helix passes its point of production,
        assert np.min(np.linalg.norm(walked - points[:, i], axis=1)) < 0.05
        # and nothing on it is nearer to the beam than d0 says.
        assert np.min(np.hypot(walked[:, 0], walked[:, 1])) == pytest.approx(abs(tracks.d0[i]), abs=1e-6)
        assert walked[np.argmin(np.hypot(walked[:, 0], walked[:, 1])), 2] == pytest.approx(
            tracks.dz[i], abs=1e-6
        )


def test_closest_approach_of_crossing_tracks() -> None:
    """Two tracks from one point meet there, in a magnetic field too."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        vertex = np.array([0.5, 0.6, 0.4]) * rng.uniform(0.2, 2)
        tracks = make_tracks(np.tile(vertex[:, None], 2), *random_directions(rng, 2))
        first, second = helix_rows(tracks)
        point = np.zeros(3)
        distance = closest_approach(first, second, point)[0]
        if distance < 0:  # nearly parallel
            continue
        assert distance < 0.005
        assert np.linalg.norm(point - vertex) < 0.1


def test_vertex_fit_finds_the_known_vertex() -> None:
    """Perfect tracks from one point give that point, with a chi2 of zero."""
    rng = np.random.default_rng(3)
    vertex = np.array([0.4, 0.7, 0.5])
    tracks = make_tracks(np.tile(vertex[:, None], 5), *random_directions(rng, 5))
    helix, error = helix_rows(tracks), np.column_stack([tracks.d0_error, tracks.dz_error])
    point, weight, covariance = vertex + 0.05, np.zeros(5), np.zeros((3, 3))
    chi2, ndof = fit_vertex(helix, error, np.arange(5), 5, point, weight, np.zeros(4), covariance)
    assert point == pytest.approx(vertex, abs=2e-4)
    assert chi2 == pytest.approx(0, abs=1e-2)
    assert ndof == 7


def test_vertex_fit_against_a_minimiser() -> None:
    """The linearised fit gives the minimum of the sum of chi2 over tracks."""
    rng = np.random.default_rng(4)
    vertex = np.array([0.4, 0.7, 0.5])
    n = 6
    tracks = make_tracks(np.tile(vertex[:, None], n), *random_directions(rng, n))
    helix, error = helix_rows(tracks), np.column_stack([tracks.d0_error, tracks.dz_error])
    helix[:, 3:] += rng.normal(0, 0.002, (n, 2))
    point, weight, covariance = vertex.copy(), np.zeros(n), np.zeros((3, 3))
    chi2, _ = fit_vertex(helix, error, np.arange(n), n, point, weight, np.zeros(6), covariance)

    def total(where: FloatArray) -> float:
        return sum(compatibility(helix[i], error[i], where)[0] for i in range(n))

    best = minimize(total, vertex, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    assert point == pytest.approx(best.x, abs=2e-4)
    assert chi2 == pytest.approx(best.fun, rel=1e-3)


def test_adaptive_fit_drops_an_outlier() -> None:
    """A track that misses the others by far gets no weight."""
    rng = np.random.default_rng(5)
    vertex = np.array([0.4, 0.7, 0.5])
    points = np.tile(vertex[:, None], 5)
    points[:, 4] += np.array([0.02, -0.02, 0.0])  # ten times the resolution
    tracks = make_tracks(points, *random_directions(rng, 5))
    helix, error = helix_rows(tracks), np.column_stack([tracks.d0_error, tracks.dz_error])
    point, weight, covariance = vertex.copy(), np.zeros(5), np.zeros((3, 3))
    fit_vertex(helix, error, np.arange(5), 5, point, weight, np.array([0.0, 8.0, 2.0, 1.0, 1.0]), covariance)
    assert (weight > 0.5).tolist() == [True] * 4 + [False]


def test_finder_on_one_decay_and_prompt_tracks() -> None:
    """Three tracks of a displaced vertex are one vertex; prompt tracks of its event are in none."""
    rng = np.random.default_rng(6)
    vertex = np.array([0.3, 0.45, 0.25])
    points = np.concatenate([np.tile(vertex[:, None], 3), np.zeros((3, 6))], axis=1)
    pt, eta, phi, charge = random_directions(rng, 9)
    pt[:3], eta[:3], phi[:3] = (2.0, 3.0, 2.5), (0.3, 0.6, 0.45), (0.75, 1.05, 1.2)  # a mass of about 1 GeV
    tracks = make_tracks(points, pt, eta, phi, charge, event=np.repeat([0, 0], [3, 6]))
    vertices, link_vertex, link_track = find_vertices(tracks, offsets(tracks.event, 2))
    assert len(vertices) == 1
    assert link_vertex.tolist() == [0, 0, 0]
    assert link_track.tolist() == [0, 1, 2]
    assert [vertices.x[0], vertices.y[0], vertices.z[0]] == pytest.approx(vertex, abs=1e-3)
    assert vertices.dlen[0] == pytest.approx(np.linalg.norm(vertex), abs=1e-3)
    assert vertices.cos_theta[0] > 0.9


def test_finder_without_tracks() -> None:
    """Empty events give no vertices and no error."""
    tracks = make_tracks(np.zeros((3, 0)), *(np.zeros(0) for _ in range(4)))
    vertices, link_vertex, _ = find_vertices(tracks, offsets(tracks.event, 4))
    assert len(vertices) == len(link_vertex) == 0


def scalar_impact(tracks: Tracks, i: int, axis_eta: float, axis_phi: float) -> dict[str, float]:
    """The slow twin: vectors written out."""
    jet = np.array([np.cos(axis_phi), np.sin(axis_phi), np.sinh(axis_eta)]) / math.cosh(axis_eta)
    direction = np.array([np.cos(tracks.phi[i]), np.sin(tracks.phi[i]), np.sinh(tracks.eta[i])])
    direction /= np.linalg.norm(direction)
    start = np.array(
        [-tracks.d0[i] * np.sin(tracks.phi[i]), tracks.d0[i] * np.cos(tracks.phi[i]), tracks.dz[i]]
    )
    nearest = start - (start @ direction) * direction
    normal = np.cross(direction, jet)
    momentum = tracks.pt[i] * math.cosh(tracks.eta[i])
    # The point of the jet axis nearest to the track solves two linear equations.
    matrix = np.array([[1.0, -(jet @ direction)], [jet @ direction, -1.0]])
    along_jet = np.linalg.solve(matrix, [start @ jet, start @ direction])[0]
    return {
        "sip2d_val": math.copysign(abs(tracks.d0[i]), start[:2] @ jet[:2]),
        "sip3d_val": math.copysign(float(np.linalg.norm(nearest)), nearest @ jet),
        "jet_dist": abs(start @ normal) / float(np.linalg.norm(normal)),
        "decay_len": abs(along_jet),
        "p_par": momentum * float(direction @ jet),
        "pt_rel": momentum * float(np.linalg.norm(normal)),
    }


def test_impact_parameters_against_the_scalar_twin() -> None:
    """Signs, distances and projections of the compiled function are those of plain vectors."""
    rng = np.random.default_rng(7)
    n = 200
    tracks = make_tracks(rng.normal(0, 0.1, (3, n)), *random_directions(rng, n))
    eta, phi = rng.normal(0.5, 0.3, n), rng.normal(1, 0.3, n)
    impact = impact_parameters(tracks, np.arange(n), eta, phi)
    for i in range(n):
        for name, expected in scalar_impact(tracks, i, eta[i], phi[i]).items():
            assert getattr(impact, name)[i] == pytest.approx(expected, rel=1e-5, abs=1e-7), name


def test_impact_parameter_sign() -> None:
    """A decay in front of the primary vertex, seen along the jet, is positive; one behind is negative."""
    axis = np.zeros(1)
    for x, sign in ((0.2, 1), (-0.2, -1)):
        tracks = make_tracks(
            np.array([[x], [0.0], [0.0]]), np.array([5.0]), np.zeros(1), np.array([0.3]), np.ones(1)
        )
        impact = impact_parameters(tracks, np.zeros(1, np.int64), axis, axis)
        assert np.sign(impact.sip2d_val[0]) == np.sign(impact.sip3d_val[0]) == sign
        assert impact.decay_len[0] == pytest.approx(0.2, abs=0.01)
