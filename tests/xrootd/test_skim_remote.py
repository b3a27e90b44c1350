"""A skim over root:// while servers fail: the same rows as from the disk, or a loss with its attempts."""

import threading
from pathlib import Path

import pytest

from jetsmith import io
from jetsmith.skimming import account, inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import mock, trees
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec, XRootDSpec
from tests.xrootd_server import XrootdServer, free_port

pytestmark = [pytest.mark.xrootd, pytest.mark.timeout(180)]

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=2)
N_EVENTS = 400


@pytest.fixture
def folder(tmp_path) -> Path:
    """One file of eight clusters, below a folder `store`."""
    place = tmp_path / "served" / "store"
    place.mkdir(parents=True)
    mock.write(place / "a.root", [mock.events(50, seed, first_event=50 * seed) for seed in range(8)])
    return tmp_path / "served"


def run(folder, path, redirectors=(), **settings):
    """Inspect, skim, account; the bytes of the rows, and the account."""
    folder.mkdir()
    options = SkimSpec(**({"chunk_entries": 50} | settings))
    xrootd = XRootDSpec(redirectors=redirectors, timeout_s=2)
    plan, output = folder / "inspect.json", folder / "account.json"
    inspection.inspect_dataset("test", SPEC, [path], 1, PartitionSpec(), plan, options, xrootd)
    paths = [folder / name for name in ("0.parquet", "0.json", "0.identity.parquet")]
    skim.skim_partition("test", SPEC, CUTS, options, plan, 0, *paths, xrootd=xrootd)
    account.account_dataset("test", plan, paths[1:2], paths[2:], options.max_loss_fraction, output)
    return paths[0].read_bytes(), io.read_json(output)


@pytest.fixture
def expected(tmp_path, folder):
    """The bytes of the rows from the disk."""
    rows, about = run(tmp_path / "local", str(folder / "store" / "a.root"))
    assert about["n_events"] == N_EVENTS
    return rows


def at_third_read(monkeypatch, action):
    """Do something once, when the third step of reading begins."""
    real, count = trees.Tree.read, [0]

    def spy(tree, *arguments):
        count[0] += 1
        if count[0] == 6:  # inspect reads nothing; two steps a chunk
            action()
        return real(tree, *arguments)

    monkeypatch.setattr(trees.Tree, "read", spy)


@pytest.mark.parametrize("seconds", [1, 7])
def test_a_server_that_comes_back(tmp_path, folder, expected, serve, monkeypatch, seconds):
    """It dies in mid-skim. Within the client's patience of 2 s nobody notices; later attempts find it."""
    server: XrootdServer = serve(folder)
    back = threading.Timer(seconds, server.start)

    def leave():
        server.stop()
        back.start()

    at_third_read(monkeypatch, leave)
    rows, about = run(tmp_path / "remote", server.url("store/a.root"), retries=3)
    back.join()
    assert rows == expected
    assert (about["n_events"], about["lost"]) == (N_EVENTS, [])


def test_a_server_that_stays_away(tmp_path, folder, expected, serve, monkeypatch):
    """The chunks that were read count; the others are losses, each after a bounded number of attempts."""
    monkeypatch.setattr("jetsmith.sources.files.RETRY_PAUSE_S", 0.1)
    server: XrootdServer = serve(folder)
    at_third_read(monkeypatch, server.stop)
    _, about = run(tmp_path / "remote", server.url("store/a.root"), retries=1, max_loss_fraction=0.9)
    assert about["n_events"] + about["n_lost"] == about["n_entries"] == N_EVENTS
    assert about["n_events"] == 100
    assert {loss["attempts"] for loss in about["lost"]} == {2}
    for loss in about["lost"]:
        assert loss["reason"].startswith(("OSError: File did not", "OSError: root://127.0.0.1"))


def test_the_second_replica_serves(tmp_path, folder, expected, serve, monkeypatch):
    """Server one dies in mid-skim, server two holds the file, too: nothing is lost."""
    one, two = serve(folder), serve(folder)
    at_third_read(monkeypatch, one.stop)
    rows, about = run(tmp_path / "remote", one.url("store/a.root"), redirectors=(two.prefix,), retries=0)
    assert rows == expected
    assert about["n_lost"] == 0
    assert two.requests()["open"] == 1  # it stays open; server one is not asked again for every chunk


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_replica(tmp_path, folder, expected, serve, share):
    """The first copy is cut, the second is whole: planned and read from the second, nothing is lost."""
    content = (folder / "store" / "a.root").read_bytes()
    other = tmp_path / "cut" / "store"
    other.mkdir(parents=True)
    (other / "a.root").write_bytes(content[: int(share * len(content))])
    cut, whole = serve(tmp_path / "cut"), serve(folder)
    redirectors = (f"root://127.0.0.1:{free_port()}/", whole.prefix)  # and one where nobody listens
    rows, about = run(tmp_path / "remote", cut.url("store/a.root"), redirectors=redirectors, retries=0)
    assert rows == expected
    assert about["n_lost"] == 0


def test_logical_file_names(tmp_path, folder, expected, serve):
    """`/store/…` is asked of the redirectors."""
    server = serve(folder)
    rows, _ = run(tmp_path / "remote", "/store/a.root", redirectors=(server.prefix,))
    assert rows == expected
