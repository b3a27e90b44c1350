"""Columns of jets and their constituents."""

from jetsmith.derivations.ways import Derived, New, jet


def _candidates(prefix: str) -> dict[str, tuple[Derived, ...]]:
    """Columns that charged and neutral candidates have in common."""
    p = prefix
    return {
        f"{p}_eta": (Derived("total", (f"{p}_deta", "jet_eta")),),
        f"{p}_deta": (Derived("difference", (f"{p}_eta", "jet_eta")),),
        f"{p}_dphi_rad": (Derived("delta_phi", (f"{p}_phi_rad", "jet_phi_rad")),),
        f"{p}_delta_r": (Derived("length", (f"{p}_deta", f"{p}_dphi_rad")),),
        f"{p}_pt_fraction": (Derived("ratio", (f"{p}_pt_gev", "jet_pt_gev")),),
        f"{p}_min_delta_r_sv": (
            Derived("min_delta_r", (f"{p}_eta", f"{p}_phi_rad", *_VERTEX_DIRECTION), ("ak4",), whole=True),
            Derived(
                "min_delta_r_of_large",
                (f"{p}_eta", f"{p}_phi_rad", "event_sv_eta", "event_sv_phi_rad", "sv_eta"),
                ("ak8",),
                whole=True,
            ),
            Derived(
                "min_delta_r_of_large",
                (f"{p}_eta", f"{p}_phi_rad", *_VERTEX_DIRECTION),
                ("ak8",),
                whole=True,
                stand_in=_VERTICES_OF_JET,
            ),
        ),
        f"n_{p}": (Derived("count", (f"{p}_pt_gev",), whole=True),),
    }


_VERTEX_DIRECTION = ("sv_eta", "sv_phi_rad")
_VERTICES_OF_JET = (
    "files do not list the vertices of the event, or not on which side of the jet they are: the nearest of "
    "the jet's own stands in, and a jet without one has none"
)
_AXIS = ("cpf_pt_gev", "cpf_eta", "cpf_dphi_rad", "jet_eta")
_TRACK = ("cpf_d0_cm", "cpf_dz_cm", "cpf_eta", "cpf_phi_rad", "jet_eta", "jet_phi_rad")
_NO_VERTEX_ERROR = (
    "files do not tell the error of the primary vertex: 3 um across and 5 um along the beam stand in"
)
_CHARGED = {
    "cpf_is_muon": (Derived("is_muon", ("cpf_pdg_id",)),),
    "cpf_is_electron": (Derived("is_electron", ("cpf_pdg_id",)),),
    "cpf_pt_rel_gev": (Derived("across_axis", _AXIS),),
    "cpf_p_par_gev": (Derived("along_axis", _AXIS),),
    "cpf_pt_ratio": (Derived("over_momentum", ("cpf_pt_rel_gev", "cpf_pt_gev", "cpf_eta")),),
    "cpf_p_par_ratio": (Derived("over_momentum", ("cpf_p_par_gev", "cpf_pt_gev", "cpf_eta")),),
    "cpf_eta_rel": (Derived("eta_rel", ("cpf_p_par_gev", "cpf_pt_rel_gev")),),
    "cpf_sip2d_val_cm": (Derived("signed_ip_2d", ("cpf_d0_cm", "cpf_phi_rad", "jet_phi_rad")),),
    "cpf_sip2d_sig": (
        Derived(
            "signed_ip_2d_significance", ("cpf_sip2d_val_cm", "cpf_d0_err_cm"), stand_in=_NO_VERTEX_ERROR
        ),
    ),
    "cpf_sip3d_val_cm": (Derived("signed_ip_3d", _TRACK),),
    "cpf_sip3d_sig": (
        Derived(
            "signed_ip_3d_significance",
            ("cpf_sip3d_val_cm", "cpf_d0_cm", "cpf_d0_err_cm", "cpf_dz_cm", "cpf_dz_err_cm", "cpf_eta"),
            stand_in=f"{_NO_VERTEX_ERROR}, and d0 and dz are taken as uncorrelated",
        ),
    ),
    "cpf_jet_dist_cm": (Derived("distance_to_axis", _TRACK),),
    "cpf_decay_len_cm": (Derived("decay_length", _TRACK),),
}

_VERTICES = {
    "sv_delta_r": (Derived("delta_r", ("sv_eta", "sv_phi_rad", "jet_eta", "jet_phi_rad")),),
    "sv_dphi_rad": (Derived("delta_phi", ("sv_phi_rad", "jet_phi_rad")),),
    "sv_energy_ratio": (
        Derived(
            "energy_ratio",
            ("sv_pt_gev", "sv_eta", "sv_mass_gev", "jet_pt_gev", "jet_eta", "jet_mass_gev"),
        ),
    ),
}

OTHERWISE: dict[str, tuple[Derived, ...]] = (
    _candidates("cpf")
    | _candidates("npf")
    | {"npf_is_photon": (Derived("is_photon", ("npf_pdg_id",)),)}
    | _CHARGED
    | _VERTICES
    | {"n_sv": (Derived("count", ("sv_mass_gev",), whole=True),)}
)
"""Ways to columns that files may hold, too."""

_CUT_ON = ("cpf_is_measured", "cpf_jet_dist_cm", "cpf_decay_len_cm")
_QUALITY = ("cpf_pt_gev", "cpf_d0_cm", "cpf_dz_cm")
TRACK_PROBABILITY = "cpf_track_probability"
SELECTED_TRACK = "cpf_is_selected"  # of AK4 jets: what the resolution functions are fitted to
# What the functions of stage resolution look at, where it is known.
RESOLVED_BY = ("cpf_sip3d_sig", "cpf_pt_gev", "cpf_eta", "cpf_chi2", "cpf_lost_inner_hits")
_D0 = ("cpf_d0_cm", "cpf_dz_cm", "cpf_pt_gev")


_PROBABLE = ("cpf_sip3d_sig", TRACK_PROBABILITY, *_CUT_ON)


def _of_tracks(text: str, name: str, *needs: str) -> New:
    """From signed significances: those of candidates, or of the tracks of the tag information."""
    of_candidates = Derived(f"{name}_of_candidates", ("cpf_sip3d_sig", *needs, *_CUT_ON), whole=True)
    return New("", text, (of_candidates, Derived(name, ("track_sip3d_sig",), ("ak4",), whole=True)))


# Near tracks: pt > 1 GeV, |d0| < 0.2 cm, |dz| < 0.5 cm.
OF_JETS: dict[str, New] = {
    "jet_tau21": New("", "2- over 1-subjettiness", (Derived("ratio", ("jet_tau2", "jet_tau1")),)),
    "jet_tau32": New("", "3- over 2-subjettiness", (Derived("ratio", ("jet_tau3", "jet_tau2")),)),
    # These two before those that read them: of the ways to a column the first is taken that can be, so far.
    "cpf_is_measured": New(
        "",
        "1 for a track whose impact parameter counts: pt, |d0|, |dz|, chi2 where known",
        (
            Derived("tagging:measured", (*_QUALITY, "cpf_chi2"), whole=True),
            Derived("tagging:measured", _QUALITY, whole=True),
        ),
        True,
    ),
    TRACK_PROBABILITY: New(
        "",
        "chance that a track of the primary vertex has at least its significance",
        (Derived("track_probability", ("cpf_sip3d_sig",), whole=True),),
        True,
    ),
    "jet_probability_derived": New(
        "",
        "JP from signed 3D significances",
        (
            Derived("jet_probability_derived_near_axis", (*_PROBABLE, "cpf_delta_r"), ("ak4",), whole=True),
            Derived("jet_probability_derived_of_candidates", _PROBABLE, ("ak8",), whole=True),
            Derived("jet_probability_derived", ("track_sip3d_sig",), ("ak4",), whole=True),
        ),
    ),
    "jet_b_probability_derived": _of_tracks(
        "JBP from signed 3D significances", "jet_b_probability_derived", TRACK_PROBABILITY
    ),
    "track_counting_second": _of_tracks("second largest 3D significance", "track_counting_second"),
    "track_counting_third": _of_tracks("third largest 3D significance", "track_counting_third"),
    "cpf_abs_sip3d_sig": New(
        "", "magnitude of the 3D significance", (Derived("magnitude", ("cpf_sip3d_sig",)),), ragged=True
    ),
    "cpf_d0_sig": New(
        "", "d0 over its error", (Derived("ratio", ("cpf_d0_cm", "cpf_d0_err_cm")),), ragged=True
    ),
    "n_muons": jet("", "muons among the charged candidates", "total_by_row", "cpf_is_muon"),
    "n_electrons": jet("", "electrons among the charged candidates", "total_by_row", "cpf_is_electron"),
    "n_displaced": jet("", "near tracks more than 0.01 cm from the vertex", "n_displaced", *_D0),
    "cpf_sum_pt_fraction": jet("", "charged pt over the jet's", "total_by_row", "cpf_pt_fraction"),
    "npf_sum_pt_fraction": jet("", "neutral pt over the jet's", "total_by_row", "npf_pt_fraction"),
    "photon_sum_pt_fraction": jet(
        "", "photon pt over the jet's", "total_where", "npf_pt_fraction", "npf_is_photon"
    ),
    "cpf_max_abs_d0_cm": jet("cm", "largest |d0| of near tracks", "largest_d0", *_D0),
    "cpf_second_abs_d0_cm": jet("cm", "second largest |d0| of near tracks", "second_d0", *_D0),
    "cpf_third_abs_d0_cm": jet("cm", "third largest |d0| of near tracks", "third_d0", *_D0),
    "cpf_mean_abs_d0_cm": jet("cm", "mean |d0| of near tracks, pt-weighted", "mean_d0", *_D0),
    "cpf_max_pt_fraction": jet(
        "", "largest pt of a charged candidate over the jet's", "largest_abs", "cpf_pt_fraction"
    ),
    "cpf_max_pt_rel_gev": jet(
        "GeV", "largest charged momentum across the jet axis", "largest_abs", "cpf_pt_rel_gev"
    ),
    "npf_max_pt_fraction": jet(
        "", "largest pt of a neutral candidate over the jet's", "largest_abs", "npf_pt_fraction"
    ),
    "cpf_width": jet(
        "",
        "mean distance of charged candidates to the axis, pt-weighted",
        "weighted_mean_abs",
        *("cpf_delta_r", "cpf_pt_gev"),
    ),
    "npf_width": jet(
        "",
        "mean distance of neutral candidates to the axis, pt-weighted",
        "weighted_mean_abs",
        *("npf_delta_r", "npf_pt_gev"),
    ),
    "jet_pt_dispersion": jet(
        "", "sqrt(sum pt^2) / sum pt of the candidates", "dispersion", "cpf_pt_gev", "npf_pt_gev"
    ),
    "soft_muon_lepton_charge": New(
        "",
        "charge of the hardest muon in the jet times that of the event's hardest isolated lepton",
        (Derived("product", ("soft_muon_charge", "lepton_charge")),),
    ),
    "sv_max_mass_gev": jet("GeV", "largest vertex mass", "largest_abs", "sv_mass_gev"),
    "sv_max_d3d_cm": jet("cm", "largest flight distance", "largest_abs", "sv_d3d_cm"),
    "sv_max_d3d_sig": jet("", "largest flight significance", "largest_abs", "sv_d3d_sig"),
    "sv_max_dxy_sig": jet("", "largest transverse flight significance", "largest_abs", "sv_dxy_sig"),
    "sv_sum_n_tracks": jet("", "tracks in secondary vertices", "total_by_row", "sv_n_tracks"),
    "sv_max_pt_fraction": jet(
        "", "largest vertex pt over the jet's", "largest_of_ratio", "sv_pt_gev", "jet_pt_gev"
    ),
} | {
    f"soft_{lepton}_{name}": jet(
        unit,
        f"{text} of the hardest {lepton} in the jet",
        "of_hardest",
        column,
        "cpf_pt_gev",
        f"cpf_is_{lepton}",
    )
    for lepton in ("muon", "electron")
    for name, unit, text, column in (
        ("charge", "", "charge", "cpf_charge"),
        ("pt_rel_gev", "GeV", "momentum across the jet axis", "cpf_pt_rel_gev"),
        ("delta_r", "", "distance to the jet axis", "cpf_delta_r"),
        ("pt_fraction", "", "pt over the jet's", "cpf_pt_fraction"),
        ("sip3d_sig", "", "signed 3D impact parameter significance", "cpf_sip3d_sig"),
    )
}
