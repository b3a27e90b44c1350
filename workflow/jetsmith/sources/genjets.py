"""The generator jet that NanoAOD has matched to each jet: momentum and mass, by the index that the jet holds.

Its particles are all stable ones but neutrinos. The mass is that of the whole jet, of large jets, too: their
soft-drop mass is in no collection of NanoAOD that says whose it is.
"""

import numpy as np

from jetsmith.sources import hadrons
from jetsmith.sources.flat import Columns, look_up

MOMENTA = {"jet_gen_pt_gev": "pt", "jet_gen_mass_gev": "mass"}
NONE = np.float32(np.nan)


def _needs(obj: str) -> dict[str, tuple[str, str]]:
    """Index and branch behind each column."""
    collection, index = hadrons.GENERATOR_JETS[obj]
    return {name: (f"{hadrons.PREFIX[obj]}_{index}", f"{collection}_{of}") for name, of in MOMENTA.items()}


def columns(branches: set[str], obj: str) -> set[str]:
    """Canonical columns that these branches suffice for."""
    return {name for name, needed in _needs(obj).items() if branches.issuperset(needed)}


def wanted(branches: set[str], obj: str) -> list[str]:
    """Branches that `fill` reads."""
    return [branch for name in sorted(columns(branches, obj)) for branch in _needs(obj)[name]]


def fill(columns_: Columns, jets: hadrons.Jets, obj: str) -> None:
    """The columns of the kept jets; NaN where the index is that of no generator jet of the event."""
    for name in sorted(columns(set(jets.events), obj)):
        place = jets.take(hadrons.GENERATOR_JETS[obj][1]).astype(np.int64)
        columns_.flat(name, look_up(jets.events, _needs(obj)[name][1], jets.event, place, NONE))
