"""The stage: scores in, corrections and numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io
from jetsmith.calibration.axes import Axis, axes_of
from jetsmith.calibration.corrections import Points, Subject, corrections
from jetsmith.calibration.flat import FlatPoint, flat_points
from jetsmith.calibration.maps import counts, find_thresholds, given_thresholds
from jetsmith.calibration.passing import Maps, Passing
from jetsmith.errors import InputError
from jetsmith.io import BoolArray
from jetsmith.metrics import WorkingPoint, passes
from jetsmith.metrics.efficiencies import LEVEL
from jetsmith.provenance import config_digest
from jetsmith.scored import ScoredJets, columns_of_codes, read_split
from jetsmith.specs.classifiers import JudgedClass, JudgedSpec
from jetsmith.specs.run import PointsSpec


def calibrate(
    spec: JudgedSpec,
    scores: str | Path,
    working_points: Mapping[str, float],
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
    output: str | Path,
    numbers_output: str | Path,
    third_bins: Mapping[str, Sequence[float]] | None = None,
    settings: PointsSpec | None = None,
    thresholds: Mapping[str, float] | None = None,
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
            inclusive efficiencies of each class, `undefined` ones, all it may be, with the reason;
            `flat_efficiency` and `flat_undefined` likewise, thresholds being a list by bin of pt;
            `maps.counts` of each class and of the one that the thresholds come from (`threshold_sample`),
            flavor codes without jets, `bins_without_jets`, `bins_that_share`.
        third_bins: Column and edges of one more axis of the efficiencies.
        settings: How many jets thresholds and bins take; efficiencies of the signal that hold at any pt.
        thresholds: By name of the point, in place of `working_points`.

    Raises:
        InputError: The scores lack a column, no jets are left, or they lie outside the |eta| bins.
    """
    settings = settings or PointsSpec()
    axes = axes_of(pt_bins_gev, abseta_bins, third_bins or {})
    classes = classes_of(spec)
    columns = list(dict.fromkeys([*(axis.column for axis in axes), *columns_of_codes(scores, classes)]))
    calibration, test = (read_split(scores, split, spec, columns) for split in ("calibration", "test"))
    first = spec.background_classes[0]
    try:
        if thresholds:
            points, undefined = given_thresholds(calibration.of(first), thresholds), dict[str, str]()
        else:
            points, undefined = find_thresholds(calibration.of(first), working_points, settings)
    except InputError as error:
        raise InputError(f"{scores}: split calibration, class {first.name}: {error}") from error
    flat, flat_undefined = _flat(spec, calibration, settings, axes[1])
    passing = Passing.of(test, classes, axes, settings)
    cuts = {name: partial(_passes, threshold=point.threshold) for name, point in points.items()}
    flat_cuts = {name: partial(point.passes, pt=axes[1]) for name, point in flat.items()}
    try:
        maps, flat_maps = passing.maps(cuts), passing.maps(flat_cuts)
    except InputError as error:
        raise InputError(f"{scores}: {error}") from error
    kinds = [_kind("", "Threshold on the discriminant", points, undefined, maps)]
    if flat:
        what = "Threshold on the discriminant, as a function of pt, of flat efficiency of the signal"
        kinds.append(_kind("flat_", what, flat, flat_undefined, flat_maps))
    about = f"{of_judgement(spec)}, sample {spec.sample}"
    subject = Subject(spec.judgement, about, list(passing.coded.values()), passing.lacking, passing.counted)
    io.write_json(output, corrections(subject, kinds, axes), checksum=False)
    found = {
        "tagger": spec.name,
        "judgement": spec.judgement,
        "discriminant": spec.discriminant.name if spec.discriminant else None,
        "sample": spec.sample,
        "config": config_digest(spec.model_dump(mode="json")),
        "level": LEVEL,
        "threshold_class": first.name,
        "working_points": {
            name: {**asdict(point), "efficiencies": passing.inclusive(cuts[name])}
            for name, point in points.items()
        },
        "undefined": undefined,
        "flat_efficiency": {
            name: {**_plain(point), "efficiencies": passing.inclusive(flat_cuts[name])}
            for name, point in flat.items()
        },
        "flat_undefined": flat_undefined,
        "pt_bins_gev": list(pt_bins_gev),
        "classes": {entry.name: counts(test, entry) for entry in classes},
        "threshold_sample": counts(calibration, first),
        **passing.few_jets(maps),
    }
    io.write_json(numbers_output, found)


def classes_of(*specs: JudgedSpec) -> list[JudgedClass]:
    """Signal and backgrounds, each once; the checks of the configuration saw to it that codes differ."""
    found = (c for spec in specs for c in (spec.signal_class, *spec.background_classes))
    return list({c.name: c for c in found if c is not None}.values())


def of_judgement(spec: JudgedSpec) -> str:
    """Tagger, discriminant and configuration in words."""
    named = f"discriminant {spec.discriminant.name}" if spec.discriminant else "no discriminant"
    return f"{spec.name}, {named}, config {config_digest(spec.model_dump(mode='json'))}"


def _kind(
    prefix: str,
    what: str,
    points: Mapping[str, WorkingPoint] | Mapping[str, FlatPoint],
    undefined: Mapping[str, str],
    maps: Maps,
) -> Points:
    """Working points of one kind, for the corrections."""
    thresholds = {name: point.threshold for name, point in points.items()}
    doubtful = [name for name, point in points.items() if point.doubt]
    return Points(prefix, what, thresholds, doubtful, undefined, maps)


def _flat(
    spec: JudgedSpec, calibration: ScoredJets, settings: PointsSpec, pt: Axis
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


def _plain(point: FlatPoint) -> dict[str, Any]:
    return {
        key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in vars(point).items()
    }
