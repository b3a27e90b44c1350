"""ATLAS DAOD_PHYSLITE: calibrated jets without candidates, stored scores.

Names, codes and units below were read in a file of release 22 (Sherpa Z to ee). MeV become GeV. A TTree is
called `CollectionTree`, an RNTuple `EventData`, whose names have colons for points (see `ntuples`). Release
21 keeps run and event in the container `EventInfoAux.` (see `aliases`), and scores elsewhere (`btagging`).

The key of simulated events. `runNumber` is that of a simulation campaign (300000), the same for
all of its samples; `mcChannelNumber` (700322) is that of the sample; `mcEventNumber` is 0 in every
event; `lumiBlock` goes with pile-up. `eventNumber` counts within a sample, so column `run` is
`mcChannelNumber`: two samples in one dataset then share no key. In data it is `runNumber`.

The weight is the first of `mcEventWeights`, the nominal one; pile-up and beam-spot weights are not
applied. Triggers are bit masks whose meaning is not in this tree: `hlt` is refused. `golden_json`
is a list in CMS' form (ATLAS' own are XML).

Jets of electrons stand among the jets, as in the file, unless `leptons` of the dataset asks for some.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import awkward as ak
import numpy as np

from jetsmith.columns import COMMON, SCORES_OF_ATLAS, STORED_PREFIX
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.io import IntArray
from jetsmith.sources import btagging, generator, leptons, nanoaod, truth, xaod
from jetsmith.sources.eventcuts import Cut, event_cuts
from jetsmith.sources.flat import (
    Array,
    Columns,
    KeptJets,
    aligned,
    check_finite,
    lists,
    owners,
    single,
    split,
)
from jetsmith.sources.trees import narrow
from jetsmith.sources.xaod import (
    AROUND,
    CHANNEL,
    COLLISIONS,
    ELECTRON_ISOLATION,
    ELECTRON_TIGHT,
    ELECTRONS,
    EVENT,
    EXTENDED,
    EXTRA,
    FROM_Z,
    GENERATOR,
    JET,
    JVT,
    LARGE_LABELS,
    LEPTON,
    LEPTONS,
    MEDIUM,
    MEV,
    MUON_QUALITY,
    MUONS,
    PREFIX,
    QUALITY_BITS,
    RUN,
    SIMULATION,
    TRUTH_JET,
    TYPE,
    VERTEX_TYPE,
    WEIGHTS,
)
from jetsmith.specs.datasets import CutsSpec, ReadingSpec

CUT = xaod.CUT
kind, weight_branch, instead = xaod.kind, xaod.weight_branch, xaod.instead
unable, untold = xaod.unable, xaod.untold


def lacks(branches: set[str]) -> list[str]:
    """An event number, and one of the calibrated jet collections."""
    jets = [f"{prefix}pt" for prefix in PREFIX.values()]
    found = [EVENT["event"]] if EVENT["event"] not in branches else []
    return found + ([" or ".join(jets)] if branches.isdisjoint(jets) else [])


def gives(branches: set[str], obj: str) -> set[str]:
    """Canonical columns that these branches suffice for, stored scores with them."""
    found = {name for name, branch in EVENT.items() if branch in branches}
    found |= set(COMMON) | {"jet_index"}
    if obj == "event":
        suffices = branches.issuperset(GENERATOR)
        return found | ({*generator.Z_COLUMNS, *generator.JET_BRANCHES} if suffices else set())
    if f"{PREFIX[obj]}pt" not in branches:
        return found
    found |= {name for name, branch in JET.items() if PREFIX[obj] + branch in branches}
    if VERTEX_TYPE in branches:
        found.add("n_pv")
    return found | {STORED_PREFIX + name for name in stored(branches, obj)}


def stored(branches: set[str], obj: str) -> list[str]:
    """Names of the stored scores of a jet collection, as the experiment spells them."""
    if obj == "ak4":
        return btagging.names(branches)
    bare = [name.removeprefix(PREFIX[obj]) for name in branches if name.startswith(PREFIX[obj])]
    return sorted(name for name in bare if SCORES_OF_ATLAS.fullmatch(name))


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `rows` reads, of those that there are."""
    wanted = [*EVENT.values(), CHANNEL, WEIGHTS, TYPE]
    if obj == "event":
        wanted += GENERATOR
    else:
        wanted += [VERTEX_TYPE, *(PREFIX[obj] + name for name in (*JET.values(), *EXTRA))]
        if obj == "ak4":
            wanted += btagging.wanted(available)
        else:
            wanted += [PREFIX[obj] + name for name in stored(available, obj)]
    return [name for name in wanted if name in available]


def selecting(spec: ReadingSpec) -> set[str]:
    """Branches that decide which rows stay (see `sources.Source.selecting`)."""
    header = {*EVENT.values(), CHANNEL, WEIGHTS, TYPE}
    header |= set(xaod.ISOLATED_LEPTONS) if spec.leptons else set()
    if spec.object == "event":
        return header
    return header | {PREFIX[spec.object] + name for name in ("pt", "eta", "phi", JVT)}


def identity(events: Mapping[str, ak.Array]) -> tuple[IntArray, IntArray, IntArray]:
    """Channel (data: run), luminosity block and event of every entry."""
    run, block, event = (single(events, branch) for branch in EVENT.values())
    channel = single(events, CHANNEL) if CHANNEL in events else np.zeros_like(run)
    return np.where(channel > 0, channel, run), block, event


@dataclass(frozen=True)
class Jets(KeptJets):
    """Jets of PHYSLITE.

    Attributes:
        obj: `ak4` or `ak8`.
    """

    obj: str

    def has(self, *names: str) -> bool:
        """Whether the collection has these branches."""
        return all(PREFIX[self.obj] + name in self.events for name in names)

    def take(self, name: str) -> Array:
        """A branch of the collection, without its prefix, for the kept jets; shape (n_rows,)."""
        return self.take_branch(PREFIX[self.obj] + name)


def rows(
    events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec
) -> tuple[ak.Array, list[CutStep]]:
    """Canonical columns of the rows that pass, and the cutflow (see `sources.Source.rows`).

    `selection.jet_id` is a bit mask of CMS; here anything but 0 asks for `NNJvtPass`, ATLAS' flag
    against jets of pile-up (cut `jvt`).

    Raises:
        InputError: A trigger or a flag is asked for that is not there, a simulated event has no weight,
            or events are simulated where the dataset says data, or the other way round.
    """
    if spec.hlt:
        raise InputError(f"hlt: PHYSLITE has no branch a trigger; remove {', '.join(spec.hlt)}")
    header = _header(events, spec) | (_leptons(events) if spec.leptons is not None else {})
    if spec.object == "event":
        return nanoaod.event_rows(header | _generator(events), spec)
    cut = event_cuts(header, spec)
    jets = _select(events, spec, selection, cut)
    columns = Columns(spec.object, len(jets.kept))
    columns.flat("weight", cut.weight[jets.event])
    for name, branch in nanoaod.EVENT.items():
        columns.flat(name, single(header, branch)[jets.event])
    columns.flat("jet_index", jets.index)
    if cut.isolated is not None:
        columns.flat(leptons.CHARGE, cut.isolated.hardest_charge()[jets.event])
    _fill(columns, jets)
    columns.flat("flavour", np.full(len(jets.kept), truth.DATA) if spec.is_data else flavour(jets))
    return columns.rows(), cut.cutflow.lines


def _header(events: Mapping[str, ak.Array], spec: ReadingSpec) -> dict[str, ak.Array]:
    """Key and weight of the events by the names of NanoAOD, for its cuts."""
    if TYPE in events:
        n_other = int(np.sum((single(events, TYPE) & SIMULATION != 0) == spec.is_data))
        if n_other:
            what = "simulated" if spec.is_data else "of data"
            raise InputError(
                f"is_data: {str(spec.is_data).lower()}, but {n_other:,} events are {what} ({TYPE})"
            )
    simulated = not spec.is_data and CHANNEL in events
    header = {
        "run": events[CHANNEL if simulated else RUN],
        "luminosityBlock": events[EVENT["luminosity_block"]],
        "event": events[EVENT["event"]],
    }
    if not spec.is_data and spec.weights != "unit":
        if WEIGHTS not in events:
            raise InputError(f"no generator weight ({WEIGHTS}); `weights: unit` of the dataset is 1")
        offsets, weight = lists(events, WEIGHTS)
        if np.any(np.diff(offsets) == 0):
            raise InputError(f"{WEIGHTS}: events without a weight; are these data (`is_data: true`)?")
        header["genWeight"] = ak.Array(weight[offsets[:-1]])
    return header


def _leptons(events: Mapping[str, ak.Array]) -> dict[str, ak.Array]:
    """Leptons by the names of NanoAOD, GeV.

    Tight electrons are those by likelihood with the isolation `Tight_VarRad`, tight muons the medium ones,
    isolated in tracks. Cuts on impact parameters are left out: they are in the tracks, not in the leptons.
    """
    for prefix in (ELECTRONS, MUONS):
        offsets = lists(events, f"{prefix}pt")[0]
        for name in (name for name in xaod.ISOLATED_LEPTONS if name.startswith(prefix)):
            aligned(events, name, offsets)
    found: dict[str, ak.Array] = {}
    for prefix, flavour in ((ELECTRONS, "Electron"), (MUONS, "Muon")):
        found |= {f"{flavour}_{name}": events[prefix + name] for name in ("eta", "phi", "charge")}
        found[f"{flavour}_pt"] = events[f"{prefix}pt"] * MEV
    around = [events[ELECTRONS + name] / events[f"{ELECTRONS}pt"] for name in AROUND[ELECTRONS]]
    tight = (events[ELECTRONS + ELECTRON_TIGHT] != 0) & (around[0] < ELECTRON_ISOLATION)
    found["Electron_cutBased"] = leptons.ELECTRON_TIGHT * (tight & (around[1] < ELECTRON_ISOLATION))
    found["Muon_tightId"] = (events[MUONS + MUON_QUALITY] & QUALITY_BITS) <= MEDIUM
    found["Muon_pfRelIso04_all"] = events[MUONS + AROUND[MUONS][0]] / events[f"{MUONS}pt"]
    return found


def _select(events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec, cut: Cut) -> Jets:
    """Cut on the jets of the events that pass."""
    weight, passed, cutflow, isolated = cut
    prefix = PREFIX[spec.object]
    offsets, pt = lists(events, f"{prefix}pt")
    event = owners(offsets)
    mask, jet_weight = passed[event], weight[event]
    cutflow.add("jets", jet_weight[mask])
    eta = aligned(events, f"{prefix}eta", offsets)
    hard = pt * MEV >= selection.pt_min_gev
    check_finite(f"{prefix}pt", pt, mask)
    check_finite(f"{prefix}eta", eta, mask & hard)
    cuts = [("pt", hard), ("abseta", np.abs(eta) <= selection.abseta_max)]
    if isolated is not None:
        phi = aligned(events, f"{prefix}phi", offsets)
        check_finite(f"{prefix}phi", phi, mask & hard)
        cuts.append(("lepton_overlap", ~isolated.overlap(offsets, eta, phi, spec.object)))
    without = CUT in spec.without
    if selection.jet_id and not without:
        if prefix + JVT not in events:
            raise InputError(f"no {prefix}{JVT}; `without: [{CUT}]` of the dataset leaves the cut out")
        cuts.append((CUT, aligned(events, prefix + JVT, offsets) != 0))
    for name, good in cuts:
        mask &= good
        cutflow.add(name, jet_weight[mask])
    if selection.jet_id and without:
        cutflow.add(CUT, jet_weight[mask], applied=False)
    kept = np.flatnonzero(mask)
    narrow(events, np.unique(event[kept]))
    return Jets(events, offsets, kept, event[kept], spec.object)


def _fill(columns: Columns, jets: Jets) -> None:
    """What the collection holds of each kept jet, and the vertices of its event."""
    for name, branch in JET.items():
        if jets.has(branch):
            taken = jets.take(branch)
            columns.flat(name, taken * MEV if name.endswith("_gev") else taken)
    if jets.has(JET["parton_flavour"]):
        columns.flat("parton_flavour", _parton(jets))
    if VERTEX_TYPE in jets.events:
        offsets, kind = split(jets.events[VERTEX_TYPE])
        collisions = owners(offsets)[np.isin(kind, COLLISIONS)]
        columns.flat("n_pv", np.bincount(collisions, minlength=len(offsets) - 1)[jets.event])
    for name in stored(set(jets.events), jets.obj):
        score = btagging.score(jets, name) if jets.obj == "ak4" else jets.take(name)
        columns.flat(STORED_PREFIX + name, score)


def _parton(jets: Jets) -> IntArray:
    """PDG id of the parton of each kept jet, 0 for none, which the file calls -1."""
    return np.maximum(jets.take(JET["parton_flavour"]), 0).astype(np.int64)


def flavour(jets: Jets) -> IntArray:
    """Truth ids of the kept jets, shape (n_rows,), unmatched where the file lacks a label."""
    if jets.obj == "ak4":
        hadron = JET["hadron_flavour"]
        if jets.has(hadron, EXTENDED, JET["parton_flavour"]):
            return truth.atlas_ak4_flavour(jets.take(hadron), jets.take(EXTENDED), _parton(jets))
    else:
        counts = JET["n_b_hadrons"], JET["n_c_hadrons"]
        label = next((name for name in LARGE_LABELS if jets.has(name, *counts)), None)
        if label is not None:
            return truth.atlas_ak8_flavour(jets.take(label), *map(jets.take, counts))
    return np.full(len(jets.kept), truth.UNMATCHED, dtype=np.int32)


def _generator(events: Mapping[str, ak.Array]) -> dict[str, ak.Array]:
    """Leptons, those from a Z marked as of the hard process, and jets, by the names of NanoAOD; GeV."""
    x, y, z, pdg_id, status, origin = (
        ak.concatenate([events[prefix + name] for prefix in LEPTONS], axis=1) for name in LEPTON
    )
    pt = np.hypot(x, y)
    lepton = {
        **{"pt": pt * MEV, "eta": np.arcsinh(z / pt), "phi": np.arctan2(y, x)},
        "pdgId": pdg_id,
        "status": status,
        "statusFlags": ak.where(origin == FROM_Z, truth.FROM_HARD_PROCESS, 0),
        "genPartIdxMother": ak.full_like(pdg_id, -1),
    }
    jet = {name: events[branch] for name, branch in TRUTH_JET.items()}
    jet |= {"pt": jet["pt"] * MEV, "mass": jet.pop("m") * MEV}
    found = {f"GenPart_{name}": array for name, array in lepton.items()}
    return found | {f"GenJet_{name}": array for name, array in jet.items()}
