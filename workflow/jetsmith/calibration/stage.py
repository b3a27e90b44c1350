"""The stage: scores in, corrections and numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io
from jetsmith.calibration.corrections import corrections
from jetsmith.calibration.maps import EfficiencyMap, counts, efficiency_map, find_thresholds
from jetsmith.errors import InputError
from jetsmith.metrics import WorkingPoint, efficiency, passes
from jetsmith.metrics.efficiencies import LEVEL
from jetsmith.provenance import config_digest
from jetsmith.scored import ScoredJets, read_split
from jetsmith.specs.classifiers import JudgedClass, JudgedSpec

COLUMNS = ("jet_pt_gev", "jet_eta")  # that efficiencies are binned in


def calibrate(
    spec: JudgedSpec,
    scores: str | Path,
    working_points: Mapping[str, float],
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
    output: str | Path,
    numbers_output: str | Path,
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
            inclusive efficiencies of each class, `undefined` ones with the reason, `maps.counts` of each
            class and of the one that the thresholds come from (`threshold_sample`), flavor codes
            without jets, `bins_without_jets`.

    Raises:
        InputError: The scores lack a column, no jets or working points are left, or jets lie outside the
            |eta| bins.
    """
    classes = _classes(spec)
    calibration, test = (read_split(scores, split, spec, COLUMNS) for split in ("calibration", "test"))
    first = spec.background_classes[0]
    try:
        points, undefined = find_thresholds(calibration.of(first), working_points)
    except InputError as error:
        raise InputError(f"{scores}: split calibration, class {first.name}: {error}") from error
    jets = {entry.name: test.of(entry) for entry in classes}
    coded = {entry.flavor: entry for entry in classes if entry.flavor is not None}
    lacking = [entry for entry in coded.values() if not jets[entry.name].weight.sum() > 0]
    maps: dict[tuple[str, int], EfficiencyMap] = {}
    for code, entry in coded.items():
        if entry in lacking:
            continue
        try:
            for name, point in points.items():
                maps[name, code] = efficiency_map(jets[entry.name], point.threshold, pt_bins_gev, abseta_bins)
        except InputError as error:
            raise InputError(f"{scores}: split test, class {entry.name}: {error}") from error
    if not maps:
        raise InputError(f"{scores}: split test has no jets of a class of {spec.name} with a `flavor` code")
    numbers = _numbers(spec, jets, first, points, undefined, maps)
    numbers["classes"] = {entry.name: counts(test, entry) for entry in classes}
    numbers["threshold_sample"] = counts(calibration, first)
    numbers["flavors_without_jets"] = [entry.flavor for entry in lacking]
    found = corrections(spec, points, undefined, lacking, maps, pt_bins_gev, abseta_bins)
    io.write_json(output, found, checksum=False)
    io.write_json(numbers_output, numbers)


def _classes(spec: JudgedSpec) -> list[JudgedClass]:
    """Signal and backgrounds, each once; the checks of the configuration saw to it that codes differ."""
    return list({c.name: c for c in (spec.signal_class, *spec.background_classes) if c is not None}.values())


def _numbers(
    spec: JudgedSpec,
    jets: Mapping[str, ScoredJets],
    first: JudgedClass,
    points: Mapping[str, WorkingPoint],
    undefined: Mapping[str, str],
    maps: Mapping[tuple[str, int], EfficiencyMap],
) -> dict[str, Any]:
    """The human-facing numbers; None where there is no number."""

    def at(point: WorkingPoint) -> dict[str, Any]:
        by_class = {
            name: asdict(efficiency(passes(found.discriminant, point.threshold), found.weight))
            for name, found in jets.items()
        }
        efficiencies = {
            name: {key: value if np.isfinite(value) else None for key, value in entry.items()}
            for name, entry in by_class.items()
        }
        return {**asdict(point), "efficiencies": efficiencies}

    return {
        "tagger": spec.name,
        "judgement": spec.judgement,
        "discriminant": spec.discriminant.name if spec.discriminant else None,
        "sample": spec.sample,
        "config": config_digest(spec.model_dump(mode="json")),
        "level": LEVEL,
        "threshold_class": first.name,
        "working_points": {name: at(point) for name, point in points.items()},
        "undefined": dict(undefined),
        "bins_without_jets": [
            {"flavor": flavor, "abseta_bin": int(i), "pt_bin": int(j)}
            for flavor in sorted({flavor for _, flavor in maps})
            for i, j in np.argwhere(~next(m for (_, f), m in maps.items() if f == flavor).filled_mask)
        ],
    }
