"""What fixed working points need of files: thresholds, and scale factors with their sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jetsmith.cuts import exact_in
from jetsmith.errors import InputError
from jetsmith.event_weights.corrections import F32, Correction, Ends

Uncertainties = Literal["years", "total", "breakdown"]
POINT = "working_point"
CENTRAL, YEARS, TOTAL = "central", ("correlated", "uncorrelated"), ("total",)
# Independent from year to year; all other sources are the same in all years.
BY_YEAR = ("uncorrelated", "statistic", "total")


@dataclass(frozen=True)
class Group:
    """Flavours whose scale factors vary together.

    Attributes:
        correction: Their scale factors.
        sources: Of each variation its name, and the systematics that are its up and its down.
        pt: Range of their scale factors by flavour [GeV].
        efficiency: Name of the source that statistical errors of efficiencies are; empty where they are none.
    """

    correction: Correction
    sources: Mapping[str, tuple[str, str]]
    pt: Mapping[int, Ends]
    efficiency: str


def named_year(year: str) -> str:
    """The year, as names of sources end with it.

    Raises:
        InputError: It is none: what is independent from year to year would bear one name in all of them.
    """
    if not str(year).strip():
        raise InputError("year: is empty; name it, such as 2018 or 2016preVFP: names of sources end with it")
    return year


def group_of(
    correction: Correction,
    name: str,
    points: Sequence[str],
    uncertainties: Uncertainties,
    year: str,
    efficiency_errors: bool,
) -> Group:
    """Flavours and sources that a correction has for all of the working points.

    Raises:
        InputError: It lacks a point, a source or its downward half.
    """
    systematics = correction.keys("systematic")
    sources = {
        f"btag_{name}_{source}_{year}" if source in BY_YEAR else f"btag_{name}_{source}": halves
        for source, halves in _sources(systematics, uncertainties).items()
    }
    used = [CENTRAL, *(half for halves in sources.values() for half in halves)]
    correction.check("systematic", used)
    given = [{"systematic": s, "working_point": p} for s in used for p in points]
    for keys in given:
        correction.check("working_point", [keys["working_point"]], systematic=keys["systematic"])
    efficiency = f"btag_{name}_efficiency_{year}" if efficiency_errors else ""
    return Group(correction, sources, ranges(correction, given), efficiency)


def _sources(systematics: Sequence[str], uncertainties: Uncertainties) -> dict[str, tuple[str, str]]:
    """Names of sources, and how the file calls their two halves."""
    further = [key.removeprefix("up_") for key in systematics if key.startswith("up_")]
    choices = {
        "years": YEARS,
        "total": TOTAL,
        "breakdown": tuple(source for source in further if source not in YEARS) or YEARS,
    }
    if uncertainties not in choices:
        raise InputError(f"uncertainties: {uncertainties}; there are {', '.join(choices)}")
    halves = {source: (f"up_{source}", f"down_{source}") for source in choices[uncertainties]}
    return {source: ("up", "down") if source in TOTAL else names for source, names in halves.items()}


def ranges(correction: Correction, given: Sequence[Mapping[str, str]], axis: str = "pt") -> dict[int, Ends]:
    """Range of an axis for each flavour that is there for all of the given keys."""
    flavours = [correction.keys("flavor", **keys) for keys in given]
    found = {}
    for flavour in flavours[0]:
        if all(flavour in others for others in flavours):
            ends = [correction.ends(axis, flavor=flavour, **keys) for keys in given]
            found[int(flavour)] = max(low for low, _ in ends), min(high for _, high in ends)
    return found


def only_efficiency(maps: Mapping[str, Correction], path: str | Path) -> str:
    """The one `<name>` of a file for which it has `<name>_eff`, of one threshold a point."""
    there = [name.removesuffix("_eff") for name in maps if name.endswith("_eff")]
    found = [name for name in there if not more_inputs(maps.get(f"{name}_wp_values"))]
    if len(found) != 1:
        others = [f"{name}_eff" for name in there if name not in found]
        left_out = f"; {', '.join(others)}: no single threshold a point, which scale factors are for"
        raise InputError(
            f"{path}: has {', '.join(f'{name}_eff' for name in found) or 'no efficiencies (<name>_eff)'}; "
            f"say which with `efficiency`{left_out if others else ''}"
        )
    return found[0]


def more_inputs(thresholds: Correction | None) -> list[str]:
    """What a file's `<name>_wp_values` depend on beside the working point; nothing where it has none."""
    return [] if thresholds is None else [axis for axis in thresholds.axes if axis != POINT]


def thresholds_in(file: Correction, points: Sequence[str]) -> dict[str, float]:
    """Thresholds of a file's `<name>_wp_values`.

    Raises:
        InputError: They depend on more than the working point, or it lacks a point.
    """
    if more := more_inputs(file):
        raise InputError(
            f"{file.where}: its thresholds depend on {', '.join(more)}, too, as those of flat efficiency "
            "(pt) and of planes (discriminant) do; scale factors are for one threshold a point: name "
            "efficiencies of such points with `efficiency`"
        )
    file.check("working_point", points)
    return {point: float(file(working_point=point)) for point in points}


def thresholds_of(files: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Thresholds by working point, the loosest first, on which all files agree.

    Args:
        files: Thresholds of the same points, by the name of where they are from.

    Raises:
        InputError: Two have thresholds that part other jets.
    """
    found: dict[str, tuple[float, str]] = {}
    for where, thresholds in files.items():
        for point, threshold in thresholds.items():
            first, other = found.setdefault(point, (threshold, where))
            if exact_in(threshold, F32) != exact_in(first, F32):
                raise InputError(
                    f"working point {point}: its threshold is {first:g} in {other} and {threshold:g} in "
                    f"{where}; these efficiencies are not of what the scale factors are for"
                )
    return dict(sorted(((p, t) for p, (t, _) in found.items()), key=lambda pair: pair[1]))
