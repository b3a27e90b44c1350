"""Stage pack: the features of a sample's data sets as memory-mapped arrays, one folder a split.

Split, fold and order of a row follow from hashes of its event's key (`jetsmith.hashing`), so a
data set that is added later moves no row from one split to another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import columns, io
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS, fold_of, hash64, split_of
from jetsmith.packed import arrays
from jetsmith.packed.overlap import refuse_twice
from jetsmith.progress import Progress
from jetsmith.specs.features import ColumnGroup
from jetsmith.specs.run import SampleSpec, SplitSpec

Array = npt.NDArray[Any]

KINEMATICS = ("jet_pt_gev", "jet_eta", "hadron_flavour", "z_pt_gev")


@dataclass(frozen=True)
class _Layout:
    """What all files of the sample have: flat features, sequences by group, and kinematics."""

    flat: tuple[str, ...]
    sequences: dict[str, tuple[str, ...]]
    kinematics: tuple[str, ...]
    left_out: dict[str, list[str]]


@dataclass(frozen=True)
class _Part:
    """The rows of one file; sequences as (counts (N,), values (total, F))."""

    flat: io.FloatArray
    sequences: dict[str, tuple[io.IntArray, io.FloatArray]]
    label: io.IntArray
    weight: io.FloatArray
    columns: dict[str, Array]
    split: io.IntArray
    order: Array


def pack_sample(
    sample: SampleSpec,
    generators: Mapping[str, str],
    groups: Sequence[ColumnGroup],
    features: Mapping[str, Sequence[str | Path]],
    accounts: Mapping[str, str | Path],
    splits: SplitSpec,
    seed: int,
    outputs: Mapping[str, str | Path],
    kept_truth: Sequence[int] = (),
    name: str = "",
) -> None:
    """Write the four splits of a sample.

    Args:
        sample: Names of its data sets, folds and normalisation.
        generators: Their generators by name.
        groups: Feature groups of the object; they give the order of the features.
        features: Files of stage features by data set.
        accounts: File of stage account by data set.
        splits: Fractions of the splits.
        seed: Seed of split, fold and order.
        outputs: Folder of each split, by its name in `hashing.SPLITS`. Each gets a `meta.json` too:
            rows by data set and flavour, rows and features that were left out, weight factors and how
            they were found (`normalisation` of the accounts).
        kept_truth: Of `columns.LEFT_OUT_TRUTH`, what a tagger of the sample asks for; jets of the others
            are left out and counted.
        name: Name of the sample; readers of the splits compare it.

    Raises:
        InputError: A file is damaged or another data set's, rows are missing, none is left, the weights
            cannot be normalised, or two data sets hold the same rows.
    """
    layout = _layout(groups, {name: features[name] for name in sample.datasets})
    unwanted = [flavour for flavour in columns.LEFT_OUT_TRUTH if flavour not in kept_truth]
    counts = {dataset: io.read_json(accounts[dataset], dataset=dataset) for dataset in sample.datasets}
    factors = {
        dataset: _weight_factor(sample, accounts[dataset], counts[dataset]) for dataset in sample.datasets
    }
    parts, dropped = _read_all(sample, layout, features, counts, factors, unwanted, splits, seed)
    if not sum(len(part.label) for part in parts):
        raise InputError(f"no rows in {', '.join(sample.datasets)}; loosen `selection`")
    for index, split in enumerate(SPLITS):
        packed = _assemble(parts, index, layout, sample, generators)
        packed = replace(packed, sample=name, split=split)
        refuse_twice(packed, KINEMATICS, [factors[dataset] for dataset in sample.datasets])
        about = _about(packed, layout, dropped, factors)
        about["normalisation"] = {dataset: counts[dataset]["normalisation"] for dataset in sample.datasets}
        arrays.write_packed(outputs[split], packed, about)


def _read_all(
    sample: SampleSpec,
    layout: _Layout,
    features: Mapping[str, Sequence[str | Path]],
    counts: Mapping[str, Mapping[str, Any]],
    factors: Mapping[str, float],
    unwanted: Sequence[int],
    splits: SplitSpec,
    seed: int,
) -> tuple[list[_Part], dict[str, dict[str, int]]]:
    """The rows of all files, as many as were accounted for, and by data set and flavour those left out."""
    dropped: dict[str, dict[str, int]] = {}
    parts: list[_Part] = []
    progress = Progress("pack", sum(len(features[dataset]) for dataset in sample.datasets), "files")
    for index, dataset in enumerate(sample.datasets):
        dropped[dataset] = {str(flavour): 0 for flavour in unwanted}
        for path in features[dataset]:
            rows = _read(path, layout, dataset)
            flavour = np.asarray(rows["flavour"])
            for left in unwanted:
                dropped[dataset][str(left)] += int(np.sum(flavour == left))
            rows = rows[~np.isin(flavour, unwanted)]
            parts.append(_part(rows, layout, index, factors[dataset], sample.folds, splits, seed))
            progress.update(len(parts))
        _check_rows(dataset, counts[dataset], parts[-len(features[dataset]) :], dropped[dataset])
    return parts, dropped


def _layout(groups: Sequence[ColumnGroup], features: Mapping[str, Sequence[str | Path]]) -> _Layout:
    """Features that every file has, in the order of the groups."""
    present = {name: [set(io.column_names(path)) for path in paths] for name, paths in features.items()}
    left_out: dict[str, list[str]] = {}

    def everywhere(column: str) -> bool:
        lacking = [name for name, files in present.items() if not all(column in file for file in files)]
        if lacking:
            left_out[column] = lacking
        return not lacking

    flat: list[str] = []
    sequences: dict[str, tuple[str, ...]] = {}
    for group in groups:
        if group.kind == "flat":
            flat += [name for name in group.features if everywhere(name)]
        elif names := tuple(name for name in group.features if everywhere(f"{group.name}_{name}")):
            sequences[group.name] = names
    kinematics = tuple(
        n for n in KINEMATICS if all(n in file for files in present.values() for file in files)
    )
    return _Layout(tuple(flat), sequences, kinematics, left_out)


def _weight_factor(sample: SampleSpec, account: str | Path, about: Mapping[str, Any]) -> float:
    """What generator weights are multiplied with.

    Unit: they then have mean 1 over all entries before cuts. Cross-section: their sum over all
    entries before cuts is the cross-section [pb], or the expected events where there is a luminosity.
    In both, an earlier skim of the files is one of the cuts.
    """
    normalised = about["normalisation"]
    factor = about["event_weight"] if sample.normalise == "cross_section" else normalised["mean_weight"]
    if factor is None or not factor > 0:
        total = "unknown" if normalised["sum_w"] is None else f"{normalised['sum_w']:g}"
        raise InputError(
            f"{account}: normalise: {sample.normalise} needs weights that add up to more than 0 and, for "
            f"cross_section, the dataset's cross_section_pb; sum_w is {total} ({normalised['how']})"
        )
    return float(factor if sample.normalise == "cross_section" else 1 / factor)


def _check_rows(
    name: str, account: Mapping[str, Any], parts: Sequence[_Part], dropped: Mapping[str, int]
) -> None:
    """Rows by flavour, with those that were left out, are as many as stage skim wrote."""
    found = {key: n for key, n in dropped.items() if n}
    for part in parts:
        for flavour, n in zip(*np.unique(part.label, return_counts=True), strict=True):
            found[str(flavour)] = found.get(str(flavour), 0) + int(n)
    if found != account["rows_by_flavour"]:
        raise InputError(
            f"data set {name}: rows by flavour are {dict(sorted(found.items()))} in its feature files and "
            f"{account['rows_by_flavour']} in its account; run its features again"
        )


def _read(path: str | Path, layout: _Layout, dataset: str) -> ak.Array:
    sequences = [f"{group}_{name}" for group, names in layout.sequences.items() for name in names]
    wanted = [*columns.KEY, *columns.COMMON, *layout.kinematics, *layout.flat, *sequences]
    return io.read_rows(path, list(dict.fromkeys(wanted)), dataset=dataset)


def _part(
    rows: ak.Array,
    layout: _Layout,
    dataset: int,
    factor: float,
    folds: int,
    splits: SplitSpec,
    seed: int,
) -> _Part:
    key = (np.asarray(rows.run), np.asarray(rows.luminosity_block), np.asarray(rows.event))
    jet_index = np.asarray(rows["jet_index"])
    kept = {name: np.asarray(rows[name]) for name in (*columns.KEY, *layout.kinematics)}
    kept["dataset"] = np.full(len(rows), dataset, np.int16)
    kept["fold"] = fold_of(*key, seed, folds)
    flat = np.empty((len(rows), len(layout.flat)), np.float32)
    for column, name in enumerate(layout.flat):
        flat[:, column] = np.asarray(rows[name])
    event_hash = hash64(*key, seed, "order")
    return _Part(
        flat=flat,
        sequences={
            group: (
                np.asarray(ak.num(rows[f"{group}_{names[0]}"])).astype(np.int64),
                np.stack([np.asarray(ak.flatten(rows[f"{group}_{name}"])) for name in names], axis=1),
            )
            for group, names in layout.sequences.items()
        },
        label=np.asarray(rows["flavour"]).astype(np.int32),
        weight=np.asarray(rows["weight"]) * factor,
        columns=kept,
        split=split_of(*key, seed, splits),
        order=hash64(event_hash, jet_index.astype(np.uint64), 0, seed, "row"),
    )


def _assemble(
    parts: Sequence[_Part],
    split: int,
    layout: _Layout,
    sample: SampleSpec,
    generators: Mapping[str, str],
) -> arrays.Packed:
    """The rows of one split, in the order of their hashes."""
    chosen = [part.split == split for part in parts]

    def gather(arrays: Sequence[Array]) -> Array:
        return np.concatenate([array[mask] for array, mask in zip(arrays, chosen, strict=True)])

    dataset = gather([part.columns["dataset"] for part in parts])
    order = np.lexsort((dataset, gather([part.order for part in parts])))
    return arrays.Packed(
        flat=gather([part.flat for part in parts])[order],
        flat_names=layout.flat,
        sequences={
            group: _ragged([part.sequences[group] for part in parts], chosen, order, names)
            for group, names in layout.sequences.items()
        },
        label=gather([part.label for part in parts])[order],
        weight=gather([part.weight for part in parts])[order],
        columns={name: gather([part.columns[name] for part in parts])[order] for name in parts[0].columns},
        datasets=sample.datasets,
        generators=tuple(generators[name] for name in sample.datasets),
    )


def _ragged(
    pieces: Sequence[tuple[io.IntArray, io.FloatArray]],
    chosen: Sequence[io.BoolArray],
    order: io.IntArray,
    names: tuple[str, ...],
) -> arrays.Ragged:
    """Select the rows of each piece and put them in order; offsets (N + 1,), values (total, F)."""
    counts = np.concatenate([count[mask] for (count, _), mask in zip(pieces, chosen, strict=True)])
    values = np.concatenate(
        [value[np.repeat(mask, count)] for (count, value), mask in zip(pieces, chosen, strict=True)]
    )
    starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    sorted_counts = counts[order]
    offsets = np.concatenate([[0], np.cumsum(sorted_counts)]).astype(np.int64)
    index = np.arange(offsets[-1]) + np.repeat(starts[order] - offsets[:-1], sorted_counts)
    return arrays.Ragged(values[index].astype(np.float32, copy=False), offsets, names)


def _about(
    packed: arrays.Packed,
    layout: _Layout,
    dropped: Mapping[str, Mapping[str, int]],
    factors: Mapping[str, float],
) -> dict[str, Any]:
    """Counts by data set and flavour, and what was left out of all splits together."""
    rows: dict[str, dict[str, int]] = {}
    for index, name in enumerate(packed.datasets):
        flavours, counts = np.unique(packed.label[packed.columns["dataset"] == index], return_counts=True)
        rows[name] = {str(flavour): int(count) for flavour, count in zip(flavours, counts, strict=True)}
    return {
        "rows": rows,
        "left_out_rows": {name: dict(counts) for name, counts in dropped.items()},
        "left_out_features": layout.left_out,
        "weight_factors": dict(factors),
    }
