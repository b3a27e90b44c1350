"""Protects bundles of reweighters with parameters: weights at any value, and a sum that stays conserved."""

import copy
import json
import math
import re
import runpy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import StringIO
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnxruntime
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

from jetsmith import io, sums, training
from jetsmith.assembling import assemble
from jetsmith.bundle import OUTSIDE, WEIGHT, Reweighter
from jetsmith.bundle_inputs import Feature, Group
from jetsmith.bundles import _weights
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import prepare
from jetsmith.bundling_reweighters import bundle_reweighter
from jetsmith.chosen import Without
from jetsmith.errors import InputError
from jetsmith.handed.closure import Area, Closure, Gate
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.progress import Progress
from jetsmith.ratios import SumFactors
from jetsmith.reweighting.weights import write_weights
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierSpec, RecipeSpec
from jetsmith.specs.features import Inputs, RawSpec
from jetsmith.specs.parameters import MOST_POINTS, MOST_TRIED, ParameterValues
from jetsmith.specs.ratios import RatioSpec
from jetsmith.strict import seen_as
from tests import shifts
from tests.unit.bundled_weights import make, recipe
from tests.unit.packed_jets import write_packed

pytestmark = [  # Keras on numpy 2
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
Array = np.ndarray[Any, Any]
ROOT = Path(__file__).parent.parent.parent
GROUP = shifts.SPEC.parameter_group
FEATURES = {
    "event": {"x": RawSpec(source="x", default=None)},
    GROUP: {"theta": RawSpec(source=f"{GROUP}.theta", default=None)},
}
TRAINED = tuple(theta for theta in shifts.THETAS if theta != shifts.HELD_OUT)
ASKED = ParameterValues(
    trained=tuple((theta,) for theta in TRAINED),
    held_out=((shifts.HELD_OUT,),),
    weighed={at: tuple(point.values()) for at, point in shifts.SPEC.points.items()},
)
TREES = shifts.SPEC.model_copy(
    update={
        "backend": "xgboost",
        "model": "",
        "architecture": {"max_depth": 3, "min_child_weight": 20},
        "training": shifts.SPEC.training.model_copy(update={"epochs": 60, "learning_rate": 0.1}),
    }
)
IN_BINS = RatioSpec(conserve_in={"x": (-1.0, 0.0, 1.0)}, valid={"x": (-2.5, 3.0)})


@dataclass(frozen=True)
class Scanned:
    """A reweighter of x ~ N(θ, 1) with its weights, in a folder of its own."""

    spec: RecipeSpec
    ratio: RatioSpec
    folder: Path

    def bundle(
        self, name: str, asked: ParameterValues = ASKED, weights: str = "nominal", closure: Path | None = None
    ) -> Reweighter:
        """Stage bundle_reweighter."""
        bundle_reweighter(
            self.spec, self.ratio.valid, FEATURES, {}, self.folder / "model", self.folder / "packed",
            self.folder / f"{weights}.json", self.folder / name, closure=closure, asked=asked,
        )  # fmt: skip
        return Reweighter(self.folder / name)

    def numbers(self) -> dict[str, Any]:
        """What stage weights has written beside the table."""
        found: dict[str, Any] = json.loads((self.folder / "nominal.json").read_text())
        return found

    def source(self) -> tuple[Array, dict[str, Array]]:
        """Feature of the source's events, and their table of weights."""
        parts = arrays.read_splits(self.folder / "packed", SPLITS, ["event"], "events")
        event = np.concatenate([part.columns["event"] for part in parts])
        x = np.concatenate([part.groups["event"].values[:, 0] for part in parts])
        rows = io.read_rows(self.folder / "nominal.parquet")
        order = np.argsort(event)
        place = order[np.searchsorted(event[order], ak.to_numpy(rows["event"]))]
        return x[place], {name: ak.to_numpy(rows[name]) for name in ak.fields(rows)}


def made(
    folder: Path, given: ClassifierSpec, ratio: RatioSpec, n_members: int = 0, n_folds: int = 0
) -> Scanned:
    """Train, score and weigh the source."""
    packed = shifts.write_sample(folder / "packed", 20_000, [4000] * 5, n_folds=max(1, n_folds))
    spec = RecipeSpec(**seen_as(RecipeSpec, given)).model_copy(update={"folds": n_folds})
    models = [folder / f"members/{k}" for k in range(n_members)] or [folder / "model"]
    for k, model in enumerate(models):
        half = Without(k % 2, 2, k // 2) if n_members else None
        training.train(spec, packed, model, 3 + k, without=half)
    if n_members:
        assemble(spec.name, models, folder / "model")
    score(spec, folder / "model", packed, folder / "scores.parquet", at=given.points)
    write_weights(
        spec, folder / "scores.parquet", shifts.DATASETS, "nominal", folder / "nominal.parquet",
        folder / "nominal.json", ratio, n_members, packed, given.points,
    )  # fmt: skip
    return Scanned(spec, ratio, folder)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    """One network, which has seen some events and gives all their weights."""
    return made(tmp_path_factory.mktemp("network"), shifts.SPEC, RatioSpec())


@pytest.fixture(scope="module")
def bundled(network: Scanned) -> Reweighter:
    """It as a bundle, with a verdict of the value that was held out."""
    area = Area(0.5, 0.49, 0.51)
    gate = Gate("interpolation", "passed", {}, {}, "at theta_0p75: the area is 0.501")
    found = Closure(
        "shifts", "events", ("before", "after"), 1, "passed", (gate,), area, area, area, 1, 1, (), ()
    )
    io.write_record(network.folder / "closure.json", found)
    return network.bundle("bundle", closure=network.folder / "closure.json")


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    """Three folds of a pair of trees, with bins and a region of validity."""
    return made(tmp_path_factory.mktemp("trees"), TREES, IN_BINS, 2, 3)


# --- weights


def test_weights_at_a_value_are_those_of_its_column(network: Scanned, bundled: Reweighter) -> None:
    """Trained or held out: every event of the source has what the table has, to float32."""
    x, table = network.source()
    assert bundled.check() < 1e-6
    for at, point in shifts.SPEC.points.items():
        found = bundled({"event": {"x": x}}, point)
        np.testing.assert_allclose(found.weight, table[f"weight_at_{at}"], rtol=3e-5, err_msg=at)
        assert not found.outside.any()
        assert found.weight.std() > 0.1


def test_the_sum_stays_between_values_as_the_bundle_says(network: Scanned, bundled: Reweighter) -> None:
    """At values that no grid has: as far off as `off` says; with the factor of the next knot many times."""
    x, _ = network.source()
    told = SumFactors.of_record(bundled.about["sum_factors"])
    assert 0 < told.off <= sums.AIM
    worst, next_knot = 0.0, 0.0
    for theta in np.random.default_rng(8).uniform(shifts.THETAS[0], shifts.THETAS[-1], 25):
        found = bundled({"event": {"x": x}}, {"theta": theta})
        worst = max(worst, abs(found.weight.mean(dtype=float) - 1))
        knot = np.argmin(np.abs(np.array(told.knots[0]) - theta))
        next_knot = max(next_knot, abs(found.ratio.mean(dtype=float) * told.factors[knot] - 1))
    assert worst < 1.35 * told.off  # at the thirds of a parabola it is 8/9 of that in the middle
    assert next_knot > 5 * told.off


def test_weights_between_values_are_those_of_the_truth(bundled: Reweighter) -> None:
    """New events at values that nobody generated: N(θ, 1) over N(0, 1).

    From 10,000 events of each generator a log weight is right to a tenth, and nearer than that of the next
    value that was trained at. Their sum is what it was within five standard deviations, of which the factor
    has one of 20,000 events.
    """
    x = np.random.default_rng(9).normal(0, 1, 80_000)
    for theta in (0.375, 0.7, 0.85):
        truth = shifts.log_ratio(x, theta)
        nearest = min(TRAINED, key=lambda of: abs(of - theta))
        found, beside = (bundled({"event": {"x": x}}, {"theta": of}) for of in (theta, nearest))
        off, of_nearest = (np.abs(np.log(each.weight) - truth).mean() for each in (found, beside))
        assert off < min(0.1, of_nearest), theta
        error = math.sqrt(math.expm1(theta**2) * (1 / 80_000 + 1 / 20_000))
        assert abs(found.weight.mean(dtype=float) - 1) < 5 * error


def test_folds_members_and_bins(trees: Scanned) -> None:
    """Factors are those of the weights out of fold, bin by bin; all outputs are there, steps have knots."""
    found = trees.bundle("bundle")
    told = SumFactors.of_record(found.about["sum_factors"])
    for at, point in shifts.SPEC.points.items():
        column = trees.numbers()["at"][at]["sum_factors"]
        assert (column["feature"], column["edges"]) == ("x", [-1, 0, 1])
        np.testing.assert_allclose(told.at(np.array([[*point.values()]]))[0], column["factors"], rtol=1e-6)
        assert len(told.over_mean) == len(column["members"]) == 2
        for by, of in zip(told.over_mean, column["members"], strict=True):
            expected = np.divide(of, column["factors"])
            np.testing.assert_allclose(by.at(np.array([[*point.values()]]))[0], expected, rtol=1e-6)
    steps = [high - low for low, high in pairwise(told.knots[0]) if high - low < 1e-5]
    assert len(steps) >= 2  # of three between four values that are trained at
    x = np.random.default_rng(9).normal(0, 1, 4000)
    weights = found({"event": {"x": x}}, {"theta": 0.6})
    np.testing.assert_array_equal(
        weights.outside, (x.astype("f4") < np.float32(-2.5)) | (x.astype("f4") >= 3)
    )
    factor = told.of(x.astype("f4").astype(float), np.full((4000, 1), np.float32(0.6), float))
    right = np.where(weights.outside, 1, weights.ratio * factor)
    np.testing.assert_allclose(weights.weight, right, rtol=1e-5)
    assert weights.weight_up is not None
    assert weights.weight_down is not None
    inside = ~weights.outside
    assert (weights.weight_up > weights.weight)[inside].all()
    assert (weights.weight_down < weights.weight)[inside].all()


def test_up_and_down_at_a_value_are_those_of_its_column(tmp_path: Path) -> None:
    """Of a pair without folds: every event of the source has the errors that the table has, in each bin."""
    pair = made(tmp_path, TREES, IN_BINS, 2)
    bundle, (x, table) = pair.bundle("bundle"), pair.source()
    for at, point in shifts.SPEC.points.items():
        found, name = bundle({"event": {"x": x}}, point), f"weight_at_{at}"
        for values, column in ((found.weight_up, f"{name}_up"), (found.weight_down, f"{name}_down")):
            assert values is not None
            np.testing.assert_allclose(values, table[column], rtol=3e-5, err_msg=column)
        a, b = (np.log(factors) for factors in pair.numbers()["at"][at]["sum_factors"]["members"])
        assert np.abs(a - b).max() > 0.01  # or the columns would be as good without them


def test_two_parameters(tmp_path: Path) -> None:
    """x ~ N(θ + κ/2, 1): each by its name, the sum as the bundle says at values of both, and the card."""
    once = shifts.write_sample(tmp_path / "once", 6000, [1500] * 5)
    for name in SPLITS:
        part = arrays.read_packed(once / name, ["event", GROUP])
        kappa = (part.columns["event"] % 2)[:, None].astype("f4")
        x = part.groups["event"].values + 0.5 * kappa * (part.columns["dataset"] > 0)[:, None]
        both = np.concatenate([kappa, part.groups[GROUP].values], axis=1)
        groups = {"event": arrays.FlatGroup(x, ("x",)), GROUP: arrays.FlatGroup(both, ("kappa", "theta"))}
        signed = np.where(part.columns["event"] % 7, 1.5, -0.5)
        write_packed(tmp_path / "packed" / name, replace(part, groups=groups, weight=signed))
    names, at = ("kappa", "theta"), {"kappa_0_theta_1p25": {"kappa": 0.0, "theta": 1.25}}
    group = Inputs(group=GROUP, kind="flat", length=0, features=names, sources=())
    changes = {"parameters": names, "inputs": (*TREES.observed, group)}
    spec = RecipeSpec(**seen_as(RecipeSpec, TREES.model_copy(update=changes)))
    training.train(spec, tmp_path / "packed", tmp_path / "model", 3)
    score(spec, tmp_path / "model", tmp_path / "packed", tmp_path / "scores.parquet", at=at)
    write_weights(
        spec, tmp_path / "scores.parquet", shifts.DATASETS, "nominal", tmp_path / "nominal.parquet",
        tmp_path / "nominal.json", RatioSpec(), 0, tmp_path / "packed", at,
    )  # fmt: skip
    asked = ParameterValues(
        trained=tuple(product((0.0, 1.0), TRAINED)), weighed={"kappa_0_theta_1p25": (0.0, 1.25)}
    )
    features = {**FEATURES, GROUP: {name: RawSpec(source=f"{GROUP}.{name}", default=None) for name in names}}
    bundle_reweighter(
        spec, {}, features, {}, tmp_path / "model", tmp_path / "packed", tmp_path / "nominal.json",
        tmp_path / "bundle", asked=asked,
    )  # fmt: skip
    found = Reweighter(tmp_path / "bundle")
    x, table = Scanned(spec, RatioSpec(), tmp_path).source()
    events = {"event": {"x": x}}
    weight = found(events, {"theta": 1.25, "kappa": 0}).weight
    np.testing.assert_allclose(weight, table["weight_at_kappa_0_theta_1p25"], rtol=3e-5)
    assert np.abs(np.log(found(events, {"theta": 0.25, "kappa": 1}).weight / weight)).mean() > 0.1
    off = found.about["sum_factors"]["off"]
    for theta, kappa in np.random.default_rng(8).uniform((0.25, 0), (1.25, 1), (12, 2)):
        weight = found(events, {"theta": theta, "kappa": kappa}).weight
        conserved = table["weight_generator"] @ weight / table["weight_generator"].sum()
        assert abs(conserved - 1) < 1.35 * off + 1e-6
    page = (tmp_path / "bundle/README.md").read_text()
    assert "| `kappa` | 0 to 1 | 0, 1 | none |" in page
    assert "Trained at 8 combinations of these values." in page
    assert "Nothing has tested what lies between the values that it was trained at." in page


def test_sums_that_nobody_asked_for_are_not_conserved(network: Scanned, tmp_path: Path) -> None:
    """`conserve: false`: the weight is the ratio, and no event is seen again."""
    ratio = RatioSpec(conserve=False)
    write_weights(
        network.spec, network.folder / "scores.parquet", shifts.DATASETS, "nominal", tmp_path / "n.parquet",
        network.folder / "as_they_are.json", ratio, 0, network.folder / "packed", shifts.SPEC.points,
    )  # fmt: skip
    found = network.bundle("as_they_are", weights="as_they_are")
    assert found.about["sum_factors"]["factors"] == [1.0, 1.0]
    weights = found({"event": {"x": np.linspace(-2, 2, 9)}}, {"theta": 0.4})
    np.testing.assert_array_equal(weights.weight, weights.ratio)


# --- the factor


def slow_factor(knots: Sequence[Sequence[float]], grid: Array, point: Sequence[float], which: int) -> float:
    """Between two knots of each parameter: corner by corner, one number at a time."""
    places, shares = [], []
    for each, value in zip(knots, point, strict=True):
        inside = min(max(value, each[0]), each[-1])
        place = max(k for k in range(len(each) - 1) if each[k] <= inside)
        places.append(place)
        shares.append((inside - each[place]) / (each[place + 1] - each[place]))
    total = 0.0
    for corner in product((0, 1), repeat=len(knots)):
        share = math.prod(s if c else 1 - s for s, c in zip(shares, corner, strict=True))
        at = tuple(place + c for place, c in zip(places, corner, strict=True))
        total += share * math.log(grid[(*at, which)])
    return math.exp(total)


SINGLES = st.lists(
    st.floats(-100, 100, width=32), min_size=2, max_size=4, unique_by=lambda x: round(x, 2)
).map(sorted)


@st.composite
def factors(draw: st.DrawFn) -> tuple[SumFactors, Array, Array]:
    """Factors of one to three parameters with or without bins, values of these and of the feature."""
    knots = tuple(map(tuple, draw(st.lists(SINGLES, min_size=1, max_size=3))))
    edges = draw(st.sampled_from([(), (0.0, 1.0), (-1.0, 0.0, 1.0), (-1.0, 0.0, 0.5, 2.0)]))
    n_bins = max(1, len(edges) - 1)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    numbers = np.exp(rng.normal(0, 0.3, math.prod(map(len, knots)) * n_bins))
    names = tuple(f"p{k}" for k in range(len(knots)))
    given = SumFactors("x" if edges else "", edges, tuple(numbers.tolist()), names, knots)
    points = np.stack(
        [
            np.where(rng.random(24) < 0.4, rng.choice(each, 24), rng.uniform(each[0] - 1, each[-1] + 1, 24))
            for each in knots
        ],
        axis=1,
    )
    return given, points.astype("f4").astype(float), rng.choice([-3.0, -0.5, 0.0, 0.25, 0.5, 7.0], 24)


@given(factors())
@example(
    (
        SumFactors("", (), (1.04, 0.96), ("p0",), ((-(2.0**-24), 1.0),)),
        np.full((24, 1), np.float32(0.7)).astype(float),
        np.zeros(24),
    )
)
def test_the_factor_is_its_slow_twin_and_its_nodes(case: tuple[SumFactors, Array, Array]) -> None:
    """At knots exactly the number of the grid, between and beyond them as one computes it by hand."""
    told, points, x = case
    found = told.of(x, points)
    bins = [max((k for k, edge in enumerate(told.edges[:-1]) if edge <= v), default=0) for v in x]
    slow = [
        slow_factor(told.knots, told.grid, p, b if told.edges else 0)
        for p, b in zip(points, bins, strict=True)
    ]
    np.testing.assert_allclose(found, slow, rtol=1e-10)
    corners = np.array(list(product(*told.knots)))
    np.testing.assert_allclose(told.at(corners).ravel(), told.factors, rtol=1e-14)
    assert SumFactors.of_record(json.loads(json.dumps(told.record()))) == told
    names = {"event": ("x",), "toy_parameters": told.parameters}
    graph, inputs = Graph(), []
    prepared = {}
    for group, features in names.items():
        entries = tuple(Feature(name, name, None, "", "none", None, None, (None, None)) for name in features)
        prepared[group] = prepare(graph, Group(group, "flat", 0, "", entries))
        inputs.append(Inputs(group=group, kind="flat", length=0, features=features, sources=()))
    graph.output("factor", _weights.factor(graph, prepared, inputs, told), ["N", 1], TensorProto.DOUBLE)
    feeds = {"event": x[:, None].astype("f4"), "toy_parameters": points.astype("f4")}
    # As written; the optimiser of onnxruntime leaves out a division by what float32 takes for 1.
    for level, rtol in (("ORT_DISABLE_ALL", 1e-10), ("ORT_ENABLE_ALL", 1e-7)):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        session = onnxruntime.InferenceSession(
            graph.finished("nodes", {}).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        (nodes,) = session.run(None, {name: feeds[name] for name in (i.name for i in session.get_inputs())})
        np.testing.assert_allclose(nodes[:, 0], found, rtol=rtol)


SMOOTH = {
    "one": (lambda p: [math.exp(0.3 * math.sin(5 * p[0])), 1.0], ((0.0, 1.0),)),
    "two": (
        lambda p: [math.exp(0.1 * math.sin(4 * p[0]) + 0.05 * p[0] * p[1] - 0.02 * p[1] ** 2)],
        ((0.0, 0.4, 1.0), (-1.0, 1.0)),
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_grid_is_as_fine_as_its_aim(name: str) -> None:
    """The largest error of a scan is what it says, and the knots that it has to have are there."""
    function, knots = SMOOTH[name]
    start = SumFactors("", (), (), tuple(f"p{k}" for k in range(len(knots))), knots)
    found = sums.refined(start, lambda point: np.array(function(point)))
    assert all(set(had) <= set(has) for had, has in zip(knots, found.knots, strict=True))
    assert math.prod(map(len, found.knots)) <= MOST_POINTS
    rng = np.random.default_rng(1)
    points = np.stack([rng.uniform(each[0], each[-1], 3000) for each in knots], axis=1)
    right = np.array([function(p) for p in points])
    worst = np.abs(found.at(points) / right - 1).max()
    assert 0.7 * found.off < worst < 1.35 * found.off  # at a third of a parabola it is 8/9 of the most
    assert found.off <= sums.AIM


def test_steps_of_trees_have_a_knot_on_either_side() -> None:
    """In two parameters: exact but within a millionth of the range, with few knots."""
    start = SumFactors("", (), (), ("a", "b"), ((0.0, 1.0), (0.0, 0.5, 1.0)))

    def function(point: Any) -> Array:
        return np.array([1.0 + 0.2 * (point[0] >= 0.3) + 0.1 * (point[1] >= 0.5)])

    found = sums.refined(start, function)
    assert found.off < 1e-9
    assert list(map(len, found.knots)) == [4, 4]
    rng = np.random.default_rng(2)
    points = rng.random((500, 2))
    np.testing.assert_allclose(found.at(points), [function(p) for p in points])


def test_a_step_at_zero_is_found_soon() -> None:
    """Floats lie ever denser there: a step is as narrow as a millionth of the range, and no narrower."""
    tried = []

    def function(point: Any) -> Array:
        tried.append(point)
        return np.array([1.0 + 0.2 * (point[0] >= 0)])

    found = sums.refined(SumFactors("", (), (), ("a",), ((-1.0, 0.0, 1.0),)), function)
    assert found.off < 1e-9
    (below,) = set(found.knots[0]) - {-1.0, 0.0, 1.0}
    assert -2e-6 < below < -1e-8
    assert len(tried) < 40


def stepped(n_parameters: int, n_values: int) -> tuple[Any, tuple[tuple[float, ...], ...]]:
    """A factor as of trees: a step between any two values of a parameter, of other heights everywhere."""
    rng = np.random.default_rng([n_parameters, n_values])
    values = np.linspace(0.0, 1.0, n_values)
    thresholds = (values[1:] + values[:-1]) / 2 + rng.uniform(-0.2, 0.2, (n_parameters, 1)) / n_values
    heights = np.exp(0.1 * rng.normal(size=(n_values,) * n_parameters))

    def factor(point: Any) -> Array:
        return heights[tuple(np.searchsorted(thresholds[k], x) for k, x in enumerate(point))][np.newaxis]

    return factor, (tuple(values.tolist()),) * n_parameters


class Counted:
    """A function that counts how often it is called, each time somewhere else."""

    def __init__(self, function: Any) -> None:
        self.function, self.points = function, list[tuple[float, ...]]()

    def __call__(self, point: Any) -> Array:
        self.points.append(point)
        assert len(set(self.points)) == len(self.points)
        return np.asarray(self.function(point))


@pytest.mark.parametrize(("n_parameters", "n_values", "most"), [(1, 5, 100), (2, 3, 260), (3, 2, 340)])
def test_steps_cost_as_many_looks_at_the_source_as_are_said(
    n_parameters: int, n_values: int, most: int
) -> None:
    """Found along one line of the grid: once a step, not at all knots of the others."""
    function, knots = stepped(n_parameters, n_values)
    counted, lines = Counted(function), StringIO()
    start = SumFactors("", (), (), tuple(f"p{k}" for k in range(n_parameters)), knots)
    found = sums.refined(start, counted, Progress("sum", 0, "values", every_s=0, stream=lines))
    assert found.off < 1e-9
    assert list(map(len, found.knots)) == [3 * n_values - 2] * n_parameters
    assert len(counted.points) == found.tried <= most
    assert len(lines.getvalue().splitlines()) == found.tried
    assert SumFactors.of_record(found.record()) == found


@pytest.mark.parametrize(("n_parameters", "n_values"), [(2, 6), (3, 3), (3, 5), (4, 3)])
def test_the_budget_ends_the_search_with_what_was_found(n_parameters: int, n_values: int) -> None:
    """More steps than the grid has points: no more looks than are allowed, and the error is that found."""
    function, knots = stepped(n_parameters, n_values)
    counted = Counted(function)
    start = SumFactors("", (), (), tuple(f"p{k}" for k in range(n_parameters)), knots)
    found = sums.refined(start, counted)
    assert len(counted.points) == found.tried <= MOST_TRIED
    assert math.prod(map(len, found.knots)) <= MOST_POINTS
    right = np.array([function(point) for point in counted.points])
    assert found.off == pytest.approx(np.abs(found.at(np.array(counted.points)) / right - 1).max())
    assert found.off > sums.LARGEST
    middles = product(*([(x + y) / 2 for x, y in pairwise(of) if y - x > 1e-5] for of in found.knots))
    np.testing.assert_array_less(
        [min(math.dist(point, middle) for point in counted.points) for middle in middles], 1e-6
    )


def test_what_no_grid_knows_says_how_far_it_is_off() -> None:
    """A factor that is another at every value: as many points as are allowed, and still an error."""
    start = SumFactors("", (), (), ("a",), ((0.0, 1.0),))
    rng = np.random.default_rng(3)
    found = sums.refined(start, lambda point: rng.uniform(0.5, 1.5, 1))
    assert len(found.knots[0]) <= MOST_POINTS
    assert found.off > sums.LARGEST


# --- what is refused


def test_a_sum_that_is_too_far_off_is_refused(trees: Scanned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of trees on a grid that is not cut: the number that was found; nothing is left behind."""
    monkeypatch.setattr(sums, "AIM", 1.0)
    with pytest.raises(
        InputError,
        match=r"values of theta .* by up to \d+\.\d%, and 1% is allowed; \d+ values were tried, of 512",
    ):
        trees.bundle("wrong")
    assert not list(trees.folder.glob("*wrong*"))


def test_factors_of_other_weights_are_refused(trees: Scanned) -> None:
    """Another factor in the table, a value that it has no weights at, a sum that is of nothing."""
    about = trees.numbers()
    del about["checksum"]
    other = copy.deepcopy(about)
    other["at"]["theta_0p5"]["sum_factors"]["factors"] = [1.001 * x for x in
        about["at"]["theta_0p5"]["sum_factors"]["factors"]]  # fmt: skip
    io.write_json(trees.folder / "other.json", other)
    with pytest.raises(InputError, match=r"no bundle is written: at theta_0p5 sums .*; run weights again"):
        trees.bundle("wrong", weights="other")
    fewer = copy.deepcopy(about)
    del fewer["at"]["theta_0p5"]
    io.write_json(trees.folder / "fewer.json", fewer)
    with pytest.raises(InputError, match="stage weights has no weights at theta_0p5; run weights again"):
        trees.bundle("wrong", weights="fewer")


def test_weights_that_cancel_are_refused_with_their_value(trees: Scanned) -> None:
    """Bins without a density: the value and what would help."""
    about = trees.numbers()
    del about["checksum"]
    (folder := trees.folder / "cancelled").mkdir()
    for name in SPLITS:
        part = arrays.read_packed(trees.folder / "packed" / name, ["event", GROUP])
        x = part.groups["event"].values[:, 0]
        cancelled = np.where(x > 0, np.where(np.arange(len(x)) % 2, -1.0, 1.0), 1.0)
        write_packed(folder / name, replace(part, weight=cancelled - 0.1 * (x > 0)))
    with pytest.raises(
        InputError, match=r"shifts, at theta 0\.25: reweighting: the source's weights in a bin"
    ):
        bundle_reweighter(
            trees.spec, IN_BINS.valid, FEATURES, {}, trees.folder / "model", folder,
            trees.folder / "nominal.json", trees.folder / "wrong", asked=ASKED,
        )  # fmt: skip


WRONG: dict[str, tuple[str, Any]] = {
    "a factor": ("factor", lambda graph, *given: graph.constant([[1.0]], np.float64)),
    "a range": ("beyond", lambda graph, groups, column, region: _beyond(graph, groups, column, (0, 9))),
}
_beyond = _weights.beyond


@pytest.mark.parametrize("what", WRONG)
def test_a_bundle_that_differs_is_not_written(
    what: str, network: Scanned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thing of the parameters wrong in the graph."""
    name, wrong = WRONG[what]
    monkeypatch.setattr(_weights, name, wrong)
    with pytest.raises(InputError, match=r"shifts: no bundle is written: of [\d,]+ events [\d,]+ get other"):
        network.bundle("wrong")
    assert not list(network.folder.glob("*wrong*"))


# --- the reader


def test_one_number_is_the_same_number_an_event(bundled: Reweighter) -> None:
    """Of any kind of number, also behind pickling; both ends of the range are within."""
    x = np.linspace(-2, 2, 1000)
    for theta in (0.25, np.float64(0.3), np.array(0.6), 1, 1.25):
        found = bundled({"event": {"x": x}}, {"theta": theta})
        each = bundled({"event": {"x": x}}, {"theta": np.full(1000, theta)})
        again = copy.deepcopy(bundled)({"event": {"x": x}}, {"theta": ak.Array(np.full(1000, float(theta)))})
        np.testing.assert_array_equal(found.weight, each.weight)
        np.testing.assert_array_equal(found.weight, again.weight)
        assert not found.outside.any()
    assert bundled.parameters == {"theta": (0.25, 1.25)}
    assert len(bundled({"event": {"x": x[:0]}}, {"theta": 0.5}).weight) == 0


def test_events_beyond_the_range_are_outside(bundled: Reweighter) -> None:
    """Where each event has its own value: weight 1 beyond it by a float32, and where there is none."""
    beyond = [np.nextafter(np.float32(1.25), np.float32(2)), np.nextafter(np.float32(0.25), np.float32(0))]
    theta = np.array([0.25, 0.7, 1.25, *beyond, np.nan, np.inf], np.float32)
    found = bundled({"event": {"x": np.full(7, 0.3)}}, {"theta": theta})
    assert found.outside.tolist() == [False, False, False, True, True, True, True]
    assert (found.weight[3:] == 1).all()
    assert (found.weight[:3] != 1).all()


def test_what_the_reader_refuses(bundled: Reweighter, tmp_path: Path) -> None:
    """Numbers beyond the range, none at all, others, too few, in another unit; each says what is right."""
    events = {"event": {"x": np.zeros(50)}}
    for value in (1.3, 0.2, np.nan, -np.inf):
        with pytest.raises(
            InputError,
            match=rf"theta: {value:g} lies outside of the values that shifts was trained at, 0\.25",
        ):
            bundled(events, {"theta": value})
    with pytest.raises(InputError, match=r"theta: 1e\+300 lies outside"):
        bundled(events, {"theta": 1e300})
    for value in ("0.5", None, True, np.ma.masked):
        with pytest.raises(InputError, match=f"theta: needs a number, or one an event, and is {value!r}"):
            bundled(events, {"theta": value})
    missing = r"needs a value of each of its parameters by name, theta \(0\.25 to 1\.25\); got "
    with pytest.raises(InputError, match=missing + "none"):
        bundled(events)
    with pytest.raises(InputError, match=missing + "none"):
        bundled(events, {})
    with pytest.raises(InputError, match=missing + "theta, scale"):
        bundled(events, {"theta": 0.5, "scale": 1.0})
    with pytest.raises(InputError, match="theta: has 3 values, and there are 50 events"):
        bundled(events, {"theta": np.full(3, 0.5)})
    with pytest.raises(InputError, match=r"theta: 500\.0 lies outside"):
        bundled(events, {"theta": np.full(50, 500.0)})
    some = np.where(np.arange(50) < 20, 9.0, 0.5)  # any number of events, but not all
    assert bundled(events, {"theta": some}).outside.sum() == 20
    here = np.arange(50) < 20
    for column in (np.ma.MaskedArray(np.full(50, 0.5), mask=here), ak.mask(np.full(50, 0.5), ~here)):
        np.testing.assert_array_equal(bundled(events, {"theta": column}).outside, here)
    for column in (ak.Array([[0.5], [0.5, 0.2]]), ak.Array([0.5, "a"]), [[0.5], [0.5, 0.2]], [10**400]):
        with pytest.raises(InputError, match="theta: needs one number a row"):
            bundled(events, {"theta": column})
    with pytest.raises(InputError, match="theta: nan lies outside"):
        bundled(events, {"theta": [None] * 50})
    for wrong in (0.4, ["theta"]):
        with pytest.raises(InputError, match=missing + re.escape(repr(wrong))):
            bundled(events, wrong)
    with pytest.raises(InputError, match="theta: needs a number, or one an event, and is of truth values"):
        bundled(events, {"theta": np.ones(50, bool)})
    other = make(tmp_path, recipe()).bundle()
    few = {"event": {"tail": np.ones(2), "x0": np.zeros(2), "x1": np.zeros(2)}}
    assert other.parameters == {}
    with pytest.raises(InputError, match="has no parameters; got theta"):
        other(few, {"theta": 0.5})


# --- what is in it


def test_what_is_in_a_bundle(bundled: Reweighter) -> None:
    """inputs.json and card name parameters, range, values, verdict of those held out, error of the sum."""
    assert bundled.about["parameters"] == {
        "group": GROUP,
        "range": {"theta": [0.25, 1.25]},
        "trained_at": [[theta] for theta in TRAINED],
        "held_out": [[shifts.HELD_OUT]],
    }
    told = bundled.about["sum_factors"]
    assert set(shifts.THETAS) <= set(told["knots"][0])
    page = (bundled.folder / "README.md").read_text()
    for words in (
        '\nfound = reweighter(events, {"theta": 0.75})',
        "| `theta` | 0.25 to 1.25 | 0.25, 0.5, 1, 1.25 | 0.75 |",
        "Gate `interpolation`, of values that were held out: passed (at theta_0p75: the area is 0.501).",
        f"{told['off']:.1e}",
    ):
        assert words in page, words
    with np.load(bundled.folder / "reference.npz", allow_pickle=False) as file:
        theta = file[GROUP][:, 0]
        assert len(np.unique(theta)) > 100
        assert set(np.float32(shifts.THETAS)) <= set(theta)
        assert not file[OUTSIDE].any()
        assert file[WEIGHT].std() > 0.1


def test_the_example_runs(bundled: Reweighter, tmp_path: Path) -> None:
    """The scan of docs/reweighting.md, with the names of this toy's inputs."""
    page = (ROOT / "docs/reweighting.md").read_text().partition("### A scan")[2]
    code = page.partition("```python\n")[2].partition("```")[0]
    for name, ours in {'{"z_pt": e': '{"x": e', '"shower_scale"': '"theta"'}.items():
        assert name in code
        code = code.replace(name, ours)
    (tmp_path / "example.py").write_text(code)
    scales = [0.25, 0.4, 1.1]
    processor = runpy.run_path(str(tmp_path / "example.py"))["Scan"](bundled.folder, scales)
    x = np.random.default_rng(4).normal(0, 1, 5000)
    generator = np.where(np.arange(5000) % 10 == 0, -1.0, 1.0)
    events = ak.zip({"Z": ak.zip({"pt": x}), "genWeight": generator}, depth_limit=1)
    found = copy.deepcopy(processor).process(events)["z_pt"]
    for scale in scales:
        weight = bundled({"event": {"x": x}}, {"theta": scale}).weight
        inside = (x >= 0) & (x < 200)
        assert found[{"scale": f"{scale:g}"}].values().sum() == pytest.approx(
            (generator * weight)[inside].sum()
        )
