"""The closure test: can the weights of a reweighter be trusted? Gates on events nothing was fitted on."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.closure import Closure, Gate, of_weights, worst
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.reweighting import gates
from jetsmith.reweighting.curve import calibration_curve
from jetsmith.reweighting.events import HeldOut, held_out
from jetsmith.reweighting.interpolation import interpolation, interpolation_gate
from jetsmith.reweighting.refined import refined_gate
from jetsmith.reweighting.separation import separation
from jetsmith.specs.classifiers import ComparedSpec
from jetsmith.specs.parameters import Point
from jetsmith.specs.run import GatesSpec


def closure_of(events: HeldOut, settings: GatesSpec, seed: int, threads: int = 1) -> Closure:
    """Run the test on arrays.

    Args:
        events: Held-out events with the weights under test.
        settings: Replicas and limits.
        seed: Of everything random.
        threads: Of XGBoost.

    Raises:
        InputError: Numbers that are not finite, ratios that are not positive, too few events, or weights of a
            generator that do not add up to more than 0.
    """
    weighted = events.generator * events.weight
    target, all_known = events.target_mask, bool(events.known.all())
    needed = events.ratio[events.known | ~target]
    if not all(np.isfinite(found).all() for found in (weighted, events.each, needed, events.features)):
        raise InputError("closure: weights or features that are not finite; run the weights stage again")
    if not (needed > 0).all():
        raise InputError("closure: ratios that are not positive; run the weights stage again")
    inverse = np.where(target & ~events.outside, events.generator / events.ratio, events.generator)
    before, after, swapped = (
        None if weight is None else separation(events, weight, settings.bootstraps, [seed], threads)
        for weight in (events.generator, weighted, inverse if all_known else None)
    )
    if before is None:
        raise InputError(
            "closure: the generator weights of the source or of the target do not add up to more than 0 in "
            "each half of the held-out events; look at their negative share"
        )
    histograms = events.spectra()
    curve = calibration_curve(events)
    found: tuple[Gate, ...] = (
        gates.separation_gate(before, after, settings),
        gates.support_gate(events, settings),
        gates.calibration_gate(curve, settings) if all_known else gates.unknown_gate("calibration"),
        gates.spectra_gate(events, histograms, settings),
        gates.swapped_gate(before, swapped, settings, events) if all_known else gates.unknown_gate("swapped"),
        gates.sum_gate(events),
    )
    if events.refined is not None:
        found = (*found, refined_gate(events, settings, [seed], threads))
    return Closure(
        reweighter=events.spec.name,
        sample=events.spec.sample,
        classes=events.spec.class_names,
        seed=seed,
        status=worst(of_weights(found)),
        gates=found,
        auc_before=before,
        auc_after=after,
        auc_swapped=swapped,
        n_source=int((~events.target_mask).sum()),
        n_target=int(events.target_mask.sum()),
        calibration=curve.bins,
        histograms=tuple(histograms),
    )


def closure(
    spec: ComparedSpec,
    packed: str | Path,
    weights: Mapping[str, str | Path],
    settings: GatesSpec,
    seed: int,
    output: str | Path,
    threads: int = 1,
    conserve: bool = True,
    held_out_at: Mapping[str, Sequence[str]] | None = None,
    at: Mapping[str, Point] | None = None,
    refine: bool = False,
    conserve_in: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Test the weights on the held-out events (split `test` of the weights) and write what was found.

    It writes whatever comes out: what a gate that failed means for the run is the verdict's.

    Args:
        spec: The reweighter.
        packed: results/packed/{sample}, whose flat features the reweighter reads.
        weights: results/weights/{reweighter}/{dataset}.parquet by dataset, of both generators.
        settings: Replicas and limits.
        seed: Of halves, trees and replicas.
        output: JSON of a `Closure`.
        threads: Of XGBoost.
        conserve: Whether the weights were to leave the source its sum.
        held_out_at: Datasets at each of the values of parameters that the reweighter was not trained at.
        at: These values, by the same labels.
        refine: Whether the weights have refined ones of the generators beside them, which are tested, too.
        conserve_in: A flat input, and edges of the bins in each of which they were to leave it.

    Raises:
        InputError: Keys that do not match or repeat, too few events, numbers that are not finite.
    """
    splits = [path for name in SPLITS if (path := Path(packed) / name).is_dir()]
    if not splits:
        raise InputError(f"{packed}: no packed split; run the pack stage")
    about = arrays.read_packed(splits[0], whole=False)
    datasets = list(zip(about.datasets, about.generators, strict=True))
    events = held_out(spec, splits, datasets, weights, conserve, refine=refine, conserve_in=conserve_in)
    found = closure_of(events, settings, seed, threads)
    tested = tuple(
        interpolation(
            spec, splits, datasets, weights, names, label, (at or {})[label], settings, seed, threads
        )
        for label, names in (held_out_at or {}).items()
    )
    if tested:
        gates_of_all = (*found.gates, interpolation_gate(tested, settings))
        status = worst(of_weights(gates_of_all))
        found = replace(found, interpolations=tested, gates=gates_of_all, status=status)
    for gate in found.gates:
        print(f"{spec.name}: {gate.name}: {gate.status}: {gate.why}", file=sys.stderr)
    io.write_record(output, found)
