"""Scale factors in both runs, and what areas change by where something is other."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from jetsmith.comparing.content import Factor, Measured
from jetsmith.comparing.differences import by_intervals, with_chance
from jetsmith.comparing.folder import Results
from jetsmith.handed.comparison import Number
from jetsmith.metrics import Interval
from jetsmith.texts import label_text

OTHER_BINS = "its bins, class, judgement or data sample are others in the second run"
NONE = "one of the runs has no result there"
MOVED = "its inputs are moved otherwise in the second run"


def of_scale_factors(before: Results, after: Results) -> list[Number]:
    """Each measurement that both runs have, by working point and bin of pt.

    Raises:
        InputError: As the methods of `Results`.
    """
    return [
        number
        for name, first in before.measured.items()
        if name in after.measured
        for number in _of_measurement(name, first, after.measured[name])
    ]


def _of_measurement(name: str, first: Measured, second: Measured) -> Iterator[Number]:
    of_first, of_second = ((m.judgement, m.measured, m.data, m.edges) for m in (first, second))
    for point, bins in first.points.items():
        if point not in second.points:
            continue
        others = second.points[point] if of_first == of_second else (None,) * len(bins)
        for (low, high), one, other in zip(pairwise(first.edges), bins, others, strict=True):
            subject = f"{first.judgement}, measurement {name}"
            what = f"scale factor of {point}, {low:g} to {high:g} GeV"
            number = Number(subject, first.data, what, False, _interval(one), _interval(other))
            if of_first != of_second:
                yield replace(number, why=OTHER_BINS)
            elif one is None or other is None:
                yield replace(number, why=NONE)
            else:
                error = error_of_difference(one, other)
                value = other.value - one.value
                yield with_chance(number, Interval(value, value - error, value + error), error)


def error_of_difference(first: Factor, second: Factor) -> float:
    """Error of a scale factor less that of another run.

    Sources of one name are one source, as in all measurements of a run (`handed.measurement.Factor`): what is
    not known of the simulation moves both runs, and the difference of what it contributes is left. What else
    there is, statistics of data and of simulation, is added in quadrature, as of different jets: where both
    runs have the same data it goes along in part, and the error is too large, not too small. Where the side
    of an interval is longer than its parts in quadrature, they are stretched to it.
    """
    parts = []
    for one in (first, second):
        whole = np.hypot(one.independent, np.linalg.norm([*one.sources.values()]))
        stretch = max(max(one.up, one.down) / whole, 1.0) if whole > 0 else 1.0
        parts.append((stretch * one.independent, {name: stretch * s for name, s in one.sources.items()}))
    (own, sources), (its, others) = parts
    moved = [others.get(name, 0.0) - sources.get(name, 0.0) for name in {**sources, **others}]
    return float(np.hypot(np.hypot(own, its), np.linalg.norm(moved)))


def _interval(factor: Factor | None) -> Interval | None:
    if factor is None:
        return None
    return Interval(factor.value, factor.value - factor.down, factor.value + factor.up)


def of_resilience(before: Results, after: Results) -> list[Number]:
    """What areas change by where something is other, of judgements and shifts that both runs have.

    Both intervals are compared, as of different jets, which is cautious where they are the same.
    """
    return [
        _of_shift(
            Number(
                judgement,
                first.sample,
                f"change of the AUC against {label_text(first.background.label)}: {shift}",
                False,
                change,
                other.changes[judgement][shift],
            ),
            first.moved.get(shift) == other.moved.get(shift),
        )
        for key, first in before.tried.items()
        if (other := after.tried.get(key)) is not None
        for judgement, changes in first.changes.items()
        if judgement in other.changes
        for shift, change in changes.items()
        if shift in other.changes[judgement]
    ]


def _of_shift(number: Number, is_same: bool) -> Number:
    """With its difference, where the same is other in both runs."""
    return by_intervals(number) if is_same else replace(number, why=MOVED)
