"""Inputs of the double-b tagger of AK8 jets, from candidates and vertices; formulas in `features.doubleb`."""

from jetsmith.derivations.of_tags import NO_TRACKS
from jetsmith.derivations.ways import Derived, New

_AK8 = ("ak8",)


def _way(function: str, *needs: str, stand_in: str = "") -> Derived:
    return Derived(f"doubleb:{function}", needs, _AK8, whole=True, stand_in=stand_in)


def _list(text: str, function: str, *needs: str, stand_in: str = "") -> New:
    return New("", text, (_way(function, *needs, stand_in=stand_in),), ragged=True)


NO_FLIGHT = "layouts do not tell the direction of flight: that of the vertex' momentum stands in"
_MOMENTUM = ("cpf_pt_gev", "cpf_eta", "cpf_phi_rad")
_CANDIDATES = tuple(
    f"{kind}_{name}" for kind in ("cpf", "npf") for name in ("pt_gev", "eta", "phi_rad", "puppi_weight")
)
_KINEMATICS = (*_MOMENTUM, "cpf_charge")
_VERTEX = ("sv_pt_gev", "sv_eta", "sv_phi_rad", "sv_mass_gev")
_NEAR, _AXES, _MASK = "cpf_tau_axis", "tau_axes", "cpf_is_near_tau"
_ERROR = ("sv_d3d_cm", "sv_d3d_sig")
_ABOVE = ("cpf_is_measured", "cpf_sip2d_sig", *_MOMENTUM)

OF_LARGE: dict[str, New] = {
    _AXES: New(
        "",
        "eta, phi of the first axis of 2-subjettiness, eta, phi [rad] of the second",
        (Derived("axes:tau_axes", _CANDIDATES, _AK8, whole=True),),
        ragged=True,
    ),
    _NEAR: _list("0 or 1, the nearer of the two axes", "nearest_axis", "cpf_eta", "cpf_phi_rad", _AXES),
    "sv_tau_axis": _list(
        "0 or 1 for a vertex that double-b takes, the nearer axis, 0 where all are at one; else -1",
        "vertex_axis",
        *("sv_eta", "sv_phi_rad", _AXES, "sv_is_ddx_vertex"),
        stand_in=NO_FLIGHT,
    ),
    "sv_is_ddx_vertex": _list(
        "1 for a vertex that double-b takes",
        "vertices",
        *("sv_mass_gev", "sv_n_tracks", "sv_dxy_cm", "sv_dxy_sig", "sv_delta_r"),
    ),
    "sv_is_counted": _list(
        "1 for one of these within 0.7 of the jet", "counted_vertices", "sv_is_ddx_vertex", "sv_delta_r"
    ),
    "cpf_is_ddx_track": _list(
        "1 for a track that double-b counts",
        "counted",
        *("cpf_is_measured", "cpf_jet_dist_cm", "cpf_decay_len_cm", "cpf_delta_r", *_KINEMATICS),
    ),
    _MASK: _list(
        "1 for a measured track near its axis, of no K0S",
        "near_axes",
        *("cpf_is_measured", _NEAR, _AXES, "cpf_d0_cm", "cpf_dz_cm", *_KINEMATICS),
    ),
}

_OF_JET: dict[str, tuple[Derived, ...]] = {
    "ddx_n_tracks": (Derived("total_by_row", ("cpf_is_ddx_track",), _AK8, whole=True),),
    "ddx_n_secondary_vertices": (Derived("total_by_row", ("sv_is_counted",), _AK8, whole=True),),
    "ddx_track_sip3d_sig": (_way("leading", _MASK, "cpf_sip3d_sig"),),
    "ddx_track_sip2d_sig_above_charm": (_way("above_charm", *_ABOVE),),
    "ddx_track_sip2d_sig_above_bottom": (_way("above_bottom", *_ABOVE),),
    "ddx_z_ratio": (_way("z_ratio", "sv_is_counted", *_ERROR, _AXES, *_VERTEX),),
    "ddx_tau1_vertex_delta_r": (
        _way("distance_to_axis", "sv_eta", "sv_phi_rad", "sv_tau_axis", *_ERROR, _AXES),
    ),
}
_OF_AXES: dict[str, tuple[Derived, ...]] = {
    f"ddx_tau{number}_{name}": (way,)
    for number, axis in ((1, "first"), (2, "second"))
    for name, way in {
        "track_sip3d_sig": _way(f"leading_{axis}", _MASK, _NEAR, "cpf_sip3d_sig"),
        "vertex_mass_gev": _way(f"mass_of_{axis}", "sv_tau_axis", *_VERTEX),
        "flight_distance_2d_sig": _way(f"of_{axis}", "sv_dxy_sig", "sv_tau_axis", *_ERROR),
        "vertex_energy_ratio": _way(
            f"energy_ratio_of_{axis}",
            *("sv_tau_axis", *_VERTEX, "cpf_is_measured", "cpf_vertex_association", *_MOMENTUM),
        ),
        "track_eta_rel": _way(
            f"eta_rel_of_{axis}",
            *("cpf_is_measured", _NEAR, "cpf_sip2d_sig", _AXES, *_MOMENTUM, "sv_tau_axis", "sv_n_tracks"),
            *("sv_eta", "sv_phi_rad"),
            stand_in=NO_TRACKS,
        ),
    }.items()
}

OTHERWISE = _OF_JET | _OF_AXES
"""Ways to columns that PFNano files hold as FatJet_DDX_*."""
