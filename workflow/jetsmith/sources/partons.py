"""The events of an LHE file as a table: branches named as in the common block HEPEUP, read by pylhe."""

import hashlib
import io
import re
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from jetsmith.errors import DamagedError, InputError
from jetsmith.io import IntArray
from jetsmith.sources.leshouches import Text
from jetsmith.unpacking import GZIP

if TYPE_CHECKING:
    from pylhe import LHEEvent, LHEFile

PATH = "LesHouchesEvents"
KEY = ("run", "luminosityBlock", "event")  # of ours: a digest of the file's first event, and the place in it
CODES, MOMENTA = ("IDUP", "ISTUP"), ("PUP1", "PUP2", "PUP3", "PUP4", "PUP5")  # [GeV]
PARTICLE = dict(
    zip((*CODES, *MOMENTA), ("id", "status", "px", "py", "pz", "e", "m"), strict=True)
)  # in pylhe
WEIGHT = re.compile(r"(XWGTUP|weight (?P<id>.*)) \(IDWTUP [+-]\d\)", re.DOTALL)
STRATEGIES = (1, 2, 3, 4)  # |IDWTUP|: how weights, cross-sections and unweighting go together
MOST_CODE = 2**31  # codes of nuclei have ten digits
BATCH, BATCH_BYTES = 1000, 16 << 20  # events, and about the bytes of text, that pylhe parses at once


def weight_name(strategy: int, variation: str | None = None) -> str:
    """Name of the branch of a weight. It tells the file's convention: files of two do not mix."""
    return f"{'XWGTUP' if variation is None else f'weight {variation}'} (IDWTUP {strategy:+d})"


def variations(branches: Collection[str]) -> dict[str, str]:
    """Branches of the weights of variations, by their ids in the file, in order."""
    found = ((match["id"], name) for name in branches if (match := WEIGHT.fullmatch(name)) and match["id"])
    return dict(sorted(found))


class EventTable:
    """The events of an LHE file (see `trees.Table`), read in order: going back means to begin anew.

    Args:
        path: The file.
        n_entries: Its events, where they were counted before; else it is read to its end for them.
    """

    path = PATH

    def __init__(self, path: str, n_entries: int | None = None) -> None:
        self.file = path
        self._text: Text | None = None
        text = Text(path)
        self._init, self._initrwgt = text.init, text.initrwgt
        self._first = b""
        try:
            self._first = text.event() or b""
        finally:
            text.close()
        self.strategy = self._strategy()
        self.n_entries = self._counted[0] if n_entries is None else n_entries

    def close(self) -> None:
        """Close the file."""
        if self._text is not None:
            self._text.close()
        self._text = None

    @cached_property
    def _counted(self) -> tuple[int, int]:
        """Events and bytes of text."""
        text = Text(self.file)
        try:
            return sum(1 for _ in text.events()), text.n_unpacked
        finally:
            text.close()

    @cached_property
    def branches(self) -> set[str]:
        """Names of all that can be read; the weights are those of the first event."""
        weights = {weight_name(self.strategy, found) for found in self._variations()}
        return {*KEY, *CODES, *MOMENTA, weight_name(self.strategy), *weights}

    def unreadable(self, names: Collection[str]) -> dict[str, str]:
        """None of them."""
        return {}

    def bounds(self, names: Collection[str]) -> list[int]:
        """Text has no blocks."""
        return [0, self.n_entries] if self.n_entries else [0]

    def entry_bytes(self, names: Collection[str]) -> float:
        """Bytes of text an event."""
        n, n_bytes = self._counted
        return n_bytes / n if n else 0.0

    def codec(self) -> str:
        """Whether it is packed."""
        with open(self.file, "rb") as stream:
            return "gzip" if stream.read(2) == GZIP else "none"

    def read(self, names: Collection[str], start: int, stop: int) -> dict[str, ak.Array]:
        """Events `start` to `stop` of these branches.

        Raises:
            DamagedError: The text is damaged, or an event is malformed, which is named by its place.
        """
        text = self._text_at(start)
        wanted = {name: match["id"] for name in names if (match := WEIGHT.fullmatch(name))}
        batches, first = [], start
        while first < stop:
            blocks = _some(text, stop - first)
            if not blocks:
                raise DamagedError(f"{self.file}: it ends after {first:,} events, not {stop:,}")
            batches.append(self._batch(blocks, first, wanted))
            first += len(blocks)
        arrays = {name: ak.Array(_joined([batch[name] for batch in batches])) for name in wanted}
        counts = _joined([batch["counts"] for batch in batches], np.int64)
        for name in (*CODES, *MOMENTA):
            kind = np.int64 if name in CODES else np.float64
            arrays[name] = ak.unflatten(_joined([batch[name] for batch in batches], kind), counts)
        key = (*self._digest, np.arange(start, stop, dtype=np.uint64))
        of_key = dict(zip(KEY, (np.broadcast_to(values, stop - start) for values in key), strict=True))
        arrays |= {name: ak.Array(values.copy()) for name, values in of_key.items()}
        return {name: arrays[name] for name in names}

    def _text_at(self, start: int) -> Text:
        """The text, at an event."""
        if self._text is None or self._text.n_events > start:
            self.close()
            self._text = Text(self.file)
        for _ in islice(self._text.events(), start - self._text.n_events):
            pass
        return self._text

    def _batch(self, blocks: Sequence[bytes], first: int, weights: dict[str, str | None]) -> dict[str, Any]:
        """Numbers of some events: particles one after the other, and how many each event has."""
        found: dict[str, list[Any]] = {name: [] for name in (*CODES, *MOMENTA, *weights, "counts")}
        n, failure = 0, None
        try:
            for event in self._parsed(blocks, any(weights.values())):
                _add(found, event, weights)
                n += 1
        except MemoryError:
            raise
        except Exception as error:  # whatever pylhe raises on damaged text
            failure = error
        if n != len(blocks):  # raised here, so that the place is the last word and not what pylhe said
            raise self._malformed(first + n, blocks[n : n + 1], failure)
        arrays = {name: np.asarray(values) for name, values in found.items()}
        event_of = np.repeat(np.arange(n), found["counts"])
        for name in (*MOMENTA, *weights):
            wrong = np.flatnonzero(~np.isfinite(arrays[name]))
            if len(wrong):
                place = int(wrong[0] if name in weights else event_of[wrong[0]])
                raise self._malformed(first + place, [], ValueError(f"{name} is not finite"))
        return arrays

    def _parsed(self, blocks: Sequence[bytes], with_weights: bool) -> "Any":
        return self._document(blocks, with_weights).events

    def _document(self, blocks: Sequence[bytes], with_weights: bool) -> "LHEFile":
        """What pylhe finds in a document of these events alone."""
        header = b"<header>" + self._initrwgt + b"</header>" if with_weights and self._initrwgt else b""
        head = b'<LesHouchesEvents version="3.0">\n' + header + self._init
        document = io.BytesIO(b"\n".join([head, *blocks, b"</LesHouchesEvents>\n"]))
        found: LHEFile = _pylhe(self.file).LHEFile.frombuffer(document, with_attributes=with_weights)
        return found

    def _strategy(self) -> int:
        """IDWTUP of the block `<init>`."""
        try:
            found = int(self._document([], with_weights=False).init.initInfo.weightingStrategy)
        except (InputError, MemoryError):
            raise
        except Exception as error:
            raise DamagedError(
                f"{self.file}: a damaged LHE file: its <init> cannot be read ({_said(error)}); copy it again"
            ) from error
        if abs(found) not in STRATEGIES:
            raise DamagedError(
                f"{self.file}: a damaged LHE file: IDWTUP is {found}, not ±1 to ±4; copy it again"
            )
        return found

    def _variations(self) -> list[str]:
        """Ids of the weights of the first event; none where they cannot be read, which is said."""
        if not self._first:
            return []
        try:
            return [found for event in self._parsed([self._first], True) for found in event.weights]
        except (InputError, MemoryError):
            raise
        except Exception as error:
            print(f"{self.file}: the weights of variations cannot be read: {_said(error)}", file=sys.stderr)
            return []

    @cached_property
    def _digest(self) -> IntArray:
        """Two numbers of 32 bits that tell the events of a file from those of another."""
        digest = hashlib.blake2b(self._first, digest_size=8).digest()
        return np.frombuffer(digest, dtype="<u4").astype(np.uint32)

    def _malformed(self, place: int, block: Sequence[bytes], error: Exception | None) -> DamagedError:
        reason = _said(error) if error is not None else _why_no_xml(block)
        return DamagedError(f"{self.file}: event {place:,} (counted from 0) is malformed: {reason}")


def _pylhe(path: str) -> Any:
    """The module pylhe, which takes a second to import.

    Raises:
        InputError: It is not installed.
    """
    try:
        import pylhe
    except ImportError as error:
        raise InputError(f"{path}: LHE files need pylhe; install the extra `lhe` ({error})") from error
    return pylhe


def _some(text: Text, most: int) -> list[bytes]:
    """The next events, fewer where they are long; none at the end."""
    blocks: list[bytes] = []
    n_bytes = 0
    while len(blocks) < min(BATCH, most) and n_bytes < BATCH_BYTES and (block := text.event()) is not None:
        blocks.append(block)
        n_bytes += len(block)
    return blocks


def _add(found: dict[str, list[Any]], event: "LHEEvent", weights: dict[str, str | None]) -> None:
    """Add the numbers of an event to lists."""
    n_said, n_there = event.eventinfo.nparticles, len(event.particles)
    if n_said != n_there:
        raise ValueError(f"NUP is {n_said}, but it has {n_there} particles")
    if any(abs(code) >= MOST_CODE for particle in event.particles for code in (particle.id, particle.status)):
        raise ValueError("codes of its particles have too many digits")
    for name, variation in weights.items():
        if variation is not None and variation not in event.weights:
            raise ValueError(f"it has no weight `{variation}`")
        found[name].append(event.eventinfo.weight if variation is None else event.weights[variation])
    found["counts"].append(n_there)
    for name, attribute in PARTICLE.items():
        found[name] += [getattr(particle, attribute) for particle in event.particles]


def _joined(pieces: Sequence[Any], kind: Any = np.float64) -> Any:
    return np.concatenate([np.zeros(0), *pieces]).astype(kind)


def _why_no_xml(block: Sequence[bytes]) -> str:
    """Why an event is no XML: pylhe says it in a warning alone."""
    from xml.etree import ElementTree

    with suppress(IndexError):
        try:
            ElementTree.fromstring(block[0])
        except ElementTree.ParseError as error:
            return _said(error)
    return "it is no XML"


def _said(error: BaseException) -> str:
    return f"{(str(error).strip().splitlines() or [type(error).__name__])[0]}"
