"""The error of an ensemble by how its members differ, which depends on what each was trained on."""

import math
from functools import cache
from typing import get_args

import numpy as np

from jetsmith.halves import halves_error, quantile
from jetsmith.io import FloatArray
from jetsmith.specs.classifiers import Members

ERRORS: dict[Members, str] = {
    "halves": "by halves of the events, of which each member of the ensemble has learned one",
    "bootstrap": "by bootstrap replicas of the events, of which each member of the ensemble has learned one",
    "seeds": "of the training alone, by the seeds of the ensemble's members: how the events of the sample "
    "fluctuate is not in it",
}
"""What the error by each kind of members is of, for captions, cards and descriptions of files."""


def members_error(values: FloatArray, members: Members) -> FloatArray:
    """Half-width of the 68.3% interval of the mean over the members, of anything that they give.

    Args:
        values: Shape (M, …), such as log ratios of events, or contents of bins; 2 members or more.
        members: What each was trained on (`halves_error`, `half_width`).

    Returns:
        The shape without the first axis; 0 or above.

    Raises:
        ValueError: There is no such kind of members, fewer than 2 of them, or halves without their other.
    """
    _require_known(members)
    if len(values) < 2 or (members == "halves" and len(values) % 2):
        wanted = "pairs, an even number" if members == "halves" else "2 or more"
        raise ValueError(f"members: {len(values)} of kind `{members}`, where {wanted} of them have an error")
    if members == "halves":
        return halves_error(values)
    return np.asarray(values.std(axis=0, ddof=1) * half_width(members, len(values)))


def _require_known(members: str) -> None:
    if members not in get_args(Members):
        raise ValueError(f"members: `{members}`, where one of {', '.join(get_args(Members))} is known")


@cache
def half_width(members: Members, n: int) -> float:
    """Half-width of the interval, in standard deviations of the n members (n - 1 in the denominator).

    `seeds`: all learned from the same events, so that they scatter by the variance s of seeds, of which their
    mean keeps s/n. That is the error of the training alone; the mean fluctuates with the events, too, and of
    that, V, these members know nothing.

    `bootstrap`: each learned from a replica, in which an event counts Poisson(1) times, with a seed of its
    own. What depends on the events in a linear way fluctuates between replicas by V, as it does between
    samples, so that members scatter by v = V + s. Their mean is off by V, which no number of members makes
    less, and by the n-th of v that is left of the scatter of replicas and seeds: V + v/n. V cannot be told
    from v, as every replica has a seed of its own, and v stands in its place: v (1 + 1/n). What averaging
    takes away of s is so counted as if it stayed: the interval is too wide where seeds matter, by less than
    the root of 1 + s/V. How much s is `seeds` tell: n times their squared error, less Student's factor.

    Either is Student's with n - 1 degrees of freedom. Not in them is what `halves_error` lacks, too; nor that
    with events twice a classifier learns a coarser ratio than from as many different ones, which moves all
    members, and their mean, the same way.
    """
    _require_known(members)
    if members == "halves":
        raise ValueError("halves come in pairs: halves_error")
    share = 1 / n if members == "seeds" else 1 + 1 / n
    return quantile(n - 1) * math.sqrt(share)
