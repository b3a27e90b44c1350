"""Jets within a large jet: the inputs of AK4 taggers about each soft-drop subjet, and about the jet itself.

Every way to what CSVv2 and DeepCSV read of AK4 jets is here three times more, its columns with a prefix:
`subjet1_tag_vertex_mass_gev` is what `tag_vertex_mass_gev` is of an AK4 jet, of the harder subjet with the
candidates and vertices that are its own. `wide_` is the large jet itself, with those within its radius, 0.8.
"""

from jetsmith.derivations import of_jets, of_tags
from jetsmith.derivations.ways import Derived, New

_AK8 = ("ak8",)
SUBJETS = ("subjet1_", "subjet2_")
WIDE = "wide_"
PREFIXES = (*SUBJETS, WIDE)

NEAREST = "layouts do not tell what subjets are made of: they get what is nearer to them, within 0.4"
CORRECTED = "files do not tell momenta of subjets before corrections: corrected ones stand in"
_UNITS = {"_gev": "GeV", "_cm": "cm", "_rad": "rad"}

# Of AK4 jets, what leads from candidates, vertices and the jet's momentum to the tag information.
_WAYS: dict[str, tuple[Derived, ...]] = (
    of_jets.OTHERWISE
    | of_tags.OTHERWISE
    | {name: new.ways for table in (of_jets.OF_JETS, of_tags.OF_TAGS) for name, new in table.items()}
)
_JET = ("jet_pt_gev", "jet_raw_pt_gev", "jet_eta", "jet_phi_rad", "jet_mass_gev")
_KNOWN = ("cpf_eta",)  # also without a jet; others that files may hold are about the axis of the large jet


def _reached() -> list[str]:
    """The tag information and all that leads to it."""
    found, queue = dict[str, None](), [*of_tags.OTHERWISE]
    while queue:
        name = queue.pop()
        if name not in found:
            found[name] = None
            queue += [] if name in _KNOWN else [need for way in _WAYS.get(name, ()) for need in way.needs]
    return list(found)


def _base(prefix: str, name: str) -> tuple[Derived, ...]:
    """What a jet within has of the large one: its own momentum, and its share of candidates and vertices."""
    if prefix == WIDE:
        return (Derived("within:same", (name,), _AK8, whole=True),)
    which = "first" if prefix == SUBJETS[0] else "second"
    if name not in _JET:
        family = name.partition("_")[0]
        return (Derived(f"within:of_{which}", (name, f"{family}_subjet"), _AK8, whole=True),)
    column = f"sub{name}"
    found = [Derived(f"within:{which}", (column,), _AK8, whole=True)]
    if name == "jet_raw_pt_gev":
        found.append(Derived(f"within:{which}", ("subjet_pt_gev",), _AK8, whole=True, stand_in=CORRECTED))
    return tuple(found)


_WIDER = {"tagging:selected": "within:selected", "tagging:tagged_vertices": "within:tagged_vertices"}


def _within(prefix: str, way: Derived) -> Derived:
    function = _WIDER.get(way.function, way.function) if prefix == WIDE else way.function
    needs = tuple(prefix + need for need in way.needs)
    return Derived(function, needs, _AK8, whole=way.whole, stand_in=way.stand_in)


def _ways(prefix: str, name: str) -> tuple[Derived, ...]:
    if name in _KNOWN or name not in _WAYS:
        return _base(prefix, name)
    return tuple(_within(prefix, way) for way in _WAYS[name] if "ak4" in way.objects)


def _is_ragged(name: str) -> bool:
    return name.startswith(("cpf_", "sv_", "track_"))


OF_WITHIN: dict[str, New] = (
    {
        f"{family}_subjet": New(
            "",
            "0 or 1, the subjet that it belongs to; -1 for neither",
            (
                Derived(
                    "within:nearest",
                    (f"{family}_eta", f"{family}_phi_rad", "subjet_eta", "subjet_phi_rad"),
                    _AK8,
                    whole=True,
                    stand_in=NEAREST,
                ),
            ),
            ragged=True,
        )
        for family in ("cpf", "sv")
    }
    | {
        f"pf_delta_r_subjet{number}": New(
            "",
            f"distance of candidates to the {text} subjet, NaN without one",
            (
                Derived(
                    f"within:distance_to_{text}",
                    ("pf_deta", "pf_dphi_rad", "subjet_eta", "subjet_phi_rad", "jet_eta", "jet_phi_rad"),
                    _AK8,
                    whole=True,
                ),
            ),
            ragged=True,
        )
        for number, text in ((1, "first"), (2, "second"))
    }
    | {
        prefix + name: New(
            next((unit for end, unit in _UNITS.items() if name.endswith(end)), ""),
            f"{name} of AK4 jets, of {text}",
            _ways(prefix, name),
            _is_ragged(name),
        )
        for prefix, text in zip(PREFIXES, ("subjet 1", "subjet 2", "the whole jet"), strict=True)
        for name in _reached()
    }
)
