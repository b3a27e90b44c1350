"""Whether a corrected shape is what is true of pseudo-data."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jetsmith.errors import InputError
from jetsmith.handed.shape import ShapeRow
from jetsmith.io import BoolArray, FloatArray
from jetsmith.measuring.shape_jets import HEAVY, LIGHT, Bins, ShapeJets, Sums
from jetsmith.measuring.shape_solution import FLAVOURS, NAMES, Solution, plain, propagate
from jetsmith.specs.shapes import UnfoldSpec

Agreements = dict[str, tuple[float, int]]


def with_truth(
    counted: tuple[Sums, Sums],
    found: Solution,
    rows: tuple[tuple[ShapeRow, ...], tuple[ShapeRow, ...]],
    truths: Sequence[ShapeJets],
    bins: tuple[Bins, Bins],
    settings: UnfoldSpec,
) -> tuple[tuple[tuple[ShapeRow, ...], tuple[ShapeRow, ...]], Agreements, Agreements]:
    """The rows with what is true of pseudo-data, the agreement of each flavour, and that without weights.

    Compared are shares of the weighted simulated jets in the bins with those of the true ones. Errors:
    statistics of data, of simulation and of the truth, which is multinomial about what was found; `lf` and
    `hf`, which move all bins together.
    """
    errors = propagate(*counted, found)
    n_heavy = counted[0].data.size
    places = (slice(0, n_heavy), slice(n_heavy, len(errors.jets)))
    all_rows = []
    agreement: Agreements = {}
    before: Agreements = {}
    sources = [name for name in ("lf", "hf") if getattr(settings.uncertainties, name)]
    for k, (of_region, truth, own) in enumerate(zip(rows, truths, (HEAVY, LIGHT), strict=True)):
        jets = truth[(truth.group == own) & bins[k].has(truth)]
        place = bins[k].place(jets)
        size = counted[k].data.size
        true, variance = (
            np.asarray(np.bincount(place, weight, size).reshape(bins[k].shape), np.float64)
            for weight in (jets.weight, jets.weight**2)
        )
        simulated, where = counted[k].own, f"{NAMES[k]} region"
        covariance = errors.jets[places[k], places[k]]
        weighted = simulated * found.factors[k]
        tested, agreement[FLAVOURS[k]] = _compared(
            weighted, simulated, true, variance, covariance, of_region, sources, where, bins[k]
        )
        alone = np.diag(counted[k].own_variance.ravel())
        _, before[FLAVOURS[k]] = _compared(
            simulated, simulated, true, variance, alone, of_region, (), where, bins[k]
        )
        all_rows.append(tested)
    return (all_rows[0], all_rows[1]), agreement, before


def _compared(
    weighted: FloatArray,
    own: FloatArray,
    true: FloatArray,
    variance: FloatArray,
    covariance: FloatArray,
    rows: Sequence[ShapeRow],
    sources: Sequence[str],
    where: str,
    bins: Bins,
) -> tuple[tuple[ShapeRow, ...], tuple[float, int]]:
    """Rows of a region with their truth, and all of them together as chi2 and ndf."""
    n_rows, n_bins = weighted.shape
    lacking = [row for row in range(n_rows) if not true[row].sum() > 0]
    if lacking:
        raise InputError(f"{where}, {bins.said(lacking[0])}: no true jets are left to compare with")
    total, n_true = weighted.sum(axis=1), true.sum(axis=1)
    shares, true_shares = weighted / total[:, None], true / n_true[:, None]
    n_effective = n_true**2 / variance.sum(axis=1)
    # Shares add up to 1: to first order those of all bins take up what moves their sum.
    project = np.zeros((n_rows * n_bins, n_rows * n_bins))
    of_truth = np.zeros_like(project)
    for row in range(n_rows):
        here = slice(row * n_bins, (row + 1) * n_bins)
        project[here, here] = (np.eye(n_bins) - np.outer(shares[row], np.ones(n_bins))) / total[row]
        expected = np.maximum(shares[row], 0.0)
        of_truth[here, here] = (np.diag(expected) - np.outer(expected, expected)) / n_effective[row]
    moved = [
        np.concatenate(
            [
                (np.array(row.shifts[f"up_{name}"]) - row.shifts[f"down_{name}"]) / 2 * own[k] / total[k]
                for k, row in enumerate(rows)
            ]
        )
        for name in sources
    ]
    whole = project @ covariance @ project.T + of_truth + sum((np.outer(m, m) for m in moved), np.zeros(1))
    away = (shares - true_shares).ravel()
    # Of each row the last bin follows from the others; bins that nothing can be in say nothing.
    possible = np.diag(whole).reshape(n_rows, n_bins) > 0
    last = n_bins - 1 - np.argmax(possible[:, ::-1], axis=1)
    possible[np.arange(n_rows), last] = False
    kept = possible.ravel()

    def chi2(which: BoolArray) -> tuple[float, int]:
        if not which.any():
            return 0.0, 0
        value = float(away[which] @ np.linalg.solve(whole[np.ix_(which, which)], away[which]))
        return value, int(which.sum())

    tested = []
    for k, found in enumerate(rows):
        mine = np.zeros(len(kept), bool)
        mine[k * n_bins : (k + 1) * n_bins] = kept[k * n_bins : (k + 1) * n_bins]
        factor = np.divide(total[k], own[k], out=np.zeros(n_bins), where=own[k] > 0)
        error = np.sqrt(true_shares[k] * (1 - true_shares[k]) / n_effective[k])
        true_factors = np.where(own[k] > 0, true_shares[k] * factor, 1.0)
        tested.append(
            replace(
                found,
                true=plain(true_factors),
                true_error=plain(error * factor),
                chi2=chi2(mine)[0],
                ndf=chi2(mine)[1],
            )
        )
    return tuple(tested), chi2(kept)
