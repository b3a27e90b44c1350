"""Every derived column has a scalar twin, here or in `test_derived`: those of plain sums and of lists."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from jetsmith.derivations import of
from jetsmith.derivations.of_events import OF_EVENTS
from jetsmith.derivations.of_jets import OF_JETS, OTHERWISE
from jetsmith.derivations.of_particles import OF_PARTICLES
from jetsmith.features.derived import with_derived
from jetsmith.mock import mock_rows
from tests.unit import test_derived as others
from tests.unit.test_derived import Row, central, cross, nth, scalar_resolution, top, ttbar, vectors

Twin = Callable[[Row], Any]
NO_CODE = math.nan


def turned(angle: float) -> float:
    return math.remainder(angle, 2 * math.pi)


def to_axis(row: Row, kind: str) -> list[float]:
    return [
        math.hypot(eta - row["jet_eta"], turned(phi - row["jet_phi_rad"]))
        for eta, phi in zip(row[f"{kind}_eta"], row[f"{kind}_phi_rad"], strict=True)
    ]


def across(row: Row, i: int) -> float:
    return math.dist(cross(*vectors(row, i)), [0, 0, 0])


def momentum(row: Row, i: int) -> float:
    return float(row["cpf_pt_gev"][i] * math.cosh(row["cpf_eta"][i]))


def hardest(row: Row, code: int) -> int | None:
    """The hardest charged candidate of a kind."""
    found = [(pt, i) for i, pt in enumerate(row["cpf_pt_gev"]) if abs(row["cpf_pdg_id"][i]) == code]
    return max(found)[1] if found else None


def width(row: Row, kind: str) -> float:
    pt = row[f"{kind}_pt_gev"]
    return sum(p * d for p, d in zip(pt, to_axis(row, kind), strict=True)) / sum(pt) if pt else NO_CODE


def dispersion(row: Row) -> float:
    pt = [*row["cpf_pt_gev"], *row["npf_pt_gev"]]
    return math.sqrt(sum(p * p for p in pt)) / sum(pt) if pt else NO_CODE


def is_measured(row: Row) -> list[float]:
    columns = (row[f"cpf_{name}"] for name in ("pt_gev", "d0_cm", "dz_cm", "chi2"))
    return [
        float(pt > 1 and abs(d0) < 0.2 and abs(dz) < 17 and chi2 < 5)
        for pt, d0, dz, chi2 in zip(*columns, strict=True)
    ]


def energy(pt: float, eta: float, mass: float) -> float:
    return math.hypot(pt * math.cosh(eta), mass)


def of_vertices(row: Row) -> list[float]:
    whole = energy(*(row[f"jet_{name}"] for name in ("pt_gev", "eta", "mass_gev")))
    columns = (row[f"sv_{name}"] for name in ("pt_gev", "eta", "mass_gev"))
    return [energy(*vertex) / whole for vertex in zip(*columns, strict=True)]


def of_lepton(code: int, value: Callable[[Row, int], float]) -> Twin:
    def twin(row: Row) -> float:
        i = hardest(row, code)
        return NO_CODE if i is None else value(row, i)

    return twin


LEPTON: dict[str, Callable[[Row, int], float]] = {
    "charge": lambda row, i: row["cpf_charge"][i],
    "pt_rel_gev": across,
    "delta_r": lambda row, i: to_axis(row, "cpf")[i],
    "pt_fraction": lambda row, i: row["cpf_pt_gev"][i] / row["jet_pt_gev"],
    "sip3d_sig": lambda row, i: row["cpf_sip3d_sig"][i],
}
TWINS: dict[str, Twin] = {
    "cpf_abs_sip3d_sig": lambda row: [abs(s) for s in row["cpf_sip3d_sig"]],
    "cpf_is_measured": is_measured,
    "cpf_track_probability": lambda row: [scalar_resolution(s) for s in row["cpf_sip3d_sig"]],
    "cpf_max_pt_fraction": lambda row: nth(row["cpf_pt_gev"], 0) / row["jet_pt_gev"],
    "npf_max_pt_fraction": lambda row: nth(row["npf_pt_gev"], 0) / row["jet_pt_gev"],
    "cpf_max_pt_rel_gev": lambda row: nth([across(row, i) for i in range(len(row["cpf_eta"]))], 0),
    "cpf_second_abs_d0_cm": lambda row: nth([d0 for d0, _ in others.near(row)], 1),
    "cpf_width": lambda row: width(row, "cpf"),
    "npf_width": lambda row: width(row, "npf"),
    "jet_pt_dispersion": dispersion,
    "jet_tau32": lambda row: row["jet_tau3"] / row["jet_tau2"],
    "n_muons": lambda row: sum(abs(code) == 13 for code in row["cpf_pdg_id"]),
    "n_electrons": lambda row: sum(abs(code) == 11 for code in row["cpf_pdg_id"]),
    "npf_sum_pt_fraction": lambda row: sum(row["npf_pt_gev"]) / row["jet_pt_gev"],
    "photon_sum_pt_fraction": lambda row: (
        sum(p for p, code in zip(row["npf_pt_gev"], row["npf_pdg_id"], strict=True) if code == 22)
        / row["jet_pt_gev"]
    ),
    "sv_max_d3d_cm": lambda row: nth(row["sv_d3d_cm"], 0),
    "sv_max_dxy_sig": lambda row: nth(row["sv_dxy_sig"], 0),
    "sv_max_mass_gev": lambda row: nth(row["sv_mass_gev"], 0),
    "sv_max_pt_fraction": lambda row: nth(row["sv_pt_gev"], 0) / row["jet_pt_gev"],
    "sv_sum_n_tracks": lambda row: sum(row["sv_n_tracks"]),
    "cpf_delta_r": lambda row: to_axis(row, "cpf"),
    "npf_delta_r": lambda row: to_axis(row, "npf"),
    "sv_delta_r": lambda row: to_axis(row, "sv"),
    "cpf_pt_ratio": lambda row: [across(row, i) / momentum(row, i) for i in range(len(row["cpf_eta"]))],
    "npf_deta": lambda row: [eta - row["jet_eta"] for eta in row["npf_eta"]],
    "npf_dphi_rad": lambda row: [turned(phi - row["jet_phi_rad"]) for phi in row["npf_phi_rad"]],
    "sv_dphi_rad": lambda row: [turned(phi - row["jet_phi_rad"]) for phi in row["sv_phi_rad"]],
    "npf_is_photon": lambda row: [float(code == 22) for code in row["npf_pdg_id"]],
    "npf_pt_fraction": lambda row: [pt / row["jet_pt_gev"] for pt in row["npf_pt_gev"]],
    "npf_min_delta_r_sv": lambda row: [
        min([0.4, *(math.hypot(eta - e, turned(phi - f)) for e, f in zip(*_vertices(row), strict=True))])
        for eta, phi in zip(row["npf_eta"], row["npf_phi_rad"], strict=True)
    ],
    "n_cpf": lambda row: len(row["cpf_pt_gev"]),
    "n_npf": lambda row: len(row["npf_pt_gev"]),
    "n_sv": lambda row: len(row["sv_mass_gev"]),
    "sv_energy_ratio": of_vertices,
} | {
    f"soft_{lepton}_{name}": of_lepton(code, value)
    for lepton, code in (("muon", 13), ("electron", 11))
    for name, value in LEPTON.items()
}  # fmt: skip


def _vertices(row: Row) -> tuple[list[float], list[float]]:
    return row["sv_eta"], row["sv_phi_rad"]


def weighted(row: Row) -> list[tuple[str, int]]:
    """Candidates as PUPPI keeps them, charged ones first: kind and place."""
    return [
        (kind, i)
        for kind in ("cpf", "npf")
        for i, weight in enumerate(row[f"{kind}_puppi_weight"])
        if weight >= 0.01
    ]


def to_subjet(row: Row, number: int) -> list[float]:
    """From the directions themselves, which the columns do not use."""
    if len(row["subjet_eta"]) <= number:
        return [NO_CODE for _ in weighted(row)]
    eta, phi = row["subjet_eta"][number], row["subjet_phi_rad"][number]
    return [
        math.hypot(row[f"{kind}_eta"][i] - eta, turned(row[f"{kind}_phi_rad"][i] - phi))
        for kind, i in weighted(row)
    ]


def of_both(name: str) -> Twin:
    return lambda row: [row[f"{kind}_{name}"][i] for kind, i in weighted(row)]


def of_tracks(name: str) -> Twin:
    return lambda row: [row[f"cpf_{name}"][i] if kind == "cpf" else NO_CODE for kind, i in weighted(row)]


def of_track(function: Callable[[Row, int], float]) -> Twin:
    return lambda row: [function(row, i) if kind == "cpf" else NO_CODE for kind, i in weighted(row)]


def outward(row: Row, etas: list[float]) -> list[float]:
    side = 1 if row["jet_eta"] > 0 else -1
    return [side * (eta - row["jet_eta"]) for eta in etas]


BOTH = ("pt_gev", "eta", "deta", "dphi_rad", "pdg_id", "puppi_weight", "pt_fraction", "delta_r")
OF_TRACKS = (
    *("charge", "d0_cm", "d0_err_cm", "dz_cm", "dz_err_cm", "chi2", "quality", "vertex_association"),
    *("lost_inner_hits", "eta_rel", "pt_ratio", "p_par_ratio", "sip2d_val_cm", "sip2d_sig", "sip3d_val_cm"),
    *("sip3d_sig", "jet_dist_cm"),
)
KINDS: dict[str, Callable[[int], bool]] = {
    "muon": lambda code: abs(code) == 13,
    "electron": lambda code: abs(code) == 11,
    "photon": lambda code: code == 22,
    "charged_hadron": lambda code: abs(code) == 211,
    "neutral_hadron": lambda code: code == 130,
}
PARTICLES: dict[str, Twin] = {
    **{f"pf_{name}": of_both(name) for name in (*BOTH, "min_delta_r_sv", "energy_gev")},
    **{f"pf_{name}": of_tracks(name) for name in OF_TRACKS},
    **{
        f"pf_is_{kind}": lambda row, test=test: [float(test(row[f"{k}_pdg_id"][i])) for k, i in weighted(row)]
        for kind, test in KINDS.items()
    },
    "pf_puppi_pt_gev": lambda row: [
        row[f"{kind}_pt_gev"][i] * row[f"{kind}_puppi_weight"][i] for kind, i in weighted(row)
    ],
    "pf_puppi_pt_fraction": lambda row: [
        row[f"{kind}_pt_gev"][i] * row[f"{kind}_puppi_weight"][i] / row["jet_pt_gev"]
        for kind, i in weighted(row)
    ],
    "pf_puppi_energy_fraction": lambda row: [
        row[f"{kind}_energy_gev"][i]
        * row[f"{kind}_puppi_weight"][i]
        / energy(row["jet_pt_gev"], row["jet_eta"], row["jet_mass_gev"])
        for kind, i in weighted(row)
    ],
    "pf_delta_r_subjet1": lambda row: to_subjet(row, 0),
    "pf_delta_r_subjet2": lambda row: to_subjet(row, 1),
    "sv_pt_fraction": lambda row: [pt / row["jet_pt_gev"] for pt in row["sv_pt_gev"]],
    "pf_eta_outward": lambda row: outward(row, of_both("eta")(row)),
    "sv_eta_outward": lambda row: outward(row, row["sv_eta"]),
    "sv_deta": lambda row: [eta - row["jet_eta"] for eta in row["sv_eta"]],
    "pf_whole_chi2": of_track(lambda row, i: math.floor(row["cpf_chi2"][i])),
    "pf_d0_sig": of_track(lambda row, i: row["cpf_d0_cm"][i] / row["cpf_d0_err_cm"][i]),
    "pf_dz_sig": of_track(lambda row, i: row["cpf_dz_cm"][i] / row["cpf_dz_err_cm"][i]),
    "pf_dsz_sig": of_track(
        lambda row, i: row["cpf_dz_cm"][i] / (row["cpf_dz_err_cm"][i] * math.cosh(row["cpf_eta"][i]))
    ),
}  # fmt: skip


def of_central(name: str) -> Twin:
    return lambda row: [jet[name] for jet in central(row)]


EVENTS: dict[str, Twin] = {
    **{f"central_genjet_{name}": of_central(name) for name in ("pt_gev", "eta", "phi_rad", "mass_gev")},
    "central_genjet_hadron_flavour": of_central("hadron_flavour"),
    "central_genjet_abs_delta_phi_z_rad": lambda row: [
        abs(turned(jet["phi_rad"] - row["z_phi_rad"])) for jet in central(row)
    ],
    "delta_eta_jj": lambda row: (
        abs(central(row)[0]["eta"] - central(row)[1]["eta"]) if len(central(row)) > 1 else NO_CODE
    ),
    "z_jet1_balance": lambda row: central(row)[0]["pt_gev"] / row["z_pt_gev"] if central(row) else NO_CODE,
    "gen_b_ht_gev": lambda row: sum(jet["pt_gev"] for jet in central(row) if jet["hadron_flavour"] == 5),
    "n_c_gen_jets": lambda row: sum(jet["hadron_flavour"] == 4 for jet in central(row)),
    "last_ttbar_y": lambda row: math.atanh(ttbar(row, "last")[3] / ttbar(row, "last")[0]),
    **{
        f"{quark}_{name}": lambda row, quark=quark, name=name: top(row, quark, name)
        for quark in ("top", "antitop")
        for name in ("pt_gev", "y", "phi_rad", "mass_gev")
    },
}  # fmt: skip
OF_AK4 = {*OF_JETS, *OTHERWISE}


@pytest.mark.parametrize(("kind", "twins"), [("ak4", TWINS), ("ak8", PARTICLES), ("event", EVENTS)])
def test_columns_agree_with_their_twins(kind: str, twins: dict[str, Twin]) -> None:
    """Row by row, what files may hold is computed, too; each column differs from row to row."""
    rows = mock_rows(kind, 100, seed=15)
    own = [name for name in rows.fields if name not in twins]
    # What twins of all candidates look at has twins itself.
    beside = [f"{k}_{name}" for k in ("cpf", "npf") for name in (*BOTH, "min_delta_r_sv")]
    beside += [f"cpf_{name}" for name in OF_TRACKS]
    found = with_derived(rows[own], [*twins, *(beside if kind == "ak8" else [])], of(kind)).to_list()
    for name, twin in twins.items():
        expected = [twin(row) for row in found]
        for row, value in zip(found, expected, strict=True):
            assert row[name] == pytest.approx(value, rel=5e-4, abs=5e-6, nan_ok=True), name
        assert len({str(value) for value in expected}) > 1, name


def test_every_column_has_a_twin() -> None:
    """A new entry of a table is compared, too; pseudorapidities of candidates by test_relative_candidates."""
    with_twins = {*TWINS, *others.ELEMENTWISE, *others.JETS}
    assert OF_AK4 - with_twins == {"cpf_eta", "npf_eta"}
    assert set(PARTICLES) == {*OF_PARTICLES, "pf_delta_r_subjet1", "pf_delta_r_subjet2"}
    assert set(OF_EVENTS) == {*EVENTS, *others.EVENTS} - {"lhe_ht_gev"}
