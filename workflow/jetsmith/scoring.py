"""Stage score: class probabilities of every row of a packed sample, and the discriminant."""

from pathlib import Path

import awkward as ak
import numpy as np

from jetsmith import io, provenance
from jetsmith.classifiers import Backend, find_backend
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import FloatArray
from jetsmith.metrics import discriminant
from jetsmith.rows import Rows
from jetsmith.specs import ClassifierSpec

KEY = ("run", "luminosity_block", "event", "jet_index", "dataset")
KINEMATICS = ("jet_pt_gev", "jet_eta", "z_pt_gev")


def score(
    spec: ClassifierSpec, model: str | Path, packed: str | Path, output: str | Path, threads: int = 1
) -> None:
    """Write the scores of all four splits; a row without a score is left out and counted.

    With folds, a row is scored by the model that did not see its fold, and every row outside the
    calibration split counts as `test`.

    Args:
        spec: The classifier.
        model: Folder that stage train wrote.
        packed: Folder results/packed/{sample}.
        output: Parquet file; beside it `<stem>.meta.json` with the counts.
        threads: CPU threads.

    Raises:
        InputError: A feature was not packed or is not finite, the model is damaged or that of another
            specification, or a split is damaged or another's.
    """
    model, packed, output = Path(model), Path(packed), Path(output)
    backend = find_backend(spec.backend)
    _same(spec, model)
    parts = io.read_splits(packed, SPLITS, spec.sample)
    rows = Rows.select(spec.inputs, parts)
    probabilities = _predict(spec, backend, model, rows, threads)
    scored = ~np.isnan(probabilities).any(axis=1)
    split = rows.part.astype(np.int8)
    if spec.folds:
        split[split != SPLITS.index("calibration")] = SPLITS.index("test")
    table = {name: rows.column(name) for name in (*KEY, *KINEMATICS) if name in parts[0].columns}
    table |= {"dataset": table["dataset"].astype(np.int32), "split": split}
    table |= {"label": rows.label().astype(np.int32), "weight": rows.weight().astype(np.float64)}
    by_class = dict(zip(spec.class_names, probabilities.T, strict=True))
    table |= {f"p_{name}": values.astype(np.float32) for name, values in by_class.items()}
    table = {name: values[scored] for name, values in table.items()}
    if spec.discriminant is not None:
        found = discriminant(spec.discriminant, {name: p[scored] for name, p in by_class.items()})
        table["discriminant"] = found.astype(np.float32)
    io.write_rows(output, ak.zip(table, depth_limit=1), classifier=spec.name, sample=spec.sample)
    io.write_json(
        output.with_suffix(".meta.json"),
        {
            "rows": {name: int((table["split"] == i).sum()) for i, name in enumerate(SPLITS)},
            "rows_without_score": {
                name: int((~scored & (split == i)).sum()) for i, name in enumerate(SPLITS)
            },
            "provenance": provenance.record(),
        },
    )


def _predict(spec: ClassifierSpec, backend: Backend, model: Path, rows: Rows, threads: int) -> FloatArray:
    """Class probabilities, shape (N, C), float32; with folds each row by the model that left it out."""
    if not spec.folds:
        return backend.predict(spec, model, rows, threads)
    fold = np.asarray(rows.column("fold"))
    out = np.full((len(rows), len(spec.classes)), np.nan, np.float32)
    if len(fold) and fold.max() >= spec.folds:
        raise InputError(
            f"{spec.name}: rows are packed in {fold.max() + 1} folds, not {spec.folds}; pack again"
        )
    for k in range(spec.folds):
        which = np.flatnonzero(fold == k)
        out[which] = backend.predict(spec, model / f"fold{k}", rows[which], threads)
    return out


def _same(spec: ClassifierSpec, model: Path) -> None:
    """The model is whole, and was trained for these classes, inputs and folds."""
    io.check_folder(model, "train it again")
    trained = io.read_json(model / "spec.json")
    asked = spec.model_dump(mode="json")
    for key in ("name", "backend", "model", "inputs", "classes", "folds"):
        if trained.get(key) != asked[key]:
            raise InputError(
                f"{model}: was trained with other `{key}` than {spec.name} has now; train it again"
            )
