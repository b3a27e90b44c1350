"""JetClass and JetClass-II: an entry is a jet with its constituents, in ROOT (tree `tree`) or Parquet files.

There is no event, no generator weight (a dataset says `weights: unit`) and nothing to identify jets by
(`without: [jet_id]`). All jets are simulated (MadGraph, Pythia, Delphes). Impact parameters are stored in mm,
that in the transverse plane with the sign of Delphes, (x py - y px) / pt: minus that of our columns.
"""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.columns import COMMON, EVENT_KEY, KEY
from jetsmith.columns.labels import FIRST, FIRST_II, JETCLASS, JETCLASS_II
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.handed.plan import Untold
from jetsmith.io import IntArray
from jetsmith.sources import alone
from jetsmith.sources.content import First, Kind
from jetsmith.sources.flat import Array, Columns, masked_offsets, split, values
from jetsmith.sources.trees import narrow
from jetsmith.specs.datasets import CutsSpec, ReadingSpec

MM = 0.1  # [cm]
SCALE = {  # of branches of tracks to columns
    "part_d0val": -MM,  # Delphes has (x py - y px) / pt, columns a closest point at d0 (-sin phi, cos phi)
    **dict.fromkeys(("part_d0err", "part_dzval", "part_dzerr"), MM),
}
MOMENTUM = ("jet_pt", "jet_eta", "jet_phi", "jet_energy")
FLAT = {
    "jet_pt_gev": "jet_pt",
    "jet_eta": "jet_eta",
    "jet_phi_rad": "jet_phi",
    "jet_softdrop_mass_gev": "jet_sdmass",
    "jet_tau1": "jet_tau1",
    "jet_tau2": "jet_tau2",
    "jet_tau3": "jet_tau3",
}
GENERATED = {  # of JetClass-II
    "jet_gen_pt_gev": ("genjet_pt",),
    "jet_gen_mass_gev": ("genjet_pt", "genjet_eta", "genjet_energy"),
    "jet_gen_softdrop_mass_gev": ("genjet_sdmass",),
}
LABEL = "jet_label"  # of JetClass-II; JetClass has a branch a label
ONE_HOT = tuple(f"label_{name}" for name in JETCLASS)
_XYZ, _CHARGE = ("part_px", "part_py", "part_pz"), "part_charge"
PDG = {  # of particle flow; those of charged ones change their sign with the charge
    "part_isChargedHadron": 211,
    "part_isElectron": -11,
    "part_isMuon": -13,
    "part_isPhoton": 22,
    "part_isNeutralHadron": 130,
}
OF_ALL = {  # columns of candidates, without cpf_ or npf_
    **dict.fromkeys(("pt_gev", "eta", "phi_rad", "puppi_weight"), ()),
    "energy_gev": ("part_energy",),
    "pdg_id": tuple(PDG),
}
OF_TRACKS = {
    "charge": (),
    "d0_cm": ("part_d0val",),
    "d0_err_cm": ("part_d0err",),
    "dz_cm": ("part_dzval",),
    "dz_err_cm": ("part_dzerr",),
}


def lacks(branches: set[str]) -> list[str]:
    """Jets with momentum and label."""
    found = [name for name in MOMENTUM if name not in branches]
    labels = [name for name in ONE_HOT if name not in branches]
    if LABEL in branches or not labels:
        return found
    return [*found, *(labels if len(labels) < len(ONE_HOT) else [f"{LABEL} (or {ONE_HOT[0]} and its like)"])]


def gives(branches: set[str], obj: str) -> set[str]:
    """Canonical columns that these branches suffice for; the layout has rows of `ak8` alone."""
    if obj != "ak8" or lacks(branches):
        return set()
    found = {*KEY, *COMMON, "jet_mass_gev"}
    found |= {name for name, branch in FLAT.items() if branch in branches}
    needs = _of_constituents() | GENERATED
    return found | {name for name, needed in needs.items() if branches.issuperset(needed)}


def _of_constituents() -> dict[str, tuple[str, ...]]:
    """The branches that each column of constituents needs."""
    needs: dict[str, tuple[str, ...]] = {}
    for prefix, table in (("cpf", OF_ALL | OF_TRACKS), ("npf", OF_ALL)):
        needs[f"n_{prefix}"] = (*_XYZ, _CHARGE)
        needs |= {f"{prefix}_{name}": (*_XYZ, _CHARGE, *more) for name, more in table.items()}
    return needs


def kind(branches: set[str], first: First) -> Kind:
    """They are made of simulated events alone (see `sources.Source.kind`)."""
    return Kind(True, f"truth labels such as {LABEL if LABEL in branches else ONE_HOT[0]}")


def weight_branch(branches: set[str]) -> str | None:
    """There is none."""


def unable(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """Nothing says whether a jet is identified (see `sources.Source.unable`)."""
    return alone.unable("jetclass", bits)


def instead(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """What stands for numbers that the files do not have (see `sources.Source.instead`)."""
    weight = "1: momenta are those that the jet is made of (JetClass-II: after PUPPI; JetClass: no pile-up)"
    event = "the bits of the jet's momentum, as events have no numbers: jets of one may be in two splits"
    return {
        "event": event,
        **({"puppi_weight": weight} if branches.issuperset((*_XYZ, _CHARGE)) else {}),
    }


def untold(branches: set[str], obj: str) -> list[Untold]:
    """Labels are told, and other truth ids are not there (see `sources.Source.untold`)."""
    return []


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `rows` reads, of those that there are."""
    labels = [LABEL] if LABEL in available else ONE_HOT
    more = (name for needed in (_of_constituents() | GENERATED).values() for name in needed)
    wanted = dict.fromkeys((*MOMENTUM, *FLAT.values(), *labels, *more))
    return [name for name in wanted if name in available]


def selecting(spec: ReadingSpec) -> set[str]:
    """Branches that decide which rows stay (see `sources.Source.selecting`)."""
    return {*MOMENTUM, LABEL, *ONE_HOT}


def identity(events: Mapping[str, ak.Array]) -> tuple[IntArray, IntArray, IntArray]:
    """The bits of pt, azimuth, and energy with pseudorapidity: the same for a jet in whatever file it is."""
    pt, eta, phi, energy = (
        np.ascontiguousarray(values(events[name]), dtype=np.float32).view(np.uint32) for name in MOMENTUM
    )
    return pt, phi, (energy.astype(np.uint64) << np.uint64(32)) | eta


def rows(
    events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec
) -> tuple[ak.Array, list[CutStep]]:
    """Canonical columns of the jets that pass, and the cutflow (see `sources.Source.rows`).

    Raises:
        InputError: The dataset asks for weights, cuts or data that this layout does not know; a label is
            none, or branches of constituents differ in length.
    """
    pt, eta, _, energy = (values(events[name]).astype(np.float64) for name in MOMENTUM)
    kept, cutflow = alone.select("jetclass", pt, eta, spec, selection)
    flavour = truth_of(events)
    narrow(events, kept)
    columns = Columns("ak8", len(kept))
    for name, numbers in zip(EVENT_KEY, identity(events), strict=True):
        columns.flat(name, numbers[kept])
    columns.flat("jet_index", np.zeros(len(kept)))
    columns.flat("weight", np.ones(len(kept)))
    columns.flat("flavour", flavour[kept])
    for name, branch in FLAT.items():
        if branch in events:
            columns.flat(name, values(events[branch])[kept])
    columns.flat("jet_mass_gev", _mass(pt, eta, energy)[kept])
    _fill_generated(columns, events, kept)
    if all(name in events for name in (*_XYZ, _CHARGE)):
        _fill_constituents(columns, events, kept)
    return columns.rows(), cutflow


def _mass(pt: Array, eta: Array, energy: Array) -> Array:
    return np.asarray(np.sqrt(np.maximum(energy**2 - (pt * np.cosh(eta)) ** 2, 0)))


def _fill_generated(columns: Columns, events: Mapping[str, ak.Array], kept: IntArray) -> None:
    """Momentum and masses of the generator jets, where there are some."""
    for name, needed in GENERATED.items():
        if all(branch in events for branch in needed):
            found = [values(events[branch]).astype(np.float64)[kept] for branch in needed]
            columns.flat(name, alone.matched(_mass(*found) if len(found) > 1 else found[0]))


def truth_of(events: Mapping[str, ak.Array]) -> IntArray:
    """Truth ids of jets by their labels, shape (N,).

    Raises:
        InputError: A number that is no label, or not exactly one label of a jet.
    """
    if LABEL in events:
        label = values(events[LABEL])
        wrong = np.flatnonzero(~np.isin(label, np.arange(len(JETCLASS_II))))
        if len(wrong):
            raise InputError(
                f"{LABEL} is {label[wrong[0]]} of jet {wrong[0]:,} of these ({len(wrong):,} such jets); "
                f"labels of JetClass-II are whole numbers from 0 to {len(JETCLASS_II) - 1}"
            )
        return FIRST_II + label.astype(np.int64)
    flags = np.stack([values(events[name]) != 0 for name in ONE_HOT])
    n_set = flags.sum(axis=0)
    wrong = np.flatnonzero(n_set != 1)
    if len(wrong):
        raise InputError(
            f"{n_set[wrong[0]]} of {ONE_HOT[0]} to {ONE_HOT[-1]} are set of jet {wrong[0]:,} of these "
            f"({len(wrong):,} such jets); one a jet would be right"
        )
    return np.asarray(FIRST + np.argmax(flags, axis=0))


def _fill_constituents(columns: Columns, events: Mapping[str, ak.Array], kept: IntArray) -> None:
    """Charged and neutral constituents in the order of the file."""
    needs = _of_constituents()
    wanted = {branch for needed in needs.values() for branch in needed if branch in events}
    lists = {name: split(ak.materialize(events[name])[kept]) for name in sorted(wanted)}
    offsets, charge = lists[_CHARGE]
    for name, (own, _) in lists.items():
        if not np.array_equal(own, offsets):
            place = int(np.flatnonzero(own != offsets)[0]) - 1
            raise InputError(
                f"{name} has {np.diff(own)[place]} values and {_CHARGE} {np.diff(offsets)[place]} of jet "
                f"{kept[place]:,} of these; one a constituent would be right"
            )
    of_all = _columns({name: content for name, (_, content) in lists.items()})
    for prefix, mask in (("cpf", charge != 0), ("npf", charge == 0)):
        own = masked_offsets(offsets, mask)
        columns.flat(f"n_{prefix}", np.diff(own))
        for name, content in of_all.items():
            if f"{prefix}_{name}" in needs:
                columns.ragged(f"{prefix}_{name}", own, content[mask])


def _columns(content: Mapping[str, Array]) -> dict[str, Array]:
    """Columns of all constituents, without their prefix."""
    px, py, pz = (content[name].astype(np.float64) for name in _XYZ)
    charge, pt = content[_CHARGE], np.hypot(px, py)
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(pz / pt)
    found = {"pt_gev": pt, "eta": eta, "phi_rad": np.arctan2(py, px), "charge": charge}
    found["puppi_weight"] = np.ones(len(pt))
    if "part_energy" in content:
        found["energy_gev"] = content["part_energy"]
    if all(name in content for name in PDG):
        sign = np.where(charge == 0, 1, np.sign(charge))
        found["pdg_id"] = sign * np.select([content[name] != 0 for name in PDG], [*PDG.values()], 0)
    for name, branches_of_it in OF_TRACKS.items():
        if branches_of_it and branches_of_it[0] in content:
            # Delphes gives the error of dz along the beam
            across = 1 / np.cosh(eta) if name == "dz_err_cm" else 1.0
            found[name] = content[branches_of_it[0]] * SCALE[branches_of_it[0]] * across
    return found
