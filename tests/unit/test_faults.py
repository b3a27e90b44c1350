"""Faults that a skim has to survive, each with the account that is expected: nothing lost, nothing twice."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
import uproot

from jetsmith import io
from jetsmith.errors import InputError, OutputError
from jetsmith.skimming import account, inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import files as rootfiles
from jetsmith.sources import mock, trees
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=2)
ENDS = ("parquet", "report.json", "identity.parquet")
N_PARTS, N_EVENTS = 2, 120


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("jetsmith.sources.files.RETRY_PAUSE_S", 0.0)


@pytest.fixture
def files(tmp_path):
    """Three files of 40 events, each of two clusters."""
    return [
        mock.write(
            tmp_path / f"{i}.root",
            [mock.events(20, 10 * i + j, first_event=1000 * i + 100 * j) for j in range(2)],
        )
        for i in range(3)
    ]


def inspect(folder, files, **settings):
    """Stage inspect; the plan."""
    path = folder / "inspect.json"
    target = PartitionSpec()
    inspection.inspect_dataset("test", SPEC, files, N_PARTS, target, path, SkimSpec(**settings))
    return path


def finish(folder, plan, **settings):
    """Stages skim and account."""
    options = SkimSpec(**settings)
    made = []
    for part in range(N_PARTS):
        made.append([folder / f"{part}.{end}" for end in ENDS])
        skim.skim_partition("test", SPEC, CUTS, options, plan, part, *made[-1])
    output = folder / "account.json"
    reports, identities = [paths[1] for paths in made], [paths[2] for paths in made]
    account.account_dataset("test", plan, reports, identities, options.max_loss_fraction, output)
    return io.read_json(output)


def whole(folder, files):
    """The account without faults."""
    folder.mkdir()
    return finish(folder, inspect(folder, files))


def cut_baskets(path):
    """Zeros in the second half of a branch's second basket, as a copy with a hole leaves them."""
    with uproot.open(path) as file:
        branch = file["Events"]["Jet_eta"]
        start = int(branch.member("fBasketSeek")[1])
        size = int(branch.member("fBasketBytes")[1])
    with open(path, "rb+") as stream:
        stream.seek(start + size // 2)
        stream.write(bytes(size - size // 2))


def test_baskets_cut(tmp_path, files):
    """Metadata are readable, a basket is not: its chunk alone is lost, by the range that was asked for."""
    plan = inspect(tmp_path, files)
    cut_baskets(files[1])
    with pytest.raises(InputError, match=r"16.667% of its entries are lost(.|\n)*1.root entries 20 to 40"):
        finish(tmp_path, plan, chunk_entries=20)
    found = finish(tmp_path, plan, chunk_entries=20, max_loss_fraction=0.2)
    (loss,) = found["lost"]
    assert (loss["file"], loss["start"], loss["stop"], loss["attempts"]) == (files[1], 20, 40, 1)
    assert (found["n_entries"], found["n_events"], found["n_lost"]) == (N_EVENTS, 100, 20)
    assert found["loss_fraction"] == pytest.approx(1 / 6)


def test_truncated_after_inspect(tmp_path, files):
    """The end of a file is gone: all of it counts as lost, nothing else."""
    plan = inspect(tmp_path, files)
    os.truncate(files[2], os.path.getsize(files[2]) // 2)
    found = finish(tmp_path, plan, max_loss_fraction=0.5)
    assert {loss["file"] for loss in found["lost"]} == {files[2]}
    assert (found["n_events"], found["n_lost"]) == (80, 40)


def test_empty_file(tmp_path, files):
    """0 bytes: the run stops at inspect, with all such files in one message; or it is a declared loss."""
    for path in files[:2]:
        open(path, "w").close()
    with pytest.raises(InputError, match=r"0.root: empty \(0 bytes\)(.|\n)*1.root: empty \(0 bytes\)"):
        inspect(tmp_path, files)
    assert not (tmp_path / "inspect.json").exists()
    found = finish(tmp_path, inspect(tmp_path, files, max_loss_fraction=0.7), max_loss_fraction=0.7)
    assert (found["n_entries"], found["n_events"], found["n_lost"]) == (40, 40, 80)
    assert found["loss_fraction"] == pytest.approx(2 / 3)
    with pytest.raises(InputError, match=r"66.667%"):
        finish(tmp_path, tmp_path / "inspect.json", max_loss_fraction=0.5)


def test_file_vanishes(tmp_path, files):
    """Between inspect and skim; it comes back, and the same plan gives everything."""
    expected = whole(tmp_path / "whole", files)
    plan = inspect(tmp_path, files)
    os.rename(files[0], tmp_path / "away")
    with pytest.raises(InputError, match=r"33.333% of its entries are lost(.|\n)*0.root(.|\n)*3 attempts"):
        finish(tmp_path, plan)
    found = finish(tmp_path, plan, max_loss_fraction=0.4)
    assert (found["n_events"], found["n_lost"], found["n_entries"]) == (80, 40, N_EVENTS)
    os.rename(tmp_path / "away", files[0])
    assert finish(tmp_path, plan) == expected


@contextmanager
def small_disk(folder, size):
    """A file system of `size` bytes; needs root."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True)
    if mounted.returncode:
        message = f"no small disk can be mounted ({mounted.stderr.strip()}); run this test as root"
        if os.environ.get("JETSMITH_REQUIRE_DATA"):
            pytest.fail(message)
        pytest.skip(message)
    try:
        yield
    finally:
        # Lazily: the traceback of what failed there still holds its file.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk(tmp_path, files):
    """The job fails with the file and the reason, and leaves nothing; with room it ends as ever."""
    expected = whole(tmp_path / "whole", files)
    plan = inspect(tmp_path, files)
    disk = tmp_path / "disk"
    with small_disk(disk, 4096 * 4):
        with pytest.raises(OutputError, match=r"0.parquet: cannot be written: No space left on device"):
            finish(disk, plan)
        assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        assert finish(disk, plan) == expected


def test_same_file_twice(tmp_path, files):
    """Under another name it is found by its uuid at inspect."""
    copy = str(tmp_path / "copy.root")
    shutil.copy(files[0], copy)
    with pytest.raises(InputError, match=r"copy.root: the same file as .*0.root"):
        inspect(tmp_path, [*files, copy])


def test_same_events_in_another_file(tmp_path, files):
    """Written anew, as merging does, a file has another uuid: its events are found in the account."""
    again = mock.write(tmp_path / "again.root", [mock.events(20, 11, first_event=1100)])
    plan = inspect(tmp_path, [*files, again])
    with pytest.raises(InputError) as error:
        finish(tmp_path, plan)
    assert f"20 of {files[1]} and {again}, such as 1:" in str(error.value)


def test_other_layout_in_the_list(tmp_path, files):
    """A NanoAOD file among PFNano files would leave columns empty: it is refused by name."""
    other = mock.write(tmp_path / "nano.root", [mock.events(20, 5, with_candidates=False, first_event=9000)])
    with pytest.raises(InputError, match=r"files of several layouts: .*'nanoaod': '.*nano.root'"):
        inspect(tmp_path, [*files, other])
    with uproot.recreate(tmp_path / "foreign.root") as file:
        file.mktree("Delphes", {"x": "f4"}).extend({"x": [1.0]})
    with pytest.raises(InputError, match=r"foreign.root: a file of Delphes .*NanoAOD, PFNano"):
        inspect(tmp_path, [*files, str(tmp_path / "foreign.root")])


def test_replaced_file(tmp_path, files):
    """Another file under the same name would make the plan a lie: the job stops."""
    plan = inspect(tmp_path, files)
    mock.write(files[0], [mock.events(40, 77, first_event=5000)])
    with pytest.raises(InputError, match=r"0.root: changed since inspect"):
        finish(tmp_path, plan, max_loss_fraction=0.9)


def test_a_changed_file_that_kept_its_uuid(tmp_path, files):
    """A tool may leave the UUID as it was: size and entries are compared, too."""
    plan = inspect(tmp_path, files)
    content = io.read_json(plan)
    place = next(i for i, record in enumerate(content["files"]) if record["file"] == files[0])
    for key in ("bytes", "entries"):
        changed = io.read_json(plan)
        changed["files"][place][key] += 1
        other = tmp_path / "other.json"
        io.write_json(other, changed)
        with pytest.raises(InputError, match=r"0.root: changed since inspect"):
            finish(tmp_path, other, max_loss_fraction=0.9)


def tables_and_ntuples(folder):
    """The same events in both formats, compressed and not, with a tree of sums of weights."""
    table = mock.events(40, 3)
    runs = {"genEventCount": np.int64(40), "genEventSumw": np.float64(table["genWeight"].sum())}
    yield mock.write(folder / "tree.root", [table], runs=runs)
    for name, codec in (("ntuple", uproot.ZSTD(1)), ("plain", None)):
        with uproot.recreate(folder / f"{name}.root", compression=codec) as file:
            file.mkrntuple("Events", table)
        yield str(folder / f"{name}.root")


def corrupted(content, rng):
    """The file with some bytes overwritten, by zeros or by others."""
    changed = bytearray(content)
    start, size = int(rng.integers(100, len(content))), int(rng.choice([1, 4, 40, 400]))
    size = min(size, len(content) - start)
    changed[start : start + size] = bytes(size) if rng.random() < 0.5 else rng.bytes(size)
    return changed


def test_damage_anywhere_is_named_at_inspect(tmp_path):
    """Bytes overwritten at random: inspect gives a plan, or an InputError that names the file."""
    rng, refused = np.random.default_rng(5), []
    for path in tables_and_ntuples(tmp_path):
        with open(path, "rb") as stream:
            content = stream.read()
        for _ in range(40):
            with open(path, "wb") as stream:
                stream.write(corrupted(content, rng))
            try:
                inspect(tmp_path, [path])
            except InputError as error:
                refused.append(path in str(error))
    assert len(refused) > 20
    assert all(refused)


def test_damage_anywhere_is_named_at_skim(tmp_path):
    """After inspect: rows, declared losses, or an error that names the file."""
    rng, n_lost, named = np.random.default_rng(6), 0, []
    for path in tables_and_ntuples(tmp_path):
        with open(path, "rb") as stream:
            content = stream.read()
        plan = inspect(tmp_path, [path])
        for _ in range(20):
            with open(path, "wb") as stream:
                stream.write(corrupted(content, rng))
            try:
                found = finish(tmp_path, plan, max_loss_fraction=0.999)
                assert found["n_events"] + found["n_lost"] == 40
                n_lost += found["n_lost"] > 0
            except InputError:
                n_lost += 1
                plan = inspect_again(tmp_path, path, content)
            except Exception as error:
                named.append(path in "".join(error.__notes__))
    assert n_lost > 10
    assert all(named)


def inspect_again(folder, path, content):
    """The plan of the sound file: a failed account takes plans of damaged ones away."""
    with open(path, "wb") as stream:
        stream.write(content)
    return inspect(folder, [path])


def test_a_dead_server_is_not_asked_for_every_chunk(tmp_path, files, monkeypatch):
    """Its replica is tried once; then the open file of the second serves all chunks."""
    opened = []
    real = rootfiles.open_root

    def spy(path):
        opened.append(path)
        if path == "dead":
            raise OSError("no route to host")
        return real(path)

    plan = inspect(tmp_path, files[:1])
    monkeypatch.setattr(rootfiles, "open_root", spy)
    monkeypatch.setattr("jetsmith.remote.replicas", lambda path, _: ["dead", path])
    found = finish(tmp_path, plan, chunk_entries=5)
    assert (found["n_events"], found["lost"]) == (40, [])
    assert opened == ["dead", files[0]] * N_PARTS


def test_a_file_is_waited_for_once(tmp_path, files, monkeypatch):
    """However many chunks it has: the others are lost with it, for the same reason."""
    pauses = []
    monkeypatch.setattr("jetsmith.skimming.reading.time.sleep", pauses.append)
    plan = inspect(tmp_path, files)
    os.unlink(files[0])
    found = finish(tmp_path, plan, chunk_entries=5, retries=2, max_loss_fraction=0.5)
    assert len(found["lost"]) == 8
    assert {loss["attempts"] for loss in found["lost"]} == {3}
    assert len(pauses) == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers(tmp_path, bad):
    """A weight or a sum that is not finite would make every normalisation nothing."""
    table = mock.events(20, 1)
    runs = {"genEventCount": np.int64(20), "genEventSumw": np.float64(bad)}
    with pytest.raises(InputError, match=r"a.root: its tree Runs has a sum of weights that is not finite"):
        inspect(tmp_path, [mock.write(tmp_path / "a.root", [table], runs=runs)])
    table["genWeight"][7] = bad
    plan = inspect(tmp_path, [mock.write(tmp_path / "b.root", [table])])
    with pytest.raises(InputError, match=r"b.root, entries 0 to 10: 1 generator weights are not finite"):
        finish(tmp_path, plan)


def test_a_colon_in_a_name(tmp_path, files):
    """`.root:` in a path is no tree in a file."""
    place = tmp_path / "run.root:1"
    place.mkdir()
    shutil.copy(files[0], place / "a.root")
    assert finish(tmp_path, inspect(tmp_path, [str(place / "a.root")]))["n_events"] == 40


def test_one_bad_read_loses_one_chunk(tmp_path, files, monkeypatch):
    """A file that can be opened is not given up for a read that fails: the disk may have one bad place."""
    real = trees.Tree.read

    def spy(tree, names, start, stop):
        if tree.stored.file.file_path == files[0] and start <= 10 < stop:
            raise OSError("input/output error")
        return real(tree, names, start, stop)

    plan = inspect(tmp_path, files)
    monkeypatch.setattr(trees.Tree, "read", spy)
    found = finish(tmp_path, plan, chunk_entries=5, retries=1, max_loss_fraction=0.5)
    (loss,) = found["lost"]
    assert (loss["file"], loss["start"], loss["stop"], loss["attempts"]) == (files[0], 10, 15, 2)
    assert found["n_events"] == N_EVENTS - 5


def test_a_connection_that_cannot_be_closed(tmp_path, files, monkeypatch):
    """It is left, and the next attempt opens the file anew."""
    real, n_failed = trees.Tree.read, []

    def spy(tree, *arguments):
        if not n_failed:
            n_failed.append(1)
            raise OSError("connection lost")
        return real(tree, *arguments)

    def broken(stack):
        raise OSError("close failed")

    plan = inspect(tmp_path, files)
    monkeypatch.setattr(trees.Tree, "read", spy)
    monkeypatch.setattr("jetsmith.skimming.reading.ExitStack.close", broken)
    assert finish(tmp_path, plan)["n_events"] == N_EVENTS


def test_a_full_memory_is_no_loss(tmp_path, files, monkeypatch):
    """While a file is opened or read: the job fails, whatever loss is allowed."""

    def full(*arguments):
        raise MemoryError("full")

    plan = inspect(tmp_path, files)
    for where in ("jetsmith.sources.files.open_root", "jetsmith.sources.trees.Tree.read"):
        with monkeypatch.context() as patch:
            patch.setattr(where, full)
            with pytest.raises(MemoryError):
                finish(tmp_path, plan, max_loss_fraction=0.9)


def test_too_much_damage_stops_before_the_skim(tmp_path, files):
    """At inspect it is known already; up to what is allowed the plan is made without it."""
    open(files[0], "w").close()
    with pytest.raises(InputError, match=r"0.root: empty \(0 bytes\).* \(1 attempts\)"):
        inspect(tmp_path, files, max_loss_fraction=0.3)
    assert not (tmp_path / "inspect.json").exists()
    plan = io.read_json(inspect(tmp_path, files, max_loss_fraction=0.34))
    assert (plan["n_entries"], [found["file"] for found in plan["damaged"]]) == (80, files[:1])
