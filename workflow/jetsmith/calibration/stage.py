"""The stage: scores in, corrections and numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetsmith import io
from jetsmith.calibration.corrections import corrections
from jetsmith.calibration.maps import EfficiencyMap, Jets, efficiency_map, find_thresholds
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.metrics import WorkingPoint, effective_count, efficiency
from jetsmith.metrics.efficiencies import LEVEL
from jetsmith.provenance import config_digest
from jetsmith.specs import ClassifierSpec, ClassSpec


def calibrate(
    spec: ClassifierSpec,
    scores: str | Path,
    working_points: Mapping[str, float],
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
    output: str | Path,
    numbers_output: str | Path,
) -> None:
    """Calibrate one tagger.

    Args:
        spec: The tagger; its first background fixes the thresholds, and classes with a code
            `flavor` go into the corrections.
        scores: results/scores/{tagger}/{sample}.parquet.
        working_points: Background efficiency by name.
        pt_bins_gev: Edges of the efficiencies [GeV].
        abseta_bins: Edges of the efficiencies.
        output: correctionlib schema 2.
        numbers_output: The same for people: `working_points` with thresholds, intervals and
            inclusive efficiencies of each class, `undefined` ones with the reason, jets and
            effective counts of each class, `bins_without_jets`.

    Raises:
        InputError: The scores lack a column, or no jets or working points are left.
    """
    classes = _classes(spec)
    calibration, test = (_read(spec, scores, split) for split in ("calibration", "test"))
    first = spec.background_classes[0]
    try:
        points, undefined = find_thresholds(calibration.of(first), working_points)
    except InputError as error:
        raise InputError(f"{scores}: split calibration, class {first.name}: {error}") from error
    jets = {entry.name: test.of(entry) for entry in classes}
    maps: dict[tuple[str, int], EfficiencyMap] = {}
    for entry in classes:
        if entry.flavor is None or not jets[entry.name].weight.sum() > 0:
            continue
        for name, point in points.items():
            maps[name, entry.flavor] = efficiency_map(
                jets[entry.name], point.threshold, pt_bins_gev, abseta_bins
            )
    if not maps:
        raise InputError(f"{scores}: split test has no jets of a class of {spec.name} with a `flavor` code")
    numbers = _numbers(spec, jets, first, points, undefined, maps)
    io.write_json(
        output, corrections(spec, points, undefined, maps, pt_bins_gev, abseta_bins), checksum=False
    )
    io.write_json(numbers_output, numbers)


def _classes(spec: ClassifierSpec) -> list[ClassSpec]:
    """Signal and backgrounds, each once; the checks of the configuration saw to it that codes differ."""
    return list({c.name: c for c in (spec.signal_class, *spec.background_classes) if c is not None}.values())


def _read(spec: ClassifierSpec, scores: str | Path, split: str) -> Jets:
    names = ["discriminant", "weight", "label", "jet_pt_gev", "jet_eta", "split"]
    rows = io.read_rows(scores, names, classifier=spec.name, sample=spec.sample)
    table = {name: np.asarray(ak.to_numpy(rows[name])) for name in names}
    kept = table["split"] == SPLITS.index(split)
    for name in names:
        if not np.isfinite(table[name][kept]).all():
            raise InputError(f"{scores}: column {name} has values that are not finite; run score again")
    return Jets(
        score=table["discriminant"][kept],
        weight=table["weight"][kept].astype(np.float64),
        label=table["label"][kept],
        pt_gev=table["jet_pt_gev"][kept],
        abseta=np.abs(table["jet_eta"][kept]),
    )


def _numbers(
    spec: ClassifierSpec,
    jets: Mapping[str, Jets],
    first: ClassSpec,
    points: Mapping[str, WorkingPoint],
    undefined: Mapping[str, str],
    maps: Mapping[tuple[str, int], EfficiencyMap],
) -> dict[str, Any]:
    """The human-facing numbers; None where there is no number."""

    def at(point: WorkingPoint) -> dict[str, Any]:
        found = {
            name: asdict(efficiency(sample.score >= point.threshold, sample.weight))
            for name, sample in jets.items()
        }
        efficiencies = {
            name: {key: value if np.isfinite(value) else None for key, value in entry.items()}
            for name, entry in found.items()
        }
        return {**asdict(point), "efficiencies": efficiencies}

    return {
        "tagger": spec.name,
        "sample": spec.sample,
        "config": config_digest(spec.model_dump(mode="json")),
        "level": LEVEL,
        "threshold_class": first.name,
        "working_points": {name: at(point) for name, point in points.items()},
        "undefined": dict(undefined),
        "classes": {
            name: {"n_jets": len(sample.weight), "n_effective": effective_count(sample.weight)}
            for name, sample in jets.items()
        },
        "bins_without_jets": [
            {"flavor": flavor, "abseta_bin": int(i), "pt_bin": int(j)}
            for flavor in sorted({flavor for _, flavor in maps})
            for i, j in np.argwhere(~next(m for (_, f), m in maps.items() if f == flavor).filled_mask)
        ],
    }
