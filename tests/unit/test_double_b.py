"""Inputs of double-b: axes against fastjet, the rest against a scalar twin after CMSSW's loops."""

import itertools
import math
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith.angles import delta_r
from jetsmith.derivations import of
from jetsmith.derivations.of_large import OF_LARGE, OTHERWISE
from jetsmith.features import axes
from jetsmith.features.derived import with_derived
from jetsmith.mock import mock_rows
from tests.unit.test_derived import Row
from tests.unit.test_tagging import KAON, PION, add, four

N_JETS = 120
FINE = (
    *("cpf_delta_r", "cpf_jet_dist_cm", "cpf_decay_len_cm", "cpf_sip2d_sig", "cpf_sip3d_sig"),
    *("cpf_is_measured", "sv_delta_r"),
)


@pytest.fixture(scope="module")
def jets() -> list[Row]:
    rows = mock_rows("ak8", N_JETS, seed=9)
    own = [name for name in rows.fields if not name.startswith("ddx_")]
    return with_derived(rows[own], [*FINE, *OF_LARGE, *OTHERWISE], of("ak8")).to_list()


def mass(momentum: list[float]) -> float:
    return math.sqrt(max(momentum[3] ** 2 - sum(x * x for x in momentum[:3]), 0))


def track(row: Row, i: int) -> list[float]:
    return four(row["cpf_pt_gev"][i], row["cpf_eta"][i], row["cpf_phi_rad"][i], PION)


def vertex(row: Row, v: int) -> list[float]:
    return four(*(row[f"sv_{name}"][v] for name in ("pt_gev", "eta", "phi_rad", "mass_gev")))


def to_axis(row: Row, prefix: str, i: int, axis: int) -> float:
    eta, phi = row["tau_axes"][2 * axis : 2 * axis + 2]
    return float(delta_r(row[f"{prefix}_eta"][i], row[f"{prefix}_phi_rad"][i], eta, phi))


def nearer(row: Row, prefix: str, i: int) -> int:
    return int(to_axis(row, prefix, i, 1) < to_axis(row, prefix, i, 0))


def is_kaon(row: Row, i: int, others: list[int]) -> bool:
    charge = row["cpf_charge"]
    return any(
        j != i and charge[i] * charge[j] <= 0 and abs(mass(add([track(row, i), track(row, j)])) - KAON) < 0.03
        for j in others
    )


def above(row: Row, threshold: float) -> tuple[float, float]:
    """Significance of the track that lifts the mass above a threshold, and of the one behind it."""
    significance = row["cpf_sip2d_sig"]
    chosen = [i for i, good in enumerate(row["cpf_is_measured"]) if good]
    order = sorted(chosen, key=lambda i: -significance[i])
    for place, i in enumerate(order):
        if mass(add([track(row, j) for j in order[: place + 1]])) > threshold:
            after = significance[order[place + 1]] if place + 1 < len(order) else -19
            return significance[i], after
    return -19, -19


def taken(row: Row) -> list[int]:
    """Vertices of the tag information, the smallest error of the flight first."""
    found = []
    for v, m in enumerate(row["sv_mass_gev"]):
        n, kaon = row["sv_n_tracks"][v], abs(m - KAON) < 0.05
        flight = 0.01 < row["sv_dxy_cm"][v] < 2.5 and row["sv_dxy_sig"][v] > 2 and m < 6.5
        if flight and row["sv_delta_r"][v] < 0.8 and (n > 2 or (n == 2 and not kaon)):
            found.append(v)
    return sorted(found, key=lambda v: row["sv_d3d_cm"][v] / row["sv_d3d_sig"][v])


def expected(row: Row) -> dict[str, Any]:
    measured = [i for i, good in enumerate(row["cpf_is_measured"]) if good]
    near = [
        i for i in measured
        if abs(row["cpf_jet_dist_cm"][i]) < 0.07
        and row["cpf_decay_len_cm"][i] < 5
        and row["cpf_delta_r"][i] < 0.8
    ]  # fmt: skip
    found: dict[str, Any] = {"ddx_n_tracks": sum(not is_kaon(row, i, near) for i in near)}
    charm, bottom = above(row, 1.5), above(row, 5.2)
    found |= {"ddx_track_sip2d_sig_above_charm": charm[0], "ddx_track_sip2d_sig_above_bottom": bottom}
    good = [i for i in measured if row["cpf_is_near_tau"][i]]
    assert not any(is_kaon(row, i, measured) for i in good)
    significance = row["cpf_sip3d_sig"]
    found["ddx_track_sip3d_sig"] = sorted((significance[i] for i in good), reverse=True)
    for axis in (0, 1):
        mine = sorted((significance[i] for i in good if nearer(row, "cpf", i) == axis), reverse=True)
        found[f"ddx_tau{axis + 1}_track_sip3d_sig"] = mine
    vertices = taken(row)
    counted = [v for v in vertices if row["sv_delta_r"][v] < 0.7]
    found["ddx_n_secondary_vertices"] = len(counted)
    found["ddx_z_ratio"] = math.nan
    if len(counted) == 1:
        first, second = row["tau_axes"][:2], row["tau_axes"][2:]
        found["ddx_z_ratio"] = float(delta_r(*first, *second)) * row["sv_pt_gev"][counted[0]]
        found["ddx_z_ratio"] /= row["sv_mass_gev"][counted[0]]
    elif counted:
        v, w = counted[:2]
        distance = delta_r(*(row[f"sv_{name}"][x] for x in (v, w) for name in ("eta", "phi_rad")))
        found["ddx_z_ratio"] = (
            float(distance) * row["sv_pt_gev"][w] / mass(add([vertex(row, v), vertex(row, w)]))
        )
    groups = [[v for v in vertices if nearer(row, "sv", v) == axis] for axis in (0, 1)]
    about = [0, 1]
    if not groups[0]:  # all of them are those of the first axis by name
        groups, about = [groups[1], []], [1, 0]
    fit = sum(track(row, i)[3] for i in measured if row["cpf_vertex_association"][i] == 7)
    for axis, mine in enumerate(groups):
        prefix = f"ddx_tau{axis + 1}"
        total = add([vertex(row, v) for v in mine])
        found[f"{prefix}_vertex_mass_gev"] = mass(total) if mine else math.nan
        found[f"{prefix}_flight_distance_2d_sig"] = row["sv_dxy_sig"][mine[0]] if mine else math.nan
        found[f"{prefix}_vertex_energy_ratio"] = min(total[3] / fit, 50) if mine and fit else math.nan
        number = sum(row["sv_n_tracks"][v] for v in mine)
        tracks = [i for i in measured if nearer(row, "cpf", i) == about[axis]]
        tracks = sorted(tracks, key=lambda i: -row["cpf_sip2d_sig"][i])[: int(number)]
        found[f"{prefix}_track_eta_rel"] = sorted(eta_rel(row, i, about[axis]) for i in tracks)[:3]
    first = groups[0]
    found["ddx_tau1_vertex_delta_r"] = to_axis(row, "sv", first[0], about[0]) if first else math.nan
    return found


def eta_rel(row: Row, i: int, axis: int) -> float:
    eta, phi = row["tau_axes"][2 * axis : 2 * axis + 2]
    direction = four(1.0, eta, phi, 0.0)
    p = track(row, i)
    along = sum(a * b for a, b in zip(p[:3], direction[:3], strict=True)) / direction[3]
    return 0.5 * math.log((p[3] + along) / (p[3] - along))


def test_inputs_are_those_of_the_scalar_twin(jets: list[Row]) -> None:
    """Every input of every jet, with jets of no, one and both axes with vertices among them."""
    kinds = {len({nearer(row, "sv", v) for v in taken(row)}) for row in jets}
    assert kinds == {0, 1, 2}
    assert any(taken(row) and all(nearer(row, "sv", v) for v in taken(row)) for row in jets)
    for row in jets:
        wanted = expected(row)
        assert set(wanted) == set(OTHERWISE)
        for name, value in wanted.items():
            np.testing.assert_allclose(row[name], value, rtol=2e-3, atol=1e-4, err_msg=name)


def test_axes_before_the_minimum_are_those_of_fastjet() -> None:
    """Exclusive kT jets, up to their order."""
    fastjet = pytest.importorskip("fastjet")
    rng = np.random.default_rng(4)
    for n in (2, 3, 12, 40):
        pt, eta, phi = rng.exponential(20, n) + 1, rng.normal(0.3, 0.3, n), rng.normal(3.1, 0.3, n)
        p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)])
        sequence = fastjet.ClusterSequence(
            [fastjet.PseudoJet(*map(float, column)) for column in p.T],
            fastjet.JetDefinition(fastjet.kt_algorithm, 1000.0),
        )
        theirs = sorted((jet.eta(), jet.phi_std()) for jet in sequence.exclusive_jets(2))
        found = axes.two_kt(p.copy())
        np.testing.assert_allclose(sorted([tuple(found[:2]), tuple(found[2:])]), theirs, rtol=1e-6)


def test_axes_are_at_a_minimum() -> None:
    """No step away makes 2-subjettiness smaller, and the way to it made it smaller."""
    rng = np.random.default_rng(5)
    pt, eta, phi = rng.exponential(20, 60) + 1, rng.normal(0, 0.3, 60), rng.normal(3.1, 0.3, 60)

    def tau(place: np.ndarray) -> float:
        distance = [delta_r(eta, phi, place[2 * k], place[2 * k + 1]) for k in (0, 1)]
        return float(np.sum(pt * np.minimum(np.minimum(*distance), axes.RADIUS)))

    p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)])
    start = axes.two_kt(p)
    found = axes.minimised(start.copy(), pt, eta, phi)
    assert tau(found) < tau(start)
    for place, step in itertools.product(range(4), (-0.01, 0.01)):
        assert tau(found + step * np.eye(4)[place]) > tau(found) * (1 - 1e-5)


def test_a_vertex_without_a_direction_has_no_axis() -> None:
    """It is at neither, and does not stand for those of the first."""
    rows = mock_rows("ak8", N_JETS, seed=9)
    own = [name for name in rows.fields if not name.startswith("ddx_")]
    wanted = ["sv_is_ddx_vertex", "sv_tau_axis"]
    before = with_derived(rows[own], [*FINE, *wanted], of("ak8"))
    unknown = (ak.local_index(rows["sv_eta"]) == 0) & (before["sv_is_ddx_vertex"] != 0)
    lost = ak.with_field(
        before[[*own, *FINE]], ak.where(unknown, np.float32(np.nan), before["sv_eta"]), "sv_eta"
    )
    after = with_derived(lost, wanted, of("ak8"))["sv_tau_axis"]
    assert ak.sum(unknown) > 10
    assert set(ak.flatten(before["sv_tau_axis"][unknown])) == {0, 1}
    assert set(ak.flatten(after[unknown])) == {-1}
    alone = ak.sum(after >= 0, axis=1) > 0
    assert ak.all(ak.any(after[alone] == 0, axis=1))
