"""Efficiencies as straight lines in pt, which have in each bin the efficiency that the bin has."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import lsq_linear

from jetsmith.calibration.axes import Axis
from jetsmith.calibration.maps import EfficiencyMap, Line
from jetsmith.io import BoolArray, FloatArray, IntArray


def lines(
    pt: FloatArray,
    found: EfficiencyMap,
    weight: FloatArray,
    place: IntArray,
    pass_mask: BoolArray,
    axes: Sequence[Axis],
) -> dict[tuple[int, ...], Line]:
    """The line of each bin of all axes but pt.

    Corners lie at the mean pt of bins, and are as high as it takes for the mean of the line over a bin's jets
    to be the bin's efficiency, so that no sum over bins changes; where that would take them out of 0 to 1,
    they come as near to it as they can. A row without jets keeps what the map has.

    Args:
        pt: Of jets of one class [GeV], shape (N,).
        found: Their map, made of what follows.
        weight: Signed, shape (N,).
        place: Bin of each, as `axes.places` gives it.
        pass_mask: True for jets that pass, shape (N,).
        axes: |eta|, pt and what else.
    """
    pt = np.clip(pt, axes[1].edges[0], axes[1].edges[-1])
    others = [k for k in range(len(axes)) if k != 1]
    by_axis = np.unravel_index(place, [axis.n_bins for axis in axes])
    done = {}
    for row in np.ndindex(*(axes[k].n_bins for k in others)):  # bins, not jets
        index = (row[0], slice(None), *row[1:])
        groups, first = np.unique(found.group[index], return_index=True)
        here = np.logical_and.reduce([by_axis[k] == bin_ for k, bin_ in zip(others, row, strict=True)])
        of_group = np.searchsorted(groups, found.group[index])[by_axis[1][here]]
        ends = (found.value[index][first], found.low[index][first], found.high[index][first])
        done[row] = _line(pt[here], weight[here], pass_mask[here], of_group, len(groups), ends)
    return done


def _line(
    pt: FloatArray,
    weight: FloatArray,
    passed: BoolArray,
    group: IntArray,
    n_groups: int,
    ends: tuple[FloatArray, FloatArray, FloatArray],
) -> Line:
    """The line of one row; `ends` are value, low and high of each group of the map."""
    value, low, high = ends
    total = np.bincount(group, weight, n_groups)
    size = np.bincount(group, np.abs(weight), n_groups)
    if not (total > 0).all():
        return Line(np.zeros(1), value[:1], low[:1], high[:1])
    at = np.bincount(group, np.abs(weight) * pt, n_groups) / size
    hats = np.stack([np.interp(pt, at, unit) for unit in np.eye(n_groups)])  # (G, N)
    means = np.stack([np.bincount(group, weight * hat, n_groups) / total for hat in hats], axis=1)
    wanted = np.bincount(group, weight * passed, n_groups) / total
    corners = np.asarray(lsq_linear(means, wanted, (0, 1), method="bvls").x)
    return Line(at, corners, np.clip(corners - (value - low), 0, 1), np.clip(corners + (high - value), 0, 1))
