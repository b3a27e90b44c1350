"""Functions that a table or the configuration names: formulas of derived columns, transforms of features.

They are looked up when they are called. Of their code a group has that of those which it may call (`of`).
"""

import importlib
from collections.abc import Callable
from typing import Any

from jetsmith.derivations.ways import Ways
from jetsmith.specs.features import ColumnGroup


def transform(name: str) -> str:
    """Where a transform stands, below jetsmith."""
    return f"features.transforms:{name}"


def of(ways: Ways, group: ColumnGroup | None) -> list[str]:
    """All that features may call: the formulas of `ways`, and what a group transforms its features by."""
    formulas = {way.place for found in ways.values() for way in found}
    chosen = {feature.transform for feature in group.features.values()} if group else set()
    return sorted(formulas | {transform(name) for name in chosen - {"none"}})


def find(place: str) -> Callable[..., Any]:
    """The function that stands there: `features.formulas:ratio`."""
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"jetsmith.{module}"), name)
    return found
