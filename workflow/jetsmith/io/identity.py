"""Who the entries of a partition are: run, luminosity block, event and file of each."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.io.parquet import read_table, writing
from jetsmith.io.types import IntArray

IDENTITY = {name: column.dtype for name, column in EVENT_KEY.items()} | {"file": "uint32"}


@contextmanager
def identity_writer(
    path: str | Path, **subject: Any
) -> Iterator[Callable[[Mapping[str, npt.ArrayLike]], None]]:
    """Write who the entries of a partition are: columns `IDENTITY`, an entry a row, a few bytes each.

    Yields a function that writes some of them; the file is there when all are written. `subject` says
    what it is of, such as dataset and part.
    """
    schema = pa.schema([(name, pa.from_numpy_dtype(kind)) for name, kind in IDENTITY.items()])
    delta = dict.fromkeys(IDENTITY, "DELTA_BINARY_PACKED")
    options = {"compression": "zstd", "use_dictionary": False, "column_encoding": delta}
    with writing(path, schema, subject, **options) as writer:

        def write(columns: Mapping[str, npt.ArrayLike]) -> None:
            arrays = [np.asarray(columns[name]).astype(kind) for name, kind in IDENTITY.items()]
            writer.write_table(pa.table(arrays, schema=schema))

        yield write


def read_identity(path: str | Path, **subject: Any) -> dict[str, IntArray]:
    """Read what `identity_writer` wrote; an InputError where it is damaged or of another subject."""
    table = read_table(path, list(IDENTITY), **subject)
    lacking = set(IDENTITY) - set(table.column_names)
    if lacking:
        raise InputError(f"{path}: no column {', '.join(sorted(lacking))}; run its stage again")
    return {name: table[name].to_numpy() for name in IDENTITY}
