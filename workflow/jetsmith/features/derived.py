"""Which columns can be computed from which, and their computation on demand.

The table is light: the check of the configuration reads it whenever the Snakefile is parsed.
The formulas themselves stand in `formulas` (one value an element) and `summaries` (lists to a row).
A stored column always wins over a derived one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jetsmith.errors import InputError

if TYPE_CHECKING:
    import awkward as ak

    from jetsmith.features.table import Array, Lists, Table

JETS = ("ak4", "ak8")
EVENTS = ("event",)


@dataclass(frozen=True)
class Derived:
    """One way to compute a column.

    Attributes:
        function: Its name in `formulas`, or in `summaries` where `whole`.
        needs: Columns, handed over in this order.
        objects: Kinds of row that have it.
        whole: False: numpy arrays of one length go in and come out, jet columns repeated for each
            constituent. True: ragged columns go in as `Lists`.
    """

    function: str
    needs: tuple[str, ...]
    objects: tuple[str, ...] = JETS
    whole: bool = False


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
        f"{p}_sum_pt_fraction": (Derived("total_by_row", (f"{p}_pt_fraction",), whole=True),),
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

_SELECTED = ("cpf_sip3d_sig", "cpf_pt_gev", "cpf_d0_cm", "cpf_jet_dist_cm", "cpf_decay_len_cm")
_TAGGERS = {
    name: (
        Derived(f"{name}_of_candidates", _SELECTED, whole=True),
        Derived(name, ("track_sip3d_sig",), ("ak4",), whole=True),
    )
    for name in ("jet_b_probability_derived", "track_counting_second", "track_counting_third")
} | {
    "jet_probability_derived": (
        Derived("jet_probability_derived_near_axis", (*_SELECTED, "cpf_delta_r"), ("ak4",), whole=True),
        Derived("jet_probability_derived_of_candidates", _SELECTED, ("ak8",), whole=True),
        Derived("jet_probability_derived", ("track_sip3d_sig",), ("ak4",), whole=True),
    )
}
_LEPTONS = {
    f"soft_{lepton}_{name}": (Derived("of_hardest", (column, "cpf_pt_gev", f"cpf_is_{lepton}"), whole=True),)
    for lepton in ("muon", "electron")
    for name, column in {
        "pt_rel_gev": "cpf_pt_rel_gev",
        "delta_r": "cpf_delta_r",
        "pt_fraction": "cpf_pt_fraction",
        "sip3d_sig": "cpf_sip3d_sig",
    }.items()
}
_D0 = ("cpf_d0_cm", "cpf_dz_cm", "cpf_pt_gev")
_SUMMARIES = {
    "n_sv": (Derived("count", ("sv_mass_gev",), whole=True),),
    "n_muons": (Derived("total_by_row", ("cpf_is_muon",), whole=True),),
    "n_electrons": (Derived("total_by_row", ("cpf_is_electron",), whole=True),),
    "n_displaced": (Derived("n_displaced", _D0, whole=True),),
    "photon_sum_pt_fraction": (Derived("total_where", ("npf_pt_fraction", "npf_is_photon"), whole=True),),
    "cpf_max_abs_d0_cm": (Derived("largest_d0", _D0, whole=True),),
    "cpf_second_abs_d0_cm": (Derived("second_d0", _D0, whole=True),),
    "cpf_third_abs_d0_cm": (Derived("third_d0", _D0, whole=True),),
    "cpf_mean_abs_d0_cm": (Derived("mean_d0", _D0, whole=True),),
    "cpf_max_pt_fraction": (Derived("largest_abs", ("cpf_pt_fraction",), whole=True),),
    "cpf_max_pt_rel_gev": (Derived("largest_abs", ("cpf_pt_rel_gev",), whole=True),),
    "npf_max_pt_fraction": (Derived("largest_abs", ("npf_pt_fraction",), whole=True),),
    "cpf_width": (Derived("weighted_mean_abs", ("cpf_delta_r", "cpf_pt_gev"), whole=True),),
    "npf_width": (Derived("weighted_mean_abs", ("npf_delta_r", "npf_pt_gev"), whole=True),),
    "jet_pt_dispersion": (Derived("dispersion", ("cpf_pt_gev", "npf_pt_gev"), whole=True),),
    "sv_max_mass_gev": (Derived("largest_abs", ("sv_mass_gev",), whole=True),),
    "sv_max_d3d_cm": (Derived("largest_abs", ("sv_d3d_cm",), whole=True),),
    "sv_max_d3d_sig": (Derived("largest_abs", ("sv_d3d_sig",), whole=True),),
    "sv_max_dxy_sig": (Derived("largest_abs", ("sv_dxy_sig",), whole=True),),
    "sv_sum_n_tracks": (Derived("total_by_row", ("sv_n_tracks",), whole=True),),
    "sv_max_pt_fraction": (Derived("largest_of_ratio", ("sv_pt_gev", "jet_pt_gev"), whole=True),),
    "jet_tau21": (Derived("ratio", ("jet_tau2", "jet_tau1")),),
    "jet_tau32": (Derived("ratio", ("jet_tau3", "jet_tau2")),),
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

_GENJET = ("genjet_pt_gev", "genjet_eta")
_CENTRAL = ("central_genjet_pt_gev", "central_genjet_eta", "central_genjet_phi_rad")
_EVENT = {
    f"central_genjet_{name}": (
        Derived("central", (f"genjet_{name}", *_GENJET), EVENTS, whole=True),
    )
    for name in ("pt_gev", "eta", "phi_rad", "mass_gev", "hadron_flavour")
} | {
    "central_genjet_abs_delta_phi_z_rad": (
        Derived("abs_delta_phi_to", ("central_genjet_phi_rad", "z_phi_rad"), EVENTS, whole=True),
    ),
    "z_abs_y": (Derived("magnitude", ("z_y",), EVENTS),),
    "n_gen_jets": (Derived("count", ("central_genjet_pt_gev",), EVENTS, whole=True),),
    "n_b_gen_jets": (Derived("n_bottom", ("central_genjet_hadron_flavour",), EVENTS, whole=True),),
    "n_c_gen_jets": (Derived("n_charm", ("central_genjet_hadron_flavour",), EVENTS, whole=True),),
    "gen_ht_gev": (Derived("total_by_row", ("central_genjet_pt_gev",), EVENTS, whole=True),),
    "gen_b_ht_gev": (
        Derived("bottom_ht", ("central_genjet_pt_gev", "central_genjet_hadron_flavour"), EVENTS, whole=True),
    ),
    "delta_phi_z_jet1": (
        Derived("first", ("central_genjet_abs_delta_phi_z_rad",), EVENTS, whole=True),
    ),
    "z_jet1_balance": (Derived("balance", ("z_pt_gev", "central_genjet_pt_gev"), EVENTS, whole=True),),
    "delta_r_jj": (Derived("pair_delta_r", _CENTRAL, EVENTS, whole=True),),
    "delta_eta_jj": (Derived("pair_abs_delta_eta", ("central_genjet_eta",), EVENTS, whole=True),),
    "delta_r_bb": (
        Derived("pair_delta_r_bottom", (*_CENTRAL, "central_genjet_hadron_flavour"), EVENTS, whole=True),
    ),
    "m_jj_gev": (Derived("pair_mass", (*_CENTRAL, "central_genjet_mass_gev"), EVENTS, whole=True),),
}  # fmt: skip

DERIVED: dict[str, tuple[Derived, ...]] = (
    _candidates("cpf")
    | _candidates("npf")
    | {"npf_is_photon": (Derived("is_photon", ("npf_pdg_id",)),)}
    | _CHARGED
    | _VERTICES
    | _TAGGERS
    | _LEPTONS
    | _SUMMARIES
    | _EVENT
)


def plan(available: Iterable[str], obj: str) -> dict[str, Derived]:
    """How each derivable column that is not available is computed; free of cycles."""
    known, ways = set(available), dict[str, Derived]()
    found = True
    while found:
        found = False
        for name, choices in DERIVED.items():
            usable = [d for d in choices if obj in d.objects and known.issuperset(d.needs)]
            if name not in known and usable:
                ways[name] = usable[0]
                known.add(name)
                found = True
    return ways


def available_with_derived(available: set[str], obj: str) -> set[str]:
    """The columns that are available or can be computed from those.

    Args:
        available: Columns that a file gives.
        obj: `ak4`, `ak8` or `event`.
    """
    return available | set(plan(available, obj))


def stored_needs(wanted: Iterable[str], available: Iterable[str], obj: str) -> set[str]:
    """The stored columns from which all of `wanted` that can be had are computed."""
    stored = set(available)
    ways = plan(stored, obj)
    found, queue = set[str](), list(wanted)
    while queue:
        name = queue.pop()
        if name in stored:
            found.add(name)
        elif name in ways:
            queue += ways[name].needs
    return found


def with_derived(rows: "ak.Array", wanted: Iterable[str], obj: str) -> "ak.Array":
    """Add derived columns.

    Args:
        rows: Record array, one row a jet or an event.
        wanted: Columns to have; those that are there stay as they are, unknown ones are left out.
        obj: What a row is.

    Returns:
        Record array with the columns of `rows` and the wanted ones, float32.
    """
    from jetsmith.features.table import to_rows, to_table

    table = to_table(rows)
    stored = list(table)
    derive(table, wanted, obj)
    keep = dict.fromkeys([*stored, *(name for name in wanted if name in table)])
    return to_rows({name: table[name] for name in keep}, len(rows))


def derive(table: "Table", wanted: Iterable[str], obj: str) -> None:
    """Add to `table` those of the `wanted` columns that can be computed, and what they need."""
    ways = plan(table, obj)
    for name in wanted:
        _compute(table, name, ways)


def _compute(table: "Table", name: str, ways: Mapping[str, Derived]) -> None:
    if name in table or name not in ways:
        return
    way = ways[name]
    for need in way.needs:
        _compute(table, need, ways)
    table[name] = _summarise(table, way) if way.whole else _elementwise(table, name, way)


def _summarise(table: "Table", way: Derived) -> "Array | Lists":
    import numpy as np

    from jetsmith.features import summaries
    from jetsmith.features.table import Lists

    with np.errstate(all="ignore"):
        result = getattr(summaries, way.function)(*(table[need] for need in way.needs))
    if isinstance(result, Lists):
        return Lists(result.offsets, result.values.astype(np.float32))
    return np.asarray(result, np.float32)


def _elementwise(table: "Table", name: str, way: Derived) -> "Array | Lists":
    import numpy as np

    from jetsmith.features import formulas
    from jetsmith.features.table import Lists

    frame = next((c for need in way.needs if isinstance(c := table[need], Lists)), None)
    owner = frame.owner if frame is not None else None
    arguments = []
    for need in way.needs:
        column = table[need]
        values = column.values if isinstance(column, Lists) else column if owner is None else column[owner]
        arguments.append(values.astype(np.float64))
    if len({len(argument) for argument in arguments}) > 1:
        raise InputError(f"columns {', '.join(way.needs)} differ in length, so {name} cannot be computed")
    with np.errstate(all="ignore"):
        result = getattr(formulas, way.function)(*arguments).astype(np.float32)
    return result if frame is None else Lists(frame.offsets, result)
