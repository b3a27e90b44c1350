"""Where PHYSLITE keeps the scores of its small jets: on the jets, or in containers that jets link to.

The containers' names differ: `BTagging_AntiKt4EMPFlow` in release 22, with the date of their training
behind it (`_201903`) in release 21, several of them in one file. A link holds the key of its container,
a hash of name and class, and an index into it; so the key decides, not the name. From release 25 on the
scores are variables of the jets.
"""

import re
from collections.abc import Iterable
from functools import cache

import awkward as ak
import numpy as np

from jetsmith.columns import SCORES_OF_ATLAS
from jetsmith.sources.flat import Array, KeptJets, split

JETS = "AnalysisJetsAuxDyn."
CONTAINER = re.compile(r"(?P<container>BTagging_AntiKt4EMPFlow\w*)AuxDyn\.(?P<score>\w+)")
LINK_KEY, LINK_INDEX = (f"{JETS}btaggingLink.{member}" for member in ("m_persKey", "m_persIndex"))
CLASS_ID = 1264356158  # xAOD::BTaggingContainer
POLYNOMIAL, START, KEY_BITS = 0x95AC9329AC4BC9B5, 0xFFFFFFFFFFFFFFFF, 30  # of the hash


def names(branches: set[str]) -> list[str]:
    """Names of the scores, as the experiment spells them."""
    on_jets = (name.removeprefix(JETS) for name in branches if name.startswith(JETS))
    found = {name for name in on_jets if SCORES_OF_ATLAS.fullmatch(name)}
    return sorted(found | {score for _, score in _containers(branches)})


def wanted(branches: set[str]) -> list[str]:
    """Branches that `score` reads."""
    on_jets = [JETS + name for name in names(branches) if JETS + name in branches]
    linked = [f"{container}AuxDyn.{score}" for container, score in _containers(branches)]
    return on_jets + ([LINK_KEY, LINK_INDEX, *linked] if linked else [])


def _containers(branches: Iterable[str]) -> list[tuple[str, str]]:
    """Container and score of each branch of scores that jets can be linked to."""
    if LINK_KEY not in branches or LINK_INDEX not in branches:
        return []
    matches = (CONTAINER.fullmatch(name) for name in branches)
    return [(m["container"], m["score"]) for m in matches if m and SCORES_OF_ATLAS.fullmatch(m["score"])]


def score(jets: KeptJets, name: str) -> Array:
    """A score of the kept jets, shape (n_rows,), float32; NaN where no link leads to one.

    A score on the jets comes before one that they link to.
    """
    if JETS + name in jets.events:
        return jets.take_branch(JETS + name).astype(np.float32)
    found = np.full(len(jets.kept), np.nan, dtype=np.float32)
    for container in (holder for holder, held in _containers(jets.events) if held == name):
        rows, values = _linked(jets, container, jets.events[f"{container}AuxDyn.{name}"])
        found[rows] = values
    return found


def _linked(jets: KeptJets, container: str, array: ak.Array) -> tuple[Array, Array]:
    """Rows of the jets that link into a container, and what is there."""
    stored, index = (jets.take_branch(link) for link in (LINK_KEY, LINK_INDEX))
    offsets, content = split(array)
    place = offsets[jets.event] + index.astype(np.int64)
    good = (stored == key(container)) & (place < offsets[jets.event + 1])  # one to nothing has 2^32 - 1
    return np.flatnonzero(good), content[place[good]]


@cache
def key(container: str) -> int:
    """What links to a container hold: ATLAS' StoreGate key, 30 bits of a CRC-64 of its name and class."""
    crc = START
    for byte in (*container.encode(), *CLASS_ID.to_bytes(4, "little")):
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
    return crc & ((1 << KEY_BITS) - 1)
