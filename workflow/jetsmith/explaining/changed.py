"""Which values of inputs may move, and inputs changed by a factor and an offset: a scale of energies, say."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from jetsmith.features.compute import finish
from jetsmith.features.undoing import UNDO
from jetsmith.handed.moves import Input
from jetsmith.io import BoolArray, FloatArray
from jetsmith.packed.arrays import Packed
from jetsmith.specs.features import ColumnSpec
from jetsmith.specs.resilience import FeatureShiftSpec
from jetsmith.strict import Record

# Of whole numbers behind a transform in single precision that is undone; larger ones are not told apart.
WHOLE, LARGEST = 1e-5, 1e4


class Limits(Record):
    """Of one feature the value that stands for none, the ends of its range, and its transform."""

    default: float | None
    clip: tuple[float, float] | None
    transform: str = "none"


Bounds = Mapping[str, Mapping[str, Limits]]
"""By group and feature."""


def free_values(held: Packed, limits: Bounds) -> dict[str, BoolArray]:
    """Which values may move: no default, none at an end of its range, none of a feature that counts.

    A feature counts where all of its values but the default are whole numbers; a count behind a logarithm is
    not recognised.
    """
    return {
        name: np.stack(
            [_free(group.values[:, k], limits[name][f]) for k, f in enumerate(group.names)], axis=1
        )
        for name, group in held.groups.items()
    }


def _free(values: FloatArray, limits: Limits) -> BoolArray:
    free = np.ones(len(values), np.bool_)
    if limits.default is not None:
        free &= values != np.float32(limits.default)
    if (values[free] == np.round(values[free])).all():
        return np.zeros(len(values), np.bool_)
    if limits.clip is not None:
        low, high = map(np.float32, limits.clip)
        free &= (values > low) & (values < high)
    return free


def changed(
    held: Packed, limits: Bounds, shift: Mapping[str, FeatureShiftSpec]
) -> tuple[Packed, tuple[Input, ...]]:
    """Jets with some of their inputs x as `scale` x + `offset`, before the transform.

    Only real numbers move: padding, defaults, values at the ends of their range and features that count stay,
    also those that count behind a transform. What would have no transform stays, too; what would leave the
    range of its feature goes to its end.

    Args:
        held: The jets.
        limits: Of all of their inputs.
        shift: By `group.feature`; those that the jets do not have are left out.

    Returns:
        The jets, and of each input that they have what share of its values moved.
    """
    groups, found = dict(held.groups), []
    for key, by in shift.items():
        name, _, feature = key.partition(".")
        if name not in groups or feature not in groups[name].names:
            continue
        group = groups[name]
        place, about = group.names.index(feature), limits[name][feature]
        values = np.array(group.values)
        before = values[:, place].copy()
        values[:, place] = _changed(before, about, by)
        groups[name] = replace(group, values=values)
        share = float(np.mean(values[:, place] != before)) if len(before) else 0.0
        found.append(Input(key, by.scale, by.offset, share))
    return replace(held, groups=groups), tuple(found)


def _are_whole(plain: FloatArray) -> bool:
    """Whether all are whole numbers, but for what float32 and a transform lose; small ones are not all 0."""
    whole = np.round(plain)
    near = np.abs(plain - whole) <= WHOLE * np.maximum(np.abs(plain), 1)
    return bool(near.all() and (whole.any() or not plain.any()) and np.abs(plain).max(initial=0) < LARGEST)


def _changed(values: FloatArray, limits: Limits, by: FeatureShiftSpec) -> FloatArray:
    free = _free(values, limits)
    plain = UNDO[limits.transform](values[free].astype(np.float64))
    if _are_whole(plain):
        return values
    column = ColumnSpec(source="moved", default=None, transform=limits.transform, clip=limits.clip)
    there = finish(by.scale * plain + by.offset, column)
    moved = values.copy()
    moved[free] = np.where(np.isfinite(there), there, values[free])
    return moved
