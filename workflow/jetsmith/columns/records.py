"""What a canonical column is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One canonical column.

    Attributes:
        unit: Unit of the values; empty for pure numbers.
        text: What it is, in a few words.
        dtype: numpy type of the (innermost) values.
        ragged: True for a list a row, False for one value a row.
    """

    unit: str
    text: str
    dtype: str = "float32"
    ragged: bool = False


def flat(unit: str, text: str, dtype: str = "float32") -> Column:
    """One value a row."""
    return Column(unit, text, dtype)


def listed(unit: str, text: str, dtype: str = "float32") -> Column:
    """A list a row."""
    return Column(unit, text, dtype, ragged=True)
