"""Names and codes of PHYSLITE's branches, and what they say of its events (rows: `physlite`)."""

from jetsmith.handed.plan import Untold
from jetsmith.sources import truth
from jetsmith.sources.content import First, Kind, simulated_by

CUT = "jvt"
PREFIX = {"ak4": "AnalysisJetsAuxDyn.", "ak8": "AnalysisLargeRJetsAuxDyn."}
RUN = "EventInfoAuxDyn.runNumber"
CHANNEL = "EventInfoAuxDyn.mcChannelNumber"
EVENT = {
    "run": RUN,
    "luminosity_block": "EventInfoAuxDyn.lumiBlock",
    "event": "EventInfoAuxDyn.eventNumber",
}
# ASSUME the first of its numbers is the nominal weight, as generators are set up in ATLAS
WEIGHTS = "EventInfoAuxDyn.mcEventWeights"
TYPE = "EventInfoAuxDyn.eventTypeBitmask"
SIMULATION = 1  # xAOD::EventInfo::IS_SIMULATION
ELECTRONS, MUONS = "AnalysisElectronsAuxDyn.", "AnalysisMuonsAuxDyn."
ELECTRON_TIGHT, MUON_QUALITY = "DFCommonElectronsLHTight", "quality"
QUALITY_BITS, MEDIUM = 7, 1  # xAOD::Muon::Quality: 0 tight, 1 medium; other bits are flags
# Momenta of tracks and energies of clusters around.
AROUND = {
    ELECTRONS: ("ptvarcone30_Nonprompt_All_MaxWeightTTVALooseCone_pt1000", "topoetcone20"),
    MUONS: ("ptvarcone30_Nonprompt_All_MaxWeightTTVA_pt1000",),
}
ISOLATED_LEPTONS = (
    *(prefix + name for prefix in AROUND for name in ("pt", "eta", "phi", "charge", *AROUND[prefix])),
    *(ELECTRONS + ELECTRON_TIGHT, MUONS + MUON_QUALITY),
)
ELECTRON_ISOLATION = 0.06  # relative, of either
VERTEX_TYPE = "PrimaryVerticesAuxDyn.vertexType"
COLLISIONS = (1, 3)  # xAOD::VxType: PriVtx and PileUp; 0, one an event, is a dummy
MEV = 1e-3

JET = {
    "jet_pt_gev": "pt",
    # The sum of the constituents, before every calibration (that subtracts pile-up, too).
    "jet_raw_pt_gev": "JetConstitScaleMomentum_pt",
    "jet_eta": "eta",
    "jet_phi_rad": "phi",
    "jet_mass_gev": "m",
    "hadron_flavour": "HadronConeExclTruthLabelID",
    "parton_flavour": "PartonTruthLabelID",
    "n_b_hadrons": "GhostBHadronsFinalCount",
    "n_c_hadrons": "GhostCHadronsFinalCount",
    "jet_tau1": "Tau1_wta",
    "jet_tau2": "Tau2_wta",
    "jet_tau3": "Tau3_wta",
}
JVT = "NNJvtPass"  # 0 for jets of pile-up; 1 where it does not apply
EXTENDED = "HadronConeExclExtendedTruthLabelID"
# Older labels of large jets (R21Precision and before) were once written with other codes.
LARGE_LABELS = ("R10TruthLabel_R22v1", "R10TruthLabel_R21Precision_2022v1")
EXTRA = (JVT, EXTENDED, *LARGE_LABELS)  # read for cuts and truth, no columns of their own

LEPTONS = ("TruthElectronsAuxDyn.", "TruthMuonsAuxDyn.")  # after radiation (status 1), not dressed
LEPTON = ("px", "py", "pz", "pdgId", "status", "classifierParticleOrigin")
FROM_Z = 13  # MCTruthPartClassifier: ZBoson
_TRUTH_JETS = "AntiKt4TruthDressedWZJetsAux"
TRUTH_JET = {name: f"{_TRUTH_JETS}.{name}" for name in ("pt", "eta", "phi", "m")}
TRUTH_JET |= {"hadronFlavour": f"{_TRUTH_JETS}Dyn.HadronConeExclTruthLabelID"}
SIMULATED = (*(PREFIX["ak4"] + name for name in ("PartonTruthLabelID", EXTENDED)), *TRUTH_JET.values())
GENERATOR = (*(prefix + name for prefix in LEPTONS for name in LEPTON), *TRUTH_JET.values())


def kind(branches: set[str], first: First) -> Kind:
    """Whether events are simulated (see `sources.Source.kind`); branches of truth may be empty in data."""
    if TYPE in branches:
        simulated = bool(int(first(TYPE)) & SIMULATION)
        return Kind(simulated, f"{TYPE} {'has' if simulated else 'lacks'} the bit of simulation")
    if CHANNEL in branches:
        channel = int(first(CHANNEL))
        return Kind(channel > 0, f"{CHANNEL} is {'that of a sample' if channel > 0 else '0'}")
    because = simulated_by(branches, SIMULATED)
    return Kind(True, because) if because else Kind(None, f"no {TYPE}, no {CHANNEL}, no truth")


def weight_branch(branches: set[str]) -> str | None:
    """The branch whose first number is the generator weight."""
    return WEIGHTS if WEIGHTS in branches else None


def unable(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """Without `NNJvtPass` nothing tells jets of pile-up (see `sources.Source.unable`)."""
    missing = bits and obj in PREFIX and PREFIX[obj] + JVT not in branches
    return {CUT: f"no {PREFIX[obj]}{JVT}"} if missing else {}


def instead(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """Every column has one branch (see `sources.Source.instead`)."""
    return {}


def untold(branches: set[str], obj: str) -> list[Untold]:
    """Truth ids that these branches cannot tell (see `sources.Source.untold`)."""
    if obj == "event":
        return []
    prefix = PREFIX[obj]
    counts = JET["n_b_hadrons"], JET["n_c_hadrons"]
    needed = (JET["hadron_flavour"], EXTENDED, JET["parton_flavour"]) if obj == "ak4" else counts
    lacking = [prefix + name for name in needed if prefix + name not in branches]
    if obj == "ak8" and not any(prefix + name in branches for name in LARGE_LABELS):
        lacking.append(" or ".join(prefix + name for name in LARGE_LABELS))
    if lacking:
        return [Untold(truth.KNOWN[obj], truth.UNMATCHED, ", ".join(lacking))]
    return [Untold(truth.LEPTONIC_B, truth.B, "leptons of b hadrons")] if obj == "ak4" else []
