"""JSON files of stages; the last key of each object that is one is a checksum of the others."""

import json
import re
import zlib
from pathlib import Path
from typing import Any

from jetsmith.errors import InputError
from jetsmith.io.atomic import atomic_file

CHECKSUM = "checksum"
# Its line as `write_json` writes it, alone at this depth, with one of the commas beside it.
_LINE = re.compile(rf',\n "{CHECKSUM}": "([0-9a-f]{{8}})"(?=\n\}})|\n "{CHECKSUM}": "([0-9a-f]{{8}})",')


def write_json(path: str | Path, content: Any, checksum: bool = True) -> None:
    """Write JSON with sorted keys; NaN and infinity are refused, since JSON has none.

    Args:
        path: Target.
        content: Anything that JSON can hold.
        checksum: Give an object the key `checksum`; not where a schema allows no further keys.
    """
    content = json.loads(_text(content))  # as it is read back: numbers as keys become text
    if checksum and isinstance(content, dict):
        content[CHECKSUM] = json_checksum(content)
    with atomic_file(path) as temporary:
        temporary.write_text(_text(content) + "\n")


def read_json(path: str | Path, **subject: Any) -> Any:
    """Read JSON without its checksum.

    Args:
        path: The file.
        subject: What it has to be of, such as `dataset="ttbar"`, where it has such a key.

    Raises:
        InputError: It is no JSON, is not what was written, or is about something else.
    """
    try:
        text = Path(path).read_text()
        bare = without_checksum(text)
        content = json.loads(text if bare is None else bare)
        is_whole = (
            bare is not None
            or not isinstance(content, dict)
            or content.pop(CHECKSUM, None) in (None, json_checksum(content))
        )
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from error
    if not is_whole:
        raise InputError(
            f"{path}: its content does not fit its checksum: it is damaged, or was edited; remove it and run "
            "again"
        )
    for key, wanted in subject.items():
        found = content.get(key, wanted) if isinstance(content, dict) else None
        if found != wanted:
            raise InputError(f"{path}: is of {key} `{found}`, not `{wanted}`; remove it and run again")
    return content


def without_checksum(text: str) -> str | None:
    """The text of a JSON file without its checksum, where it stands there as it was written.

    None where it does not, or has none: the values have to be compared then, which takes five times as long.
    """
    line = _LINE.search(text)
    if line is None:
        return None
    bare = text[: line.start()] + text[line.end() :].rstrip("\n")
    return bare if f"{zlib.crc32(bare.encode()):08x}" == (line[1] or line[2]) else None


def _text(content: Any) -> str:
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False)


def json_checksum(content: Any) -> str:
    """CRC-32 of the values: a blank more or less does not count."""
    return f"{zlib.crc32(_text(content).encode()):08x}"
