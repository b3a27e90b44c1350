"""The canonical jet columns: what every source writes and every feature reads.

One row is a jet (objects `ak4`, `ak8`) or an event (object `event`). Constituents are ragged
lists, one column a property; all columns of a list group have the same length in a row.
Lengths are in cm, momenta in GeV, angles in radians. A source gives the columns that its file
holds and leaves out the rest; nothing is invented. Columns that no file holds are computed
(`jetsmith.derivations`), and so are others where a file lacks them and `(derived)` says so.
"""

import re
from collections.abc import Mapping

from jetsmith.columns.labels import LABELS
from jetsmith.columns.of_events import EVENT
from jetsmith.columns.of_jets import (
    CHARGED,
    DOUBLE_B,
    JET,
    NEUTRAL,
    SUBJETS,
    TAG,
    VERTICES,
    VERTICES_OF_EVENT,
)
from jetsmith.columns.records import Column, flat
from jetsmith.derivations.of_events import OF_EVENTS
from jetsmith.derivations.of_jets import OF_JETS
from jetsmith.derivations.of_large import OF_LARGE
from jetsmith.derivations.of_particles import OF_PARTICLES
from jetsmith.derivations.of_tags import OF_TAGS
from jetsmith.derivations.of_within import OF_WITHIN
from jetsmith.derivations.ways import New

EVENT_KEY = {
    "run": flat("", "run number", "uint32"),
    "luminosity_block": flat("", "luminosity block", "uint32"),
    "event": flat("", "event number", "uint64"),
}
KEY = EVENT_KEY | {
    "jet_index": flat("", "index of the jet in its event before cuts; 0 for event rows", "int16"),
}

COMMON = {
    "weight": flat("", "generator weight, as in the file, sign kept; 1 for data", "float64"),
    "flavour": flat("", "truth id of config/flavours.yaml", "int32"),
}


def _derived(table: Mapping[str, New]) -> dict[str, Column]:
    """Columns that no file holds."""
    return {name: Column(new.unit, f"{new.text} (derived)", ragged=new.ragged) for name, new in table.items()}


# Truth ids (column `flavour`) that the layouts give; config/flavours.yaml says what they mean.
TRUTH: dict[str, tuple[int, ...]] = {
    "ak4": (0, 1, 2, 400, 410, 411, 500, 510, 511, 520, 521, 600, 999),
    "ak8": (
        *(999, 1000, 1004, 1005, 1044, 1055),
        *(2301, 2304, 2305, 2401, 2404, 2504, 2505, 2506, 2601, 2604, 2611, 2614),
        *LABELS.values(),
    ),
    "event": (0,),
}

# Origins of tracks (column `cpf_truth_origin`), as in ATL-PHYS-PUB-2022-027; `other`: of taus, strange
# hadrons, conversions and other secondary interactions and decays.
ORIGINS = ("pile_up", "fake", "primary", "from_b", "from_b_to_c", "from_c", "other")
# What the simulation alone knows: losses read it, and no network sees it.
TOLD = (
    *("cpf_truth_origin", "cpf_truth_vertex"),
    *("jet_gen_pt_gev", "jet_gen_mass_gev", "jet_gen_softdrop_mass_gev"),
)

# Pile-up and unmatched jets: packed where a tagger asks for them, where efficiencies are counted by hadron
# flavour, and where simulation stands beside collisions or such samples (`configuration.kept`).
LEFT_OUT_TRUTH = (999,)

HADRON_FLAVOUR = "hadron_flavour"
BY_TRUTH = "truth"  # the other meaning that a code of correction files may have
HADRONS = {5: (500, 510, 511, 520, 521), 4: (400, 410, 411), 0: (0, 1, 2)}
"""Truth ids of small jets by their hadron flavour, which some jets of truth 999 have, too."""

ROWS = "rows"  # beside the groups of features: the rows themselves, with key, truth, weight and what follows

# What rows carry to the scores, where all files of a sample have it, stored or derived. A column that only a
# plot or a decorrelation reads is a name here, and nothing else.
KINEMATICS = {
    "ak4": ("jet_pt_gev", "jet_eta", "hadron_flavour", "n_pv"),
    "ak8": ("jet_pt_gev", "jet_eta", "hadron_flavour", "n_pv", "jet_softdrop_mass_gev"),
    "event": ("z_pt_gev", "lhe_v_pt_gev"),
}
MAY_LACK = ("jet_softdrop_mass_gev", "lhe_v_pt_gev")
"""Those of which NaN is a row without one: a jet without subjets, an event without a boson."""
# What else tells apart two rows that have the same key by chance: each production numbers its events anew.
# Stage pack compares it and leaves it out. Momenta of some files have 10 bits alone.
CONTENT = {
    "ak4": ("jet_raw_pt_gev", "jet_phi_rad", "jet_mass_gev"),
    "ak8": ("jet_raw_pt_gev", "jet_phi_rad", "jet_mass_gev"),
    "event": (
        *("z_y", "z_phi_rad", "z_mass_gev", "gen_met_pt_gev"),
        *("lhe_v_y", "lhe_v_phi_rad", "lhe_v_mass_gev", "lhe_ht_gev"),
    ),
}
RESERVED = {*KEY, *COMMON, *(name for names in KINEMATICS.values() for name in names)}

STORING = ("ak4", "ak8")  # rows that may have stored scores
STORED_PREFIX = "stored_"  # stored_<branch>, e.g. stored_btagDeepFlavB: an experiment's own score
# Which branches of jets, without the collection in front, are scores; skims hold no others.
SCORES_OF_CMS = re.compile(
    r"(btag|particleNet|deepTag|globalParT|PNet|robustParT|qgl|puIdDisc|CSV|JP$|JBP$|SoftMu|SoftEl).*"
)
SCORES_OF_ATLAS = re.compile(r"(GN|DL1)\w*_p[a-z]+")
SUBJET = "subjet_"  # in front of a score of CMS: the lower one of the two subjets of a large jet

STORED: dict[str, dict[str, Column]] = {
    "ak4": KEY | COMMON | JET | TAG | CHARGED | NEUTRAL | VERTICES,
    "ak8": KEY | COMMON | JET | SUBJETS | DOUBLE_B | CHARGED | NEUTRAL | VERTICES | VERTICES_OF_EVENT,
    "event": KEY | COMMON | EVENT,
}
"""What files may hold, by object. Sources know of no other: a new derived column skims nothing again."""

BY_OBJECT: dict[str, dict[str, Column]] = {
    "ak4": STORED["ak4"] | _derived(OF_JETS | OF_PARTICLES | OF_TAGS),
    "ak8": STORED["ak8"] | _derived(OF_JETS | OF_PARTICLES | OF_LARGE | OF_WITHIN),
    "event": STORED["event"] | _derived(OF_EVENTS),
}


_FAMILIES = (
    *("cpf", "npf", "pf", "sv", "event_sv", "track", "subjet"),
    *("lepton", "genjet", "central_genjet", "lhe_parton"),
)


def family(name: str) -> str:
    """What a list column lists: columns of one family have the same length in each row.

    The relative pseudorapidities of tracks and the lists of the double-b tagger have each their own.
    """
    found = next((family for family in _FAMILIES if name.startswith(f"{family}_")), name)
    return name if name == "track_eta_rel" else found


def row_key(obj: str) -> list[str]:
    """Names of the columns that tell rows of an object apart."""
    return [*(EVENT_KEY if obj == "event" else KEY)]


def column(obj: str, name: str) -> Column:
    """The definition of a canonical column; stored scores are float32 values a row."""
    return BY_OBJECT[obj][name] if name in BY_OBJECT[obj] else stored(obj, name)


def stored(obj: str, name: str) -> Column:
    """The definition of a column that a file holds; stored scores are float32 values a row."""
    if name.startswith(STORED_PREFIX):
        return flat("", f"stored score {name.removeprefix(STORED_PREFIX)}")
    return STORED[obj][name]
