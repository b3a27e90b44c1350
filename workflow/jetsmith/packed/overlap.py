"""Rows that stand in two data sets of a sample. Content decides: every production counts its events anew."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith import columns, io
from jetsmith.errors import InputError
from jetsmith.packed import arrays

Array = npt.NDArray[Any]


def refuse_twice(packed: arrays.Packed, kinematics: Sequence[str], factors: Sequence[float]) -> None:
    """Fail where two data sets of a sample hold the same rows: effective counts would double.

    The same key alone is no crime, since each production numbers its events anew: generator weight, truth,
    kinematics and flat features must be the same, too.

    Args:
        packed: A split; rows with the same key stand together.
        kinematics: Names of columns that are content, where there are such.
        factors: What the generator weights of each data set were multiplied with.

    Raises:
        InputError: Names the data sets, the number of rows and one of them.
    """
    dataset = packed.columns["dataset"]
    # As float32, without what multiplying by the factors has rounded.
    weight = (packed.weight / np.asarray(factors)[dataset]).astype(np.float32)
    content = [packed.columns[name] for name in kinematics if name in packed.columns]
    content += [weight, packed.label, *packed.flat.T]
    pairs: Counter[tuple[int, int]] = Counter()
    example, step, some = 0, 1, len(packed) > 1
    while some:
        same = np.ones(len(packed) - step, dtype=bool)
        for name in columns.KEY:
            same &= packed.columns[name][step:] == packed.columns[name][:-step]
        first = np.flatnonzero(same)
        some, step = len(first) > 0 and step + 1 < len(packed), step + 1
        first = first[dataset[first] != dataset[first + step - 1]]
        for values in content:
            first = first[_equal(values[first], values[first + step - 1])]
        pairs.update(zip(dataset[first].tolist(), dataset[first + step - 1].tolist(), strict=True))
        example = int(first[0]) if len(first) else example
    if pairs:
        raise InputError(_explain_twice(packed, pairs, example))


def _equal(left: Array, right: Array) -> io.BoolArray:
    same: io.BoolArray = (left == right) | ((left != left) & (right != right))  # NaN is NaN here
    return same


def _explain_twice(packed: arrays.Packed, pairs: Counter[tuple[int, int]], example: int) -> str:
    names = packed.datasets
    event = ":".join(str(packed.columns[key][example]) for key in ("run", "luminosity_block", "event"))
    found = ", ".join(f"{n:,} of {names[a]} and {names[b]}" for (a, b), n in sorted(pairs.items()))
    return (
        f"rows that stand in two data sets of the sample, with the same weight and inputs: {found} in one of "
        f"its splits, such as {event} (run:block:event); they would count twice. Leave the files that both "
        "have out of one of them"
    )
