"""The two soft-drop subjets of large jets in NanoAOD: their momenta, and the lower of their stored scores.

The first tags of boosted H -> bb asked both subjets for one (CMS, BTV-13-001). A jet with fewer than two
subjets has the code -10, which CMS gives where nothing could be tagged.
"""

import re

import numpy as np

from jetsmith.io import BoolArray, FloatArray
from jetsmith.sources.flat import Array, Columns, KeptJets, counts_to_offsets, of_collection

PREFIX = "SubJet_"
INDICES = ("FatJet_subJetIdx1", "FatJet_subJetIdx2")
LACKING = -10.0
MOMENTA = {
    "subjet_pt_gev": "pt",
    "subjet_eta": "eta",
    "subjet_phi_rad": "phi",
    "subjet_mass_gev": "mass",
    "subjet_raw_pt_gev": "rawFactor",
}


def names(branches: set[str], scores: re.Pattern[str]) -> list[str]:
    """Names of the scores of subjets, where jets say which are theirs."""
    if not branches.issuperset(INDICES):
        return []
    bare = [name.removeprefix(PREFIX) for name in branches if name.startswith(PREFIX)]
    return sorted(name for name in bare if scores.fullmatch(name))


def columns(branches: set[str]) -> set[str]:
    """Canonical columns of subjets that these branches suffice for."""
    if not branches.issuperset((*INDICES, PREFIX + MOMENTA["subjet_pt_gev"])):
        return set()
    return {name for name, branch in MOMENTA.items() if PREFIX + branch in branches}


def wanted(branches: set[str], scores: re.Pattern[str]) -> list[str]:
    """Branches that `lowest` and `fill` read."""
    found = [PREFIX + name for name in names(branches, scores)]
    found += [PREFIX + MOMENTA[name] for name in sorted(columns(branches))]
    return [*INDICES, *found] if found else []


def lowest(jets: KeptJets, name: str) -> Array:
    """The lower score of the two subjets of each kept jet, shape (n_rows,), float32."""
    found, there = _of_both(jets, name)
    return np.asarray(np.where(there, found, np.float32(LACKING)).min(axis=1))


def fill(columns_: Columns, jets: KeptJets) -> None:
    """Lists of the momenta of the subjets that there are, in the order of the jet's indices."""
    given = {name: _of_both(jets, MOMENTA[name]) for name in sorted(columns(set(jets.events)))}
    for name, (found, there) in given.items():
        values = (1 - found) * given["subjet_pt_gev"][0] if name == "subjet_raw_pt_gev" else found
        columns_.ragged(name, counts_to_offsets(there.sum(axis=1)), values[there])


def _of_both(jets: KeptJets, name: str) -> tuple[FloatArray, BoolArray]:
    """A branch of the two subjets of each kept jet, and which of them there are, shape (n_rows, 2)."""
    offsets, content = of_collection(jets.events, PREFIX + name)
    begin, end = offsets[jets.event], offsets[jets.event + 1]
    found = np.zeros((len(jets.kept), len(INDICES)), np.float32)
    there = np.zeros(found.shape, np.bool_)
    for which, index in enumerate(INDICES):
        place = jets.take_branch(index).astype(np.int64)  # -1 for none
        there[:, which] = (place >= 0) & (begin + place < end)
        found[there[:, which], which] = content[(begin + place)[there[:, which]]]
    return found, there
