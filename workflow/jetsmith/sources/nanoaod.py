"""CMS NanoAOD: tree `Events`, jets without candidates, an experiment's own scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import awkward as ak
import numpy as np

from jetsmith.columns import COMMON, SCORES_OF_CMS, STORED_PREFIX, SUBJET
from jetsmith.handed.account import CutStep
from jetsmith.handed.plan import Untold
from jetsmith.io import IntArray
from jetsmith.sources import (
    decays,
    event_content,
    eventcuts,
    generator,
    genjets,
    hadrons,
    jetid,
    leptons,
    subjets,
    truth,
)
from jetsmith.sources.content import First, Kind, simulated_by
from jetsmith.sources.eventcuts import SIMULATED_RUN, WEIGHTS, event_cuts
from jetsmith.sources.flat import (
    Array,
    Columns,
    Cutflow,
    Directions,
    KeptJets,
    aligned,
    check_finite,
    counts_to_offsets,
    lists,
    owners,
    single,
)
from jetsmith.sources.trees import narrow
from jetsmith.specs.datasets import CutsSpec, ReadingSpec

PREFIX = hadrons.PREFIX
EVENT = {"run": "run", "luminosity_block": "luminosityBlock", "event": "event"}
# What CMS writes for simulated events alone.
SIMULATED = (
    *("genWeight", "GenPart_pdgId", "Jet_hadronFlavour", "FatJet_hadronFlavour", "GenJet_pt", "GenJetAK8_pt"),
    *(
        "Generator_weight",
        "LHEWeight_originalXWGTUP",
        "Pileup_nTrueInt",
        "Jet_partonFlavour",
        "Jet_genJetIdx",
    ),
)
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
# Of these -1 is a code, of a jet without subjets; a mass a little below 0 is rounding, of one constituent.
NOT_NEGATIVE = {"jet_softdrop_mass_gev", "jet_tau1", "jet_tau2", "jet_tau3"}
EXTRA = (jetid.STORED, "FlavSplit")  # read for cuts and truth, no columns of their own
SENTINEL = -900.0  # stored scores below are codes for "not computed" (-999, -1000, -3000)


weight_branch = eventcuts.weight_branch
COLLECTIONS = ("Jet_pt", "FatJet_pt", "GenJet_pt")  # a row comes from one of these


def lacks(branches: set[str]) -> list[str]:
    """An event number, and a collection that a row can come from."""
    found = ["event"] if "event" not in branches else []
    return found + (["one of " + ", ".join(COLLECTIONS)] if branches.isdisjoint(COLLECTIONS) else [])


def gives(branches: set[str], obj: str) -> set[str]:
    """Canonical columns that these branches suffice for, stored scores with them."""
    found = {name for name, branch in EVENT.items() if branch in branches}
    found |= set(COMMON) | {"jet_index"}
    if obj == "event":
        own = generator.gives(branches)
        return found | own | (event_content.gives(branches) if own else set())
    prefix = PREFIX[obj]
    if f"{prefix}_pt" not in branches:
        return found
    found |= {name for name, branch in JET.items() if f"{prefix}_{branch}" in branches}
    if not branches.isdisjoint(N_PV):
        found.add("n_pv")
    found |= genjets.columns(branches, obj)
    if obj == "ak8":
        found |= {STORED_PREFIX + SUBJET + name for name in subjets.names(branches, SCORES_OF_CMS)}
        found |= subjets.columns(branches)
    return found | {STORED_PREFIX + name for name in stored(branches, prefix)}


def kind(branches: set[str], first: First) -> Kind:
    """Whether events are simulated (see `sources.Source.kind`): by branches of the generator, else by run."""
    because = simulated_by(branches, SIMULATED)
    if because:
        return Kind(True, because)
    if int(first(EVENT["run"])) == SIMULATED_RUN:
        return Kind(True, f"events of run {SIMULATED_RUN}")
    return Kind(False, "no branch of a generator, and runs of a detector")


def unable(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """Cuts that these branches cannot tell, with the reason (see `sources.Source.unable`)."""
    reason = jetid.unable(branches, PREFIX[obj], bits) if bits and obj in PREFIX else ""
    return {"jet_id": reason} if reason else {}


def instead(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """Columns and cuts that do not come from where they mostly do (see `sources.Source.instead`)."""
    if obj == "event":
        return {}
    found = {"jet_id": jetid.instead(branches, PREFIX[obj], bits)}
    if obj == "ak4" and "Jet_FlavSplit" in branches:
        found["truth"] = "Jet_FlavSplit"
    elif place := hadrons.counted_in(branches, obj):
        found["truth"] = f"hadrons counted in {place}, as jets have no counts of their own"
    if obj == "ak4" and "Jet_FlavSplit" not in branches and hadrons.tells_flavour(branches, obj):
        found["pile_up"] = hadrons.matched_by(branches, obj)
    if N_PV[0] not in branches and N_PV[1] in branches:
        found["n_pv"] = f"{N_PV[1]}, good vertices alone, as there is no {N_PV[0]}"
    return {name: how for name, how in found.items() if how}


def untold(branches: set[str], obj: str) -> list[Untold]:
    """Truth ids that these branches cannot tell (see `sources.Source.untold`)."""
    if obj == "event" or (obj == "ak4" and "Jet_FlavSplit" in branches):
        return []
    prefix = PREFIX[obj]
    if not hadrons.tells_flavour(branches, obj):
        return [Untold(truth.KNOWN[obj], truth.UNMATCHED, f"{prefix}_hadronFlavour")]
    found = hadrons.untold(branches, obj)
    if obj == "ak4" and "Jet_partonFlavour" not in branches:
        found.append(Untold(truth.LIGHT, truth.UNMATCHED, "Jet_partonFlavour"))
    lacking = ", ".join(name for name in _around(prefix) if name not in branches)
    if lacking and obj == "ak4":
        found.append(Untold(truth.LEPTONIC_B, truth.B, lacking))
    if lacking and obj == "ak8":
        found += [Untold((decay,), alike, lacking) for decay, alike in decays.AS_QCD.items()]
    return found


def _around(prefix: str) -> tuple[str, ...]:
    """What it takes to look for generator particles around jets."""
    return (*truth.GEN_BRANCHES, f"{prefix}_phi")


def stored(branches: set[str], prefix: str) -> list[str]:
    """Names of the stored scores of a jet collection, without its prefix."""
    bare = [name.removeprefix(f"{prefix}_") for name in branches if name.startswith(f"{prefix}_")]
    return sorted(name for name in bare if SCORES_OF_CMS.fullmatch(name))


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `rows` reads, of those that there are."""
    wanted = [*EVENT.values(), *WEIGHTS[:1], *N_PV[:1]]
    wanted += [second for first, second in (WEIGHTS, N_PV) if first not in available]
    if obj == "event":
        wanted += [*generator.wanted_branches(available), *event_content.wanted_branches(available)]
        return [name for name in dict.fromkeys(wanted) if name in available]
    prefix = PREFIX[obj]
    wanted += [f"{prefix}_{name}" for name in (*JET.values(), *EXTRA, *stored(available, prefix))]
    if f"{prefix}_{jetid.STORED}" not in available:
        wanted += [f"{prefix}_{name}" for name in jetid.INPUTS]
    wanted += genjets.wanted(available, obj)
    wanted += subjets.wanted(available, SCORES_OF_CMS) if obj == "ak8" else ()
    if obj == "ak8" or "Jet_FlavSplit" not in available:
        wanted += truth.GEN_BRANCHES if available.issuperset(_around(prefix)) else ()
        wanted += hadrons.branches(available, obj)
    return [name for name in dict.fromkeys(wanted) if name in available]


def selecting(spec: ReadingSpec) -> set[str]:
    """Branches that decide which rows stay (see `sources.Source.selecting`)."""
    names = {*EVENT.values(), *WEIGHTS, *spec.hlt}
    names |= {spec.relative_weight.branch} if spec.relative_weight else set()
    if spec.object != "event":
        cuts = ("pt", "eta", jetid.STORED, *jetid.INPUTS, *(("phi",) if spec.leptons else ()))
        names |= {f"{PREFIX[spec.object]}_{name}" for name in cuts}
    names |= set(leptons.wanted("nanoaod", spec.leptons)) if spec.leptons else set()
    return names


def identity(events: Mapping[str, ak.Array]) -> tuple[IntArray, IntArray, IntArray]:
    """Run, luminosity block and event of every entry."""
    run, block, event = (single(events, branch) for branch in EVENT.values())
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

    def directions(self) -> Directions:
        """Directions of the kept jets."""
        n_kept = np.bincount(self.event, minlength=len(self.offsets) - 1)
        return Directions(counts_to_offsets(n_kept), self.take("eta"), self.take("phi"))


def rows(
    events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec
) -> tuple[ak.Array, list[CutStep]]:
    """Canonical columns of the rows that pass, and the cutflow (see `sources.Source.rows`)."""
    if spec.object == "event":
        return event_rows(events, spec)
    columns, _, cutflow = select(events, spec, selection)
    return columns.rows(), cutflow.lines


def event_rows(events: Mapping[str, ak.Array], spec: ReadingSpec) -> tuple[ak.Array, list[CutStep]]:
    """Rows of the object `event`: those with two leptons of a Z, or all that pass (key `events`)."""
    weight, passed, cutflow, _ = event_cuts(events, spec)
    narrow(events, np.flatnonzero(passed))
    particles = truth.Generator(events)
    found, leptons = generator.z_leptons(particles)
    kept = passed
    if spec.events == "z":
        kept = found & passed
        cutflow.add("two leptons of a Z", weight[kept])
    pairs = np.full((len(found), 2), -1)
    pairs[found] = leptons
    columns = Columns("event", int(kept.sum()))
    _fill_key(columns, events, np.flatnonzero(kept))
    columns.flat("jet_index", np.zeros(columns.n_rows))
    columns.flat("weight", weight[kept])
    columns.flat("flavour", np.full(columns.n_rows, truth.DATA if spec.is_data else 0))
    generator.fill(columns, events, particles, kept, pairs[kept])
    event_content.fill(columns, events, particles, kept)
    return columns.rows(), cutflow.lines


def select(
    events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec
) -> tuple[Columns, Jets, Cutflow]:
    """Cut on events and jets and fill what every NanoAOD has; layouts that hold more go on from it."""
    weight, passed, cutflow, isolated = event_cuts(events, spec)
    prefix = PREFIX[spec.object]
    offsets, pt = lists(events, f"{prefix}_pt")
    event = owners(offsets)
    jet_weight, mask = weight[event], passed[event]
    cutflow.add("jets", jet_weight[mask])
    check_finite(f"{prefix}_pt", pt, mask)
    mask &= pt >= selection.pt_min_gev
    cutflow.add("pt", jet_weight[mask])
    eta = aligned(events, f"{prefix}_eta", offsets)
    check_finite(f"{prefix}_eta", eta, mask)
    mask &= np.abs(eta) <= selection.abseta_max
    cutflow.add("abseta", jet_weight[mask])
    if isolated is not None:
        phi = aligned(events, f"{prefix}_phi", offsets)
        check_finite(f"{prefix}_phi", phi, mask)
        mask &= ~isolated.overlap(offsets, eta, phi, spec.object)
        cutflow.add("lepton_overlap", jet_weight[mask])
    if selection.jet_id:
        applied = "jet_id" not in spec.without
        if applied:
            mask &= jetid.passes(events, prefix, selection.jet_id)
        cutflow.add("jet_id", jet_weight[mask], applied)
    kept = np.flatnonzero(mask)
    narrow(events, np.unique(event[kept]))
    jets = Jets(events, offsets, kept, event[kept], prefix)
    columns = Columns(spec.object, len(kept))
    columns.flat("weight", jet_weight[kept])
    _fill_jets(columns, jets)
    if isolated is not None:
        columns.flat(leptons.CHARGE, isolated.hardest_charge()[jets.event])
    columns.flat("flavour", np.full(len(kept), truth.DATA) if spec.is_data else flavour(jets, spec.object))
    return columns, jets, cutflow


def _fill_key(columns: Columns, events: Mapping[str, ak.Array], event: IntArray) -> None:
    for name, branch in EVENT.items():
        columns.flat(name, single(events, branch)[event])


def _fill_jets(columns: Columns, jets: Jets) -> None:
    _fill_key(columns, jets.events, jets.event)
    columns.flat("jet_index", jets.index)
    for name, branch in JET.items():
        if jets.has(branch):
            found = jets.take(branch)
            columns.flat(name, _not_negative(found) if name in NOT_NEGATIVE else found)
    if jets.has("rawFactor"):
        columns.flat("jet_raw_pt_gev", jets.take("pt") * (1 - jets.take("rawFactor")))
    for branch in N_PV:
        if branch in jets.events:
            columns.flat("n_pv", single(jets.events, branch)[jets.event])
            break
    genjets.fill(columns, jets, columns.obj)
    available = set(jets.events)
    scores = {name: jets.take(name).astype(np.float32) for name in stored(available, jets.prefix)}
    if columns.obj == "ak8":
        subjets.fill(columns, jets)
        scores |= {
            SUBJET + name: subjets.lowest(jets, name) for name in subjets.names(available, SCORES_OF_CMS)
        }
    for name, score in scores.items():
        columns.flat(STORED_PREFIX + name, np.where(score < SENTINEL, np.nan, score))


def _not_negative(values: Array) -> Array:
    """Codes, whole numbers below 0, made NaN, and what rounding left below 0 made 0."""
    return np.where(values > -0.5, np.maximum(values, 0), np.float32(np.nan))


def flavour(jets: Jets, obj: str) -> IntArray:
    """Truth ids of the kept jets, from the best information that there is."""
    if obj == "ak4" and jets.has("FlavSplit"):
        return truth.clean_flavsplit(jets.take("FlavSplit"))
    particles = truth.Generator(jets.events) if "GenPart_pdgId" in jets.events else None
    nothing = np.zeros(len(jets.kept), dtype=np.int64)

    hadron, n_b, n_c = hadrons.heavy_flavour(jets, obj, particles)
    if obj == "ak8":
        found = decays.inside(particles, jets.directions(), n_b, n_c) if particles else nothing
        ids = truth.ak8_flavour(n_b, n_c, found)
    else:
        lepton = truth.decay_lepton(particles, jets.directions()) if particles else nothing
        parton = jets.take("partonFlavour").astype(np.int64) if jets.has("partonFlavour") else nothing
        ids = truth.ak4_flavour(hadron, parton, n_b, n_c, lepton, hadrons.matched(jets, obj))
    return np.where(hadron == hadrons.UNKNOWN, truth.UNMATCHED, ids).astype(np.int32)
