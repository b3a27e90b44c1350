"""Reading score files: which jets have a score, which the experiment did not tag, and which have none.

`discriminant` is a number; -inf for a jet that was not tagged, which fails every threshold and counts in
every denominator; NaN where `scored` is False: no score, so the jet counts nowhere and is counted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS

NOT_TAGGED = -np.inf  # below every threshold


def read_split(
    path: str | Path, split: str, columns: Sequence[str] = (), **subject: Any
) -> dict[str, npt.NDArray[Any]]:
    """The rows of a split: `discriminant`, `scored`, `label`, `weight` and more columns, shape (N,) each.

    Args:
        path: Score file.
        split: Name of the split.
        columns: More columns.
        subject: Whose scores they have to be, see `io.read_rows`.

    Raises:
        InputError: A column is lacking, has values that are not finite, or the discriminant is NaN
            where there is a score, or infinite upwards.
    """
    names = list(dict.fromkeys(["discriminant", "scored", "label", "weight", *columns]))
    rows = io.read_rows(path, [*names, "split"], **subject)
    here = np.asarray(ak.to_numpy(rows["split"])) == SPLITS.index(split)
    table = {name: np.asarray(ak.to_numpy(rows[name]))[here] for name in names}
    table["scored"] = table["scored"].astype(bool)
    score = table["discriminant"]
    bad = {name: ~np.isfinite(table[name]) for name in names if name not in ("discriminant", "scored")}
    bad["discriminant"] = np.where(table["scored"], np.isnan(score), ~np.isnan(score)) | (score == np.inf)
    for name, wrong in bad.items():
        if wrong.any():
            raise InputError(
                f"{path}: column {name}: {int(wrong.sum())} of {len(score)} {split} rows have values that "
                "are not finite; run score again"
            )
    return table
