"""What conserves the sum of the source at any values of a reweighter's parameters: a grid, as fine as needed.

Stage weights knows the factor at the values that the configuration names. A bundle is asked for any between,
so here the models see the whole source at further values, each event by the model that has not seen it.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import applied, parametrised, ratios
from jetsmith.classifiers import find_backend
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics import bin_of
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from jetsmith.ratios import RatioCalibration, SumFactors
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.parameters import MOST_POINTS, ParameterValues

# Relative, of the conserved sum. As the statistical error of the sum of a million weights; and what an
# analysis would see beside the error of a luminosity.
AIM, LARGEST = 1e-3, 1e-2
FINEST = 1e-6  # of a parameter's range: where trees have a step, a knot stands on either side of it
SAME = 1e-9  # relative: a knot that is so near to a line between its neighbours is none
OF_STAGE = 1e-4  # relative: scores may be of another device, whose networks are 1e-5 off

Point = tuple[float, ...]


def sum_factors(
    spec: RecipeSpec,
    asked: ParameterValues,
    calibrations: Sequence[RatioCalibration],
    valid: Mapping[str, tuple[float, float]],
    numbers: Mapping[str, Any],
    model: Path,
    parts: Sequence[Packed],
    threads: int,
) -> SumFactors:
    """Factors at all values within those that the reweighter was trained at.

    Args:
        spec: The reweighter.
        asked: Values that the grid has to have.
        calibrations: Of each fold, or one.
        valid: Region of validity.
        numbers: What stage weights has written of a dataset of the source.
        model: Folder of the model.
        parts: Packed rows of all splits.
        threads: CPU threads of the model.

    Raises:
        InputError: The sum is off by more than `LARGEST` between points of the finest grid, at a value the
            weights do not add up to more than 0, or the stage weights had other factors.
    """
    conserved = numbers["conserved"]
    knots = tuple(
        tuple(np.unique(np.array(of, np.float32)).astype(np.float64).tolist()) for of in asked.knots
    )
    if conserved is None:
        ends = tuple((of[0], of[-1]) for of in knots)
        return SumFactors("", (), (1.0,) * 2 ** len(ends), spec.parameters, ends)
    start = SumFactors(conserved["feature"], tuple(conserved["edges"]), (), spec.parameters, knots)
    exact = cache(_exact(spec, start, calibrations, valid, model, parts, threads))
    _compare(spec, exact, asked, numbers)
    found = refined(start, exact)
    print(
        f"[bundle {spec.name}] the sum of the source at {exact.cache_info().currsize:,} values of "
        f"{', '.join(spec.parameters)}: a grid of {prod(found.grid.shape[:-1]):,} points, off by "
        f"{found.off:.1e} at most",
        file=sys.stderr,
    )
    if not found.off <= LARGEST:
        raise InputError(
            f"{spec.name}: no bundle is written: between values of {', '.join(spec.parameters)} the factor "
            f"that conserves the sum of the source is off by up to {found.off:.1%}, and {LARGEST:.0%} is "
            "allowed; a network is smooth where trees have steps, bins of `conserve_in` may be wider, and "
            "`bundles: false` leaves bundles out"
        )
    return found


def refined(start: SumFactors, exact: Callable[[Point], FloatArray]) -> SumFactors:
    """Factors on a grid, cut where they are not nearly enough an exponential between its points.

    An interval of a parameter is tried at both of its thirds (its middle may be a point of inflection), at
    all knots of the others, and cut at those where the factor of a bin is off by more than its share of
    `AIM`: while it is not as narrow as a step (`FINEST`), and the grid has at most `MOST_POINTS` points, the
    worst ones first. `off` is the largest of all values that were tried: thirds of the last intervals, and,
    of several parameters, middles of the cells.

    Args:
        start: Parameters and knots that the grid has to have; its factors are not read.
        exact: Factors of all bins at values of the parameters, shape (B,).
    """
    known: dict[Point, FloatArray] = {}  # all that were tried

    def at(points: FloatArray) -> FloatArray:
        for point in map(tuple, points.tolist()):
            if point not in known:
                known[point] = exact(point)
        return np.array([known[point] for point in map(tuple, points.tolist())])

    def on(knots: tuple[tuple[float, ...], ...]) -> SumFactors:
        return replace(start, knots=knots, factors=tuple(at(_points(knots)).ravel().tolist()))

    found, aim = on(start.knots), AIM / len(start.parameters)
    while True:
        worst: list[tuple[float, int, float]] = []  # how far off, of which parameter, at which value
        for place, knots in enumerate(found.knots):
            for value in _between(knots, (1 / 3, 2 / 3)):
                points = _points([*found.knots[:place], (value,), *found.knots[place + 1 :]])
                worst.append((_off(found, points, at(points)), place, value))
        more = [list(knots) for knots in found.knots]
        for off, place, value in sorted(worst, reverse=True):
            size = np.prod([len(knots) + (k == place) for k, knots in enumerate(more)])
            if off > aim and size <= MOST_POINTS:
                more[place].append(value)
        if sum(map(len, more)) == sum(map(len, found.knots)):
            break
        found = on(_needed(on(tuple(tuple(sorted(knots)) for knots in more)), start.knots))
    if len(found.knots) > 1:
        at(_points([_between(knots, (0.5,)) for knots in found.knots]))
    return replace(found, off=_off(found, np.array(list(known)), np.array(list(known.values()))))


def _needed(found: SumFactors, start: Sequence[Point]) -> tuple[Point, ...]:
    """Knots without those that a line between their neighbours is as good as: on both sides of a step."""
    kept = []
    for place, knots in enumerate(found.knots):
        logs, left = np.moveaxis(np.log(found.grid), place, 0), [0]
        for k in range(1, len(knots) - 1):
            before = left[-1]
            share = (knots[k] - knots[before]) / (knots[k + 1] - knots[before])
            line = logs[before] + share * (logs[k + 1] - logs[before])
            if knots[k] in start[place] or np.abs(logs[k] - line).max() > SAME:
                left.append(k)
        kept.append(tuple(knots[k] for k in [*left, len(knots) - 1]))
    return tuple(kept)


def _points(knots: Sequence[Sequence[float]]) -> FloatArray:
    """All points of a grid, the last parameter first to change, (K1 · … · KP, P)."""
    return np.array(list(product(*knots)))


def _between(knots: Sequence[float], shares: Sequence[float]) -> Point:
    """Values within intervals that are no step; float32, as values of parameters are."""
    low, width = np.array(knots)[:-1, None], np.diff(knots)[:, None]
    values = (low + width * np.array(shares)).astype(np.float32).astype(np.float64)
    inside = (values > low) & (values < low + width) & (width > FINEST * width.sum())
    return tuple(values[inside].tolist())


def _off(found: SumFactors, points: FloatArray, right: FloatArray) -> float:
    """Largest relative error of a conserved sum."""
    return float(np.abs(found.at(points) / right - 1).max())


def _exact(
    spec: RecipeSpec,
    start: SumFactors,
    calibrations: Sequence[RatioCalibration],
    valid: Mapping[str, tuple[float, float]],
    model: Path,
    parts: Sequence[Packed],
    threads: int,
) -> Callable[[Point], FloatArray]:
    """Of values of the parameters what conserves the sum of the source there, as stage weights has it."""
    of_source = parts[0].made_by(spec.classes[0].generator)
    rows = Rows.select(spec.inputs, parts, [np.isin(part.columns["dataset"], of_source) for part in parts])
    backend, generator = find_backend(spec.backend), rows.weight().astype(np.float64)
    fold = rows.column("fold") if spec.folds else np.zeros(len(rows), np.int64)

    def feature(name: str) -> FloatArray:
        group, place = ratios.column_of(spec.inputs, name)
        alone = replace(rows, inputs=(group,))
        return alone.flat_as_packed(slice(0, len(rows)))[:, place].astype(np.float64)

    beyond = np.zeros(len(rows), bool)
    for name, region in valid.items():
        beyond |= ratios.beyond(feature(name), region)
    n_bins = max(1, len(start.edges) - 1)
    bins = np.zeros(len(rows), np.intp)
    if start.feature:
        bins = np.asarray(bin_of(feature(start.feature), start.edges), np.intp)

    def factors(point: Point) -> FloatArray:
        values = dict(zip(spec.parameters, point, strict=True))
        each = applied.probabilities(spec, backend, model, parametrised.at(spec, rows, values), threads)
        logits = np.array([ratios.log_odds(p[:, 0], p[:, 1]) for p in each])
        found = ratios.out_of_fold(logits, fold, calibrations, spec.members)
        free = beyond | found.outside
        weight = np.exp(np.where(free, 0.0, found.value))
        try:
            return ratios.conserving(weight, np.where(free, 0.0, generator), bins, n_bins)
        except InputError as problem:
            shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
            raise InputError(f"{spec.name}, at {shown}: {problem}") from problem

    return factors


def _compare(
    spec: RecipeSpec, exact: Callable[[Point], FloatArray], asked: ParameterValues, numbers: Mapping[str, Any]
) -> None:
    """At values with a column of weights the factor is that of the column.

    Raises:
        InputError: It is not, or there is no such column.
    """
    for label, point in asked.weighed.items():
        said = numbers.get("at", {}).get(label)
        if said is None:
            raise InputError(f"{spec.name}: stage weights has no weights at {label}; run weights again")
        column = np.array(SumFactors.of_record(said["sum_factors"]).factors)
        here = exact(tuple(np.array(point, np.float32).astype(np.float64).tolist()))
        if len(column) != len(here) or not (np.abs(here / column - 1) <= OF_STAGE).all():
            raise InputError(
                f"{spec.name}: no bundle is written: at {label} sums are conserved by {here.tolist()}, and "
                f"weights in the table by {column.tolist()}; run weights again"
            )
