"""Stage pack: key, truth, weight and kinematics of a sample's rows as memory-mapped arrays, by split."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io
from jetsmith.columns import COMMON, KEY, ROWS
from jetsmith.errors import InputError
from jetsmith.handed.account import Account
from jetsmith.hashing import SPLITS, fold_of
from jetsmith.packed.overlap import Shared
from jetsmith.packed.packing import PLACE, Array, Files, Packing, Place, bucketed, each, in_order, outputs
from jetsmith.specs.run import SampleSpec


def pack_rows(
    packing: Packing,
    sample: SampleSpec,
    generators: Mapping[str, str],
    rows: Files,
    accounts: Mapping[str, str | Path],
    kinematics: Sequence[str] = (),
    content: Sequence[str] = (),
) -> None:
    """Write key, label, weight and kinematics of the four splits of a sample.

    Each `meta.json` has rows by data set and flavour, rows that were left out, weight factors and how they
    were found (`normalisation` of the accounts).

    Args:
        packing: Which rows, and where to.
        sample: Names of its data sets, folds and normalisation.
        generators: Their generators by name.
        rows: Files of the rows (stage features) by data set.
        accounts: File of stage account by data set.
        kinematics: Columns that are packed where all files have them.
        content: Columns that, with kinematics, weight and truth, make two rows of one key the same.

    Raises:
        InputError: A file is damaged or another data set's, rows are missing, none is left, the weights
            cannot be normalised, or two data sets hold the same rows.
    """
    datasets = sample.datasets
    files = {name: rows[name] for name in datasets}
    counts = {name: io.read_record(Account, accounts[name], dataset=name) for name in datasets}
    factors = {name: _weight_factor(sample, accounts[name], counts[name]) for name in datasets}
    types = _types(files, [*kinematics, *content])
    packed = {name: kind for name, kind in types.items() if name not in content}
    about = {
        "columns": [*packed, "dataset", "fold"],
        "datasets": list(datasets),
        "generators": [generators[name] for name in datasets],
    }
    arrays = {"label": np.int32, "weight": np.float64, "column.dataset": np.int16, "column.fold": np.int8}
    arrays |= {f"column.{name}": kind for name, kind in packed.items()}
    record = np.dtype([*PLACE, ("label", "i4"), ("weight", "f8"), ("fold", "i1"), *types.items()])
    tally = _Tally()
    with bucketed(packing, files, record) as buckets:
        for index, dataset, path in each(files):
            for piece in io.iterate_rows(path, [*COMMON, *types], dataset=dataset):
                where = packing.place(piece)
                tally.count(dataset, where, np.asarray(piece["flavour"]))
                fold = fold_of(*where.key, packing.seed, sample.folds or 0)
                buckets.add(_records(piece, where, record, index, fold))
        for name in datasets:
            tally.compare(name, counts[name])
        n_rows = [tally.n_rows(split) for split in range(len(SPLITS))]
        if not any(n_rows):
            raise InputError(f"no rows in {', '.join(datasets)}; loosen `selection`")
        shapes = [{name: (kind, (n,)) for name, kind in arrays.items()} for n in n_rows]
        metas = [
            {
                "rows": tally.rows(index, datasets),
                "left_out_rows": {name: tally.left_out(name, packing.unwanted) for name in datasets},
                "weight_factors": factors,
                "normalisation": {name: io.plain(counts[name].normalisation) for name in datasets},
            }
            for index in range(len(SPLITS))
        ]
        shared, factor = Shared(datasets), np.array([factors[name] for name in datasets])
        with outputs(packing, ROWS, about, n_rows, shapes, metas) as writers:
            for split, found, _ in in_order(buckets, writers):
                # Generator weights as float32: what a file rounds tells nothing apart.
                same = [found["label"], found["weight"].astype(np.float32)]
                same += [found[name] for name in types if name not in KEY]
                shared.look({name: found[name] for name in KEY}, found["dataset"], same)
                of_event = np.sign(found["weight"]) if sample.normalise == "flat" else found["weight"]
                weight = of_event * factor[found["dataset"]]
                if not np.isfinite(weight).all():
                    raise InputError(f"{packing.sample}: weights that are not finite; look at the skim")
                others = {name: found[name.removeprefix("column.")] for name in arrays if name != "weight"}
                writers[split].add(weight=weight, **others)
            shared.refuse()


def _records(
    rows: ak.Array, where: Place, record: np.dtype[Any], dataset: int, fold: Array
) -> npt.NDArray[Any]:
    """Those rows that are packed, with all that is known of them; shape (n,)."""
    kept = where.kept
    found = np.empty(int(kept.sum()), record)
    made = {"order": where.order, "split": where.split, "fold": fold, "label": np.asarray(rows["flavour"])}
    found["dataset"] = dataset
    for name in set(record.names or ()) - {"dataset"}:
        found[name] = (made[name] if name in made else np.asarray(rows[name]))[kept]
    return found


class _Tally:
    """Rows by data set, split and truth, those that are left out too."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, int], int] = {}
        self._dropped: dict[tuple[str, int], int] = {}

    def count(self, dataset: str, where: Place, flavour: Array) -> None:
        """Add rows of a data set, of these truth ids, shape (N,)."""
        split, kept = where.split, where.kept
        for index in range(len(SPLITS)):
            here = kept & (split == index)
            for value, n in zip(*np.unique(flavour[here], return_counts=True), strict=True):
                key = dataset, index, int(value)
                self._kept[key] = self._kept.get(key, 0) + int(n)
        for value, n in zip(*np.unique(flavour[~kept], return_counts=True), strict=True):
            self._dropped[dataset, int(value)] = self._dropped.get((dataset, int(value)), 0) + int(n)

    def n_rows(self, split: int) -> int:
        """Rows that are packed, of a split."""
        return sum(n for (_, index, _), n in self._kept.items() if index == split)

    def rows(self, split: int, datasets: Sequence[str]) -> dict[str, dict[str, int]]:
        """Of a split, by data set and flavour."""
        return {
            name: {str(v): n for (of, i, v), n in sorted(self._kept.items()) if (of, i) == (name, split)}
            for name in datasets
        }

    def left_out(self, dataset: str, unwanted: Sequence[int]) -> dict[str, int]:
        """Rows that are not packed, by flavour."""
        return {str(flavour): self._dropped.get((dataset, flavour), 0) for flavour in unwanted}

    def compare(self, dataset: str, account: Account) -> None:
        """Rows by flavour, with those that were left out, are as many as stage skim wrote."""
        found = {str(value): n for (of, value), n in self._dropped.items() if of == dataset}
        for (of, _, value), n in self._kept.items():
            if of == dataset:
                found[str(value)] = found.get(str(value), 0) + n
        if found != account.rows_by_flavour:
            raise InputError(
                f"data set {dataset}: rows by flavour are {dict(sorted(found.items()))} in its feature files "
                f"and {account.rows_by_flavour} in its account; run its features again"
            )


def _types(files: Files, further: Sequence[str]) -> dict[str, Any]:
    """numpy type of the key, and of the further columns that all files have."""
    known = [io.column_types(path) for paths in files.values() for path in paths]
    there = [name for name in dict.fromkeys(further) if all(name in types for types in known)]
    return {name: np.result_type(*(types[name] for types in known)) for name in [*KEY, *there]}


def _weight_factor(sample: SampleSpec, account: str | Path, about: Account) -> float:
    """What generator weights are multiplied with.

    Unit: they then have mean 1 over all entries before cuts. Cross-section: their sum over all
    entries before cuts is the cross-section [pb], or the expected events where there is a luminosity.
    In both, an earlier skim of the files is one of the cuts. Flat: 1; signs alone are multiplied.
    """
    if sample.normalise == "flat":
        return 1.0
    normalised = about.normalisation
    factor = about.event_weight if sample.normalise == "cross_section" else normalised.mean_weight
    if factor is None or not factor > 0:
        total = "unknown" if normalised.sum_w is None else f"{normalised.sum_w:g}"
        raise InputError(
            f"{account}: normalise: {sample.normalise} needs weights that add up to more than 0 and, for "
            f"cross_section, the dataset's cross_section_pb; sum_w is {total} ({normalised.how})"
        )
    return float(factor if sample.normalise == "cross_section" else 1 / factor)
