"""Stage scan_losses: what is left of a column in scores by the weight of a loss, and what that costs."""

import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jetsmith import applied, io, metrics
from jetsmith.errors import InputError
from jetsmith.handed.loss_scan import AtCut, Left, LossScan, Weighed
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import decorrelation
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec

SIGNAL_EFFICIENCY = 0.5
BOOTSTRAPS = 200
FOR_BINS = "calibration"  # the split of thresholds by bin
UNSEEN = (FOR_BINS, "test")


class Jets(NamedTuple):
    """What judges a training.

    Attributes:
        score: Discriminant, shape (N,).
        weight: Signed, shape (N,).
        is_signal: Shape (N,).
        columns: What is to be left alone first, by name, shape (N,) each.
    """

    score: FloatArray
    weight: FloatArray
    is_signal: BoolArray
    columns: Mapping[str, FloatArray]

    def of(self, mask: BoolArray) -> "Jets":
        """Some of them."""
        columns = {name: values[mask] for name, values in self.columns.items()}
        return Jets(self.score[mask], self.weight[mask], self.is_signal[mask], columns)


def scan_losses(
    loss: str,
    weights: Sequence[float],
    points: Sequence[RecipeSpec],
    seeds: int,
    discriminant: DiscriminantSpec,
    signal: TruthSpec,
    background: TruthSpec,
    columns: Mapping[str, Sequence[float]],
    models: Sequence[str | Path],
    packed: str | Path,
    output: str | Path,
    seed: int,
    threads: int = 1,
) -> LossScan:
    """Judge trainings with different weights of a loss on jets that none of them has seen.

    Args:
        loss: Its name.
        weights: What differs.
        points: The tagger with each of them.
        seeds: Trainings of each.
        discriminant: Its first.
        signal: Class of the signal.
        background: Of the background.
        columns: Edges of bins, by column; the first is what is to be left alone.
        models: Folders, by weight, then seed.
        packed: Folder results/packed/{sample}.
        output: JSON file, `handed.loss_scan.LossScan`.
        seed: Of the replicas of intervals.
        threads: CPU threads.

    Raises:
        InputError: A model is damaged or of other inputs, a split is damaged, or rows lack the first column.
    """
    spec = points[0]
    groups = [inputs.group for inputs in spec.inputs]
    parts = arrays.read_splits(packed, UNSEEN, groups, spec.sample)
    known = {name: edges for name, edges in columns.items() if all(name in part.columns for part in parts)}
    first = next(iter(columns))
    if first not in known:
        raise InputError(f"{packed}: rows have no `{first}`, which {spec.name} is to leave alone")
    truth = [*signal.truth, *background.truth]
    rows = Rows.select(spec.inputs, parts, [np.isin(part.label, truth) for part in parts])
    is_test = rows.part == UNSEEN.index("test")
    told = Jets(
        np.zeros(len(rows)),
        rows.weight().astype(np.float64),
        np.isin(rows.label(), signal.truth),
        {name: rows.column(name).astype(np.float64) for name in known},
    )
    counts = [int((is_test & mask).sum()) for mask in (told.is_signal, ~told.is_signal)]
    of_both = [told.weight[is_test & mask].sum() > 0 for mask in (told.is_signal, ~told.is_signal)]
    trainings = []
    each = zip(product(zip(weights, points, strict=True), range(seeds)), models, strict=True)
    for ((weight, point), k), folder in each if all(of_both) else ():
        applied.require_same(point, Path(folder))
        score = applied.discriminant(point, Path(folder), rows, discriminant, threads)
        jets = told._replace(score=score)
        measured = judged(jets.of(is_test), jets.of(~is_test), known, weight, k, seed)
        trainings.append(measured)
        print(f"[scan_losses {spec.name}] {said(loss, first, measured)}", file=sys.stderr, flush=True)
    scan = LossScan(
        *(spec.name, spec.sample, loss, discriminant.name, signal.name, background.name),
        signal_jets=counts[0],
        background_jets=counts[1],
        columns=tuple(known),
        trainings=tuple(trainings),
    )
    io.write_record(output, scan)
    return scan


def said(loss: str, column: str, found: Weighed) -> str:
    """A line of the log."""
    cut = found.cut
    left = f"R50 {cut.rejection:.4g}, JSD of {column} {cut.left[0].seen:.3g}" if cut else found.why
    return f"{loss} {found.weight:g}, training {found.seed}: AUC {found.auc:.4f}, {left}"


def judged(
    test: Jets, others: Jets, columns: Mapping[str, Sequence[float]], weight: float, k: int, seed: int
) -> Weighed:
    """The figures of one training.

    Args:
        test: Jets that judge it.
        others: Those of which thresholds by bin are made.
        columns: Edges of bins, by column.
        weight: Of the loss.
        k: Which training of it.
        seed: Of the replicas of intervals.
    """
    signal, background = test.of(test.is_signal), test.of(~test.is_signal)
    correlations = [
        decorrelation.held_out(
            decorrelation.squared_distance_correlation, background.score, values, background.weight
        )
        for values in background.columns.values()
    ]
    cut, why = None, ""
    try:
        cut = _at_cut(signal, background, columns, seed)
    except InputError as error:
        why = str(error)
    return Weighed(
        weight,
        k,
        metrics.auc(signal.score, signal.weight, background.score, background.weight),
        cut,
        why,
        _flattened(signal, background, others.of(~others.is_signal), columns, seed),
        tuple(correlations),
    )


def _at_cut(signal: Jets, background: Jets, columns: Mapping[str, Sequence[float]], seed: int) -> AtCut:
    cut = decorrelation.cut_at(
        signal.score, signal.weight, background.score, background.weight, SIGNAL_EFFICIENCY
    )
    left = []
    for name, edges in columns.items():
        found = decorrelation.sculpting(
            *(background.columns[name], background.weight, cut.passed, np.asarray(edges), BOOTSTRAPS, seed)
        )
        left.append(Left(*found))
    return AtCut(cut.background, cut.reached, cut.doubt, tuple(left))


def _flattened(
    signal: Jets,
    background: Jets,
    others: Jets,
    columns: Mapping[str, Sequence[float]],
    seed: int,
) -> AtCut | None:
    """With a threshold a bin of the first column."""
    name, edges = next(iter(columns.items()))

    def flat(jets: Jets) -> Jets:
        made_of = (others.score, others.columns[name], others.weight)
        score = decorrelation.flattened(jets.score, jets.columns[name], *made_of, np.asarray(edges))
        return jets._replace(score=score)

    try:
        return _at_cut(flat(signal), flat(background), columns, seed)
    except InputError:
        return None
