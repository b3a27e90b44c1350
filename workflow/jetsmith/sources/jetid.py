"""JME's identification of jets in NanoAOD: stored bits, or computed where there are none (v15 on)."""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, IntArray
from jetsmith.sources.flat import aligned, lists, whole

# ASSUME stored bits are right: those of NanoAOD v12 are not beyond |eta| 2.7, and no branch tells the version
STORED = "jetId"
# NanoAOD from v15 on stores no jetId; JME's identification is then computed from these.
INPUTS = ("neHEF", "neEmEF", "chHEF", "chMultiplicity", "neMultiplicity", "chEmEF", "muEF")
LOOSE, TIGHT, TIGHT_LEPTON_VETO = 1, 2, 4  # bits of jetId; loose is set in files of 2016 alone


def unable(branches: set[str], prefix: str, bits: int) -> str:
    """Why these branches cannot tell whether a jet has the bits; empty where they can."""
    if f"{prefix}_{STORED}" in branches:
        return ""
    lacking = [f"{prefix}_{name}" for name in INPUTS if f"{prefix}_{name}" not in branches]
    if lacking:
        return f"no {prefix}_{STORED}, and to compute it no {', '.join(lacking)}"
    if bits & LOOSE:
        return f"no {prefix}_{STORED}, and what is computed instead has no bit {LOOSE} (loose); 2 is tight"
    return ""


def instead(branches: set[str], prefix: str, bits: int) -> str:
    """How the bits come about where they are not stored; empty where they are, or nobody asks."""
    if not bits or f"{prefix}_{STORED}" in branches or unable(branches, prefix, bits):
        return ""
    return f"computed from {', '.join(INPUTS)}, as no {prefix}_{STORED} is stored"


def passes(events: Mapping[str, ak.Array], prefix: str, bits: int) -> BoolArray:
    """Jets with all these bits, flat.

    Raises:
        InputError: The branches cannot tell, or have other numbers of values than there are jets.
    """
    reason = unable(set(events), prefix, bits)
    if reason:
        raise InputError(f"jet_id: {bits}: {reason}; `without: [jet_id]` of the dataset leaves the cut out")
    stored = f"{prefix}_{STORED}"
    if stored not in events:
        return np.asarray((computed(events, prefix) & bits) == bits)
    found = whole(stored, aligned(events, stored, lists(events, f"{prefix}_pt")[0]), "int64")
    return np.asarray((found & bits) == bits)


def computed(events: Mapping[str, ak.Array], prefix: str) -> IntArray:
    """The bits of all jets, flat: 2 tight, 4 tight with lepton veto.

    JME's identification of PUPPI jets for Run 3, as in jetid.json of CMS' jsonpog-integration.
    """
    offsets = lists(events, f"{prefix}_pt")[0]
    eta = np.abs(aligned(events, f"{prefix}_eta", offsets))
    ne_hef, ne_emef, ch_hef, n_charged, n_neutral, ch_emef, mu_ef = (
        aligned(events, f"{prefix}_{name}", offsets) for name in INPUTS
    )
    n_candidates = n_charged.astype(np.int64) + n_neutral  # bytes in the file
    central = (ne_hef < 0.99) & (ne_emef < 0.9) & (n_candidates > 1) & (ch_hef > 0.01) & (n_charged > 0)
    tight = np.select(
        [eta <= 2.6, eta <= 2.7, eta <= 3.0],
        [central, (ne_hef < 0.90) & (ne_emef < 0.99), ne_hef < 0.99],
        default=(n_neutral >= 2) & (ne_emef < 0.4),
    )
    veto = tight & ((eta > 2.7) | ((mu_ef < 0.8) & (ch_emef < 0.8)))
    found: IntArray = TIGHT * tight.astype(np.int64) + TIGHT_LEPTON_VETO * veto.astype(np.int64)
    return found
