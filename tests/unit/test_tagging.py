"""The tag information of AK4 jets from candidates and vertices, against scalar twins; stand-ins are told."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import derivations, io
from jetsmith.configuration.records import read_yaml, validate
from jetsmith.derivations import from_plain, of, plain, reached
from jetsmith.derivations.of_tags import OF_TAGS, OTHERWISE
from jetsmith.features import ctagging, tagging
from jetsmith.features.compute import compute_features
from jetsmith.features.derived import stand_ins, with_derived
from jetsmith.features.table import Lists
from jetsmith.mock import mock_rows
from jetsmith.specs.features import FeatureGroup
from tests.unit.test_derived import Row, cross, dot, vectors

CONFIG = Path(__file__).parents[2] / "config"
PION, KAON = 0.13957018, 0.497648
MEASURED = (
    *("cpf_delta_r", "cpf_decay_len_cm", "cpf_sip2d_val_cm", "cpf_sip2d_sig"),
    *("cpf_pt_rel_gev", "cpf_eta_rel", "sv_delta_r"),
)


def four(pt: float, eta: float, phi: float, mass: float) -> list[float]:
    energy = math.sqrt((pt * math.cosh(eta)) ** 2 + mass**2)
    return [pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta), energy]


def add(momenta: list[list[float]]) -> list[float]:
    return [sum(column) for column in zip(*momenta, strict=True)] if momenta else [0.0] * 4


def mass(p: list[float]) -> float:
    return math.sqrt(max(p[3] ** 2 - dot(p[:3], p[:3]), 0))


def pion(row: Row, i: int) -> list[float]:
    return four(row["cpf_pt_gev"][i], row["cpf_eta"][i], row["cpf_phi_rad"][i], PION)


def distance_to_axis(row: Row, p: list[float]) -> float:
    across = max(math.hypot(p[0], p[1]), 1e-9)
    dphi = math.remainder(math.atan2(p[1], p[0]) - row["jet_phi_rad"], 2 * math.pi)
    return math.hypot(math.asinh(p[2] / across) - row["jet_eta"], dphi)


def measured(row: Row) -> list[int]:
    columns = ("cpf_pt_gev", "cpf_d0_cm", "cpf_dz_cm", "cpf_chi2")
    return [
        i for i, (pt, d0, dz, chi2) in enumerate(zip(*(row[name] for name in columns), strict=True))
        if pt > 1 and abs(d0) < 0.2 and abs(dz) < 17 and chi2 < 5
    ]  # fmt: skip


def few(row: Row) -> bool:
    return len(measured(row)) < 2


def near(row: Row) -> list[int]:
    if few(row):
        return []
    return [
        i for i in measured(row) if abs(row["cpf_jet_dist_cm"][i]) <= 0.07 and row["cpf_decay_len_cm"][i] <= 5
    ]


def selected(row: Row) -> list[int]:
    return [i for i in near(row) if row["cpf_delta_r"][i] < 0.3]


def makes_kaon(row: Row, i: int, j: int, window: float) -> bool:
    opposite = row["cpf_charge"][i] * row["cpf_charge"][j] <= 0
    return opposite and abs(mass(add([pion(row, i), pion(row, j)])) - KAON) < window


def tag_tracks(row: Row) -> list[int]:
    """In falling 2D significance."""
    taken = selected(row)
    kept = [i for i in taken if not any(makes_kaon(row, i, j, 0.03) for j in taken if j != i)]
    return sorted(kept, key=lambda i: -row["cpf_sip2d_sig"][i])


def pseudo(row: Row) -> list[int]:
    found = [i for i in selected(row) if row["cpf_sip2d_sig"][i] > 2]
    kaon = len(found) == 2 and makes_kaon(row, *found, 0.05)
    return sorted(found, key=lambda i: -row["cpf_sip2d_sig"][i]) if len(found) >= 2 and not kaon else []


def vertices(row: Row) -> list[int]:
    """The first has the smallest error of its flight distance."""
    kept = [
        i for i, m in enumerate(row["sv_mass_gev"])
        if m < 6.5 and 0.01 < row["sv_dxy_cm"][i] < 2.5 and row["sv_dxy_sig"][i] > 2
        and row["sv_delta_r"][i] < 0.3 and row["sv_n_tracks"][i] >= 2
        and not (row["sv_n_tracks"][i] == 2 and abs(m - KAON) < 0.05) and not few(row)
    ]  # fmt: skip
    return sorted(kept, key=lambda i: row["sv_d3d_cm"][i] / row["sv_d3d_sig"][i])


def category(row: Row) -> float:
    return math.nan if few(row) else 0.0 if vertices(row) else 1.0 if pseudo(row) else 2.0


def vertex(row: Row, i: int) -> list[float]:
    return four(*(row[f"sv_{name}"][i] for name in ("pt_gev", "eta", "phi_rad", "mass_gev")))


def of_vertex(row: Row, real: Callable[[], float], made_up: Callable[[], float]) -> float:
    return real() if category(row) == 0 else made_up() if category(row) == 1 else math.nan


def all_vertices(row: Row) -> list[float]:
    return add([vertex(row, i) for i in vertices(row)])


def pseudo_sum(row: Row) -> list[float]:
    return add([pion(row, i) for i in pseudo(row)])


def corrected_mass(row: Row) -> float:
    total, cosine = all_vertices(row), row["sv_cos_theta"][vertices(row)[0]]
    across = math.sqrt(dot(total[:3], total[:3]) * (1 - cosine**2))
    return math.hypot(mass(total), across) + across


def vertex_mass(row: Row) -> float:
    return of_vertex(row, lambda: corrected_mass(row), lambda: mass(pseudo_sum(row)))


def energy_ratio(row: Row) -> float:
    whole = sum(pion(row, i)[3] for i in selected(row))
    if not whole:
        return 1.0 if category(row) < 2 else math.nan
    return of_vertex(row, lambda: all_vertices(row)[3] / whole, lambda: pseudo_sum(row)[3] / whole)


def vertex_distance(row: Row) -> float:
    def real() -> float:
        first = vertices(row)[0]
        angle = math.acos(min(row["sv_cos_theta"][first], 1)) * math.cosh(row["jet_eta"])
        return math.hypot(row["sv_delta_r"][first], angle)

    return of_vertex(row, real, lambda: distance_to_axis(row, pseudo_sum(row)))


def n_vertex_tracks(row: Row) -> float:
    real = sum(row["sv_n_tracks"][i] for i in vertices(row))
    return real if category(row) == 0 else len(pseudo(row)) if category(row) == 1 else 0


def eta_rel(row: Row) -> list[float]:
    displaced = sorted(measured(row), key=lambda i: -row["cpf_sip2d_sig"][i])
    tracks = displaced[: int(n_vertex_tracks(row))] if category(row) == 0 else pseudo(row)
    return [row["cpf_eta_rel"][i] for i in tracks] if category(row) < 2 else []


def above_charm(row: Row, kind: str, column: str) -> float:
    if few(row):
        return math.nan
    total = [0.0] * 4
    for i in sorted(near(row), key=lambda i: -row[f"cpf_sip{kind}_sig"][i]):
        total = add([total, pion(row, i)])
        if mass(total) > 1.5:
            return float(row[f"cpf_sip{kind}_{column}"][i])
    return -1.0


def jet_momentum(row: Row) -> list[float]:
    scale = row["jet_raw_pt_gev"] / row["jet_pt_gev"]
    return four(row["jet_raw_pt_gev"], row["jet_eta"], row["jet_phi_rad"], row["jet_mass_gev"] * scale)


def transverse_energy(p: list[float]) -> float:
    return p[3] * math.hypot(p[0], p[1]) / max(math.sqrt(dot(p[:3], p[:3])), 1e-9)


def selected_sum(row: Row) -> list[float]:
    return add([pion(row, i) for i in selected(row)])


def leptons(row: Row) -> tuple[float, list[int]]:
    code = [abs(x) for x in row["cpf_pdg_id"]]
    clean = [i for i, s in enumerate(row["cpf_sip3d_sig"]) if abs(s) < 200]
    muons = [i for i in clean if code[i] == 13 and row["cpf_pt_gev"][i] >= 2]
    electrons = [i for i in clean if code[i] == 11 and row["cpf_delta_r"][i] <= 0.4]
    kind, found = (1.0, muons) if muons else (2.0, electrons) if electrons else (0.0, [])
    return kind, sorted(found, key=lambda i: -row["cpf_pt_gev"][i])


def with_jet(row: Row, i: int) -> tuple[float, float, float]:
    """Product of the four-momenta, and both momenta."""
    m = 0.1056584 if leptons(row)[0] == 1 else 0.000511
    own = four(row["cpf_pt_gev"][i], row["cpf_eta"][i], row["cpf_phi_rad"][i], m)
    jet = jet_momentum(row)
    sizes = [math.sqrt(dot(p[:3], p[:3])) for p in (own, jet)]
    return own[3] * jet[3] - dot(own[:3], jet[:3]), *sizes


def lepton_eta_rel(row: Row, i: int) -> float:
    product, own, jet = with_jet(row, i)
    return -math.log((own * jet - product) / (own * jet + product)) / 2


def energy_fraction(row: Row) -> float:
    whole = sum(pion(row, i)[3] for i in measured(row))

    def product(energy: float) -> float:
        x = vertex_mass(row) / 5.2794 * energy / whole
        return x / (x + 0.04)

    return of_vertex(
        row, lambda: product(vertex(row, vertices(row)[0])[3]), lambda: product(pseudo_sum(row)[3])
    )


def boost(row: Row) -> float:
    def bounded(pt: float) -> float:
        x = math.sqrt(5.2794) * pt / (vertex_mass(row) * math.sqrt(row["jet_raw_pt_gev"]))
        return x * x / (x * x + 10)

    tracks = sum(row["cpf_pt_gev"][i] for i in pseudo(row))
    return of_vertex(row, lambda: bounded(row["sv_pt_gev"][vertices(row)[0]]), lambda: bounded(tracks))


def of_first(column: str) -> Callable[[Row], float]:
    return lambda row: row[column][vertices(row)[0]] if vertices(row) else math.nan


FLAT: dict[str, Callable[[Row], float]] = {
    "tag_n_tracks": lambda row: len(measured(row)),
    "tag_n_selected_tracks": lambda row: len(tag_tracks(row)),
    "tag_n_secondary_vertices": lambda row: len(vertices(row)),
    "tag_n_tracks_eta_rel": n_vertex_tracks,
    "tag_vertex_category": category,
    "tag_vertex_n_tracks": n_vertex_tracks,
    "tag_vertex_mass_gev": vertex_mass,
    "tag_vertex_energy_ratio": energy_ratio,
    "tag_vertex_jet_delta_r": vertex_distance,
    "tag_flight_distance_2d_val_cm": of_first("sv_dxy_cm"),
    "tag_flight_distance_2d_sig": of_first("sv_dxy_sig"),
    "tag_flight_distance_3d_val_cm": of_first("sv_d3d_cm"),
    "tag_flight_distance_3d_sig": of_first("sv_d3d_sig"),
    "tag_track_sum_jet_et_ratio": lambda row: (
        math.nan if few(row)
        else transverse_energy(selected_sum(row)) / transverse_energy(jet_momentum(row))
    ),
    "tag_track_sum_jet_delta_r": lambda row: (
        math.nan if few(row) else distance_to_axis(row, selected_sum(row))
    ),
    "tag_mass_vertex_energy_fraction": energy_fraction,
    "tag_vertex_boost_over_sqrt_jet_pt": boost,
    "tag_vertex_lepton_category": lambda row: category(row) + 3 * leptons(row)[0],
} | {
    f"tag_track_sip{kind}_{name}": lambda row, kind=kind, column=column: above_charm(row, kind, column)
    for kind in ("2d", "3d")
    for name, column in (("val_above_charm_cm", "val_cm"), ("sig_above_charm", "sig"))
}  # fmt: skip
LISTS: dict[str, Callable[[Row], list[float]]] = {
    f"track_{name}": lambda row, column=f"cpf_{name}": [row[column][i] for i in tag_tracks(row)]
    for name in ("jet_dist_cm", "pt_rel_gev", "delta_r", "sip3d_sig", "sip2d_sig", "decay_len_cm")
} | {
    "track_pt_ratio": lambda row: [row["cpf_pt_rel_gev"][i] / momentum(row, i) for i in tag_tracks(row)],
    "track_p_par_gev": lambda row: [dot(*vectors(row, i)) for i in tag_tracks(row)],
    "track_p_par_ratio": lambda row: [dot(*vectors(row, i)) / momentum(row, i) for i in tag_tracks(row)],
    "track_eta_rel": eta_rel,
    "lepton_pt_rel_gev": lambda row: [math.dist(cross(*vectors(row, i)), [0, 0, 0]) for i in leptons(row)[1]],
    "lepton_sip3d_val_cm": lambda row: [row["cpf_sip3d_val_cm"][i] for i in leptons(row)[1]],
    "lepton_delta_r": lambda row: [row["cpf_delta_r"][i] for i in leptons(row)[1]],
    "lepton_ratio_rel": lambda row: [with_jet(row, i)[0] / with_jet(row, i)[2] ** 2 for i in leptons(row)[1]],
    "lepton_eta_rel": lambda row: [lepton_eta_rel(row, i) for i in leptons(row)[1]],
    "lepton_ratio": lambda row: [row["cpf_pt_gev"][i] / row["jet_raw_pt_gev"] for i in leptons(row)[1]],
}  # fmt: skip


def momentum(row: Row, i: int) -> float:
    return row["cpf_pt_gev"][i] * math.cosh(row["cpf_eta"][i])


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Jets without tag information, and all that follows from their candidates and vertices."""
    made = mock_rows("ak4", 400, seed=12)
    stored = [name for name in made.fields if not name.startswith(("tag_", "track_"))]
    return list(with_derived(made[stored], [*MEASURED, *FLAT, *LISTS], of("ak4")).to_list())


def test_tag_information_agrees_with_its_scalar_twins(rows: list[Row]) -> None:
    """Each number of each jet; vertices, pseudo vertices, K0S, leptons and jets without inputs all occur."""
    for row in rows:
        for name, twin in FLAT.items():
            assert row[name] == pytest.approx(twin(row), rel=1e-3, abs=1e-5, nan_ok=True), name
        for name, of_lists in LISTS.items():
            assert row[name] == pytest.approx(of_lists(row), rel=1e-3, abs=1e-5), name
    kinds = {row["tag_vertex_lepton_category"] for row in rows if not few(row)}
    assert kinds == set(range(9))
    assert any(few(row) for row in rows)
    assert any(row["tag_track_sip2d_sig_above_charm"] == -1 for row in rows)
    assert any(len(vertices(row)) > 1 for row in rows)


def test_every_column_of_the_tag_information_has_a_twin() -> None:
    """A new entry of the table is compared, too."""
    masks = {name for name in OF_TAGS if name.startswith(("cpf_", "sv_"))}
    parts = {name for name in OF_TAGS if name.startswith("tag_first_vertex")} | {"tag_vertex_cos_theta"}
    assert set(OF_TAGS) - masks - parts | set(OTHERWISE) == set(FLAT) | set(LISTS)


def _jet(tracks: list[tuple[float, float, float, int]]) -> tuple[Lists, ...]:
    """Tracks of one jet: pt, eta, phi, charge; the first column is a mask of all."""
    columns = np.array(tracks, np.float64).T
    offsets = np.array([0, len(tracks)])
    return (Lists(offsets, np.ones(len(tracks))), *(Lists(offsets, column) for column in columns))


def test_a_kaon_is_found_wherever_its_pions_stand() -> None:
    """Both pions are left out, whatever stands between them; with equal charges they stay."""
    half = KAON / 2  # at rest: back to back, each with half of the mass
    pt = math.sqrt(half**2 - PION**2)
    others = [(5.0, 1.5, 2.0, 1), (8.0, -1.0, 1.0, -1)]
    for first, second in itertools.combinations(range(4), 2):
        tracks = others.copy()
        tracks.insert(first, (pt, 0.0, 0.0, 1))
        tracks.insert(second, (pt, 0.0, math.pi, -1))
        kept = tagging.without_kaons(*_jet(tracks)).values
        assert kept.tolist() == [float(i not in (first, second)) for i in range(4)]
    same = [(pt, 0.0, 0.0, 1), (pt, 0.0, math.pi, 1)]
    assert tagging.without_kaons(*_jet(same)).values.tolist() == [1, 1]


def test_a_kaon_alone_is_no_pseudo_vertex_but_with_a_third_track_it_is() -> None:
    pt = math.sqrt((KAON / 2) ** 2 - PION**2)
    pair = [(pt, 0.0, 0.0, 1), (pt, 0.0, math.pi, -1)]
    for tracks, made in ((pair, False), ([*pair, (5.0, 1.5, 2.0, 1)], True)):
        mask, *columns = _jet(tracks)
        significance = Lists(mask.offsets, np.full(len(tracks), 3.0))
        assert tagging.pseudo_vertex(mask, significance, *columns).values.tolist() == [made] * len(tracks)


def test_a_vertex_without_a_direction_gives_no_mass() -> None:
    """A vertex that its file does not find among all vertices has no momentum: NaN, not a mass of 0."""
    made = mock_rows("ak4", 200, seed=12)
    stored = [n for n in made.fields if not n.startswith(("tag_", "track_"))]
    whole = with_derived(made[stored], ["tag_vertex_category"], of("ak4"))
    whole["sv_eta"] = whole["sv_eta"] * np.float32(np.nan)
    found = with_derived(whole, ["tag_vertex_mass_gev", "tag_vertex_energy_ratio"], of("ak4"))
    real = np.asarray(whole.tag_vertex_category) == 0
    assert real.any()
    for name in ("tag_vertex_mass_gev", "tag_vertex_energy_ratio"):
        assert np.isnan(np.asarray(found[name])[real]).all(), name


def test_soft_electrons_are_within_the_jet() -> None:
    """Jets at random have none far off; muons count wherever the jet holds them."""
    offsets = np.array([0, 3, 4])
    muon, electron = np.array([0, 0, 0, 1]), np.array([1, 1, 1, 0])
    columns = muon, electron, np.array([5.0, 4.0, 1.0, 3.0]), np.array([0.5, 0.3, 0.1, 0.6]), np.ones(4)
    found = ctagging.soft_leptons(*(Lists(offsets, column) for column in columns))
    assert found.values.tolist() == [0, 2, 2, 1]


def test_the_c_taggers_read_their_47_inputs_of_any_jet(tmp_path: Path) -> None:
    """All can be had from candidates and vertices, and what is missing has CMS' default."""
    made = mock_rows("ak4", 300, seed=13)
    io.write_rows(
        tmp_path / "skim.parquet", made[[n for n in made.fields if not n.startswith(("tag_", "track_"))]]
    )
    path = CONFIG / "features" / "ak4.yaml"
    group = validate(FeatureGroup, {"name": "ak4", **read_yaml(path)}, path)
    compute_features(group, of("ak4"), tmp_path / "skim.parquet", tmp_path / "f.parquet", tmp_path / "f.json")
    assert len(group.presets["ctag"]) == len(set(group.presets["ctag"])) == 47
    features = io.read_rows(tmp_path / "f.parquet")
    values = {name: np.asarray(features[name]) for name in group.presets["ctag"]}
    assert all(np.isfinite(column).all() for column in values.values())
    without = values["leptonPtRel_0"] == -1
    assert 0 < np.mean(without) < 1
    assert (values["leptonSip3d_0"][without] == -10000).all()
    assert (values["vertexLeptonCategory"][without] <= 2).all()
    assert (values["vertexMass_0"][np.mod(values["vertexLeptonCategory"], 3) == 2] == np.float32(-0.1)).all()


STORED = {"cpf_pt_gev", "cpf_eta", "cpf_phi_rad", "jet_eta", "jet_phi_rad", "cpf_d0_cm", "cpf_d0_err_cm"}


def test_stand_ins_are_told_with_what_comes_from_them() -> None:
    """Also through other columns; not where a file stores the column itself, nor where nothing reads it."""
    wanted = ["cpf_sip2d_sig", "cpf_sip2d_val_cm", "cpf_delta_r"]
    ways = from_plain(plain(reached(wanted, "ak4"), reasons=True))
    found = stand_ins(wanted, STORED, ways)
    assert list(found) == ["cpf_sip2d_sig"]
    reason, read_by = found["cpf_sip2d_sig"]
    assert "primary vertex" in reason
    assert read_by == ["cpf_sip2d_sig"]
    assert stand_ins(wanted, STORED | {"cpf_sip2d_sig"}, ways) == {}
    everything = set(mock_rows("ak4", 1, seed=1).fields) - {"track_eta_rel"}
    deep = from_plain(plain(of("ak4"), reasons=True))
    assert stand_ins(["tag_n_tracks", "track_eta_rel"], everything, deep)["track_eta_rel"][1] == [
        "track_eta_rel"
    ]


def test_reasons_are_for_the_check_alone() -> None:
    """Another wording makes no features anew: what these get of the table has no reasons."""
    content: list[dict[str, Any]] = plain(reached(["cpf_sip3d_sig"], "ak4"))
    assert all(len(way) == 3 for entry in content for way in entry["ways"])
    assert derivations.DERIVED["cpf_sip3d_sig"][0].stand_in
    assert not from_plain(content)["cpf_sip3d_sig"][0].stand_in
