"""Columns of the tag information of AK4 jets, from candidates and vertices; inputs of the c taggers.

After CMSSW's `CombinedSVComputer` and `CombinedSVSoftLeptonComputer`.
"""

from jetsmith.derivations.ways import Derived, New

_AK4 = ("ak4",)


def _way(function: str, *needs: str, stand_in: str = "", module: str = "tagging") -> Derived:
    return Derived(f"{module}:{function}", needs, _AK4, whole=True, stand_in=stand_in)


def _of_c(function: str, *needs: str, stand_in: str = "") -> Derived:
    module = "tagging" if function == "leading" else "ctagging"
    return _way(function, *needs, module=module, stand_in=stand_in)


def _new(unit: str, text: str, *ways: Derived, ragged: bool = False) -> New:
    return New(unit, text, ways, ragged)


_PT, _DIRECTION = "cpf_pt_gev", ("cpf_eta", "cpf_phi_rad")
_MOMENTUM = (_PT, *_DIRECTION)
_VERTEX_SUM = (
    "sv_is_tagged",
    "sv_pt_gev",
    "sv_eta",
    "sv_phi_rad",
    "sv_mass_gev",
    "cpf_is_pseudo_vertex",
    *_MOMENTUM,
)
_FIRST = ("sv_is_tagged", "sv_d3d_cm", "sv_d3d_sig")
_JET = ("jet_raw_pt_gev", "jet_pt_gev", "jet_eta", "jet_mass_gev")
_LEPTON = (
    "cpf_soft_lepton",
    *_MOMENTUM,
    "jet_raw_pt_gev",
    "jet_pt_gev",
    "jet_eta",
    "jet_phi_rad",
    "jet_mass_gev",
)
_N, _CATEGORY = "tag_n_tracks", "tag_vertex_category"

NO_TRACKS = "layouts do not tell the tracks of a vertex: those with the largest significances stand for them"
NO_FLIGHT = (
    "layouts do not tell the direction of flight: the mean over those at its angle to the momentum stands in"
)
NO_SUM = "layouts do not tell the tracks of a vertex: its pt stands for the sum of theirs"
NO_ANGLE = "of several vertices the first one's angle of flight stands for that of all"


def _of_first(column: str) -> tuple[Derived, ...]:
    return (_way("of_first_vertex", column, *_FIRST),)


OTHERWISE: dict[str, tuple[Derived, ...]] = (
    {
        f"track_{name}": (_way("leading", f"cpf_{name}", "cpf_is_tag_track", "cpf_sip2d_sig"),)
        for name in (
            *("jet_dist_cm", "pt_rel_gev", "delta_r", "pt_ratio", "sip3d_sig", "sip2d_sig", "decay_len_cm"),
        )
    }
    | {
        f"tag_track_sip{kind}_{name}": (
            _way(
                "above_charm",
                _N,
                f"cpf_sip{kind}_{value}",
                f"cpf_sip{kind}_sig",
                "cpf_is_near_axis",
                *_MOMENTUM,
            ),
        )
        for kind in ("2d", "3d")
        for name, value in (("val_above_charm_cm", "val_cm"), ("sig_above_charm", "sig"))
    }
    | {
        "tag_n_selected_tracks": (Derived("total_by_row", ("cpf_is_tag_track",), _AK4, whole=True),),
        "tag_track_sum_jet_et_ratio": (_way("sum_et_ratio", _N, "cpf_is_selected", *_MOMENTUM, *_JET),),
        "tag_track_sum_jet_delta_r": (
            _way("sum_delta_r", _N, "cpf_is_selected", *_MOMENTUM, "jet_eta", "jet_phi_rad"),
        ),
        "tag_n_secondary_vertices": (Derived("total_by_row", ("sv_is_tagged",), _AK4, whole=True),),
        "tag_vertex_category": (_way("vertex_category", _N, "sv_is_tagged", "cpf_is_pseudo_vertex"),),
        "tag_vertex_n_tracks": (
            _way("vertex_n_tracks", _CATEGORY, "sv_is_tagged", "sv_n_tracks", "cpf_is_pseudo_vertex"),
        ),
        "tag_vertex_mass_gev": (
            _way("vertex_mass", _CATEGORY, "tag_vertex_cos_theta", *_VERTEX_SUM, stand_in=NO_ANGLE),
        ),
        "tag_vertex_energy_ratio": (_way("vertex_energy_ratio", _CATEGORY, "cpf_is_selected", *_VERTEX_SUM),),
        "tag_vertex_jet_delta_r": (
            _way(
                "vertex_delta_r",
                *(_CATEGORY, "tag_first_vertex_delta_r", "tag_vertex_cos_theta", "jet_eta", "jet_phi_rad"),
                *("cpf_is_pseudo_vertex", *_MOMENTUM),
                stand_in=NO_FLIGHT,
            ),
        ),
        "tag_flight_distance_2d_val_cm": _of_first("sv_dxy_cm"),
        "tag_flight_distance_2d_sig": _of_first("sv_dxy_sig"),
        "tag_flight_distance_3d_val_cm": _of_first("sv_d3d_cm"),
        "tag_flight_distance_3d_sig": _of_first("sv_d3d_sig"),
        "tag_n_tracks_eta_rel": (
            _way("vertex_n_tracks", _CATEGORY, "sv_is_tagged", "sv_n_tracks", "cpf_is_pseudo_vertex"),
        ),
        "track_eta_rel": (
            _way(
                "eta_rel_of_vertex",
                *(_CATEGORY, "tag_n_tracks_eta_rel", "cpf_eta_rel"),
                *("cpf_is_measured", "cpf_sip2d_sig", "cpf_is_pseudo_vertex"),
                stand_in=NO_TRACKS,
            ),
        ),
    }
)
"""Ways to columns that files may hold, too."""

_TRACKS = {
    "cpf_is_near_axis": _new(
        "",
        "1 for a measured track near the axis",
        _way("near_axis", "cpf_is_measured", "cpf_jet_dist_cm", "cpf_decay_len_cm"),
        ragged=True,
    ),
    "cpf_is_selected": _new(
        "",
        "1 for one of these within 0.3 of it",
        _way("selected", "cpf_is_near_axis", "cpf_delta_r"),
        ragged=True,
    ),
    "cpf_is_tag_track": _new(
        "",
        "1 for a selected track that makes no K0S with another",
        _way("without_kaons", "cpf_is_selected", *_MOMENTUM, "cpf_charge"),
        ragged=True,
    ),
    "cpf_is_pseudo_vertex": _new(
        "",
        "1 for a displaced track of a pseudo vertex",
        _way("pseudo_vertex", "cpf_is_selected", "cpf_sip2d_sig", *_MOMENTUM, "cpf_charge"),
        ragged=True,
    ),
    "sv_is_tagged": _new(
        "",
        "1 for a vertex that the tag information takes",
        _way("tagged_vertices", _N, "sv_mass_gev", "sv_n_tracks", "sv_dxy_cm", "sv_dxy_sig", "sv_delta_r"),
        ragged=True,
    ),
    "tag_n_tracks": New(
        "", "measured tracks", (Derived("total_by_row", ("cpf_is_measured",), _AK4, whole=True),)
    ),
}
_FIRST_VERTEX = {
    name: New(unit, f"{text} of the first vertex", _of_first(column))
    for name, unit, text, column in (
        ("tag_vertex_cos_theta", "", "cosine between momentum and flight", "sv_cos_theta"),
        ("tag_first_vertex_pt_gev", "GeV", "transverse momentum", "sv_pt_gev"),
        ("tag_first_vertex_eta", "", "pseudorapidity", "sv_eta"),
        ("tag_first_vertex_mass_gev", "GeV", "mass", "sv_mass_gev"),
        ("tag_first_vertex_delta_r", "", "distance to the axis", "sv_delta_r"),
    )
}
_C_TAGGERS = {
    "track_p_par_gev": New(
        "GeV",
        "momentum along the axis",
        (Derived("other_component", ("track_pt_rel_gev", "track_pt_ratio"), _AK4),),
        True,
    ),
    "track_p_par_ratio": New(
        "", "the same over momentum", (Derived("other_ratio", ("track_pt_ratio",), _AK4),), True
    ),
    "tag_mass_vertex_energy_fraction": _new(
        "",
        "mass of the vertex times its energy fraction, bounded (massVertexEnergyFraction)",
        _of_c(
            "mass_energy_fraction",
            *(_CATEGORY, "tag_vertex_mass_gev", "tag_first_vertex_pt_gev", "tag_first_vertex_eta"),
            *("tag_first_vertex_mass_gev", "cpf_is_measured", "cpf_is_pseudo_vertex", *_MOMENTUM),
        ),
    ),
    "tag_vertex_boost_over_sqrt_jet_pt": _new(
        "",
        "boost of the vertex over sqrt(pt of the jet), bounded (vertexBoostOverSqrtJetPt)",
        _of_c(
            "boost_over_sqrt_pt",
            *(_CATEGORY, "tag_vertex_mass_gev", "tag_first_vertex_pt_gev", "jet_raw_pt_gev"),
            *("cpf_is_pseudo_vertex", _PT),
            stand_in=NO_SUM,
        ),
    ),
    "cpf_soft_lepton": _new(
        "",
        "1 for a soft muon, 2 for a soft electron of a jet without one",
        _of_c("soft_leptons", "cpf_is_muon", "cpf_is_electron", _PT, "cpf_delta_r", "cpf_sip3d_sig"),
        ragged=True,
    ),
    "tag_vertex_lepton_category": _new(
        "",
        "vertex category, 3 more with a soft muon, 6 more with a soft electron",
        _of_c("lepton_category", _CATEGORY, "cpf_soft_lepton"),
    ),
} | {
    f"lepton_{name}": _new(unit, f"{text} of soft leptons, falling pt", _of_c(function, *needs), ragged=True)
    for name, unit, text, function, needs in (
        (
            "pt_rel_gev",
            "GeV",
            "momentum across the axis",
            "leading",
            ("cpf_pt_rel_gev", "cpf_soft_lepton", _PT),
        ),
        (
            "sip3d_val_cm",
            "cm",
            "signed 3D impact parameter",
            "leading",
            ("cpf_sip3d_val_cm", "cpf_soft_lepton", _PT),
        ),
        ("delta_r", "", "distance to the axis", "leading", ("cpf_delta_r", "cpf_soft_lepton", _PT)),
        (
            "ratio_rel",
            "",
            "product of four-momenta over the jet's momentum squared",
            "lepton_ratio_rel",
            _LEPTON,
        ),
        ("eta_rel", "", "relative pseudorapidity", "lepton_eta_rel", _LEPTON),
        ("ratio", "", "pt over the jet's", "lepton_ratio", ("cpf_soft_lepton", _PT, "jet_raw_pt_gev")),
    )
}

OF_TAGS: dict[str, New] = _TRACKS | _FIRST_VERTEX | _C_TAGGERS
