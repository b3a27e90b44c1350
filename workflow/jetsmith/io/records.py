"""Records in JSON files: what one stage hands to another, with types, checked where a file is read.

The configuration's records are pydantic models (`jetsmith.strict`); these are made by the ten thousand, so
they are plain frozen dataclasses, which pydantic fills from the text of a file.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from jetsmith.errors import InputError
from jetsmith.io.json_files import read_json, without_checksum, write_json

MOST_NAMED = 3  # mistakes in a message
LONGEST_SHOWN = 40  # characters of a value in it


class Stored:
    """The base: nothing is converted, no key may be missing or unknown, numbers are finite.

    A field with a default is the exception: its key may be missing, and is left out where it has it.
    """

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


R = TypeVar("R", bound=Stored)


def plain(record: Stored) -> dict[str, Any]:
    """A record as JSON has it, with all records in it."""
    found: dict[str, Any] = _adapter(type(record)).dump_python(record, exclude_defaults=True)
    return found


def write_record(path: str | Path, record: Stored) -> None:
    """Write a record as a JSON file with a checksum."""
    write_json(path, plain(record))


def read_record(kind: type[R], path: str | Path, **subject: Any) -> R:
    """The record that a JSON file holds.

    Args:
        kind: Its type.
        path: The file, as `write_record` wrote it.
        subject: What it has to be of, such as `dataset="ttbar"`.

    Raises:
        InputError: It is no JSON, is damaged or about something else, a key is missing or unknown, or a
            value is not of its type.
    """
    try:
        bare = without_checksum(Path(path).read_text())
    except (OSError, ValueError):
        bare = None  # `read_json` says what is wrong
    text = json.dumps(read_json(path, **subject)) if bare is None else bare
    try:
        found: R = _adapter(kind).validate_json(text)
    except ValidationError as error:
        read_json(path, **subject)  # a file of something else is named as that first
        raise InputError(
            f"{path}: is no {kind.__name__} as this version writes it ({_mistakes(error)}); remove it and "
            "run again"
        ) from error
    if any(getattr(found, key, wanted) != wanted for key, wanted in subject.items()):
        read_json(path, **subject)
    return found


def _mistakes(error: ValidationError) -> str:
    """The first of what is wrong, each with its place, what would be right and what is there."""
    found = error.errors(include_url=False)
    said = []
    for mistake in found[:MOST_NAMED]:
        where = ".".join(map(str, mistake["loc"])) or "all of it"
        match mistake["type"]:
            case "missing":
                said.append(f"{where}: the key is missing")
            case "unexpected_keyword_argument":
                said.append(f"{where}: an unknown key")
            case _:
                value = repr(mistake["input"])
                value = value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…"
                said.append(f"{where}: {mistake['msg']}, and is {value}")
    more = len(found) - MOST_NAMED
    return "; ".join([*said, *([f"and {more} more mistakes"] if more > 0 else [])])


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}  # made once a type: it takes milliseconds


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
