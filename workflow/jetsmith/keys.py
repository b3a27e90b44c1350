"""Rows by their keys: which of one table are those of another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError


def codes(columns: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """A number a row, shape (N,), which rows of one key share and no others: 0 to the number of keys - 1.

    Args:
        columns: Of the key, integers of any types, shape (N,) each.
    """
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:  # a few: pair what was found so far with the next
        _, part = np.unique(column, return_inverse=True)
        _, code = np.unique(code * (int(part.max(initial=0)) + 1) + part, return_inverse=True)
    return code


def match(
    wanted: npt.NDArray[np.int64], has: npt.NDArray[np.int64], repeats: tuple[str, str]
) -> npt.NDArray[np.intp]:
    """Row of `has`, shape (M, K), that equals each row of `wanted`, shape (N, K); -1 where none does.

    Args:
        wanted: Keys that are looked for.
        has: Keys among which they are.
        repeats: What to say where a key of `wanted`, or one of `has`, is there twice.

    Raises:
        InputError: It is.
    """
    both = np.concatenate([has, wanted])
    code = codes(list(both.T))
    there, asked = code[: len(has)], code[len(has) :]
    for found, message in zip((asked, there), repeats, strict=True):
        if len(np.unique(found)) != len(found):
            raise InputError(message)
    place = np.full(int(code.max(initial=-1)) + 1, -1, np.intp)
    place[there] = np.arange(len(there))
    return place[asked]
