"""Fixtures that every test may use."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import settings

from tests import xrootd_server
from tests.requirements import require

with suppress(ImportError):
    import XRootD.client  # noqa: F401  before TensorFlow: the other way round its import crashes

settings.register_profile("jetsmith", deadline=None)  # the first call of a kernel compiles it
settings.load_profile("jetsmith")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real files that nobody here made; JETSMITH_DATA or ../shared/data.

    With JETSMITH_REQUIRE_DATA set (as in CI) their absence is a failure, not a skip.
    """
    place = Path(os.environ.get("JETSMITH_DATA", ROOT.parent / "shared" / "data"))
    if not place.is_dir():
        require(f"no real files at {place}; set JETSMITH_DATA to run this test")
    return place


@pytest.fixture
def serve() -> Iterator[Callable[..., xrootd_server.XrootdServer]]:
    """Start XRootD servers: `serve(folder, bytes_per_s=None)`; they are gone after the test."""
    require(xrootd_server.missing())
    with ExitStack() as stack:
        yield lambda folder, **options: stack.enter_context(xrootd_server.XrootdServer(folder, **options))
