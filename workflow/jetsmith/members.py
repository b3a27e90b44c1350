"""Ensembles: where the members of a model lie, and what they say together."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from jetsmith import io
from jetsmith.io import FloatArray

MEMBERS = "members"  # in the meta.json of an ensemble: how many there are


def folder_of(model: Path, member: int) -> Path:
    """Folder of a member in that of its ensemble."""
    return model / f"member{member}"


def folders(model: Path) -> list[Path]:
    """Folders of the members of a model, or its own where it is none of several."""
    n = io.read_json(model / "meta.json").get(MEMBERS, 0)
    return [folder_of(model, k) for k in range(n)] or [model]


def mean(probabilities: Sequence[FloatArray]) -> FloatArray:
    """Mean of the probabilities of members, shape (N, C) each; of one it is that, to the bit.

    Of probabilities, not of logits: they add up to 1 and mean what they say, where the mean of logits
    follows the member that is most sure of itself.
    """
    if len(probabilities) == 1:
        return probabilities[0]
    return np.asarray(np.mean(probabilities, axis=0, dtype=np.float64)).astype(np.float32)


def count(columns: Collection[str], class_name: str) -> int:
    """How many members a score file has probabilities of; 0 where it is of no ensemble."""
    n = 0
    while column(n, class_name) in columns:
        n += 1
    return n


def column(member: int, class_name: str) -> str:
    """Name of the probability that one member gives, in score files."""
    return f"member{member}_p_{class_name}"
