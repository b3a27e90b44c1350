"""Columns of all candidates of a jet in one list: charged ones, then neutral ones, as PUPPI keeps them.

Definitions follow CMS (DeepBoostedJetTagInfoProducer), whose taggers of AK8 jets read them.
"""

from jetsmith.derivations.ways import JETS, Derived, New

_WEIGHTS = ("cpf_puppi_weight", "npf_puppi_weight")


def _list(unit: str, text: str, function: str, *needs: str, whole: bool = False) -> New:
    return New(unit, text, (Derived(function, needs, JETS, whole=whole),), ragged=True)


def _of_both(unit: str, text: str, name: str) -> New:
    return _list(unit, text, "joined", f"cpf_{name}", f"npf_{name}", *_WEIGHTS, whole=True)


def _of_tracks(unit: str, text: str, name: str) -> New:
    return _list(unit, f"{text}; NaN of neutral ones", "of_charged", f"cpf_{name}", *_WEIGHTS, whole=True)


OF_PARTICLES: dict[str, New] = (
    {
        f"pf_{name}": _of_both(unit, text, name)
        for name, unit, text in (
            ("pt_gev", "GeV", "transverse momentum of candidates with a PUPPI weight of 0.01 or more"),
            ("eta", "", "their pseudorapidity"),
            ("deta", "", "their pseudorapidity less the jet's"),
            ("dphi_rad", "rad", "their azimuth less the jet's"),
            ("pdg_id", "", "their PDG id by particle flow"),
            ("puppi_weight", "", "their PUPPI weight"),
            ("pt_fraction", "", "their transverse momentum over the jet's"),
            ("delta_r", "", "their distance to the jet axis"),
            (
                "min_delta_r_sv",
                "",
                "their distance to the nearest secondary vertex; ak4: of the jet, 0.4 at most",
            ),
        )
    }
    | {
        f"pf_{name}": _of_tracks(unit, text, name)
        for name, unit, text in (
            ("charge", "", "charge"),
            ("d0_cm", "cm", "transverse impact parameter to the primary vertex"),
            ("d0_err_cm", "cm", "its error"),
            ("dz_cm", "cm", "longitudinal impact parameter"),
            ("dz_err_cm", "cm", "its error times sin(theta)"),
            ("chi2", "", "normalised chi2 of the track"),
            ("quality", "", "track quality"),
            ("vertex_association", "", "association to the primary vertex"),
            ("lost_inner_hits", "", "lost inner hits"),
            ("eta_rel", "", "pseudorapidity along the jet axis"),
            ("pt_ratio", "", "momentum across the jet axis over momentum"),
            ("p_par_ratio", "", "momentum along the jet axis over momentum"),
            ("sip2d_val_cm", "cm", "signed 2D impact parameter"),
            ("sip2d_sig", "", "its significance"),
            ("sip3d_val_cm", "cm", "signed 3D impact parameter"),
            ("sip3d_sig", "", "its significance"),
            ("jet_dist_cm", "cm", "distance of the track to the jet axis"),
        )
    }
    | {
        "pf_puppi_pt_gev": _list(
            "GeV", "transverse momentum times PUPPI weight", "product", "pf_pt_gev", "pf_puppi_weight"
        ),
        "pf_puppi_pt_fraction": _list(
            "", "the same over the jet's", "ratio", "pf_puppi_pt_gev", "jet_pt_gev"
        ),
        "pf_puppi_energy_fraction": _list(
            "",
            "energy times PUPPI weight over the jet's",
            "weighted_energy_fraction",
            *("pf_energy_gev", "pf_puppi_weight", "jet_pt_gev", "jet_eta", "jet_mass_gev"),
        ),
        "pf_energy_gev": New(
            "GeV",
            "energy; by the mass of the PDG id where files have none",
            (
                Derived("joined", ("cpf_energy_gev", "npf_energy_gev", *_WEIGHTS), JETS, whole=True),
                Derived("energy", ("pf_pt_gev", "pf_eta", "pf_pdg_id"), JETS),
            ),
            ragged=True,
        ),
        "pf_eta_outward": _list(
            "", "pseudorapidity less the jet's, away from 0 positive", "outward", "pf_deta", "jet_eta"
        ),
        "pf_whole_chi2": _list("", "normalised chi2 of the track, rounded down", "whole_part", "pf_chi2"),
        "pf_d0_sig": _list("", "d0 over its error", "ratio", "pf_d0_cm", "pf_d0_err_cm"),
        "pf_dz_sig": _list(
            "", "dz over its error times sin(theta), CMS' dzsig", "ratio", "pf_dz_cm", "pf_dz_err_cm"
        ),
        "pf_dsz_sig": _list(
            "", "dz over its error", "significance_along_beam", "pf_dz_cm", "pf_dz_err_cm", "pf_eta"
        ),
        "sv_deta": _list(
            "", "pseudorapidity of the vertex momentum less the jet's", "difference", "sv_eta", "jet_eta"
        ),
        "sv_pt_fraction": _list(
            "", "transverse momentum of the vertex over the jet's", "ratio", "sv_pt_gev", "jet_pt_gev"
        ),
        "sv_eta_outward": _list("", "the same, away from 0 positive", "outward", "sv_deta", "jet_eta"),
    }
    | {
        f"pf_is_{kind}": _list("", f"1 for a {text}", f"is_{kind}", "pf_pdg_id")
        for kind, text in (
            ("muon", "muon"),
            ("electron", "electron"),
            ("photon", "photon"),
            ("charged_hadron", "charged hadron"),
            ("neutral_hadron", "neutral hadron"),
        )
    }
)
