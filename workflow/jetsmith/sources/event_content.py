"""Event rows beside the Z and its jets: missing momentum, quantities of the LHE file, top quarks.

A file that lacks a branch lacks the column; nothing stands in for it.
"""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.sources.flat import Array, Columns, aligned, lists, masked_offsets, owners, single
from jetsmith.sources.truth import GEN_BRANCHES, LAST_COPY, Generator

FIRST_COPY = 1 << 12  # NanoAOD GenPart_statusFlags
VALUES = {
    "gen_met_pt_gev": "GenMET_pt",
    "gen_met_phi_rad": "GenMET_phi",
    "lhe_ht_gev": "LHE_HT",
    "lhe_v_pt_gev": "LHE_Vpt",
    "n_lhe_jets": "LHE_Njets",
    "n_lhe_b": "LHE_Nb",
    "n_lhe_c": "LHE_Nc",
    "n_lhe_uds": "LHE_Nuds",
    "n_lhe_gluons": "LHE_Nglu",
    "n_lhe_lo": "LHE_NpLO",
    "n_lhe_nlo": "LHE_NpNLO",
}
MULTIPLICITIES = ("n_lhe_lo", "n_lhe_nlo")  # signed in CMSSW, and stored in unsigned bytes
LARGEST = 127  # above, bytes are negative codes of what the LHE file does not say (255: -1, 157: -99)
PARTONS = {
    "lhe_parton_pt_gev": "LHEPart_pt",
    "lhe_parton_eta": "LHEPart_eta",
    "lhe_parton_phi_rad": "LHEPart_phi",
    "lhe_parton_mass_gev": "LHEPart_mass",
    "lhe_parton_flavour": "LHEPart_pdgId",
}
STATUS = "LHEPart_status"  # 1 outgoing; files of before 2020 have no such branch, and no incoming particles
COPIES = {"first": FIRST_COPY, "last": LAST_COPY}
PDG_ID = {"top": 6, "antitop": -6}
OF_TOPS = ("pt_gev", "y", "phi_rad", "mass_gev")
TOPS = tuple(f"{copy}_{quark}_{name}" for copy in COPIES for quark in PDG_ID for name in OF_TOPS)
MASS = "GenPart_mass"


def gives(branches: set[str]) -> set[str]:
    """Columns that these branches suffice for."""
    found = {name for name, branch in VALUES.items() if branch in branches}
    if branches.issuperset(PARTONS.values()):
        found |= set(PARTONS)
    return found | (set(TOPS) if branches.issuperset((*GEN_BRANCHES, MASS)) else set())


def wanted_branches(available: set[str]) -> list[str]:
    """Branches that `fill` reads."""
    wanted = [*VALUES.values(), MASS]
    if available.issuperset(PARTONS.values()):
        wanted += [*PARTONS.values(), STATUS]
    return [name for name in wanted if name in available]


def fill(columns: Columns, events: Mapping[str, ak.Array], particles: Generator, kept: BoolArray) -> None:
    """Fill the columns of the events that are kept.

    Args:
        columns: Gets the columns.
        events: Arrays by branch name.
        particles: Generator particles of all events.
        kept: Events that pass, shape (N,).
    """
    for name, branch in VALUES.items():
        if branch in events:
            found = single(events, branch)[kept].astype(np.float32)
            columns.flat(name, _told(found) if name in MULTIPLICITIES else found)
    if all(branch in events for branch in PARTONS.values()):
        _fill_partons(columns, events, kept)
    if MASS in events:
        for copy, bit in COPIES.items():
            for quark, pdg_id in PDG_ID.items():
                place = _only(particles.offsets, (particles.pdg_id == pdg_id) & particles.flag(bit))[kept]
                for name, of_quarks in _kinematics(particles, place).items():
                    columns.flat(f"{copy}_{quark}_{name}", of_quarks)


def _told(multiplicity: Array) -> Array:
    return np.where(multiplicity > LARGEST, np.float32(np.nan), multiplicity)


def _fill_partons(columns: Columns, events: Mapping[str, ak.Array], kept: BoolArray) -> None:
    """Outgoing quarks and gluons, by falling pt."""
    offsets, pdg_id = lists(events, PARTONS["lhe_parton_flavour"])
    mask = ((pdg_id != 0) & (np.abs(pdg_id) <= 6)) | (pdg_id == 21)
    if STATUS in events:
        mask &= aligned(events, STATUS, offsets) == 1
    mask &= kept[owners(offsets)]
    index = np.flatnonzero(mask)
    pt = aligned(events, PARTONS["lhe_parton_pt_gev"], offsets)
    order = index[np.lexsort((-pt[index], owners(offsets)[index]))]
    starts = masked_offsets(offsets, mask)
    rows = np.append(starts[:-1][kept], starts[-1])
    for name, branch in PARTONS.items():
        found = aligned(events, branch, offsets)[order]
        columns.ragged(name, rows, np.abs(found) if name == "lhe_parton_flavour" else found)


def _only(offsets: IntArray, mask: BoolArray) -> IntArray:
    """Flat index of the one element with True in each list; -1 where there is none, or several."""
    index = np.flatnonzero(mask)
    event = owners(offsets)[index]
    found = np.full(len(offsets) - 1, -1)
    found[event] = index
    return np.where(np.bincount(event, minlength=len(found)) == 1, found, -1)


def _kinematics(particles: Generator, place: IntArray) -> dict[str, FloatArray]:
    """Of particles by flat index, shape (n_rows,); NaN for -1."""
    pt, eta, phi, mass = (
        np.append(particles.flat(name).astype(np.float64), np.nan)[place]
        for name in ("pt", "eta", "phi", "mass")
    )
    rapidity = np.arcsinh(pt * np.sinh(eta) / np.hypot(pt, mass))  # y = arcsinh(pz / mt)
    return dict(zip(OF_TOPS, (pt, rapidity, phi, mass), strict=True))
