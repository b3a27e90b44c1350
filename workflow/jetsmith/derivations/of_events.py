"""Columns of events."""

from jetsmith.derivations.ways import EVENTS, Derived, New, event

OTHERWISE: dict[str, tuple[Derived, ...]] = {
    name: (Derived(function, (needs,), EVENTS, whole=True),)
    for name, function, needs in (
        ("lhe_ht_gev", "total_by_row", "lhe_parton_pt_gev"),
        ("n_lhe_b", "n_bottom", "lhe_parton_flavour"),
        ("n_lhe_c", "n_charm", "lhe_parton_flavour"),
    )
}
"""Ways to columns that files may hold, too."""

_GENJET = ("genjet_pt_gev", "genjet_eta")
_CENTRAL = ("central_genjet_pt_gev", "central_genjet_eta", "central_genjet_phi_rad")
_FLAVOUR = "central_genjet_hadron_flavour"
_PARTON = ("lhe_parton_pt_gev", "lhe_parton_eta", "lhe_parton_phi_rad")
QUARKS = ("top", "antitop")
OF_QUARKS = {
    "pt": ("_gev", "GeV", "pt"),
    "y": ("", "", "rapidity"),
    "phi": ("_rad", "rad", "azimuth"),
    "mass": ("_gev", "GeV", "mass"),
}


def _of_both(copy: str) -> tuple[str, ...]:
    """Columns of top and antitop, of a copy by the beginning of their names."""
    return tuple(f"{copy}{quark}_{name}{end}" for quark in QUARKS for name, (end, *_) in OF_QUARKS.items())


_TOPS = {
    f"{quark}_{name}{end}": New(
        unit,
        f"{text} of the {quark}: its first copy, or the last where there is none",
        (Derived("either", (f"first_{quark}_{name}{end}", f"last_{quark}_{name}{end}"), EVENTS),),
    )
    for quark in QUARKS
    for name, (end, unit, text) in OF_QUARKS.items()
} | {
    f"{copy}ttbar_{name}{end}": New(
        unit,
        f"{text} of top and antitop together{which}",
        (Derived(f"pair_{name}", _of_both(copy), EVENTS),),
    )
    for copy, which in (("", ""), ("last_", ", of last copies"))
    for name, (end, unit, text) in OF_QUARKS.items()
    if name != "phi"
}

OF_EVENTS: dict[str, New] = (
    {
        "z_abs_y": New("", "absolute rapidity of the Z", (Derived("magnitude", ("z_y",), EVENTS),)),
        "lhe_v_abs_y": New(
            "", "absolute rapidity of the Z or W", (Derived("magnitude", ("lhe_v_y",), EVENTS),)
        ),
    }
    | {
        f"central_genjet_{name}": event(unit, text, "central", f"genjet_{name}", *_GENJET, ragged=True)
        for name, unit, text in (
            ("pt_gev", "GeV", "generator jets above 20 GeV, |eta| < 2.5, falling pt"),
            ("eta", "", "their pseudorapidity"),
            ("phi_rad", "rad", "their azimuth"),
            ("mass_gev", "GeV", "their mass"),
            ("hadron_flavour", "", "their hadron flavour"),
        )
    }
    | {
        "central_genjet_abs_delta_phi_z_rad": event(
            "rad",
            "their distance in azimuth to the Z",
            "abs_delta_phi_to",
            *("central_genjet_phi_rad", "z_phi_rad"),
            ragged=True,
        ),
        "n_gen_jets": event("", "central generator jets", "count", "central_genjet_pt_gev"),
        "n_b_gen_jets": event("", "those of hadron flavour 5", "n_bottom", _FLAVOUR),
        "n_c_gen_jets": event("", "those of hadron flavour 4", "n_charm", _FLAVOUR),
        "gen_ht_gev": event("GeV", "scalar sum of their pt", "total_by_row", "central_genjet_pt_gev"),
        "gen_b_ht_gev": event(
            "GeV", "the same of those of hadron flavour 5", "bottom_ht", "central_genjet_pt_gev", _FLAVOUR
        ),
        "delta_phi_z_jet1": event(
            "rad", "azimuth between Z and leading jet", "first", "central_genjet_abs_delta_phi_z_rad"
        ),
        "z_jet1_balance": event(
            "", "pt of the leading jet over that of the Z", "balance", "z_pt_gev", "central_genjet_pt_gev"
        ),
        "delta_r_jj": event("", "distance of the two leading jets", "pair_delta_r", *_CENTRAL),
        "delta_eta_jj": event(
            "", "their distance in pseudorapidity", "pair_abs_delta_eta", "central_genjet_eta"
        ),
        "delta_r_bb": event(
            "", "distance of the two leading b jets", "pair_delta_r_bottom", *_CENTRAL, _FLAVOUR
        ),
        "m_jj_gev": event(
            "GeV", "mass of the two leading jets", "pair_mass", *_CENTRAL, "central_genjet_mass_gev"
        ),
        "m_bb_gev": event(
            "GeV",
            "mass of the two leading b jets",
            "pair_mass_bottom",
            *(*_CENTRAL, "central_genjet_mass_gev", _FLAVOUR),
        ),
        "n_lhe_partons": event("", "outgoing partons of the LHE file", "count", "lhe_parton_pt_gev"),
        "lhe_delta_r_bb": event(
            "", "distance of the two leading b quarks", "pair_delta_r_bottom", *_PARTON, "lhe_parton_flavour"
        ),
        "lhe_m_bb_gev": event(
            "GeV",
            "their mass",
            "pair_mass_bottom",
            *(*_PARTON, "lhe_parton_mass_gev", "lhe_parton_flavour"),
        ),
    }
    | _TOPS
)
