"""Weights of variations as NanoAOD has them: lists of factors on the generator weight of their event.

CMSSW's GenWeightsTableProducer divides weights of LHE files by their XWGTUP (w_var / w_nominal), whatever
merging and showers made of the event's weight since. Runs has sums of genWeight * factor, over genEventSumw.
"""

from collections.abc import Collection, Mapping

import awkward as ak
import numpy as np

from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.sources.flat import split, values
from jetsmith.sources.trees import Table
from jetsmith.specs.datasets import RELATIVE_WEIGHTS, RelativeWeight

CHUNK = 100_000  # entries that are looked at at once
NEAR_ONE = 2.0  # half of the factors of a shower's variation lie this close to 1, and far closer


def choices(branches: Collection[str]) -> list[str]:
    """What `weight_variation` may be of a file with these branches."""
    return [f"{name}[<index>]" for name in RELATIVE_WEIGHTS if name in branches]


def factors(events: Mapping[str, ak.Array], wanted: RelativeWeight) -> FloatArray:
    """The factor of every event, shape (N,).

    Raises:
        InputError: An event has none.
    """
    offsets, content = split(events[wanted.branch])
    counts = np.diff(offsets)
    if np.any(counts <= wanted.place):
        raise InputError(f"an event has {counts.min()} of {wanted.branch}, and no {wanted}")
    return content[offsets[:-1] + wanted.place].astype(np.float64)


def check_entries(path: str, table: Table, wanted: RelativeWeight) -> None:
    """Fail where an entry has no such factor, or factors are relative to another weight.

    Args:
        path: The file, for messages.
        table: Its events, which have the branch.
        wanted: The branch and the index.

    Raises:
        InputError: Names file, entry and branch.
    """
    counter = f"n{wanted.branch}"
    counted = counter in table.branches
    for start in range(0, table.n_entries, CHUNK):
        name = counter if counted else wanted.branch
        found = table.read([name], start, min(start + CHUNK, table.n_entries))[name]
        counts = values(found) if counted else np.diff(split(found)[0])
        short = np.flatnonzero(counts <= wanted.place)
        if len(short):
            raise InputError(
                f"{path}: weight_variation: entry {start + short[0]:,} has no {wanted}, but "
                f"{counts[short[0]]} of {wanted.branch}; choose another index, or leave the file out"
            )
    if wanted.branch == "PSWeight":
        first = table.read([wanted.branch], 0, min(CHUNK, table.n_entries))
        middle = float(np.median(factors(first, wanted)))
        if not 1 / NEAR_ONE < middle < NEAR_ONE:
            raise InputError(
                f"{path}: weight_variation: the median of its {wanted} is {middle:.3g}: these are no "
                "factors on genWeight. Older NanoAOD divided weights of showers by LHEWeight_originalXWGTUP; "
                "take files of a newer version"
            )
