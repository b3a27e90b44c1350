"""uproot's classes of objects, kept from what damaged files say of them.

uproot makes classes from the descriptions (streamers) in a file, and keeps them for all files that the
process opens later. One damaged byte, the version of a TBranch, is enough for it to replace a class of its
own; the next file, a good one, then counts as damaged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uproot


class _Kept(dict[int, Any]):
    """Classes of one name by version, of which none is replaced."""

    def __setitem__(self, version: int, found: Any) -> None:
        self.setdefault(version, found)


def keep_known() -> None:
    """Let no file replace a class that uproot brings along."""
    for found in uproot.classes.values():
        if not isinstance(getattr(found, "known_versions", _Kept()), _Kept):
            found.known_versions = _Kept(found.known_versions)


@contextmanager
def forgotten_if_damaged() -> Iterator[None]:
    """Classes that came from a file go with it where its reading fails."""
    before = {name: set(_versions(found)) for name, found in list(uproot.classes.items())}
    try:
        yield
    except BaseException:
        for name, found in list(uproot.classes.items()):
            if name not in before:
                uproot.classes.pop(name, None)
            for version in set(_versions(found)) - before.get(name, set()):
                _versions(found).pop(version, None)
        raise


def _versions(found: Any) -> dict[int, Any]:
    return getattr(found, "known_versions", {})
