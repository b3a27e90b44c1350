"""Efficiencies, ROC curves, areas and working points with weights, negative ones too.

A jet passes where score >= threshold, in float64 (`passes`). Scores are finite, or -inf for a jet that
passes no threshold but counts in every denominator; weights are generator weights, so a class
has a positive sum of weights although single weights may be negative. Statistical intervals are
binomial with effective counts; `efficiency` says what that means under negative weights.
"""

from jetsmith.cuts import bin_of, bin_of_column, bins_of, closed, passes, written
from jetsmith.metrics.cumulative import Bins, Sums
from jetsmith.metrics.curves import Roc, auc, auc_interval, mistag_band, roc_curve, roc_curve_of
from jetsmith.metrics.efficiencies import (
    EPSILON,
    Efficiency,
    EfficiencyTable,
    Interval,
    discriminant,
    effective_count,
    efficiency,
    efficiency_table,
)
from jetsmith.metrics.paired import (
    LEAST_PASSING,
    Difference,
    auc_difference,
    auc_of_weights,
    differences_of_curves,
    efficiencies_at,
    efficiency_differences,
)
from jetsmith.metrics.readings import Reading, reading
from jetsmith.metrics.shifted import Jets, Shift, auc_change, auc_shift, cells, matched
from jetsmith.metrics.thresholds import (
    DOUBTS,
    WorkingPoint,
    threshold_at,
    threshold_pulls,
    working_point,
    working_points,
    working_points_of,
)

__all__ = [
    "DOUBTS",
    "EPSILON",
    "LEAST_PASSING",
    "Bins",
    "Difference",
    "Efficiency",
    "EfficiencyTable",
    "Interval",
    "Jets",
    "Reading",
    "Roc",
    "Shift",
    "Sums",
    "WorkingPoint",
    "auc",
    "auc_change",
    "auc_difference",
    "auc_interval",
    "auc_of_weights",
    "auc_shift",
    "bin_of",
    "bin_of_column",
    "bins_of",
    "cells",
    "closed",
    "differences_of_curves",
    "discriminant",
    "effective_count",
    "efficiencies_at",
    "efficiency",
    "efficiency_differences",
    "efficiency_table",
    "matched",
    "mistag_band",
    "passes",
    "reading",
    "roc_curve",
    "roc_curve_of",
    "threshold_at",
    "threshold_pulls",
    "working_point",
    "working_points",
    "working_points_of",
    "written",
]
