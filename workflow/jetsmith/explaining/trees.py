"""SHAP values of boosted trees, by XGBoost's own TreeSHAP (Lundberg et al., arXiv 1802.03888)."""

import os
from pathlib import Path

import numpy as np
import xgboost

from jetsmith.explaining.gradients import Integrated
from jetsmith.io import FloatArray
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec


def shared(
    spec: RecipeSpec, folder: Path, discriminant: DiscriminantSpec, rows: Rows, threads: int
) -> Integrated:
    """SHAP values of the margins of a discriminant: its signal's mean less its background's, by fractions.

    SHAP values add up as the margins do, of which the logarithm of a sum of probabilities is no sum. Of one
    class against one this is the logarithm of their ratio; of more, geometric means stand for sums in it.

    Args:
        spec: The classifier.
        folder: Of its model.
        discriminant: Classes and fractions.
        rows: N jets.
        threads: CPU threads.
    """
    booster = xgboost.Booster({"nthread": threads}, model_file=os.fspath(folder / "model.json"))
    matrix = xgboost.DMatrix(rows.matrix(slice(0, len(rows))), nthread=threads)
    margin = np.asarray(booster.predict(matrix, output_margin=True), np.float64)
    shares = np.asarray(booster.predict(matrix, pred_contribs=True), np.float64)
    if margin.ndim == 1:  # of the second of two classes against the first
        margin, shares = (np.stack([0 * x, x], axis=1) for x in (margin, shares))
    weights = contrast(spec, discriminant)
    found = np.einsum("ncf,c->nf", shares, weights)  # (N, C, F + 1) -> (N, F + 1), the last one the mean
    whole = margin @ weights - found[:, -1]
    by_group, first = {}, 0
    for given in spec.inputs:
        by_group[given.group] = found[:, first : first + len(given.features)]
        first += len(given.features)
    return Integrated(by_group, whole - found[:, :-1].sum(axis=1), whole, 0)


def contrast(spec: RecipeSpec, discriminant: DiscriminantSpec) -> FloatArray:
    """Factor of each class's margin, shape (C,): those of signal add up to 1, of background to -1."""
    weights = np.zeros(len(spec.classes))
    names = spec.class_names
    for name in discriminant.signal:
        weights[names.index(name)] += 1 / len(discriminant.signal)
    for name, fraction in discriminant.background.items():
        weights[names.index(name)] -= fraction / sum(discriminant.background.values())
    return weights
