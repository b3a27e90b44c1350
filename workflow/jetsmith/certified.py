"""Certified luminosity blocks of collision data, the golden JSON: `{"run": [[first, last], …], …}`."""

import json
from pathlib import Path

from jetsmith.errors import InputError

Blocks = dict[str, list[list[int]]]


def read_certified(path: str | Path) -> Blocks:
    """Runs with their ranges of luminosity blocks, ends included.

    Raises:
        InputError: It cannot be read, or is something else.
    """
    try:
        content = json.loads(Path(path).read_text())
        for run, blocks in content.items():
            if not (run.isdigit() and all(len(pair) == 2 and pair[0] <= pair[1] for pair in blocks)):
                raise ValueError(f"run {run}: {blocks} are no pairs of first and last block")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: not readable as certified luminosity blocks (JSON): {error}") from error
    if not content:
        raise InputError(f"{path}: certifies no run")
    return dict(content)
