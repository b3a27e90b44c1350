"""Whether numbers differ: by what rule, and how many were looked at."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import special

from jetsmith.handed.comparison import Number
from jetsmith.metrics import Interval

LEVEL = 0.05
"""Chance that any number of a comparison is said to differ where none does."""


def p_value(z: float, replicas: int | None = None) -> float:
    """Chance of a difference as far from 0 in errors, on either side, where there is none.

    Args:
        z: The difference over its error.
        replicas: Of the bootstrap that the error comes from; it fluctuates itself, so that the distribution
            is Student's. None for an error that is known.
    """
    tail = special.ndtr(-abs(z)) if replicas is None else special.stdtr(replicas - 1, -abs(z))
    return float(min(2 * tail, 1.0))


def apart(before: Interval, after: Interval) -> tuple[Interval, float]:
    """The difference of numbers from different jets, from their intervals, and its error.

    That is the larger side of the difference's interval, since the ends of both intervals fluctuate, too.
    Where jets are the same after all, this is still more cautious: fluctuations cancel in part.
    """
    value = after.value - before.value
    down = float(np.hypot(after.value - after.low, before.high - before.value))
    up = float(np.hypot(after.high - after.value, before.value - before.low))
    return Interval(value, value - down, value + up), max(down, up)


def judged(numbers: Sequence[Number], level: float = LEVEL) -> tuple[Number, ...]:
    """Numbers with `p_holm`, and those marked that differ.

    Holm's rule (Scand. J. Statist. 6 (1979) 65): the smallest p is multiplied with how many were tested, the
    next with one less, and so on. It holds whatever the numbers have to do with each other.
    """
    tested = [k for k, number in enumerate(numbers) if number.p is not None]
    ranked = sorted(tested, key=lambda k: numbers[k].p or 0.0)
    found, largest = list(numbers), 0.0
    for rank, k in enumerate(ranked):
        largest = max(largest, min((numbers[k].p or 0.0) * (len(ranked) - rank), 1.0))
        found[k] = replace(numbers[k], p_holm=largest, differs=largest < level)
    return tuple(found)
