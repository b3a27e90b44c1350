"""What the stages inspect, skim and account hand to each other, as records; one reader and one writer.

The configuration's records are pydantic models; these are made by the ten thousand, so they are plain
frozen dataclasses, checked where a file is read.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from jetsmith.errors import InputError
from jetsmith.io import read_json, write_json

R = TypeVar("R", bound="Stored")


class Stored:
    """The base: nothing is converted, no key may be missing or unknown, numbers are finite."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Runs(Stored):
    """Sums over the generated events of a file, from its tree Runs.

    Attributes:
        n_events: Their number, None where Runs has none.
        sum_w: Sum of their generator weights.
        sum_w2: Sum of the squares, None where Runs has none.
    """

    n_events: int | None
    sum_w: float
    sum_w2: float | None


@dataclass(frozen=True, slots=True)
class Schema(Stored):
    """What files that are alike can give.

    Attributes:
        layout: ROOT layout; None where a file without entries does not say.
        available: Canonical columns that they give.
        missing: Canonical columns of the object that they do not give.
        branches: What is read of them.
        constituents: Whether they hold candidates of jets.
        unreadable: Branches that cannot be read, each with the reason.
        content: What they say of their events (`agreement.describe`); None without entries.
    """

    layout: str | None
    available: tuple[str, ...]
    missing: tuple[str, ...]
    branches: tuple[str, ...]
    constituents: bool
    unreadable: dict[str, str]
    content: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class FileFound(Stored):
    """A file of a dataset.

    Attributes:
        file: Path or address, as the dataset names it.
        uuid: Its UUID.
        tree: Path of its table.
        schema: Index into `Plan.schemas`.
        entries: Entries of the table.
        bytes: Size of the file [B].
        codec: Compression.
        bounds: Entries at which clusters begin, rising, and the last one's end; thinned.
        entry_bytes: Uncompressed size of what is read of an entry [B].
        runs: Sums over generated events; None where there are none.
    """

    file: str
    uuid: str
    tree: str
    schema: int
    entries: int
    bytes: int
    codec: str
    bounds: tuple[int, ...]
    entry_bytes: float
    runs: Runs | None


@dataclass(frozen=True, slots=True)
class Damaged(Stored):
    """A file that cannot be read, and why, after so many attempts."""

    file: str
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Range(Stored):
    """Entries `start` to `stop` of a file, the last one not among them."""

    file: str
    uuid: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Part(Stored):
    """A partition: its name (`000`, `001`, …) and what it holds."""

    part: str
    ranges: tuple[Range, ...]

    @property
    def n_entries(self) -> int:
        """Entries of all its ranges."""
        return sum(piece.stop - piece.start for piece in self.ranges)


@dataclass(frozen=True, slots=True)
class Plan(Stored):
    """What inspect found of a dataset, and how it is cut into partitions.

    Attributes:
        dataset: Its name.
        object: What a row is: ak4, ak8 or event.
        layout: ROOT layout of the files with entries.
        columns: Canonical columns that all of these give, in order.
        n_entries: Entries of all files.
        bytes: Size of all files [B].
        content: What the files say, in agreement (`agreement.content`).
        schemas: One for all files that are alike.
        files: Those that can be read.
        damaged: Those that cannot, where a loss is allowed.
        parts: The partitions; each entry is in exactly one.
    """

    dataset: str
    object: str
    layout: str | None
    columns: tuple[str, ...]
    n_entries: int
    bytes: int
    content: dict[str, Any]
    schemas: tuple[Schema, ...]
    files: tuple[FileFound, ...]
    damaged: tuple[Damaged, ...]
    parts: tuple[Part, ...]


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}  # made once a type: it takes milliseconds


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def plain(record: Stored) -> dict[str, Any]:
    """A record as JSON has it, with all records in it."""
    found: dict[str, Any] = _adapter(type(record)).dump_python(record)
    return found


def write(path: str | Path, record: Stored) -> None:
    """Write a record as a JSON file with a checksum."""
    write_json(path, plain(record))


def from_plain(kind: type[R], content: Any, where: str | Path) -> R:
    """The record that a JSON file holds.

    Args:
        kind: Its type.
        content: What was read.
        where: The file, for the message.

    Raises:
        InputError: A key is missing or unknown, or a value is not of its type.
    """
    try:  # JSON's text, since strict dataclasses take only instances from Python
        found: R = _adapter(kind).validate_json(json.dumps(content))
    except (ValidationError, ValueError) as error:
        problems = error.errors() if isinstance(error, ValidationError) else []
        first = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'all'}: {p['msg']}" for p in problems[:3])
        raise InputError(
            f"{where}: is no {kind.__name__} as this version writes it ({first or error}); remove it and run "
            "again"
        ) from error
    return found


def read_plan(path: str | Path, **subject: str) -> Plan:
    """The plan of a dataset, from the JSON file of stage inspect.

    Args:
        path: The file.
        subject: What it has to be of, as in `io.read_json`.

    Raises:
        InputError: It is damaged, of another dataset, or no plan.
    """
    return from_plain(Plan, read_json(path, **subject), path)
