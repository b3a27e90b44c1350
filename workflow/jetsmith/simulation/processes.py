"""The physics processes of the demo, as Pythia settings. Light: configuration checks import it."""

from dataclasses import dataclass, field
from typing import Literal

Keep = Literal["all", "b_pairs", "no_b_pairs", "muons"]  # filters of `simulation.filters`
EVENTS_A_PART = 10_000_000  # room for the event numbers of a part


@dataclass(frozen=True)
class Physics:
    """What events of a process are made from.

    Attributes:
        settings: Pythia settings beyond COMMON, one `name=value` each.
        boosted: True where AK8 jets, and not AK4 jets, are the point; their blocks are written then.
        keep: Which events go on to the detector. Of two processes of the same settings, one with `b_pairs`
            and one with `no_b_pairs`, every event is in one alone: at their common cross-section they make
            up the whole.
    """

    settings: tuple[str, ...]
    boosted: bool
    keep: Keep = field(default="all", kw_only=True)


@dataclass(frozen=True)
class Process(Physics):
    """One process.

    Attributes:
        text: What it is, in a few words.
    """

    text: str


MISSING_PACKAGES = (
    "simulated datasets need pythia8mc and fastjet: install the extra `simulation`, "
    "or give `files` instead of `simulate` in config/datasets.yaml"
)

# ASSUME multiparton interactions are damped (pT0Ref 3.5, Monash: 2.28): they take most of the time,
# and what they add to a jet is replaced by the pile-up residue of the detector.
COMMON = (
    "Print:quiet=on",
    "Beams:eCM=13000.",
    "Random:setSeed=on",
    "MultipartonInteractions:pT0Ref=3.5",
)


def _biased(pt_hat_min_gev: float, power: float, reference_gev: float) -> tuple[str, ...]:
    """Events above a transverse momentum, more of the hard ones than in nature, weighted back."""
    return (
        f"PhaseSpace:pTHatMin={pt_hat_min_gev}",
        "PhaseSpace:bias2Selection=on",
        f"PhaseSpace:bias2SelectionPow={power}",
        f"PhaseSpace:bias2SelectionRef={reference_gev}",
    )


_TTBAR = ("Top:gg2ttbar=on", "Top:qqbar2ttbar=on")
_DILEPTON = (*_TTBAR, "24:onMode=off", "24:onIfAny=11 13")
_HIGGS = (
    "HiggsSM:ffbar2HZ=on",
    *_biased(280, 3.5, 250),
    "25:m0=125",
    "25:onMode=off",
    "23:onMode=off",
    "23:onIfAny=12 14 16",
)


def _flat(power: float) -> tuple[str, ...]:
    """From 280 to 1,300 GeV, about as many events an interval: for studies of jets from 300 GeV."""
    return ("PhaseSpace:pTHatMax=1300", *_biased(280, power, 300))


_HIGGS_FLAT = (*(line for line in _HIGGS if not line.startswith(("PhaseSpace", "25:m0"))), *_flat(5))
# ASSUME a Higgs boson so wide that it has every mass from 40 to 200 GeV, none of them more than three times
# as often as another: one generator for all masses, where steps would need one each.
_MASSES = ("25:m0=120", "25:mWidth=400", "25:mMin=40", "25:mMax=200", "25:doForceWidth=on")
_Z_FLAT = (
    "WeakBosonAndParton:qqbar2gmZg=on",
    "WeakBosonAndParton:qg2gmZq=on",
    "WeakZ0:gmZmode=2",
    *_flat(5),
    "23:onMode=off",
)
_W_JET = ("WeakBosonAndParton:qqbar2Wg=on", "WeakBosonAndParton:qg2Wq=on")
_W_FLAT = (*_W_JET, *_flat(5), "24:onMode=off")
_W_E = (*_W_JET, *_biased(20, 1.5, 20), "24:onMode=off", "24:onIfAny=11")
_QCD_FLAT = ("HardQCD:all=on", *_flat(5.5))
_Z = (
    "WeakBosonAndParton:qqbar2gmZg=on",
    "WeakBosonAndParton:qg2gmZq=on",
    "PhaseSpace:mHatMin=60",
    *_biased(20, 1.5, 20),
    "23:mMin=50",
    "23:onMode=off",
    "23:onIfAny=11 13",
)
_DIPOLE = (
    "SpaceShower:pTmaxMatch=1",
    "SpaceShower:dipoleRecoil=on",
    "SpaceShower:alphaSvalue=0.118",
    "TimeShower:alphaSvalue=0.118",
    "MultipartonInteractions:pT0Ref=3.3",
    "BeamRemnants:primordialKThard=2.6",
    "StringPT:sigma=0.30",
)
# A lower alphaS leaves b hadrons more of the quark's momentum, a larger rFactB less (Monash: 0.855).
_FRAGMENTATION = ("StringZ:rFactB=1.05",)

PROCESSES = {
    "ttbar": Process(_TTBAR, False, "top-quark pairs"),
    "ttbar_dipole": Process(
        (*_TTBAR, *_DIPOLE, *_FRAGMENTATION),
        False,
        "top-quark pairs, wimpy shower with dipole recoil, other b fragmentation",
    ),
    # Tau leptons are left out: one decays to hadrons as often as not, and its jet has tracks of a lifetime.
    "ttbar_dilepton": Process(_DILEPTON, False, "top-quark pairs, both W to e or mu"),
    "ttbar_dilepton_dipole": Process(
        (*_DILEPTON, *_DIPOLE, *_FRAGMENTATION),
        False,
        "top-quark pairs, both W to e or mu, wimpy shower with dipole recoil, other b fragmentation",
    ),
    "qcd": Process(("HardQCD:all=on", *_biased(25, 4.5, 25)), False, "multijets from 25 GeV"),
    # The filter favours hard events, too: biased as `qcd` is, 2% of them would be all that the weights leave.
    "qcd_muons": Process(
        ("HardQCD:all=on", *_biased(25, 3, 25)),
        False,
        "multijets from 25 GeV with a muon from 4 GeV",
        keep="muons",
    ),
    # One muon is that of a hadron in a jet, so electrons alone are of the W.
    "w_muons": Process(_W_E, False, "W(e nu) and a jet from 20 GeV, with a muon from 4 GeV", keep="muons"),
    "w_muons_dipole": Process(
        (*_W_E, *_DIPOLE, *_FRAGMENTATION),
        False,
        "W(e nu) and a jet from 20 GeV, with a muon from 4 GeV, wimpy shower with dipole recoil",
        keep="muons",
    ),
    # The harder shower is the nominal one, so that the weights that lead to the other stay bounded.
    "zjets_power": Process((*_Z, "SpaceShower:pTmaxMatch=2"), False, "Z(ll)+jets, power shower"),
    "zjets_dipole": Process((*_Z, *_DIPOLE), False, "Z(ll)+jets, wimpy shower with dipole recoil"),
    "higgs_bb": Process((*_HIGGS, "25:onIfMatch=5 -5"), True, "H(bb) with Z(neutrinos)"),
    "higgs_cc": Process((*_HIGGS, "25:onIfMatch=4 -4"), True, "H(cc) with Z(neutrinos)"),
    "qcd_boosted": Process(("HardQCD:all=on", *_biased(250, 4.5, 250)), True, "multijets from 250 GeV"),
    "top_boosted": Process(
        (*_TTBAR, *_biased(280, 3.5, 250), "24:onMode=off", "24:onIfAny=1 2 3 4 5"),
        True,
        "hadronic top-quark pairs from 280 GeV",
    ),
    "higgs_bb_flat": Process((*_HIGGS_FLAT, "25:m0=125", "25:onIfMatch=5 -5"), True, "H(bb), flat in pt"),
    "higgs_cc_flat": Process((*_HIGGS_FLAT, "25:m0=125", "25:onIfMatch=4 -4"), True, "H(cc), flat in pt"),
    "higgs_bb_masses": Process(
        (*_HIGGS_FLAT, *_MASSES, "25:onIfMatch=5 -5"), True, "H(bb) of 40 to 200 GeV, flat in pt"
    ),
    "higgs_cc_masses": Process(
        (*_HIGGS_FLAT, *_MASSES, "25:onIfMatch=4 -4"), True, "H(cc) of 40 to 200 GeV, flat in pt"
    ),
    "z_bb_flat": Process((*_Z_FLAT, "23:onIfMatch=5 -5"), True, "Z(bb) with a jet, flat in pt"),
    "z_cc_flat": Process((*_Z_FLAT, "23:onIfMatch=4 -4"), True, "Z(cc) with a jet, flat in pt"),
    "z_qq_flat": Process((*_Z_FLAT, "23:onIfAny=1 2 3"), True, "Z(qq) with a jet, flat in pt"),
    "w_cq_flat": Process((*_W_FLAT, "24:onIfAny=4"), True, "W(cq) with a jet, flat in pt"),
    "w_qq_flat": Process((*_W_FLAT, "24:onIfAny=2"), True, "W(qq) with a jet, flat in pt"),
    "top_flat": Process(
        (*_TTBAR, *_flat(5.5), "24:onMode=off", "24:onIfAny=1 2 3 4 5"),
        True,
        "hadronic top-quark pairs, flat in pt",
    ),
    # Together they are the multijets, each event in one of them: at their common cross-section.
    "qcd_flat": Process(_QCD_FLAT, True, "multijets without close pairs of b hadrons", keep="no_b_pairs"),
    "qcd_flat_bb": Process(_QCD_FLAT, True, "multijets with a close pair of b hadrons", keep="b_pairs"),
}
