"""Which columns turn with the signs of impact parameters and of flight distances: for negative taggers.

A sample with `signs: turned` has its jets as if each track's point of closest approach and each vertex were
mirrored at the primary vertex. Momenta, charges and jets stay, and so do distances to the axis, which goes
through the point that is mirrored. What derivations make of all these turns by itself.
"""

from collections.abc import Iterable

SUFFIX = ".turned"  # of feature groups that are read so
TURNED = (
    *("cpf_d0_cm", "cpf_dz_cm"),
    *("cpf_sip2d_val_cm", "cpf_sip2d_sig", "cpf_sip3d_val_cm", "cpf_sip3d_sig"),
)
"""Columns of tracks whose values change their sign."""

FLIGHT = ("sv_dxy_cm", "sv_dxy_sig", "sv_d3d_cm", "sv_d3d_sig", "sv_cos_theta")
"""Columns of vertices: one of a vertex that is behind is below 0, and above 0 when it is turned."""

_OF_JETS = (
    *("run", "luminosity_block", "event", "jet_index", "weight", "flavour", "n_pv", "n_cpf", "n_npf"),
    *("jet_pt_gev", "jet_raw_pt_gev", "jet_eta", "jet_phi_rad", "jet_mass_gev", "jet_softdrop_mass_gev"),
    *("jet_tau1", "jet_tau2", "jet_tau3", "jet_gen_pt_gev", "jet_gen_mass_gev", "jet_gen_softdrop_mass_gev"),
    *("hadron_flavour", "parton_flavour", "n_b_hadrons", "n_c_hadrons", "lepton_charge"),
    *("subjet_pt_gev", "subjet_raw_pt_gev", "subjet_eta", "subjet_phi_rad", "subjet_mass_gev"),
)
_OF_CANDIDATES = (
    *("pt_gev", "eta", "phi_rad", "deta", "dphi_rad", "energy_gev", "pdg_id", "puppi_weight"),
    *("pt_fraction", "delta_r"),
)
_OF_TRACKS = (
    *("charge", "is_muon", "is_electron", "d0_err_cm", "dz_err_cm", "chi2", "quality", "vertex_association"),
    *("lost_inner_hits", "dptdpt", "eta_rel", "pt_rel_gev", "p_par_gev", "pt_ratio", "p_par_ratio"),
    *("jet_dist_cm", "decay_len_cm", "truth_origin", "truth_vertex"),
)
_OF_VERTICES = (
    *("pt_gev", "eta", "phi_rad", "delta_r", "dphi_rad", "mass_gev", "n_tracks", "chi2", "norm_chi2"),
    "energy_ratio",
)
SAME = frozenset(
    (
        *_OF_JETS,
        *(f"cpf_{name}" for name in (*_OF_CANDIDATES, *_OF_TRACKS)),
        *(f"npf_{name}" for name in (*_OF_CANDIDATES, "is_photon", "had_frac")),
        *(f"sv_{name}" for name in _OF_VERTICES),
    )
)
"""Columns without a sign. Others of files are made of signs, of tracks that signs chose, or of vertices:
stored scores, tag information, counts of vertices. A new column is such a one until it is named here."""


def usable(stored: Iterable[str]) -> set[str]:
    """Of columns that files hold, those that can be turned, or have no sign."""
    return {name for name in stored if name in SAME or name in TURNED or name in FLIGHT}
