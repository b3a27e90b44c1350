"""Stage stack: the scores of a classifier as one more group of inputs, for others to be trained on.

A classifier knows the rows that it was trained on, so its scores there are better than on any other: who
learns from those trusts it too much. Hence rows of the splits that trainings see get the score of a model
that was trained without a part of the events, theirs; all others get that of the classifier itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jetsmith import columns, io, provenance
from jetsmith.classifiers import find_backend
from jetsmith.errors import InputError
from jetsmith.hashing import FITTED, SPLITS, fold_of
from jetsmith.io import FloatArray
from jetsmith.packed import arrays
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from jetsmith.packed.writing import writing
from jetsmith.specs.classifiers import MISSING, RecipeSpec


def stack(
    spec: RecipeSpec,
    packed: str | Path,
    scores: str | Path,
    models: Sequence[str | Path],
    seed: int,
    outputs: Mapping[str, str | Path],
    threads: int = 1,
) -> None:
    """Write the probabilities of every row of the four splits as a group of flat features, `p_<class>`.

    Args:
        spec: The classifier.
        packed: Folder results/packed/{sample}, with what the classifier reads.
        scores: results/scores/{classifier}/{sample}.parquet.
        models: Models without part 0, 1, … of the events; none where the scores are out of fold already, in
            samples with folds, or where nothing was trained.
        seed: That of the parts.
        outputs: Folder of each split; each gets a `meta.json` with the rows that models without them scored.
        threads: CPU threads.

    Raises:
        InputError: A file is damaged or another's, scores are of other rows, or a model is of another
            specification or part, or gives no numbers.
    """
    backend = find_backend(spec.backend)
    folders = [Path(model) for model in models]
    for fold, folder in enumerate(folders):
        _require(folder, spec, {"fold": fold, "folds": len(folders), "seed": seed})
    parts = arrays.read_splits(packed, SPLITS, spec.groups if folders else (), spec.sample)
    names = [f"p_{name}" for name in spec.class_names]
    found = _scores(spec, Path(scores), parts, names)
    for split, part, values in zip(SPLITS, parts, found, strict=True):
        out_of_fold = bool(folders) and split in FITTED
        if out_of_fold:
            rows = Rows.select(spec.inputs, [part])
            run, block, event = (rows.column(name) for name in columns.EVENT_KEY)
            place = fold_of(run, block, event, seed, len(folders))
            for fold, folder in enumerate(folders):
                which = np.flatnonzero(place == fold)
                values[which] = backend.predict(spec, folder, rows[which], threads)
        lacking = ~np.isfinite(values).all(axis=1)
        if backend.TRAINS and lacking.any():
            raise InputError(
                f"{spec.name}: {int(lacking.sum()):,} of {len(part):,} {split} rows have probabilities that "
                "are no numbers; train it again"
            )
        values[lacking] = MISSING
        about = {"sample": spec.sample, "split": split, "group": spec.name, "rows": len(part)}
        about |= {"kind": "flat", "names": names, "order": part.order}
        n_rows = {"out_of_fold": len(part) if out_of_fold else 0, "without_score": int(lacking.sum())}
        meta = {"rows": n_rows, "models": len(folders), "provenance": provenance.record()}
        with writing(outputs[split], about, {"values": (np.float32, values.shape)}, meta) as writer:
            writer.add(values=values)


def _scores(spec: RecipeSpec, path: Path, parts: Sequence[Packed], names: list[str]) -> list[FloatArray]:
    """Probabilities of the rows of each split by the classifier itself, shape (N, C) each."""
    key = [*columns.KEY, "dataset"]
    rows = io.read_rows(path, [*key, *names], classifier=spec.name, sample=spec.sample)
    for name in key:
        mine = np.concatenate([np.asarray(part.columns[name]) for part in parts])
        if not np.array_equal(mine, np.asarray(rows[name])):
            raise InputError(f"{path}: has other rows than the packed sample, by their {name}; score again")
    values = np.stack([np.asarray(rows[name]).astype(np.float32) for name in names], axis=1)
    return np.split(values, np.cumsum([len(part) for part in parts])[:-1])


def _require(model: Path, spec: RecipeSpec, without: Mapping[str, int]) -> None:
    """The model is whole, of this classifier, and has not seen this part of the events."""
    io.check_folder(model, "train it again")
    if io.read_json(model / "spec.json") != spec.model_dump(mode="json"):
        raise InputError(f"{model}: was trained with another specification than {spec.name} has now")
    seen = io.read_json(model / "meta.json")["task"].get("without")
    if seen != without:
        raise InputError(f"{model}: was trained without part {seen}, not {dict(without)}; train it again")
