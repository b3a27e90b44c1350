"""Event rows at generator level: the leptons of the Z and the jets beside them."""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.sources.flat import Columns, Directions, masked_offsets, near, owners, split
from jetsmith.sources.truth import FROM_HARD_PROCESS, GEN_BRANCHES, Generator

JET_PT_MIN_GEV = 15.0
JET_ABSETA_MAX = 4.7
LEPTON_RADIUS = 0.4
JET_BRANCHES = {
    "genjet_pt_gev": "GenJet_pt",
    "genjet_eta": "GenJet_eta",
    "genjet_phi_rad": "GenJet_phi",
    "genjet_mass_gev": "GenJet_mass",
    "genjet_hadron_flavour": "GenJet_hadronFlavour",
}
Z_COLUMNS = ("z_pt_gev", "z_y", "z_phi_rad", "z_mass_gev")


def gives(branches: set[str]) -> set[str]:
    """Generator columns that these branches suffice for."""
    found = {name for name, branch in JET_BRANCHES.items() if branch in branches}
    if not branches.issuperset(GEN_BRANCHES):
        return set()  # without the leptons the jets cannot be cleaned of them
    return found | set(Z_COLUMNS)


def wanted_branches(available: set[str]) -> list[str]:
    """Branches that `fill` reads."""
    return [name for name in (*GEN_BRANCHES, *JET_BRANCHES.values()) if name in available]


def z_leptons(particles: Generator) -> tuple[BoolArray, IntArray]:
    """The two leading leptons of the hard process, where they can come from a Z.

    Final electrons and muons with the flag `fromHardProcess` or with a Z as mother; the leading
    two must be of one flavour and of opposite charge.

    Returns:
        Which events have them, shape (N,); and flat indices of the two, shape (M, 2).
    """
    mother_is_z = particles.pdg_id[particles.mother] == 23
    lepton = particles.leptons()
    lepton &= particles.flag(FROM_HARD_PROCESS) | mother_is_z
    index = np.flatnonzero(lepton)
    event = owners(particles.offsets)[index]
    order = np.lexsort((-particles.flat("pt")[index], event))
    index, event = index[order], event[order]
    n_leptons = np.bincount(event, minlength=len(particles.offsets) - 1)
    first = np.cumsum(n_leptons) - n_leptons
    has_two = n_leptons >= 2
    pairs = index[first[has_two][:, None] + np.arange(2)] if has_two.any() else np.zeros((0, 2), dtype=int)
    opposite = particles.pdg_id[pairs].sum(axis=1) == 0
    found = np.zeros(len(n_leptons), dtype=bool)
    found[np.flatnonzero(has_two)[opposite]] = True
    return found, pairs[opposite]


def fill(
    columns: Columns, events: Mapping[str, ak.Array], particles: Generator, kept: BoolArray, pairs: IntArray
) -> None:
    """Fill the columns of the events that are kept.

    Args:
        columns: Gets the columns.
        events: Arrays by branch name.
        particles: Generator particles of all events.
        kept: Events that pass, shape (N,).
        pairs: Flat indices of their leptons, shape (n_rows, 2).
    """
    pt, eta, phi = (particles.flat(name)[pairs].astype(np.float64) for name in ("pt", "eta", "phi"))
    _fill_z(columns, pt, eta, phi)
    offsets, jet_pt = split(events["GenJet_pt"])
    leptons = Directions(_offsets_of_pairs(kept), eta.ravel(), phi.ravel())
    jet_eta, jet_phi = split(events["GenJet_eta"])[1], split(events["GenJet_phi"])[1]
    mask = (jet_pt > JET_PT_MIN_GEV) & (np.abs(jet_eta) < JET_ABSETA_MAX)
    mask &= kept[owners(offsets)] & ~near(offsets, jet_eta, jet_phi, leptons, LEPTON_RADIUS)
    index = np.flatnonzero(mask)
    order = index[np.lexsort((-jet_pt[index], owners(offsets)[index]))]
    starts = masked_offsets(offsets, mask)
    rows = np.append(starts[:-1][kept], starts[-1])
    for name, branch in JET_BRANCHES.items():
        if branch in events:
            columns.ragged(name, rows, split(events[branch])[1][order])


def _offsets_of_pairs(kept: BoolArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(2 * kept.astype(np.int64))])


def _fill_z(columns: Columns, pt: FloatArray, eta: FloatArray, phi: FloatArray) -> None:
    """Sum of two massless leptons; arrays of shape (n, 2).

    NanoAOD stores no lepton masses; that of a muon moves the mass of the Z by 1e-6.
    """
    px, py = (pt * np.cos(phi)).sum(axis=1), (pt * np.sin(phi)).sum(axis=1)
    pz, energy = (pt * np.sinh(eta)).sum(axis=1), (pt * np.cosh(eta)).sum(axis=1)
    z_pt = np.hypot(px, py)
    columns.flat("z_pt_gev", z_pt)
    columns.flat("z_phi_rad", np.arctan2(py, px))
    columns.flat("z_mass_gev", np.sqrt(np.maximum(energy**2 - pz**2 - z_pt**2, 0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        columns.flat("z_y", 0.5 * np.log((energy + pz) / (energy - pz)))
