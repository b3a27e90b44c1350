"""The canonical jet columns: what every source writes and every feature reads.

One row is a jet (objects `ak4`, `ak8`) or an event (object `event`). Constituents are ragged
lists, one column a property; all columns of a list group have the same length in a row.
Lengths are in cm, momenta in GeV, angles in radians. A source gives the columns that its file
holds and leaves out the rest; nothing is invented. Columns that no file holds are computed
(`jetsmith.derivations`), and so are others where a file lacks them and `(derived)` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jetsmith.derivations.of_events import OF_EVENTS, OF_QUARKS, QUARKS
from jetsmith.derivations.of_jets import OF_JETS
from jetsmith.derivations.of_particles import OF_PARTICLES
from jetsmith.derivations.of_tags import OF_TAGS
from jetsmith.derivations.ways import New


@dataclass(frozen=True)
class Column:
    """One canonical column.

    Attributes:
        unit: Unit of the values; empty for pure numbers.
        text: What it is, in a few words.
        dtype: numpy type of the (innermost) values.
        ragged: True for a list a row, False for one value a row.
    """

    unit: str
    text: str
    dtype: str = "float32"
    ragged: bool = False


def _flat(unit: str, text: str, dtype: str = "float32") -> Column:
    return Column(unit, text, dtype)


def _list(unit: str, text: str, dtype: str = "float32") -> Column:
    return Column(unit, text, dtype, ragged=True)


EVENT_KEY = {
    "run": _flat("", "run number", "uint32"),
    "luminosity_block": _flat("", "luminosity block", "uint32"),
    "event": _flat("", "event number", "uint64"),
}
KEY = EVENT_KEY | {
    "jet_index": _flat("", "index of the jet in its event before cuts; 0 for event rows", "int16"),
}

COMMON = {
    "weight": _flat("", "generator weight, as in the file, sign kept; 1 for data", "float64"),
    "flavour": _flat("", "truth id of config/flavours.yaml", "int32"),
}

JET = {
    "jet_pt_gev": _flat("GeV", "corrected transverse momentum"),
    "jet_raw_pt_gev": _flat("GeV", "transverse momentum before corrections"),
    "jet_eta": _flat("", "pseudorapidity"),
    "jet_phi_rad": _flat("rad", "azimuth"),
    "jet_mass_gev": _flat("GeV", "mass"),
    "n_pv": _flat("", "reconstructed primary vertices of the event"),
    "n_cpf": _flat("", "charged candidates of the jet, before any cut on their number"),
    "n_npf": _flat("", "neutral candidates of the jet"),
    "n_sv": _flat("", "secondary vertices in the jet"),
    "hadron_flavour": _flat("", "5, 4 or 0 by ghost association; ATLAS: in a cone, and 15 for a tau", "int8"),
    "parton_flavour": _flat("", "PDG id of the matched parton, 0 for none", "int16"),
    "n_b_hadrons": _flat("", "ghost b hadrons", "int16"),
    "n_c_hadrons": _flat("", "ghost c hadrons", "int16"),
    "jet_probability": _flat("", "stored jet-probability discriminator (branch Proba)"),
    "jet_softdrop_mass_gev": _flat("GeV", "soft-drop mass (ak8)"),
    "jet_tau1": _flat("", "1-subjettiness (ak8)"),
    "jet_tau2": _flat("", "2-subjettiness (ak8)"),
    "jet_tau3": _flat("", "3-subjettiness (ak8)"),
}

# The high-level inputs that CMS stores as Jet_DeepCSV_*; tracks in order of falling 2D significance.
TAG = {
    "tag_n_secondary_vertices": _flat("", "secondary vertices of the tag info"),
    "tag_track_sum_jet_et_ratio": _flat("", "E_T of the track sum over the jet's"),
    "tag_track_sum_jet_delta_r": _flat("", "distance of the track sum to the jet axis"),
    "tag_vertex_category": _flat("", "0 vertex, 1 pseudo vertex, 2 none"),
    "tag_track_sip2d_val_above_charm_cm": _flat("cm", "2D impact parameter of the first track above charm"),
    "tag_track_sip2d_sig_above_charm": _flat("", "its significance"),
    "tag_track_sip3d_val_above_charm_cm": _flat("cm", "3D impact parameter of the same track"),
    "tag_track_sip3d_sig_above_charm": _flat("", "its significance"),
    "tag_n_selected_tracks": _flat("", "selected tracks"),
    "tag_n_tracks_eta_rel": _flat("", "tracks with a relative pseudorapidity"),
    "tag_vertex_mass_gev": _flat("GeV", "mass of the vertex"),
    "tag_vertex_n_tracks": _flat("", "its tracks"),
    "tag_vertex_energy_ratio": _flat("", "its energy over that of all selected tracks"),
    "tag_vertex_jet_delta_r": _flat("", "its distance to the jet axis"),
    "tag_flight_distance_2d_val_cm": _flat("cm", "transverse flight distance"),
    "tag_flight_distance_2d_sig": _flat("", "its significance"),
    "tag_flight_distance_3d_val_cm": _flat("cm", "flight distance"),
    "tag_flight_distance_3d_sig": _flat("", "its significance"),
    "track_jet_dist_cm": _list("cm", "distance of the track to the jet axis"),
    "track_pt_rel_gev": _list("GeV", "momentum across the jet axis"),
    "track_delta_r": _list("", "distance to the jet axis"),
    "track_pt_ratio": _list("", "momentum across the jet axis over the track's"),
    "track_sip3d_sig": _list("", "signed 3D impact parameter significance"),
    "track_sip2d_sig": _list("", "signed 2D impact parameter significance"),
    "track_decay_len_cm": _list("cm", "decay length"),
    "track_eta_rel": _list("", "pseudorapidity relative to the vertex direction; a list of its own length"),
}

# The inputs of the double-b tagger that CMS stores as FatJet_DDX_*.
_AXIS = {
    "track_sip3d_sig": _list("", "the two leading 3D significances of the subjet axis"),
    "track_eta_rel": _list("", "up to three relative pseudorapidities"),
    "vertex_mass_gev": _flat("GeV", "vertex mass"),
    "vertex_energy_ratio": _flat("", "vertex energy over track energy"),
    "flight_distance_2d_sig": _flat("", "flight significance"),
}
DOUBLE_B = {
    "ddx_z_ratio": _flat("", "z ratio of the two vertices"),
    "ddx_track_sip3d_sig": _list("", "the four leading 3D significances"),
    "ddx_track_sip2d_sig_above_charm": _flat("", "2D significance of the first track above charm"),
    "ddx_track_sip2d_sig_above_bottom": _list("", "the same above the b mass, by subjet axis"),
    "ddx_n_tracks": _flat("", "selected tracks"),
    "ddx_n_secondary_vertices": _flat("", "secondary vertices"),
    "ddx_tau1_vertex_delta_r": _flat("", "distance of the leading vertex to its axis"),
} | {f"ddx_tau{axis}_{name}": found for axis in (1, 2) for name, found in _AXIS.items()}

CHARGED = {
    "cpf_pt_gev": _list("GeV", "transverse momentum"),
    "cpf_eta": _list("", "pseudorapidity"),
    "cpf_phi_rad": _list("rad", "azimuth"),
    "cpf_deta": _list("", "pseudorapidity less the jet's (derived)"),
    "cpf_dphi_rad": _list("rad", "azimuth less the jet's (derived)"),
    "cpf_charge": _list("", "charge", "int8"),
    "cpf_pdg_id": _list("", "PDG id by particle flow", "int32"),
    "cpf_is_muon": _list("", "1 for a muon (derived)"),
    "cpf_is_electron": _list("", "1 for an electron (derived)"),
    "cpf_d0_cm": _list("cm", "transverse impact parameter to the primary vertex"),
    "cpf_d0_err_cm": _list("cm", "its error"),
    "cpf_dz_cm": _list("cm", "longitudinal impact parameter"),
    "cpf_dz_err_cm": _list("cm", "its error times sin(theta), as CMS' PackedCandidate has it"),
    "cpf_puppi_weight": _list("", "PUPPI weight"),
    "cpf_chi2": _list("", "normalised chi2 of the track"),
    "cpf_quality": _list("", "track quality: 1 high purity (deepntuples) or CMS quality mask"),
    "cpf_vertex_association": _list("", "association to the primary vertex, CMS pvAssocQuality"),
    "cpf_lost_inner_hits": _list("", "lost inner hits, CMS code"),
    "cpf_dptdpt": _list("", "relative covariance of pt"),
    "cpf_eta_rel": _list("", "pseudorapidity along the jet axis (derived)"),
    "cpf_pt_rel_gev": _list("GeV", "momentum across the jet axis (derived)"),
    "cpf_p_par_gev": _list("GeV", "momentum along the jet axis (derived)"),
    "cpf_pt_ratio": _list("", "momentum across the jet axis over momentum (derived)"),
    "cpf_p_par_ratio": _list("", "momentum along the jet axis over momentum (derived)"),
    "cpf_delta_r": _list("", "distance to the jet axis (derived)"),
    "cpf_sip2d_val_cm": _list("cm", "signed 2D impact parameter (derived)"),
    "cpf_sip2d_sig": _list("", "its significance (derived)"),
    "cpf_sip3d_val_cm": _list("cm", "signed 3D impact parameter"),
    "cpf_sip3d_sig": _list("", "its significance"),
    "cpf_jet_dist_cm": _list("cm", "distance of the track to the jet axis"),
    "cpf_decay_len_cm": _list("cm", "from the vertex to the axis' point nearest to the track (derived)"),
    "cpf_pt_fraction": _list("", "pt over the jet's (derived)"),
    "cpf_min_delta_r_sv": _list("", "distance to the nearest secondary vertex, 0.4 at most (derived)"),
    "cpf_truth_origin": _list("", "true origin, index in `columns.ORIGINS`; -1 unknown", "int8"),
    "cpf_truth_vertex": _list("", "number of the true production vertex in its event; -1 unknown", "int32"),
}
NEUTRAL = {
    "npf_pt_gev": _list("GeV", "transverse momentum"),
    "npf_eta": _list("", "pseudorapidity"),
    "npf_phi_rad": _list("rad", "azimuth"),
    "npf_deta": _list("", "pseudorapidity less the jet's (derived)"),
    "npf_dphi_rad": _list("rad", "azimuth less the jet's (derived)"),
    "npf_pdg_id": _list("", "PDG id by particle flow", "int32"),
    "npf_is_photon": _list("", "1 for a photon (derived)"),
    "npf_had_frac": _list("", "hadronic fraction of the calorimeter energy"),
    "npf_puppi_weight": _list("", "PUPPI weight"),
    "npf_pt_fraction": _list("", "pt over the jet's (derived)"),
    "npf_delta_r": _list("", "distance to the jet axis (derived)"),
    "npf_min_delta_r_sv": _list("", "distance to the nearest secondary vertex, 0.4 at most (derived)"),
}
VERTICES = {
    "sv_pt_gev": _list("GeV", "transverse momentum"),
    "sv_eta": _list("", "pseudorapidity of the vertex momentum"),
    "sv_phi_rad": _list("rad", "azimuth of the vertex momentum"),
    "sv_delta_r": _list("", "distance to the jet axis (derived)"),
    "sv_dphi_rad": _list("rad", "azimuth less the jet's (derived)"),
    "sv_mass_gev": _list("GeV", "mass"),
    "sv_n_tracks": _list("", "tracks"),
    "sv_chi2": _list("", "chi2 of the fit"),
    "sv_norm_chi2": _list("", "chi2 over degrees of freedom"),
    "sv_dxy_cm": _list("cm", "transverse flight distance"),
    "sv_dxy_sig": _list("", "its significance"),
    "sv_d3d_cm": _list("cm", "flight distance"),
    "sv_d3d_sig": _list("", "its significance"),
    "sv_cos_theta": _list("", "cosine of the angle between momentum and flight"),
    "sv_energy_ratio": _list("", "energy over the jet's"),
}

# Object `event`: generator level, for reweighters.
EVENT = {
    "z_pt_gev": _flat("GeV", "transverse momentum of the two leading leptons of the Z"),
    "z_y": _flat("", "their rapidity"),
    "z_phi_rad": _flat("rad", "their azimuth"),
    "z_mass_gev": _flat("GeV", "their mass"),
    "genjet_pt_gev": _list(
        "GeV", "generator jets, falling pt, leptons of the Z (without one: of the hard process) removed"
    ),
    "genjet_eta": _list("", "pseudorapidity"),
    "genjet_phi_rad": _list("rad", "azimuth"),
    "genjet_mass_gev": _list("GeV", "mass"),
    "genjet_hadron_flavour": _list("", "5, 4 or 0; ATLAS: 15 for a tau", "int8"),
    "gen_met_pt_gev": _flat("GeV", "transverse momentum of the neutrinos, and of whatever else is not seen"),
    "gen_met_phi_rad": _flat("rad", "its azimuth"),
    "lhe_ht_gev": _flat("GeV", "scalar sum of the pt of outgoing partons of the LHE file"),
    "lhe_v_pt_gev": _flat(
        "GeV", "pt of the Z or W of the LHE file, by its leptons; NaN where there is not one"
    ),
    "lhe_v_y": _flat("", "its rapidity"),
    "lhe_v_phi_rad": _flat("rad", "its azimuth"),
    "lhe_v_mass_gev": _flat("GeV", "its mass"),
    "n_lhe_jets": _flat("", "outgoing partons of the LHE file, gluons and all quarks but tops"),
    "n_lhe_b": _flat("", "b quarks of them"),
    "n_lhe_c": _flat("", "c quarks of them"),
    "n_lhe_uds": _flat("", "light quarks of them"),
    "n_lhe_gluons": _flat("", "gluons of them"),
    "n_lhe_lo": _flat("", "partons at leading order by the LHE file; NaN where it does not say"),
    "n_lhe_nlo": _flat("", "partons at next-to-leading order; NaN likewise"),
    "lhe_parton_pt_gev": _list("GeV", "outgoing quarks and gluons of the LHE file, falling pt"),
    "lhe_parton_eta": _list("", "their pseudorapidity"),
    "lhe_parton_phi_rad": _list("rad", "their azimuth"),
    "lhe_parton_mass_gev": _list("GeV", "their mass"),
    "lhe_parton_flavour": _list("", "PDG id without sign: 1 to 6, 21 for a gluon", "int8"),
} | {
    f"{copy}_{quark}_{name}{end}": _flat(
        unit, f"{text} of the {copy} copy of the {quark}; NaN where there is none, or are several"
    )
    for copy in ("first", "last")
    for quark in QUARKS
    for name, (end, unit, text) in OF_QUARKS.items()
}


def _derived(table: Mapping[str, New]) -> dict[str, Column]:
    """Columns that no file holds."""
    return {name: Column(new.unit, f"{new.text} (derived)", ragged=new.ragged) for name, new in table.items()}


# Truth ids (column `flavour`) that the layouts give; config/flavours.yaml says what they mean.
TRUTH: dict[str, tuple[int, ...]] = {
    "ak4": (0, 1, 2, 400, 410, 411, 500, 510, 511, 520, 521, 600, 999),
    "ak8": (999, 1000, 1004, 1005, 1044, 1055, 2504, 2505, 2506),
    "event": (0,),
}

# Origins of tracks (column `cpf_truth_origin`), as in ATL-PHYS-PUB-2022-027; `other`: of taus, strange
# hadrons, conversions and other secondary interactions and decays.
ORIGINS = ("pile_up", "fake", "primary", "from_b", "from_b_to_c", "from_c", "other")
TOLD = ("cpf_truth_origin", "cpf_truth_vertex")  # of constituents; no network sees it

# Pile-up and unmatched jets: without a tagger that asks for them they are neither trained on nor counted.
LEFT_OUT_TRUTH = (999,)

ROWS = "rows"  # beside the groups of features: the rows themselves, with key, truth, weight and what follows

# What rows carry to the scores, where all files of a sample have it, stored or derived. A column that only a
# plot or a decorrelation reads is a name here, and nothing else.
KINEMATICS = {
    "ak4": ("jet_pt_gev", "jet_eta", "hadron_flavour", "n_pv"),
    "ak8": ("jet_pt_gev", "jet_eta", "hadron_flavour", "n_pv"),
    "event": ("z_pt_gev", "lhe_v_pt_gev"),
}
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

STORED: dict[str, dict[str, Column]] = {
    "ak4": KEY | COMMON | JET | TAG | CHARGED | NEUTRAL | VERTICES,
    "ak8": KEY | COMMON | JET | DOUBLE_B | CHARGED | NEUTRAL | VERTICES,
    "event": KEY | COMMON | EVENT,
}
"""What files may hold, by object. Sources know of no other: a new derived column skims nothing again."""

BY_OBJECT: dict[str, dict[str, Column]] = {
    "ak4": STORED["ak4"] | _derived(OF_JETS | OF_PARTICLES | OF_TAGS),
    "ak8": STORED["ak8"] | _derived(OF_JETS | OF_PARTICLES),
    "event": STORED["event"] | _derived(OF_EVENTS),
}


_FAMILIES = ("cpf", "npf", "pf", "sv", "track", "lepton", "genjet", "central_genjet", "lhe_parton")


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
        return _flat("", f"stored score {name.removeprefix(STORED_PREFIX)}")
    return STORED[obj][name]
