"""Stage resolution: the chance that a track of the primary vertex has at least its significance, by category.

Impact parameters of tracks of the primary vertex are as often of one sign as of the other, those of decays
mostly positive. So the negative ones tell how the measurement scatters (CMS' jet probability). The functions
are a correction of correctionlib, `track_probability`, of categories and the magnitude of the significance.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from correctionlib import schemav2

from jetsmith import io
from jetsmith.correction_nodes import binning, category
from jetsmith.derivations.of_jets import RESOLVED_BY, SELECTED_TRACK
from jetsmith.derivations.ways import Ways
from jetsmith.errors import InputError
from jetsmith.features.derived import available_with_derived, derive, stored_needs
from jetsmith.features.resolved import NAME, categories, lists
from jetsmith.features.summaries import TRACK_FLOOR
from jetsmith.features.table import to_table

Array = npt.NDArray[Any]
MOMENTUM_GEV, ABSETA, CHI2 = (0.0, 4.0, 8.0, 16.0, 10_000.0), (0.0, 0.8, 1.6, 2.5), (0.0, 2.5, 5.0)
SIGNIFICANCE = (*np.linspace(0, 5, 51), *np.geomspace(5, 50, 31)[1:])
HITS = {1: "with the innermost hit", 0: "without it", -1: "where that is not known"}
MIN_TRACKS = 400  # effective ones, of a category with a function of its own: 5% on what one in 100 reaches
CMS_FLOOR = 5e-3  # `minimumProbability` of CMS' computers
_SHARES = (0.5, 0.1, 0.01)


@dataclass(frozen=True)
class Counts:
    """Tracks by hit, momentum, |eta|, chi2 and significance, the last bin with what is above.

    Attributes:
        weights: Sums of weights, shape (2, P, E, C, S).
        squares: Sums of their squares by category, shape (2, P, E, C).
    """

    weights: Array
    squares: Array


def fit_resolution(
    skims: Sequence[str | Path],
    ways: Ways,
    output: str | Path,
    numbers: str | Path,
    file: str | Path | None = None,
) -> None:
    """Write the functions of a sample's negative tracks, or those of CMS' histograms, for correctionlib.

    Args:
        skims: Parquet files of stage skim. Tracks of even events are fitted, those of odd ones compared.
        ways: To the columns that are needed and no file may hold.
        output: JSON file to write, correctionlib schema 2.
        numbers: JSON file to write: effective tracks, and what share of the odd events' negative tracks
            reaches the significance that a share of the even events' does, all together and by category.
        file: ROOT file of CMS' calibration, to take in the place of skims.

    Raises:
        InputError: The skims have no negative tracks.
    """
    if file is not None:
        io.write_json(output, of_cms(file).model_dump(exclude_unset=True), checksum=False)
        io.write_json(numbers, {"file": str(file)})
        return
    shape = (2, len(MOMENTUM_GEV) - 1, len(ABSETA) - 1, len(CHI2) - 1)
    halves = [Counts(np.zeros((*shape, len(SIGNIFICANCE) - 1)), np.zeros(shape)) for _ in range(2)]
    for skim in skims:
        _count(skim, ways, halves)
    fitted, held_out = halves
    if not _effective(fitted.weights, fitted.squares, ()) > 0:
        raise InputError(
            f"{', '.join(map(str, skims[:3]))}: no selected tracks of negative significance in even events; "
            "take a sample with more jets for `track_resolution`"
        )
    tails = {place: _tail(fitted, place) for place in np.ndindex(*shape)}
    unknown = {place: _tail(fitted, (slice(None), *place[1:])) for place in tails if place[0] == 0}
    tables = {hit: [tails[place] for place in tails if place[0] == hit] for hit in (0, 1)}
    functions = {hit: _functions(found) for hit, found in {**tables, -1: list(unknown.values())}.items()}
    data = category("inner_hit", functions)
    about = f"negative tracks of {len(skims)} partitions, even events"
    io.write_json(output, _set(data, about).model_dump(exclude_unset=True), checksum=False)
    told = {"effective_tracks": _effective(fitted.weights, fitted.squares, ()), **_closure(fitted, held_out)}
    io.write_json(numbers, told)
    _say(told)


def _count(skim: str | Path, ways: Ways, halves: Sequence[Counts]) -> None:
    """Add the negative tracks of a partition, by the parity of their event."""
    stored = set(io.column_names(skim))
    wanted = {SELECTED_TRACK, *RESOLVED_BY} & available_with_derived(stored, ways)
    if not {SELECTED_TRACK, "cpf_sip3d_sig", "cpf_pt_gev", "cpf_eta"} <= wanted:
        raise InputError(f"{skim}: no candidates of jets, so `track_resolution` cannot be fitted to it")
    table = to_table(io.read_rows(skim, ["event", "weight", *sorted(stored_needs(wanted, stored, ways))]))
    derive(table, sorted(wanted), ways)
    found = categories(table)
    significance = found.pop("significance")
    owner = lists(table, "cpf_sip3d_sig").owner
    used = (lists(table, SELECTED_TRACK).values != 0) & (significance < 0)
    # Where the innermost hit is not known (-1), tracks count as with it: what is unknown is read from both.
    place = [np.abs(found["inner_hit"][used])]
    for name, edges in (("momentum", MOMENTUM_GEV), ("abseta", ABSETA), ("chi2", CHI2)):
        place.append(np.clip(np.digitize(found[name][used], edges) - 1, 0, len(edges) - 2))
    at = np.clip(np.digitize(-significance[used], SIGNIFICANCE) - 1, 0, len(SIGNIFICANCE) - 2)
    weight = np.asarray(table["weight"], np.float64)[owner[used]]
    odd = (np.asarray(table["event"])[owner[used]] % 2).astype(bool)
    for half, counts in zip((~odd, odd), halves, strict=True):
        category = tuple(axis[half] for axis in place)
        np.add.at(counts.weights, (*category, at[half]), weight[half])
        np.add.at(counts.squares, category, weight[half] ** 2)


def _effective(weights: Array, squares: Array, place: tuple[Any, ...]) -> float:
    """Effective tracks of a category."""
    total, variance = weights[place].sum(), squares[place].sum()
    return float(total**2 / variance) if variance > 0 else 0.0


def _fitted_to(counts: Counts, place: tuple[Any, ...]) -> tuple[Any, ...]:
    """The category itself, or the first wider one that has enough tracks.

    Tracks in any direction come in first, then of any momentum, with any hit, and last of any chi2, which
    tells most of what is wrong with a track.
    """
    anything = slice(None)
    hit, momentum, _, chi2 = place
    wider = (
        place,
        (hit, momentum, anything, chi2),
        (hit, anything, anything, chi2),
        (anything, anything, anything, chi2),
        (anything,) * 4,
    )
    enough = (w for w in wider if _effective(counts.weights, counts.squares, w) >= MIN_TRACKS)
    return next(enough, wider[-1])


def _tail(counts: Counts, place: tuple[Any, ...]) -> Array:
    """Share of tracks from each edge of significance on, shape (S + 1,)."""
    return _share_above(counts.weights[_fitted_to(counts, place)])


def _share_above(weights: Array) -> Array:
    by_bin = weights.reshape(-1, weights.shape[-1]).sum(axis=0)
    above = np.concatenate([np.cumsum(by_bin[::-1])[::-1], [0.0]])
    return np.asarray(np.minimum.accumulate(above / above[0]) if above[0] > 0 else np.ones(len(above)))


def _probabilities(tail: Array, floor: float) -> list[float]:
    """What tracks in each bin have: the mean of its ends, never 0."""
    return [float(x) for x in np.clip((tail[:-1] + tail[1:]) / 2, floor, 1.0)]


def _functions(tails: Sequence[Array]) -> schemav2.MultiBinning:
    content = [
        binning("significance", SIGNIFICANCE, _probabilities(tail, TRACK_FLOOR), clamps=True)
        for tail in tails
    ]
    return schemav2.MultiBinning(
        nodetype="multibinning",
        inputs=["momentum", "abseta", "chi2"],
        edges=[list(MOMENTUM_GEV), list(ABSETA), list(CHI2)],
        content=content,
        flow="clamp",
    )


def _set(data: Any, about: str) -> schemav2.CorrectionSet:
    hits = ", ".join(f"{key} {text}" for key, text in HITS.items())
    axes = (
        ("inner_hit", "int", hits),
        ("momentum", "real", "momentum of the track [GeV], clamped"),
        ("abseta", "real", "|eta| of the track, clamped"),
        ("chi2", "real", "its normalised chi2, clamped"),
        ("significance", "real", "magnitude of its signed 3D impact parameter significance, clamped"),
    )
    correction = schemav2.Correction(
        name=NAME,
        version=1,
        description=f"Chance that a track of the primary vertex has at least this significance: {about}",
        inputs=[schemav2.Variable(name=n, type=t, description=text) for n, t, text in axes],
        output=schemav2.Variable(name="probability", type="real"),
        data=data,
    )
    return schemav2.CorrectionSet(schema_version=2, corrections=[correction])


def of_cms(path: str | Path) -> schemav2.CorrectionSet:
    """The functions of a calibration of CMS: ROOT histograms `histoCat0` to `histoCat9` of the significance.

    Their categories (RecoBTag-ImpactParameterLearning, CategoriesDefinition): tracks of chi2 above 2.5 (1);
    of three or more pixel hits, by |eta| below 0.8, 1.6, 2.5, with momenta below (2, 3, 4) and above 8 GeV
    (6, 7, 8); of fewer pixel hits (0, 5, 9). ASSUME three, since candidates do not tell.
    """
    import uproot

    with uproot.open(path) as file:
        histograms = [file[f"histoCat{k}"] for k in range(10)]
        edges = histograms[0].axis().edges()
        counts = [histogram.values(flow=True)[1:] for histogram in histograms]
    step = 10  # bins of 0.05, as fine as the functions need
    tails = {}
    for k in (1, 2, 3, 4, 6, 7, 8):
        above = np.cumsum(counts[k][::-1])[::-1]
        tails[k] = (above / above[0])[::step]
    content = [
        binning(
            "significance",
            edges[::step],
            _probabilities(tails[1 if bad else first + index], CMS_FLOOR),
            clamps=True,
        )
        for first in (2, 6)
        for index in range(3)
        for bad in (False, True)
    ]
    data = schemav2.MultiBinning(
        nodetype="multibinning",
        inputs=["momentum", "abseta", "chi2"],
        edges=[[0.0, 8.0, 10_000.0], list(ABSETA), list(CHI2)],
        content=content,
        flow="clamp",
    )
    return _set(data, f"CMS' histograms {Path(path).name}")


def _closure(fitted: Counts, held_out: Counts) -> dict[str, Any]:
    """Held-out tracks beyond the significance that a share of the fitted ones reaches, with its error."""
    shape = fitted.squares.shape
    by_category = [
        {
            "inner_hit": place[0],
            "momentum_gev": MOMENTUM_GEV[place[1] : place[1] + 2],
            "abseta": ABSETA[place[2] : place[2] + 2],
            "chi2": CHI2[place[3] : place[3] + 2],
            **_shares(fitted, held_out, place),
        }
        for place in np.ndindex(*shape)
    ]
    return {
        "all": _shares(fitted, held_out, (slice(None),) * 4),
        "categories": [found for found in by_category if found["effective_tracks"] > 0],
    }


def _shares(fitted: Counts, held_out: Counts, place: tuple[Any, ...]) -> dict[str, Any]:
    chosen = place if place[0] == slice(None) else _fitted_to(fitted, place)
    tail, own = _share_above(fitted.weights[chosen]), _share_above(held_out.weights[place])
    number = _effective(held_out.weights, held_out.squares, place)
    inverse = 1 / max(number, 1) + 1 / max(_effective(fitted.weights, fitted.squares, chosen), 1)
    at = [int(np.argmin(np.abs(tail - share))) for share in _SHARES]
    return {
        "effective_tracks": number,
        "expected": [float(tail[k]) for k in at],
        "found": [float(own[k]) for k in at],
        "error": [float(np.sqrt(tail[k] * (1 - tail[k]) * inverse)) for k in at],
    }


def _say(told: dict[str, Any]) -> None:
    everything = told["all"]
    pairs = zip(everything["expected"], everything["found"], everything["error"], strict=True)
    shares = ", ".join(
        f"{found:.4f} ± {error:.4f} (expected {expected:.4f})" for expected, found, error in pairs
    )
    number = f"{told['effective_tracks']:,.0f}"
    print(
        f"[resolution] {number} tracks; beyond what shares of them reach, held out: {shares}", file=sys.stderr
    )
