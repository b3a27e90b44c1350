"""Fixtures that every test may use, and how tests are dealt out to several processes."""

import fcntl
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from jetsmith.sealed import frozen
from tests import xrootd_server
from tests.requirements import STRICT, closing_line, require

with suppress(ImportError):
    import XRootD.client  # noqa: F401  before TensorFlow: the other way round its import crashes

settings.register_profile("jetsmith", deadline=None)  # the first call of a kernel compiles it
settings.register_profile("mutants", deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("JETSMITH_HYPOTHESIS", "jetsmith"))

ROOT = Path(__file__).parent.parent
# Several processes (`make test`) take a module each; these stay together, for what a session makes once.
TOGETHER = {
    "tests/workflow/test_run.py": "finished",
    "tests/workflow/test_reruns.py": "finished",
    "tests/cluster/test_batch_all_stages.py": "batch",
    "tests/cluster/test_batch_dask_and_arrays.py": "batch",
    "tests/cluster/test_batch_failures.py": "batch",
}
_skipped: dict[str, tuple[str, ...]] = {}
_reasons: dict[str, str] = {}


def pytest_configure(config: pytest.Config) -> None:
    """What Numba compiled in a run of this checkout, such as the demo, serves the tests, too."""
    package = ROOT / "workflow/jetsmith"
    if not hasattr(config, "workerinput"):
        states = frozen.look(package).states
        for copy in (ROOT / ".snakemake/jetsmith-code").glob("*/jetsmith"):
            frozen.take_kernels(copy, package, states)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what is skipped, for the closing line and for CI's second pass."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped[report.nodeid] = tuple(report.keywords)
        _reasons[report.nodeid] = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else "")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """The same where a module is skipped as a whole."""
    if report.skipped:
        _skipped[report.nodeid] = ()
        _reasons[report.nodeid] = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else "")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With JETSMITH_REQUIRE_DATA a skip is a failure; JETSMITH_SKIPPED names a file for the skipped tests."""
    if hasattr(session.config, "workerinput"):
        return  # one of several processes: the one that deals out the tests is told of every skip
    if _skipped and os.environ.get(STRICT):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if listed := os.environ.get("JETSMITH_SKIPPED"):
        Path(listed).write_text("".join(f"{name}\n" for name in _skipped))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of all."""
    if not hasattr(config, "workerinput") and config.pluginmanager.hasplugin("terminalreporter"):
        print(closing_line(_skipped, _reasons))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out whole modules, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return TOGETHER.get(module, module)

    config.option.loadscopereorder = False
    return ByModule(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several processes begin with what takes longest, and end with what wants the machine for itself."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda i: (bool(i.get_closest_marker("alone")), not i.get_closest_marker("workflow")))


@pytest.fixture(scope="module", autouse=True)
def turn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module with the mark `alone` waits until no other process is at work, and lets none begin."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if hasattr(request.config, "workerinput") else folder
    with (shared / "turn").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if request.node.get_closest_marker("alone") else fcntl.LOCK_SH)
        yield


@pytest.fixture(scope="module", autouse=True)
def set_aside() -> None:
    """Set aside what earlier modules imported: a skim collects after each chunk, among all of TensorFlow."""
    gc.collect()
    gc.freeze()


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
