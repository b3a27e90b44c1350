"""Weights of a reweighter with parameters: what it is calibrated on, and its log-odds at other values."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import awkward as ak
import numpy as np

from jetsmith import io, parametrised
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.specs.classifiers import RowsSpec

AT = "weight_at_"  # begins the names of columns of weights at other values


def weight_at(label: str) -> str:
    """Name of the column of the weight at other values."""
    return f"{AT}{label}"


def calibrated_on(
    spec: RowsSpec,
    datasets: Sequence[str],
    dataset: IntArray,
    weight: FloatArray,
    target_mask: BoolArray,
    value: IntArray,
) -> tuple[FloatArray, BoolArray]:
    """What a calibration sees of events: weights that are level at each value, and none that are held out.

    Args:
        spec: The reweighter.
        datasets: Names of those of the sample, in its order.
        dataset: Index of each event's in them, shape (N,).
        weight: Generator weights, signed, shape (N,).
        target_mask: True for the target, shape (N,).
        value: Which value of the parameters each event has, shape (N,).

    Returns:
        Weights, and True for events that are held out; shape (N,) each.
    """
    held_out = np.isin(dataset, [k for k, name in enumerate(datasets) if name in spec.held_out])
    if not spec.parameters:
        return weight, held_out
    n_values, seen = int(value.max()) + 1, ~held_out
    factors = parametrised.level(spec, weight[seen], target_mask[seen], value[seen], n_values)
    return np.where(target_mask, weight * factors[value], weight), held_out


def log_odds_at(
    spec: RowsSpec, scores: str | Path, labels: Iterable[str], n_members: int, n_events: int
) -> dict[str, FloatArray]:
    """Log-odds of each event at other values, by their label.

    Args:
        spec: The reweighter.
        scores: results/scores/{reweighter}/{sample}.parquet.
        labels: Of the values.
        n_members: Of its ensemble; 0 where it is none.
        n_events: How many events there are.

    Returns:
        Shape (M, N) each, as `ReweighterScores.logits`; 0 for events of the target.

    Raises:
        InputError: The file lacks a column, holds other events or log-odds that are no numbers.
    """
    members = range(n_members) if n_members else [None]
    found: dict[str, FloatArray] = {}
    for label in labels:
        names = [parametrised.column(label, k) for k in members]
        rows = io.read_rows(scores, names, classifier=spec.name, sample=spec.sample)
        found[label] = np.array([ak.to_numpy(rows[name]) for name in names], np.float64)
        if found[label].shape[1] != n_events or np.isnan(found[label]).any():
            raise InputError(
                f"{scores}: other events, or log-odds at {label} that are no numbers; score again"
            )
    return found
