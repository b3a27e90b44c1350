"""From what the models of a reweighter say to ratios and weights: one way, for tables and for bundles."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import bin_of
from jetsmith.specs.classifiers import Members
from jetsmith.specs.features import Inputs
from jetsmith.spread import members_error

MAX_LOG_RATIO = 20.0  # numerical support alone: exp(20) stays far from overflow in sums of squares


@dataclass(frozen=True)
class RatioCalibration:
    """log(f_target/f_source) of log-odds: straight lines between knots, and beyond the last as given.

    Attributes:
        method: `none`, `platt`, `isotonic`, `histogram`.
        at: Log-odds of the knots, rising, shape (K,); two at least.
        value: Log ratio there, shape (K,).
        extends: Whether the line goes on beyond the knots, or stays at its last value.
        n_source: Effective count of source events that it was fitted on.
        n_target: The same of the target.
    """

    method: str
    at: tuple[float, ...]
    value: tuple[float, ...]
    extends: bool
    n_source: float
    n_target: float

    @property
    def slopes(self) -> FloatArray:
        """Between the knots, shape (K - 1,)."""
        return np.diff(self.value) / np.diff(self.at)

    def log_ratio(self, logit: FloatArray) -> FloatArray:
        """Shape as given."""
        x, y = np.asarray(self.at), np.asarray(self.value)
        if self.extends:
            return np.asarray(y[0] + self.slopes[0] * (logit - x[0]))
        return np.asarray(np.interp(logit, x, y))

    def slope(self, logit: FloatArray) -> FloatArray:
        """Derivative of the log ratio by the log-odds, by which errors of these count; shape as given."""
        if self.extends:
            return np.full(np.shape(logit), self.slopes[0])
        return np.asarray(self.slopes[bin_of(logit, self.at)])

    def record(self) -> dict[str, Any]:
        """For JSON: the numbers, and of a straight line slope and intercept."""
        found = asdict(self)
        if self.extends:
            zero = np.zeros(1)
            found |= {"slope": float(self.slope(zero)[0]), "intercept": float(self.log_ratio(zero)[0])}
        return found

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "RatioCalibration":
        """What `record` wrote."""
        found = {name: record[name] for name in cls.__dataclass_fields__}
        return cls(**found | {name: tuple(found[name]) for name in ("at", "value")})


@dataclass(frozen=True)
class SumFactors:
    """What conserves the sum of the source's weights.

    Attributes:
        feature: Flat input in whose bins it is conserved; empty where there is one bin.
        edges: Of the bins, shape (B + 1,); empty likewise.
        factors: Of each bin, shape (B,); 1 where nothing is conserved, or no event of the source lies.
    """

    feature: str
    edges: tuple[float, ...]
    factors: tuple[float, ...]

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "SumFactors":
        """What `asdict` made of one."""
        return cls(record["feature"], tuple(record["edges"]), tuple(record["factors"]))

    def of(self, values: FloatArray) -> FloatArray:
        """Of each event by its feature, shape (N,)."""
        bins = bin_of(values, self.edges) if self.feature else np.zeros(len(values), np.intp)
        return np.asarray(self.factors)[bins]


class Column(NamedTuple):
    """A flat input: its group, and its place among the features that are read of it."""

    group: Inputs
    place: int


def column_of(inputs: Sequence[Inputs], name: str) -> Column:
    """The flat input of that name; the configuration's check has found it."""
    group = next(i for i in inputs if i.kind == "flat" and name in i.features)
    return Column(group, group.features.index(name))


def log_odds(source: npt.NDArray[Any], target: npt.NDArray[Any]) -> FloatArray:
    """log(p_target/p_source) of probabilities, in double precision; infinite where one is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(target.astype(np.float64)) - np.log(source.astype(np.float64)))


def mean_logit(logits: FloatArray) -> FloatArray:
    """Mean over the members, (M, N) -> (N,), cut where numbers end."""
    return np.asarray(np.clip(logits, -MAX_LOG_RATIO, MAX_LOG_RATIO).mean(axis=0))


def beyond(values: FloatArray, region: tuple[float, float]) -> BoolArray:
    """Events outside a region of validity, whose end is outside; what is not finite lies in none."""
    return ~((values >= region[0]) & (values < region[1]))


@dataclass(frozen=True)
class LogRatios:
    """Of N events.

    Attributes:
        value: log(f_target/f_source), calibrated, within ±20, shape (N,).
        moved: How far from it each member of an ensemble is, which lies within ±20, too, shape (M, N).
        outside: Log-odds of a member, or the log ratio, beyond ±20, shape (N,).
        members: What these were trained on.
    """

    value: FloatArray
    moved: FloatArray
    outside: BoolArray
    members: Members

    @property
    def error(self) -> FloatArray:
        """One standard deviation, by what the members of an ensemble differ; 0 of one model."""
        if len(self.moved) == 1:
            return np.zeros(len(self.value))
        return members_error(self.moved, self.members)


def log_ratios(logits: FloatArray, calibration: RatioCalibration, members: Members) -> LogRatios:
    """Log ratios of the mean of the members' log-odds, shape (M, N)."""
    logit = mean_logit(logits)
    found = calibration.log_ratio(logit)
    value = np.clip(found, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    moved = calibration.slope(logit) * (np.clip(logits, -MAX_LOG_RATIO, MAX_LOG_RATIO) - logit)
    moved = np.clip(value + moved, -MAX_LOG_RATIO, MAX_LOG_RATIO) - value
    outside = (np.abs(logits) > MAX_LOG_RATIO).any(axis=0) | (value != found)
    return LogRatios(value, moved, outside, members)


def mean_of_folds(folds: Sequence[LogRatios]) -> LogRatios:
    """Of events that no fold has trained on: the mean of what all say, and outside where one says so.

    Each fold has a calibration of its own, so that log ratios can be averaged where log-odds cannot. Member k
    of every fold sees the same half, or replica, of the events, so that the means are such members again.
    """
    return LogRatios(
        np.mean([found.value for found in folds], axis=0),
        np.mean([found.moved for found in folds], axis=0),
        np.any([found.outside for found in folds], axis=0),
        folds[0].members,
    )


class Varied(NamedTuple):
    """Of N events, shape (N,) each; where an event keeps its weight, all are 1."""

    weight: FloatArray
    up: FloatArray
    down: FloatArray


def weights(found: LogRatios, factor: FloatArray, keeps: BoolArray) -> Varied:
    """Ratio times factor, with one standard deviation up and down.

    Args:
        found: Log ratios.
        factor: What conserves the sum, shape (N,).
        keeps: Events that keep their weight, shape (N,).
    """
    weight = np.where(keeps, 1.0, np.exp(found.value) * factor)
    error = np.where(keeps, 0.0, found.error)
    return Varied(weight, weight * np.exp(error), weight * np.exp(-error))
