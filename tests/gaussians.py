"""Events of two generators whose density ratio is known, right weights for them and deliberately wrong ones.

Five correlated Gaussian features; those of the target are shifted. In signed samples 19% of the weights are
negative: everywhere as many in the source, in the target 4% to 34% along the first feature, so that the
ratio of the signed densities is not that of |w|.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.reweighting.events import HeldOut
from jetsmith.specs.classifiers import RowsSpec, TruthSpec
from jetsmith.specs.features import Inputs

Array = np.ndarray[Any, Any]
NAMES = ("a", "b", "c", "d", "e")
COVARIANCE = 0.6 * np.eye(5) + 0.4
DIRECTION = np.array([1.0, -0.5, 0.5, 0.0, 0.0])
NEGATIVE = 0.19
SLOPE = 0.30  # of the negative share of the target, from its lowest to its highest value
SPEC = RowsSpec(
    name="gaussians",
    role="reweighter",
    sample="gaussians",
    object="event",
    classes=(TruthSpec(name="source", generator="source"), TruthSpec(name="target", generator="target")),
    inputs=(Inputs(group="event", kind="flat", length=0, features=NAMES, sources=NAMES),),
)


@dataclass(frozen=True)
class Toy:
    """N events, half of each generator.

    Attributes:
        x: Shape (N, 5).
        target: Shape (N,).
        generator: 1, or -1 where a weight is negative, shape (N,).
        ratio: The true one of the signed densities, shape (N,).
        absolute: The true one of the densities of |w|, shape (N,).
    """

    x: Array
    target: Array
    generator: Array
    ratio: Array
    absolute: Array


def draw(rng: np.random.Generator, n: int, signed: bool = False, shift: float = 0.7) -> Toy:
    """Events whose target lies `shift` standard deviations from the source, along what tells best."""
    mean = DIRECTION * shift / np.sqrt(DIRECTION @ np.linalg.solve(COVARIANCE, DIRECTION))
    target = np.arange(n) < n // 2
    x = rng.multivariate_normal(np.zeros(5), COVARIANCE, n) + mean * target[:, np.newaxis]
    way = np.linalg.solve(COVARIANCE, mean)
    absolute = np.exp(x @ way - mean @ way / 2)
    share = NEGATIVE + SLOPE * (1 / (1 + np.exp(-2 * (x[:, 0] - mean[0]))) - 0.5)  # its mean is NEGATIVE
    ratio = absolute * (1 - 2 * share) / (1 - 2 * NEGATIVE) if signed else absolute
    negative = signed & (rng.random(n) < np.where(target, share, NEGATIVE))
    return Toy(x, target, np.where(negative, -1.0, 1.0), ratio, absolute)


def events_of(toy: Toy, ratio: Array, weight: Array | None = None, factor: float = 1.0) -> HeldOut:
    """As if a reweighter had found this ratio.

    Args:
        toy: The events.
        ratio: Shape (N,).
        weight: By default the ratio, so that these events keep their sum; times a factor.
        factor: By how much the sum is off.
    """
    generator, source = toy.generator, ~toy.target
    if weight is None:
        weight = factor * ratio * generator[source].sum() / (generator[source] @ ratio[source])
    weight = np.where(source, weight, 1.0)
    packed = arrays.Packed(
        groups={"event": arrays.FlatGroup(toy.x.astype("f4"), NAMES)},
        label=np.zeros(len(generator), "i4"),
        weight=generator,
        columns={},
        datasets=("source", "target"),
        generators=("source", "target"),
    )
    return HeldOut(
        spec=SPEC,
        rows=Rows.select(SPEC.inputs, [packed]),
        target_mask=toy.target,
        generator=generator,
        ratio=ratio,
        weight=weight,
        each=np.zeros((len(generator), 0)),
        outside=np.zeros(len(generator), bool),
        spectators=np.zeros((len(generator), 0), np.float32),
        fold=np.zeros(len(generator), np.int64),
        conserved={"weight": factor},
    )


def right(rng: np.random.Generator, n: int, signed: bool = True) -> HeldOut:
    """The true ratio."""
    toy = draw(rng, n, signed)
    return events_of(toy, toy.ratio, toy.ratio)  # whose mean is 1 where there are all events


def _none(rng: np.random.Generator, n: int) -> HeldOut:
    return events_of(draw(rng, n, True), np.ones(n))


def _inverse(rng: np.random.Generator, n: int) -> HeldOut:
    toy = draw(rng, n, True)
    return events_of(toy, 1 / toy.ratio)


def _shuffled(rng: np.random.Generator, n: int) -> HeldOut:
    toy = draw(rng, n, True)
    return events_of(toy, rng.permutation(toy.ratio))


def _squared(rng: np.random.Generator, n: int) -> HeldOut:
    toy = draw(rng, n, True)
    return events_of(toy, toy.ratio**2)


def _root(rng: np.random.Generator, n: int) -> HeldOut:
    toy = draw(rng, n, True)
    return events_of(toy, np.sqrt(toy.ratio))


def _ten_times(rng: np.random.Generator, n: int) -> HeldOut:
    toy = draw(rng, n, True)
    return events_of(toy, 10 * toy.ratio, factor=10.0)


def _absolute(rng: np.random.Generator, n: int) -> HeldOut:
    toy = draw(rng, n, True)
    return events_of(toy, toy.absolute)


def _overfitted(rng: np.random.Generator, n: int) -> HeldOut:
    """By trees that know 2,000 other events by heart."""
    import xgboost

    learned, toy = draw(rng, 2000), draw(rng, n)
    options = {
        "max_depth": 8,
        "eta": 0.3,
        "min_child_weight": 0.1,
        "objective": "binary:logistic",
        "nthread": 1,
    }
    trees = xgboost.train(options, xgboost.DMatrix(learned.x, learned.target), 60)
    p = np.clip(trees.predict(xgboost.DMatrix(toy.x)).astype(np.float64), 1e-6, 1 - 1e-6)
    return events_of(toy, p / (1 - p))


def _useless(rng: np.random.Generator, n: int) -> HeldOut:
    toy = draw(rng, n, True, shift=4.0)
    return events_of(toy, toy.ratio)


WRONG: dict[str, tuple[str, Callable[[np.random.Generator, int], HeldOut]]] = {
    "none": ("separation", _none),
    "inverse": ("separation", _inverse),
    "shuffled": ("separation", _shuffled),
    "squared": ("calibration", _squared),
    "root": ("calibration", _root),
    "ten times": ("sum", _ten_times),
    "absolute": ("separation", _absolute),
    "overfitted": ("calibration", _overfitted),
    "useless": ("support", _useless),
}
"""Gate that says what is wrong with weights, and events with such weights."""
