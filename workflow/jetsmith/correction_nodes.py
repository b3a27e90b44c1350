"""Nodes of correctionlib's schema 2, by what they hold."""

from collections.abc import Mapping, Sequence
from typing import Any

from correctionlib import schemav2

from jetsmith.cuts import closed


def category(axis: str, content: Mapping[Any, Any]) -> Any:
    """One entry a key; an input without an entry is an error."""
    items = [schemav2.CategoryItem(key=key, value=value) for key, value in content.items()]
    return schemav2.Category(nodetype="category", input=axis, content=items)


def binning(axis: str, edges: Sequence[float], content: Sequence[Any], clamps: bool) -> Any:
    """Bins of one axis, with numbers or nodes in them.

    Args:
        axis: Input.
        edges: Rising; where the axis does not clamp, the last one is moved up to be included.
        content: What each bin has.
        clamps: Whether what is outside counts in the end bins; else it is an error.
    """
    return schemav2.Binning(
        nodetype="binning",
        input=axis,
        edges=[float(edge) for edge in edges] if clamps else closed(edges),
        content=[value if isinstance(value, schemav2.Binning) else float(value) for value in content],
        flow="clamp" if clamps else "error",
    )
