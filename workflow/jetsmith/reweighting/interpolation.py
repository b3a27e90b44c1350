"""Closure at values of parameters that a reweighter was not trained at: does it know what lies between?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jetsmith.errors import InputError
from jetsmith.handed.closure import Gate, Interpolation, worst
from jetsmith.reweighting import gates
from jetsmith.reweighting.events import HeldOut, held_out
from jetsmith.reweighting.separation import separation
from jetsmith.reweighting.values import weight_at
from jetsmith.specs.classifiers import ComparedSpec
from jetsmith.specs.parameters import Point
from jetsmith.specs.run import GatesSpec


def interpolation(
    spec: ComparedSpec,
    splits: Sequence[Path],
    datasets: Sequence[tuple[str, str]],
    weights: Mapping[str, str | Path],
    names: Sequence[str],
    label: str,
    point: Point,
    settings: GatesSpec,
    seed: int,
    threads: int = 1,
) -> Interpolation:
    """Compare the source, weighted at some values, with the datasets that were generated there.

    Args:
        spec: The reweighter.
        splits: Folders of the packed splits.
        datasets: Name and generator of the sample's datasets, in its order.
        weights: results/weights/{reweighter}/{dataset}.parquet by dataset.
        names: Datasets of the target at these values.
        label: The values, as in the name of their column.
        point: The values.
        settings: Replicas and limits.
        seed: Of halves, trees and replicas.
        threads: Of XGBoost.

    Raises:
        InputError: See `held_out`, `separation`.
    """
    target = spec.classes[1].generator
    others = tuple(name for name, generator in datasets if generator == target and name not in names)
    # Here the values are the same for all: no inputs, and nothing to level.
    alone = spec.model_copy(update={"inputs": spec.observed, "parameters": (), "held_out": others})
    # The sum of its column is judged with all others, by the gate `sum`.
    events = held_out(alone, splits, datasets, weights, conserve=False, column=weight_at(label))
    return interpolation_of(events, label, point, settings, seed, threads)


def interpolation_of(
    events: HeldOut, label: str, point: Point, settings: GatesSpec, seed: int, threads: int = 1
) -> Interpolation:
    """The same of arrays.

    Raises:
        InputError: Too few events, or generator weights that do not add up to more than 0 in each half.
    """
    before, after = (
        separation(events, weight, settings.bootstraps, [seed], threads)
        for weight in (events.generator, events.generator * events.weight)
    )
    if before is None:
        raise InputError(
            f"closure at {label}: the generator weights of the source or of the target do not add up to more "
            "than 0 in each half of the held-out events; look at their negative share"
        )
    histograms = events.spectra()
    apart = gates.separation_gate(before, after, settings)
    spectra = gates.spectra_gate(events, histograms, settings)
    return Interpolation(
        label=label,
        parameters=dict(point),
        status=worst((apart, spectra)),
        separation=apart,
        spectra=spectra,
        auc_before=before,
        auc_after=after,
        n_source=int((~events.target_mask).sum()),
        n_target=int(events.target_mask.sum()),
        histograms=tuple(histograms),
    )


def interpolation_gate(tested: Sequence[Interpolation], settings: GatesSpec) -> Gate:
    """At no value that was held out the weighted source is told from the target; the worst one counts."""
    parts = [(one, gate) for one in tested for gate in (one.separation, one.spectra)]
    status = worst(tuple(gate for _, gate in parts))
    one = max(tested, key=lambda found: _distance(found, status))
    values = {"n_values": float(len(tested)), **one.separation.values}
    values |= {"worst_chi2_after": max(found.spectra.values["worst_chi2_after"] for found in tested)}
    why = "; ".join(f"at {found.label}: {gate.why}" for found, gate in parts if gate.status == status)
    limits = {"tolerance": settings.tolerance, "chi2": settings.max_chi2}
    return Gate("interpolation", status, values, limits, why)


def _distance(found: Interpolation, status: str) -> tuple[bool, float]:
    """How bad a value is: by its status, then by how far the area lies from one half."""
    return found.status == status, abs((found.auc_after or found.auc_before).value - 0.5)
