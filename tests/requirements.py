"""What tests want of the machine: where it is missing they are skipped, and fail in CI."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

STRICT = "JETSMITH_REQUIRE_DATA"
"""Set in CI: nothing may be skipped."""

# What brings the tests of a marker, or of a folder, where they are skipped.
BRINGS = {
    "golden": "JETSMITH_DATA=/folder/of/real/files make test",
    "cluster": "make test-cluster",
    "browser": "make test-browser",
    "xrootd": "apt install xrootd-server, then make test",
}


def require(lacking: str | None) -> None:
    """Skip the test where something is missing; fail instead with JETSMITH_REQUIRE_DATA set, as in CI.

    Args:
        lacking: What is missing and how to get it, in one line; None where all is there.
    """
    if lacking and os.environ.get(STRICT):
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)


def closing_line(skipped: Mapping[str, Sequence[str]], reasons: Mapping[str, str]) -> str:
    """One line that says what was not tested, and which command brings it.

    Args:
        skipped: Keywords (markers, names) of each test that was skipped, by its node id.
        reasons: Why each was.
    """
    if not skipped:
        return "nothing was skipped"
    kinds = Counter(next((k for k in BRINGS if k in words), "") for words in skipped.values())
    others = sorted({reasons[name] for name, words in skipped.items() if not set(BRINGS) & set(words)})
    parts = [f"{kinds[kind]} {kind} (`{command}`)" for kind, command in BRINGS.items() if kinds[kind]]
    parts += [f"{kinds['']} others ({'; '.join(others)})"] if others else []
    return f"skipped: {', '.join(parts)}"
