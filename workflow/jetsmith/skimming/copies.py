"""Two names of one file. Content decides: a UUID proves nothing, since copies that were changed keep it."""

import hashlib
from collections.abc import Sequence

import numpy as np

from jetsmith import remote
from jetsmith.errors import InputError
from jetsmith.handed.plan import FileFound
from jetsmith.sources.opened import open_file
from jetsmith.specs.skimming import XRootDSpec

PIECES, PIECE_BYTES = 128, 256 * 1024  # of each of two suspects: 32 MB spread evenly, smaller files whole
Pair = tuple[FileFound, FileFound]


def copies(records: Sequence[FileFound], xrootd: XRootDSpec) -> list[Pair]:
    """Pairs of files with the same content, each with the first that has it.

    Files are compared piece by piece only where uuid, size and entries are the same, which is rare.

    Args:
        records: The files, as stage inspect found them.
        xrootd: Servers that may hold remote files, too, and the time they have to answer.

    Raises:
        InputError: One of two suspects cannot be read now.
    """
    alike: dict[tuple[str, int, int], list[FileFound]] = {}
    for record in records:
        alike.setdefault((record.uuid, record.bytes, record.entries), []).append(record)
    found: list[Pair] = []
    for suspects in (group for group in alike.values() if len(group) > 1):
        first: dict[bytes, FileFound] = {}
        for record in suspects:
            same = first.setdefault(content_digest(record.file, record.bytes, xrootd), record)
            if same is not record:
                found.append((same, record))
    return found


def content_digest(path: str, n_bytes: int, xrootd: XRootDSpec) -> bytes:
    """Digest of pieces of a file, the same for the same content under any name.

    Args:
        path: Path or address.
        n_bytes: Its size, as its header says.
        xrootd: Servers that may hold it, too, and the time they have to answer.

    Raises:
        InputError: It cannot be read now.
    """
    failure: Exception | None = None
    for address in remote.replicas(path, xrootd.redirectors):
        if address.startswith(remote.SCHEME):
            remote.configure_client(xrootd.timeout_s)
        try:
            return _digest(address, n_bytes)
        except (InputError, OSError) as error:
            failure = error
    raise InputError(f"{path}: cannot be read once more, to be compared: {failure}") from failure


def _digest(address: str, n_bytes: int) -> bytes:
    found = hashlib.blake2b()
    with open_file(address) as file:
        for start in pieces(n_bytes):
            found.update(file.piece(start, min(start + PIECE_BYTES, n_bytes)))
    return found.digest()


def pieces(n_bytes: int) -> list[int]:
    """Where the pieces begin: all of a small file, else evenly from its head to its end."""
    if n_bytes <= PIECES * PIECE_BYTES:
        return list(range(0, n_bytes, PIECE_BYTES))
    return [int(start) for start in np.linspace(0, n_bytes - PIECE_BYTES, PIECES)]
