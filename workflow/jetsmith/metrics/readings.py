"""What of a class passes where another has a given efficiency, also between jets of one score."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics.cumulative import Sums
from jetsmith.metrics.efficiencies import LEVEL, Interval, binomial, passing_sums
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
    found = _between(given, wanted, np.array([efficiency]))
    if not found.tagged[0]:
        refuse_untagged(given, efficiency, role)
    total, total2 = (np.array(sum_of) for sum_of in (given.total, given.total2))
    n_effective = float(binomial(found.given[0], found.given2[0], total, total2, level)[-1])
    sigma = (efficiency * (1 - efficiency) / n_effective) ** 0.5
    around = NormalDist().inv_cdf(0.5 + level / 2) * sigma
    ends = _between(given, wanted, np.array([max(efficiency - around, 0), min(efficiency + around, 1)]))
    total, total2 = (np.array(sum_of) for sum_of in (wanted.total, wanted.total2))
    value, low, high = (
        float(one) for one in binomial(found.wanted[0], found.wanted2[0], total, total2, level)[:3]
    )
    less, more = np.clip(ends.wanted / wanted.total, 0, 1)
    down, up = np.hypot(value - low, max(value - less, 0)), np.hypot(high - value, max(more - value, 0))
    leap = min(found.above[0] / given.total - efficiency, efficiency - found.before[0] / given.total)
    return Reading(
        value,
        float(max(value - down, 0)),
        float(min(value + up, 1)),
        doubt="ties" if leap > FAR * sigma else "",
    )


@dataclass(frozen=True)
class _Between:
    """Sums of w and of w^2 at efficiencies of the class that is given, shape (T,) each.

    Attributes:
        given, given2: Of this class.
        wanted, wanted2: Of the other.
        before, above: Of the given class above the score at which its efficiency is reached, and with it.
        tagged: Whether any score reaches it; else the lowest one stands for it.
    """

    given: FloatArray
    given2: FloatArray
    wanted: FloatArray
    wanted2: FloatArray
    before: FloatArray
    above: FloatArray
    tagged: BoolArray


def _between(given: Sums, wanted: Sums, targets: FloatArray) -> _Between:
    """Of the jets whose score reaches a target, such a part that it is just reached."""
    thresholds, steps = reached(given, targets)
    tagged = thresholds > -np.inf
    at = steps.at(thresholds)
    before, above = steps.highest[at - 1], steps.highest[at]  # the first step is above all jets
    size = above - before
    part = np.divide(targets * given.total - before, size, out=np.ones(len(targets)), where=size > 0)
    part = np.where(tagged, np.clip(part, 0, 1), 1.0)
    lowest = given.score[given.score > -np.inf].min(initial=np.inf)
    at_or_above = np.maximum(thresholds.astype(np.float64), lowest)
    cuts = np.append(np.nextafter(at_or_above.astype(given.score.dtype), np.inf), at_or_above)
    sums, sums2 = (
        of[0, 1:].reshape(2, -1) for of in passing_sums(wanted.score, wanted.weight, cuts, None, 1)
    )
    return _Between(
        given=before + part * size,
        given2=steps.above2[at - 1] + part * (steps.above2[at] - steps.above2[at - 1]),
        wanted=sums[0] + part * (sums[1] - sums[0]),
        wanted2=sums2[0] + part * (sums2[1] - sums2[0]),
        before=before,
        above=above,
        tagged=tagged,
    )
