"""Events of a reweighter with parameters: their values, other ones, and equal weight at each."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.packed.arrays import FlatGroup, Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import RowsSpec


def places(values: FloatArray) -> IntArray:
    """Which of the distinct values each event has, shape (N,), from shape (N, P); all 0 where P is 0."""
    if not values.shape[1]:
        return np.zeros(len(values), np.intp)
    return np.asarray(np.unique(values, axis=0, return_inverse=True)[1].reshape(-1), np.intp)


def values_of(spec: RowsSpec, rows: Rows) -> FloatArray:
    """Values of the parameters, shape (N, P), float32."""
    own = tuple(inputs for inputs in rows.inputs if inputs.group == spec.parameter_group)
    if not own:
        return np.zeros((len(rows), 0), np.float32)
    return replace(rows, inputs=own).flat_as_packed(slice(0, len(rows)))


def without(spec: RowsSpec, rows: Rows) -> Rows:
    """The same rows without the parameters among their inputs."""
    return replace(rows, inputs=tuple(i for i in rows.inputs if i.group != spec.parameter_group))


def at(spec: RowsSpec, rows: Rows, point: Mapping[str, float]) -> Rows:
    """The same rows as if all had been generated at other values of the parameters, by their names."""

    def moved(part: Packed) -> Packed:
        names = part.groups[spec.parameter_group].names
        line = np.array([point[name] for name in names], np.float32)
        values = np.broadcast_to(line, (len(part), len(line)))
        return replace(part, groups={**part.groups, spec.parameter_group: FlatGroup(values, names)})

    return replace(rows, parts=tuple(moved(part) for part in rows.parts))


def column(label: str, member: int | None = None) -> str:
    """Name of the log-odds at other values, of a model or of a member of an ensemble, in score files."""
    name = f"log_odds_at_{label}"
    return name if member is None else f"member{member}_{name}"


def level(
    spec: RowsSpec, weight: FloatArray, target_mask: BoolArray, place: IntArray, n_values: int
) -> FloatArray:
    """What the target is multiplied by at each value, that its sum of weights there is that of the source.

    Values are no observable: how many events were generated at each, and how many of the source were given
    it, is nothing that a ratio of densities at that value is to know.

    Args:
        spec: The reweighter.
        weight: Generator weights, signed, shape (N,).
        target_mask: True for the target, shape (N,).
        place: Which value each event has, shape (N,).
        n_values: How many there are.

    Returns:
        Shape (n_values,); 1 where there are no events.

    Raises:
        InputError: At a value the source or the target has no events, or their weights do not add up to
            more than 0.
    """
    there = np.bincount(place, minlength=n_values) > 0
    source = np.bincount(place, np.where(target_mask, 0.0, weight), n_values)
    target = np.bincount(place, np.where(target_mask, weight, 0.0), n_values)
    bad = there & ~((source > 0) & (target > 0))
    if bad.any():
        raise InputError(
            f"{spec.name}: at {int(bad.sum())} of {int(there.sum())} values of {', '.join(spec.parameters)} "
            "the generator weights of the source or of the target add up to nothing above 0; more events, "
            "or fewer values"
        )
    return np.divide(source, target, out=np.ones(n_values), where=there)
