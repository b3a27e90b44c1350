"""Stage look: a file that others change, at the same size and place, is noticed; a touched one is let be."""

import errno
import os
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jetsmith import io
from jetsmith.errors import DamagedError, InputError
from jetsmith.handed.plan import Plan
from jetsmith.sealed import planned
from jetsmith.sealed.made import Ledger, Made
from jetsmith.sealed.unlooked import unlooked
from jetsmith.skimming import inspection, looking
from jetsmith.skimming import partition as skim
from jetsmith.skimming.looking import look_again
from jetsmith.sources import files as rootfiles
from jetsmith.sources import leshouches, mock
from jetsmith.sources.opened import Known, open_file
from jetsmith.specs.datasets import CutsSpec, DatasetSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

from .lhe_files import document, event, write

EVENTS = DatasetSpec(object="event", process="test", files=("x",))
JETS = DatasetSpec(object="ak4", process="test", files=("x",))


def inspected(folder, files, spec=EVENTS, loss=0.0):
    settings = SkimSpec(max_loss_fraction=loss)
    inspection.inspect_dataset("test", spec, files, 1, PartitionSpec(), folder / "plan.json", settings)
    return folder / "plan.json"


def look(folder, files):
    look_again("test", folder / "plan.json", files, folder / "looked.json")
    return io.read_json(folder / "looked.json")


def lhe(path, weight):
    """Events of which one in the middle, far from both ends, has this weight."""
    weights = [1.0] * 600
    weights[300] = weight
    return write(path, document([event(weight=w) for w in weights]))


def later(path):
    """Give a file the time of a change."""
    status = os.stat(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def test_a_file_of_the_same_time_is_not_opened(tmp_path, monkeypatch):
    """Thousands of files cost a look at the file system each."""
    files = [mock.write(tmp_path / "a.root", [mock.events(30, 1)]), lhe(tmp_path / "b.lhe", 2.0)]
    inspected(tmp_path, files[1:])
    monkeypatch.setattr(looking, "open_file", lambda path: pytest.fail(f"{path} was opened"))
    assert look(tmp_path, files[1:]) == {"dataset": "test", "n_files": 1, "read_again": []}


@pytest.mark.parametrize("kind", ["root", "lhe"])
def test_a_touched_file_is_what_it_was(tmp_path, kind):
    """Its content is compared, and the plan is left as it is."""
    root = kind == "root"
    path = mock.write(tmp_path / "a.root", [mock.events(30, 1)]) if root else lhe(tmp_path / "a.lhe", 2.0)
    plan = inspected(tmp_path, [path], JETS if root else EVENTS)
    before = plan.read_bytes()
    later(path)
    assert look(tmp_path, [path])["read_again"] == [path]
    assert plan.read_bytes() == before


def test_another_weight_of_the_same_size(tmp_path):
    """Look stops and takes the plan away; a skim by the old plan stops, too."""
    path = lhe(tmp_path / "a.lhe", 2.0)
    assert os.path.getsize(path) > 2 * 65_536
    plan = inspected(tmp_path, [path])
    size, kept = os.path.getsize(path), plan.read_bytes()
    lhe(tmp_path / "a.lhe", 3.0)
    assert os.path.getsize(path) == size
    later(path)
    paths = [tmp_path / name for name in ("rows", "report", "identity")]
    with pytest.raises(InputError, match="changed since inspect"):
        skim.skim_partition("test", EVENTS, CutsSpec(), SkimSpec(), plan, 0, *paths)
    with pytest.raises(InputError, match=r"1 files are not what inspect saw:\n  .*a\.lhe: uuid .* then uuid"):
        look(tmp_path, [path])
    assert not (tmp_path / "looked.json").exists()
    assert plan.read_bytes() != kept
    with pytest.raises(InputError):
        io.read_record(Plan, plan, dataset="test")


def test_a_root_file_written_anew(tmp_path):
    """The same events have another UUID; a file that is gone or spoilt is named as well."""
    files = [mock.write(tmp_path / f"{i}.root", [mock.events(30, i, first_event=100 * i)]) for i in range(4)]
    inspected(tmp_path, files, JETS)
    mock.write(tmp_path / "1.root", [mock.events(30, 1, first_event=100)])
    (tmp_path / "2.root").write_bytes(bytes(1000))
    (tmp_path / "3.root").unlink()
    for path in files[1:3]:
        later(path)
    with pytest.raises(InputError) as caught:
        look(tmp_path, files)
    message = str(caught.value)
    assert "3 files are not what inspect saw" in message
    assert "0.root" not in message
    assert all(f"{path}: " in message for path in files[1:])


def test_a_damaged_file_that_comes_back(tmp_path):
    """It was left out, as far as losses were allowed; of another time it is another file."""
    files = [mock.write(tmp_path / f"{i}.root", [mock.events(30, i, first_event=100 * i)]) for i in range(2)]
    content = (tmp_path / "1.root").read_bytes()
    (tmp_path / "1.root").write_bytes(bytes(len(content)))
    inspected(tmp_path, files, JETS, loss=0.9)
    assert look(tmp_path, files)["read_again"] == []
    (tmp_path / "1.root").write_bytes(content)
    later(files[1])
    with pytest.raises(InputError, match=r"1\.root: could not be read by then"):
        look(tmp_path, files)


def test_a_damaged_remote_file_is_not_asked(tmp_path, monkeypatch):
    """Look gets files on a disk alone, of a mixed dataset, too."""
    remote = "root://127.0.0.1:1//store/x.root"
    plain = inspection.open_file

    def opened(path):
        if path == remote:
            raise DamagedError(f"{path}: gone")
        return plain(path)

    monkeypatch.setattr(inspection, "open_file", opened)
    local = mock.write(tmp_path / "a.root", [mock.events(30, 1)])
    plan = inspected(tmp_path, [local, remote], JETS, loss=0.9)
    assert [one.file for one in io.read_record(Plan, plan, dataset="test").damaged] == [remote]
    kept = plan.read_bytes()
    assert look(tmp_path, [local]) == {"dataset": "test", "n_files": 1, "read_again": []}
    assert plan.read_bytes() == kept


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no such class"),
        NotImplementedError("a streamer"),
        RuntimeError("\udce9\nin two lines"),
        OSError("unexpected end of data"),
        OSError(errno.EINVAL, "seek to -5"),
    ],
)
def test_damage_in_place_is_another_content(tmp_path, monkeypatch, error):
    """Whatever a reader raises on bytes that inspect could read: look says so and takes the plan away."""
    path = mock.write(tmp_path / "a.root", [mock.events(30, 1)])
    plan = inspected(tmp_path, [path], JETS)
    kept = plan.read_bytes()
    later(path)
    monkeypatch.setattr(looking, "open_file", failing([error] * 9, []))
    with pytest.raises(
        InputError, match=r"1 files are not what inspect saw:\n  .*a\.root: cannot be read as it"
    ):
        look(tmp_path, [path])
    assert plan.read_bytes() != kept


def test_bytes_that_are_spoilt_never_end_in_a_traceback(tmp_path):
    """Real damage of a real file, wherever it falls: the same to look, or another content."""
    path = mock.write(tmp_path / "a.root", [mock.events(30, 1)])
    plan = inspected(tmp_path, [path], JETS)
    kept, good = plan.read_bytes(), (tmp_path / "a.root").read_bytes()
    draw, said = np.random.default_rng(1), []
    for _ in range(60):
        spoilt = bytearray(good)
        place = int(draw.integers(100, len(good) - 64))
        spoilt[place : place + 64] = draw.integers(0, 256, 64, dtype=np.uint8).tobytes()
        (tmp_path / "a.root").write_bytes(spoilt)
        later(path)
        plan.write_bytes(kept)
        said.append("")
        try:
            look(tmp_path, [path])
        except InputError as error:
            said[-1] = str(error)
        assert (plan.read_bytes() == kept) == (said[-1] == "")
    said = [message for message in said if message]
    assert len(said) > 5
    assert all("1 files are not what inspect saw" in message for message in said)


def failing(errors, tried):
    """Opens a file as ever, but for the first times, each of which fails with an error of these."""

    def opened(path):
        tried.append(path)
        if len(tried) <= len(errors):
            raise errors[len(tried) - 1]
        return open_file(path)

    return opened


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_an_error_of_the_disk_is_no_content(tmp_path, monkeypatch, number):
    """It is tried again, as inspect does; where it stays the plan stays, too."""
    monkeypatch.setattr(rootfiles, "RETRY_PAUSE_S", 0.0)
    path = mock.write(tmp_path / "a.root", [mock.events(30, 1)])
    plan = inspected(tmp_path, [path], JETS)
    kept, tried = plan.read_bytes(), []
    later(path)
    error = OSError(number, os.strerror(number))
    monkeypatch.setattr(looking, "open_file", failing([error] * 2, tried))
    with pytest.raises(
        InputError, match=r"1 files could not be looked at \(2 attempts\):\n  .*a\.root: \w+Error: .*\n.* Run"
    ):
        look_again("test", plan, [path], tmp_path / "looked.json", retries=1)
    assert plan.read_bytes() == kept
    assert not (tmp_path / "looked.json").exists()
    monkeypatch.setattr(looking, "open_file", failing([error] * 2, tried := []))
    look_again("test", plan, [path], tmp_path / "looked.json", retries=2)
    assert len(tried) == 3
    assert plan.read_bytes() == kept


def test_a_file_of_a_disk_that_does_not_answer(tmp_path, monkeypatch):
    """To ask whether it is there gives no for an answer; what the file system says tells it from one gone."""
    path = mock.write(tmp_path / "a.root", [mock.events(30, 1)])
    plan = inspected(tmp_path, [path], JETS)
    kept, plain = plan.read_bytes(), os.stat

    def stat(where, **options):
        if str(where) == path:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        return plain(where, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", stat)
        with pytest.raises(InputError, match="could not be looked at"):
            look(tmp_path, [path])
    assert plan.read_bytes() == kept


@pytest.mark.parametrize("kind", ["root", "lhe"])
def test_a_plan_of_before_is_looked_at(tmp_path, kind):
    """`accept inspect` lets a plan stand that has no times: all files are read once; a UUID of before fits.

    That of an LHE file of before is a digest of other bytes.
    """
    root = kind == "root"
    path = mock.write(tmp_path / "a.root", [mock.events(30, 1)]) if root else lhe(tmp_path / "a.lhe", 2.0)
    plan = inspected(tmp_path, [path], JETS if root else EVENTS)
    found = io.read_json(plan)
    for record in found["files"]:
        assert record.pop("changed_ns") == os.stat(path).st_mtime_ns
        record["uuid"] = record["uuid"] if root else "5cbb2d9e-0000-0000-0000-000000000000"
    io.write_json(plan, found)
    kept = plan.read_bytes()
    if root:
        assert look(tmp_path, [path])["read_again"] == [path]
        assert plan.read_bytes() == kept
    else:
        with pytest.raises(InputError, match=r"a\.lhe: uuid .*; then uuid 5cbb2d9e"):
            look(tmp_path, [path])


def test_a_damaged_file_of_a_plan_of_before(tmp_path):
    """Nobody has written down its time: it counts as another file, and inspect reads it again."""
    files = [mock.write(tmp_path / f"{i}.root", [mock.events(30, i, first_event=100 * i)]) for i in range(2)]
    (tmp_path / "1.root").write_bytes(bytes(500))
    plan = inspected(tmp_path, files, JETS, loss=0.9)
    found = io.read_json(plan)
    del found["damaged"][0]["changed_ns"]
    io.write_json(plan, found)
    with pytest.raises(InputError, match=r"1\.root: could not be read by then"):
        look(tmp_path, files)


def test_a_call_with_other_targets_is_told(tmp_path):
    """By times alone: against the plan, or the times that the last look was given."""
    path = lhe(tmp_path / "a.lhe", 2.0)
    results = tmp_path / "results"
    (results / "inspect").mkdir(parents=True)
    plan, looked = (f"{results}/inspect/mine{end}" for end in (".json", ".looked.json"))
    built_on = {plan: False, f"{results}/skim/mine.json": False}

    def said(jobs=built_on):
        times = [os.stat(path).st_mtime_ns]
        run = SimpleNamespace(looked_at=["mine"], paths={"mine": [path]}, times_ns=lambda name: times)
        return [*unlooked(str(results), run, jobs)], planned.leaves([("times", times)])

    later(path)
    assert said()[0] == []  # inspect has not run yet
    inspected(tmp_path, [path]).rename(results / "inspect/mine.json")
    assert said()[0] == []
    later(path)
    lines, times = said()
    assert len(lines) == 1
    assert said(built_on | {looked: True})[0] == []
    assert said(built_on | {plan: True})[0] == []  # inspect reads them
    assert said({f"{results}/skim/other.json": False})[0] == []
    assert lines[0].startswith("dataset mine: 1 files were changed, or touched, since they were looked at")
    ledger = Ledger(results)
    ledger.put("inspect/mine.looked.json", Made("look", 1, times, [], {}, 0.0, 1.0, "", ""))
    assert said()[0] == []
    later(path)
    assert len(said()[0]) == 1


def test_a_skim_does_not_read_a_whole_file_to_know_it(tmp_path, monkeypatch):
    """Size and time are asked first; only of another time all bytes are read, once an opening."""
    path, n_read, plain = lhe(tmp_path / "a.lhe", 2.0), [], leshouches.uuid_of
    monkeypatch.setattr(leshouches, "uuid_of", lambda path: n_read.append(path) or plain(path))
    plan = inspected(tmp_path, [path])
    assert n_read == [path]
    paths = [tmp_path / name for name in ("rows", "report", "identity")]

    def skimmed():
        n_read.clear()
        skim.skim_partition("test", EVENTS, CutsSpec(), SkimSpec(chunk_entries=100), plan, 0, *paths)
        assert io.read_json(paths[1])["n_processed"] == 600
        return len(n_read)

    assert skimmed() == 0
    later(path)
    assert skimmed() == 1
    found = io.read_json(plan)
    del found["files"][0]["changed_ns"]
    io.write_json(plan, found)
    os.utime(path, ns=(0, 0))
    assert skimmed() == 1  # 0 is no time that two files could share
    with open(path, "ab") as stream:
        stream.write(b"\n")
    with pytest.raises(InputError, match="changed since inspect"):
        skimmed()


def test_text_and_parquet_are_known_by_all_their_bytes(tmp_path):
    """One bit in the middle is another file; a copy of another time is the same."""
    table = pa.table({"jet_pt": np.random.default_rng(1).random(100_000)})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, compression="none", write_page_checksum=False, use_dictionary=False)
    with open_file(str(path)) as file:
        before = file.uuid
        known = Known("of the plan", file.n_bytes, os.stat(path).st_mtime_ns)
        assert file.uuid_of(known) == "of the plan"
        assert file.uuid_of(known._replace(n_bytes=1)) == file.uuid_of(known._replace(changed_ns=1)) == before
    content = bytearray(path.read_bytes())
    later(path)
    with open_file(str(path)) as file:
        assert file.uuid == before
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with open_file(str(path)) as file:
        assert file.uuid != before
