"""Derived columns against slow scalar twins, and the rules by which they are found."""

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns
from jetsmith.derivations import DERIVED, of
from jetsmith.derivations.ways import Way
from jetsmith.features import formulas, named, summaries
from jetsmith.features.derived import (
    available_with_derived,
    derive,
    plan,
    stand_ins,
    stored_needs,
    with_derived,
)
from jetsmith.features.table import Lists, to_rows, to_table
from jetsmith.mock import mock_rows

Row = dict[str, Any]


@pytest.fixture(scope="module", params=["ak4", "ak8", "event"])
def obj(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- scalar twins: one row as a dict of numbers and lists in, the derived value out ---


def vectors(row: Row, i: int) -> tuple[list[float], list[float]]:
    """Momentum of candidate i and unit vector of the jet."""
    pt, eta, phi = row["cpf_pt_gev"][i], row["cpf_eta"][i], row["cpf_phi_rad"][i]
    jet = [math.cos(row["jet_phi_rad"]), math.sin(row["jet_phi_rad"]), math.sinh(row["jet_eta"])]
    size = math.sqrt(sum(x * x for x in jet))
    return [pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)], [x / size for x in jet]


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def cross(a: list[float], b: list[float]) -> list[float]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def eta_rel(row: Row, i: int) -> float:
    p, jet = vectors(row, i)
    along, energy = dot(p, jet), math.sqrt(dot(p, p) + formulas.PION_MASS_GEV**2)
    return 0.5 * math.log((energy + along) / (energy - along))


def impact_point(row: Row, i: int) -> tuple[list[float], list[float]]:
    """The point of the straight track nearest to the vertex, and the track's direction."""
    p, _ = vectors(row, i)
    track = [x / math.sqrt(dot(p, p)) for x in p]
    phi, d0 = row["cpf_phi_rad"][i], row["cpf_d0_cm"][i]
    point = [-d0 * math.sin(phi), d0 * math.cos(phi), row["cpf_dz_cm"][i]]
    along = dot(point, track)
    return [x - along * t for x, t in zip(point, track, strict=True)], track


def sip2d(row: Row, i: int) -> float:
    d0, phi = row["cpf_d0_cm"][i], row["cpf_phi_rad"][i]
    side = -d0 * math.sin(phi) * math.cos(row["jet_phi_rad"])
    side += d0 * math.cos(phi) * math.sin(row["jet_phi_rad"])
    return math.copysign(abs(d0), side)


def sip3d(row: Row, i: int) -> float:
    point, _ = impact_point(row, i)
    return math.copysign(math.sqrt(dot(point, point)), dot(point, vectors(row, i)[1]))


def sip3d_significance(row: Row, i: int) -> float:
    """Errors of track and vertex along the line between them; the track's lie across its direction."""
    point, _ = impact_point(row, i)
    size = math.sqrt(dot(point, point))
    line = [x / size for x in point]
    phi, eta = row["cpf_phi_rad"][i], row["cpf_eta"][i]
    aside = [-math.sin(phi), math.cos(phi), 0.0]
    above = [-math.tanh(eta) * math.cos(phi), -math.tanh(eta) * math.sin(phi), 1 / math.cosh(eta)]
    variance = (dot(line, aside) * row["cpf_d0_err_cm"][i]) ** 2
    variance += (dot(line, above) * row["cpf_dz_err_cm"][i]) ** 2
    variance += (math.hypot(line[0], line[1]) * 3e-4) ** 2 + (line[2] * 5e-4) ** 2
    return sip3d(row, i) / math.sqrt(variance)


def jet_distance(row: Row, i: int) -> float:
    point, track = impact_point(row, i)
    normal = cross(track, vectors(row, i)[1])
    return -abs(dot(point, normal)) / math.sqrt(dot(normal, normal))


def decay_length(row: Row, i: int) -> float:
    point, direction = impact_point(row, i)
    axis = vectors(row, i)[1]
    normal = cross(direction, axis)
    return abs(dot(point, axis)) / dot(normal, normal)


def min_delta_r_sv(row: Row, i: int, bound: float = 0.4) -> float:
    if any(math.isnan(eta) for eta in row["sv_eta"]):
        return math.nan
    nearest = bound
    for eta, phi in zip(row["sv_eta"], row["sv_phi_rad"], strict=True):
        dphi = math.remainder(row["cpf_phi_rad"][i] - phi, 2 * math.pi)
        nearest = min(nearest, math.hypot(row["cpf_eta"][i] - eta, dphi))
    return nearest


ELEMENTWISE: dict[str, Callable[[Row, int], float]] = {
    "cpf_deta": lambda row, i: row["cpf_eta"][i] - row["jet_eta"],
    "cpf_dphi_rad": lambda r, i: math.remainder(r["cpf_phi_rad"][i] - r["jet_phi_rad"], 2 * math.pi),
    "cpf_is_muon": lambda row, i: float(abs(row["cpf_pdg_id"][i]) == 13),
    "cpf_is_electron": lambda row, i: float(abs(row["cpf_pdg_id"][i]) == 11),
    "cpf_p_par_gev": lambda row, i: dot(*vectors(row, i)),
    "cpf_pt_rel_gev": lambda row, i: math.dist(cross(*vectors(row, i)), [0, 0, 0]),
    "cpf_p_par_ratio": lambda row, i: dot(*vectors(row, i)) / math.dist(vectors(row, i)[0], [0, 0, 0]),
    "cpf_eta_rel": eta_rel,
    "cpf_sip2d_val_cm": sip2d,
    "cpf_sip2d_sig": lambda row, i: sip2d(row, i) / math.hypot(row["cpf_d0_err_cm"][i], 3e-4),
    "cpf_sip3d_val_cm": sip3d,
    "cpf_sip3d_sig": sip3d_significance,
    "cpf_jet_dist_cm": jet_distance,
    "cpf_decay_len_cm": decay_length,
    "cpf_pt_fraction": lambda row, i: row["cpf_pt_gev"][i] / row["jet_pt_gev"],
    "cpf_d0_sig": lambda row, i: row["cpf_d0_cm"][i] / row["cpf_d0_err_cm"][i],
    "cpf_min_delta_r_sv": min_delta_r_sv,
}


def scalar_resolution(s: float) -> float:
    value = 0.93 * math.exp(-s * s / 2) + 0.06 * math.exp(-abs(s) / 2.2) + 0.012 * math.exp(-abs(s) / 10)
    return min(max(value, 1e-4), 1)


def scalar_log_chance(probabilities: list[float]) -> float:
    """CMSSW's jetProbability, loop for loop (RecoBTag/ImpactParameter)."""
    exponent = -sum(math.log(p) for p in probabilities)
    terms = [exponent**j / math.factorial(j) for j in range(len(probabilities))]
    return max(math.log(sum(terms)) - exponent, -30)


def selected(row: Row, max_delta_r: float = math.inf) -> list[float]:
    found = []
    for i, significance in enumerate(row["cpf_sip3d_sig"]):
        near = abs(row["cpf_jet_dist_cm"][i]) < 0.07 and decay_length(row, i) < 5
        near = near and delta_r_to_axis(row, i) < max_delta_r
        good = abs(row["cpf_d0_cm"][i]) < 0.2 and abs(row["cpf_dz_cm"][i]) < 17 and row["cpf_chi2"][i] < 5
        if row["cpf_pt_gev"][i] > 1 and good and near:
            found.append(significance)
    return found


def delta_r_to_axis(row: Row, i: int) -> float:
    dphi = math.remainder(row["cpf_phi_rad"][i] - row["jet_phi_rad"], 2 * math.pi)
    return math.hypot(row["cpf_eta"][i] - row["jet_eta"], dphi)


def jet_probability(row: Row, max_delta_r: float = math.inf) -> float:
    found = selected(row, max_delta_r)
    chances = [scalar_resolution(s) for s in found if s >= 0]
    if not chances:
        return 0.0 if found else math.nan
    return -scalar_log_chance(chances) / 4 / math.log(10)


def jet_b_probability(row: Row) -> float:
    found = selected(row)
    if not found:
        return math.nan
    leading = sorted(scalar_resolution(s) for s in found if s > 0)[:4]  # CMSSW sorts probabilities
    first = scalar_log_chance(leading) if leading else 0.0
    return -first / 4 - scalar_log_chance([scalar_resolution(s) for s in found]) / 4


def hardest_muon(row: Row) -> float:
    muons = [(pt, i) for i, pt in enumerate(row["cpf_pt_gev"]) if abs(row["cpf_pdg_id"][i]) == 13]
    return math.dist(cross(*vectors(row, max(muons)[1])), [0, 0, 0]) if muons else math.nan


def charges(row: Row) -> float:
    muons = [(pt, i) for i, pt in enumerate(row["cpf_pt_gev"]) if abs(row["cpf_pdg_id"][i]) == 13]
    return row["cpf_charge"][max(muons)[1]] * row["lepton_charge"] if muons else math.nan


def nth(values: list[float], n: int) -> float:
    return sorted(values, reverse=True)[n] if len(values) > n else math.nan


def near(row: Row) -> list[tuple[float, float]]:
    """|d0| and pt of the near tracks."""
    tracks = zip(row["cpf_d0_cm"], row["cpf_dz_cm"], row["cpf_pt_gev"], strict=True)
    return [(abs(d0), pt) for d0, dz, pt in tracks if pt > 1 and abs(d0) < 0.2 and abs(dz) < 0.5]


def mean_d0(row: Row) -> float:
    total = sum(pt for _, pt in near(row))
    return sum(d0 * pt for d0, pt in near(row)) / total if total else math.nan


JETS: dict[str, Callable[[Row], float]] = {
    "jet_probability_derived": jet_probability,
    "jet_b_probability_derived": jet_b_probability,
    "track_counting_second": lambda row: nth(selected(row), 1),
    "track_counting_third": lambda row: nth(selected(row), 2),
    "soft_muon_pt_rel_gev": hardest_muon,
    "soft_muon_lepton_charge": charges,
    "cpf_sum_pt_fraction": lambda row: sum(row["cpf_pt_gev"]) / row["jet_pt_gev"],
    "cpf_max_abs_d0_cm": lambda row: nth([d0 for d0, _ in near(row)], 0),
    "cpf_mean_abs_d0_cm": mean_d0,
    "cpf_third_abs_d0_cm": lambda row: nth([d0 for d0, _ in near(row)], 2),
    "n_displaced": lambda row: sum(d0 > 0.01 for d0, _ in near(row)),
    "sv_max_d3d_sig": lambda row: nth(row["sv_d3d_sig"], 0),
    "jet_tau21": lambda row: row["jet_tau2"] / row["jet_tau1"],
}


def central(row: Row) -> list[Row]:
    fields = ("pt_gev", "eta", "phi_rad", "mass_gev", "hadron_flavour")
    jets = [
        dict(zip(fields, v, strict=True)) for v in zip(*(row[f"genjet_{f}"] for f in fields), strict=True)
    ]
    return [jet for jet in jets if jet["pt_gev"] > 20 and abs(jet["eta"]) < 2.5]


def pair_distance(jets: list[Row]) -> float:
    if len(jets) < 2:
        return math.nan
    dphi = math.remainder(jets[0]["phi_rad"] - jets[1]["phi_rad"], 2 * math.pi)
    return math.hypot(jets[0]["eta"] - jets[1]["eta"], dphi)


def b_partons(row: Row) -> list[Row]:
    fields = ("pt_gev", "eta", "phi_rad", "mass_gev", "flavour")
    lists = (row[f"lhe_parton_{name}"] for name in fields)
    partons = [dict(zip(fields, values, strict=True)) for values in zip(*lists, strict=True)]
    return [parton for parton in partons if parton["flavour"] == 5]


def pair_mass(jets: list[Row]) -> float:
    jets = jets[:2]
    if len(jets) < 2:
        return math.nan
    total = [0.0] * 4
    for jet in jets:
        pt, eta, phi = jet["pt_gev"], jet["eta"], jet["phi_rad"]
        p = [pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)]
        momentum = [math.sqrt(dot(p, p) + jet["mass_gev"] ** 2), *p]
        total = [a + b for a, b in zip(total, momentum, strict=True)]
    return math.sqrt(total[0] ** 2 - dot(total[1:], total[1:]))


def top(row: Row, quark: str, name: str) -> float:
    first = float(row[f"first_{quark}_{name}"])
    return float(row[f"last_{quark}_{name}"]) if math.isnan(first) else first


def ttbar(row: Row, copy: str = "") -> list[float]:
    """Energy and momentum of top and antitop together."""
    total = [0.0] * 4
    for quark in ("top", "antitop"):
        pt, y, phi, mass = (
            float(row[f"last_{quark}_{name}"]) if copy else top(row, quark, name)
            for name in ("pt_gev", "y", "phi_rad", "mass_gev")
        )
        transverse = math.sqrt(pt * pt + mass * mass)
        own = [transverse * math.cosh(y), pt * math.cos(phi), pt * math.sin(phi), transverse * math.sinh(y)]
        total = [a + b for a, b in zip(total, own, strict=True)]
    return total


def mass_of(p: list[float]) -> float:
    return math.sqrt(p[0] ** 2 - dot(p[1:], p[1:]))


EVENTS: dict[str, Callable[[Row], float]] = {
    "top_pt_gev": lambda row: top(row, "top", "pt_gev"),
    "antitop_y": lambda row: top(row, "antitop", "y"),
    "ttbar_pt_gev": lambda row: math.hypot(*ttbar(row)[1:3]),
    "ttbar_y": lambda row: math.atanh(ttbar(row)[3] / ttbar(row)[0]),
    "ttbar_mass_gev": lambda row: mass_of(ttbar(row)),
    "last_ttbar_pt_gev": lambda row: math.hypot(*ttbar(row, "last")[1:3]),
    "last_ttbar_mass_gev": lambda row: mass_of(ttbar(row, "last")),
    "n_lhe_partons": lambda row: len(row["lhe_parton_pt_gev"]),
    "m_bb_gev": lambda row: pair_mass([jet for jet in central(row) if jet["hadron_flavour"] == 5]),
    "z_abs_y": lambda row: abs(row["z_y"]),
    "n_gen_jets": lambda row: len(central(row)),
    "n_b_gen_jets": lambda row: sum(jet["hadron_flavour"] == 5 for jet in central(row)),
    "lhe_v_abs_y": lambda row: abs(row["lhe_v_y"]),
    "lhe_delta_r_bb": lambda row: pair_distance(b_partons(row)),
    "lhe_m_bb_gev": lambda row: pair_mass(b_partons(row)),
    "gen_ht_gev": lambda row: sum(jet["pt_gev"] for jet in central(row)),
    "delta_phi_z_jet1": lambda row: (
        abs(math.remainder(central(row)[0]["phi_rad"] - row["z_phi_rad"], 2 * math.pi))
        if central(row)
        else math.nan
    ),
    "delta_r_jj": lambda row: pair_distance(central(row)),
    "delta_r_bb": lambda row: pair_distance([j for j in central(row) if j["hadron_flavour"] == 5]),
    "m_jj_gev": lambda row: pair_mass(central(row)),
}


def test_candidates_agree_with_their_scalar_twins() -> None:
    """Geometry and signed impact parameters, candidate by candidate."""
    rows = mock_rows("ak4", 60, seed=5)
    stored = [n for n in rows.fields if n not in ("cpf_sip3d_val_cm", "cpf_sip3d_sig", "cpf_jet_dist_cm")]
    result = with_derived(rows[stored], list(ELEMENTWISE), of("ak4")).to_list()
    for row in result:
        for name, twin in ELEMENTWISE.items():
            expected = [twin(row, i) for i in range(len(row["cpf_pt_gev"]))]
            assert row[name] == pytest.approx(expected, rel=2e-4, abs=2e-6), name


NEAR_AXIS: dict[str, Callable[[Row], float]] = {
    "jet_probability_derived": lambda row: jet_probability(row, max_delta_r=0.3)
}


@pytest.mark.parametrize(("kind", "twins"), [("ak4", JETS | NEAR_AXIS), ("ak8", JETS), ("event", EVENTS)])
def test_rows_agree_with_their_scalar_twins(kind: str, twins: dict[str, Callable[[Row], float]]) -> None:
    """Sums, maxima, tagger-like numbers and pairs of jets, row by row; NaN where there is nothing."""
    result = with_derived(mock_rows(kind, 150, seed=6), list(twins), of(kind)).to_list()
    for row in result:
        for name, twin in twins.items():
            assert row[name] == pytest.approx(twin(row), rel=2e-4, abs=2e-6, nan_ok=True), name


def test_jet_probability_falls_back_on_the_tracks_of_the_tag_info() -> None:
    """Files without candidates but with CMS' track lists still give JP, from up to six tracks."""
    rows = mock_rows("ak4", 50, seed=7)
    without = rows[[name for name in rows.fields if not name.startswith("cpf_")]]
    found = with_derived(without, ["jet_probability_derived"], of("ak4"))
    expected = summaries.jet_probability_derived(_lists(rows.track_sip3d_sig))
    assert np.allclose(found.jet_probability_derived, expected, equal_nan=True)


def test_jet_probability_separates_long_lived_jets() -> None:
    """JP is a tagger: b above c above light, and JBP too."""
    rows = with_derived(mock_rows("ak4", 3000, seed=8), ["jet_probability_derived"], of("ak4"))
    mean = [np.nanmean(rows.jet_probability_derived[rows.hadron_flavour == f]) for f in (0, 4, 5)]
    assert mean[0] < mean[1] < mean[2]


def test_unmeasured_tracks_count_nothing() -> None:
    """NaN (a candidate without a track) and CMS' exact 0 leave sums and significances alone."""
    offsets = np.array([0, 3, 4])
    sig = Lists(offsets, np.array([np.nan, 4.0, 0.0, np.nan], np.float32))
    pt = Lists(offsets, np.array([50.0, 2.0, 3.0, 5.0], np.float32))
    with np.errstate(invalid="ignore"):
        assert summaries.weighted_mean_abs(sig, pt) == pytest.approx([8 / 5, np.nan], nan_ok=True)
    assert summaries.total_by_row(sig).tolist() == [4.0, 0.0]
    assert summaries.track_counting_second(sig) == pytest.approx([np.nan, np.nan], nan_ok=True)
    lone = summaries.jet_probability_derived(Lists(np.array([0, 1]), sig.values[1:2]))
    assert summaries.jet_probability_derived(sig)[0] == lone[0]


def _lists(column: ak.Array) -> Lists:
    counts = np.asarray(ak.num(column))
    return Lists(np.concatenate([[0], np.cumsum(counts)]), np.asarray(ak.flatten(column)))


def test_stored_columns_win(obj: str) -> None:
    """A value that the file has is never computed anew."""
    rows = mock_rows(obj, 20, seed=9)
    name = {"ak4": "cpf_eta_rel", "ak8": "cpf_eta_rel", "event": "z_abs_y"}[obj]
    marked = ak.with_field(rows, ak.full_like(rows["cpf_eta" if obj != "event" else "z_y"], 7), name)
    assert ak.all(with_derived(marked, [name], of(obj))[name] == 7)


def test_every_derived_column_is_documented_and_computable(obj: str) -> None:
    """Each has a line in jetsmith/columns/, every column marked as derived has a formula, all come out."""
    own = {name for name, ways in DERIVED.items() if any(obj in way.objects for way in ways)}
    assert own <= set(columns.BY_OBJECT[obj])
    marked = {name for name, c in columns.BY_OBJECT[obj].items() if "(derived)" in c.text}
    assert marked <= own
    rows = mock_rows(obj, 30, seed=10)
    known = available_with_derived(set(rows.fields), of(obj))
    assert known == set(columns.BY_OBJECT[obj]) | set(rows.fields)
    result = with_derived(rows, sorted(known), of(obj))
    for name in known - set(rows.fields):
        assert result[name].ndim == (2 if columns.BY_OBJECT[obj][name].ragged else 1), name


def test_without_candidates_nothing_of_theirs_is_promised() -> None:
    """The configuration's check relies on this: a NanoAOD gives no track variables."""
    stored = {"jet_pt_gev", "jet_eta", "jet_phi_rad", "jet_tau1", "jet_tau2"}
    known = available_with_derived(stored, of("ak4"))
    assert known == stored | {"jet_tau21"}
    assert stored_needs(["cpf_eta_rel", "jet_tau21"], known, of("ak4")) == {"jet_tau21"}


def test_relative_candidates_suffice() -> None:
    """DeepNtuples store candidates relative to the axis and no azimuths; sides cannot be told then."""
    stored = {"cpf_pt_gev", "cpf_deta", "cpf_dphi_rad", "jet_eta", "cpf_d0_cm", "cpf_d0_err_cm"}
    ways = plan(stored, of("ak4"))
    assert {"cpf_eta", "cpf_delta_r", "cpf_eta_rel", "cpf_pt_rel_gev"} <= set(ways)
    assert "cpf_sip2d_val_cm" not in ways
    rows = mock_rows("ak4", 40, seed=11)
    whole = with_derived(rows, ["cpf_deta", "cpf_dphi_rad", "cpf_eta_rel"], of("ak4"))
    relative = with_derived(whole[sorted(stored)], ["cpf_eta_rel"], of("ak4"))
    assert ak.all(abs(relative.cpf_eta_rel - whole.cpf_eta_rel) < 1e-3)


@pytest.mark.parametrize("kind", ["ak4", "ak8"])
@pytest.mark.parametrize(
    ("column", "value"), [("cpf_pt_gev", np.inf), ("cpf_eta", np.nan), ("cpf_phi_rad", np.inf)]
)
def test_what_is_no_number_stays_in_its_jet(kind: str, column: str, value: float) -> None:
    """Protects: one track without a momentum made the tag information of all later jets that of jets
    without tracks: sums over all of a file carried it on."""
    made = mock_rows(kind, 12, seed=13)
    rows = made[[name for name in made.fields if not name.startswith(("tag_", "track_", "ddx_"))]]
    # What files may hold, so that a track counts whose momentum is none.
    rows = with_derived(rows, ["cpf_jet_dist_cm", "cpf_decay_len_cm", "cpf_delta_r"], of(kind))
    tables = [to_table(rows), to_table(rows)]
    lists = tables[1][column]
    assert isinstance(lists, Lists)
    spoiled = int(np.flatnonzero(lists.counts > 3)[0])
    values = lists.values.copy()
    values[lists.offsets[spoiled] : lists.offsets[spoiled] + 2] = value
    tables[1][column] = Lists(lists.offsets, values)
    wanted = sorted(available_with_derived(set(rows.fields), of(kind)))
    for table in tables:
        derive(table, wanted, of(kind))
    others = np.arange(len(rows)) != spoiled
    assert (others & (np.arange(len(rows)) > spoiled)).any()
    for name in wanted:
        before, after = (to_rows({name: table[name]}, len(rows))[name][others] for table in tables)
        before, after = (ak.flatten(values, axis=None) for values in (before, after))
        assert np.array_equal(before, after, equal_nan=True), name
    if kind == "ak4":
        assert np.isnan(tables[1]["tag_track_sip2d_sig_above_charm"][spoiled])


def test_every_formula_exists() -> None:
    """The table names its functions by text, so that it stays light: each must be there."""
    for name, ways in DERIVED.items():
        for way in ways:
            assert callable(named.find(way.place)), name


def test_the_table_is_light() -> None:
    """Every batch job parses the Snakefile and with it this table: no numpy, no awkward."""
    code = "import sys, jetsmith.features.derived; print({'numpy', 'awkward', 'scipy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_formulas_of_rows_get_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects: the same bytes on machines with another C library, whose cosh of float32 differs."""
    seen: list[Any] = []

    def formula(number: Any, count: Any, values: Lists) -> Any:
        seen.extend([number.dtype, count.dtype, values.values.dtype])
        return np.cosh(number)

    monkeypatch.setattr(named, "find", lambda place: formula)
    numbers = np.linspace(-3, 3, 7, dtype=np.float32)
    table = {
        "number": numbers,
        "count": np.arange(7, dtype=np.int32),
        "values": Lists(np.arange(8), np.ones(7, np.float32)),
    }
    derive(table, ["found"], {"found": (Way("x", ("number", "count", "values"), whole=True),)})
    assert seen == [np.float64, np.int32, np.float32]
    assert table["found"].dtype == np.float32
    np.testing.assert_array_equal(table["found"], np.cosh(numbers.astype(np.float64)).astype(np.float32))


def test_a_vertex_without_a_direction_may_be_the_nearest() -> None:
    """No distance is known in its row, whatever other vertices there are; other rows have theirs."""
    rows = ak.Array(
        [
            {
                "cpf_eta": [0.0, 0.3],
                "cpf_phi_rad": [0.0, 0.0],
                "sv_eta": [0.1, math.nan],
                "sv_phi_rad": [0.0, math.nan],
            },
            {"cpf_eta": [0.0, 3.0], "cpf_phi_rad": [0.0, 0.0], "sv_eta": [0.1], "sv_phi_rad": [0.0]},
            {"cpf_eta": [0.0], "cpf_phi_rad": [0.0], "sv_eta": [], "sv_phi_rad": []},
        ]
    )
    found = with_derived(rows, ["cpf_min_delta_r_sv"], of("ak4"))["cpf_min_delta_r_sv"].to_list()
    for row, distances in zip(rows.to_list(), found, strict=True):
        expected = [min_delta_r_sv(row, i) for i in range(len(distances))]
        np.testing.assert_allclose(distances, expected, rtol=1e-6)
    assert [math.isnan(distance) for distances in found for distance in distances] == [
        True,
        True,
        *[False] * 3,
    ]


def min_delta_r_of_large(row: Row, i: int, vertices: str) -> float:
    around = row | {f"sv_{name}": row[f"{vertices}_{name}"] for name in ("eta", "phi_rad")}
    lost = any(math.isnan(eta) for eta in row["sv_eta"])
    nearest = min_delta_r_sv(around, i, bound=math.inf)
    return math.nan if lost or nearest == math.inf else nearest


@pytest.mark.parametrize("vertices", ["event_sv", "sv"])
def test_distances_in_large_jets_have_no_bound(vertices: str) -> None:
    """To all vertices of the event as in CMS, or those of the jet, which stand in; without any there is none.

    Nor is there one where a vertex of the jet has no direction.
    """
    rows = mock_rows("ak8", 60, seed=5)
    lost = ak.local_index(rows["event"], axis=0) % 9 == 0
    for name in ("sv_eta", "sv_phi_rad"):
        rows[name] = ak.where(lost, rows[name] * np.float32(np.nan), rows[name])
    stored = [name for name in rows.fields if vertices == "event_sv" or not name.startswith("event_sv")]
    found = with_derived(rows[stored], ["cpf_min_delta_r_sv"], of("ak8"))
    distances = found["cpf_min_delta_r_sv"].to_list()
    table = rows.to_list()
    for row, values in zip(table, distances, strict=True):
        expected = [min_delta_r_of_large(row, i, vertices) for i in range(len(row["cpf_eta"]))]
        assert values == pytest.approx(expected, rel=2e-4, abs=2e-6, nan_ok=True)
    assert any(not row["event_sv_eta"] for row in table)
    assert any(math.isnan(eta) for row in table for eta in row["sv_eta"])
    without = [v for row, values in zip(table, distances, strict=True) for v in values if not row["sv_eta"]]
    known = np.isfinite(without)
    assert known.any() == (vertices == "event_sv")
    assert not known.all()
    assert np.nanmax(np.concatenate(distances)) > 0.4
    told = stand_ins(["cpf_min_delta_r_sv"], stored, of("ak8"))
    assert bool(told) == (vertices == "sv")
