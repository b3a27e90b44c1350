"""PNG files: whole, and of the numbers that they say they show."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jetsmith.errors import InputError

NUMBERS = "jetsmith-numbers"
"""Keyword of the text that holds the checksum of the JSON file beside it."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Png:
    """A picture.

    Attributes:
        content: All bytes of the file.
        width: In pixels.
        height: In pixels.
        text: Texts by keyword.
    """

    content: bytes
    width: int
    height: int
    text: dict[str, str]


def read_png(path: Path) -> Png:
    """Read a picture once its checksums, one a chunk, were compared.

    Raises:
        InputError: It cannot be read, is damaged, or is no PNG.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: plot cannot be read: {error.strerror}; draw it again") from error
    chunks = list(_chunks(content, path))
    header = dict(chunks).get(b"IHDR", b"")
    if len(header) != 13 or chunks[-1][0] != b"IEND":
        raise InputError(f"{path}: is no whole PNG; draw it again")
    texts = [data.decode("latin-1").split("\0", 1) for kind, data in chunks if kind == b"tEXt"]
    width, height = struct.unpack(">II", header[:8])
    return Png(content, width, height, {pair[0]: pair[-1] for pair in texts})


def _chunks(content: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk."""
    place = len(_SIGNATURE)
    if content[:place] != _SIGNATURE:
        raise InputError(f"{path}: is no PNG; draw it again")
    while place < len(content):
        size = int.from_bytes(content[place : place + 4])
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        crc = content[place + 8 + size : place + 12 + size]
        if len(crc) != 4 or zlib.crc32(kind + data) != int.from_bytes(crc):
            raise InputError(f"{path}: is damaged; draw it again")
        yield kind, data
        place += 12 + size
