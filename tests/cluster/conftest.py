"""Both batch systems, up once for all tests, and the runs that several tests look at."""

from collections.abc import Callable, Iterator

import pytest

from tests.cluster import systems
from tests.cluster.drivers import Faults, Training
from tests.requirements import require


@pytest.fixture(scope="session")
def slurm() -> Iterator[systems.Slurm]:
    yield from _up(systems.Slurm)


@pytest.fixture(scope="session")
def htcondor() -> Iterator[systems.HTCondor]:
    yield from _up(systems.HTCondor)


def _up(kind: Callable[[], systems.System]) -> Iterator[systems.System]:
    require(systems.missing())
    with kind() as system:
        yield system


@pytest.fixture(params=["slurm", "htcondor"])
def system(request: pytest.FixtureRequest) -> systems.System:
    """Each in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def faults(slurm, htcondor, tmp_path_factory):
    """Both at work from the first test on."""
    started = {s.name: Faults(s, tmp_path_factory.mktemp(f"faults-{s.name}")) for s in (slurm, htcondor)}
    yield started
    for one in started.values():
        one.driver.kill()


@pytest.fixture(scope="session")
def trainings() -> Iterator[dict[str, Training]]:
    """By system, what follows the whole run in its folder."""
    kept: dict[str, Training] = {}
    yield kept
    for training in kept.values():
        training.driver.kill()
