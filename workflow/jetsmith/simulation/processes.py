"""The physics processes of the demo, as Pythia settings. Light: configuration checks import it."""

from dataclasses import dataclass

EVENTS_A_PART = 10_000_000  # room for the event numbers of a part


@dataclass(frozen=True)
class Physics:
    """What events of a process are made from.

    Attributes:
        settings: Pythia settings beyond COMMON, one `name=value` each.
        boosted: True where AK8 jets, and not AK4 jets, are the point; their blocks are written then.
    """

    settings: tuple[str, ...]
    boosted: bool


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
_HIGGS = (
    "HiggsSM:ffbar2HZ=on",
    *_biased(280, 3.5, 250),
    "25:m0=125",
    "25:onMode=off",
    "23:onMode=off",
    "23:onIfAny=12 14 16",
)
_Z = (
    "WeakBosonAndParton:qqbar2gmZg=on",
    "WeakBosonAndParton:qg2gmZq=on",
    "PhaseSpace:mHatMin=60",
    *_biased(20, 1.5, 20),
    "23:mMin=50",
    "23:onMode=off",
    "23:onIfAny=11 13",
)

PROCESSES = {
    "ttbar": Process(_TTBAR, False, "top-quark pairs"),
    "qcd": Process(("HardQCD:all=on", *_biased(25, 4.5, 25)), False, "multijets from 25 GeV"),
    # The harder shower is the nominal one, so that the weights that lead to the other stay bounded.
    "zjets_power": Process((*_Z, "SpaceShower:pTmaxMatch=2"), False, "Z(ll)+jets, power shower"),
    "zjets_dipole": Process(
        (
            *_Z,
            "SpaceShower:pTmaxMatch=1",
            "SpaceShower:dipoleRecoil=on",
            "SpaceShower:alphaSvalue=0.118",
            "TimeShower:alphaSvalue=0.118",
            "MultipartonInteractions:pT0Ref=3.3",
            "BeamRemnants:primordialKThard=2.6",
            "StringPT:sigma=0.30",
        ),
        False,
        "Z(ll)+jets, wimpy shower with dipole recoil",
    ),
    "higgs_bb": Process((*_HIGGS, "25:onIfMatch=5 -5"), True, "H(bb) with Z(neutrinos)"),
    "higgs_cc": Process((*_HIGGS, "25:onIfMatch=4 -4"), True, "H(cc) with Z(neutrinos)"),
    "qcd_boosted": Process(("HardQCD:all=on", *_biased(250, 4.5, 250)), True, "multijets from 250 GeV"),
    "top_boosted": Process(
        (*_TTBAR, *_biased(280, 3.5, 250), "24:onMode=off", "24:onIfAny=1 2 3 4 5"),
        True,
        "hadronic top-quark pairs from 280 GeV",
    ),
}
