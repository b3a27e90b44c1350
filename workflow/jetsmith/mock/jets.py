"""Made-up jets with their constituents, by class."""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.mock.keys import Array, Columns, key, ragged

AK4_CLASSES = {
    500: 0.22, 510: 0.03, 511: 0.02, 520: 0.05, 521: 0.03, 400: 0.13, 410: 0.02, 411: 0.01,
    1: 0.15, 2: 0.14, 0: 0.15, 999: 0.05,
}  # fmt: skip
AK8_CLASSES = {
    2505: 0.3, 2504: 0.1, 2506: 0.1, 1055: 0.1, 1005: 0.1, 1044: 0.05, 1004: 0.1, 1000: 0.15,
}  # fmt: skip
B_LIKE, C_LIKE = (500, 510, 511, 520, 521, 2505, 2506, 1055, 1005), (400, 410, 411, 2504, 1044, 1004)
TWO_PRONGED = (510, 511, 2505, 2504, 1055, 1044, 410, 411)
LEPTONIC = (520, 521)


def jets(rng: np.random.Generator, obj: str, n: int) -> Columns:
    classes = AK4_CLASSES if obj == "ak4" else AK8_CLASSES
    flavour = rng.choice(list(classes), n, p=list(classes.values()))
    is_b, is_c = np.isin(flavour, B_LIKE), np.isin(flavour, C_LIKE)
    two = np.isin(flavour, TWO_PRONGED)
    life = 1.0 * is_b + 0.45 * is_c
    rows: Columns = key(rng, n, 3.0) | {"flavour": flavour}
    rows["hadron_flavour"] = np.where(is_b, 5, np.where(is_c, 4, 0))
    gluon_like = rng.random(n) < 0.5
    parton = np.where(gluon_like, 21, rng.integers(1, 4, n))
    rows["parton_flavour"] = np.where(flavour == 999, 0, np.where(life > 0, rows["hadron_flavour"], parton))
    rows["n_b_hadrons"], rows["n_c_hadrons"] = is_b * (1 + two), is_c * (1 + two)
    rows |= _kinematics(rng, obj, n, two)
    rows |= _charged(rng, rows, life, np.isin(flavour, LEPTONIC))
    rows |= _neutral(rng, rows) | _vertices(rng, rows, life)
    rows |= _tag(rng, rows, life) if obj == "ak4" else _double_b(rng, n, life * (0.5 + 0.5 * two))
    rows["lepton_charge"] = 1 - 2 * (rows["event"].astype(np.int64) % 2)
    rows["jet_probability"] = rng.gamma(2, 0.15 + 0.35 * life)
    rows |= _stored(rng, obj, is_b, is_c)
    rows |= _subjets(rng, rows) | _vertices_of_event(rows) if obj == "ak8" else {}
    return rows | _generated(rng, rows)


def _generated(rng: np.random.Generator, rows: Columns) -> Columns:
    """Generator jets, from which momenta and masses differ by a tenth."""
    n = len(rows["jet_pt_gev"])
    of = {"pt": "jet_pt_gev", "mass": "jet_mass_gev", "softdrop_mass": "jet_softdrop_mass_gev"}
    return {
        f"jet_gen_{name}_gev": rows[column] * np.exp(rng.normal(0, 0.1, n)) for name, column in of.items()
    }


def _kinematics(rng: np.random.Generator, obj: str, n: int, two: Array) -> Columns:
    pt = (20.0 if obj == "ak4" else 200.0) * (1 + rng.pareto(2.5, n))
    mass = pt * rng.uniform(0.05, 0.2, n)
    tau1 = rng.uniform(0.1, 0.5, n)
    tau2 = tau1 * rng.uniform(0.1, 1, n) ** np.where(two, 1.5, 0.5)
    return {
        "jet_pt_gev": pt, "jet_raw_pt_gev": pt * rng.normal(0.95, 0.02, n),
        "jet_eta": rng.uniform(-2.5, 2.5, n), "jet_phi_rad": rng.uniform(-np.pi, np.pi, n),
        "jet_mass_gev": mass, "n_pv": rng.poisson(30, n),
        "jet_softdrop_mass_gev": np.where(two, rng.normal(120, 12, n), mass),
        "jet_tau1": tau1, "jet_tau2": tau2, "jet_tau3": tau2 * rng.uniform(0.3, 1, n),
    }  # fmt: skip


def _around(rng: np.random.Generator, rows: Columns, counts: Array, prefix: str) -> Columns:
    """Constituents in falling pt, scattered around the axes of their jets."""
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    pt = rows["jet_pt_gev"][owner] * rng.beta(1, 12, total) + 0.5
    pt = pt[np.lexsort((-pt, owner))]
    spread = np.minimum(0.15, 0.6 / pt)
    phi = rows["jet_phi_rad"][owner] + rng.normal(0, spread)
    eta = rows["jet_eta"][owner] + rng.normal(0, spread)
    return {
        f"{prefix}_pt_gev": ragged(counts, pt),
        f"{prefix}_eta": ragged(counts, eta),
        f"{prefix}_energy_gev": ragged(counts, pt * np.cosh(eta)),
        f"{prefix}_phi_rad": ragged(counts, (phi + np.pi) % (2 * np.pi) - np.pi),
    }


def _charged(rng: np.random.Generator, rows: Columns, life: Array, leptonic: Array) -> Columns:
    """Tracks; long-lived ones are displaced along the axis, so their signed distance is positive."""
    counts = rng.poisson(8 + 4 * life)
    owner = np.repeat(np.arange(len(counts)), counts)
    total = len(owner)
    found = _around(rng, rows, counts, "cpf")
    pt, phi = (ak.to_numpy(ak.flatten(found[f"cpf_{name}"])) for name in ("pt_gev", "phi_rad"))
    error, dz_error = (scale * np.hypot(0.0015, 0.009 / pt) for scale in (1.0, 1.5))
    displaced = rng.random(total) < 0.35 * life[owner]
    shift = np.where(displaced, rng.exponential(0.025, total), 0.0)
    side = -np.sign(np.sin(phi - rows["jet_phi_rad"][owner]))  # of the jet axis
    d0 = rng.normal(0, error) + side * shift
    dz = rng.normal(0, dz_error) + shift * rng.normal(0, 1, total)
    sign = np.where(d0 * side >= 0, 1, -1)
    sip3d, sip3d_error = sign * np.hypot(d0, dz), np.hypot(error, dz_error)
    charge = rng.choice([-1, 1], total)
    leading = np.diff(owner, prepend=-1) > 0
    kind = np.where(leading & leptonic[owner] | (rng.random(total) < 0.01), rng.choice([11, 13], total), 211)
    values: Columns = {
        "charge": charge, "pdg_id": kind * np.where(kind == 211, charge, -charge),
        "d0_cm": d0, "d0_err_cm": error, "dz_cm": dz, "dz_err_cm": dz_error,
        "puppi_weight": np.where(rng.random(total) < 0.9, 1.0, 0.0), "chi2": rng.gamma(4, 0.25, total),
        "quality": rng.choice([1, 5], total), "vertex_association": rng.choice([4, 5, 6, 7], total),
        "lost_inner_hits": rng.choice([-1, 0, 1], total), "dptdpt": rng.gamma(2, 1e-4, total),
        "sip3d_val_cm": sip3d, "sip3d_sig": sip3d / sip3d_error,
        "truth_origin": np.full(total, -1), "truth_vertex": np.full(total, -1),
        "jet_dist_cm": -rng.exponential(0.01, total),
    }  # fmt: skip
    found |= {f"cpf_{name}": ragged(counts, array) for name, array in values.items()}
    return found | {"n_cpf": counts}


def _neutral(rng: np.random.Generator, rows: Columns) -> Columns:
    counts = rng.poisson(6, len(rows["jet_pt_gev"]))
    total = int(counts.sum())
    photon = rng.random(total) < 0.75
    values = {
        "pdg_id": np.where(photon, 22, 130), "had_frac": np.where(photon, 0.0, rng.random(total)),
        "puppi_weight": rng.random(total),
    }  # fmt: skip
    found = _around(rng, rows, counts, "npf")
    return found | {f"npf_{name}": ragged(counts, v) for name, v in values.items()} | {"n_npf": counts}


def _vertices(rng: np.random.Generator, rows: Columns, life: Array) -> Columns:
    counts = rng.binomial(2, 0.05 + 0.45 * life)
    owner = np.repeat(np.arange(len(counts)), counts)
    total, strength = len(owner), life[owner]
    dof = rng.integers(1, 8, total)
    distance = rng.exponential(0.1 + 0.4 * strength)
    norm_chi2 = rng.gamma(2, 0.5, total)
    values: Columns = {
        "mass_gev": rng.gamma(3, 0.3 + 0.5 * strength), "n_tracks": 2 + rng.poisson(2 * strength),
        "chi2": norm_chi2 * dof, "norm_chi2": norm_chi2, "dxy_cm": distance * 0.8,
        "dxy_sig": distance * 0.8 / 0.02, "d3d_cm": distance, "d3d_sig": distance / 0.025,
        "cos_theta": 1 - rng.exponential(0.002, total), "energy_ratio": rng.beta(2 + 2 * strength, 5),
    }  # fmt: skip
    found = _around(rng, rows, counts, "sv")
    return found | {f"sv_{name}": ragged(counts, v) for name, v in values.items()} | {"n_sv": counts}


def _vertices_of_event(rows: Columns) -> Columns:
    """Those of all jets of the event, for each of them."""
    n_jets = np.unique(rows["event"], return_counts=True)[1]
    return {
        f"event_{name}": ak.flatten(ak.unflatten(rows[name], n_jets), axis=2)[
            np.repeat(np.arange(len(n_jets)), n_jets)
        ]
        for name in ("sv_eta", "sv_phi_rad")
    }


def _tag(rng: np.random.Generator, rows: Columns, life: Array) -> Columns:
    """The high-level inputs of DeepCSV; up to six tracks in order of falling 2D significance."""
    n, has = len(life), ak.to_numpy(rows["n_sv"]) > 0
    selected = np.minimum(rows["n_cpf"], rng.poisson(5 + 3 * life))
    counts = np.minimum(selected, 6)
    eta_rel = np.where(has, rng.integers(1, 7, n), 0)
    owner = np.repeat(np.arange(n), counts)
    total, strength = len(owner), life[owner]
    sip2d = rng.normal(0, 1.2, total) + strength * rng.exponential(6, total)
    sip2d = sip2d[np.lexsort((-sip2d, owner))]
    pt_ratio = rng.beta(1, 8, total)
    tracks: Columns = {
        "jet_dist_cm": -rng.exponential(0.01, total), "pt_rel_gev": rng.exponential(0.6, total),
        "delta_r": rng.beta(1.5, 6, total) * 0.4, "pt_ratio": pt_ratio,
        "sip3d_sig": sip2d * rng.uniform(0.9, 1.3, total), "sip2d_sig": sip2d,
        "decay_len_cm": rng.exponential(0.1 + 0.4 * strength),
    }  # fmt: skip
    found: Columns = {f"track_{name}": ragged(counts, v) for name, v in tracks.items()}
    slots = np.minimum(eta_rel, 4)
    found["track_eta_rel"] = ragged(slots, rng.normal(4, 1, int(slots.sum())))
    vertex: Columns = {
        "vertex_mass_gev": rng.gamma(3, 0.3 + 0.5 * life), "vertex_n_tracks": 2 + rng.poisson(2 * life),
        "vertex_energy_ratio": rng.beta(2 + 3 * life, 4), "vertex_jet_delta_r": rng.beta(1, 8, n) * 0.4,
        "flight_distance_2d_val_cm": rng.exponential(0.1 + 0.3 * life),
        "flight_distance_2d_sig": rng.exponential(3 + 20 * life),
        "flight_distance_3d_val_cm": rng.exponential(0.15 + 0.4 * life),
        "flight_distance_3d_sig": rng.exponential(3 + 22 * life),
    }  # fmt: skip
    found |= {f"tag_{name}": np.where(has, values, 0.0) for name, values in vertex.items()}
    leading = rng.normal(0, 1.5, n) + life * rng.exponential(5, n)
    return found | {
        "tag_n_secondary_vertices": rows["n_sv"], "tag_n_selected_tracks": selected,
        "tag_n_tracks_eta_rel": eta_rel, "tag_vertex_category": np.where(has, 0, rng.choice([1, 2], n)),
        "tag_track_sum_jet_et_ratio": rng.beta(6, 4, n), "tag_track_sum_jet_delta_r": rng.beta(1, 12, n),
        "tag_track_sip2d_val_above_charm_cm": leading * 0.004, "tag_track_sip2d_sig_above_charm": leading,
        "tag_track_sip3d_val_above_charm_cm": leading * 0.005,
        "tag_track_sip3d_sig_above_charm": leading * 1.1,
    }  # fmt: skip


def _double_b(rng: np.random.Generator, n: int, strength: Array) -> Columns:
    """The inputs of the double-b tagger."""

    def falling(most: int) -> ak.Array:
        counts = rng.integers(0, most + 1, n)
        owner = np.repeat(np.arange(n), counts)
        values = rng.normal(0, 2, len(owner)) + strength[owner] * rng.exponential(15, len(owner))
        return ragged(counts, values[np.lexsort((-values, owner))])

    found: Columns = {
        "z_ratio": rng.gamma(2, 0.2 + strength), "track_sip3d_sig": falling(4),
        "track_sip2d_sig_above_charm": rng.normal(0, 2, n) + strength * rng.exponential(10, n),
        "track_sip2d_sig_above_bottom": falling(2), "n_tracks": rng.poisson(20 + 8 * strength),
        "n_secondary_vertices": rng.binomial(4, 0.1 + 0.5 * strength),
        "tau1_vertex_delta_r": rng.beta(1, 8, n),
    }  # fmt: skip
    for axis in (1, 2):
        slots = rng.integers(0, 4, n)
        found |= {
            f"tau{axis}_track_sip3d_sig": falling(2),
            f"tau{axis}_track_eta_rel": ragged(slots, rng.normal(4, 1, int(slots.sum()))),
            f"tau{axis}_vertex_mass_gev": rng.gamma(3, 0.3 + 0.5 * strength),
            f"tau{axis}_vertex_energy_ratio": rng.beta(2 + 3 * strength, 4),
            f"tau{axis}_flight_distance_2d_sig": rng.exponential(3 + 20 * strength),
        }
    return {f"ddx_{name}": values for name, values in found.items()}


def _subjets(rng: np.random.Generator, rows: Columns) -> Columns:
    """Two, one or none, the harder first."""
    n = len(rows["jet_pt_gev"])
    counts = rng.choice(3, n, p=(0.05, 0.15, 0.8))
    owner, total = np.repeat(np.arange(n), counts), int(counts.sum())
    pt = rows["jet_pt_gev"][owner] * rng.uniform(0.2, 0.7, total)
    pt = pt[np.lexsort((-pt, owner))]
    phi = rows["jet_phi_rad"][owner] + rng.normal(0, 0.15, total)
    values: Columns = {
        "pt_gev": pt, "raw_pt_gev": 0.95 * pt, "eta": rows["jet_eta"][owner] + rng.normal(0, 0.15, total),
        "phi_rad": (phi + np.pi) % (2 * np.pi) - np.pi, "mass_gev": pt * rng.uniform(0.02, 0.1, total),
    }  # fmt: skip
    return {f"subjet_{name}": ragged(counts, v) for name, v in values.items()}


def _stored(rng: np.random.Generator, obj: str, is_b: Array, is_c: Array) -> Columns:
    """Probabilities of three classes, as an experiment's own tagger would have stored them."""
    logits = rng.normal(0, 1, (len(is_b), 3)) + 2.5 * np.stack([is_b, is_c, ~is_b & ~is_c], axis=1)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if obj == "ak8":
        return {"stored_btagHbb": 2 * p[:, 0] - 1}
    parts: Mapping[str, Array] = {
        "btagDeepB": p[:, 0], "btagDeepB_b": 0.9 * p[:, 0], "btagDeepB_bb": 0.1 * p[:, 0],
        "btagDeepC": p[:, 1], "btagDeepL": p[:, 2],
        "btagDeepFlavB": p[:, 0], "btagDeepFlavB_b": 0.8 * p[:, 0], "btagDeepFlavB_bb": 0.1 * p[:, 0],
        "btagDeepFlavB_lepb": 0.1 * p[:, 0], "btagDeepFlavC": p[:, 1],
        "btagDeepFlavUDS": 0.5 * p[:, 2], "btagDeepFlavG": 0.5 * p[:, 2],
    }  # fmt: skip
    return {f"stored_{name}": values for name, values in parts.items()}
