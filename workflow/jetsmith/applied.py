"""A trained model on rows: with folds each row by the model that left it out; of an ensemble each member."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from jetsmith import io, members, metrics, signs
from jetsmith.classifiers import Backend, find_backend
from jetsmith.errors import InputError
from jetsmith.estimates import estimated, named
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.packed import arrays
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec


def require_same(spec: RecipeSpec, model: Path) -> None:
    """The model is whole, and was trained for these classes, inputs and folds.

    Raises:
        InputError: It is not.
    """
    io.check_folder(model, "train it again")
    trained = io.read_json(model / "spec.json")
    asked = spec.model_dump(mode="json")
    for key in ("name", "backend", "model", "inputs", "classes", "folds"):
        if trained.get(key) != asked[key]:
            raise InputError(
                f"{model}: was trained with other `{key}` than {spec.name} has now; train it again"
            )


def unseen(
    spec: RecipeSpec, packed: str | Path, classes: Sequence[TruthSpec]
) -> tuple[list[Packed], list[BoolArray]]:
    """Splits with rows that no training has seen, and masks of those of some classes by truth id.

    That is the split `test`; in a sample with folds all but `calibration`, each row by the model that left it
    out.

    Raises:
        InputError: A split is damaged or another's, or lacks a group.
    """
    splits = [split for split in SPLITS if split != "calibration"] if spec.folds else ["test"]
    parts = arrays.read_splits(packed, splits, [inputs.group for inputs in spec.inputs], spec.sample)
    truth = [key for wanted in classes for key in wanted.truth]
    return parts, [np.isin(part.label, truth) for part in parts]


def by_folder(spec: RecipeSpec, model: Path, rows: Rows) -> Iterator[tuple[Path, IntArray]]:
    """The folders of a model's folds, each with the places of the rows that it did not see.

    Raises:
        InputError: The rows are packed in other folds.
    """
    if not spec.folds:
        yield model, np.arange(len(rows))
        return
    fold = np.asarray(rows.column("fold"))
    if len(fold) and fold.max() >= spec.folds:
        raise InputError(
            f"{spec.name}: rows are packed in {fold.max() + 1} folds, not {spec.folds}; pack again"
        )
    for k in range(spec.folds):
        yield model / f"fold{k}", np.flatnonzero(fold == k)


def probabilities(
    spec: RecipeSpec, backend: Backend, model: Path, rows: Rows, threads: int
) -> list[FloatArray]:
    """Class probabilities by each member of a model, or by it alone, shape (N, C) each, float32."""
    if signs.are_classes(spec):
        return [signs.joined(four) for four in by_sign(spec, backend, model, rows, threads)]
    return [_of_one(spec, backend, folder, rows, threads) for folder in members.folders(model)]


def by_sign(spec: RecipeSpec, backend: Backend, model: Path, rows: Rows, threads: int) -> list[FloatArray]:
    """Those of a reweighter to which weights below 0 are classes (`signs`), not yet joined, (N, 4) each."""
    four = signs.four(spec)
    return [_of_one(four, backend, folder, rows, threads) for folder in members.folders(model)]


def estimates(
    spec: RecipeSpec, backend: Backend, model: Path, rows: Rows, threads: int
) -> dict[str, FloatArray]:
    """Numbers that a network estimates, by name in score files, (N,) each; of members their means."""
    found: dict[str, FloatArray] = {}
    for output, options in estimated(spec).items():
        width, each = options.of[1], []
        for folder in members.folders(model):
            values = np.full((len(rows), width), np.nan, np.float32)
            for part, which in by_folder(spec, folder, rows):
                values[which] = backend.estimate(spec, part, rows[which], threads, output, width)
            each.append(values)
        found |= named(output, options, members.mean(each))
    return found


def discriminant(spec: RecipeSpec, model: Path, rows: Rows, of: DiscriminantSpec, threads: int) -> FloatArray:
    """A discriminant of the mean of a model's members, shape (N,); NaN where there is no score."""
    each = probabilities(spec, find_backend(spec.backend), model, rows, threads)
    by_class = dict(zip(spec.class_names, members.mean(each).T, strict=True))
    return metrics.discriminant(of, by_class)


def _of_one(spec: RecipeSpec, backend: Backend, model: Path, rows: Rows, threads: int) -> FloatArray:
    if not spec.folds:
        return backend.predict(spec, model, rows, threads)
    out = np.full((len(rows), len(spec.classes)), np.nan, np.float32)
    for folder, which in by_folder(spec, model, rows):
        out[which] = backend.predict(spec, folder, rows[which], threads)
    return out
