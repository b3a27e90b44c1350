"""Files that may be packed with gzip, read as what is inside, and no further than their size allows.

Needs the standard library alone: weights of events are read with it, where analyses have little of jetsmith.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

GZIP = b"\x1f\x8b"
MOST_UNPACKED, UNPACKED_ANYHOW = 200, 64 << 20
"""Times the size of a file, and bytes beside; real ones: 7 times (LHE files), 11 (corrections of CMS)."""


class TooMuchError(ValueError):
    """A file unpacks to much more than its size allows."""


class Unpacked:
    """The content of a file, packed or not, from its head to its end.

    Args:
        path: The file.

    Attributes:
        n_read: Bytes that were read, unpacked.

    Raises:
        OSError: It cannot be read; BadGzipFile, which is one, where its gzip is damaged.
        EOFError: Its gzip was cut off.
        TooMuchError: It unpacks to too much.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.n_read = 0
        self._size = os.path.getsize(path)
        self._file = open(path, "rb")  # noqa: SIM115 (closed with the content)
        is_packed = self._file.read(len(GZIP)) == GZIP
        self._file.seek(0)
        self._stream: IO[bytes] = gzip.GzipFile(fileobj=self._file) if is_packed else self._file  # type: ignore[assignment]

    def read(self, n: int) -> bytes:
        """The next bytes, at most `n`; none at the end."""
        try:
            piece = self._stream.read(n)
        except zlib.error as error:
            raise gzip.BadGzipFile(str(error)) from error
        self.n_read += len(piece)
        if self.n_read > MOST_UNPACKED * self._size + UNPACKED_ANYHOW:
            raise TooMuchError(f"it unpacks to more than {MOST_UNPACKED} times its {self._size:,} bytes")
        return piece

    def pieces(self, n: int = 1 << 20) -> Iterator[bytes]:
        """All that is left, piece by piece."""
        while piece := self.read(n):
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._file.close()


@contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[Unpacked]:
    """The content of a file, closed at the end; errors as of `Unpacked`."""
    content = Unpacked(path)
    try:
        yield content
    finally:
        content.close()
