"""From what the models of a reweighter say to ratios and weights: one way, for tables and for bundles."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RegularGridInterpolator

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
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
        slope: Of the straight line through the same events, by which errors of log-odds count: a curve of
            pieces is flat here and steep there by chance, and so would be the errors.
    """

    method: str
    at: tuple[float, ...]
    value: tuple[float, ...]
    extends: bool
    n_source: float
    n_target: float
    slope: float

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

    def record(self) -> dict[str, Any]:
        """For JSON: the numbers, and of a straight line the intercept."""
        found = asdict(self)
        return found | ({"intercept": float(self.log_ratio(np.zeros(1))[0])} if self.extends else {})

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "RatioCalibration":
        """What `record` wrote."""
        found = {name: record[name] for name in cls.__dataclass_fields__}
        return cls(**found | {name: tuple(found[name]) for name in ("at", "value")})


@dataclass(frozen=True)
class SumFactors:
    """What conserves the sum of the source's weights: numbers, or of P parameters functions of these.

    Such a function is exact at the points of a grid; between them its logarithm is linear in each parameter.

    Attributes:
        feature: Flat input in whose bins it is conserved; empty where there is one bin.
        edges: Of the bins, shape (B + 1,); empty likewise.
        factors: Of each bin, shape (B,), or of each point of the grid too, shape (K1, …, KP, B) in one row;
            1 where nothing is conserved, or no event of the source lies.
        parameters: The P of them.
        knots: Of each parameter the values of the grid, rising, float32, Kp of them, two at least.
        off: Largest relative error that was found of a conserved sum between the points of the grid.
        tried: At how many values it was counted, points of the grid among them; 0 without parameters.
        members: Of each member of an ensemble, as `factors`, by whose differences weights have their error;
            empty where there is none, or nothing is conserved.
    """

    feature: str
    edges: tuple[float, ...]
    factors: tuple[float, ...]
    parameters: tuple[str, ...] = ()
    knots: tuple[tuple[float, ...], ...] = ()
    off: float = 0.0
    tried: int = 0
    members: tuple[tuple[float, ...], ...] = ()

    def record(self) -> dict[str, Any]:
        """For JSON; nothing of parameters, or of errors, where there are none."""
        names = ["feature", "edges", "factors", *(["members"] if self.members else [])]
        names += ["parameters", "knots", "off", "tried"] if self.parameters else []
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "SumFactors":
        """What `record` made of one."""
        knots = tuple(map(tuple, record.get("knots", ())))
        names = tuple(record.get("parameters", ()))
        found = cls(record["feature"], tuple(record["edges"]), tuple(record["factors"]), names, knots)
        members = tuple(map(tuple, record.get("members", ())))
        return replace(found, off=record.get("off", 0.0), tried=record.get("tried", 0), members=members)

    @property
    def over_mean(self) -> "tuple[SumFactors, ...]":
        """Of each member its factors over those of `weight`, as such."""
        each = (np.divide(of, self.factors) for of in self.members)
        return tuple(replace(self, factors=tuple(of.tolist()), members=()) for of in each)

    @property
    def grid(self) -> FloatArray:
        """The factors, shape (K1, …, KP, B)."""
        return np.reshape(self.factors, (*map(len, self.knots), -1))

    @property
    def regions(self) -> dict[str, tuple[float, float]]:
        """Of each parameter where it may lie, as `beyond` has it: its last knot is not outside."""
        last = [float(np.nextafter(np.float32(knots[-1]), np.float32(np.inf))) for knots in self.knots]
        return {name: (k[0], end) for name, k, end in zip(self.parameters, self.knots, last, strict=True)}

    def at(self, points: FloatArray) -> FloatArray:
        """Factors of all bins at values of the parameters, (N, P) -> (N, B); as at its end beyond it."""
        if not self.parameters:
            return np.broadcast_to(self.grid, (len(points), len(self.factors)))
        ends = np.array([(knots[0], knots[-1]) for knots in self.knots])
        logs = RegularGridInterpolator(self.knots, np.log(self.grid))(np.clip(points, *ends.T))
        return np.asarray(np.exp(logs))

    def of(self, values: FloatArray, points: FloatArray) -> FloatArray:
        """Of each event by its feature and its values of the parameters, (N,) and (N, P) -> (N,)."""
        bins = bin_of(values, self.edges) if self.feature else np.zeros(len(values), np.intp)
        return np.asarray(self.at(points)[np.arange(len(values)), bins])


def conserving(
    weight: FloatArray, generator: FloatArray, bins: npt.NDArray[np.intp], n_bins: int
) -> FloatArray:
    """What conserves the sum of the source's weights in each bin, shape (B,); 1 where there are no events.

    Args:
        weight: Ratios, not normalised, shape (N,).
        generator: Generator weights, signed; 0 of events that it is not for, shape (N,).
        bins: Bin of each event, shape (N,).
        n_bins: How many there are.

    Raises:
        InputError: The weights in a bin do not add up to more than 0, before or after.
    """
    before, after = np.bincount(bins, generator, n_bins), np.bincount(bins, generator * weight, n_bins)
    filled = np.bincount(bins, generator != 0, n_bins) > 0
    if not (before[filled] > 0).all() or not (after[filled] > 0).all():
        raise InputError(
            "reweighting: the source's weights in a bin within which their sum is to be conserved do not add "
            "up to more than 0; take wider bins, or look at the generator weights"
        )
    return np.divide(before, after, out=np.ones(n_bins), where=filled)


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
    def ratio(self) -> FloatArray:
        """Of the densities, (N,)."""
        return np.asarray(np.exp(self.value))

    def error(self, by: FloatArray | float = 0.0) -> FloatArray:
        """One standard deviation of the log weight, by what the members' log weights differ; 0 of one model.

        Args:
            by: Logarithm of what conserves the sum with a member, over what does with their mean, shape
                (M, N) or (M, 1): what the normalisation takes away of a difference is no error of a weight.
        """
        if len(self.moved) == 1:
            return np.zeros(len(self.value))
        return members_error(self.moved + by, self.members)

    def varied(self, by: FloatArray | float = 0.0) -> "Varied":
        """Ratios, and one standard deviation (`error`) of their logarithms up and down."""
        error = self.error(by)
        return Varied(self.ratio, np.exp(self.value + error), np.exp(self.value - error))


def log_ratios(logits: FloatArray, calibration: RatioCalibration, members: Members) -> LogRatios:
    """Log ratios of the mean of the members' log-odds, shape (M, N)."""
    logit = mean_logit(logits)
    found = calibration.log_ratio(logit)
    value = np.clip(found, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    moved = calibration.slope * (np.clip(logits, -MAX_LOG_RATIO, MAX_LOG_RATIO) - logit)
    moved = np.clip(value + moved, -MAX_LOG_RATIO, MAX_LOG_RATIO) - value
    outside = (np.abs(logits) > MAX_LOG_RATIO).any(axis=0) | (value != found)
    return LogRatios(value, moved, outside, members)


def out_of_fold(
    logits: FloatArray, fold: IntArray, calibrations: Sequence[RatioCalibration], members: Members
) -> LogRatios:
    """Log ratios of events, each by the calibration of its fold.

    Args:
        logits: Log-odds of members, by the model that has not seen the event, shape (M, N).
        fold: Fold of each event, shape (N,); 0 in a sample without.
        calibrations: Of each fold, or one.
        members: What the members were trained on.
    """
    n = len(fold)
    out = LogRatios(np.empty(n), np.empty(logits.shape), np.empty(n, bool), members)
    for k, calibration in enumerate(calibrations):
        rows = fold == k
        of_fold = log_ratios(logits[:, rows], calibration, members)
        out.value[rows], out.moved[:, rows], out.outside[rows] = of_fold.value, of_fold.moved, of_fold.outside
    return out


class Varied(NamedTuple):
    """A ratio or a weight of N events, and those one standard deviation of each event up and down, (N,)."""

    nominal: FloatArray
    up: FloatArray
    down: FloatArray


def mean_of_folds(folds: Sequence[LogRatios], by: FloatArray | float = 0.0) -> tuple[Varied, BoolArray]:
    """Ratios of events that no fold has trained on: the mean of what all say; outside where one says so.

    Of ratios, not of their logarithms: the sum of the source's weights is then on average the one that the
    factors conserve. These were counted with the ratio of one fold for each event, and the mean of logarithms
    has another, smaller sum. Those up and down are means likewise, with the error of one fold (`error`).
    """
    each = [found.varied(by) for found in folds]
    mean = Varied(*(np.mean(of_folds, axis=0) for of_folds in zip(*each, strict=True)))
    return mean, np.any([found.outside for found in folds], axis=0)


def weights(ratio: Varied, factor: FloatArray, keeps: BoolArray) -> Varied:
    """Ratio times factor; where an event keeps its weight, all are 1.

    Args:
        ratio: Shape (N,).
        factor: What conserves the sum of the weights; those up and down have no sum to keep, shape (N,).
        keeps: Events that keep their weight, shape (N,).
    """
    return Varied(*(np.where(keeps, 1.0, of * factor) for of in ratio))
