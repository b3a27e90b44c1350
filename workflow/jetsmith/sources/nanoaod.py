"""CMS NanoAOD: tree `Events`, jets without candidates, an experiment's own scores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import awkward as ak
import numpy as np

from jetsmith import columns as canonical
from jetsmith.certified import read_certified
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.sources import generator, truth
from jetsmith.sources.flat import (
    Array,
    Columns,
    Cutflow,
    KeptJets,
    Points,
    counts_to_offsets,
    owners,
    split,
    values,
)
from jetsmith.sources.trees import narrow
from jetsmith.specs import DatasetSpec, SelectionSpec

TREE = "Events"
PREFIX = {"ak4": "Jet", "ak8": "FatJet"}
EVENT = {"run": "run", "luminosity_block": "luminosityBlock", "event": "event"}
WEIGHTS = ("genWeight", "Generator_weight")
N_PV = ("PV_npvs", "PV_npvsGood")
JET = {
    "jet_pt_gev": "pt",
    "jet_raw_pt_gev": "rawFactor",
    "jet_eta": "eta",
    "jet_phi_rad": "phi",
    "jet_mass_gev": "mass",
    "n_sv": "nSVs",
    "hadron_flavour": "hadronFlavour",
    "parton_flavour": "partonFlavour",
    "n_b_hadrons": "nBHadrons",
    "n_c_hadrons": "nCHadrons",
    "jet_probability": "Proba",
    "jet_softdrop_mass_gev": "msoftdrop",
    "jet_tau1": "tau1",
    "jet_tau2": "tau2",
    "jet_tau3": "tau3",
}
EXTRA = ("jetId", "FlavSplit")  # read for cuts and truth, no columns of their own
# NanoAOD from v15 on stores no jetId; JME's identification is then computed from these.
ID_INPUTS = ("neHEF", "neEmEF", "chHEF", "chMultiplicity", "neMultiplicity", "chEmEF", "muEF")
TIGHT, TIGHT_LEPTON_VETO = 2, 4  # bits of jetId
STORED = re.compile(
    r"(btag|particleNet|deepTag|globalParT|PNet|robustParT|qgl|puIdDisc|CSV|JP$|JBP$|SoftMu|SoftEl).*"
)
SENTINEL = -900.0  # stored scores below are codes for "not computed" (-999, -1000, -3000)


def recognises(branches: set[str]) -> bool:
    """Whether there is an event number and a collection that a row can come from."""
    return "event" in branches and not branches.isdisjoint({"Jet_pt", "FatJet_pt", "GenJet_pt"})


def gives(branches: set[str], obj: str) -> set[str]:
    """Canonical columns that these branches suffice for, stored scores with them."""
    found = {name for name, branch in EVENT.items() if branch in branches}
    found |= set(canonical.COMMON) | {"jet_index"}
    if obj == "event":
        return found | generator.gives(branches)
    prefix = PREFIX[obj]
    if f"{prefix}_pt" not in branches:
        return found
    found |= {name for name, branch in JET.items() if f"{prefix}_{branch}" in branches}
    if not branches.isdisjoint(N_PV):
        found.add("n_pv")
    return found | {canonical.STORED_PREFIX + name for name in stored(branches, prefix)}


def stored(branches: set[str], prefix: str) -> list[str]:
    """Names of the stored scores of a jet collection, without its prefix."""
    bare = [name.removeprefix(f"{prefix}_") for name in branches if name.startswith(f"{prefix}_")]
    return sorted(name for name in bare if STORED.fullmatch(name))


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `rows` reads, of those that there are."""
    wanted = [*EVENT.values(), *WEIGHTS[:1], *N_PV[:1]]
    wanted += [second for first, second in (WEIGHTS, N_PV) if first not in available]
    if obj == "event":
        return [name for name in wanted if name in available] + generator.wanted_branches(available)
    prefix = PREFIX[obj]
    wanted += [f"{prefix}_{name}" for name in (*JET.values(), *EXTRA, *stored(available, prefix))]
    if f"{prefix}_jetId" not in available:
        wanted += [f"{prefix}_{name}" for name in ID_INPUTS]
    if obj == "ak8" or "Jet_FlavSplit" not in available:
        wanted += truth.GEN_BRANCHES if available.issuperset(truth.GEN_BRANCHES) else ()
    return [name for name in wanted if name in available]


def selecting(spec: DatasetSpec) -> set[str]:
    """Branches that decide which rows stay (see `sources.Source.selecting`)."""
    names = {*EVENT.values(), *WEIGHTS, *spec.hlt}
    if spec.object != "event":
        names |= {f"{PREFIX[spec.object]}_{name}" for name in ("pt", "eta", "jetId", *ID_INPUTS)}
    return names


def identity(events: Mapping[str, ak.Array]) -> tuple[IntArray, IntArray, IntArray]:
    """Run, luminosity block and event of every entry."""
    run, block, event = (values(events[branch]) for branch in EVENT.values())
    return run, block, event


@dataclass(frozen=True)
class Jets(KeptJets):
    """Jets of NanoAOD.

    Attributes:
        prefix: Their collection.
    """

    prefix: str

    def has(self, name: str) -> bool:
        """Whether the collection has a branch."""
        return f"{self.prefix}_{name}" in self.events

    def take(self, name: str) -> Array:
        """A branch of the collection, without its prefix, for the kept jets; shape (n_rows,)."""
        return self.take_branch(f"{self.prefix}_{name}")

    @cached_property
    def row(self) -> IntArray:
        """Row of each jet before cuts, -1 where it was cut."""
        row = np.full(int(self.offsets[-1]), -1)
        row[self.kept] = np.arange(len(self.kept))
        return row

    def points(self) -> Points:
        """Directions of the kept jets."""
        n_kept = np.bincount(self.event, minlength=len(self.offsets) - 1)
        return Points(counts_to_offsets(n_kept), self.take("eta"), self.take("phi"))


def rows(
    events: Mapping[str, ak.Array], spec: DatasetSpec, selection: SelectionSpec
) -> tuple[ak.Array, list[dict[str, Any]]]:
    """Canonical columns of the rows that pass, and the cutflow (see `sources.Source.rows`)."""
    if spec.object == "event":
        return event_rows(events, spec)
    columns, _, cutflow = select(events, spec, selection)
    return columns.rows(), cutflow.lines


def event_rows(events: Mapping[str, ak.Array], spec: DatasetSpec) -> tuple[ak.Array, list[dict[str, Any]]]:
    """Rows of the object `event`: those with two leptons of a Z."""
    weight, passed, cutflow = event_cuts(events, spec)
    narrow(events, np.flatnonzero(passed))
    particles = truth.Generator(events)
    found, pairs = generator.z_leptons(particles)
    kept = found & passed
    cutflow.add("two leptons of a Z", weight[kept])
    columns = Columns("event", int(kept.sum()))
    _fill_key(columns, events, np.flatnonzero(kept))
    columns.flat("jet_index", np.zeros(columns.n_rows))
    columns.flat("weight", weight[kept])
    columns.flat("flavour", np.full(columns.n_rows, truth.DATA if spec.is_data else 0))
    generator.fill(columns, events, particles, kept, pairs[kept[found]])
    return columns.rows(), cutflow.lines


def select(
    events: Mapping[str, ak.Array], spec: DatasetSpec, selection: SelectionSpec
) -> tuple[Columns, Jets, Cutflow]:
    """Cut on events and jets and fill what every NanoAOD has; layouts that hold more go on from it."""
    weight, passed, cutflow = event_cuts(events, spec)
    prefix = PREFIX[spec.object]
    offsets, pt = split(events[f"{prefix}_pt"])
    event = owners(offsets)
    jet_weight, mask = weight[event], passed[event]
    cutflow.add("jets", jet_weight[mask])
    mask &= pt >= selection.pt_min_gev
    cutflow.add("pt", jet_weight[mask])
    mask &= np.abs(split(events[f"{prefix}_eta"])[1]) <= selection.abseta_max
    cutflow.add("abseta", jet_weight[mask])
    identified = jet_id(events, prefix) if selection.jet_id else None
    if identified is not None:
        mask &= (identified & selection.jet_id) == selection.jet_id
        cutflow.add("jet_id", jet_weight[mask])
    kept = np.flatnonzero(mask)
    narrow(events, np.unique(event[kept]))
    jets = Jets(events, offsets, kept, event[kept], prefix)
    columns = Columns(spec.object, len(kept))
    columns.flat("weight", jet_weight[kept])
    _fill_jets(columns, jets)
    columns.flat("flavour", np.full(len(kept), truth.DATA) if spec.is_data else flavour(jets, spec.object))
    return columns, jets, cutflow


def jet_id(events: Mapping[str, ak.Array], prefix: str) -> IntArray | None:
    """The bits of jetId of all jets, flat: 2 tight, 4 tight with lepton veto; None where nothing says.

    Computed, they are JME's identification of PUPPI jets for Run 3, as in jetid.json of CMS'
    jsonpog-integration; bit 1 (loose) is then never set.
    """
    if f"{prefix}_jetId" in events:
        return split(events[f"{prefix}_jetId"])[1].astype(np.int64)
    if not all(f"{prefix}_{name}" in events for name in ID_INPUTS):
        return None
    eta = np.abs(split(events[f"{prefix}_eta"])[1])
    ne_hef, ne_emef, ch_hef, n_charged, n_neutral, ch_emef, mu_ef = (
        split(events[f"{prefix}_{name}"])[1] for name in ID_INPUTS
    )
    n_candidates = n_charged.astype(np.int64) + n_neutral  # bytes in the file
    central = (ne_hef < 0.99) & (ne_emef < 0.9) & (n_candidates > 1) & (ch_hef > 0.01) & (n_charged > 0)
    tight = np.select(
        [eta <= 2.6, eta <= 2.7, eta <= 3.0],
        [central, (ne_hef < 0.90) & (ne_emef < 0.99), ne_hef < 0.99],
        default=(n_neutral >= 2) & (ne_emef < 0.4),
    )
    veto = tight & ((eta > 2.7) | ((mu_ef < 0.8) & (ch_emef < 0.8)))
    found: IntArray = TIGHT * tight.astype(np.int64) + TIGHT_LEPTON_VETO * veto.astype(np.int64)
    return found


def _fill_key(columns: Columns, events: Mapping[str, ak.Array], event: IntArray) -> None:
    for name, branch in EVENT.items():
        columns.flat(name, values(events[branch])[event])


def _fill_jets(columns: Columns, jets: Jets) -> None:
    _fill_key(columns, jets.events, jets.event)
    columns.flat("jet_index", jets.index)
    for name, branch in JET.items():
        if jets.has(branch):
            columns.flat(name, jets.take(branch))
    if jets.has("rawFactor"):
        columns.flat("jet_raw_pt_gev", jets.take("pt") * (1 - jets.take("rawFactor")))
    for branch in N_PV:
        if branch in jets.events:
            columns.flat("n_pv", values(jets.events[branch])[jets.event])
            break
    for branch in stored(set(jets.events), jets.prefix):
        score = jets.take(branch).astype(np.float32)
        columns.flat(canonical.STORED_PREFIX + branch, np.where(score < SENTINEL, np.nan, score))


def event_cuts(events: Mapping[str, ak.Array], spec: DatasetSpec) -> tuple[FloatArray, BoolArray, Cutflow]:
    """Weights of all events, those that pass the certification and the trigger, and the cutflow."""
    n_events = len(events["run"])
    weight = np.ones(n_events)
    for branch in WEIGHTS:
        if branch in events and not spec.is_data:
            weight = values(events[branch]).astype(np.float64)
            break
    n_bad = int(np.sum(~np.isfinite(weight)))
    if n_bad:
        raise InputError(
            f"{n_bad:,} generator weights are not finite; leave the file out, its sums mean nothing"
        )
    cutflow, passed = Cutflow(), np.ones(n_events, dtype=bool)
    cutflow.add("entries", weight)
    if spec.golden_json is not None:
        certified = _lumi_mask(spec.golden_json)
        passed &= certified(values(events["run"]), values(events["luminosityBlock"]))
        cutflow.add("certified", weight[passed])
    if spec.hlt:
        passed &= np.any([values(events[name]) for name in spec.hlt], axis=0)
        cutflow.add("trigger", weight[passed])
    return weight, passed, cutflow


@lru_cache(maxsize=4)
def _lumi_mask(path: str) -> Any:
    from coffea.lumi_tools import LumiMask  # heavy, and data alone needs it

    read_certified(path)
    return LumiMask(path)


def flavour(jets: Jets, obj: str) -> IntArray:
    """Truth ids of the kept jets, from the best information that there is."""
    if obj == "ak4" and jets.has("FlavSplit"):
        return truth.clean_flavsplit(jets.take("FlavSplit"))
    particles = truth.Generator(jets.events) if "GenPart_pdgId" in jets.events else None
    nothing = np.zeros(len(jets.kept), dtype=np.int64)

    def number(name: str, instead: IntArray) -> IntArray:
        return jets.take(name).astype(np.int64) if jets.has(name) else instead

    if not jets.has("hadronFlavour"):
        return np.full(len(jets.kept), truth.UNMATCHED, dtype=np.int32)
    hadron = jets.take("hadronFlavour").astype(np.int64)
    n_b = number("nBHadrons", (hadron == 5).astype(np.int64))
    n_c = number("nCHadrons", (hadron == 4).astype(np.int64))
    if obj == "ak8":
        found = truth.resonance(particles, jets.points()) if particles else nothing
        return truth.ak8_flavour(n_b, n_c, found)
    lepton = truth.decay_lepton(particles, jets.points()) if particles else nothing
    return truth.ak4_flavour(hadron, number("partonFlavour", nothing), n_b, n_c, lepton)
