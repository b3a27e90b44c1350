"""The closure test: can a fresh classifier still tell the weighted source from the target?"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io
from jetsmith.classifiers import Labelled, Task
from jetsmith.classifiers import xgboost as trees
from jetsmith.columns import row_key
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import Interval, auc_interval
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.reweighting.histograms import compare_features
from jetsmith.reweighting.weights import read_scores, summarise
from jetsmith.specs.classifiers import RatioSpec, RecipeSpec, RowsSpec, TrainingSpec
from jetsmith.specs.run import ClosureSpec

TREES = {"max_depth": 4, "min_child_weight": 20.0}
ROUNDS = 100
TRAINING = TrainingSpec(
    epochs=ROUNDS, patience=ROUNDS, learning_rate=0.1, balance="none", checkpoint_every=ROUNDS
)
MIN_EVENTS = 10  # of each class in each half


@dataclass(frozen=True)
class HeldOut:
    """Events of both generators that nothing was fitted on.

    Attributes:
        spec: The reweighter.
        rows: The N events with its flat inputs.
        target_mask: True for events of the target, shape (N,).
        generator: Generator weights, signed, shape (N,).
        weight: Weights under test, 1 for the target, shape (N,).
    """

    spec: RowsSpec
    rows: Rows
    target_mask: BoolArray
    generator: FloatArray
    weight: FloatArray

    @property
    def features(self) -> FloatArray:
        """Shape (N, F), float32."""
        return self.rows.flat_as_packed(slice(None))

    @property
    def names(self) -> tuple[str, ...]:
        """The F features."""
        return tuple(name for inputs in self.rows.inputs for name in inputs.features)


def separation(
    events: HeldOut, weight: FloatArray, bootstraps: int, seed: Sequence[int], threads: int = 1
) -> Interval:
    """AUC of a fresh classifier between the source, weighted, and the target.

    Two halves: boosted trees of fixed settings, by the backend that taggers have, are trained on one and
    judged on the other, and the other way round, so no event is judged by trees that saw it. The AUC is the
    mean of both, its interval the quadratic sum of their bootstrap intervals. XGBoost takes no negative
    weights, so an event of negative weight goes to the other class with the size of its weight: the classes
    that the trees see, T+ and S- against S+ and T-, agree exactly where the signed densities T+ - T- and S+
    - S- do. The AUC is of signed weights, and is 1/2 for every classifier where they agree.

    Args:
        events: Held-out events.
        weight: Signed weight of each event, shape (N,).
        bootstraps: Replicas of the interval.
        seed: Of halves, trees and replicas.
        threads: Of XGBoost.

    Raises:
        InputError: Too few events of a class, or their weights do not add up to more than 0.
    """
    half = np.random.default_rng([*seed, 0]).random(len(weight)) < 0.5
    truth = events.target_mask
    sides = [side & (truth == kind) for side in (half, ~half) for kind in (False, True)]
    if min(int(side.sum()) for side in sides) < MIN_EVENTS:
        raise InputError(
            f"closure: {int((~truth).sum())} source and {int(truth.sum())} target events in the test split "
            f"are too few; each half needs {MIN_EVENTS} of both"
        )
    if not all(weight[side].sum() > 0 for side in sides):
        raise InputError(
            "closure: the weights of the source or of the target do not add up to more than 0 in each half "
            "of the test split; look at the generator weights, and at their negative share"
        )
    size, negative = np.abs(weight), weight < 0
    for kind in (truth, ~truth):
        size = np.where(kind, size / weight[kind].mean(), size)
    if negative.any():  # classes that lend each other events must weigh the same
        size = np.where(truth, size * (~truth).sum() / truth.sum(), size)
    seen = (truth ^ negative).astype(np.int32)
    tree_seed = int(np.random.default_rng([*seed, 1]).integers(2**31))
    found = []
    for k, judged in enumerate((half, ~half)):
        learned = Labelled(events.rows[~judged], seen[~judged], size[~judged].astype(np.float32))
        score = _scores(events.spec, learned, events.rows[judged], tree_seed, threads)
        t, w = truth[judged], weight[judged]
        found.append(auc_interval(score[t], w[t], score[~t], w[~t], bootstraps, [*seed, 2 + k]))
    value, low, high = np.array([astuple(area) for area in found]).T
    down, up = np.hypot(*(value - low)) / 2, np.hypot(*(high - value)) / 2
    middle = float(value.mean())
    return Interval(middle, middle - float(down), middle + float(up))


def _scores(spec: RowsSpec, learned: Labelled, judged: Rows, seed: int, threads: int) -> FloatArray:
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
        trees.fit(Task(recipe, learned, learned, Path(folder), seed, threads))
        return trees.predict(recipe, Path(folder), judged, threads)[:, 1]


def closure_numbers(
    events: HeldOut, settings: ClosureSpec, seed: int | Sequence[int], threads: int = 1
) -> dict[str, Any]:
    """Run the test on arrays.

    Args:
        events: Held-out events with the weights under test.
        settings: Replicas and the largest AUC.
        seed: Of everything random.
        threads: Of XGBoost.

    Returns:
        auc_before and auc_after with intervals (68.3%); `passed`: the interval after weighting
        reaches down to `max_auc` or below, and no number is missing; `conclusive`: the interval
        before weighting lies above `max_auc`, so the test has the power to see a difference;
        `histograms` of each feature with chi2 before and after (see `compare_features`).
    """
    seeds = [seed] if isinstance(seed, int) else list(seed)
    after_weight = events.generator * events.weight
    finite = bool(np.isfinite(after_weight).all() and np.isfinite(events.features).all())
    if not finite:
        raise InputError("closure: weights or features that are not finite; run the weights stage again")
    before = separation(events, events.generator, settings.bootstraps, [*seeds, 1], threads)
    after = separation(events, after_weight, settings.bootstraps, [*seeds, 2], threads)
    histograms = compare_features(
        events.features, events.names, events.target_mask, events.generator, events.weight
    )
    passed = bool(np.isfinite([after.value, after.low, after.high]).all() and after.low <= settings.max_auc)
    return {
        "auc_before": asdict(before),
        "auc_after": asdict(after),
        "max_auc": settings.max_auc,
        "bootstraps": settings.bootstraps,
        "passed": passed,
        "conclusive": before.low > settings.max_auc,
        "n_source": int((~events.target_mask).sum()),
        "n_target": int(events.target_mask.sum()),
        "worst_chi2_before": max(h["chi2_before"] / h["n_dof"] for h in histograms),
        "worst_chi2_after": max(h["chi2_after"] / h["n_dof"] for h in histograms),
        "histograms": histograms,
    }


def closure(
    spec: RowsSpec,
    scores: str | Path,
    packed: str | Path,
    weights: Mapping[str, str | Path],
    settings: ClosureSpec,
    seed: int,
    output: str | Path,
    threads: int = 1,
    ratio: RatioSpec | None = None,
    n_members: int = 0,
) -> None:
    """Test the weights on the held-out events (split `test` of the scores) and write the numbers.

    Args:
        spec: The reweighter.
        scores: results/scores/{reweighter}/{sample}.parquet.
        packed: results/packed/{sample}, whose flat features the reweighter reads.
        weights: results/weights/{reweighter}/{dataset}.parquet by dataset, of both generators.
        settings: Replicas and the largest AUC.
        seed: Of halves, trees and replicas.
        output: JSON of `closure_numbers`, `calibration` of the ratio and `weights`, the summary of
            the source's weights in the test split.
        threads: Of XGBoost.

    Raises:
        InputError: Keys that do not match or repeat, too few events, numbers that are not finite.
    """
    splits = [path for name in SPLITS if (path := Path(packed) / name).is_dir()]
    if not splits:
        raise InputError(f"{packed}: no packed split; run the pack stage")
    about = arrays.read_packed(splits[0], whole=False)
    datasets = list(zip(about.datasets, about.generators, strict=True))
    found = read_scores(spec, scores, datasets, n_members)
    calibration = found.calibrate(ratio or RatioSpec())
    events = held_out(spec, splits, datasets, weights)
    numbers = closure_numbers(events, settings, seed, threads)
    source = (found.split == SPLITS.index("test")) & ~found.target_mask
    clipped = np.asarray((np.abs(found.logits[:, source]) > 20).any(axis=0))
    at = ~events.target_mask
    if len(clipped) != int(at.sum()):
        raise InputError(f"{scores}: {len(clipped)} held-out source events, but {int(at.sum())} weights")
    summary = summarise(events.weight[at], events.generator[at], clipped)
    classes = list(spec.class_names)
    subject = {"reweighter": spec.name, "sample": spec.sample, "classes": classes, "seed": seed}
    io.write_json(output, {**subject, **numbers, "calibration": calibration.record(), "weights": summary})


def held_out(
    spec: RowsSpec,
    splits: Sequence[Path],
    datasets: Sequence[tuple[str, str]],
    weights: Mapping[str, str | Path],
) -> HeldOut:
    """Put features (packed) and weights (parquet) of the held-out events together by event key.

    Raises:
        InputError: A dataset lacks its weights, keys repeat, or an event has no features.
    """
    generators = {c.generator: k for k, c in enumerate(spec.classes)}
    keys = row_key(spec.object)
    wanted: list[npt.NDArray[Any]] = []
    columns: list[npt.NDArray[Any]] = []
    for k, (name, generator) in enumerate(datasets):
        if generator not in generators:
            continue
        if name not in weights:
            raise InputError(f"closure of {spec.name}: no weights of dataset `{name}`")
        wanted_columns = [*keys, "split", "weight_generator", "weight"]
        rows = io.read_rows(weights[name], wanted_columns, reweighter=spec.name, dataset=name)
        table = {field: np.asarray(ak.to_numpy(rows[field])) for field in ak.fields(rows)}
        kept = table["split"] == SPLITS.index("test")
        n = int(kept.sum())
        key = [table[field][kept].astype(np.int64) for field in keys]
        wanted.append(np.column_stack([np.full(n, k), *key]))
        side = np.full(n, generators[generator])
        columns.append(np.column_stack([table["weight_generator"][kept], table["weight"][kept], side]))
    rows, has = _features(spec, splits, keys)
    place = match_rows(np.concatenate(wanted), has, spec.name)
    generator_weight, weight, side = np.concatenate(columns).T
    return HeldOut(spec, rows[place], side == 1, generator_weight, weight)


def _features(
    spec: RowsSpec, splits: Sequence[Path], keys: Sequence[str]
) -> tuple[Rows, npt.NDArray[np.int64]]:
    """All packed events with the flat inputs of the reweighter, and their keys (dataset first)."""
    flat = [inputs for inputs in spec.inputs if inputs.kind == "flat"]
    if not flat:
        raise InputError(f"closure of {spec.name} needs flat features; the reweighter reads none")
    groups = [inputs.group for inputs in flat]
    parts = [arrays.read_packed(split, groups, split=split.name, sample=spec.sample) for split in splits]
    rows = Rows.select(flat, parts)
    key = np.column_stack([rows.column(name).astype(np.int64) for name in ("dataset", *keys)])
    return rows, key


def match_rows(wanted: npt.NDArray[np.int64], has: npt.NDArray[np.int64], name: str) -> npt.NDArray[np.intp]:
    """Row of `has`, shape (M, K), that equals each row of `wanted`, shape (N, K)."""
    both = np.concatenate([has, wanted])
    code = np.zeros(len(both), np.int64)
    for column in both.T:  # a few key columns: pair what was found so far with the next
        _, part = np.unique(column, return_inverse=True)
        _, code = np.unique(code * (int(part.max(initial=0)) + 1) + part, return_inverse=True)
    there, asked = code[: len(has)], code[len(has) :]
    for what, codes in (("packed", there), ("weighted", asked)):
        if len(np.unique(codes)) != len(codes):
            raise InputError(f"closure of {name}: {what} events repeat their run, luminosity block and event")
    place = np.full(int(code.max(initial=-1)) + 1, -1, np.intp)
    place[there] = np.arange(len(there))
    if (place[asked] < 0).any():
        lost = int((place[asked] < 0).sum())
        raise InputError(f"closure of {name}: {lost} weighted events are not packed; run scores again")
    return place[asked]
