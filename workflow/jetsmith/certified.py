"""Certified luminosity blocks of collision data, the golden JSON: `{"run": [[first, last], …], …}`."""

import json
from pathlib import Path
from typing import Any

from jetsmith.errors import InputError

Blocks = dict[int, list[tuple[int, int]]]
MOST = 2**32 - 1  # CMS numbers runs and blocks in 32 bits, blocks from 1 on


class _Object(list[tuple[str, Any]]):
    """Names and values of a JSON object, those that stand there twice, too; it is no list of blocks."""

    def __str__(self) -> str:
        return "{…}" if self else "{}"


def read_certified(path: str | Path) -> Blocks:
    """Runs with their ranges of luminosity blocks, ends included.

    Returns:
        The ranges of a run rise and do not touch, in whatever order they stand in the file, and however
        they overlap.

    Raises:
        InputError: It cannot be read, or is something else; a run stands there twice.
    """
    found: Blocks = {}
    try:
        content = json.loads(Path(path).read_text(), object_pairs_hook=_Object)
        if not isinstance(content, _Object):
            raise ValueError("no object of runs")
        for name, ranges in content:
            run = int(name) if name.isascii() and name.isdigit() else -1
            if not 0 <= run <= MOST:
                raise ValueError(f"`{name}` is no number of a run (0 to {MOST})")
            if run in found:
                raise ValueError(f"run {name} stands there twice")
            found[run] = _merged(name, ranges)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as certified luminosity blocks (JSON): {error}") from error
    if not found:
        raise InputError(f"{path}: certifies no run")
    return found


def _merged(run: str, ranges: Any) -> list[tuple[int, int]]:
    """Ranges by their first block, those that overlap or follow each other as one."""
    if type(ranges) is not list:
        raise ValueError(f"run {run}: {ranges} is no list of pairs of first and last block")
    for pair in ranges:
        whole = type(pair) is list and len(pair) == 2
        whole = whole and all(type(block) is int and 1 <= block <= MOST for block in pair)
        if not whole or pair[0] > pair[1]:
            raise ValueError(f"run {run}: {pair} is no pair of first and last block (from 1 to {MOST})")
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged
