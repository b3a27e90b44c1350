"""What conserves the sum of the source at any values of a reweighter's parameters: a grid, as fine as needed.

Stage weights knows the factor at the values that the configuration names. A bundle is asked for any between,
so here the models see the whole source at further values, each event by the model that has not seen it.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise, product
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
from jetsmith.progress import Progress
from jetsmith.ratios import RatioCalibration, SumFactors
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.parameters import MOST_POINTS, MOST_TRIED, ParameterValues

# Relative, of the conserved sum. As the statistical error of the sum of a million weights; and what an
# analysis would see beside the error of a luminosity.
AIM, LARGEST = 1e-3, 1e-2
FINEST = 1e-6  # of a parameter's range: where trees have a step, a knot stands on either side of it
SAME = 1e-9  # relative: a knot that is so near to a line between its neighbours is none
OF_STAGE = 1e-4  # relative: scores may be of another device, whose networks are 1e-5 off

Point = tuple[float, ...]
Knots = tuple[Point, ...]  # of each parameter


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
    progress = Progress(f"bundle {spec.name}: sum of the source", 0, "values of parameters")
    found = refined(start, lambda point: exact(point)[0], progress)
    print(
        f"[bundle {spec.name}] the sum of the source at {found.tried:,} values of "
        f"{', '.join(spec.parameters)} ({MOST_TRIED} at most): a grid of {prod(found.grid.shape[:-1]):,} "
        f"points, off by {found.off:.1e} at most",
        file=sys.stderr,
    )
    if not found.off <= LARGEST:
        raise InputError(
            f"{spec.name}: no bundle is written: between values of {', '.join(spec.parameters)} the factor "
            f"that conserves the sum of the source is off by up to {found.off:.1%}, and {LARGEST:.0%} is "
            f"allowed; {found.tried:,} values were tried, of {MOST_TRIED} at most, and the grid has "
            f"{prod(found.grid.shape[:-1]):,} points, of {MOST_POINTS}; a network is smooth where trees have "
            "steps, fewer parameters or values leave more of both to each, bins of `conserve_in` may be "
            "wider, and `bundles: false` leaves bundles out"
        )
    # The grid is that of the weights: those of members, which it was not cut for, stand in the error alone.
    each = np.array([exact(point)[1:] for point in product(*found.knots)]).swapaxes(0, 1)
    return replace(found, members=tuple(tuple(of.ravel().tolist()) for of in each))


def refined(
    start: SumFactors, exact: Callable[[Point], FloatArray], progress: Progress | None = None
) -> SumFactors:
    """Factors on a grid, cut where they are not nearly enough an exponential between its points.

    Steps of trees come first: along one line of the grid, on which the others are at their middle knot, an
    interval whose ends differ, and whose middle is as one of them, is halved until it is as narrow as a step
    (`FINEST`). Then an interval of a parameter is tried at both of its thirds (its middle may be a point of
    inflection), at all knots of the others, or on that line where these are too many, and cut at those where
    the factor of a bin is off by more than its share of `AIM`, the worst ones first.

    It ends where nothing is off, where the grid would have more than `MOST_POINTS` points, or where more than
    `MOST_TRIED` values would be tried, among which are always the middles of all cells of several parameters,
    and of one whose thirds were too many. `off` is the largest error of all values that were tried.

    Args:
        start: Parameters and knots that the grid has to have, `MOST_POINTS` points at most; its factors are
            not read.
        exact: Factors of all bins at values of the parameters, shape (B,).
        progress: Told how many values were tried.
    """
    known: dict[Point, FloatArray] = {}  # all that were tried

    def at(points: Iterable[Point]) -> FloatArray:
        points = list(points)
        for point in points:
            if point not in known:
                known[point] = exact(point)
                if progress is not None:
                    progress.update(len(known))
        return np.array([known[point] for point in points])

    def on(knots: Knots) -> SumFactors:
        return replace(start, knots=knots, factors=tuple(at(product(*knots)).ravel().tolist()))

    def fits(knots: Sequence[Sequence[float]], more: int = 0, points: Iterable[Point] = ()) -> bool:
        """Whether grid, middles, points and more values can be tried, all of them."""
        if prod(map(len, knots)) > MOST_POINTS:
            return False
        return len(known.keys() | product(*knots) | set(_middles(knots)) | set(points)) + more <= MOST_TRIED

    aim = AIM / len(start.parameters)
    found = on(_steps(start.knots, at, fits, aim))
    complete = False
    while not complete:
        thirds = _thirds(found.knots, found.knots)
        if not fits(found.knots, points=(point for *_, points in thirds for point in points)):
            thirds = _thirds(found.knots, [(value,) for value in _line(start.knots)])
        if not fits(found.knots, points=(point for *_, points in thirds for point in points)):
            break
        worst = [(_off(found, points, at(points)), place, value) for place, value, points in thirds]
        more = [list(knots) for knots in found.knots]
        for off, place, value in sorted(worst, reverse=True):
            wanted = [[*knots, value] if k == place else knots for k, knots in enumerate(more)]
            if off > aim and fits([sorted(knots) for knots in wanted]):
                more = wanted
        complete = sum(map(len, more)) == sum(map(len, found.knots))
        if not complete:
            found = on(_needed(on(tuple(tuple(sorted(knots)) for knots in more)), start.knots))
    if len(found.knots) > 1 or not complete:
        at(_middles(found.knots))
    off = _off(found, list(known), np.array(list(known.values())))
    return replace(found, off=off, tried=len(known))


def _steps(
    knots: Knots,
    at: Callable[[Iterable[Point]], FloatArray],
    fits: Callable[[Sequence[Sequence[float]], int], bool],
    aim: float,
) -> Knots:
    """Knots with one on either side of steps, searched along one line of the grid.

    Args:
        knots: Of each parameter.
        at: Factors at points, (N, B).
        fits: Whether a grid, and so many values more, can be tried.
        aim: Relative: what differs by less is no step.
    """
    line = _line(knots)
    tall: list[tuple[float, int, float, float]] = []  # how tall, of which parameter, between which values

    def factors(place: int, value: float) -> FloatArray:
        return np.asarray(np.log(at([(*line[:place], value, *line[place + 1 :])])[0]))

    for place, of in enumerate(knots):
        for low, high in pairwise(of):
            size = float(np.abs(factors(place, high) - factors(place, low)).max())
            if size > aim:
                tall.append((size, place, low, high))
    for _, place, low, high in sorted(tall, reverse=True):
        width, below, above = FINEST * (knots[place][-1] - knots[place][0]), low, high
        while (middle := _between((below, above), (0.5,))) and above - below > width:
            if not fits(_with(knots, place, (below, above)), 2):
                return knots
            left, right = (
                np.abs(factors(place, middle[0]) - factors(place, end)).max() for end in (below, above)
            )
            if min(left, right) > SAME:
                break  # smooth, or two steps
            below, above = (middle[0], above) if left <= right else (below, middle[0])
        else:
            knots = _with(knots, place, (below, above))
    return knots


def _line(knots: Knots) -> Point:
    """Where all other parameters are while one of them is varied."""
    return tuple(of[len(of) // 2] for of in knots)


def _thirds(knots: Knots, others: Sequence[Point]) -> list[tuple[int, float, list[Point]]]:
    """Thirds of intervals: of which parameter, at which value, and points with others at some of theirs."""
    return [
        (place, value, [*product(*others[:place], (value,), *others[place + 1 :])])
        for place, of in enumerate(knots)
        for value in _between(of, (1 / 3, 2 / 3))
    ]


def _with(knots: Knots, place: int, more: Point) -> Knots:
    """Knots with more of one parameter."""
    return tuple(tuple(sorted({*of, *more})) if k == place else of for k, of in enumerate(knots))


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


def _middles(knots: Sequence[Sequence[float]]) -> list[Point]:
    """Of all cells of a grid that are no step in any parameter."""
    return list(product(*(_between(of, (0.5,)) for of in knots)))


def _between(knots: Sequence[float], shares: Sequence[float]) -> Point:
    """Values within intervals that are no step; float32, as values of parameters are."""
    low, width = np.array(knots)[:-1, None], np.diff(knots)[:, None]
    values = (low + width * np.array(shares)).astype(np.float32).astype(np.float64)
    inside = (values > low) & (values < low + width) & (width > FINEST * width.sum())
    return tuple(values[inside].tolist())


def _off(found: SumFactors, points: Sequence[Point], right: FloatArray) -> float:
    """Largest relative error of a conserved sum."""
    return float(np.abs(found.at(np.array(points)) / right - 1).max())


def _exact(
    spec: RecipeSpec,
    start: SumFactors,
    calibrations: Sequence[RatioCalibration],
    valid: Mapping[str, tuple[float, float]],
    model: Path,
    parts: Sequence[Packed],
    threads: int,
) -> Callable[[Point], FloatArray]:
    """Of values of the parameters what conserves the sum of the source there, as stage weights has it.

    Shape (1, B), and (1 + M, B) of an ensemble, with the factors of each of its M members.
    """
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
        counted = np.where(beyond | found.outside, 0.0, generator)
        by_member = np.exp(found.value + found.moved) if len(logits) > 1 else ()
        wanted = (found.ratio, *by_member)
        try:
            return np.array([ratios.conserving(by, counted, bins, n_bins) for by in wanted])
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
        stored = SumFactors.of_record(said["sum_factors"])
        column = np.array([stored.factors, *stored.members])
        here = exact(tuple(np.array(point, np.float32).astype(np.float64).tolist()))
        if column.shape != here.shape or not (np.abs(here / column - 1) <= OF_STAGE).all():
            raise InputError(
                f"{spec.name}: no bundle is written: at {label} sums are conserved by {here.tolist()}, and "
                f"weights in the table by {column.tolist()}; run weights again"
            )
