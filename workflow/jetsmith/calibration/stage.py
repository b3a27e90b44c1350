"""The stage: scores in, corrections and numbers out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io
from jetsmith.calibration.axes import Axis, axes_of
from jetsmith.calibration.corrections import Points, corrections, shared_bins
from jetsmith.calibration.flat import FlatPoint, flat_points
from jetsmith.calibration.maps import EfficiencyMap, counts, efficiency_map, find_thresholds
from jetsmith.errors import InputError
from jetsmith.io import BoolArray
from jetsmith.metrics import efficiency, passes
from jetsmith.metrics.efficiencies import LEVEL
from jetsmith.provenance import config_digest
from jetsmith.scored import ScoredJets, read_split
from jetsmith.specs.classifiers import JudgedClass, JudgedSpec
from jetsmith.specs.run import CalibrationSpec

Passing = Mapping[str, Callable[[ScoredJets], BoolArray]]  # which jets pass each working point


def calibrate(
    spec: JudgedSpec,
    scores: str | Path,
    working_points: Mapping[str, float],
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
    output: str | Path,
    numbers_output: str | Path,
    third_bins: Mapping[str, Sequence[float]] | None = None,
    settings: CalibrationSpec | None = None,
) -> None:
    """Calibrate one tagger by one of its discriminants.

    Args:
        spec: The tagger with the discriminant; its first background fixes the thresholds, and classes with
            a code `flavor` go into the corrections.
        scores: results/scores/{tagger}/{sample}.parquet.
        working_points: Background efficiency by name.
        pt_bins_gev: Edges of the efficiencies [GeV].
        abseta_bins: Edges of the efficiencies.
        output: correctionlib schema 2.
        numbers_output: The same for people: `working_points` with thresholds, intervals and
            inclusive efficiencies of each class, `undefined` ones with the reason; `flat_efficiency` and
            `flat_undefined` likewise, thresholds being a list by bin of pt; `maps.counts` of each
            class and of the one that the thresholds come from (`threshold_sample`), flavor codes
            without jets, `bins_without_jets`, `bins_that_share`.
        third_bins: Column and edges of one more axis of the efficiencies.
        settings: How many jets thresholds and bins take; efficiencies of the signal that hold at any pt.

    Raises:
        InputError: The scores lack a column, no jets or working points are left, or jets lie outside the
            |eta| bins.
    """
    settings = settings or CalibrationSpec()
    axes = axes_of(spec.object, pt_bins_gev, abseta_bins, third_bins or {})
    columns = [axis.column for axis in axes]
    classes = _classes(spec)
    calibration, test = (read_split(scores, split, spec, columns) for split in ("calibration", "test"))
    first = spec.background_classes[0]
    try:
        points, undefined = find_thresholds(calibration.of(first), working_points, settings)
    except InputError as error:
        raise InputError(f"{scores}: split calibration, class {first.name}: {error}") from error
    flat, flat_undefined = _flat(spec, calibration, settings, axes[1])
    jets = {entry.name: test.of(entry) for entry in classes}
    lacking = [c for c in classes if c.flavor is not None and not jets[c.name].weight.sum() > 0]
    coded = {c.flavor: c for c in classes if c.flavor is not None and c not in lacking}
    if not coded:
        raise InputError(f"{scores}: split test has no jets of a class of {spec.name} with a `flavor` code")
    cuts: Passing = {name: partial(_passes, threshold=point.threshold) for name, point in points.items()}
    flat_cuts: Passing = {name: partial(point.passes, pt=axes[1]) for name, point in flat.items()}
    try:
        maps = _maps(coded, jets, cuts, axes, settings.min_effective)
        flat_maps = _maps(coded, jets, flat_cuts, axes, settings.min_effective)
    except InputError as error:
        raise InputError(f"{scores}: split test, {error}") from error
    kinds = [
        Points(
            "",
            "Threshold on the discriminant",
            {name: point.threshold for name, point in points.items()},
            [name for name, point in points.items() if point.doubt],
            undefined,
            maps,
        )
    ]
    if flat:
        kinds.append(
            Points(
                "flat_",
                "Threshold on the discriminant, as a function of pt, of flat efficiency of the signal",
                {name: point.threshold for name, point in flat.items()},
                [name for name, point in flat.items() if point.doubts],
                flat_undefined,
                flat_maps,
            )
        )
    found = {
        **_about(spec, first),
        "working_points": {
            name: {**asdict(point), "efficiencies": _inclusive(jets, cuts[name])}
            for name, point in points.items()
        },
        "undefined": undefined,
        "flat_efficiency": {
            name: {**_plain(point), "efficiencies": _inclusive(jets, flat_cuts[name])}
            for name, point in flat.items()
        },
        "flat_undefined": flat_undefined,
        "pt_bins_gev": list(pt_bins_gev),
        **_few_jets(maps, axes),
        "classes": {entry.name: counts(test, entry) for entry in classes},
        "threshold_sample": counts(calibration, first),
        "flavors_without_jets": [entry.flavor for entry in lacking],
    }
    io.write_json(output, corrections(spec, kinds, lacking, axes), checksum=False)
    io.write_json(numbers_output, found)


def _classes(spec: JudgedSpec) -> list[JudgedClass]:
    """Signal and backgrounds, each once; the checks of the configuration saw to it that codes differ."""
    return list({c.name: c for c in (spec.signal_class, *spec.background_classes) if c is not None}.values())


def _flat(
    spec: JudgedSpec, calibration: ScoredJets, settings: CalibrationSpec, pt: Axis
) -> tuple[dict[str, FlatPoint], dict[str, str]]:
    """Points of flat efficiency, where there is a signal and any are asked for."""
    if spec.signal_class is None or not settings.flat_efficiency:
        return {}, {}
    signal = calibration.of(spec.signal_class)
    if not signal.weight.sum() > 0:
        reason = f"split calibration has no jets of the signal, {spec.signal_class.name}"
        return {}, dict.fromkeys(settings.flat_efficiency, reason)
    return flat_points(signal, settings.flat_efficiency, pt, settings)


def _passes(jets: ScoredJets, threshold: float) -> BoolArray:
    """Which jets pass one threshold."""
    return passes(jets.discriminant, threshold)


def _maps(
    coded: Mapping[int, JudgedClass],
    jets: Mapping[str, ScoredJets],
    passing: Passing,
    axes: Sequence[Axis],
    min_effective: float,
) -> dict[tuple[str, int], EfficiencyMap]:
    """Efficiencies by working point and flavor code."""
    found = {}
    for flavor, entry in coded.items():
        of_class = jets[entry.name]
        try:
            for name, chooses in passing.items():
                found[name, flavor] = efficiency_map(of_class, chooses(of_class), axes, min_effective)
        except InputError as error:
            raise InputError(f"class {entry.name}: {error}") from error
    return found


def _inclusive(jets: Mapping[str, ScoredJets], chooses: Callable[[ScoredJets], BoolArray]) -> dict[str, Any]:
    """Efficiency of each class with its interval; None where there is no number."""
    by_class = {name: asdict(efficiency(chooses(found), found.weight)) for name, found in jets.items()}
    return {
        name: {key: value if np.isfinite(value) else None for key, value in entry.items()}
        for name, entry in by_class.items()
    }


def _plain(point: FlatPoint) -> dict[str, Any]:
    return {
        key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in vars(point).items()
    }


def _about(spec: JudgedSpec, first: JudgedClass) -> dict[str, Any]:
    """What the numbers are of."""
    return {
        "tagger": spec.name,
        "judgement": spec.judgement,
        "discriminant": spec.discriminant.name if spec.discriminant else None,
        "sample": spec.sample,
        "config": config_digest(spec.model_dump(mode="json")),
        "level": LEVEL,
        "threshold_class": first.name,
    }


def _few_jets(maps: Mapping[tuple[str, int], EfficiencyMap], axes: Sequence[Axis]) -> dict[str, Any]:
    """Bins without jets, and bins that share theirs, of each flavor."""
    by_flavor = {flavor: found for (_, flavor), found in maps.items()}  # the same at all working points
    names = [f"{axis.name}_bin" for axis in axes]

    def at(flavor: int, place: Sequence[int]) -> dict[str, int]:
        return {"flavor": flavor, **{name: int(k) for name, k in zip(names, place, strict=True)}}

    return {
        "bins_without_jets": [
            at(flavor, place)
            for flavor, found in sorted(by_flavor.items())
            for place in np.argwhere(~found.filled_mask).tolist()
        ],
        "bins_that_share": [
            {**at(flavor, place), "last_pt_bin": last}
            for flavor, found in sorted(by_flavor.items())
            for place, last in shared_bins(found)
        ],
    }
