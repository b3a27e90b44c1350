"""Files that TensorBoard reads: records of a training's history, each framed and with checksums.

Written here, since TensorFlow's writer would have to be loaded beside JAX and XGBoost, and would take their
GPU. The format: tensorflow/core/lib/io/record_writer.h, and Event and Summary of tensorboard/compat/proto.
"""

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

NAME = "events.out.tfevents"


class Events:
    """Event files of one training, in a folder of their own; those of a run that was killed are replaced.

    Nothing of a training depends on them: where one cannot be written that is said, and it is given up.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{NAME}.{time.time():.0f}.{socket.gethostname()}"
        self._written, self._lost = 0, False
        with self._giving_up():
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob(f"{NAME}.*"):
                path.unlink()
            self._path.write_bytes(record(_double(1, time.time()) + _text(3, b"brain.Event:2")))

    def __call__(self, history: Sequence[Mapping[str, float]]) -> None:
        """Write what a history has more than before: each number of an epoch or round by its name."""
        if self._lost:
            return
        found = b"".join(record(event(row)) for row in history[self._written :])
        self._written = len(history)
        with self._giving_up(), self._path.open("ab") as file:
            file.write(found)

    @contextlib.contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._lost = True
            print(f"{self._path}: no events for TensorBoard: {error.strerror}", file=sys.stderr, flush=True)


def event(row: Mapping[str, float]) -> bytes:
    """An epoch or a round as a message `Event`: time, step, and a summary of scalars."""
    values = (
        _text(1, _text(1, name.encode()) + _varint(2 << 3 | 5) + struct.pack("<f", value))
        for name, value in row.items()
        if name != "epoch"
    )
    step = _varint(2 << 3) + _varint(int(row["epoch"]))
    return _double(1, time.time()) + step + _text(5, b"".join(values))


def record(data: bytes) -> bytes:
    """A record of a file: length, its checksum, content, its checksum."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked(length)) + data + struct.pack("<I", _masked(data))


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _text(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _masked(data: bytes) -> int:
    """CRC-32C (Castagnoli), masked as in files that hold checksums of checksums."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
