"""Stage score: class probabilities of every row of a packed sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np

from jetsmith import (
    applied,
    columns,
    estimates,
    io,
    members,
    parametrised,
    provenance,
    ratios,
    scored,
    sides,
    signs,
)
from jetsmith.classifiers import Backend, find_backend
from jetsmith.classifiers.stored import Stored
from jetsmith.configuration import stored_checks
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray
from jetsmith.packed import arrays
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import RecipeSpec, TruthSpec


def score(
    spec: RecipeSpec,
    model: str | Path,
    packed: str | Path,
    output: str | Path,
    threads: int = 1,
    judged: Sequence[TruthSpec] = (),
    sample: str = "",
    at: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Write the scores of all four splits, a row each; `jetsmith.scored` says what they mean without a score.

    Those of an ensemble are the mean of its members' probabilities, which stand beside it. What a network
    estimates beside the classes has columns of its own (`jetsmith.estimates`), and so has what weights below
    0 leave of a density (`jetsmith.signs`).

    With folds, a row is scored by the model that did not see its fold, and every row outside the
    calibration split counts as `test`.

    Args:
        spec: The classifier.
        model: Folder that stage train wrote.
        packed: Folder results/packed/{sample}.
        output: Parquet file; beside it `<stem>.meta.json` with the counts.
        threads: CPU threads.
        judged: Classes each of which has to have scores, where the experiment made them.
        sample: Which sample; by default the one that it is trained on.
        at: Values of a reweighter's parameters by their part in the names of columns, at which events of the
            source get log-odds beside their own probabilities; those of the target have 0 there.

    Raises:
        InputError: A feature was not packed or is not finite, the model is damaged or that of another
            specification or gives no numbers, stored scores are not what the tagger says they are, or a
            split is damaged or another's.
    """
    model, packed, output = Path(model), Path(packed), Path(output)
    backend = find_backend(spec.backend)
    applied.require_same(spec, model)
    sample = sample or spec.sample
    read = estimates.read_on(spec, sample)
    spec = spec.model_copy(update={"side": tuple(inputs for inputs in spec.side if inputs in read)})
    parts = arrays.read_splits(packed, SPLITS, spec.groups, sample)
    rows = Rows.select(spec.inputs, parts)
    found = _scores(spec, backend, model, rows, threads, judged)
    split = rows.part.astype(np.int8)
    if spec.folds:
        split[split != SPLITS.index("calibration")] = SPLITS.index("test")
    names = dict.fromkeys([*columns.KEY, "dataset", *parts[0].columns])
    table = {name: rows.column(name) for name in names if name != "fold" or spec.folds}
    table |= {"dataset": table["dataset"].astype(np.int32), "split": split}
    table |= {"label": rows.label().astype(np.int32), "weight": rows.weight().astype(np.float64)}
    by_class = zip(spec.class_names, found.probabilities.T, strict=True)
    table |= {f"p_{name}": values.astype(np.float32) for name, values in by_class}
    for k, probabilities in enumerate(found.members):
        of_member = zip(spec.class_names, probabilities.T, strict=True)
        table |= {members.column(k, name): values.astype(np.float32) for name, values in of_member}
    if found.shares is not None:
        by_class = zip(spec.class_names, found.shares.T, strict=True)
        table |= {signs.column(name): values.astype(np.float32) for name, values in by_class}
    if found.raw is not None:
        table[scored.RAW] = found.raw
    table |= _estimates(spec, backend, model, parts, rows, threads)
    for name, point in (at or {}).items():
        moved = parametrised.at(spec, rows, point)
        table |= _log_odds(spec, backend, model, moved, threads, name)
    table |= {"scored": found.scored, "not_tagged": found.not_tagged}
    io.write_rows(output, ak.zip(table, depth_limit=1), classifier=spec.name, sample=sample)
    io.write_json(
        output.with_suffix(".meta.json"),
        {
            "rows": {name: int((found.scored & (split == i)).sum()) for i, name in enumerate(SPLITS)},
            "rows_without_score": {
                name: int((~found.scored & (split == i)).sum()) for i, name in enumerate(SPLITS)
            },
            "rows_not_tagged": {
                name: int((found.not_tagged & (split == i)).sum()) for i, name in enumerate(SPLITS)
            },
            "provenance": provenance.record(),
        },
    )


@dataclass(frozen=True)
class _Scores:
    """Probabilities (N, C), numbers as stored (N,), and masks (N,): has a score or a code, has the code.

    `members`: probabilities of the members of an ensemble, (N, C) each; `shares`: what weights below 0 leave
    of each class, (N, C), where these are classes of their own (`signs`).
    """

    probabilities: FloatArray
    raw: FloatArray | None
    scored: BoolArray
    not_tagged: BoolArray
    members: Sequence[FloatArray] = ()
    shares: FloatArray | None = None


def _scores(
    spec: RecipeSpec, backend: Backend, model: Path, rows: Rows, threads: int, judged: Sequence[TruthSpec]
) -> _Scores:
    if not backend.TRAINS:
        return _stored_scores(spec, backend.read(spec, rows), rows, judged)
    shares = None
    if signs.are_classes(spec):
        four = applied.by_sign(spec, backend, model, rows, threads)
        each, shares = [signs.joined(of) for of in four], signs.shares(members.mean(four))
    else:
        each = applied.probabilities(spec, backend, model, rows, threads)
    probabilities = members.mean(each)
    everywhere = np.ones(len(rows), bool)
    has_score = everywhere if backend.TAGS else ~np.asarray(np.isnan(probabilities).all(axis=1), bool)
    bad = int((~np.isfinite(probabilities[has_score])).any(axis=1).sum())
    if bad:
        raise InputError(
            f"{spec.name}: {model} gives {bad:,} of {len(rows):,} rows probabilities that are no numbers; "
            "train it again"
        )
    return _Scores(probabilities, None, has_score, ~everywhere, each if len(each) > 1 else (), shares)


def _estimates(
    spec: RecipeSpec, backend: Backend, model: Path, parts: Sequence[Packed], rows: Rows, threads: int
) -> dict[str, FloatArray]:
    """What the network estimates of rows, and the side columns that it was to learn."""
    of = estimates.estimated(spec)
    if not of:
        return {}
    found = applied.estimates(spec, backend, model, rows, threads)
    for name, values in found.items():
        if bad := int((~np.isfinite(values)).sum()):
            raise InputError(
                f"{spec.name}: {model} gives {bad:,} of {len(rows):,} rows a number `{name}` that is none; "
                "train it again"
            )
    beside = sides.of_rows(spec, parts, [np.ones(len(part), bool) for part in parts])
    read = dict.fromkeys(name for options in of.values() for name in options.columns())
    return found | {estimates.side(name): beside[name] for name in read}


def _log_odds(
    spec: RecipeSpec, backend: Backend, model: Path, rows: Rows, threads: int, at: str
) -> dict[str, FloatArray]:
    """Columns of log(p_target/p_source) of the source's events, 0 elsewhere; of an ensemble one a member."""
    of_source = rows.parts[0].made_by(spec.classes[0].generator, spec.held_out)
    source = np.flatnonzero(np.isin(rows.column("dataset"), of_source))
    found = _scores(spec, backend, model, rows[source], threads, ())
    table = {}
    for k, p in enumerate(found.members or [found.probabilities]):
        log_odds = np.zeros(len(rows), np.float32)
        log_odds[source] = ratios.log_odds(p[:, 0], p[:, 1])
        table[parametrised.column(at, k if found.members else None)] = log_odds
    return table


def _stored_scores(spec: RecipeSpec, found: Stored, rows: Rows, judged: Sequence[TruthSpec]) -> _Scores:
    stored_checks.check(spec, found, rows.label(), judged)
    has_score_or_code = ~(found.not_computed | found.unexplained)
    return _Scores(found.probabilities, found.score, has_score_or_code, found.not_tagged)
