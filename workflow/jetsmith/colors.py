"""Colours and dashes of taggers, the same in figures and on the page."""

import math
from typing import Literal, NamedTuple, get_args

Dash = Literal["solid", "dash", "dashdot", "dot"]

# Told apart with every common colour blindness: M. Petroff, arXiv 2107.02270, ten colours.
TAGGER_COLORS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#94a4a2", "#a96b59", "#e76300",
    "#717581", "#b9ac70", "#92dadd",
)  # fmt: skip
_DASHES: tuple[Dash, ...] = get_args(Dash)


class Look(NamedTuple):
    """Of a line: colour, hexadecimal, and dashes by their name."""

    color: str
    dash: Dash


def look(index: int) -> Look:
    """That of the tagger at this place of the list."""
    n_apart = math.lcm(len(TAGGER_COLORS), len(_DASHES))  # then pairs would come again: dashes step aside
    dash = (index + index // n_apart) % len(_DASHES)
    return Look(TAGGER_COLORS[index % len(TAGGER_COLORS)], _DASHES[dash])
