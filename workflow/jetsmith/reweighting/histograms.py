"""One-dimensional spectra of source, target and reweighted source, with their chi2."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import bin_of
from jetsmith.specs.classifiers import Members
from jetsmith.spread import members_error

N_BINS = 40  # of the spectra that are drawn
N_CHI2_BINS = 30  # of equal target content
TAIL = 0.005  # fraction on each side that goes into the end bins


def compare_features(
    features: FloatArray,
    names: Sequence[str],
    target_mask: BoolArray,
    generator: FloatArray,
    weight: FloatArray,
    each: FloatArray,
    members: Members,
) -> list[dict[str, Any]]:
    """Spectra and chi2 of each feature before and after weighting.

    Args:
        features: Shape (N, F).
        names: The F features.
        target_mask: True for the target, shape (N,).
        generator: Generator weights, signed, shape (N,).
        weight: Weights of the source, shape (N,).
        each: Those of each member of an ensemble, shape (N, M); M is 0 without one.
        members: What these were trained on.

    Returns:
        A feature: `feature`, `edges`, and for source, target and reweighted the contents, each
        adding up to 1 (what lies outside the edges counts in the end bins), with `<name>_variance`;
        `weight_error`, that of the reweighted contents by the weights (`members_error`), none without an
        ensemble; `chi2_before`, `chi2_after` and `n_dof` from bins of equal target content, and of
        statistical errors alone.
    """
    masks = {
        "source": (~target_mask, generator[~target_mask]),
        "target": (target_mask, generator[target_mask]),
        "reweighted": (~target_mask, (generator * weight)[~target_mask]),
    }
    by_member = (generator[:, np.newaxis] * each)[~target_mask].T
    found = []
    for k, name in enumerate(names):
        column = np.asarray(features[:, k], np.float64)
        edges = spectrum_edges(column)
        fine = chi2_edges(column[target_mask])
        entry: dict[str, Any] = {"feature": name, "edges": edges.tolist()}
        tested = {}
        for kind, (mask, weights) in masks.items():
            content, variance = spectrum(column[mask], weights, edges)
            entry |= {kind: content.tolist(), f"{kind}_variance": variance.tolist()}
            tested[kind] = spectrum(column[mask], weights, fine)
        entry["weight_error"] = weight_error(column[~target_mask], by_member, edges, members).tolist()
        entry["chi2_before"], entry["n_dof"] = chi2(*tested["source"], *tested["target"])
        entry["chi2_after"], _ = chi2(*tested["reweighted"], *tested["target"])
        found.append(entry)
    return found


def spectrum_edges(values: FloatArray) -> FloatArray:
    """Edges for drawing: a bin a value where values are few, else equal widths between the tails."""
    few = np.unique(values)
    if len(few) == 1:
        return np.array([few[0] - 0.5, few[0] + 0.5])
    if len(few) <= N_BINS:
        middle = (few[1:] + few[:-1]) / 2
        return np.concatenate([[2 * few[0] - middle[0]], middle, [2 * few[-1] - middle[-1]]])
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    if not high > low:
        low, high = few[0], few[-1]
    return np.linspace(low, high, N_BINS + 1)


def chi2_edges(values: FloatArray) -> FloatArray:
    """Quantiles, repeated ones dropped: bins of nearly equal content; two edges at least."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, N_CHI2_BINS + 1), method="lower"))
    return edges if len(edges) > 1 else np.array([edges[0], np.nextafter(edges[0], np.inf)])


def spectrum(values: FloatArray, weight: FloatArray, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Contents that add up to 1 and their variances (sum of w^2), outliers in the end bins.

    Returns:
        Two arrays of shape (B,).

    Raises:
        InputError: The weights do not add up to more than 0.
    """
    n_bins = len(edges) - 1
    place, total = bin_of(values, edges), float(weight.sum())
    if not total > 0:
        raise InputError(f"closure: a spectrum of {len(weight):,} events whose weights add up to {total:g}")
    content = np.bincount(place, weight, n_bins) / total
    return content, np.bincount(place, weight**2, n_bins) / total**2


def weight_error(values: FloatArray, weights: FloatArray, edges: FloatArray, members: Members) -> FloatArray:
    """Error of the contents of a normalised spectrum by its weights, of which each member has its own.

    Args:
        values: Shape (N,).
        weights: Signed, of M members, shape (M, N).
        edges: Shape (B + 1,).
        members: What the members were trained on.

    Returns:
        Shape (B,), or (0,) where there are no members.

    Raises:
        InputError: The weights of a member do not add up to more than 0.
    """
    if not len(weights):
        return np.zeros(0)
    totals = weights.sum(axis=1)
    if not (totals > 0).all():
        k = int(np.argmin(totals))
        raise InputError(
            f"closure: a spectrum of {len(values):,} events whose weights by member {k} of the ensemble add "
            f"up to {totals[k]:g}"
        )
    place, n_bins = bin_of(values, edges), len(edges) - 1
    contents = [np.bincount(place, by, n_bins) / total for by, total in zip(weights, totals, strict=True)]
    return members_error(np.array(contents), members)


def chi2(
    content: FloatArray, variance: FloatArray, other: FloatArray, other_variance: FloatArray
) -> tuple[float, int]:
    """chi2 of two normalised spectra and its degrees of freedom, one lost to the normalisation."""
    both = variance + other_variance
    filled = both > 0
    pulls = (content - other)[filled] ** 2 / both[filled]
    return float(pulls.sum()), max(int(filled.sum()) - 1, 1)
