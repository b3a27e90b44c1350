"""Backend `dask` of the skim: the bytes that jobs write, whoever dies meanwhile; nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.skimming import cluster, inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import mock
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import DaskSpec, PartitionSpec, SkimSpec

pytestmark = pytest.mark.cluster
SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=2)
ENDS = {"rows": "parquet", "report": "report.json", "identity": "identity.parquet"}
N_PARTS = 4
RUN_PART = cluster.run_part  # what tests put faults in front of


@pytest.fixture
def plan(tmp_path):
    """Four partitions of three files, beside the files that jobs make of them."""
    files = [mock.write(tmp_path / f"{i}.root", [mock.events(40, i, first_event=100 * i)]) for i in range(3)]
    path = tmp_path / "inspect.json"
    inspection.inspect_dataset("test", SPEC, files, N_PARTS, PartitionSpec(), path)
    for part in range(N_PARTS):
        (tmp_path / "jobs").mkdir(exist_ok=True)
        paths = [tmp_path / "jobs" / f"{part:03d}.{end}" for end in ENDS.values()]
        skim.skim_partition("test", SPEC, CUTS, SkimSpec(), path, part, *paths)
    return path


def run(plan, **settings):
    """The driver; its files are those of the jobs."""
    folder = plan.parent / "dask"
    folder.mkdir(exist_ok=True)
    outputs = {
        key: [str(folder / f"{part:03d}.{end}") for part in range(N_PARTS)] for key, end in ENDS.items()
    }
    dask = DaskSpec(**({"retries": 2} | settings))
    cluster.skim_dataset("test", SPEC, CUTS, SkimSpec(dask=dask), plan, outputs, "code", threads=2)
    for path in sorted((plan.parent / "jobs").iterdir()):
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        p.name for p in (plan.parent / "jobs").iterdir()
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cluster": "distributed.LocalClustr"}, "skim.dask.cluster: no class `distributed.LocalClustr`"),
        ({"options": {"n_wrkers": 3}}, "skim.dask.options: unknown key `n_wrkers`; did you mean `n_workers`"),
        (
            {"cluster": "decimal.Decimal", "options": {"memoryy": 3}},
            "skim.dask.options: `decimal.Decimal` does not take .*memoryy",
        ),
    ],
)
def test_what_a_cluster_does_not_take(settings, words):
    """A misspelt class or option is named; without it, no worker would ever come."""
    with pytest.raises(InputError, match=words):
        cluster.make_cluster(DaskSpec(**settings))


def staged(plan):
    """Reports of finished partitions that a driver has not yet put into their place."""
    return sorted((plan.parent / "dask").glob(".dask-*/*.report.json"))


def no_children():
    """Whether every process that this one started has ended, within ten seconds."""

    def works(child):
        try:
            return "spawn_main" in " ".join(child.cmdline())
        except psutil.NoSuchProcess:  # also one that has ended and that nobody has waited for
            return False

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(works(child) for child in psutil.Process().children(recursive=True)):
            return True
        time.sleep(0.1)
    return False


def test_the_same_bytes_as_jobs(plan, capfd):
    """Rows, reports and identities; the dashboard's address is printed; no process stays."""
    run(plan)
    assert "Dask dashboard: http://" in capfd.readouterr().err
    assert no_children()


def dies_once(arguments):
    """Kill the worker in the middle of partition 2, once."""
    mark = Path(arguments["plan"]).with_name("mark")
    if arguments["part"] == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return RUN_PART(arguments)


def test_a_lost_worker(plan, monkeypatch):
    """A worker is killed by SIGKILL in mid-partition: complete, and nothing twice."""
    monkeypatch.setattr(cluster, "run_part", dies_once)
    run(plan)
    assert plan.with_name("mark").exists()


def fails_always(arguments):
    """Partition 1 cannot be made."""
    if arguments["part"] == 1:
        raise RuntimeError("cannot be made")
    return RUN_PART(arguments)


def test_a_failing_partition(plan, monkeypatch):
    """It is named with its reason; the others are kept, and the next driver makes it alone."""
    monkeypatch.setattr(cluster, "run_part", fails_always)
    with pytest.raises(InputError, match=r"1 partitions failed:\n  partition 001: .* cannot be made"):
        run(plan)
    assert [path.name[:3] for path in staged(plan)] == ["000", "002", "003"]
    assert no_children()
    before = {path.name: path.stat().st_ino for path in staged(plan)}
    monkeypatch.undo()
    run(plan)
    after = {name: (plan.parent / "dask" / name).stat().st_ino for name in before}
    assert after == before  # the very files of the first driver


def loses_once(arguments):
    """The file of partition 0 is away while it is read for the first time."""
    mark = Path(arguments["plan"]).with_name("mark")
    away = Path(arguments["plan"]).with_name("0.root")
    if arguments["part"] != 0 or mark.exists():
        return RUN_PART(arguments)
    mark.touch()
    away.rename(f"{away}.away")
    try:
        return RUN_PART(arguments)
    finally:
        Path(f"{away}.away").rename(away)


def test_a_partition_with_losses_is_read_again(plan, monkeypatch):
    """By the next driver, that one alone: an outage does not stay a loss."""
    monkeypatch.setattr(cluster, "run_part", loses_once)
    with pytest.raises(AssertionError):  # the files are not those of the jobs
        run(plan, maximum=1)
    report = plan.parent / "dask" / "000.report.json"
    assert io.read_json(report)["state"] == "skipped"
    kept = {path.name: path.stat().st_ino for path in staged(plan)[1:]}
    monkeypatch.undo()
    run(plan)
    assert {name: (plan.parent / "dask" / name).stat().st_ino for name in kept} == kept


DRIVER = """
import sys, time
from pathlib import Path
from jetsmith.skimming import cluster
from tests.cluster import test_dask
if __name__ == "__main__":
    cluster.run_part = test_dask.hangs_at_2
    test_dask.run(Path(sys.argv[1]))
"""


def hangs_at_2(arguments):
    """Partition 2 never ends."""
    if arguments["part"] == 2:
        time.sleep(600)
    return RUN_PART(arguments)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_driver(plan, how):
    """What was finished stays and is not made again; workers without a driver end."""
    script = plan.with_name("driver.py")
    script.write_text(DRIVER)
    root = Path(__file__).parent.parent.parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "workflow")])}
    with subprocess.Popen([sys.executable, script, plan], env=environment) as driver:
        deadline = time.monotonic() + 60
        while len(staged(plan)) < N_PARTS - 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = psutil.Process(driver.pid).children(recursive=True)
        assert workers
        driver.send_signal(how)
        assert driver.wait(30) == (-how if how == signal.SIGKILL else 128 + how)
    before = {path.name: path.stat().st_ino for path in staged(plan)}
    assert len(before) == N_PARTS - 1
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    run(plan)
    assert {name: (plan.parent / "dask" / name).stat().st_ino for name in before} == before


class NoWorkers(LocalCluster):
    """A site's own cluster whose queue is full."""

    def adapt(self, *args, **kwargs):
        return None


def test_no_workers(plan):
    """A cluster of any class, by its dotted name; without workers the driver ends with a reason."""
    with pytest.raises(InputError, match=r"no Dask worker for .*patience_min.*4 partitions are left"):
        run(plan, cluster="tests.cluster.test_dask.NoWorkers", patience_min=0.02)


@pytest.mark.parametrize("system", ["SLURMCluster", "HTCondorCluster"])
def test_workers_end_before_their_walltime(system):
    """Batch workers get a lifetime of 90% with a stagger, find the package, and die without a driver."""
    more = {"memory": "1GB"} | ({"disk": "1GB"} if system == "HTCondorCluster" else {})
    options = more | ({"walltime": "01:00:00"} if system == "SLURMCluster" else {})
    minutes = None if system == "SLURMCluster" else 54
    spec = DaskSpec(cluster=f"dask_jobqueue.{system}", options=options, lifetime_min=minutes)
    with cluster.make_cluster(spec) as made:
        script = made.job_script()
    for part in ("--lifetime 3240s", "--lifetime-stagger 180s", "--death-timeout 60", cluster.PACKAGE_ROOT):
        assert part in script
    assert (Path(cluster.PACKAGE_ROOT) / "jetsmith/__init__.py").exists()


def test_workers_whose_walltime_is_that_of_dask(capfd):
    """Without one in the options dask-jobqueue has one of its own, 30 minutes: they end before that."""
    spec = DaskSpec(cluster="dask_jobqueue.SLURMCluster", options={"cores": 1, "memory": "3GB"})
    with cluster.make_cluster(spec) as made:
        script = made.job_script()
    assert "#SBATCH -t 00:30:00" in script
    assert "--lifetime 1620s --lifetime-stagger 90s" in script
    assert "dask-jobqueue's configuration has 00:30:00" in capfd.readouterr().err
