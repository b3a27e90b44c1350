"""Refined weights: above 0, in the place of signed ones. `refined` is the gate that judges them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetsmith import ratios
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.reweighting.scores import ReweighterScores

REFINED = "weight_refined"  # a generator weight above 0, in files of weights
REFINED_TARGET = f"{REFINED}_target"  # the same times the weight, with the sum of the source


def refined(found: ReweighterScores, datasets: Sequence[str]) -> FloatArray:
    """Weights above 0 that stand for the generators' own, shape (N,).

    The weight of an event is on average E[w|x], so its size times the share that weights below 0 leave there
    has the same density in the inputs x, and fluctuates less (arXiv 2007.11586, 2505.03724). The sum of each
    dataset stays what it was: its cross section, and with parameters that at its values. A dataset without
    weights below 0 keeps its own, and so do events without a score, whose share nobody knows. Events outside
    `ratio.valid` have one.

    Args:
        found: The scores.
        datasets: Names of the sample's datasets, in its order.

    Raises:
        InputError: The weights of a dataset do not add up to more than 0.
    """
    weight = found.weight.copy()
    for place in np.unique(found.dataset).tolist():
        rows = np.flatnonzero((found.dataset == place) & np.isfinite(found.share))
        own = found.weight[rows]
        if (own < 0).any():
            if not own.sum() > 0:
                raise InputError(
                    f"ratio.refine: the weights of dataset `{datasets[place]}` add up to nothing above 0, "
                    "for which no weight above 0 can stand; look at its generator weights"
                )
            left = np.abs(own) * found.share[rows]
            weight[rows] = left * (own.sum() / left.sum())
    return weight


def refined_to_target(
    found: ReweighterScores,
    of_generator: FloatArray,
    weight: FloatArray,
    bins: npt.NDArray[np.intp],
    conserve: bool,
) -> FloatArray:
    """Refined weights times those of the reweighter, with the sum of the source in each bin, shape (N,).

    `weight` conserves the sum of signed weights times it. That of refined ones is another: where weights vary
    within what few inputs tell, much is left by chance of large terms of both signs.

    Args:
        found: The scores.
        of_generator: Refined weights, shape (N,).
        weight: Of the reweighter, shape (N,); 1 for the target, which keeps its refined weights.
        bins: Bin of each event within which the sum is conserved, shape (N,).
        conserve: Whether it is.

    Raises:
        InputError: The weights of the source in a bin do not add up to more than 0.
    """
    product, source = of_generator * weight, np.where(found.target_mask, 0.0, found.weight)
    if conserve:
        each = np.divide(product, source, out=np.zeros(len(source)), where=source != 0)
        factors = ratios.conserving(each, source, bins, int(bins.max(initial=0)) + 1)
        product *= np.where(found.target_mask, 1.0, factors[bins])
    return np.asarray(product)
