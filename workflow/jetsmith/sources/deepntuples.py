"""CMS DeepNtuples: tree `deepntuplizer/tree`, one row a jet, candidates relative to its axis.

There is no run and no luminosity block (both 1), no generator weight (1), and no azimuth of the
jet. `jet_eta` is the absolute value; directions along the beam are signed by the jet's side, so
`sv_eta` and `Cpfcan_etarel` go with it. `sv_phi` is an azimuth in the detector.
"""

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np

from jetsmith import columns as canonical
from jetsmith.io import IntArray
from jetsmith.sources import truth
from jetsmith.sources.flat import Array, Columns, Cutflow, split, values
from jetsmith.sources.trees import narrow
from jetsmith.specs import DatasetSpec, SelectionSpec

TREE = "deepntuplizer/tree"
FLAT = {
    "event": "event_no",
    "jet_index": "jet_no",
    "jet_pt_gev": "jet_pt",
    "jet_eta": "jet_eta",
    "n_pv": "npv",
    "n_cpf": "n_Cpfcand",
    "n_npf": "n_Npfcand",
    "n_sv": "n_sv",
}
RAGGED = {
    "cpf_pt_gev": "Cpfcan_pt",
    "cpf_deta": "Cpfcan_etarel",
    "cpf_dphi_rad": "Cpfcan_phirel",
    "cpf_puppi_weight": "Cpfcan_puppiw",
    "cpf_d0_cm": "Cpfcan_dxy",
    "cpf_dz_cm": "Cpfcan_dz",
    "cpf_vertex_association": "Cpfcan_VTX_ass",
    "cpf_dptdpt": "Cpfcan_dptdpt",
    "cpf_is_muon": "Cpfcan_isMu",
    "cpf_is_electron": "Cpfcan_isEl",
    "cpf_chi2": "Cpfcan_chi2",
    "cpf_quality": "Cpfcan_highPurity",
    "npf_pt_gev": "Npfcan_pt",
    "npf_deta": "Npfcan_etarel",
    "npf_dphi_rad": "Npfcan_phirel",
    "npf_is_photon": "Npfcan_isGamma",
    "npf_had_frac": "Npfcan_HadFrac",
    "sv_pt_gev": "sv_pt",
    "sv_eta": "sv_eta",
    "sv_phi_rad": "sv_phi",
    "sv_mass_gev": "sv_mass",
    "sv_n_tracks": "sv_ntracks",
    "sv_chi2": "sv_chi2",
    "sv_dxy_cm": "sv_dxy",
    "sv_d3d_cm": "sv_d3d",
    "sv_cos_theta": "sv_costhetasvpv",
}
RATIOS = {
    "sv_norm_chi2": ("sv_chi2", "sv_ndf"),
    "sv_dxy_sig": ("sv_dxy", "sv_dxyerr"),
    "sv_d3d_sig": ("sv_d3d", "sv_d3derr"),
}
TRUTH = {"isB": 500, "isBB": 510, "isLeptonicB": 520, "isC": 400, "isCC": 410, "isUDS": 1, "isG": 0}
HADRON = {"isB": 5, "isBB": 5, "isLeptonicB": 5, "isC": 4, "isCC": 4}


def recognises(branches: set[str]) -> bool:
    """Whether it is a tree of jets with their event number and at least b as truth."""
    return branches.issuperset({"jet_pt", "jet_eta", "event_no", "isB"})


def gives(branches: set[str], obj: str) -> set[str]:
    """Canonical columns that these branches suffice for; the layout has AK4 jets alone."""
    if obj != "ak4":
        return set()
    found = {name for table in (FLAT, RAGGED) for name, branch in table.items() if branch in branches}
    found |= {name for name, needed in RATIOS.items() if branches.issuperset(needed)}
    found |= {"run", "luminosity_block", *canonical.COMMON}
    return found | ({"hadron_flavour"} if "isB" in branches else set())


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `rows` reads, of those that there are."""
    wanted = dict.fromkeys((*FLAT.values(), *RAGGED.values(), *TRUTH))
    wanted |= dict.fromkeys(name for pair in RATIOS.values() for name in pair)
    return [name for name in wanted if name in available]


def selecting(spec: DatasetSpec) -> set[str]:
    """Branches that decide which rows stay (see `sources.Source.selecting`)."""
    return {"jet_pt", "jet_eta", "event_no", "jet_no"}


def identity(events: Mapping[str, ak.Array]) -> tuple[IntArray, IntArray, IntArray]:
    """Event, number and momentum of the jet: event numbers alone may begin anew in each file."""
    event, pt = values(events["event_no"]), values(events["jet_pt"]).astype(np.float32)
    number = values(events["jet_no"]) if "jet_no" in events else np.zeros(len(event), dtype=np.uint32)
    return pt.view(np.uint32), number, event


def rows(
    events: Mapping[str, ak.Array], spec: DatasetSpec, selection: SelectionSpec
) -> tuple[ak.Array, list[dict[str, Any]]]:
    """Canonical columns of the jets that pass, and the cutflow (see `sources.Source.rows`)."""
    pt, eta = values(events["jet_pt"]), values(events["jet_eta"])
    cutflow, weight = Cutflow(), np.ones(len(pt))
    cutflow.add("entries", weight)
    mask = pt >= selection.pt_min_gev
    cutflow.add("pt", weight[mask])
    mask &= np.abs(eta) <= selection.abseta_max
    cutflow.add("abseta", weight[mask])
    kept = np.flatnonzero(mask)
    narrow(events, kept)
    columns = Columns("ak4", len(kept))
    for name in ("run", "luminosity_block", "weight"):
        columns.flat(name, np.ones(len(kept)))
    for name, branch in FLAT.items():
        if branch in events:
            columns.flat(name, values(events[branch])[kept])
    columns.flat("flavour", flavour(events, TRUTH, truth.UNMATCHED)[kept])
    columns.flat("hadron_flavour", flavour(events, HADRON, 0)[kept])
    for name, branch in RAGGED.items():
        if branch in events:
            columns.ragged(name, *_take(events[branch], kept))
    for name, (above, below) in RATIOS.items():
        if above in events and below in events:
            offsets, numerator = _take(events[above], kept)
            denominator = _take(events[below], kept)[1]
            with np.errstate(divide="ignore", invalid="ignore"):
                columns.ragged(name, offsets, numerator / denominator)
    return columns.rows(), cutflow.lines


def flavour(events: Mapping[str, ak.Array], table: Mapping[str, int], default: int) -> IntArray:
    """The id of the flag that is set for each jet, `default` where none is."""
    present = [name for name in table if name in events]
    flags = [values(events[name]) != 0 for name in present]
    return np.select(flags, [table[name] for name in present], default=default)


def _take(array: ak.Array, kept: IntArray) -> tuple[IntArray, Array]:
    """Offsets and content of some lists of a ragged branch."""
    return split(ak.materialize(array)[kept])
