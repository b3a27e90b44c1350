"""What of a class passes where another has a given efficiency, also between jets of one score."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics.cumulative import Sums
from jetsmith.metrics.efficiencies import LEVEL, Interval, binomial, in_quadrature, passing_sums
from jetsmith.metrics.thresholds import FAR, reached, refuse_untagged, require_count


@dataclass(frozen=True)
class Reading(Interval):
    """An efficiency of a class where another class has a given one.

    Attributes:
        doubt: `ties` where jets of one score leap over the given efficiency, so that no cut has it within its
            error; else empty.
    """

    doubt: Literal["", "ties"]


def reading(
    given: Sums, wanted: Sums, efficiency: float, level: float = LEVEL, role: str = "background"
) -> Reading:
    """What of one class passes where another has a given efficiency, on straight lines between scores.

    Without ties it is what passes at the `working_point` of the class that is given. Of jets of one score
    such a part passes that the given efficiency is just reached, as for the area, where ties count half; so
    it is what `efficiencies_at` reads for both scores of a comparison. The interval holds the binomial error
    of what is read, and that of the given class through the threshold, in quadrature: what is read at its
    target ± z sqrt(variance of the efficiency).

    Args:
        given: Sums of the class whose efficiency is given.
        wanted: Of the other.
        efficiency: In (0, 1).
        level: Probability content of the interval.
        role: What messages call the first class.

    Raises:
        InputError: Less than one effective jet is expected above the threshold, or too few are tagged.
    """
    require_count(given, [efficiency], role)
    at = _At.reached(given, np.array([efficiency]))
    if not at.tagged[0]:
        refuse_untagged(given, efficiency, role)
    total, total2 = (np.array(sum_of) for sum_of in (given.total, given.total2))
    n_effective = float(binomial(at.sums[0], at.sums2[0], total, total2, level)[-1])
    sigma = (efficiency * (1 - efficiency) / n_effective) ** 0.5
    around = NormalDist().inv_cdf(0.5 + level / 2) * sigma
    ends = _At.reached(given, np.array([max(efficiency - around, 0), min(efficiency + around, 1)]))
    sums, sums2 = _passing(wanted, (at, ends))
    totals = np.full(3, wanted.total), np.full(3, wanted.total2)
    (value, less, more), (low, *_), (high, *_), _ = binomial(sums, sums2, *totals, level)
    low, high = in_quadrature(value, low, high, less, more)
    leap = min(at.above[0] / given.total - efficiency, efficiency - at.before[0] / given.total)
    return Reading(
        float(value),
        max(float(low), 0.0),
        min(float(high), 1.0),
        doubt="ties" if leap > FAR * sigma else "",
    )


@dataclass(frozen=True)
class _At:
    """The scores at which efficiencies of a class are reached, shape (T,) each.

    Attributes:
        score: The scores; where no jet that is tagged reaches it the lowest one.
        tagged: Whether any does.
        before, above: Sums of w above each score, and with it.
        part: How much of the jets of this score pass, so that the efficiency is just reached.
        sums, sums2: Of w and of w^2, with this part.
    """

    score: FloatArray
    tagged: BoolArray
    before: FloatArray
    above: FloatArray
    part: FloatArray
    sums: FloatArray
    sums2: FloatArray

    @classmethod
    def reached(cls, given: Sums, targets: FloatArray) -> "_At":
        """Of a class and efficiencies."""
        score, steps = reached(given, targets)
        tagged = score > -np.inf
        at = steps.at(score)
        before, above = steps.highest[at - 1], steps.highest[at]  # the first step is above all jets
        size = above - before
        part = np.divide(targets * given.total - before, size, out=np.ones(len(targets)), where=size > 0)
        part = np.where(tagged, np.clip(part, 0, 1), 1.0)
        if not tagged.all():
            score = np.maximum(score, given.score[given.score > -np.inf].min(initial=np.inf))
        sums2 = steps.above2[at - 1] + part * (steps.above2[at] - steps.above2[at - 1])
        return cls(score, tagged, before, above, part, before + part * size, sums2)


def _passing(wanted: Sums, places: Sequence[_At]) -> tuple[FloatArray, FloatArray]:
    """Sums of w and of w^2 of another class above scores, and of the same part of its jets there."""
    score, part = (np.concatenate([getattr(at, name) for at in places]) for name in ("score", "part"))
    above = np.nextafter(score, score.dtype.type(np.inf))
    cuts = np.concatenate([above, score]).astype(np.float64)
    sums, sums2 = (
        of[0, 1:].reshape(2, -1) for of in passing_sums(wanted.score, wanted.weight, cuts, None, 1)
    )
    return sums[0] + part * (sums[1] - sums[0]), sums2[0] + part * (sums2[1] - sums2[0])
