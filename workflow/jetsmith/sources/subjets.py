"""Stored scores of the two soft-drop subjets of large jets in NanoAOD: the lower one counts.

The first tags of boosted H -> bb asked both subjets for one (CMS, BTV-13-001). A jet with fewer than two
subjets has the code -10, which CMS gives where nothing could be tagged.
"""

import re

import numpy as np

from jetsmith.sources.flat import Array, KeptJets, split

PREFIX = "SubJet_"
INDICES = ("FatJet_subJetIdx1", "FatJet_subJetIdx2")
COLUMN = "subjet_"  # in front of the score's name
LACKING = -10.0


def names(branches: set[str], scores: re.Pattern[str]) -> list[str]:
    """Names of the scores of subjets, where jets say which are theirs."""
    if not branches.issuperset(INDICES):
        return []
    bare = [name.removeprefix(PREFIX) for name in branches if name.startswith(PREFIX)]
    return sorted(name for name in bare if scores.fullmatch(name))


def wanted(branches: set[str], scores: re.Pattern[str]) -> list[str]:
    """Branches that `lowest` reads."""
    found = [PREFIX + name for name in names(branches, scores)]
    return [*INDICES, *found] if found else []


def lowest(jets: KeptJets, name: str) -> Array:
    """The lower score of the two subjets of each kept jet, shape (n_rows,), float32."""
    offsets, content = split(jets.events[PREFIX + name])
    begin, end = offsets[jets.event], offsets[jets.event + 1]
    found = np.full((len(INDICES), len(jets.kept)), LACKING, np.float32)
    for line, index in zip(found, INDICES, strict=True):
        place = jets.take_branch(index).astype(np.int64)  # -1 for none
        there = (place >= 0) & (begin + place < end)
        line[there] = content[(begin + place)[there]]
    return np.asarray(found.min(axis=0))
