"""Columns that files may hold of jets, their constituents and vertices."""

from jetsmith.columns.records import flat, listed

JET = {
    "jet_pt_gev": flat("GeV", "corrected transverse momentum"),
    "jet_raw_pt_gev": flat("GeV", "transverse momentum before corrections"),
    "jet_eta": flat("", "pseudorapidity"),
    "jet_phi_rad": flat("rad", "azimuth"),
    "jet_mass_gev": flat("GeV", "mass"),
    "n_pv": flat("", "reconstructed primary vertices of the event"),
    "n_cpf": flat("", "charged candidates of the jet, before any cut on their number"),
    "n_npf": flat("", "neutral candidates of the jet"),
    "n_sv": flat("", "secondary vertices in the jet"),
    "hadron_flavour": flat(
        "",
        "5, 4 or 0 by ghost association; ATLAS: in a cone, 15 for a tau; DeepNtuples: -1 without a flag",
        "int8",
    ),
    "parton_flavour": flat("", "PDG id of the matched parton, 0 for none", "int16"),
    "n_b_hadrons": flat("", "ghost b hadrons", "int16"),
    "n_c_hadrons": flat("", "ghost c hadrons", "int16"),
    "lepton_charge": flat(
        "", "charge of the event's hardest isolated lepton (key `leptons`); 0 for none", "int8"
    ),
    "jet_probability": flat("", "stored jet-probability discriminator (branch Proba)"),
    "jet_softdrop_mass_gev": flat("GeV", "soft-drop mass (ak8)"),
    "jet_tau1": flat("", "1-subjettiness (ak8)"),
    "jet_tau2": flat("", "2-subjettiness (ak8)"),
    "jet_tau3": flat("", "3-subjettiness (ak8)"),
    "jet_gen_pt_gev": flat("GeV", "transverse momentum of the matched generator jet; NaN for none"),
    "jet_gen_mass_gev": flat("GeV", "its mass, of the whole jet: nothing groomed away"),
    "jet_gen_softdrop_mass_gev": flat("GeV", "its soft-drop mass (ak8)"),
}

SUBJETS = {  # of AK8 jets, two or fewer, the harder first
    "subjet_pt_gev": listed("GeV", "corrected transverse momentum of each soft-drop subjet"),
    "subjet_raw_pt_gev": listed("GeV", "the same before corrections"),
    "subjet_eta": listed("", "pseudorapidity of each"),
    "subjet_phi_rad": listed("rad", "azimuth of each"),
    "subjet_mass_gev": listed("GeV", "mass of each"),
}

# The high-level inputs that CMS stores as Jet_DeepCSV_*; tracks in order of falling 2D significance.
TAG = {
    "tag_n_secondary_vertices": flat("", "secondary vertices of the tag info"),
    "tag_track_sum_jet_et_ratio": flat("", "E_T of the track sum over the jet's"),
    "tag_track_sum_jet_delta_r": flat("", "distance of the track sum to the jet axis"),
    "tag_vertex_category": flat("", "0 vertex, 1 pseudo vertex, 2 none"),
    "tag_track_sip2d_val_above_charm_cm": flat("cm", "2D impact parameter of the first track above charm"),
    "tag_track_sip2d_sig_above_charm": flat("", "its significance"),
    "tag_track_sip3d_val_above_charm_cm": flat("cm", "3D impact parameter of the same track"),
    "tag_track_sip3d_sig_above_charm": flat("", "its significance"),
    "tag_n_selected_tracks": flat("", "selected tracks"),
    "tag_n_tracks_eta_rel": flat("", "tracks with a relative pseudorapidity"),
    "tag_vertex_mass_gev": flat("GeV", "mass of the vertex"),
    "tag_vertex_n_tracks": flat("", "its tracks"),
    "tag_vertex_energy_ratio": flat("", "its energy over that of all selected tracks"),
    "tag_vertex_jet_delta_r": flat("", "its distance to the jet axis"),
    "tag_flight_distance_2d_val_cm": flat("cm", "transverse flight distance"),
    "tag_flight_distance_2d_sig": flat("", "its significance"),
    "tag_flight_distance_3d_val_cm": flat("cm", "flight distance"),
    "tag_flight_distance_3d_sig": flat("", "its significance"),
    "track_jet_dist_cm": listed("cm", "distance of the track to the jet axis"),
    "track_pt_rel_gev": listed("GeV", "momentum across the jet axis"),
    "track_delta_r": listed("", "distance to the jet axis"),
    "track_pt_ratio": listed("", "momentum across the jet axis over the track's"),
    "track_sip3d_sig": listed("", "signed 3D impact parameter significance"),
    "track_sip2d_sig": listed("", "signed 2D impact parameter significance"),
    "track_decay_len_cm": listed("cm", "decay length"),
    "track_eta_rel": listed("", "pseudorapidity relative to the vertex direction; a list of its own length"),
}

# The inputs of the double-b tagger that CMS stores as FatJet_DDX_*.
_AXIS = {
    "track_sip3d_sig": listed("", "the two leading 3D significances of the subjet axis"),
    "track_eta_rel": listed("", "up to three relative pseudorapidities"),
    "vertex_mass_gev": flat("GeV", "vertex mass"),
    "vertex_energy_ratio": flat("", "vertex energy over track energy"),
    "flight_distance_2d_sig": flat("", "flight significance"),
}
DOUBLE_B = {
    "ddx_z_ratio": flat("", "z ratio of the two vertices"),
    "ddx_track_sip3d_sig": listed("", "the four leading 3D significances"),
    "ddx_track_sip2d_sig_above_charm": flat("", "2D significance of the first track above charm"),
    "ddx_track_sip2d_sig_above_bottom": listed("", "the same above the b mass, by subjet axis"),
    "ddx_n_tracks": flat("", "selected tracks"),
    "ddx_n_secondary_vertices": flat("", "secondary vertices"),
    "ddx_tau1_vertex_delta_r": flat("", "distance of the leading vertex to its axis"),
} | {f"ddx_tau{axis}_{name}": found for axis in (1, 2) for name, found in _AXIS.items()}

CHARGED = {
    "cpf_pt_gev": listed("GeV", "transverse momentum"),
    "cpf_eta": listed("", "pseudorapidity"),
    "cpf_phi_rad": listed("rad", "azimuth"),
    "cpf_deta": listed("", "pseudorapidity less the jet's (derived)"),
    "cpf_dphi_rad": listed("rad", "azimuth less the jet's (derived)"),
    "cpf_energy_gev": listed("GeV", "energy"),
    "cpf_charge": listed("", "charge", "int8"),
    "cpf_pdg_id": listed("", "PDG id by particle flow", "int32"),
    "cpf_is_muon": listed("", "1 for a muon (derived)"),
    "cpf_is_electron": listed("", "1 for an electron (derived)"),
    "cpf_d0_cm": listed("cm", "transverse impact parameter to the primary vertex"),
    "cpf_d0_err_cm": listed("cm", "its error"),
    "cpf_dz_cm": listed("cm", "longitudinal impact parameter"),
    "cpf_dz_err_cm": listed("cm", "its error times sin(theta), as CMS' PackedCandidate has it"),
    "cpf_puppi_weight": listed("", "PUPPI weight"),
    "cpf_chi2": listed("", "normalised chi2 of the track"),
    "cpf_quality": listed("", "track quality: 1 high purity (deepntuples) or CMS quality mask"),
    "cpf_vertex_association": listed("", "association to the primary vertex, CMS pvAssocQuality"),
    "cpf_lost_inner_hits": listed("", "lost inner hits, CMS code"),
    "cpf_dptdpt": listed("GeV^-2", "variance of charge over momentum, CMS' covariance(0, 0)"),
    "cpf_eta_rel": listed("", "pseudorapidity along the jet axis (derived)"),
    "cpf_pt_rel_gev": listed("GeV", "momentum across the jet axis (derived)"),
    "cpf_p_par_gev": listed("GeV", "momentum along the jet axis (derived)"),
    "cpf_pt_ratio": listed("", "momentum across the jet axis over momentum (derived)"),
    "cpf_p_par_ratio": listed("", "momentum along the jet axis over momentum (derived)"),
    "cpf_delta_r": listed("", "distance to the jet axis (derived)"),
    "cpf_sip2d_val_cm": listed("cm", "signed 2D impact parameter (derived)"),
    "cpf_sip2d_sig": listed("", "its significance (derived)"),
    "cpf_sip3d_val_cm": listed("cm", "signed 3D impact parameter"),
    "cpf_sip3d_sig": listed("", "its significance"),
    "cpf_jet_dist_cm": listed("cm", "distance of the track to the jet axis"),
    "cpf_decay_len_cm": listed("cm", "from the vertex to the axis' point nearest to the track (derived)"),
    "cpf_pt_fraction": listed("", "pt over the jet's (derived)"),
    "cpf_min_delta_r_sv": listed(
        "", "distance to the nearest secondary vertex; ak4: of the jet, 0.4 at most (derived)"
    ),
    "cpf_truth_origin": listed("", "true origin, index in `columns.ORIGINS`; -1 unknown", "int8"),
    "cpf_truth_vertex": listed("", "number of the true production vertex in its event; -1 unknown", "int32"),
}
NEUTRAL = {
    "npf_pt_gev": listed("GeV", "transverse momentum"),
    "npf_eta": listed("", "pseudorapidity"),
    "npf_phi_rad": listed("rad", "azimuth"),
    "npf_deta": listed("", "pseudorapidity less the jet's (derived)"),
    "npf_dphi_rad": listed("rad", "azimuth less the jet's (derived)"),
    "npf_energy_gev": listed("GeV", "energy"),
    "npf_pdg_id": listed("", "PDG id by particle flow", "int32"),
    "npf_is_photon": listed("", "1 for a photon (derived)"),
    "npf_had_frac": listed("", "hadronic fraction of the calorimeter energy"),
    "npf_puppi_weight": listed("", "PUPPI weight"),
    "npf_pt_fraction": listed("", "pt over the jet's (derived)"),
    "npf_delta_r": listed("", "distance to the jet axis (derived)"),
    "npf_min_delta_r_sv": listed(
        "", "distance to the nearest secondary vertex; ak4: of the jet, 0.4 at most (derived)"
    ),
}
VERTICES = {
    "sv_pt_gev": listed("GeV", "transverse momentum"),
    "sv_eta": listed("", "pseudorapidity of the vertex momentum"),
    "sv_phi_rad": listed("rad", "azimuth of the vertex momentum"),
    "sv_delta_r": listed("", "distance to the jet axis (derived)"),
    "sv_dphi_rad": listed("rad", "azimuth less the jet's (derived)"),
    "sv_mass_gev": listed("GeV", "mass"),
    "sv_n_tracks": listed("", "tracks"),
    "sv_chi2": listed("", "chi2 of the fit"),
    "sv_norm_chi2": listed("", "chi2 over degrees of freedom"),
    "sv_dxy_cm": listed("cm", "transverse flight distance"),
    "sv_dxy_sig": listed("", "its significance"),
    "sv_d3d_cm": listed("cm", "flight distance"),
    "sv_d3d_sig": listed("", "its significance"),
    "sv_cos_theta": listed("", "cosine of the angle between momentum and flight"),
    "sv_energy_ratio": listed("", "energy over the jet's"),
}
VERTICES_OF_EVENT = {  # of AK8 jets: CMS takes the nearest of them, whichever jet they are in
    "event_sv_eta": listed("", "pseudorapidity of each secondary vertex that files list of the event"),
    "event_sv_phi_rad": listed("rad", "azimuth of each"),
}
