"""CMS DeepNtuples: tree `deepntuplizer/tree`, one row a jet, candidates relative to its axis.

There is no run and no luminosity block (both 1), no generator weight (a dataset says
`weights: unit`), and nothing to identify jets by (`without: [jet_id]`). All events are simulated.

Two kinds of files have these names. In the earlier `jet_eta` is the absolute value, there is no azimuth of
the jet, and directions along the beam are signed by the jet's side, so that `sv_eta` and `Cpfcan_etarel` go
with it; `sv_phi` is an azimuth in the detector. Later files (CMSDeepFlavour/DeepNTuples, master) have
`jet_corr_pt`, beside which `jet_pt` is uncorrected, a signed `jet_eta` and `jet_phi`. Their `*_etarel` and
`*_phirel` are sizes less 0.5, at most 0, and `Cpfcan_dxy` is a size: these are not read. Angles are those of
`Cpfcan_eta` and `Cpfcan_phi`, and there is no `cpf_d0_cm`.
"""

from collections.abc import Collection, Mapping

import awkward as ak
import numpy as np

from jetsmith.columns import COMMON
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.handed.plan import Untold
from jetsmith.io import IntArray
from jetsmith.sources import alone, truth
from jetsmith.sources.content import First, Kind
from jetsmith.sources.flat import Array, Columns, split, values
from jetsmith.sources.trees import narrow
from jetsmith.specs.datasets import CutsSpec, ReadingSpec

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
GENERATED = {"jet_gen_pt_gev": "gen_pt"}
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
LATER = "jet_corr_pt"  # only later files have it
FLAT_LATER = {"jet_pt_gev": LATER, "jet_raw_pt_gev": "jet_pt", "jet_phi_rad": "jet_phi"}
# What has no sign in later files, by branch: the sign that all of its numbers have, and 0.
UNSIGNED = {
    **{f"{of}_{rel}": -1 for of in ("Cpfcan", "Npfcan") for rel in ("etarel", "phirel")},
    "Cpfcan_dxy": 1,
}
RAGGED_LATER = {
    **{name: branch for name, branch in RAGGED.items() if branch not in UNSIGNED},
    **{"cpf_eta": "Cpfcan_eta", "cpf_phi_rad": "Cpfcan_phi"},
    **{"npf_eta": "Npfcan_eta", "npf_phi_rad": "Npfcan_phi"},
}
N_SIGNED = 50  # so many numbers of one sign are not by chance
RATIOS = {
    "sv_norm_chi2": ("sv_chi2", "sv_ndf"),
    "sv_dxy_sig": ("sv_dxy", "sv_dxyerr"),
    "sv_d3d_sig": ("sv_d3d", "sv_d3derr"),
}
TRUTH = {
    **{"isB": 500, "isBB": 510, "isGBB": 511, "isLeptonicB": 520, "isLeptonicB_C": 521},
    **{"isC": 400, "isCC": 410, "isGCC": 411, "isUDS": 1, "isUD": 1, "isS": 2, "isG": 0},
}
# ASSUME without flags of their own two b hadrons and leptonic b are under isB, two c under isC, s under isUD
C, UD, G, TWO_B, TWO_C, STRANGE = 400, 1, 0, (510, 511), (410, 411), (2,)
NO_FLAVOUR = -1  # of a jet without any flag, whose hadrons nothing tells
HADRON = {name: truth_id // 100 for name, truth_id in TRUTH.items() if truth_id >= 400}


def _flat(branches: Collection[str]) -> dict[str, str]:
    """Branches by the columns that have one number a jet, of those that there are."""
    table = FLAT | FLAT_LATER if LATER in branches else FLAT
    return {name: branch for name, branch in table.items() if branch in branches}


def _ragged(branches: Collection[str]) -> dict[str, str]:
    """Branches by the columns of candidates and vertices, of those that there are."""
    table = RAGGED_LATER if LATER in branches else RAGGED
    return {name: branch for name, branch in table.items() if branch in branches}


def lacks(branches: set[str]) -> list[str]:
    """A tree of jets with their event number and at least b as truth."""
    return [name for name in ("jet_pt", "jet_eta", "event_no", "isB") if name not in branches]


def gives(branches: set[str], obj: str) -> set[str]:
    """Canonical columns that these branches suffice for; the layout has AK4 jets alone."""
    if obj != "ak4":
        return set()
    found = {*_flat(branches), *_ragged(branches)}
    found |= {name for name, branch in GENERATED.items() if branch in branches}
    found |= {name for name, needed in RATIOS.items() if branches.issuperset(needed)}
    found |= {"run", "luminosity_block", *COMMON}
    return found | ({"hadron_flavour"} if "isB" in branches else set())


def kind(branches: set[str], first: First) -> Kind:
    """They are made of simulated events alone (see `sources.Source.kind`)."""
    return Kind(True, "truth flags such as isB")


def weight_branch(branches: set[str]) -> str | None:
    """There is none."""


def unable(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """Nothing says whether a jet is identified (see `sources.Source.unable`)."""
    return alone.unable("deepntuples", bits)


def instead(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """What later files have no signs for (see `sources.Source.instead`)."""
    if LATER not in branches:
        return {}
    return {
        "momentum": f"{LATER}, as jet_pt is uncorrected beside it",
        "signs": f"Cpfcan_dxy has none beside {LATER}, so that there is no cpf_d0_cm",
    }


def untold(branches: set[str], obj: str) -> list[Untold]:
    """Truth ids without a flag (see `sources.Source.untold`)."""
    found = []
    for ids, become in ((TWO_B, truth.B), (truth.LEPTONIC_B, truth.B), (TWO_C, C), (STRANGE, UD)):
        if lacking := _flags(ids, branches):
            found.append(Untold(ids, become, lacking))
    none = {plain: _flags((plain,), branches) for plain in (C, UD, G)}
    return found + [Untold((plain,), truth.UNMATCHED, flags) for plain, flags in none.items() if flags]


def _flags(ids: tuple[int, ...], branches: set[str]) -> str:
    """The flags of these truth ids where the branches have none of them."""
    flags = [name for name, truth_id in TRUTH.items() if truth_id in ids]
    return "" if branches.intersection(flags) else ", ".join(flags)


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `rows` reads, of those that there are."""
    columns = (*_flat(available).values(), *_ragged(available).values())
    wanted = dict.fromkeys((*columns, "jet_pt", *GENERATED.values(), *TRUTH))
    wanted |= dict.fromkeys(name for pair in RATIOS.values() for name in pair)
    return [name for name in wanted if name in available]


def selecting(spec: ReadingSpec) -> set[str]:
    """Branches that decide which rows stay (see `sources.Source.selecting`)."""
    return {"jet_pt", LATER, "jet_eta", "event_no", "jet_no"}


def identity(events: Mapping[str, ak.Array]) -> tuple[IntArray, IntArray, IntArray]:
    """Event, number and momentum of the jet: event numbers alone may begin anew in each file."""
    event, pt = values(events["event_no"]), values(events["jet_pt"]).astype(np.float32)
    number = values(events["jet_no"]) if "jet_no" in events else np.zeros(len(event), dtype=np.uint32)
    return pt.view(np.uint32), number, event


def rows(
    events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec
) -> tuple[ak.Array, list[CutStep]]:
    """Canonical columns of the jets that pass, and the cutflow (see `sources.Source.rows`).

    Raises:
        InputError: The dataset asks for weights, cuts or data that this layout does not know, or what is
            signed has one sign alone.
    """
    flat, ragged = _flat(events), _ragged(events)
    pt, eta = values(events[flat["jet_pt_gev"]]), values(events["jet_eta"])
    kept, cutflow = alone.select("deepntuples", pt, eta, spec, selection)
    narrow(events, kept)
    columns = Columns("ak4", len(kept))
    for name in ("run", "luminosity_block", "weight"):
        columns.flat(name, np.ones(len(kept)))
    for name, branch in flat.items():
        columns.flat(name, values(events[branch])[kept])
    for name, branch in GENERATED.items():
        if branch in events:
            columns.flat(name, alone.matched(values(events[branch]))[kept])
    of_truth = flavour(events, TRUTH, truth.UNMATCHED)
    columns.flat("flavour", of_truth[kept])
    known = np.where(of_truth == truth.UNMATCHED, NO_FLAVOUR, 0)  # isUndefined has hadrons, or none
    columns.flat("hadron_flavour", flavour(events, HADRON, known)[kept])
    for name, branch in ragged.items():
        offsets, content = _take(events[branch], kept)
        _check_signed(branch, content)
        columns.ragged(name, offsets, content)
    for name, (above, below) in RATIOS.items():
        if above in events and below in events:
            offsets, numerator = _take(events[above], kept)
            denominator = _take(events[below], kept)[1]
            with np.errstate(divide="ignore", invalid="ignore"):
                columns.ragged(name, offsets, numerator / denominator)
    return columns.rows(), cutflow


def _check_signed(branch: str, content: Array) -> None:
    """Refuse sizes where numbers with a sign are meant: files of a later kind without `jet_corr_pt`."""
    signs = np.sign(content[content != 0])
    if len(signs) < N_SIGNED or branch not in UNSIGNED or (signs != UNSIGNED[branch]).any():
        return
    side, what = ("above", "a size less 0.5") if UNSIGNED[branch] < 0 else ("below", "a size")
    raise InputError(
        f"{branch} is never {side} 0 in {len(signs):,} candidates: {what}, as later DeepNtuples have it, "
        "where a number with a sign would be right; take files with "
        f"{LATER}, jet_phi, Cpfcan_eta and Cpfcan_phi, which are read instead"
    )


def flavour(events: Mapping[str, ak.Array], table: Mapping[str, int], default: int | IntArray) -> IntArray:
    """The id of the flag that is set for each jet, `default` where none is."""
    present = [name for name in table if name in events]
    flags = [values(events[name]) != 0 for name in present]
    return np.select(flags, [table[name] for name in present], default=default)


def _take(array: ak.Array, kept: IntArray) -> tuple[IntArray, Array]:
    """Offsets and content of some lists of a ragged branch."""
    return split(ak.materialize(array)[kept])
