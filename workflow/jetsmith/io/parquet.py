"""Parquet files that know who they are and whether they are whole.

The footer has two entries of ours: the subject, such as dataset and partition, and the checksums of the data
and of the footer itself. They are filled in when the file is complete, at the place kept free for them.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jetsmith.errors import InputError
from jetsmith.io.atomic import atomic_file
from jetsmith.io.checksums import file_crc

SUBJECT = "jetsmith.subject"
_KEY, _FREE = "jetsmith.crc32", "0" * 16
_SEAL = re.compile(re.escape(_KEY.encode()) + rb"\x18\x10([0-9a-f]{16})")  # field 2, 16 bytes: Thrift's way
_END = 8  # bytes behind the footer: its length, and PAR1


@contextmanager
def writing(
    path: str | Path, schema: pa.Schema, subject: Mapping[str, Any], **options: Any
) -> Iterator[pq.ParquetWriter]:
    """Write a parquet file, atomic and with its checksums.

    Args:
        path: Target, replaced at once when everything is written.
        schema: Of all tables that will be written.
        subject: What the file is about; `opened` compares it.
        options: Of pyarrow's writer.
    """
    with atomic_file(path) as temporary:
        with pq.ParquetWriter(temporary, schema, **options) as writer:
            yield writer
            writer.add_key_value_metadata({SUBJECT: json.dumps(dict(subject), sort_keys=True), _KEY: _FREE})
        start, footer, seal = _footer(temporary)
        found = b"%08x" % file_crc(temporary, start)
        found += b"%08x" % zlib.crc32(_without(footer, seal, found))
        with temporary.open("r+b") as file:
            file.seek(start + seal.start(1))
            file.write(found)


def read_table(path: str | Path, columns: list[str] | None = None, **subject: Any) -> pa.Table:
    """Read a whole parquet file, or some of its columns, once its checksums were compared.

    Args:
        path: The file.
        columns: The columns; those that it lacks are left out.
        subject: What it has to be about, such as `dataset="ttbar"`, where it says so at all.

    Raises:
        InputError: It is no parquet file, is damaged, or is about something else.
    """
    with opened(path, whole=True, **subject) as file, named(path):
        return file.read(columns)


@contextmanager
def opened(path: str | Path, whole: bool = False, **subject: Any) -> Iterator[pq.ParquetFile]:
    """Open a parquet file; its footer is compared with its checksum, the data only where `whole`.

    Raises:
        InputError: As in `read_table`.
    """
    with named(path):
        start, footer, seal = _footer(Path(path))
        if zlib.crc32(_without(footer, seal, seal[1][:8])) != int(seal[1][8:], 16):
            raise InputError(f"{path}: the footer does not fit its checksum: damaged; run its stage again")
        if whole and file_crc(Path(path), start) != int(seal[1][:8], 16):
            raise InputError(f"{path}: the data do not fit their checksum: damaged; run its stage again")
        file = pq.ParquetFile(path)
    with file:
        found = json.loads(file.metadata.metadata[SUBJECT.encode()])
        for key, wanted in subject.items():
            if found.get(key, wanted) != wanted:
                raise InputError(
                    f"{path}: is of {key} `{found.get(key)}`, not `{wanted}`; run its stage again"
                )
        yield file


@contextmanager
def named(path: str | Path) -> Iterator[None]:
    """Errors of pyarrow as an InputError with the file's name."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable as parquet: {error}") from error


def _footer(path: Path) -> tuple[int, bytes, re.Match[bytes]]:
    """Where the footer starts, its bytes, and the place of the checksums in it."""
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(max(0, size - _END))
        end = file.read()
        start = size - _END - int.from_bytes(end[:4], "little")
        if end[4:] != b"PAR1" or start < 0:
            raise InputError(f"{path}: not readable as parquet: it has no end; run its stage again")
        file.seek(start)
        footer = file.read(size - _END - start)
    places = list(_SEAL.finditer(footer))
    if len(places) != 1:
        raise InputError(
            f"{path}: has no checksum: damaged, or not written by this jetsmith; run its stage again"
        )
    return start, footer, places[0]


def _without(footer: bytes, seal: re.Match[bytes], crc_of_data: bytes) -> bytes:
    """The footer as it is before its own checksum is known."""
    return footer[: seal.start(1)] + crc_of_data + _FREE[:8].encode() + footer[seal.end(1) :]
