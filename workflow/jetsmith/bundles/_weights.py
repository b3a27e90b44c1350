"""From probabilities to weights as nodes, in double precision: what `ratios` and `signs.joined` do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from jetsmith import ratios, signs
from jetsmith.bundle import DOWN, OUTSIDE, RATIO, UP, WEIGHT
from jetsmith.bundle_inputs import Group
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import Prepared
from jetsmith.halves import quantile
from jetsmith.io import FloatArray
from jetsmith.ratios import Column, RatioCalibration, SumFactors
from jetsmith.specs.classifiers import Members
from jetsmith.specs.features import Inputs
from jetsmith.spread import half_width

LIMIT = ratios.MAX_LOG_RATIO


@dataclass(frozen=True)
class Said:
    """What a fold says, or all: ratios, up and down where there is an ensemble; names of tensors (N, 1)."""

    ratios: tuple[str, ...]
    outside: str


def log_odds(graph: Graph, probabilities: str, signed: bool) -> str:
    """log(p_target/p_source), (N, 1).

    Args:
        graph: Where it goes.
        probabilities: (N, 2), or (N, 4) of classes whose weights are above and below 0.
        signed: Whether there are four.
    """
    doubles = _double(graph, probabilities)
    if signed:
        above, below = (graph.node("Gather", doubles, graph.whole(k, k + 2), axis=1) for k in (0, 1))
        least = graph.node("Mul", graph.node("Add", above, below), _number(graph, signs.FLOOR))
        left = graph.node("Max", graph.node("Sub", above, below), least)
        shares = graph.node("Div", left, graph.node("ReduceSum", left, graph.whole(1), keepdims=1))
        doubles = _double(graph, graph.node("Cast", shares, to=TensorProto.FLOAT))
    source, target = graph.split(graph.node("Log", doubles), [1, 1])
    return graph.node("Sub", target, source)


def side_by_side(graph: Graph, logits: Sequence[str], lacking: Sequence[str]) -> str:
    """Log-odds of M members, (N, M); 0 where an event lacks an input."""
    together = graph.node("Concat", *logits, axis=1)
    return graph.node("Where", any_of(graph, lacking), _number(graph, 0), together) if lacking else together


def of_fold(
    graph: Graph,
    logits: str,
    calibration: RatioCalibration,
    n_members: int,
    members: Members,
    by: str | None = None,
) -> Said:
    """As `ratios.log_ratios` and `varied` of it, with `by` (N, M), or None for 0; logits (N, M)."""
    cut = _cut(graph, logits)
    logit = graph.node("ReduceMean", cut, axes=[1], keepdims=1)
    found = _calibrated(graph, logit, calibration)
    value = _cut(graph, found)
    largest = graph.node("ReduceMax", graph.node("Abs", logits), axes=[1], keepdims=1)
    outside = graph.node(
        "Or",
        graph.node("Greater", largest, _number(graph, LIMIT)),
        graph.node("Not", graph.node("Equal", value, found)),
    )
    logs = [value]
    if n_members > 1:
        moved = graph.node("Mul", graph.node("Sub", cut, logit), _number(graph, calibration.slope))
        moved = graph.node("Sub", _cut(graph, graph.node("Add", value, moved)), value)
        moved = moved if by is None else graph.node("Add", moved, by)
        error = _error(graph, moved, n_members, members)
        logs += [graph.node("Add", value, error), graph.node("Sub", value, error)]
    return Said(tuple(graph.node("Exp", log) for log in logs), outside)


def mean_of_folds(graph: Graph, folds: Sequence[Said]) -> Said:
    """As `ratios.mean_of_folds`."""
    if len(folds) == 1:
        return folds[0]
    n = _number(graph, len(folds))
    each = zip(*(said.ratios for said in folds), strict=True)
    mean = tuple(graph.node("Div", graph.node("Sum", *names), n) for names in each)
    return Said(mean, any_of(graph, [said.outside for said in folds]))


def outputs(graph: Graph, said: Said, outside: str, factor: str) -> dict[str, str]:
    """As `ratios.weights`; of each output, by its name, the tensor, (N,)."""
    found, one = {RATIO: said.ratios[0]}, _number(graph, 1)
    for name, ratio in zip((WEIGHT, UP, DOWN), said.ratios, strict=False):
        found[name] = graph.node("Where", outside, one, graph.node("Mul", ratio, factor))
    flat = {name: graph.node("Squeeze", tensor, graph.whole(1)) for name, tensor in found.items()}
    singles = {name: graph.node("Cast", tensor, to=TensorProto.FLOAT) for name, tensor in flat.items()}
    return singles | {OUTSIDE: graph.node("Squeeze", outside, graph.whole(1))}


def _error(graph: Graph, moved: str, n_members: int, members: Members) -> str:
    """As `members_error`, (N, M) -> (N, 1)."""
    if members != "halves":
        variance = graph.node(
            "Div", _sum_of_squares(graph, _centred(graph, moved, n_members)), _number(graph, n_members - 1)
        )
        return graph.node("Mul", graph.node("Sqrt", variance), _number(graph, half_width(members, n_members)))
    n = n_members // 2
    pair = np.repeat(np.eye(n), 2, axis=0)  # (M, P)
    differs = graph.node(
        "MatMul", moved, graph.constant(pair * np.resize([1.0, -1.0], (2 * n, 1)), np.float64)
    )
    means = graph.node("MatMul", moved, graph.constant(pair / 2, np.float64))
    within = graph.node("Div", _sum_of_squares(graph, differs), _number(graph, 4 * n))
    variance = within
    if n > 1:
        centred = _centred(graph, means, n)
        # (1 - 1/P) of the variance between pairs, which has P - 1 in its denominator.
        between = graph.node("Div", _sum_of_squares(graph, centred), _number(graph, n))
        least = graph.node("Div", within, _number(graph, n))
        variance = graph.node("Max", graph.node("Sub", within, between), least)
    return graph.node("Mul", graph.node("Sqrt", variance), _number(graph, quantile(n)))


def _centred(graph: Graph, x: str, n: int) -> str:
    """Less the mean of each row, (N, n)."""
    return graph.node("MatMul", x, graph.constant(np.eye(n) - 1 / n, np.float64))


def factor(
    graph: Graph, groups: Mapping[str, Prepared], inputs: Sequence[Inputs], factors: SumFactors
) -> str:
    """As `SumFactors.of`; (N, 1), or (1, 1) where there is one bin and no parameter."""
    if factors.parameters:
        return _factor_at(graph, groups, inputs, factors)
    if not factors.feature:
        return _row(graph, np.asarray(factors.factors))
    values = _column(graph, groups, ratios.column_of(inputs, factors.feature))
    return _by_bin(graph, values, factors.edges, np.asarray(factors.factors))


def of_members(
    graph: Graph, groups: Mapping[str, Prepared], inputs: Sequence[Inputs], factors: SumFactors
) -> str | None:
    """Logarithm of each member's factor over that of the mean, (N, M) or (1, M); None where all are 0."""
    each = [factor(graph, groups, inputs, by) for by in factors.over_mean]
    return graph.node("Log", graph.node("Concat", *each, axis=1)) if each else None


def _factor_at(
    graph: Graph, groups: Mapping[str, Prepared], inputs: Sequence[Inputs], factors: SumFactors
) -> str:
    """The factor of each event's bin at its values of the parameters, (N, 1).

    What stands between knots is a sum over all points of the grid: each counts the product of its shares in
    the parameters, which fall from 1 at a knot to 0 at the next one.
    """
    shares, n_points = _row(graph, np.ones(1)), 1  # (N, K1 · … · Kp)
    for name, knots in zip(factors.parameters, map(np.array, factors.knots), strict=True):
        values = _column(graph, groups, ratios.column_of(inputs, name))
        steps = graph.node("Sub", values, _row(graph, knots[:-1]))
        passed = graph.node("Div", steps, _row(graph, np.diff(knots)))
        passed = graph.node("Min", graph.node("Max", passed, _number(graph, 0)), _number(graph, 1))
        # Of how much each interval was passed: a knot's share is that of the one before less that behind.
        before = np.eye(len(knots) - 1, len(knots), 1) - np.eye(len(knots) - 1, len(knots))
        share = graph.node("MatMul", passed, graph.constant(before, np.float64))
        share = graph.node("Add", share, _row(graph, np.eye(1, len(knots))[0]))
        together = graph.node(
            "Mul",
            graph.node("Unsqueeze", shares, graph.whole(2)),
            graph.node("Unsqueeze", share, graph.whole(1)),
        )
        n_points *= len(knots)
        shares = graph.node("Reshape", together, graph.whole(-1, n_points))
    logs = np.log(factors.grid).reshape(n_points, -1)
    found = graph.node("Exp", graph.node("MatMul", shares, graph.constant(logs, np.float64)))  # (N, B)
    if not factors.feature:
        return found
    values = _column(graph, groups, ratios.column_of(inputs, factors.feature))
    own = _by_bin(graph, values, factors.edges, np.eye(logs.shape[1]))
    own = graph.node("Reshape", own, graph.whole(-1, logs.shape[1]))
    return graph.node("ReduceSum", graph.node("Mul", found, own), graph.whole(1), keepdims=1)


def beyond(graph: Graph, groups: Mapping[str, Prepared], column: Column, region: tuple[float, float]) -> str:
    """As `ratios.beyond`, (N, 1)."""
    values = _column(graph, groups, column)
    low, high = (_number(graph, end) for end in region)
    inside = graph.node("And", graph.node("GreaterOrEqual", values, low), graph.node("Less", values, high))
    return graph.node("Not", inside)


def lacking(graph: Graph, prepared: Prepared, group: Group) -> str:
    """Events where an input of a group is not finite, (N, 1)."""
    is_flat = group.kind == "flat"
    values = prepared.values if is_flat else prepared.masked(prepared.values)
    finite = graph.node("Equal", graph.node("Sub", values, values), graph.constant(0.0))
    share = graph.node("Cast", finite, to=TensorProto.FLOAT)
    least = graph.node("ReduceMin", share, axes=[1] if is_flat else [1, 2], keepdims=int(is_flat))
    least = least if is_flat else graph.node("Unsqueeze", least, graph.whole(1))
    return graph.node("Less", least, graph.constant(0.5))


def any_of(graph: Graph, masks: Sequence[str]) -> str:
    """Where one of them is true."""
    found, *others = masks
    for mask in others:
        found = graph.node("Or", found, mask)
    return found


def _calibrated(graph: Graph, x: str, calibration: RatioCalibration) -> str:
    """As `RatioCalibration.log_ratio`: between knots the sum of what each line has risen until x."""
    at, value = np.asarray(calibration.at), np.asarray(calibration.value)
    slopes = calibration.slopes
    if calibration.extends:
        steps = graph.node("Sub", x, _number(graph, at[0]))
        return graph.node(
            "Add", graph.node("Mul", steps, _number(graph, slopes[0])), _number(graph, value[0])
        )
    steps = graph.node("Sub", x, graph.constant([at[:-1]], np.float64))
    steps = graph.node("Min", graph.node("Max", steps, _number(graph, 0)), _row(graph, np.diff(at)))
    risen = graph.node("MatMul", steps, graph.constant(slopes[:, None], np.float64))
    return graph.node("Add", risen, _number(graph, value[0]))


def _by_bin(graph: Graph, x: str, edges: Sequence[float], values: FloatArray) -> str:
    """The value of the bin of x, as `metrics.bin_of` finds it; (N, 1), or (1, 1) where there is one bin."""
    if len(values) == 1:
        return _row(graph, values)
    passed = graph.node("GreaterOrEqual", x, _row(graph, np.asarray(edges[1:-1])))
    place = graph.node(
        "ReduceSum", graph.node("Cast", passed, to=TensorProto.INT64), graph.whole(1), keepdims=1
    )
    return graph.node("Gather", graph.constant(values, np.float64), place)


def _column(graph: Graph, groups: Mapping[str, Prepared], column: Column) -> str:
    values = groups[column.group.group].values
    return _double(graph, graph.node("Gather", values, graph.whole(column.place), axis=1))


def _cut(graph: Graph, x: str) -> str:
    return graph.node("Min", graph.node("Max", x, _number(graph, -LIMIT)), _number(graph, LIMIT))


def _sum_of_squares(graph: Graph, x: str) -> str:
    return graph.node("ReduceSum", graph.node("Mul", x, x), graph.whole(1), keepdims=1)


def _double(graph: Graph, x: str) -> str:
    return graph.node("Cast", x, to=TensorProto.DOUBLE)


def _row(graph: Graph, values: FloatArray) -> str:
    return graph.constant(values[None], np.float64)


def _number(graph: Graph, value: float) -> str:
    return graph.constant([[value]], np.float64)
