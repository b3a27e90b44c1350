"""Columns that files may hold of events: generator level, for reweighters."""

from jetsmith.columns.records import flat, listed
from jetsmith.derivations.of_events import OF_QUARKS, QUARKS

EVENT = {
    "z_pt_gev": flat("GeV", "transverse momentum of the two leading leptons of the Z"),
    "z_y": flat("", "their rapidity"),
    "z_phi_rad": flat("rad", "their azimuth"),
    "z_mass_gev": flat("GeV", "their mass"),
    "genjet_pt_gev": listed(
        "GeV", "generator jets, falling pt, leptons of the Z (without one: of the hard process) removed"
    ),
    "genjet_eta": listed("", "pseudorapidity"),
    "genjet_phi_rad": listed("rad", "azimuth"),
    "genjet_mass_gev": listed("GeV", "mass"),
    "genjet_hadron_flavour": listed("", "5, 4 or 0; ATLAS: 15 for a tau", "int8"),
    "gen_met_pt_gev": flat("GeV", "transverse momentum of the neutrinos, and of whatever else is not seen"),
    "gen_met_phi_rad": flat("rad", "its azimuth"),
    "lhe_ht_gev": flat("GeV", "scalar sum of the pt of outgoing partons of the LHE file"),
    "lhe_v_pt_gev": flat(
        "GeV", "pt of the Z or W of the LHE file, by its leptons; NaN where there is not one"
    ),
    "lhe_v_y": flat("", "its rapidity"),
    "lhe_v_phi_rad": flat("rad", "its azimuth"),
    "lhe_v_mass_gev": flat("GeV", "its mass"),
    "n_lhe_jets": flat("", "outgoing partons of the LHE file, gluons and all quarks but tops"),
    "n_lhe_b": flat("", "b quarks of them"),
    "n_lhe_c": flat("", "c quarks of them"),
    "n_lhe_uds": flat("", "light quarks of them"),
    "n_lhe_gluons": flat("", "gluons of them"),
    "n_lhe_lo": flat("", "partons at leading order by the LHE file; NaN where it does not say"),
    "n_lhe_nlo": flat("", "partons at next-to-leading order; NaN likewise"),
    "lhe_parton_pt_gev": listed("GeV", "outgoing quarks and gluons of the LHE file, falling pt"),
    "lhe_parton_eta": listed("", "their pseudorapidity"),
    "lhe_parton_phi_rad": listed("rad", "their azimuth"),
    "lhe_parton_mass_gev": listed("GeV", "their mass"),
    "lhe_parton_flavour": listed("", "PDG id without sign: 1 to 6, 21 for a gluon", "int8"),
} | {
    f"{copy}_{quark}_{name}{end}": flat(
        unit, f"{text} of the {copy} copy of the {quark}; NaN where there is none, or are several"
    )
    for copy in ("first", "last")
    for quark in QUARKS
    for name, (end, unit, text) in OF_QUARKS.items()
}
