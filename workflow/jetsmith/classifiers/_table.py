"""Weights of others by the keys of their events."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jetsmith import plugs
from jetsmith.classifiers.stored import Stored
from jetsmith.classifiers.table import DATASET, Options
from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.io import BoolArray
from jetsmith.io.parquet import named
from jetsmith.keys import match
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import RecipeSpec


def misfits(options: Options) -> Iterator[str]:
    """Columns that the table lacks, or that hold something else; each text starts with the key."""
    try:
        with named(options.file):
            schema = pq.read_schema(options.file)
    except InputError as error:
        yield f"file: {error}"
        return
    has = ", ".join(schema.names)
    needed = (*EVENT_KEY, options.column, DATASET)
    if twice := [name for name in dict.fromkeys(needed) if schema.names.count(name) > 1]:
        yield f"file: {options.file} has several columns `{twice[0]}`; one of each name; it has {has}"
        return
    for name in EVENT_KEY:
        if name not in schema.names:
            yield f"file: {options.file} has no column `{name}`, of the key of an event; it has {has}"
        elif not pa.types.is_integer(schema.field(name).type):
            yield f"file: {options.file}: `{name}` is {schema.field(name).type}; the key has whole numbers"
    if options.column not in schema.names:
        yield f"column: {options.file} has no column `{options.column}`; it has {has}"
    elif not _is_number(schema.field(options.column).type):
        yield f"column: {options.file}: `{options.column}` is {schema.field(options.column).type}, no number"
    if DATASET in schema.names and not _is_text(schema.field(DATASET).type):
        yield (
            f"file: {options.file}: `{DATASET}` is {schema.field(DATASET).type}; it has the names of "
            "datasets, or leave it out"
        )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def read(options: Options, spec: RecipeSpec, rows: Rows) -> Stored:
    """The ratio of each event as probabilities of the two generators.

    Without a column `dataset` the table is of the source; the ratio of the target's events is then not known.

    Raises:
        InputError: The file is missing, another than that of the configuration, or lacks a column; a key is
            empty or repeats; or no event of the source has a weight.
    """
    path = Path(options.file)
    if not path.is_file():
        raise InputError(f"{spec.name}: {path} is not there; its weights were to be read from it")
    if options.sha256 and (found := plugs.sha256(path)) != options.sha256:
        raise InputError(f"{path}: is {found}, and not {options.sha256} of {spec.name}'s file")
    if problems := list(misfits(options)):
        raise InputError(f"{spec.name}: " + "; ".join(problems))
    source, target = (rows.parts[0].made_by(c.generator, spec.held_out) for c in spec.classes)
    has, weight, whole = _table(options, rows.parts[0].datasets)
    dataset = rows.column(DATASET)
    asked = np.flatnonzero(np.isin(dataset, [*source, *target] if whole else source))
    key = [rows.column(name)[asked].astype(np.int64) for name in EVENT_KEY]
    wanted = np.column_stack([dataset[asked] if whole else np.zeros(len(asked), np.int64), *key])
    place = match(wanted, has, _repeats(options, spec, whole))
    there = np.zeros(len(rows), bool)
    there[asked[place >= 0]] = True
    ratio = np.full(len(rows), np.nan)
    ratio[there] = weight[place[place >= 0]]
    usable = np.isfinite(ratio) & (ratio > 0)
    _count(options, spec, np.isin(dataset, source), there, usable)
    ratio[~usable] = np.nan
    probabilities = np.column_stack([1 / (1 + ratio), ratio / (1 + ratio)]).astype(np.float32)
    no = np.zeros(len(rows), bool)
    return Stored(probabilities, None, no, ~usable, no, probabilities)


def _repeats(options: Options, spec: RecipeSpec, whole: bool) -> tuple[str, str]:
    """What to say of events of the sample, and of rows of the table, that are there twice."""
    key = ", ".join([*([DATASET] if whole else []), *EVENT_KEY])
    return (
        f"{spec.name}: events of sample `{spec.sample}` repeat their {key}, so that {options.file} cannot "
        f"tell them apart; give it a column `{DATASET}`",
        f"{spec.name}: {options.file}: rows repeat their {key}; one weight an event"
        + ("" if whole else f", or a column `{DATASET}` where they are of several"),
    )


def _table(
    options: Options, datasets: tuple[str, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], bool]:
    """Keys, shape (M, 4), dataset first; weights, shape (M,), float64; whether it names datasets."""
    with named(options.file):
        whole = DATASET in pq.read_schema(options.file).names
        columns = [*EVENT_KEY, options.column, *([DATASET] if whole else [])]
        with pq.ParquetFile(options.file) as file:
            table = file.read(columns)
    for name in EVENT_KEY:
        if table[name].null_count:
            raise InputError(
                f"{options.file}: `{name}` is empty in {table[name].null_count:,} rows; each needs its key"
            )
    weight = table[options.column].cast(pa.float64()).to_numpy()
    key = [table[name].to_numpy().astype(np.int64) for name in EVENT_KEY]
    if not whole:
        return np.column_stack([np.zeros(len(weight), np.int64), *key]), weight, whole
    place = pc.fill_null(pc.index_in(table[DATASET], value_set=pa.array(datasets, table[DATASET].type)), -1)
    named_here = place.to_numpy().astype(np.int64)
    kept = named_here >= 0  # those of other samples are none of ours
    return np.column_stack([named_here, *key])[kept], weight[kept], whole


def _count(
    options: Options, spec: RecipeSpec, source: BoolArray, there: BoolArray, usable: BoolArray
) -> None:
    """Say how many events of the source have no weight; stop where none has one."""
    n, lacking, bad = (int(x.sum()) for x in (source, source & ~there, source & there & ~usable))
    if n and lacking + bad == n:
        raise InputError(
            f"{spec.name}: {options.file} has a positive, finite `{options.column}` for none of the {n:,} "
            f"events of the source in sample `{spec.sample}`: {lacking:,} are not in it, {bad:,} have "
            f"another weight. It wants {', '.join(EVENT_KEY)} of the events as ROOT files have them, and in "
            f"`{DATASET}`, if it has that, names of datasets.yaml"
        )
    print(
        f"[score {spec.name}] of {n:,} events of the source {lacking:,} are not in {options.file}, and "
        f"{bad:,} have a weight there that is not positive and finite: they are `outside`",
        file=sys.stderr,
        flush=True,
    )
