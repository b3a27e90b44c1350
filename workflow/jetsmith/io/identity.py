"""Who the entries of a partition are: run, luminosity block, event and file of each."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jetsmith.errors import InputError
from jetsmith.io.atomic import atomic_file
from jetsmith.io.types import IntArray

IDENTITY = {"run": "uint32", "luminosity_block": "uint32", "event": "uint64", "file": "uint32"}


@contextmanager
def identity_writer(path: str | Path) -> Iterator[Callable[[Mapping[str, npt.ArrayLike]], None]]:
    """Write who the entries of a partition are: columns `IDENTITY`, an entry a row, a few bytes each.

    Yields a function that writes some of them; the file is there when all are written.
    """
    schema = pa.schema([(name, pa.from_numpy_dtype(kind)) for name, kind in IDENTITY.items()])
    delta = dict.fromkeys(IDENTITY, "DELTA_BINARY_PACKED")
    options = {"compression": "zstd", "use_dictionary": False, "column_encoding": delta}
    with atomic_file(path) as temporary, pq.ParquetWriter(temporary, schema, **options) as writer:

        def write(columns: Mapping[str, npt.ArrayLike]) -> None:
            arrays = [np.asarray(columns[name]).astype(kind) for name, kind in IDENTITY.items()]
            writer.write_table(pa.table(arrays, schema=schema))

        yield write


def read_identity(path: str | Path) -> dict[str, IntArray]:
    """Read what `identity_writer` wrote."""
    try:
        table = pq.read_table(path, columns=list(IDENTITY))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable as parquet: {error}") from error
    return {name: table[name].to_numpy() for name in IDENTITY}
