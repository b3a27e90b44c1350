"""Both batch systems, up once for all tests, and the runs that several tests look at."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.cluster import systems
from tests.cluster.drivers import Faults, Training, WholeRun
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
def whole_runs(slurm, htcondor, faults, tmp_path_factory) -> Iterator[dict[str, Future[WholeRun]]]:
    """All stages, once on each system, at the same time: while one waits the cores are the other's."""
    with ThreadPoolExecutor() as pool:
        yield {
            s.name: pool.submit(WholeRun, s, tmp_path_factory.mktemp(f"run-{s.name}"))
            for s in (slurm, htcondor)
        }


@pytest.fixture(scope="session")
def slurm_run(whole_runs) -> WholeRun:
    """All stages on Slurm; what mostly waits (`faults`) is at work beside it."""
    return whole_runs["slurm"].result()


@pytest.fixture(scope="session")
def htcondor_run(whole_runs) -> WholeRun:
    """The same on HTCondor."""
    return whole_runs["htcondor"].result()


@pytest.fixture(params=["slurm", "htcondor"])
def whole_run(request: pytest.FixtureRequest) -> WholeRun:
    """Each in turn."""
    return request.getfixturevalue(f"{request.param}_run")


@pytest.fixture(scope="session")
def slurm_training(slurm_run) -> Iterator[Training]:
    """What follows the whole run in its folder: one training again, which is frozen."""
    yield from _train(slurm_run)


@pytest.fixture(scope="session")
def htcondor_training(htcondor_run) -> Iterator[Training]:
    """The same on HTCondor."""
    yield from _train(htcondor_run)


def _train(run: WholeRun) -> Iterator[Training]:
    assert run.exit_code == 0, run.text[-6000:]
    training = Training(run.system, run.folder)
    yield training
    training.driver.kill()


@pytest.fixture(params=["slurm", "htcondor"])
def training(request: pytest.FixtureRequest) -> Training:
    """Each in turn."""
    return request.getfixturevalue(f"{request.param}_training")
