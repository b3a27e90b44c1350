"""LHE files (hep-ph/0609017, arXiv:1405.1067): events of a matrix element as text, plain or packed with gzip.

The text is walked through here, from event to event, and held block by block alone: a partition
unpacks what stands before its entries, and parses none of it, which would take most of the time.
Blocks go to pylhe in a document of their own, without the header of the file. So no file brings a document
type or an entity along, and headers that are no XML, as programs write them, do no harm.
"""

import gzip
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jetsmith.errors import DamagedError, InputError
from jetsmith.sources import foreign
from jetsmith.unpacking import TooMuchError, Unpacked

PIECE = 1 << 20  # bytes that are unpacked at once
MOST = {b"<event": 16 << 20}  # bytes of an event with thousands of weights, many times over
MOST_ELSE = 64 << 20  # bytes of a header
MOST_BETWEEN = 1 << 20  # bytes of text between events
ENDS = {
    b"<!--": b"-->",
    b"<?xml": b"?>",
    b"<header": b"</header>",
    b"<init": b"</init>",
    b"<initrwgt": b"</initrwgt>",
    b"<event": b"</event>",
}
ROOT, END = b"<LesHouchesEvents", b"</LesHouchesEvents"
TAG = re.compile(rb"<!--|<[!?/]?\w*")
INITRWGT = re.compile(rb"<initrwgt\b")


def is_lhe(path: str) -> bool:
    """Whether a file on a disk begins as LHE files do, packed or not."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as stream:
        return foreign.is_lhe(stream.read(foreign.HEAD))


class Text:
    """The text of an LHE file, read once from its head to its end.

    Args:
        path: The file.

    Attributes:
        init: Its block `<init>`.
        initrwgt: Its block `<initrwgt>`, which says what the weights of an event are; empty for none.
        n_events: Events that were passed.

    Raises:
        DamagedError: It is damaged, cut off, or not made as LHE files are.
        InputError: It holds what no LHE file needs: a document type, or much more than its size allows.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.n_events = 0
        self.init = self.initrwgt = b""
        self._content = Unpacked(path)
        self._text, self._at = b"", 0
        try:
            self._read_head()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._content.close()

    @property
    def n_unpacked(self) -> int:
        """Bytes of text that were read, out of its gzip where it has one."""
        return self._content.n_read

    def event(self) -> bytes | None:
        """The next block `<event>`; None behind the last, where the file has ended as it should."""
        while True:
            tag = self._tag()
            if tag == END:
                self._check_end()
                return None
            block = self._block(tag)
            if tag == b"<event":
                self.n_events += 1
                return block
            if tag != b"<!--":
                raise self._damaged(f"`{_shown(tag)}` stands between its events")

    def events(self) -> Iterator[bytes]:
        """All further blocks."""
        while (block := self.event()) is not None:
            yield block

    def _read_head(self) -> None:
        """Read what stands before the first event."""
        while (tag := self._tag()) != ROOT:
            if tag not in (b"<?xml", b"<!--"):
                raise self._damaged(f"`{_shown(tag)}` stands before <LesHouchesEvents>")
            self._block(tag)
        self._at = self._behind(b">", MOST_ELSE)
        while (tag := self._tag()) not in (b"<event", END):
            block = self._block(tag)
            if tag == b"<init":
                self.init = block
            elif found := _initrwgt(block):
                self.initrwgt = found
        if not self.init:
            raise self._damaged("no <init> before its events")

    def _tag(self) -> bytes:
        """The next tag at the top, by its beginning; the text stands at it."""
        self._at = self._behind(b"<", MOST_BETWEEN) - 1
        while len(self._text) - self._at < len(END) + 1 and self._more():
            pass
        found = TAG.match(self._text, self._at)
        assert found is not None  # it begins with `<`
        if found[0].startswith(b"<!") and found[0] != b"<!--":
            raise InputError(
                f"{self.path}: an LHE file with `{_shown(found[0])}`: document types and entities are not "
                "read, and no generator writes them; remove it"
            )
        return found[0]

    def _block(self, tag: bytes) -> bytes:
        """The element or comment that the text stands at, whose tag is this; the text goes behind it."""
        if tag not in ENDS:
            raise self._damaged(f"`{_shown(tag)}` is no part of an LHE file")
        opened = self._behind(b">", MOST_ELSE)
        is_empty = self._text[opened - 2 : opened] == b"/>"
        end = opened if is_empty else self._behind(ENDS[tag], MOST.get(tag, MOST_ELSE))
        block, self._at = self._text[self._at : end], end
        if tag == b"<event" and _begins_within(block):
            self.n_events += 1
            raise self._damaged("an event begins within another")
        return block

    def _behind(self, mark: bytes, most: int) -> int:
        """Place in the text behind the next `mark`."""
        while (place := self._text.find(mark, self._at)) < 0:
            if len(self._text) - self._at > most:
                raise self._damaged(f"no `{mark.decode()}` within {most:,} bytes")
            if not self._more():
                raise DamagedError(
                    f"{self.path}: an LHE file that was cut off, after {self.n_events:,} events: it has no "
                    "</LesHouchesEvents>; copy it again"
                )
        return place + len(mark)

    def _more(self) -> bool:
        """Unpack the next piece; False at the end."""
        try:
            piece = self._content.read(PIECE)
        except EOFError as error:
            raise DamagedError(
                f"{self.path}: a gzip file that was cut off, after {self.n_events:,} events; copy it again"
            ) from error
        except gzip.BadGzipFile as error:  # an OSError that does not pass
            raise DamagedError(f"{self.path}: a damaged gzip file ({error}); copy it again") from error
        except TooMuchError as error:
            raise InputError(
                f"{self.path}: {error}, as no generator's events do; unpack it, where it is what it should be"
            ) from error
        self._text, self._at = self._text[self._at :] + piece, 0
        return bool(piece)

    def _check_end(self) -> None:
        """Nothing but white space stands behind the end; the checksum of a gzip is compared on the way."""
        self._at = self._behind(b">", MOST_BETWEEN)
        while not self._text[self._at :].strip():
            self._at = len(self._text)
            if not self._more():
                return
        raise InputError(
            f"{self.path}: it goes on behind </LesHouchesEvents>: several LHE files in one; make a file of "
            "each"
        )

    def _damaged(self, what: str) -> DamagedError:
        return DamagedError(
            f"{self.path}: a damaged LHE file: {what} (after {self.n_events:,} events); copy it again"
        )


def _initrwgt(block: bytes) -> bytes:
    """The block `<initrwgt>` in a header, or empty: one search for its end, which no beginning repeats."""
    begin = INITRWGT.search(block)
    end = block.find(ENDS[b"<initrwgt"], begin.end()) if begin else -1
    return block[begin.start() : end + len(ENDS[b"<initrwgt"])] if begin and end >= 0 else b""


def _begins_within(block: bytes) -> bool:
    place = block.find(b"<event", 1)
    return place >= 0 and block[place + 6 : place + 7] in (b">", b" ", b"\n", b"\t", b"\r")


def _shown(tag: bytes) -> str:
    return tag.decode("ascii", "replace")


def uuid_of(path: str) -> str:
    """What tells a file that has no UUID from all but its copies: a digest of its whole content."""
    with Path(path).open("rb") as stream:
        found = hashlib.file_digest(stream, partial(hashlib.blake2b, digest_size=16))
    return str(uuid.UUID(bytes=found.digest()))
