"""Weights of a training: classes, and their spectra, levelled; rows that carry too much are named."""

import math
from collections.abc import Sequence

import numpy as np

from jetsmith import parametrised, signs
from jetsmith.errors import InputError
from jetsmith.io import FloatArray, IntArray
from jetsmith.metrics import bin_of, bin_of_column
from jetsmith.packed.rows import CHUNK, Rows
from jetsmith.specs.classifiers import RecipeSpec

MAX_BALANCE = 10.0  # ASSUME: largest factor of a bin of the spectrum: rare bins must not dominate
HEAVY = 0.1  # share of the weight of a class from which a row is named
FEW = 0.25  # of the rows of a class, below which what they count as is said


def balanced_weights(
    spec: RecipeSpec,
    rows: Sequence[Rows],
    target: Sequence[IntArray],
    times: Sequence[IntArray] | None = None,
) -> list[FloatArray]:
    """Generator weight times the factor that levels the classes, or their spectra too; mean 1.

    Factors come from the first rows, those to train on, and serve the others too. Taggers drop the signs: a
    loss with negative weights has no lower bound, and a shifted optimum costs a tagger little. Reweighters
    keep them: what |w| learns is the ratio of other densities than those of the generators. With parameters
    their classes weigh the same at each value of these: else the ratio would be that of the values, too.

    Args:
        spec: Says what to level; rows of events have no spectrum, their classes alone are levelled.
        rows: Rows to train on, rows to validate on.
        target: Class of each row, shape (N,) each.
        times: How often each row is there, shape (N,) each, 1 or above: as if it stood there so often; None
            for once.

    Returns:
        Shape (N,) each, float32.

    Raises:
        InputError: Weights are not finite, or those of a class to train on, or all to validate on, are 0; or
            signed ones of a class of a reweighter, to validate on, add up to nothing above 0.
    """
    # ASSUME: for taggers, the share of negative weights depends little on the inputs.
    times = times or [np.ones(len(r), np.int64) for r in rows]
    weights: list[FloatArray] = [
        np.asarray(np.asarray(r.weight(), np.float64) * n) for r, n in zip(rows, times, strict=True)
    ]
    if spec.role == "tagger":
        weights = [np.abs(weight) for weight in weights]
    for role, weight in zip(("train", "validate"), weights, strict=False):
        if not np.isfinite(weight).all() or not weight.sum() > 0:
            raise InputError(
                f"{spec.name}: generator weights to {role} on are not finite, or all 0, or their sum is not "
                "above 0; look at the skim"
            )
    _require_weight(spec, target[0], weights[0])
    if spec.parameters:
        weights = _level_values(spec, rows, target, weights)
    bins = [spectrum_bins(spec, r) for r in rows]
    spectrum = (spec.training.pt_bins_gev, spec.training.abseta_bins, *spec.training.level_in.values())
    shape = (len(spec.classes), math.prod(len(edges) - 1 for edges in spectrum))
    if spec.training.balance == "none":
        factors: FloatArray = np.ones(shape)
    else:
        factors = balance_factors(target[0], bins[0], weights[0], shape)
        if "class" not in spec.training.balance:
            factors *= np.bincount(target[0], weights[0], shape[0])[:, np.newaxis]
    levelled = [w * factors[t, b] for w, t, b in zip(weights, target, bins, strict=True)]
    if spec.training.flatten_in:
        places = [_flattened_bins(spec, r) for r in rows]
        common = flat_factors(places[0], levelled[0], times[0])
        levelled = [w * common[place] for w, place in zip(levelled, places, strict=True)]
    if len(levelled) > 1:
        _require_validation(spec, target[1], levelled[1])
    found = [(w / (w.sum() / n.sum())).astype(np.float32) for w, n in zip(levelled, times, strict=True)]
    _require_weight(spec, target[0], found[0])
    return found


def _require_validation(spec: RecipeSpec, target: IntArray, weight: FloatArray) -> None:
    """What stops a training is a loss that the right densities make small: signed sums are above 0.

    Of a class below, the wrong side has the smallest loss; of all, the mean turns every sign.
    """
    sums = np.bincount(target, weight, len(spec.classes))
    # Not by class where losses see magnitudes: of a tagger, and of four classes (signs are two of these).
    by_class = spec.role == "reweighter" and not signs.are_classes(spec)
    bad = [name for name, total in zip(spec.class_names, sums, strict=True) if by_class and not total > 0]
    if bad or not sums.sum() > 0:
        what = f"class `{bad[0]}`: its" if bad else "all"
        raise InputError(
            f"{spec.name}: {what} rows to validate on have weights that add up to nothing above 0 (by class "
            f"{', '.join(f'{total:.3g}' for total in sums)}), so that the smallest loss would be that of "
            f"other densities; raise `splits.validation`, of folds take fewer, or give sample "
            f"`{spec.sample}` more events"
        )


def _level_values(
    spec: RecipeSpec, rows: Sequence[Rows], target: Sequence[IntArray], weights: Sequence[FloatArray]
) -> list[FloatArray]:
    """Weights by which source and target have the same sum at each value of the parameters."""
    values = [parametrised.values_of(spec, r) for r in rows]
    every = parametrised.places(np.concatenate(values))
    place = np.split(every, np.cumsum([len(r) for r in rows])[:-1])
    n_values = int(every.max()) + 1
    factors = parametrised.level(spec, weights[0], target[0] == 1, place[0], n_values)
    return [w * np.where(t == 1, factors[p], 1.0) for w, t, p in zip(weights, target, place, strict=True)]


def _require_weight(spec: RecipeSpec, target: IntArray, weight: FloatArray) -> None:
    """The rows of every class have a weight: those without would be levelled by a division by 0."""
    sums = np.bincount(target, weight, len(spec.classes))
    counts = np.bincount(target, minlength=len(spec.classes))
    for name, total, n in zip(spec.class_names, sums, counts, strict=True):
        if not total > 0:
            raise InputError(
                f"{spec.name}: class `{name}`: its {n:,} rows to train on have no weight: all of them 0, or "
                "too small beside others, or as many below 0 as above; look at the generator weights in "
                f"sample `{spec.sample}`"
            )


def heavy_jets(spec: RecipeSpec, target: IntArray, weight: FloatArray) -> dict[str, float]:
    """Classes of which one row carries more than a tenth of the weight, with its share.

    Args:
        spec: The classifier.
        target: Class of each row, shape (N,).
        weight: Weights to train with, shape (N,).
    """
    sums = np.bincount(target, weight, len(spec.classes))
    largest = np.zeros(len(spec.classes))
    np.maximum.at(largest, target, np.abs(weight))
    shares = largest / sums
    return {name: float(share) for name, share in zip(spec.class_names, shares, strict=True) if share > HEAVY}


def effective_rows(spec: RecipeSpec, target: IntArray, weight: FloatArray) -> dict[str, int]:
    """As how many rows of one weight those of each class teach: (Σw)² / Σw², rounded.

    With signs, but where the sizes of weights are learned (`negative_weights: classes`).

    Args:
        spec: The classifier.
        target: Class of each row, shape (N,).
        weight: Weights to train with, shape (N,).
    """
    weight = np.abs(weight) if signs.are_classes(spec) else weight
    sums = np.bincount(target, weight, len(spec.classes))
    squares = np.bincount(target, np.square(weight, dtype=np.float64), len(spec.classes))
    found = np.divide(sums**2, squares, out=np.zeros(len(sums)), where=squares > 0)
    return {name: round(float(n)) for name, n in zip(spec.class_names, found, strict=True)}


def spectrum_bins(spec: RecipeSpec, rows: Rows) -> IntArray:
    """Bin in transverse momentum, |pseudorapidity| and `level_in`, (N,); 0 where only classes are levelled.

    Rows beyond the edges count in the end bins, those without a value of `level_in` in its first.

    Raises:
        InputError: Files of the sample lack a column.
    """
    training = spec.training
    if not training.balance.startswith("pt_eta") or spec.object == "event":
        return np.zeros(len(rows), np.int64)
    pt = bin_of(rows.column("jet_pt_gev"), training.pt_bins_gev)
    place = pt * (len(training.abseta_bins) - 1)
    place += bin_of(np.abs(rows.column("jet_eta")), training.abseta_bins)
    for name, edges in training.level_in.items():
        if any(name not in part.columns for part in rows.parts):
            raise InputError(
                f"{spec.name}: training.level_in: files of sample `{spec.sample}` have no `{name}`; leave "
                "it out"
            )
        place = place * (len(edges) - 1) + bin_of_column(rows.column(name), edges)
    return place


def _flattened_bins(spec: RecipeSpec, rows: Rows) -> IntArray:
    """Bin in the feature that is flattened in, shape (N,)."""
    ((name, edges),) = spec.training.flatten_in.items()
    names = [feature for inputs in spec.inputs if inputs.kind == "flat" for feature in inputs.features]
    values = [rows.flat_as_packed(which)[:, names.index(name)] for which in rows.slices(CHUNK)]
    return bin_of(np.concatenate(values).astype(np.float64), edges)


def flat_factors(bins: IntArray, weight: FloatArray, times: IntArray) -> FloatArray:
    """A factor a bin by which rows there weigh on average what all do, whatever their class.

    The ratio of two densities stays what it is where both are multiplied by the same; so tails in which
    events were generated in plenty, with small weights, count for as many as they are.

    Args:
        bins: Bin of each row, of all classes, shape (N,).
        weight: Shape (N,), |w| counts.
        times: How often each row is there, shape (N,).
    """
    counts, sums = np.bincount(bins, times), np.bincount(bins, np.abs(weight))
    return np.divide(counts, sums, out=np.ones(len(sums)), where=sums > 0)


def balance_factors(
    target: IntArray, bins: IntArray, weight: FloatArray, shape: tuple[int, ...]
) -> FloatArray:
    """Factors that give each class the mean of the classes' spectra, and the same sum of weights.

    Args:
        target: Class, shape (N,).
        bins: Bin of the spectrum, shape (N,).
        weight: Of positive sum in each class, shape (N,).
        shape: Classes, bins.

    Returns:
        The shape given; at most `MAX_BALANCE` before the classes' sums are levelled.
    """
    sums = np.bincount(target * shape[1] + bins, weight, shape[0] * shape[1]).reshape(shape)
    share = sums / sums.sum(axis=1, keepdims=True)
    wanted = np.broadcast_to(share.mean(axis=0), shape)
    factors = np.full(shape, MAX_BALANCE)
    np.divide(wanted, share, out=factors, where=share > 0)
    factors = np.minimum(factors, MAX_BALANCE)
    return np.asarray(factors / (factors * sums).sum(axis=1, keepdims=True))
