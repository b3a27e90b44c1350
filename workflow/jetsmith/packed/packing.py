"""What packing rows and packing their features have in common.

Split, fold and order of a row follow from hashes of its event's key (`jetsmith.hashing`), so a data set that
is added later moves no row from one split to another, and each group is packed by itself in the same order.
Rows go through buckets on the disk, each a range of the order, so that one bucket is in memory at a time.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import columns, io
from jetsmith.hashing import SPLITS, hash64, split_of
from jetsmith.packed.buckets import Buckets, gather
from jetsmith.packed.writing import Shape, Writer, writing
from jetsmith.progress import Progress
from jetsmith.specs.run import SplitSpec

Array = npt.NDArray[Any]
Files = Mapping[str, Sequence[str | Path]]
"""Files of each data set, a partition each."""

BUCKET_BYTES = 32_000_000
PLACE = [("order", "u8"), ("split", "i1"), ("dataset", "i2")]  # of each record in the buckets


@dataclass(frozen=True)
class Packing:
    """Which rows are packed, and where to.

    Attributes:
        sample: Name of the sample; readers of the splits compare it.
        splits: Fractions of the splits.
        seed: Seed of split, fold and order.
        kept_truth: Of `columns.LEFT_OUT_TRUTH`, what a tagger of the sample asks for; jets of the others
            are left out and counted.
        outputs: Folder of each split, by its name in `hashing.SPLITS`; each gets a `meta.json` too.
    """

    sample: str
    splits: SplitSpec
    seed: int
    kept_truth: Sequence[int]
    outputs: Mapping[str, str | Path]

    @property
    def unwanted(self) -> list[int]:
        """Truth that is left out."""
        return [flavour for flavour in columns.LEFT_OUT_TRUTH if flavour not in self.kept_truth]

    def place(self, rows: ak.Array) -> "Place":
        """Where rows with key and truth go."""
        run, block, event = (np.asarray(rows[name]) for name in columns.EVENT_KEY)
        of_event = hash64(run, block, event, self.seed, "order")
        jet = np.asarray(rows["jet_index"]).astype(np.uint64)
        return Place(
            key=(run, block, event),
            split=split_of(run, block, event, self.seed, self.splits),
            order=hash64(of_event, jet, 0, self.seed, "row"),
            kept=~np.isin(np.asarray(rows["flavour"]), self.unwanted),
        )


@dataclass(frozen=True)
class Place:
    """Where N rows go, all arrays of shape (N,).

    Attributes:
        key: Run, luminosity block and event.
        split: Index in SPLITS.
        order: A hash, by which the rows of a split are ordered.
        kept: False for truth that is left out.
    """

    key: tuple[Array, Array, Array]
    split: Array
    order: Array
    kept: io.BoolArray


def each(*files: Files) -> Iterator[tuple[Any, ...]]:
    """Index and name of the data set of each partition, and its files."""
    progress = Progress("pack", sum(map(len, files[0].values())), "files")
    done = 0
    for index, dataset in enumerate(files[0]):
        for paths in zip(*(by_name[dataset] for by_name in files), strict=True):
            yield index, dataset, *paths
            done += 1
            progress.update(done)


@contextlib.contextmanager
def bucketed(
    packing: Packing, files: Files, record: np.dtype[Any], width: int | None = None
) -> Iterator[Buckets]:
    """Buckets beside the outputs, for all that the files hold; `width` is that of lines of values."""
    n_bytes = sum(io.uncompressed_bytes(path) for paths in files.values() for path in paths)
    with io.scratch_directory(packing.outputs[SPLITS[0]]) as folder:
        yield Buckets(folder, n_bytes, BUCKET_BYTES, record, width)


@contextlib.contextmanager
def outputs(
    packing: Packing,
    group: str,
    about: Mapping[str, Any],
    n_rows: Sequence[int],
    arrays: Sequence[Mapping[str, tuple[Any, Shape]]],
    metas: Sequence[Mapping[str, Any]],
) -> Iterator[list[Writer]]:
    """The folder of each split, with its arrays."""
    with contextlib.ExitStack() as stack:
        writers = []
        for index, split in enumerate(SPLITS):
            identity = {"sample": packing.sample, "split": split, "group": group, "rows": int(n_rows[index])}
            folder = writing(packing.outputs[split], {**identity, **about}, arrays[index], metas[index])
            writers.append(stack.enter_context(folder))
        yield writers


def in_order(buckets: Buckets, writers: Sequence[Writer]) -> Iterator[tuple[int, Array, io.FloatArray]]:
    """Records of each split and their values, bucket by bucket in the order of their hashes."""
    for records, values in buckets:
        for split, writer in enumerate(writers):
            rows = np.flatnonzero(records["split"] == split)
            # Rows of equal hash are in the order of their data sets and files: they were added so.
            rows = rows[np.argsort(records["order"][rows], kind="stable")]
            writer.identify(records["order"][rows], records["dataset"][rows])
            if len(rows):
                lines = gather(values, records["count"], rows) if values is not None else np.empty((0, 0))
                yield split, records[rows], lines
