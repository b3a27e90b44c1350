"""Which columns can be computed from which, one entry each; `features.derived` computes them on demand.

Stages do not read the table: each is handed the entries that its columns lead to (`reached`), so that another
entry makes nothing anew.

A column that no file holds has its entry here and nowhere else: unit, text, and the ways to it. For columns
that files may hold, too, `columns` has unit and text, and `OTHERWISE` the ways. The formulas stand in
`features.formulas` (one value an element) and `features.summaries` (lists to a row). A stored column always
wins over a derived one. The table is light: the check of the configuration reads it at each parse.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

JETS = ("ak4", "ak8")
EVENTS = ("event",)


@dataclass(frozen=True)
class Way:
    """One way to compute a column.

    Attributes:
        function: Its name in `formulas`, or in `summaries` where `whole`.
        needs: Columns, handed over in this order.
        whole: False: numpy arrays of one length go in and come out, jet columns repeated for each
            constituent. True: ragged columns go in as `Lists`.
    """

    function: str
    needs: tuple[str, ...]
    whole: bool = field(default=False, kw_only=True)

    @property
    def place(self) -> str:
        """Where its function stands, below jetsmith: it is looked up by name, so its code counts by name."""
        return f"features.{'summaries' if self.whole else 'formulas'}:{self.function}"


Ways = Mapping[str, tuple[Way, ...]]
"""Ways to columns, the best first, in the order in which columns are looked for."""


@dataclass(frozen=True)
class Derived(Way):
    """A way in the table.

    Attributes:
        objects: Kinds of row that have it.
    """

    objects: tuple[str, ...] = JETS


class New(NamedTuple):
    """A column that is always derived.

    Attributes:
        unit: Unit of the values; empty for pure numbers.
        text: What it is, in a few words.
        ways: The ways to it, the best first.
        ragged: True for a list a row.
    """

    unit: str
    text: str
    ways: tuple[Derived, ...]
    ragged: bool = False


def _jet(unit: str, text: str, function: str, *needs: str) -> New:
    """Of lists, or of values, of a jet to a value."""
    return New(unit, text, (Derived(function, needs, whole=True),))


def _event(unit: str, text: str, function: str, *needs: str, ragged: bool = False) -> New:
    return New(unit, text, (Derived(function, needs, EVENTS, whole=True),), ragged)


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
            Derived("min_delta_r", (f"{p}_eta", f"{p}_phi_rad", "sv_eta", "sv_phi_rad"), whole=True),
        ),
        f"n_{p}": (Derived("count", (f"{p}_pt_gev",), whole=True),),
    }


_AXIS = ("cpf_pt_gev", "cpf_eta", "cpf_dphi_rad", "jet_eta")
_TRACK = ("cpf_d0_cm", "cpf_dz_cm", "cpf_eta", "cpf_phi_rad", "jet_eta", "jet_phi_rad")
_CHARGED = {
    "cpf_is_muon": (Derived("is_muon", ("cpf_pdg_id",)),),
    "cpf_is_electron": (Derived("is_electron", ("cpf_pdg_id",)),),
    "cpf_pt_rel_gev": (Derived("across_axis", _AXIS),),
    "cpf_p_par_gev": (Derived("along_axis", _AXIS),),
    "cpf_pt_ratio": (Derived("over_momentum", ("cpf_pt_rel_gev", "cpf_pt_gev", "cpf_eta")),),
    "cpf_p_par_ratio": (Derived("over_momentum", ("cpf_p_par_gev", "cpf_pt_gev", "cpf_eta")),),
    "cpf_eta_rel": (Derived("eta_rel", ("cpf_p_par_gev", "cpf_pt_rel_gev")),),
    "cpf_sip2d_val_cm": (Derived("signed_ip_2d", ("cpf_d0_cm", "cpf_phi_rad", "jet_phi_rad")),),
    "cpf_sip2d_sig": (Derived("ratio", ("cpf_sip2d_val_cm", "cpf_d0_err_cm")),),
    "cpf_sip3d_val_cm": (Derived("signed_ip_3d", _TRACK),),
    "cpf_sip3d_sig": (
        Derived(
            "signed_ip_3d_significance",
            ("cpf_sip3d_val_cm", "cpf_d0_cm", "cpf_d0_err_cm", "cpf_dz_cm", "cpf_dz_err_cm", "cpf_eta"),
        ),
    ),
    "cpf_jet_dist_cm": (Derived("distance_to_axis", _TRACK),),
    "cpf_decay_len_cm": (Derived("decay_length", _TRACK),),
}

_VERTICES = {
    "sv_delta_r": (Derived("delta_r", ("sv_eta", "sv_phi_rad", "jet_eta", "jet_phi_rad")),),
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
    | {
        name: (Derived(function, (needs,), EVENTS, whole=True),)
        for name, function, needs in (
            ("lhe_ht_gev", "total_by_row", "lhe_parton_pt_gev"),
            ("n_lhe_b", "n_bottom", "lhe_parton_flavour"),
            ("n_lhe_c", "n_charm", "lhe_parton_flavour"),
        )
    }
)
"""Ways to columns that files may hold."""

_SELECTED = ("cpf_sip3d_sig", "cpf_pt_gev", "cpf_d0_cm", "cpf_jet_dist_cm", "cpf_decay_len_cm")
_D0 = ("cpf_d0_cm", "cpf_dz_cm", "cpf_pt_gev")


def _of_tracks(text: str, name: str) -> New:
    """From signed significances: those of candidates, or of the tracks of the tag information."""
    of_candidates = Derived(f"{name}_of_candidates", _SELECTED, whole=True)
    return New("", text, (of_candidates, Derived(name, ("track_sip3d_sig",), ("ak4",), whole=True)))


# Near tracks: pt > 1 GeV, |d0| < 0.2 cm, |dz| < 0.5 cm.
OF_JETS: dict[str, New] = {
    "jet_tau21": New("", "2- over 1-subjettiness", (Derived("ratio", ("jet_tau2", "jet_tau1")),)),
    "jet_tau32": New("", "3- over 2-subjettiness", (Derived("ratio", ("jet_tau3", "jet_tau2")),)),
    "jet_probability_derived": New(
        "",
        "JP from signed 3D significances",
        (
            Derived("jet_probability_derived_near_axis", (*_SELECTED, "cpf_delta_r"), ("ak4",), whole=True),
            Derived("jet_probability_derived_of_candidates", _SELECTED, ("ak8",), whole=True),
            Derived("jet_probability_derived", ("track_sip3d_sig",), ("ak4",), whole=True),
        ),
    ),
    "jet_b_probability_derived": _of_tracks("JBP from signed 3D significances", "jet_b_probability_derived"),
    "track_counting_second": _of_tracks("second largest 3D significance", "track_counting_second"),
    "track_counting_third": _of_tracks("third largest 3D significance", "track_counting_third"),
    "n_muons": _jet("", "muons among the charged candidates", "total_by_row", "cpf_is_muon"),
    "n_electrons": _jet("", "electrons among the charged candidates", "total_by_row", "cpf_is_electron"),
    "n_displaced": _jet("", "near tracks more than 0.01 cm from the vertex", "n_displaced", *_D0),
    "cpf_sum_pt_fraction": _jet("", "charged pt over the jet's", "total_by_row", "cpf_pt_fraction"),
    "npf_sum_pt_fraction": _jet("", "neutral pt over the jet's", "total_by_row", "npf_pt_fraction"),
    "photon_sum_pt_fraction": _jet(
        "", "photon pt over the jet's", "total_where", "npf_pt_fraction", "npf_is_photon"
    ),
    "cpf_max_abs_d0_cm": _jet("cm", "largest |d0| of near tracks", "largest_d0", *_D0),
    "cpf_second_abs_d0_cm": _jet("cm", "second largest |d0| of near tracks", "second_d0", *_D0),
    "cpf_third_abs_d0_cm": _jet("cm", "third largest |d0| of near tracks", "third_d0", *_D0),
    "cpf_mean_abs_d0_cm": _jet("cm", "mean |d0| of near tracks, pt-weighted", "mean_d0", *_D0),
    "cpf_max_pt_fraction": _jet(
        "", "largest pt of a charged candidate over the jet's", "largest_abs", "cpf_pt_fraction"
    ),
    "cpf_max_pt_rel_gev": _jet(
        "GeV", "largest charged momentum across the jet axis", "largest_abs", "cpf_pt_rel_gev"
    ),
    "npf_max_pt_fraction": _jet(
        "", "largest pt of a neutral candidate over the jet's", "largest_abs", "npf_pt_fraction"
    ),
    "cpf_width": _jet(
        "",
        "mean distance of charged candidates to the axis, pt-weighted",
        "weighted_mean_abs",
        *("cpf_delta_r", "cpf_pt_gev"),
    ),
    "npf_width": _jet(
        "",
        "mean distance of neutral candidates to the axis, pt-weighted",
        "weighted_mean_abs",
        *("npf_delta_r", "npf_pt_gev"),
    ),
    "jet_pt_dispersion": _jet(
        "", "sqrt(sum pt^2) / sum pt of the candidates", "dispersion", "cpf_pt_gev", "npf_pt_gev"
    ),
    "sv_max_mass_gev": _jet("GeV", "largest vertex mass", "largest_abs", "sv_mass_gev"),
    "sv_max_d3d_cm": _jet("cm", "largest flight distance", "largest_abs", "sv_d3d_cm"),
    "sv_max_d3d_sig": _jet("", "largest flight significance", "largest_abs", "sv_d3d_sig"),
    "sv_max_dxy_sig": _jet("", "largest transverse flight significance", "largest_abs", "sv_dxy_sig"),
    "sv_sum_n_tracks": _jet("", "tracks in secondary vertices", "total_by_row", "sv_n_tracks"),
    "sv_max_pt_fraction": _jet(
        "", "largest vertex pt over the jet's", "largest_of_ratio", "sv_pt_gev", "jet_pt_gev"
    ),
} | {
    f"soft_{lepton}_{name}": _jet(
        unit,
        f"{text} of the hardest {lepton} in the jet",
        "of_hardest",
        column,
        "cpf_pt_gev",
        f"cpf_is_{lepton}",
    )
    for lepton in ("muon", "electron")
    for name, unit, text, column in (
        ("pt_rel_gev", "GeV", "momentum across the jet axis", "cpf_pt_rel_gev"),
        ("delta_r", "", "distance to the jet axis", "cpf_delta_r"),
        ("pt_fraction", "", "pt over the jet's", "cpf_pt_fraction"),
        ("sip3d_sig", "", "signed 3D impact parameter significance", "cpf_sip3d_sig"),
    )
}

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
        f"central_genjet_{name}": _event(unit, text, "central", f"genjet_{name}", *_GENJET, ragged=True)
        for name, unit, text in (
            ("pt_gev", "GeV", "generator jets above 20 GeV, |eta| < 2.5, falling pt"),
            ("eta", "", "their pseudorapidity"),
            ("phi_rad", "rad", "their azimuth"),
            ("mass_gev", "GeV", "their mass"),
            ("hadron_flavour", "", "their hadron flavour"),
        )
    }
    | {
        "central_genjet_abs_delta_phi_z_rad": _event(
            "rad",
            "their distance in azimuth to the Z",
            "abs_delta_phi_to",
            *("central_genjet_phi_rad", "z_phi_rad"),
            ragged=True,
        ),
        "n_gen_jets": _event("", "central generator jets", "count", "central_genjet_pt_gev"),
        "n_b_gen_jets": _event("", "those of hadron flavour 5", "n_bottom", _FLAVOUR),
        "n_c_gen_jets": _event("", "those of hadron flavour 4", "n_charm", _FLAVOUR),
        "gen_ht_gev": _event("GeV", "scalar sum of their pt", "total_by_row", "central_genjet_pt_gev"),
        "gen_b_ht_gev": _event(
            "GeV", "the same of those of hadron flavour 5", "bottom_ht", "central_genjet_pt_gev", _FLAVOUR
        ),
        "delta_phi_z_jet1": _event(
            "rad", "azimuth between Z and leading jet", "first", "central_genjet_abs_delta_phi_z_rad"
        ),
        "z_jet1_balance": _event(
            "", "pt of the leading jet over that of the Z", "balance", "z_pt_gev", "central_genjet_pt_gev"
        ),
        "delta_r_jj": _event("", "distance of the two leading jets", "pair_delta_r", *_CENTRAL),
        "delta_eta_jj": _event(
            "", "their distance in pseudorapidity", "pair_abs_delta_eta", "central_genjet_eta"
        ),
        "delta_r_bb": _event(
            "", "distance of the two leading b jets", "pair_delta_r_bottom", *_CENTRAL, _FLAVOUR
        ),
        "m_jj_gev": _event(
            "GeV", "mass of the two leading jets", "pair_mass", *_CENTRAL, "central_genjet_mass_gev"
        ),
        "m_bb_gev": _event(
            "GeV",
            "mass of the two leading b jets",
            "pair_mass_bottom",
            *(*_CENTRAL, "central_genjet_mass_gev", _FLAVOUR),
        ),
        "n_lhe_partons": _event("", "outgoing partons of the LHE file", "count", "lhe_parton_pt_gev"),
        "lhe_delta_r_bb": _event(
            "", "distance of the two leading b quarks", "pair_delta_r_bottom", *_PARTON, "lhe_parton_flavour"
        ),
        "lhe_m_bb_gev": _event(
            "GeV",
            "their mass",
            "pair_mass_bottom",
            *(*_PARTON, "lhe_parton_mass_gev", "lhe_parton_flavour"),
        ),
    }
    | _TOPS
)

DERIVED: dict[str, tuple[Derived, ...]] = OTHERWISE | {
    name: new.ways for table in (OF_JETS, OF_EVENTS) for name, new in table.items()
}
"""All ways, by column."""


def of(obj: str) -> Ways:
    """All ways to columns of an object: `ak4`, `ak8` or `event`."""
    ways = {
        name: tuple(Way(way.function, way.needs, whole=way.whole) for way in found if obj in way.objects)
        for name, found in DERIVED.items()
    }
    return {name: found for name, found in ways.items() if found}


def reached(wanted: Iterable[str], obj: str) -> Ways:
    """The ways that can matter for columns: to each of them, and to all that any of its ways needs."""
    ways = of(obj)
    seen, queue = set[str](), list(wanted)
    while queue:
        name = queue.pop()
        if name in ways and name not in seen:
            seen.add(name)
            queue += [need for way in ways[name] for need in way.needs]
    return {name: found for name, found in ways.items() if name in seen}


def plain(ways: Ways) -> list[dict[str, Any]]:
    """Ways as JSON has them, in their order."""
    return [
        {"name": name, "ways": [[way.function, list(way.needs), way.whole] for way in found]}
        for name, found in ways.items()
    ]


def from_plain(content: Iterable[Mapping[str, Any]]) -> Ways:
    """The ways of which `plain` was made."""
    return {entry["name"]: tuple(map(_way, entry["ways"])) for entry in content}


def _way(content: Sequence[Any]) -> Way:
    function, needs, whole = content
    return Way(function, tuple(needs), whole=whole)
