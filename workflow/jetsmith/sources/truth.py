"""Truth ids of jets (config/flavours.yaml) from what files say about them."""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.columns import TRUTH
from jetsmith.columns.labels import FIRST
from jetsmith.io import BoolArray, IntArray
from jetsmith.sources.flat import Array, Directions, aligned, lists, near, owners

DATA = -1
UNMATCHED = 999
B, LEPTONIC_B, LIGHT = 500, (520, 521), (0, 1, 2)
# What files of experiments may tell; JetClass has ids of its own.
KNOWN = {obj: tuple(key for key in ids if key != UNMATCHED and key < FIRST) for obj, ids in TRUTH.items()}
TWO_HADRONS: dict[str, dict[tuple[int, ...], int]] = {
    "ak4": {(510, 511): B, (410, 411): 400},
    "ak8": {(1055,): 1005, (1044,): 1004},
}
NEUTRINOS = (12, 14, 16)
LAST_COPY = 1 << 13  # NanoAOD GenPart_statusFlags
FROM_HARD_PROCESS = 1 << 8

GEN_BRANCHES = tuple(
    f"GenPart_{name}" for name in ("pt", "eta", "phi", "pdgId", "status", "statusFlags", "genPartIdxMother")
)


def ak4_flavour(
    hadron: IntArray, parton: IntArray, n_b: IntArray, n_c: IntArray, lepton: IntArray, matched: BoolArray
) -> IntArray:
    """CMS' FlavSplit ids (`BTVMCFlavourTableProducer` of CMSSW), but for gluons that split (411, 511).

    Args:
        hadron: 5, 4 or 0, shape (N,).
        parton: PDG id of the matched parton, 0 for none.
        n_b: Ghost b hadrons.
        n_c: Ghost c hadrons.
        lepton: 0 none, 1 a neutrino of a b-hadron decay in the jet, 2 of a c hadron (`decay_lepton`).
        matched: Whether there is a generator jet. One of pile-up has none, whatever parton is near.

    Returns:
        500 b, 510 bb, 520 and 521 leptonic b, 400 c, 410 cc, 1 ud, 2 s, 0 g, 999 none of these: without a
        generator jet, of a b or c parton without such hadrons, or where flavour and hadrons disagree.
    """
    parton = np.abs(parton)
    light = (n_b == 0) & (n_c == 0)
    return np.select(
        [
            ~matched | ((hadron == 5) & (n_b == 0)),
            (hadron == 5) & (n_b >= 2),
            (hadron == 5) & (lepton == 1),
            (hadron == 5) & (lepton == 2),
            hadron == 5,
            (hadron == 4) & (n_c >= 2),
            hadron == 4,
            light & (parton == 21),
            light & ((parton == 1) | (parton == 2)),
            light & (parton == 3),
        ],
        [UNMATCHED, 510, 520, 521, 500, 410, 400, 0, 1, 2],
        default=UNMATCHED,
    ).astype(np.int32)


def clean_flavsplit(flavsplit: IntArray) -> IntArray:
    """`Jet_FlavSplit` as it is, its code for undefined jets (1000) made that of unmatched ones."""
    return np.where(flavsplit >= UNMATCHED, UNMATCHED, flavsplit).astype(np.int32)


def ak8_flavour(n_b: IntArray, n_c: IntArray, decay: IntArray) -> IntArray:
    """Truth ids of large jets.

    Args:
        n_b: Ghost b hadrons, shape (N,).
        n_c: Ghost c hadrons.
        decay: Truth ids of what decays inside, 999 where that is no class; 0 for none.

    Returns:
        The decay where there is one, else QCD: 1055 two b hadrons or more, 1005 one, 1044 two c hadrons or
        more, 1004 one, 1000 none.
    """
    return np.select(
        [decay != 0, n_b >= 2, n_b == 1, n_c >= 2, n_c == 1],
        [decay, 1055, 1005, 1044, 1004],
        default=1000,
    ).astype(np.int32)


def atlas_ak4_flavour(hadron: IntArray, extended: IntArray, parton: IntArray) -> IntArray:
    """Truth ids of jets by ATLAS' labels; leptons of b-hadron decays are not told apart.

    Args:
        hadron: `HadronConeExclTruthLabelID`, what is within 0.3 of the axis: 5 a b hadron, else 4
            a c hadron, else 15 a tau, else 0; shape (N,).
        extended: `HadronConeExclExtendedTruthLabelID`: 55 and 44 for two of a kind, 54 for a b
            hadron and a c hadron that is not from it; else as `hadron`.
        parton: PDG id of the matched parton, 0 for none.
    """
    n_b, n_c = (np.where(hadron == quark, 1 + (extended == code), 0) for quark, code in ((5, 55), (4, 44)))
    found = ak4_flavour(hadron, parton, n_b, n_c, np.zeros_like(parton), np.ones(len(parton), np.bool_))
    # ASSUME jets of taus are none of our classes, whatever parton is near
    return np.where(hadron == 15, UNMATCHED, found).astype(np.int32)


def atlas_ak8_flavour(label: IntArray, n_b: IntArray, n_c: IntArray) -> IntArray:
    """Truth ids of large jets by ATLAS' LargeRJetTruthLabel, QCD divided by its ghost hadrons.

    Args:
        label: 1 a whole top, 10 QCD, 11 H to bb, 12 H to cc; 2 to 5 and 8 are W and Z, 6 and 7
            parts of a top, 9 pile-up, 13 and above another Higgs decay; shape (N,).
        n_b: Ghost b hadrons.
        n_c: Ghost c hadrons.
    """
    # ASSUME W, Z, pile-up and tops that are not wholly in the jet are none of our classes
    decays = [2505, 2504, 2506, 0]
    found = np.select([label == 11, label == 12, label == 1, label == 10], decays, default=UNMATCHED)
    return ak8_flavour(n_b, n_c, found)


class Generator:
    """The generator particles of a chunk, flat, with global mother indices."""

    def __init__(self, events: Mapping[str, ak.Array]) -> None:
        self.offsets, self.pdg_id = lists(events, "GenPart_pdgId")
        self._events = events
        local = aligned(events, "GenPart_genPartIdxMother", self.offsets).astype(np.int64)
        event = owners(self.offsets)
        known = (local >= 0) & (local < np.diff(self.offsets)[event])
        # A particle without a mother is its own: chains then end instead of leaving the array.
        self.mother = np.where(known, self.offsets[event] + local, np.arange(len(local)))

    def flat(self, name: str) -> Array:
        """A branch of the particles, flat."""
        return aligned(self._events, f"GenPart_{name}", self.offsets)

    def flag(self, bits: int) -> BoolArray:
        """Particles with all these status flags."""
        found: BoolArray = (self.flat("statusFlags") & bits) == bits
        return found

    def leptons(self) -> BoolArray:
        """Electrons and muons after all radiation: status 1, or the last copy where codes differ."""
        final = (self.flat("status") == 1) | self.flag(LAST_COPY)
        found: BoolArray = np.isin(np.abs(self.pdg_id), (11, 13)) & final
        return found

    def last_hadrons(self, quark: int) -> BoolArray:
        """Hadrons with this heaviest quark that decay into none with it, c hadrons of b decays among them."""
        hadron = (np.abs(self.pdg_id) > 100) & (np.abs(self.pdg_id) // 10 % 10 > 0)  # no diquarks
        held = hadron & has_quark(self.pdg_id, quark)
        if quark == 4:
            held &= ~has_quark(self.pdg_id, 5)
        decays = np.zeros(len(held), dtype=bool)
        decays[self.mother[held & (self.mother != np.arange(len(held)))]] = True
        return np.asarray(held & ~decays)

    def directions(self) -> Directions:
        """Directions of all particles."""
        return Directions(self.offsets, self.flat("eta"), self.flat("phi"))


def has_quark(pdg_id: IntArray, quark: int) -> BoolArray:
    """Hadrons that hold this quark as their heaviest digit says, by PDG numbering."""
    size = np.abs(pdg_id)
    found: BoolArray = ((size // 100) % 10 == quark) | ((size // 1000) % 10 == quark)
    return found


def decay_lepton(generator: Generator, jets: Directions, radius: float = 0.4) -> IntArray:
    """Leptonic decays of heavy hadrons in b jets, by their neutrinos, as CMS' FlavSplit knows them.

    Leptons do not tell: J/psi, Dalitz decays and conversions give electrons and muons, too. Taus count by the
    neutrino beside them.

    Args:
        generator: Generator particles.
        jets: Directions of the jets, by event.
        radius: Largest distance of the neutrino to the jet axis.

    Returns:
        Shape (jets,): 1 where the mother of a neutrino is a b hadron, else 2 where that of one is a c hadron,
        0 where there is none.
    """
    neutrino = np.isin(np.abs(generator.pdg_id), NEUTRINOS)
    mother = np.abs(generator.pdg_id[generator.mother])
    points = generator.directions()
    of_b, of_c = (
        near(jets.offsets, jets.eta, jets.phi, points.where(neutrino & decays_weakly(mother, quark)), radius)
        for quark in (5, 4)
    )
    return np.select([of_b, of_c], [1, 2], default=0)


def decays_weakly(pdg_id: IntArray, quark: int) -> BoolArray:
    """Hadrons with this heaviest quark that are not excited, by PDG numbering: 5xx and 5xxx for b."""
    found: BoolArray = (np.abs(pdg_id) // 100 == quark) | (np.abs(pdg_id) // 1000 == quark)
    return found
