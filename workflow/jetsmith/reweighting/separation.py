"""The fresh classifier of the closure test: can trees that know nothing of the weights tell them apart?"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jetsmith.classifiers import Labelled, Task
from jetsmith.classifiers import xgboost as trees
from jetsmith.errors import InputError
from jetsmith.handed.closure import Area
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics import auc_interval, roc_curve
from jetsmith.packed.rows import Rows
from jetsmith.reweighting.events import HeldOut
from jetsmith.specs.classifiers import RecipeSpec, RowsSpec, TrainingSpec

TREES = {"max_depth": 4, "min_child_weight": 20.0}
ROUNDS = 100
TRAINING = TrainingSpec(
    epochs=ROUNDS, patience=ROUNDS, learning_rate=0.1, balance="none", checkpoint_every=ROUNDS
)
MIN_EVENTS = 10  # of each class in each half
N_STEPS = 100  # of the curve that is handed over, in the false-positive rate
N_POINTS = 2000  # of the curve that is read at these


def separation(
    events: HeldOut, weight: FloatArray, bootstraps: int, seed: Sequence[int], threads: int = 1
) -> Area | None:
    """AUC and ROC curve of a fresh classifier between the source, weighted, and the target.

    Boosted trees of fixed settings, by the backend that taggers have, learn one half of the events and are
    judged on the other, whose bootstrap gives the interval; the trees are what they are, so it covers the
    area of these trees, which is 1/2 where the densities agree. To learn the other half too and average does
    not help: what a half teaches by chance is judged by the other as the other way round, so both areas are
    nearly the same number (their errors are no independent ones). Calls with one seed share halves and trees'
    seed.

    XGBoost takes no negative weights, so an event of negative weight goes to the other class with the size of
    its weight: the classes that the trees see, T+ and S- against S+ and T-, agree exactly where the signed
    densities T+ - T- and S+ - S- do. The AUC is of signed weights, and is 1/2 for every classifier where they
    agree.

    In a sample with folds each fold has trees of its own, and the areas are averaged: the weights of one fold
    come from a model that has learned all others, so that what is by chance too many in one is weighted up in
    all others, and trees that learn one and judge another find an area below 1/2 with the best of weights.
    Events of one fold have no part in each other's weights. The curves are averaged at each false-positive
    rate, whose area is the average of the areas.

    Args:
        events: Held-out events.
        weight: Signed weight of each event, shape (N,).
        bootstraps: Replicas of the interval.
        seed: Of halves, trees and replicas.
        threads: Of XGBoost.

    Returns:
        None where the weights of a class do not add up to more than 0 in a half.

    Raises:
        InputError: Too few events of a class, in a fold.
    """
    return over_folds(
        _of_fold(events[rows], weight[rows], bootstraps, of_fold, threads)
        for rows, of_fold in by_fold(events, seed)
    )


def by_fold(events: HeldOut, seed: Sequence[int]) -> Iterator[tuple[IntArray, Sequence[int]]]:
    """The events of each fold, by their places, and its seed."""
    for k in np.unique(events.fold):
        yield np.flatnonzero(events.fold == k), [*seed, int(k)] if k else seed


def over_folds(areas: Iterable[Area | None]) -> Area | None:
    """The mean area of folds, whose events are others; None where one of them has none."""
    each = list(areas)
    found = [area for area in each if area is not None]
    if len(found) < len(each):
        return None
    value, low, high = (float(x) for x in np.mean([[a.value, a.low, a.high] for a in found], axis=0))
    curve = np.mean([a.curve for a in found], axis=0) if all(a.curve for a in found) else ()
    narrower = float(np.sqrt(len(found)))
    return Area(
        value,
        value - (value - low) / narrower,
        value + (high - value) / narrower,
        tuple(float(rate) for rate in curve),
    )


def _of_fold(
    events: HeldOut, weight: FloatArray, bootstraps: int, seed: Sequence[int], threads: int
) -> Area | None:
    """The area in one fold, or in all of a sample that has none."""
    judged = np.random.default_rng([*seed, 0]).random(len(weight)) < 0.5
    truth = events.target_mask
    sides = [side & (truth == kind) for side in (judged, ~judged) for kind in (False, True)]
    fewest = min(int(side.sum()) for side in sides)
    if fewest < MIN_EVENTS:
        raise InputError(
            f"closure: {int((~truth).sum())} source and {int(truth.sum())} target events that are held out, "
            f"or of one fold, are too few: a random half has {fewest} of one of both, and needs "
            f"{MIN_EVENTS}; take more events"
        )
    if not all(weight[side].sum() > 0 for side in sides):
        return None
    seen, size = as_two_classes(truth, weight)
    learned = Labelled(events.rows[~judged], seen[~judged].astype(np.int32), size[~judged].astype(np.float32))
    score = fresh_scores(events.spec, learned, events.rows[judged], seed, threads)
    t, w = truth[judged], weight[judged]
    given = (score[t], w[t], score[~t], w[~t])
    found = auc_interval(*given, bootstraps, [*seed, 2])
    return Area(found.value, found.low, found.high, thinned_curve(*given))


def thinned_curve(
    target: FloatArray, target_weight: FloatArray, source: FloatArray, source_weight: FloatArray
) -> tuple[float, ...]:
    """The ROC curve at false-positive rates from 0 to 1 in equal steps.

    Args:
        target: Scores, shape (N,).
        target_weight: Signed, shape (N,).
        source: Scores, shape (M,).
        source_weight: Signed, shape (M,).

    Returns:
        True-positive rates, rising from 0 to 1; none where no threshold has an effective event of the source
        above it.
    """
    roc = roc_curve(target, target_weight, source, source_weight, N_POINTS)
    if not len(roc.threshold):
        return ()
    x, y = (np.concatenate([[0], side, [1]]) for side in (roc.background_efficiency, roc.signal_efficiency))
    read = np.interp(np.linspace(0, 1, N_STEPS + 1), x, y)
    return tuple(float(rate) for rate in read)


def as_two_classes(truth: BoolArray, weight: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Class and positive weight of each event, shape (N,) each, for trees that take no negative ones."""
    size, negative = np.abs(weight), weight < 0
    for kind in (truth, ~truth):
        size = np.where(kind, size / weight[kind].mean(), size)
    if negative.any():  # classes that lend each other events must weigh the same
        size = np.where(truth, size * (~truth).sum() / truth.sum(), size)
    return truth ^ negative, size


def fresh_scores(
    spec: RowsSpec, learned: Labelled, judged: Rows, seed: Sequence[int], threads: int
) -> FloatArray:
    """Probability of the second class by trees that have learned the first rows, shape (N,).

    All rounds count: the trees are validated on what they learn, whose loss falls to the last round. Rows
    that could stop them early are the judged ones alone, which must not have a say.
    """
    recipe = RecipeSpec(
        name=f"closure_{spec.name}",
        role=spec.role,
        sample=spec.sample,
        object=spec.object,
        classes=spec.classes,
        inputs=judged.inputs,
        backend="xgboost",
        architecture=TREES,
        training=TRAINING,
    )
    with tempfile.TemporaryDirectory() as folder:
        of_trees = int(np.random.default_rng([*seed, 1]).integers(2**31))
        trees.fit(Task(recipe, learned, learned, Path(folder), of_trees, threads))
        return trees.predict(recipe, Path(folder), judged, threads)[:, 1]
