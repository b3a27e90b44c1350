"""Reading at root:// addresses, from real servers on the loopback that break in the ways servers do."""

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import awkward as ak
import pytest
import uproot

from jetsmith import io, remote
from jetsmith.errors import InputError
from jetsmith.skimming import inspection
from jetsmith.sources import files as rootfiles
from jetsmith.sources import mock
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.skimming import PartitionSpec
from tests.xrootd_server import XrootdServer, free_port

pytestmark = [pytest.mark.xrootd, pytest.mark.timeout(120)]

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
PATIENCE_S = 3  # of the client
BOUND_S = 15.0  # for anything that fails: its patience for opening and for reading, and a busy machine


@pytest.fixture(autouse=True)
def quick_client(serve):
    """A client that gives up soon."""
    remote.configure_client(PATIENCE_S)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a good file, and damaged copies of it."""
    tables = [mock.events(50, seed, first_event=50 * seed) for seed in range(8)]
    content = Path(mock.write(tmp_path / "good.root", tables)).read_bytes()
    (tmp_path / "half.root").write_bytes(content[: len(content) // 2])
    (tmp_path / "tail.root").write_bytes(content[:-100])
    (tmp_path / "tiny.root").write_bytes(content[:100])
    (tmp_path / "empty.root").write_bytes(b"")
    (tmp_path / "text.root").write_bytes(b"<html>" * 500)
    return tmp_path


@pytest.fixture
def server(serve, folder) -> XrootdServer:
    """Serves the folder."""
    return serve(folder)


def read(path: str) -> ak.Array:
    """All of a file."""
    with rootfiles.open_root(path) as file:
        return file["Events"].arrays()


def inspect(path: str, output: Path) -> dict:
    """The plan of a dataset of one file."""
    inspection.inspect_dataset("test", SPEC, [path], 2, PartitionSpec(), output)
    return io.read_json(output)


def test_the_same_as_local(server, folder):
    """Arrays at a root:// address are those on the disk, and are asked for with few requests."""
    assert ak.array_equal(read(server.url("good.root")), read(str(folder / "good.root")), equal_nan=True)
    requests = server.requests()
    assert requests["readv"] >= 1
    assert requests["read"] + requests["readv"] < 20


def test_inspect(server, folder, tmp_path):
    """The plan differs in the addresses alone."""
    url = server.url("good.root")
    there, here = (
        inspect(url, tmp_path / "there.json"),
        inspect(str(folder / "good.root"), tmp_path / "here.json"),
    )
    assert there["n_entries"] == here["n_entries"] == 400
    assert [record.pop("file") for record in there["files"]] == [url]
    assert [record.pop("file") for record in here["files"]] == [str(folder / "good.root")]
    assert "changed_ns" not in there["files"][0]  # servers are not asked for it
    assert here["files"][0].pop("changed_ns") == (folder / "good.root").stat().st_mtime_ns
    assert there["files"] == here["files"]
    assert there["schemas"] == here["schemas"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.root", "no such file"),
        ("half.root", "truncated"),
        ("tail.root", "truncated"),
        ("tiny.root", "less than any ROOT file"),
        ("empty.root", "0 bytes"),
        ("text.root", "not a ROOT file"),
    ],
)
def test_bad_files_end_inspect(server, tmp_path, name, says):
    """At once, with the file and what is wrong with it."""
    url = server.url(name)
    begin = time.monotonic()
    with pytest.raises(InputError, match=says) as caught:
        inspect(url, tmp_path / "plan.json")
    assert url in str(caught.value)
    assert time.monotonic() - begin < BOUND_S


def test_a_folder_is_no_file(server, folder):
    """It is named as such."""
    (folder / "sub").mkdir()
    with pytest.raises(InputError, match="a folder"):
        read(server.url("sub"))


def test_sizes(server, folder):
    """They come without opening the file; what cannot be had is told apart."""
    assert remote.remote_size(server.url("good.root")) == (folder / "good.root").stat().st_size
    assert remote.remote_size(server.url("empty.root")) == 0
    assert "open" not in server.requests()
    with pytest.raises(InputError, match=r"missing\.root: no such file"):
        remote.remote_size(server.url("missing.root"))
    server.stop()
    with pytest.raises(OSError, match=r"good\.root: .*onnection"):
        remote.remote_size(server.url("good.root"))


def fails(path: str) -> None:
    """Reading ends in an OSError that names the file, within the bound."""
    begin = time.monotonic()
    with pytest.raises(OSError, match=r"good\.root"):
        read(path)
    assert time.monotonic() - begin < BOUND_S


def test_nobody_listens(server):
    """A wrong port is an OSError: the server may come back."""
    fails(f"root://127.0.0.1:{free_port()}//good.root")


def test_a_dead_server_and_its_return(server):
    """An OSError while it is away, however often; then reading works again, in the same process."""
    url = server.url("good.root")
    expected = read(url)
    server.stop()
    fails(url)
    fails(url)
    server.start()
    assert ak.array_equal(read(url), expected, equal_nan=True)


def test_a_silent_server(server):
    """One that answers nothing is given up, and asked again when it answers."""
    url = server.url("good.root")
    expected = read(url)
    with server.frozen():
        fails(url)
    assert ak.array_equal(read(url), expected, equal_nan=True)


def test_death_while_a_file_is_open(server):
    """The error of the body of open_root names the file, too; the next opening works."""
    url = server.url("good.root")

    def read_and_kill() -> None:
        with rootfiles.open_root(url) as file:
            tree = file["Events"]
            server.stop()
            tree.arrays()

    with pytest.raises(OSError, match=r"good\.root"):
        read_and_kill()
    server.start()
    assert len(read(url)) == 400


def test_a_short_outage_goes_unnoticed(server):
    """Shorter than the client's patience: the same open file reads on."""
    with rootfiles.open_root(server.url("good.root")) as file:
        tree = file["Events"]
        assert len(tree.arrays(["Jet_pt"], entry_stop=50)) == 50
        with server.away(0.5):
            assert len(tree.arrays(["Jet_eta"])) == 400


def test_death_in_the_middle_of_a_read(serve, folder, tmp_path):
    """The rate is limited, so that the server dies while data are on their way."""
    (tmp_path / "slow").mkdir()
    wide = mock.write(tmp_path / "slow" / "good.root", [mock.events(4000, seed) for seed in range(4)])
    server = serve(tmp_path / "slow", bytes_per_s=200_000)
    assert os.path.getsize(wide) > 1_000_000
    with server.away(2 * PATIENCE_S, after=0.5):
        fails(server.url("good.root"))


def test_two_replicas(serve, folder, tmp_path):
    """The first has a truncated copy, the second a good one: one address after the other."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "good.root").write_bytes((folder / "half.root").read_bytes())
    bad, good = serve(tmp_path / "bad"), serve(folder)
    first, second = remote.replicas(bad.url("good.root"), [good.prefix])
    with pytest.raises(InputError, match="truncated"):
        read(first)
    assert len(read(second)) == 400


def test_a_replaced_file_is_seen_after_forget(server, folder):
    """The client holds a file open for half a minute; dropping its handle shows the new one."""
    url = server.url("good.root")
    read(url)
    mock.write(folder / "good.root", [mock.events(7)])
    remote.forget(server.url("good.root"))
    assert len(read(url)) == 7


PROBE = """
import sys
from jetsmith import remote
print(sorted(remote.configure_client(int(sys.argv[1])).items()))
print(sorted(remote.configure_client(20).items()))
"""


def configured(seconds: int, **environment: str) -> list[dict[str, int]]:
    """Settings of the client of another process, after two calls of configure_client."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(seconds)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [dict(ast.literal_eval(line)) for line in done.stdout.splitlines()]


def test_the_client_is_configured(serve):
    """The last call counts; what the user has set in the environment stays."""
    first, second = configured(60)
    assert first["RequestTimeout"] == 60
    assert first["ConnectionWindow"] * first["ConnectionRetry"] == 60
    assert (second["RequestTimeout"], second["StreamErrorWindow"]) == (20, 0)
    first, second = configured(60, XRD_REQUESTTIMEOUT="300", XRD_CONNECTIONRETRY="2")
    assert first["RequestTimeout"] == second["RequestTimeout"] == 300
    assert first["ConnectionRetry"] == second["ConnectionRetry"] == 2
    assert first["StreamTimeout"] == 60


def test_the_defaults_are_those_of_the_client(serve):
    """Else configure_client would take them for the user's."""
    probe = (
        "from XRootD.client.env import EnvGetInt; from jetsmith.remote import CLIENT_DEFAULTS\n"
        "assert {k: EnvGetInt(k) for k in CLIENT_DEFAULTS} == CLIENT_DEFAULTS"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("XRD_")}
    clean["PYTHONPATH"] = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", probe], env=clean, check=True, timeout=60)


DEAD = """
import sys, uproot
from jetsmith import remote
from jetsmith.sources import files
from tests.xrootd_server import XrootdServer
remote.configure_client(2)
with XrootdServer(sys.argv[1]) as server:
    with files.open_root(server.url("good.root")) as file:
        file["Events"].arrays(["Jet_pt"])
    server.stop()
    try:
        with files.open_root(server.url("good.root")):
            pass
    except OSError as error:
        print(error)
"""


def test_a_process_ends_quietly_after_an_outage(serve, folder):
    """No hang and no traceback from handles of a dead server."""
    done = subprocess.run(
        [sys.executable, "-c", DEAD, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert "good.root" in done.stdout
    assert done.stderr == ""


def test_the_helper_leaves_nothing_behind(serve, tmp_path):
    """Neither process nor folder after close; the file itself is read-only for clients."""
    (tmp_path / "a.root").write_bytes(b"x")
    with XrootdServer(tmp_path) as server:
        pid, admin = server._process.pid, server._admin
        assert remote.remote_size(server.url("a.root")) == 1
        with pytest.raises(OSError, match="read/only"):
            uproot.recreate(server.url("b.root"))
    assert not admin.exists()
    assert not Path(f"/proc/{pid}").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.root"]
