"""CMS PFNano: NanoAOD with the candidates and vertices of the jets, and the inputs of old taggers."""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.handed.account import CutStep
from jetsmith.io import FloatArray, IntArray
from jetsmith.sources import nanoaod, taginfo
from jetsmith.sources.flat import (
    Array,
    Columns,
    aligned,
    counts_to_offsets,
    gather,
    join,
    lists,
    look_up,
    of_collection,
    owners,
)
from jetsmith.sources.nanoaod import Jets
from jetsmith.specs.datasets import CutsSpec, ReadingSpec

selecting, identity = nanoaod.selecting, nanoaod.identity
kind, weight_branch = nanoaod.kind, nanoaod.weight_branch
unable, untold = nanoaod.unable, nanoaod.untold
CANDIDATES = "PFCands"
INDEX = "pFCandsIdx"
NAMES = {  # canonical column without cpf_ or npf_ -> branch of the candidate
    "pt_gev": "pt",
    "eta": "eta",
    "phi_rad": "phi",
    "pdg_id": "pdgId",
    "puppi_weight": "puppiWeight",
}
CHARGED = NAMES | {
    "charge": "charge",
    "d0_cm": "d0",
    "d0_err_cm": "d0Err",
    "dz_cm": "dz",
    "dz_err_cm": "dzErr",
    "chi2": "trkChi2",
    "quality": "trkQuality",
    "vertex_association": "pvAssocQuality",
    "lost_inner_hits": "lostInnerHits",
    "truth_origin": "genOrigin",  # the demo's own (`simulation.origins`): no file of CMS has it
    "truth_vertex": "genVertexIdx",
}
NEUTRAL = NAMES | {"had_frac": "hcalFraction"}
IN_JET = {  # what depends on the jet, too, stands beside the index
    "eta_rel": "btagEtaRel",
    "pt_ratio": "btagPtRatio",
    "p_par_ratio": "btagPParRatio",
    "sip2d_val_cm": "btagSip2dVal",
    "sip2d_sig": "btagSip2dSig",
    "sip3d_val_cm": "btagSip3dVal",
    "sip3d_sig": "btagSip3dSig",
    "jet_dist_cm": "btagJetDistVal",
}
OF_TRACK = {"d0_cm", "d0_err_cm", "dz_cm", "dz_err_cm", "chi2", *IN_JET}  # coded where there is no track
NO_TRACK = ("d0Err", "dzErr", "trkChi2")  # any of them says so: CMS writes -1 there, which no track has
VERTEX = {
    "sv_pt_gev": "pt",
    "sv_mass_gev": "mass",
    "sv_n_tracks": "ntracks",
    "sv_chi2": "chi2",
    "sv_norm_chi2": "normchi2",
    "sv_dxy_cm": "dxy",
    "sv_dxy_sig": "dxysig",
    "sv_d3d_cm": "d3d",
    "sv_d3d_sig": "d3dsig",
    "sv_cos_theta": "costhetasvpv",
    "sv_energy_ratio": "enration",
    "sv_delta_r": "deltaR",
    "sv_dphi_rad": "phirel",
}
VERTEX_DIRECTION = {"sv_eta": "SV_eta", "sv_phi_rad": "SV_phi"}
DIRECTION_IN_EVENT = {"event_sv_eta": "SV_eta", "event_sv_phi_rad": "SV_phi"}  # of AK8 jets
DELTA_R_SHIFT = 0.5  # CMS stores the distance less 0.5, never above 0


MARKS = ("JetPFCands_", "FatJetPFCands_", "JetSVs_", "Jet_DeepCSV_", "FatJet_DDX_")


def lacks(branches: set[str]) -> list[str]:
    """Candidates of jets or the inputs of taggers, besides NanoAOD."""
    found = nanoaod.lacks(branches)
    return found if any(name.startswith(MARKS) for name in branches) else [*found, f"{MARKS[0]}*"]


def instead(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """Columns and cuts that do not come from where they mostly do (see `sources.Source.instead`)."""
    found = nanoaod.instead(branches, obj, bits)
    if obj != "event" and f"{nanoaod.PREFIX[obj]}SVs_sVIdx" in branches:
        found["sv_eta"] = (
            "of vertices in the table SV alone; others count and have masses, but no direction: distances to "
            "the nearest vertex and sums of vertices are not known in their jets; no axis or subjet has them"
        )
    return found


def _candidate_branch(branches: set[str], table: str, name: str) -> str:
    """Where a property of a candidate stands: with the candidates, or (older files) with the jet's."""
    return f"{CANDIDATES}_{name}" if f"{table}_{INDEX}" in branches else f"{table}_{name}"


def _no_track(branches: set[str], table: str) -> str:
    """The branch that is below 0 for candidates without a track, the first of those that there are."""
    found = [_candidate_branch(branches, table, name) for name in NO_TRACK]
    return next((name for name in found if name in branches), found[0])


def _needs(branches: set[str], obj: str) -> dict[str, tuple[str, ...]]:
    """The branches that each canonical column needs besides those of NanoAOD."""
    table, vertices = (f"{nanoaod.PREFIX[obj]}{name}" for name in ("PFCands", "SVs"))
    charge = _candidate_branch(branches, table, "charge")
    common = (f"{table}_jetIdx", charge)
    needs = taginfo.wanted(obj)
    needs |= {"n_cpf": common, "n_npf": common, "n_sv": (f"{vertices}_jetIdx",)}
    track = (*common, _no_track(branches, table))
    for prefix, names in (("cpf", CHARGED), ("npf", NEUTRAL)):
        for name, branch in names.items():
            where = _candidate_branch(branches, table, branch)
            needs[f"{prefix}_{name}"] = (*(track if name in OF_TRACK else common), where)
    needs |= {f"cpf_{name}": (*track, f"{table}_{branch}") for name, branch in IN_JET.items()}
    for name, branch in VERTEX.items():
        needs[name] = (f"{vertices}_jetIdx", f"{vertices}_{branch}")
    for name, branch in VERTEX_DIRECTION.items():
        needs[name] = (f"{vertices}_jetIdx", f"{vertices}_sVIdx", branch)
    if obj == "ak8":
        needs |= {name: (branch,) for name, branch in DIRECTION_IN_EVENT.items()}
    return needs


def gives(branches: set[str], obj: str) -> set[str]:
    """Canonical columns that these branches suffice for, stored scores with them."""
    found = nanoaod.gives(branches, obj)
    if obj == "event" or "jet_pt_gev" not in found:
        return found
    return found | {name for name, needed in _needs(branches, obj).items() if branches.issuperset(needed)}


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `rows` reads, of those that there are."""
    wanted = dict.fromkeys(nanoaod.branches(available, obj))
    if obj != "event":
        for needed in _needs(available, obj).values():
            if available.issuperset(needed):
                wanted |= dict.fromkeys(needed)
        table = f"{nanoaod.PREFIX[obj]}PFCands"
        if f"{table}_jetIdx" in available:
            wanted |= dict.fromkeys(name for name in (f"{table}_{INDEX}",) if name in available)
    return list(wanted)


def rows(
    events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec
) -> tuple[ak.Array, list[CutStep]]:
    """Canonical columns of the rows that pass, and the cutflow (see `sources.Source.rows`)."""
    if spec.object == "event":
        return nanoaod.event_rows(events, spec)
    columns, jets, cutflow = nanoaod.select(events, spec, selection)
    taginfo.fill(columns, jets, spec.object)
    _fill_candidates(columns, jets)
    _fill_vertices(columns, jets)
    if spec.object == "ak8":
        _fill_vertices_of_event(columns, jets)
    return columns.rows(), cutflow.lines


def _fill_candidates(columns: Columns, jets: Jets) -> None:
    events, table = jets.events, f"{jets.prefix}PFCands"
    names = set(events)
    charge_branch = _candidate_branch(names, table, "charge")
    if f"{table}_jetIdx" not in events or charge_branch not in events:
        return
    child_offsets, jet_index = lists(events, f"{table}_jetIdx")
    child, row = gather(child_offsets, jet_index, jets.offsets, jets.row)
    candidate = child
    if f"{table}_{INDEX}" in events:
        candidate, known = _candidates_of(events, table, child, child_offsets)
        if not known.all():
            child, row, candidate = child[known], row[known], candidate[known]
    candidates, charge = lists(events, charge_branch)

    def of(branch: str) -> Array:
        own = candidates if branch.startswith(f"{CANDIDATES}_") else child_offsets
        return aligned(events, branch, own)

    charged = charge.take(candidate) != 0
    for prefix, table_names, mask in (("cpf", CHARGED, charged), ("npf", NEUTRAL, ~charged)):
        # Indices, since a mask is looked through anew for every column.
        chosen = np.flatnonzero(mask)
        counts = np.bincount(row.take(chosen), minlength=columns.n_rows)
        offsets, place = counts_to_offsets(counts), candidate.take(chosen)
        columns.flat(f"n_{prefix}", counts)
        sources = {name: (_candidate_branch(names, table, b), place) for name, b in table_names.items()}
        if prefix == "cpf":
            link = child.take(chosen)
            sources |= {name: (f"{table}_{b}", link) for name, b in IN_JET.items()}
        coded = _no_track(names, table)
        no_track = of(coded).take(place) < 0 if coded in events else np.zeros(0, dtype=bool)
        for name, (branch, index) in sources.items():
            if branch not in events or (name in OF_TRACK and coded not in events):
                continue
            content = of(branch).take(index)
            cleaned = content if name not in OF_TRACK else np.where(no_track, np.float32(np.nan), content)
            columns.ragged(f"{prefix}_{name}", offsets, cleaned)


def _candidates_of(
    events: Mapping[str, ak.Array], table: str, child: IntArray, child_offsets: IntArray
) -> tuple[IntArray, Array]:
    """Flat index of the candidate that each child names, and which of them exist."""
    offsets = lists(events, f"{CANDIDATES}_charge")[0]
    event = owners(child_offsets)[child]
    local = aligned(events, f"{table}_{INDEX}", child_offsets)[child].astype(np.int64)
    known = (local >= 0) & (local < np.diff(offsets)[event])
    return offsets[event] + local, known


def _fill_vertices(columns: Columns, jets: Jets) -> None:
    events, table = jets.events, f"{jets.prefix}SVs"
    if f"{table}_jetIdx" not in events:
        return
    child_offsets, jet_index = lists(events, f"{table}_jetIdx")
    child, row = gather(child_offsets, jet_index, jets.offsets, jets.row)
    counts = np.bincount(row, minlength=columns.n_rows)
    offsets = counts_to_offsets(counts)
    columns.flat("n_sv", counts)
    for name, branch in VERTEX.items():
        if f"{table}_{branch}" in events:
            content = aligned(events, f"{table}_{branch}", child_offsets)[child]
            columns.ragged(name, offsets, plain_delta_r(content) if name == "sv_delta_r" else content)
    if f"{table}_sVIdx" not in events:
        return
    local = aligned(events, f"{table}_sVIdx", child_offsets)[child].astype(np.int64)
    event = owners(child_offsets)[child]
    for name, branch in VERTEX_DIRECTION.items():
        if branch in events:
            columns.ragged(name, offsets, look_up(events, branch, event, local, np.float32(np.nan)))


def _fill_vertices_of_event(columns: Columns, jets: Jets) -> None:
    """The directions that the table SV has of vertices of the event, for each of its jets."""
    for name, branch in DIRECTION_IN_EVENT.items():
        if branch in jets.events:
            offsets, content = of_collection(jets.events, branch)
            kept = counts_to_offsets(np.bincount(jets.event, minlength=len(offsets) - 1))
            _, vertex = join(kept, offsets)
            columns.ragged(name, counts_to_offsets(np.diff(offsets)[jets.event]), content[vertex])


def plain_delta_r(stored: FloatArray) -> FloatArray:
    """Distance of a vertex to its jet: CMS stores it less 0.5, bounded by 0; others store it plainly."""
    return np.where(stored <= 0, stored + np.float32(DELTA_R_SHIFT), stored)
