"""Stage ablate: what a tagger loses where it is trained without some of its inputs."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jetsmith import applied, io, metrics
from jetsmith.handed.ablation import Ablation, Change, Without
from jetsmith.io import FloatArray
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec

BOOTSTRAPS = 200


def ablate(
    spec: RecipeSpec,
    without: Mapping[str, RecipeSpec],
    discriminant: DiscriminantSpec,
    signal: TruthSpec,
    background: TruthSpec,
    model: str | Path,
    models: Sequence[str | Path],
    packed: str | Path,
    output: str | Path,
    working_points: Mapping[str, float],
    seed: int,
    threads: int = 1,
) -> Ablation:
    """Compare trainings with less inputs with the tagger, on jets that none of them has seen.

    Each model has its own threshold at a working point, at the same efficiency of the background on these
    jets. Points that fewer than ten effective jets of a class pass have no interval that is worth its name.

    Args:
        spec: The tagger.
        without: It with less inputs, by name.
        discriminant: Its first.
        signal: Class of the signal.
        background: Of the background.
        model: Folder of its model.
        models: Those of `without`, in their order.
        packed: Folder results/packed/{sample}.
        output: JSON file, `handed.ablation.Ablation`.
        working_points: Background efficiencies by name.
        seed: Of the replicas of intervals.
        threads: CPU threads.

    Raises:
        InputError: A model is damaged or of other inputs, or a split is damaged.
    """
    parts, masks = applied.unseen(spec, packed, (signal, background))
    rows = Rows.select(spec.inputs, parts, masks)
    is_signal, weight = np.isin(rows.label(), signal.truth), rows.weight().astype(np.float64)
    named = (spec.name, spec.sample, discriminant.name, signal.name, background.name)
    if min(weight[mask].sum() for mask in (is_signal, ~is_signal)) <= 0:
        found = Ablation(*named, 0, ())
        io.write_record(output, found)
        return found

    def judged(trained: RecipeSpec, folder: Path) -> FloatArray:
        applied.require_same(trained, folder)
        chosen = Rows.select(trained.inputs, parts, masks)
        return applied.discriminant(trained, folder, chosen, discriminant, threads)

    before = judged(spec, Path(model))
    counts = [metrics.effective_count(weight[mask]) for mask in (is_signal, ~is_signal)]
    passing = metrics.efficiencies_at(before, weight, is_signal, list(working_points.values()))
    few = [
        name
        for (name, target), efficiency in zip(working_points.items(), passing, strict=True)
        if min(counts[0] * efficiency, counts[1] * target) < metrics.LEAST_PASSING
    ]
    points = {name: target for name, target in working_points.items() if name not in few}
    targets = list(points.values())
    wholes = [
        metrics.auc(before[is_signal], weight[is_signal], before[~is_signal], weight[~is_signal]),
        *metrics.efficiencies_at(before, weight, is_signal, targets),
    ]
    trainings = []
    for (name, trained), folder in zip(without.items(), models, strict=True):
        after = judged(trained, Path(folder))
        losses = [
            metrics.auc_difference(before, after, weight, is_signal),
            *metrics.efficiency_differences(before, after, weight, is_signal, targets, BOOTSTRAPS, seed),
        ]
        changes = tuple(
            Change(of, float(whole), loss.value, loss.low, loss.high)
            for of, whole, loss in zip(("auc", *points), wholes, losses, strict=True)
        )
        print(f"[ablate {spec.name}] without {name}: AUC less by {losses[0].value:.5f}", file=sys.stderr)
        trainings.append(Without(name, left_out(spec, trained), changes))
    found = Ablation(*named, len(rows), tuple(trainings), tuple(few))
    io.write_record(output, found)
    return found


def left_out(spec: RecipeSpec, trained: RecipeSpec) -> tuple[str, ...]:
    """Groups, and features of others as `group.feature`, that a training has not."""
    has = {given.group: given.features for given in trained.inputs}
    return tuple(
        name
        for given in spec.inputs
        for name in (
            [given.group]
            if given.group not in has
            else [f"{given.group}.{f}" for f in given.features if f not in has[given.group]]
        )
    )
