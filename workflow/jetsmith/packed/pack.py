"""Stage pack: a feature group of a sample as memory-mapped arrays, a folder a split."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetsmith import columns, io
from jetsmith.hashing import SPLITS, key_digest
from jetsmith.packed.buckets import gather
from jetsmith.packed.packing import PLACE, Files, Packing, bucketed, each, in_order, outputs
from jetsmith.packed.writing import Shape
from jetsmith.specs.features import ColumnGroup


def pack_group(packing: Packing, group: ColumnGroup, rows: Files, features: Files, signs: str = "") -> None:
    """Write one feature group of the four splits, in the order of the packed rows.

    A feature that a file lacks is left out; `meta.json` says which and whose file it is.

    Args:
        packing: Which rows, and where to.
        group: The feature group; it gives the order of the features.
        rows: Files of the rows by data set, in the order of the sample.
        features: Files of the group by data set, of the same partitions.
        signs: `.turned` where they are of turned signs.

    Raises:
        InputError: A file is damaged, another data set's or of other rows than that of the rows.
    """
    names, left_out = _present(group, features)
    record = np.dtype([*PLACE, ("count", "i8")])
    n_rows, n_lines = np.zeros((2, len(SPLITS)), np.int64)
    with bucketed(packing, features, record, len(names)) as buckets:
        for index, dataset, path, beside in each(rows, features):
            known = io.read_rows(path, [*columns.KEY, "flavour"], dataset=dataset)
            where, start = packing.place(known), 0
            subject = {"dataset": dataset, "group": group.name + signs, "keys": key_digest(known)}
            for lines, counts in _pieces(beside, group, names, subject, len(known)):
                chosen = np.flatnonzero(where.kept[start : start + len(counts)])
                records = np.empty(len(chosen), record)
                records["dataset"], records["count"] = index, counts[chosen]
                records["order"], records["split"] = where.order[start + chosen], where.split[start + chosen]
                for split in range(len(SPLITS)):
                    here = records["count"][records["split"] == split]
                    n_rows[split] += len(here)
                    n_lines[split] += here.sum()
                buckets.add(records, gather(lines, counts, chosen))
                start += len(counts)
        shapes: list[dict[str, tuple[Any, Shape]]] = [
            {"values": (np.float32, (int(n), len(names)))} for n in n_lines
        ]
        if group.kind == "sequence":
            for split, n in enumerate(n_rows):
                shapes[split]["offsets"] = (np.int64, (int(n) + 1,))
        about = {"kind": group.kind, "names": list(names)}
        metas = [{"left_out_features": left_out}] * len(SPLITS)
        with outputs(packing, group.name, about, n_rows.tolist(), shapes, metas) as writers:
            ends = [np.zeros(1, np.int64) for _ in SPLITS]
            if group.kind == "sequence":
                for writer in writers:
                    writer.add(offsets=ends[0])
            for split, found, lines in in_order(buckets, writers):
                writers[split].add(values=lines)
                if group.kind == "sequence":
                    ends[split] = ends[split][-1] + np.cumsum(found["count"])
                    writers[split].add(offsets=ends[split])


def _present(group: ColumnGroup, features: Files) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Features that every file has, and by column of the others the data sets that lack it."""
    present = {name: [set(io.column_names(path)) for path in paths] for name, paths in features.items()}
    left_out: dict[str, list[str]] = {}
    for column in map(group.column, group.features):
        lacking = [name for name, files in present.items() if not all(column in file for file in files)]
        if lacking:
            left_out[column] = lacking
    return tuple(name for name in group.features if group.column(name) not in left_out), left_out


def _pieces(
    path: str | Path, group: ColumnGroup, names: Sequence[str], subject: Mapping[str, str], n_rows: int
) -> Iterator[tuple[io.FloatArray, io.IntArray]]:
    """Lines of values, shape (total, F), and how many each row has, shape (n,): one each where flat."""
    fields, is_flat = [group.column(name) for name in names], group.kind == "flat"
    if not fields:
        yield np.empty((n_rows if is_flat else 0, 0), np.float32), np.full(n_rows, int(is_flat), np.int64)
        return
    for piece in io.iterate_rows(path, fields, **subject):
        lines = [np.asarray(piece[name] if is_flat else ak.flatten(piece[name])) for name in fields]
        counts = np.ones(len(piece)) if is_flat else np.asarray(ak.num(piece[fields[0]]))
        yield np.stack(lines, axis=1).astype(np.float32, copy=False), counts.astype(np.int64)
