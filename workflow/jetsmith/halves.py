"""The error of an ensemble whose members come in pairs, each pair trained on two halves of the events."""

from functools import cache

import numpy as np

from jetsmith.io import FloatArray
from jetsmith.metrics.efficiencies import LEVEL


def halves_error(values: FloatArray) -> FloatArray:
    """Half-width of the 68.3% interval of the mean over the members, of anything that they give.

    Members 2j and 2j + 1 have learned from the two halves of one partition of the events. What depends on
    the events in a linear way has a variance V from n of them, so from n/2 it has 2V, and two halves are
    independent: a quarter of the mean squared difference within pairs is V, plus half of the variance s of
    seeds. The mean of a pair has V + s/2, and of V the same in every pair: the variance between the means of
    pairs is s/2, of which P pairs leave a P-th. So V + s/2P is the first less (1 - 1/P) of the second. As
    little is known of it from few pairs, the interval is Student's with P degrees of freedom.

    It has the fluctuation of the events and of the training. It does not have what all members have in
    common: a model too stiff for the ratio, or stopped too early (docs/reweighting.md: the coverage found).
    A bootstrap is the other way (`spread`): with events twice, a classifier learns a coarser ratio than it
    does from as many different ones.

    Args:
        values: Shape (2P, …), such as log ratios of events, or contents of bins.

    Returns:
        The shape without the first axis; 0 or above.
    """
    pairs = values.reshape(len(values) // 2, 2, *values.shape[1:])
    n = len(pairs)
    within = ((pairs[:, 0] - pairs[:, 1]) ** 2).mean(axis=0) / 4
    between = pairs.mean(axis=1).var(axis=0, ddof=1) if n > 1 else 0.0
    variance = np.maximum(within - (1 - 1 / n) * between, within / n)
    return np.asarray(np.sqrt(variance) * quantile(n))


@cache
def quantile(n: int) -> float:
    """Half-width of the interval in standard deviations with n degrees of freedom: Student's t, central."""
    from scipy.stats import t

    return float(t.ppf(0.5 + LEVEL / 2, n))
