"""What a file that is no ROOT file is, by its first bytes, and what to do with it."""

import json
import zlib
from dataclasses import dataclass

from jetsmith.unpacking import GZIP

HEAD = 1024  # bytes that are looked at; of remote files there are four
READS = (
    "`files` takes ROOT files of NanoAOD, PFNano, DeepNtuples, PHYSLITE or JetClass, Parquet files of "
    "JetClass, and LHE files"
)
LHE = "an LHE file, which is read from a disk alone; copy it there"


@dataclass(frozen=True)
class Foreign:
    """A file that is not read.

    Attributes:
        what: Its kind and what to do, for messages.
        damaged: Whether it may once have been a ROOT file, so that another copy may serve.
    """

    what: str
    damaged: bool = False


# First bytes at a place, in the order in which they are tried.
MAGIC = (
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as training data of others"),
    (0, b"PAR1", "a Parquet file, which is read from a disk alone; copy it there"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"PK\x03\x04", "a zip archive, as .npz and .keras are; unpack it if ROOT files are inside"),
    (0, b"BZh", "a bzip2 file; unpack it"),
    (0, b"\xfd7zXZ\x00", "an xz file; unpack it"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file; unpack it"),
    (257, b"ustar", "a tar archive; unpack it"),
    (0, b"\x93NUMPY", "an array of numpy"),
    (0, b"\x80\x04", "a Python pickle, which is never read"),
    (0, b"\x80\x05", "a Python pickle, which is never read"),
    (0, b"%PDF", "a PDF"),
    (0, b"\x89PNG", "a picture"),
)


def identify(head: bytes) -> Foreign:
    """What a file with these first bytes is (`HEAD` of them or fewer)."""
    for place, magic, what in MAGIC:
        there = head[place : place + len(magic)]
        if there == magic or (len(head) == 4 and there == magic[:4]):
            return Foreign(what)
    if head[:2] == GZIP:
        return _packed(head)
    if _onnx(head):
        return Foreign("an ONNX network, not events")
    return _text(head) or Foreign(f"not a ROOT file (it starts with {head[:4]!r}, not b'root')", damaged=True)


def is_lhe(head: bytes) -> bool:
    """Whether a file with these first bytes is an LHE file, packed with gzip or not."""
    try:
        inside = _unpacked(head) if head[:2] == GZIP else head
    except zlib.error:
        return False
    return inside.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"LesHouchesEvents" in inside


def _unpacked(head: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(head, HEAD)


def _packed(head: bytes) -> Foreign:
    """A gzip file, by what is inside."""
    try:
        inside = _unpacked(head)
    except zlib.error as error:
        return Foreign(f"a damaged gzip file ({error})", damaged=True)
    if inside[:4] == b"root":
        return Foreign("a ROOT file packed with gzip; unpack it")
    found = identify(inside)
    return Foreign(f"a gzip file; inside: {found.what}" if not found.damaged else "a gzip file; unpack it")


def _onnx(head: bytes) -> bool:
    """Field 1 a small version, field 2 the name of what wrote it: how networks begin."""
    name = head[4 : 4 + head[3]] if len(head) > 4 else b""
    return head[:1] == b"\x08" and head[2:3] == b"\x12" and bool(name) and name.isascii() and name.isalnum()


def _text(head: bytes) -> Foreign | None:
    """A file of text, by how it begins; None where it is none."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # the end may cut a letter in two
            return None
        text = head[: error.start].decode("utf-8-sig")
    if not text.strip() or any(ord(letter) < 32 and letter not in "\t\n\r\f" for letter in text):
        return None
    begin = text.lstrip()
    first = begin.splitlines()[0].strip()
    if begin.lower().startswith(("<!do", "<htm")):
        return Foreign(
            "not a ROOT file but an HTML page, as a server sends it that asks for a login; copy it again",
            True,
        )
    if begin.startswith("version https://git-lfs"):
        return Foreign("not a ROOT file but a pointer of Git LFS to one; `git lfs pull` brings it", True)
    if begin.startswith("<Les") or "<LesHouchesEvents" in begin:
        return Foreign(LHE)
    if begin.startswith("HepMC::"):
        return Foreign("a HepMC file: particles without jets; simulate a detector, and take what that writes")
    if begin[0] in "{[":
        return Foreign("a JSON file; certified luminosity blocks go to `golden_json`")
    if first.startswith("<"):
        return Foreign("an XML file")
    if first.endswith(".root"):
        return Foreign("a list of files: write its lines under `files`, or a glob that finds them")
    return Foreign(f"not a ROOT file but text that begins with {json.dumps(first[:40])}", True)
