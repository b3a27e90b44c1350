"""Isolated leptons: which events have those that a dataset asks for, and which jets they are.

By the names of NanoAOD: electrons by the cut-based identification (its tight point has isolation in it),
muons by the tight one and their relative isolation, as CMS' measurements of scale factors select dileptonic
top pairs and W + c (CMS, arXiv:1712.07158, sections 8.1 and 9.1). Other layouts translate (`physlite`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import awkward as ak
import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.sources import xaod
from jetsmith.sources.flat import (
    Array,
    Directions,
    aligned,
    check_finite,
    counts_to_offsets,
    lists,
    masked_offsets,
    near,
    owners,
    single,
)
from jetsmith.specs.datasets import LeptonsSpec, ReadingSpec

CHARGE = "lepton_charge"
ELECTRON_TIGHT = 4  # of Electron_cutBased
IN_COMMON = ("pt", "eta", "phi", "charge")
OF_ELECTRONS, OF_MUONS = "cutBased", ("tightId", "pfRelIso04_all")
NANOAOD = (
    *(f"{flavour}_{name}" for flavour in ("Electron", "Muon") for name in IN_COMMON),
    f"Electron_{OF_ELECTRONS}",
    *(f"Muon_{name}" for name in OF_MUONS),
)
MISSING = ("PuppiMET_pt", "PuppiMET_phi")
BRANCHES = {"nanoaod": NANOAOD, "pfnano": NANOAOD, "physlite": xaod.ISOLATED_LEPTONS}
"""What is read of the layouts that hold leptons."""
RADIUS = {"ak4": 0.4, "ak8": 0.8}  # a jet with a lepton so near is that lepton, or has it in it
Z_MASS_GEV = 91.19
CHANNELS = {"e": (1, 0), "mu": (0, 1), "ee": (2, 0), "emu": (1, 1), "mumu": (0, 2)}
"""Electrons and muons of each channel."""


def wanted(layout: str, asked: LeptonsSpec) -> tuple[str, ...]:
    """Branches that it takes."""
    found = BRANCHES.get(layout, ("branches of reconstructed leptons",))
    return (*found, *(MISSING if asked.transverse_mass_min_gev else ()))


def lacking(layout: str, asked: LeptonsSpec, branches: set[str]) -> list[str]:
    """Branches that it takes and that there are not."""
    return [name for name in wanted(layout, asked) if name not in branches]


def among_jets(layout: str, spec: ReadingSpec) -> str:
    """What leptons are that a simulated dataset has among its jets; empty where `leptons` keeps them apart.

    Isolated ones are jets, too, and truth by hadrons and partons does not know them.
    """
    if spec.is_data or spec.object != "ak4" or spec.leptons is not None or layout not in BRANCHES:
        return ""
    taus = "taus are unmatched" if layout == "physlite" else "and so are taus"
    return (
        "electrons and muons of W, Z and top decays that are jets count by the parton near them, as gluon or "
        f"light jets, or are unmatched, {taus}; `leptons` of the dataset takes isolated ones out"
    )


@dataclass(frozen=True)
class Leptons:
    """The isolated leptons of N events, electrons of an event before its muons.

    Attributes:
        directions: Ragged by event.
        pt_gev: Shape (total,).
        charge: Shape (total,).
        is_muon: Shape (total,).
        missing: Transverse momentum that is missing [GeV], and its azimuth, shape (2, N); None where no cut
            is on it.
    """

    directions: Directions
    pt_gev: FloatArray
    charge: IntArray
    is_muon: BoolArray
    missing: FloatArray | None = None

    @property
    def event(self) -> IntArray:
        """Event of each."""
        return owners(self.directions.offsets)

    def passes(self, asked: LeptonsSpec) -> BoolArray:
        """Events of one of the channels, shape (N,).

        Raises:
            InputError: What is missing of one with a lepton alone is not finite.
        """
        n_events = len(self.directions.offsets) - 1
        n_muons = np.bincount(self.event[self.is_muon], minlength=n_events)
        n_electrons = np.bincount(self.event[~self.is_muon], minlength=n_events)
        found = np.zeros(n_events, np.bool_)
        for channel in asked.channels:
            electrons, muons = CHANNELS[channel]
            found |= (n_electrons == electrons) & (n_muons == muons)
        single = n_electrons + n_muons < 2
        if asked.opposite_charge:
            found &= single | (np.bincount(self.event, self.charge, n_events) == 0)
        if self.missing is not None:
            alone = np.flatnonzero(found & single)
            for name, value in zip(MISSING, self.missing, strict=True):
                check_finite(name, value[alone], np.ones(len(alone), np.bool_))
            found[alone] &= self._transverse_mass(alone, *self.missing) >= asked.transverse_mass_min_gev
        pairs = np.flatnonzero(found & ~single)
        mass = self._pair_mass(pairs)
        if asked.pair_mass_gev is not None:
            least, most = asked.pair_mass_gev
            found[pairs] &= (mass >= least) & (mass < most)
        found[pairs] &= (n_muons[pairs] == 1) | (np.abs(mass - Z_MASS_GEV) >= asked.z_veto_gev)
        return found

    def _transverse_mass(self, alone: IntArray, missing: FloatArray, phi: FloatArray) -> FloatArray:
        """Of the lepton of events that have one, and of what is missing; shape (len(alone),)."""
        lepton = self.directions.offsets[alone]
        angles = 1 - np.cos(self.directions.phi[lepton] - phi[alone])
        return np.asarray(np.sqrt(2 * self.pt_gev[lepton] * missing[alone] * angles))

    def _pair_mass(self, pairs: IntArray) -> FloatArray:
        """Mass of the two leptons, without their own, of events that have two; shape (len(pairs),)."""
        first = self.directions.offsets[pairs]
        second = first + 1
        pt, eta, phi = self.pt_gev.astype(np.float64), self.directions.eta, self.directions.phi
        angles = np.cosh(eta[first] - eta[second]) - np.cos(phi[first] - phi[second])
        return np.asarray(np.sqrt(2 * pt[first] * pt[second] * np.maximum(angles, 0)))

    def overlap(self, offsets: IntArray, eta: FloatArray, phi: FloatArray, obj: str) -> BoolArray:
        """Jets that are one of them, or have one in them, shape (jets,); offsets (N + 1,) are of the jets."""
        return near(offsets, eta, phi, self.directions, RADIUS[obj])

    def hardest_charge(self) -> FloatArray:
        """Charge of the hardest lepton of each event, shape (N,); 0 without leptons."""
        found = np.zeros(len(self.directions.offsets) - 1)
        order = np.argsort(self.pt_gev, kind="stable")  # the hardest is written last
        found[self.event[order]] = self.charge[order]
        return found


def select(events: Mapping[str, ak.Array], asked: LeptonsSpec, passed: BoolArray) -> Leptons:
    """The leptons that pass the cuts of a dataset.

    Args:
        events: Arrays by branch name, of N events.
        asked: The cuts.
        passed: Events that are not cut yet, shape (N,); of others no lepton is looked at.

    Raises:
        InputError: A branch does not fit its collection, or a number that counts is not finite.
    """
    parts = [_of(events, flavour, asked, passed) for flavour in ("Electron", "Muon")]
    n_each = [np.diff(part.directions.offsets) for part in parts]
    order = np.argsort(np.concatenate([part.event for part in parts]), kind="stable")

    def joined(*arrays: Array) -> Array:
        return np.asarray(np.concatenate(arrays)[order])

    directions = Directions(
        counts_to_offsets(n_each[0] + n_each[1]),
        joined(*(part.directions.eta for part in parts)),
        joined(*(part.directions.phi for part in parts)),
    )
    return Leptons(
        directions,
        joined(*(part.pt_gev for part in parts)),
        joined(*(part.charge for part in parts)),
        joined(*(part.is_muon for part in parts)),
        np.stack([single(events, name) for name in MISSING]) if asked.transverse_mass_min_gev else None,
    )


def _of(events: Mapping[str, ak.Array], flavour: str, asked: LeptonsSpec, passed: BoolArray) -> Leptons:
    """Those of one flavour."""
    offsets, pt = lists(events, f"{flavour}_pt")
    eta, phi, charge = (aligned(events, f"{flavour}_{name}", offsets) for name in IN_COMMON[1:])
    mask = passed[owners(offsets)]
    check_finite(f"{flavour}_pt", pt, mask)
    mask &= pt >= asked.pt_min_gev
    check_finite(f"{flavour}_eta", eta, mask)
    mask &= np.abs(eta) <= asked.abseta_max
    if flavour == "Electron":
        mask &= aligned(events, f"Electron_{OF_ELECTRONS}", offsets) >= ELECTRON_TIGHT
    else:
        tight, isolation = (aligned(events, f"Muon_{name}", offsets) for name in OF_MUONS)
        mask &= tight != 0
        check_finite(f"Muon_{OF_MUONS[1]}", isolation, mask)
        mask &= isolation < asked.isolation_max
    check_finite(f"{flavour}_phi", phi, mask)  # else no jet is near it, and no pair has a mass
    directions = Directions(masked_offsets(offsets, mask), eta[mask], phi[mask])
    return Leptons(
        directions, pt[mask], charge[mask].astype(np.int64), np.full(mask.sum(), flavour == "Muon")
    )
