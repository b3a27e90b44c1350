"""The stage of two-dimensional working points: two discriminants in, corrections and numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from jetsmith import io
from jetsmith.calibration.axes import axes_of
from jetsmith.calibration.corrections import Points, Subject, corrections
from jetsmith.calibration.maps import ANOTHER, too_few
from jetsmith.calibration.passing import Passing
from jetsmith.calibration.stage import classes_of, of_judgement
from jetsmith.errors import InputError
from jetsmith.io import BoolArray
from jetsmith.metrics import passes, written
from jetsmith.metrics.efficiencies import LEVEL, Interval, check_scores
from jetsmith.metrics.planes import Pair, PlanePoint, plane_point, point_apart, together
from jetsmith.scored import ScoredJets, columns_of_codes, in_common, read_split
from jetsmith.specs.classifiers import JudgedClass, JudgedSpec
from jetsmith.specs.run import EfficienciesSpec, MarksSpec

SECOND = "second_discriminant"  # beside the columns of the first one's jets


@dataclass(frozen=True)
class Cuts:
    """A working point as two thresholds, written for files (`metrics.written`)."""

    first: float
    second: float

    def passes(self, jets: ScoredJets) -> BoolArray:
        """Which jets pass both, shape (N,)."""
        return passes(jets.discriminant, self.first) & passes(jets.columns[SECOND], self.second)


def calibrate_plane(
    name: str,
    specs: Sequence[JudgedSpec],
    scores: Sequence[str | Path],
    points: Mapping[str, tuple[float, float]],
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
    third_bins: Mapping[str, Sequence[float]],
    settings: EfficienciesSpec,
    output: str | Path,
    numbers_output: str | Path,
) -> None:
    """Calibrate two discriminants with a cut on each.

    Args:
        name: Of the plane.
        specs: The two taggers with their discriminants, of one sample; the first background of each has the
            efficiency that a point names, with both cuts; one background of both, with either cut alone.
        scores: Their score files, which may be one.
        points: Efficiencies of the two backgrounds by name of the point.
        pt_bins_gev: Edges of the efficiencies [GeV].
        abseta_bins: Edges of the efficiencies.
        third_bins: Column and edges of one more axis of the efficiencies.
        settings: How many jets points and bins take.
        output: correctionlib schema 2: `{name}_wp_values` by working point and discriminant, `{name}_eff`.
        numbers_output: The same for people.

    Raises:
        InputError: The files have not the same jets, lack a column, or have no background.
    """
    axes = axes_of(pt_bins_gev, abseta_bins, third_bins)
    classes = classes_of(*specs)
    columns = list(dict.fromkeys([*(axis.column for axis in axes), *columns_of_codes(scores[0], classes)]))
    calibration, test = (_read(specs, scores, split, columns) for split in ("calibration", "test"))
    backgrounds = [spec.background_classes[0] for spec in specs]
    pairs = [_pair(calibration.of(entry)) for entry in backgrounds]
    apart = backgrounds[0].name == backgrounds[1].name
    for entry, pair in zip(backgrounds, pairs, strict=True):
        _check(
            pair, f"{' and '.join(map(str, dict.fromkeys(scores)))}: split calibration, class {entry.name}"
        )
    found: dict[str, PlanePoint] = {}
    undefined: dict[str, str] = {}
    for key, targets in points.items():
        try:
            found[key] = _point(pairs, apart, targets, settings)
        except InputError as error:
            undefined[key] = str(error)
    names = discriminant_names(specs)
    kind = calibration.discriminant.dtype
    cuts = {
        key: Cuts(written(point.first.value, kind), written(point.second.value, kind))
        for key, point in found.items()
    }
    passing = Passing.of(test, classes, axes, settings)
    chosen = {key: cut.passes for key, cut in cuts.items()}
    try:
        maps = passing.maps(chosen)
    except InputError as error:
        raise InputError(f"{scores[0]}: {error}") from error
    thresholds = {key: dict(zip(names, (cut.first, cut.second), strict=True)) for key, cut in cuts.items()}
    doubtful = [key for key, point in found.items() if point.doubt]
    about = f"{'; '.join(map(of_judgement, specs))}; sample {specs[0].sample}"
    io.write_json(
        output,
        corrections(
            Subject(name, about, list(passing.coded.values()), passing.lacking, passing.counted),
            [Points("", _kind(backgrounds), thresholds, doubtful, undefined, maps)],
            axes,
        ),
        checksum=False,
    )
    io.write_json(
        numbers_output,
        {
            "plane": name,
            "judgements": [spec.judgement for spec in specs],
            "discriminants": names,
            "sample": specs[0].sample,
            "level": LEVEL,
            "threshold_classes": [entry.name for entry in backgrounds],
            "apart": apart,
            "classes": [entry.name for entry in classes],
            "working_points": {
                key: {
                    "thresholds": [
                        _finite(point.first, cuts[key].first),
                        _finite(point.second, cuts[key].second),
                    ],
                    "targets": list(point.targets),
                    "backgrounds": [asdict(value) for value in point.backgrounds],
                    "n_passing": list(point.n_passing),
                    "doubt": point.doubt,
                    "efficiencies": passing.inclusive(chosen[key]),
                    "together": {
                        name: _ends_of(together(_pair(of), cuts[key].first, cuts[key].second))
                        for name, of in passing.jets.items()
                    },
                }
                for key, point in found.items()
            },
            "undefined": undefined,
            **passing.few_jets(maps),
        },
    )


def discriminant_names(specs: Sequence[JudgedSpec]) -> list[str]:
    """What corrections call the two: `CvsL` and `CvsB`, or the judgements where these are one name."""
    names = [spec.discriminant.name if spec.discriminant else spec.judgement for spec in specs]
    return names if names[0] != names[1] else [spec.judgement for spec in specs]


def _read(
    specs: Sequence[JudgedSpec], scores: Sequence[str | Path], split: str, columns: Sequence[str]
) -> ScoredJets:
    """Jets with the first discriminant, and the second as a column."""
    jets = [read_split(path, split, spec, columns) for path, spec in zip(scores, specs, strict=True)]
    try:
        first, second = in_common(jets, columns)
    except InputError as error:
        raise InputError(f"{' and '.join(map(str, scores))}: split {split}: {error}") from error
    return replace(first, columns={**first.columns, SECOND: second.discriminant})


def _pair(jets: ScoredJets) -> Pair:
    return Pair(jets.discriminant, jets.columns[SECOND], jets.weight)


def _check(pair: Pair, where: str) -> None:
    """Refuse a background without jets: of few jets points are left out, of none there is nothing to say."""
    for score in (pair.first, pair.second):
        check_scores(score, pair.weight, where)


def _kind(backgrounds: Sequence[JudgedClass]) -> str:
    """What the thresholds are, in words."""
    first, second = (entry.name for entry in backgrounds)
    return "Thresholds on two discriminants, " + (
        f"each of which lets a part of {first} pass by itself,"
        if first == second
        else f"which together let parts of {first} and of {second} pass,"
    )


def _point(pairs: Sequence[Pair], apart: bool, targets: tuple[float, float], marks: MarksSpec) -> PlanePoint:
    """The point, or why it is left out.

    Args:
        pairs: The background of either cut.
        apart: These are one, of which each cut lets its part pass by itself.
        targets: What is to pass of them.
        marks: How many jets it takes.

    Raises:
        InputError: Too few jets fix it, and that is not allowed; or no two cuts give both efficiencies.
    """
    first, second = pairs
    least = marks.min_passing
    try:
        found = point_apart(first, targets, least) if apart else plane_point(first, second, targets, least)
    except InputError as error:
        raise InputError(f"{error}; {ANOTHER}") from error
    if "few" in found.doubt and not marks.allow_few_passing:
        raise InputError(too_few(" and ".join(f"{x:g}" for x in targets), min(found.n_passing), marks))
    return found


def _ends_of(found: Interval | None) -> dict[str, float] | None:
    return None if found is None else asdict(found)


def _finite(found: Interval, threshold: float) -> dict[str, float | None]:
    """A threshold with its ends; None where too few jets tell one."""
    ends = {"low": found.low, "high": found.high}
    return {"value": threshold, **{key: end if np.isfinite(end) else None for key, end in ends.items()}}
