"""Event rows at generator level: the leptons of the Z and the jets beside them.

What else an event row has stands in `event_content`.
"""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.sources.flat import (
    Columns,
    Directions,
    aligned,
    check_finite,
    lists,
    masked_offsets,
    near,
    owners,
)
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


def hard_leptons(particles: Generator) -> BoolArray:
    """Final electrons and muons with the flag `fromHardProcess` or with a Z as mother, of all particles."""
    mother_is_z = particles.pdg_id[particles.mother] == 23
    found: BoolArray = particles.leptons() & (particles.flag(FROM_HARD_PROCESS) | mother_is_z)
    return found


def z_leptons(particles: Generator) -> tuple[BoolArray, IntArray]:
    """The two leading leptons of the hard process, where they can come from a Z.

    The leading two of `hard_leptons` must be of one flavour and of opposite charge.

    Returns:
        Which events have them, shape (N,); and flat indices of the two, shape (M, 2).
    """
    index = np.flatnonzero(hard_leptons(particles))
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
        pairs: Flat indices of the leptons of their Z, shape (n_rows, 2); -1 where there is none.
    """
    pt, eta, phi = (
        np.append(particles.flat(name).astype(np.float64), np.nan)[pairs] for name in ("pt", "eta", "phi")
    )
    _fill_z(columns, pt, eta, phi)
    offsets, jet_pt = lists(events, "GenJet_pt")
    jet_eta, jet_phi = (aligned(events, f"GenJet_{name}", offsets) for name in ("eta", "phi"))
    check_finite("GenJet_pt", jet_pt, kept[owners(offsets)])
    check_finite("GenJet_eta", jet_eta, kept[owners(offsets)] & (jet_pt > JET_PT_MIN_GEV))
    mask = (jet_pt > JET_PT_MIN_GEV) & (np.abs(jet_eta) < JET_ABSETA_MAX)
    leptons = _directions(particles).where(_removed(particles, kept, pairs))
    mask &= kept[owners(offsets)] & ~near(offsets, jet_eta, jet_phi, leptons, LEPTON_RADIUS)
    index = np.flatnonzero(mask)
    order = index[np.lexsort((-jet_pt[index], owners(offsets)[index]))]
    starts = masked_offsets(offsets, mask)
    rows = np.append(starts[:-1][kept], starts[-1])
    for name, branch in JET_BRANCHES.items():
        if branch in events:
            columns.ragged(name, rows, aligned(events, branch, offsets)[order])


def _removed(particles: Generator, kept: BoolArray, pairs: IntArray) -> BoolArray:
    """Leptons that jets are cleaned of: the two of the Z; in an event without one all of the hard process."""
    without = np.zeros(len(kept), dtype=bool)
    without[np.flatnonzero(kept)[pairs[:, 0] < 0]] = True
    found = without[owners(particles.offsets)]
    found &= hard_leptons(particles)
    found[pairs[pairs >= 0]] = True
    return found


def _directions(particles: Generator) -> Directions:
    """In double precision, as the Z is computed."""
    eta, phi = (particles.flat(name).astype(np.float64) for name in ("eta", "phi"))
    return Directions(particles.offsets, eta, phi)


def _fill_z(columns: Columns, pt: FloatArray, eta: FloatArray, phi: FloatArray) -> None:
    """Sum of two massless leptons; arrays of shape (n, 2), NaN where there is no Z.

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
