"""Made-up events at generator level: a Z with jets, partons of an LHE file, top quarks."""

import numpy as np

from jetsmith.mock.keys import Columns, key, ragged


def events(rng: np.random.Generator, n: int, shift: float) -> Columns:
    """Z + jets at generator level; the jets recoil against the Z."""
    z_pt = 20 * (1 + rng.pareto(2.5 - 0.4 * shift, n))
    z_phi = rng.uniform(-np.pi, np.pi, n)
    counts = rng.poisson(1.5 + 0.5 * shift, n)
    owner = np.repeat(np.arange(n), counts)
    total = len(owner)
    pt = np.maximum(z_pt[owner] * rng.uniform(0.1, 1.2, total), 15.0)
    pt = pt[np.lexsort((-pt, owner))]
    phi = (z_phi[owner] + 2 * np.pi + rng.normal(0, 0.6, total)) % (2 * np.pi) - np.pi
    jets: Columns = {
        "pt_gev": pt, "eta": rng.normal(0, 1.5, total), "phi_rad": phi,
        "mass_gev": pt * rng.uniform(0.05, 0.2, total),
        "hadron_flavour": rng.choice([5, 4, 0], total, p=[0.1, 0.1, 0.8]),
    }  # fmt: skip
    rows = key(rng, n, 1.0) | {f"genjet_{name}": ragged(counts, values) for name, values in jets.items()}
    return rows | {
        "flavour": np.zeros(n), "z_pt_gev": z_pt, "z_y": rng.normal(0, 1.2 - 0.1 * shift, n),
        "z_phi_rad": z_phi, "z_mass_gev": rng.normal(91.2, 2.5, n),
        "lhe_v_y": rng.normal(0, 1.2, n), "lhe_v_phi_rad": z_phi, "lhe_v_mass_gev": rng.normal(91.2, 2.5, n),
    } | _lhe(rng, n) | _tops(rng, n)  # fmt: skip


def _lhe(rng: np.random.Generator, n: int) -> Columns:
    """Missing momentum, and partons of the LHE file."""
    counts = rng.poisson(2, n)
    total = int(counts.sum())
    owner = np.repeat(np.arange(n), counts)
    pt = 10 * (1 + rng.pareto(2, total))
    flavour = rng.choice([1, -2, 4, 5, 21], total)
    partons: Columns = {
        "pt_gev": pt[np.lexsort((-pt, owner))], "eta": rng.normal(0, 2, total), "flavour": np.abs(flavour),
        "phi_rad": rng.uniform(-np.pi, np.pi, total), "mass_gev": np.where(flavour == 5, 4.7, 0.0),
    }  # fmt: skip
    of = {"b": (5,), "c": (4,), "uds": (1, -2), "gluons": (21,), "jets": (1, -2, 4, 5, 21)}
    found: Columns = {f"lhe_parton_{name}": ragged(counts, values) for name, values in partons.items()}
    found |= {
        f"n_lhe_{name}": np.bincount(owner[np.isin(flavour, ids)], minlength=n) for name, ids in of.items()
    }
    return found | {
        "lhe_ht_gev": np.bincount(owner, pt, minlength=n), "lhe_v_pt_gev": 20 * rng.pareto(2.5, n),
        "n_lhe_lo": counts, "n_lhe_nlo": counts,
        "gen_met_pt_gev": rng.exponential(20, n), "gen_met_phi_rad": rng.uniform(-np.pi, np.pi, n),
    }  # fmt: skip


def _tops(rng: np.random.Generator, n: int) -> Columns:
    """Top and antitop, nearly back to back; last copies have radiated."""
    found: Columns = {}
    pt, phi = 100 * (1 + rng.pareto(4, n)), rng.uniform(-np.pi, np.pi, n)
    for quark, turn in (("top", 0.0), ("antitop", np.pi)):
        own = {
            "pt_gev": pt * rng.normal(1, 0.1, n), "y": rng.normal(0, 1, n),
            "phi_rad": (phi + turn + rng.normal(0, 0.2, n) + np.pi) % (2 * np.pi) - np.pi,
            "mass_gev": rng.normal(172.5, 1.5, n),
        }  # fmt: skip
        found |= {f"first_{quark}_{name}": values for name, values in own.items()}
        found |= {f"last_{quark}_{name}": 0.98 * values for name, values in own.items()}
    return found
