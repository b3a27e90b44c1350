"""What comes out: weights by event, their variations, and an account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Weights:
    """Of N events, shape (N,) each, float64.

    Attributes:
        nominal: What the weight of a simulated event is multiplied by.
        up: The same with one source varied upwards, by the source's name. What is correlated over the years
            has the same name in all of them, what is not ends with the year.
        down: Downwards, the same names.
        counts: Numbers of jets, to be added up over calls:
            n_events, n_jets; n_missing_jets (None, which count as no jets);
            n_outside_abseta: beyond the |eta| of a file, with weight 1;
            n_pt_beyond_scale_factors, n_pt_beyond_efficiencies: evaluated at the end of the file's range;
            n_features_beyond_efficiencies: of learned ones, with a feature beyond what was learned from;
            n_not_tagged: with a score of -inf;
            n_as_simulated: of flavours of which nothing was measured, with weight 1;
            n_impossible: by the efficiencies no jet is there: it passes a point of efficiency 0, fails one
            of efficiency 1 or lies between two of the same efficiency;
            n_negative: with a negative weight, nominal or varied;
            n_score_beyond_scale_factors: of shapes, evaluated at the end of the file's range.
    """

    nominal: Array
    up: Mapping[str, Array]
    down: Mapping[str, Array]
    counts: Mapping[str, int]


def shifted(central: Array, varied: Array, beyond_mask: Array, factor: float) -> Array:
    """Scale factors of a variation, whose distance from the central ones grows beyond the range of pt.

    Args:
        central: Shape (…, n).
        varied: Shape (…, n).
        beyond_mask: Shape (n,), True for jets beyond the range.
        factor: By which.
    """
    return np.where(beyond_mask, central + factor * (varied - central), varied)
