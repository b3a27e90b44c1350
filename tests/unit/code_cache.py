"""What provenance keeps of the code that it has read."""

from typing import Any

import pytest

from jetsmith import provenance


def forget() -> None:
    """Read all code anew: a test has edited it, or put a little package in the place of the real one."""
    for cached in vars(provenance).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


def forget_notes() -> None:
    """Forget what earlier processes found, too."""
    provenance._notes.clear()


def begin_anew(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Take the notes of earlier processes away, as in a new one; what `provenance.remember` then reads."""
    notes: dict[str, Any] = {}
    monkeypatch.setattr(provenance, "_notes", notes)
    return notes
