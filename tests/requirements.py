"""What tests want of the machine: where it is missing they are skipped, and fail in CI."""

import os

import pytest


def require(lacking: str | None) -> None:
    """Skip the test where something is missing; fail instead with JETSMITH_REQUIRE_DATA set, as in CI.

    Args:
        lacking: What is missing and how to get it, in one line; None where all is there.
    """
    if lacking and os.environ.get("JETSMITH_REQUIRE_DATA"):
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)
