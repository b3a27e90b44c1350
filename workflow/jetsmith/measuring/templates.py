"""Jets by bin of pt, passing or failing, class and bin of the variable."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jetsmith.cuts import passes
from jetsmith.io import FloatArray
from jetsmith.measuring.jets import Probes

REGIONS = ("pass", "fail")
ENERGY = "energy_scale"  # the source that moves pt of all jets
WHOLE = (-0.5, 0.5)  # the one bin of a count


@dataclass(frozen=True)
class Counts:
    """Sums over jets in P bins of pt, two regions (`REGIONS`), C classes and B bins: shape (P, 2, C, B).

    Attributes:
        sum: Of weights.
        variance: Of their squares.
    """

    sum: FloatArray
    variance: FloatArray


def counts(
    jets: Probes, threshold: float, pt_edges: Sequence[float], edges: Sequence[float], n_classes: int
) -> Counts:
    """Sums of weights by bin of pt, region, class and bin of the variable.

    Args:
        jets: Those beyond the edges of pt or of the variable count nowhere.
        threshold: That divides them.
        pt_edges: P + 1 edges [GeV].
        edges: B + 1 edges of the variable.
        n_classes: C.
    """
    shape = (len(pt_edges) - 1, len(REGIONS), n_classes, len(edges) - 1)
    pt = np.searchsorted(pt_edges, jets.pt_gev, side="right") - 1
    value = np.searchsorted(edges, jets.value, side="right") - 1
    inside = (pt >= 0) & (pt < shape[0]) & (value >= 0) & (value < shape[3])
    fails = ~passes(jets.discriminant, threshold)
    place = np.ravel_multi_index(
        [axis[inside].astype(np.intp) for axis in (pt, fails, jets.group, value)], shape
    )

    def sums(of: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(place, of[inside], int(np.prod(shape))).reshape(shape), np.float64)

    return Counts(sums(jets.weight), sums(jets.weight**2))
