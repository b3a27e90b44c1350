"""io: stage files come back as they were, and no killed or failed write leaves one behind."""

import errno
import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.errors import InputError, OutputError
from jetsmith.io.atomic import NO_SYNC
from jetsmith.packed import arrays
from jetsmith.packed.writing import writing
from tests.unit.packed_jets import write_packed


def _rows(lengths):
    lengths = np.asarray(lengths, dtype=np.int64)
    total = lengths.sum()
    return ak.zip(
        {
            "event": np.arange(len(lengths), dtype=np.uint64),
            "weight": -np.ones(len(lengths)),
            "cpf_pt_gev": ak.unflatten(np.arange(total, dtype=np.float32), lengths),
        },
        depth_limit=1,
    )


@given(st.lists(st.integers(0, 5), max_size=20))
def test_rows_round_trip(tmp_path_factory, lengths):
    """Any raggedness, none included, keeps values and types."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    rows = _rows(lengths)
    io.write_rows(path, rows)
    back = io.read_rows(path)
    assert back.tolist() == rows.tolist()
    assert str(back.type) == str(rows.type)
    assert len(back) == len(lengths)


def test_rows_are_the_same_bytes(tmp_path):
    """Digests of results are compared between runs: the same rows have to give the same file."""
    for name in "ab":
        io.write_rows(tmp_path / name, _rows([1, 2, 3]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_failed_write_leaves_the_old_file(tmp_path):
    """An error in mid-write keeps what was finished and removes the temporary file."""
    path = tmp_path / "result.json"
    io.write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="JSON"):
        io.write_json(path, {"new": float("nan")})
    assert io.read_json(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_failed_directory_leaves_the_old_one(tmp_path):
    """The same for directories."""
    target = tmp_path / "model"
    with io.atomic_directory(target) as folder:
        (folder / "a").write_text("old")

    def fail():
        with io.atomic_directory(target) as folder:
            (folder / "a").write_text("new")
            raise RuntimeError("in mid-write")

    with pytest.raises(RuntimeError, match="mid-write"):
        fail()
    assert (target / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_foreign_files_are_named(tmp_path):
    """The message says which file is not what it should be."""
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match=r"broken\.parquet"):
        io.read_rows(path)
    with pytest.raises(InputError, match=r"broken\.parquet"):
        io.read_json(path)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_rows_piece_by_piece(tmp_path, n):
    """As they were written, one after the other the whole; the file is compared with its checksum first."""
    rows = ak.zip({"x": np.arange(n), "y": ak.unflatten(np.arange(2 * n), np.full(n, 2))}, depth_limit=1)
    path = tmp_path / "rows.parquet"
    io.write_rows(path, (rows[i : i + 3] for i in range(0, max(n, 1), 3)), part="000")
    pieces = list(io.iterate_rows(path, ["y"], part="000"))
    assert [len(piece) for piece in pieces] == [3] * (n // 3) + [n % 3] * (n % 3 > 0)
    assert [row for piece in pieces for row in piece["y"].to_list()] == rows["y"].to_list()
    assert io.column_types(path) == {"x": np.int64}
    with pytest.raises(InputError, match="is of part `000`, not `001`"):
        list(io.iterate_rows(path, ["x"], part="001"))
    content = bytearray(path.read_bytes())
    if n:
        content[10] ^= 1
        path.write_bytes(content)
        with pytest.raises(InputError, match="do not fit their checksum"):
            list(io.iterate_rows(path, ["x"]))


@pytest.mark.parametrize("n", [0, 3])
def test_packed_round_trip(tmp_path, n):
    """A split comes back from its memory maps, an empty one too."""
    lengths = np.arange(n)
    packed = arrays.Packed(
        groups={
            "ak4": arrays.FlatGroup(np.arange(2 * n, dtype=np.float32).reshape(n, 2), ("a", "b")),
            "charged": arrays.SequenceGroup(
                np.arange(lengths.sum() * 2, dtype=np.float32).reshape(-1, 2),
                np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
                ("x", "y"),
            ),
        },
        label=np.arange(n, dtype=np.int32),
        weight=np.ones(n),
        columns={"event": np.arange(n, dtype=np.uint64)},
        datasets=("one",),
        generators=("pythia",),
    )
    write_packed(tmp_path / "train", packed)
    back = arrays.read_packed(tmp_path / "train", ["charged", "ak4"])
    assert len(back) == n
    for name, group in packed.groups.items():
        np.testing.assert_array_equal(back.groups[name].values, group.values)
        assert back.groups[name].names == group.names
    np.testing.assert_array_equal(back.groups["charged"].offsets, packed.groups["charged"].offsets)
    assert arrays.read_packed(tmp_path / "train").groups == {}
    assert back.datasets == ("one",)


def test_leftovers_of_dead_processes_go(tmp_path):
    """What a killed job left under a temporary name is removed by the next one; that of the living stays."""
    code = (
        "import os, signal, sys\nfrom jetsmith import io\n"
        "with io.atomic_file(sys.argv[1]) as path:\n    path.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    target = tmp_path / "a.json"
    subprocess.run([sys.executable, "-c", code, target], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with io.atomic_file(target) as first:
        assert list(tmp_path.iterdir()) == [first]
        io.write_json(target, {})
        assert first.exists()


def test_the_disk_has_it_before_the_name(tmp_path, monkeypatch):
    """After a power cut a name without content would look finished: fsync, rename, then the folder."""
    events = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(_name(fd)), fsync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (events.append("rename"), replace(a, b))[1])

    def _name(fd):
        return Path(os.readlink(f"/proc/self/fd/{fd}"))

    with io.atomic_file(tmp_path / "a.json") as file:
        file.write_text("{}")
    assert events == [file, "rename", tmp_path]
    events.clear()
    with io.atomic_directory(tmp_path / "model") as folder:
        (folder / "inner").mkdir()
        (folder / "a").write_text("a")
        (folder / "inner" / "b").write_text("b")
    written = {folder / "a", folder / "inner" / "b", folder / "inner"}
    assert set(events[:3]) == written
    assert events[3:] == [folder, "rename", tmp_path]
    assert events.index(folder / "inner" / "b") < events.index(folder / "inner")


def test_some_file_systems_sync_no_folders(tmp_path, monkeypatch):
    """Theirs is no failure of the write; one of the disk is, and so is any of a file: its name stays free."""
    refused = {}

    def fsync(handle):
        number = refused.get(stat.S_ISDIR(os.fstat(handle).st_mode))
        if number:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    for number in NO_SYNC:
        refused[True] = number
        io.write_json(tmp_path / "a.json", {"number": number})
        with io.atomic_directory(tmp_path / "model"):
            pass
        assert io.read_json(tmp_path / "a.json") == {"number": number}
    for is_folder, number in ((True, errno.EIO), (False, errno.EIO), (False, errno.EINVAL)):
        refused = {is_folder: number}
        with pytest.raises(OSError, match=os.strerror(number)):
            io.write_json(tmp_path / f"{is_folder}{number}.json", {})
    assert not list(tmp_path.glob("False*"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_folders_are_made_for_what_is_written(tmp_path):
    """Several levels of them, for files and for folders."""
    io.write_json(tmp_path / "a" / "b" / "c.json", {})
    with io.atomic_directory(tmp_path / "d" / "e" / "model") as folder:
        (folder / "x").touch()
    assert (tmp_path / "a/b/c.json").is_file()
    assert (tmp_path / "d/e/model/x").is_file()


def test_permissions_are_those_of_the_user(tmp_path):
    """Temporary files are for their owner alone; results follow the umask, as any other file."""
    before = os.umask(0o027)
    try:
        io.write_json(tmp_path / "a.json", {})
        with io.atomic_directory(tmp_path / "model"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o750


def test_a_directory_is_replaced_as_a_whole(tmp_path):
    """A file of the former one does not stay among those of the new one."""
    for name in "ab":
        with io.atomic_directory(tmp_path / "model") as folder:
            (folder / name).write_text(name)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["b"]


WRITERS = """
import resource, sys
import awkward as ak
import numpy as np
from pathlib import Path
from jetsmith import io
from jetsmith.packed.writing import writing
from jetsmith.errors import OutputError

folder, noise = Path(sys.argv[1]), np.random.default_rng(1).random(200_000)
n = len(noise)
rows = ak.zip({"event": np.arange(n), "x": noise})
io.write_rows(folder / "rows.parquet", rows)

def identity(path):
    with io.identity_writer(path) as write:
        write(dict.fromkeys(io.IDENTITY, (noise * 2**31).astype("u4")))

def packed(path):
    with writing(path, {}, {"values": ("f8", (n,))}) as writer:
        writer.add(values=noise)

def array(path):
    with io.atomic_directory(path) as inner:
        np.save(inner / "x.npy", noise)

writers = {
    "a.json": lambda path: io.write_json(path, noise.tolist()),
    "a.parquet": lambda path: io.write_rows(path, rows),
    "a.identity.parquet": identity,
    "a.root": lambda path: io.write_root(path, folder / "rows.parquet"),
    "train": packed,
    "array": array,
    "checkpoint.ubj": lambda path: io.write_sealed(path, noise.tobytes()),
}
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for name, write in writers.items():
    try:
        write(folder / name)
    except OutputError as error:
        assert str(error).startswith(f"{folder / name}: cannot be written: "), error
        assert "make room below" in str(error)
        print(name)
assert [path.name for path in folder.iterdir()] == ["rows.parquet"], list(folder.iterdir())
"""


def test_every_writer_says_where_the_disk_is_full(tmp_path):
    """Its file, the reason and the remedy, whichever library wrote; nothing half-written stays."""
    done = subprocess.run([sys.executable, "-c", WRITERS, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "a.json", "a.parquet", "a.identity.parquet", "a.root", "train", "array", "checkpoint.ubj",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_of_somebody_else_is_named(tmp_path, monkeypatch, number):
    """With the file, the reason and the remedy; an input that may not be read is none of this."""
    elsewhere = OSError(number, "no", str(tmp_path.parent / "input"))
    with pytest.raises(OSError, match="input"), io.atomic_file(tmp_path / "a.json"):
        raise elsewhere

    def refuse(*_, **__):
        raise OSError(number, "no", str(tmp_path / ".a.json"))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    words = rf"a(\.json)?: cannot be written: {os.strerror(number)}; who runs this has to own"
    with pytest.raises(OutputError, match=words):
        io.write_json(tmp_path / "a.json", {})
    with pytest.raises(OutputError, match=words), io.atomic_directory(tmp_path / "a"):
        pass


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
@pytest.mark.parametrize("name", ["input.parquet", "packed/a.json", "a.json.old"])
def test_a_file_of_somebody_else_beside_is_named(tmp_path, number, name):
    """What was read or removed on the way is at fault, and not the file that was to be written."""
    words = rf"^{tmp_path / name}: cannot be used: {os.strerror(number)}; who runs this has to own {tmp_path}"
    for write in (io.atomic_file, io.atomic_directory):
        with pytest.raises(OutputError, match=words), write(tmp_path / "a.json"):
            raise OSError(number, "no", str(tmp_path / name))


@pytest.mark.parametrize("end", ["", ".host.7.x/b.npy"])
def test_what_is_made_and_may_not_be_is_named(tmp_path, end):
    """A file of a folder that is made bears the folder's name, not its temporary one."""
    words = rf"^{tmp_path}/a: cannot be written: {os.strerror(errno.EACCES)}"
    own = tmp_path / (f".a{end}" if end else "a/b.npy")
    with pytest.raises(OutputError, match=words), io.atomic_directory(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "no", str(own))
    with pytest.raises(OutputError, match=words), io.atomic_directory(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "no", str(own), None, str(tmp_path / "a"))


def test_missing_values_are_refused(tmp_path):
    """Left out, they would shift all rows behind them: the message names column, file and number."""
    with pytest.raises(InputError, match=r"a\.parquet: column x: 2 values are missing"):
        io.write_rows(tmp_path / "a.parquet", ak.zip({"x": ak.Array([1.0, None, None])}))
    with pytest.raises(InputError, match=r"a\.parquet: column x: 1 values are missing"):
        io.write_rows(tmp_path / "a.parquet", ak.zip({"x": ak.Array([[1.0], [2.0, None]])}, depth_limit=1))
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_else_is_refused(tmp_path):
    """It has no checksums, so whatever is in it cannot be trusted."""
    pq.write_table(pa.table({"x": [1.0, None]}), tmp_path / "a.parquet")
    for read in (io.read_rows, io.count_rows, io.column_names):
        with pytest.raises(InputError, match=r"a\.parquet: has no checksum"):
            read(tmp_path / "a.parquet")


def test_subjects_are_compared(tmp_path):
    """Rows of one dataset do not pass for another's; a file that names none may be any."""
    io.write_rows(tmp_path / "a.parquet", _rows([1]), dataset="ttbar", part="000")
    assert len(io.read_rows(tmp_path / "a.parquet", dataset="ttbar")) == 1
    with pytest.raises(InputError, match=r"a\.parquet: is of dataset `ttbar`, not `qcd`"):
        io.read_rows(tmp_path / "a.parquet", dataset="qcd")
    io.write_json(tmp_path / "a.json", {"dataset": "ttbar"})
    assert io.read_json(tmp_path / "a.json", dataset="ttbar") == {"dataset": "ttbar"}
    with pytest.raises(InputError, match=r"a\.json: is of dataset `ttbar`, not `qcd`"):
        io.read_json(tmp_path / "a.json", dataset="qcd")


def test_lists_of_floats_are_split_by_byte(tmp_path):
    """They are most of every file; whole numbers, in lists or not, are as they were."""
    rows = ak.zip({"a": ak.Array([1]), "x": ak.Array([[1.5]]), "n": ak.Array([[1]])}, depth_limit=1)
    io.write_rows(tmp_path / "a.parquet", rows)
    with pq.ParquetFile(tmp_path / "a.parquet") as file:
        group = file.metadata.row_group(0)
        leaves = [group.column(i) for i in range(group.num_columns)]
    assert {leaf.path_in_schema: "BYTE_STREAM_SPLIT" in leaf.encodings for leaf in leaves} == {
        "a": False, "x.list.element": True, "n.list.element": False,
    }  # fmt: skip


def test_columns_counts_and_groups(tmp_path):
    """Named columns alone come back; the lacking ones are named; rows lie in groups of 100,000."""
    rows = ak.zip({"x": np.arange(250_000, dtype=np.float32), "y": np.arange(250_000)})
    io.write_rows(tmp_path / "a.parquet", [rows[:230_000], rows[230_000:230_000], rows[230_000:]])
    with pq.ParquetFile(tmp_path / "a.parquet") as file:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        column = file.metadata.row_group(0).column(0)
        assert (column.compression, "BYTE_STREAM_SPLIT" in column.encodings) == ("ZSTD", True)
    assert groups == [100_000, 100_000, 30_000, 20_000]
    assert io.count_rows(tmp_path / "a.parquet") == 250_000
    assert io.column_names(tmp_path / "a.parquet") == ["x", "y"]
    back = io.read_rows(tmp_path / "a.parquet", ["y"])
    assert ak.fields(back) == ["y"]
    assert back["y"][-1] == 249_999
    with pytest.raises(InputError, match=r"a\.parquet: no column w, z; run its stage again"):
        io.read_rows(tmp_path / "a.parquet", ["z", "y", "w"])


def test_identities_come_back(tmp_path):
    """The largest of each kind too, in the order in which they were written."""
    largest = {"run": 2**32 - 1, "luminosity_block": 2**32 - 1, "event": 2**64 - 1, "file": 9}
    columns = {name: np.array([value, 1], np.uint64) for name, value in largest.items()}
    with io.identity_writer(tmp_path / "i.parquet", dataset="a") as write:
        write(columns)
        write({name: values[:1] for name, values in columns.items()})
    back = io.read_identity(tmp_path / "i.parquet", dataset="a")
    assert {name: values.tolist() for name, values in back.items()} == {
        name: [value, 1, value] for name, value in largest.items()
    }
    assert {name: str(values.dtype) for name, values in back.items()} == io.IDENTITY


def test_root_files_hold_the_rows(tmp_path):
    """Group by group, lists of one prefix under one counter, numbers as they are."""
    n = 100_003
    counts = np.arange(n) % 3
    lists = {
        f"cpf_{name}": ak.unflatten(np.arange(counts.sum()) * k, counts) for name, k in (("a", 1), ("b", 2))
    }
    io.write_rows(tmp_path / "a.parquet", ak.zip({"event": np.arange(n), **lists}, depth_limit=1))
    io.write_root(tmp_path / "a.root", tmp_path / "a.parquet")
    with uproot.open(tmp_path / "a.root") as file:
        tree = file["jets"]
        assert set(tree.keys()) == {"event", "ncpf", "cpf_a", "cpf_b"}
        assert tree["event"].array(library="np")[-1] == n - 1
        assert ak.array_equal(tree["cpf_b"].array(), lists["cpf_b"])


def test_root_files_group_only_lists_that_share_their_length(tmp_path):
    """Lists of any other prefix may differ in length, and a number is no list; ZSTD-1, since people wait."""
    columns = {"mu_pt": ak.Array([[1], []]), "mu_hits": ak.Array([[1, 2], [3]]), "sv_n": ak.Array([4, 5])}
    io.write_rows(tmp_path / "a.parquet", ak.zip(columns, depth_limit=1))
    io.write_root(tmp_path / "a.root", tmp_path / "a.parquet")
    with uproot.open(tmp_path / "a.root") as file:
        assert set(file["jets"].keys()) == {*columns, "nmu_pt", "nmu_hits"}
        assert {name: file["jets"][name].array().tolist() for name in columns} == {
            name: values.tolist() for name, values in columns.items()
        }
        assert file.file.compression == uproot.ZSTD(1)


def test_root_files_are_made_of_whole_rows_only(tmp_path):
    """A bit that flipped in the data of the parquet file does not arrive with people unseen."""
    path = tmp_path / "a.parquet"
    io.write_rows(path, _rows([1, 2]))
    content = bytearray(path.read_bytes())
    content[8] ^= 1  # behind the first PAR1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet: the data do not fit their checksum"):
        io.write_root(tmp_path / "a.root", path)
    assert not (tmp_path / "a.root").exists()


def test_lists_have_one_type_however_many_they_hold(tmp_path):
    """All parts of a file share its schema: with 32 bits for few values, a part with many would not fit."""
    io.write_rows(tmp_path / "a.parquet", _rows([1, 2]))
    with pq.ParquetFile(tmp_path / "a.parquet") as file:
        assert pa.types.is_large_list(file.schema_arrow.field("cpf_pt_gev").type)


def test_json_is_for_people_and_versions(tmp_path):
    """Sorted keys, an end of line, a checksum that does not come back, and none where a schema forbids it."""
    io.write_json(tmp_path / "a.json", {10: [1.5], 2: None, 30: 1})
    text = (tmp_path / "a.json").read_text()
    assert list(json.loads(text)) == ["10", "2", "30", "checksum"]
    assert text.endswith("}\n")
    assert io.read_json(tmp_path / "a.json") == {"30": 1, "10": [1.5], "2": None}
    io.write_json(tmp_path / "b.json", {"b": 1}, checksum=False)
    assert json.loads((tmp_path / "b.json").read_text()) == {"b": 1}
    (tmp_path / "a.json").write_text(text.replace("1.5", "1.6"))
    with pytest.raises(InputError, match=r"a\.json: its content does not fit its checksum"):
        io.read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(text.replace("1.5", "1.50"))
    assert io.read_json(tmp_path / "a.json")["10"] == [1.5]


def _packed(**changes):
    content = {
        "groups": {"ak4": arrays.FlatGroup(np.zeros((2, 1), np.float32), ("a",)), **_sequence([0, 1, 3])},
        "label": np.zeros(2, np.int32), "weight": np.ones(2), "columns": {"event": np.arange(2)},
        "datasets": ("d",), "generators": ("g",), "sample": "mine", "split": "train",
    }  # fmt: skip
    return arrays.Packed(**content | changes)


def _sequence(offsets, n=3):
    return {"s": arrays.SequenceGroup(np.zeros((n, 1), np.float32), np.array(offsets), ("x",))}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"groups": {"g": arrays.FlatGroup(np.zeros((3, 1), np.float32), ("a",))}}, "g/values.npy"),
        ({"groups": {"g": arrays.FlatGroup(np.zeros((2, 1), np.float32), ("a", "b"))}}, "g/values.npy"),
        ({"groups": {"g": arrays.FlatGroup(np.zeros((2, 1), np.int32), ("a",))}}, "g/values.npy"),
        ({"weight": np.array([1.0, np.nan])}, "rows/weight.npy"),
        ({"weight": np.ones(2, np.int64)}, "rows/weight.npy"),
        ({"columns": {"event": np.arange(3)}}, "rows/column.event.npy"),
        ({"label": np.zeros(2)}, "rows/label.npy"),
        ({"groups": _sequence([0, 3])}, "s/offsets.npy"),
        ({"groups": _sequence([1, 1, 3])}, "s/offsets.npy"),
        ({"groups": _sequence([0, 1, 2])}, "s/offsets.npy"),
        ({"groups": _sequence([0, 4, 3])}, "s/offsets.npy"),
    ],
)
def test_packed_arrays_belong_together(tmp_path, changes, named):
    """A row too many shifts all labels: whoever reads such a split is told which array it is."""
    packed = _packed(**changes)
    write_packed(tmp_path / "train", packed)
    with pytest.raises(InputError, match=named.replace(".", r"\.")):
        arrays.read_packed(tmp_path / "train", list(packed.groups))


@pytest.mark.parametrize("n", [2, 4])
def test_a_folder_has_the_rows_that_were_announced(tmp_path, n):
    """The shape stands in front of the rows: one too few or too many is no array, and nothing is written."""
    with (
        pytest.raises(InputError, match=r"rows that lack, or are too many \(below 0\): \{'values'"),
        writing(tmp_path / "train", {}, {"values": ("f4", (3, 1)), "label": ("i4", (0,))}) as writer,
    ):
        writer.add(values=np.zeros((n, 1)))
    assert not list(tmp_path.iterdir())


def test_pieces_give_the_bytes_of_numpy(tmp_path):
    """What numpy would write of the whole array, and a checksum that fits."""
    whole = np.random.default_rng(1).random((7, 2)).astype(np.float32)
    with writing(tmp_path / "a", {}, {"values": (np.float32, whole.shape), "none": ("i8", (0,))}) as writer:
        for piece in (whole[:3], whole[3:3], whole[3:]):
            writer.add(values=piece.astype(np.float64))
    for name, array in (("values", whole), ("none", np.zeros(0, np.int64))):
        np.save(tmp_path / f"{name}.npy", array)
        assert (tmp_path / f"{name}.npy").read_bytes() == (tmp_path / f"a/{name}.npy").read_bytes()
    found = io.read_json(tmp_path / "a/columns.json")["checksums"]
    assert found == {k: v for k, v in io.folder_checksums(tmp_path / "a").items() if k != "columns.json"}


def test_a_split_is_mapped(tmp_path):
    """Splits may be larger than the memory: arrays stay on the disk until a batch of them is asked for."""
    write_packed(tmp_path / "train", _packed())
    found = arrays.read_packed(tmp_path / "train", ["ak4", "s"])
    flat, sequence = found.groups["ak4"].values, found.groups["s"].values
    for array in (flat, found.label, found.weight, found.columns["event"], sequence):
        assert isinstance(array, np.memmap)


def test_a_flipped_bit_in_a_split_is_named(tmp_path):
    """Nobody has to ask for it; where only names are needed, the arrays are not read at all."""
    write_packed(tmp_path / "train", _packed())
    path = tmp_path / "train" / "ak4" / "values.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert arrays.read_packed(tmp_path / "train", ["ak4"], whole=False).groups["ak4"].names == ("a",)
    with pytest.raises(InputError, match=r"values\.npy"):
        arrays.read_packed(tmp_path / "train", ["ak4"])
    assert len(arrays.read_packed(tmp_path / "train", ["s"])) == 2  # nobody else's business


@pytest.mark.parametrize("content", [{"sample": "mine", "split": "train", "rows": 2}, ["checksums"]])
def test_a_split_without_checksums_is_refused(tmp_path, content):
    """Somebody else's, or of an early version: what its arrays hold cannot be trusted."""
    write_packed(tmp_path / "train", _packed())
    io.write_json(tmp_path / "train" / "rows" / "columns.json", content)
    with pytest.raises(InputError, match=r"columns\.json: has no checksums; pack the sample again"):
        arrays.read_packed(tmp_path / "train")


class Opened:
    """What an array of objects may do as soon as it is read."""

    def __reduce__(self):
        return os.mkdir, ("opened",)


def test_arrays_of_objects_are_not_opened(tmp_path, monkeypatch):
    """Reading one may run what its author likes: it is no array of ours, also where a split has no rows."""
    monkeypatch.chdir(tmp_path)
    none = {"groups": {}, "columns": {}, "weight": np.zeros(0)}
    write_packed(tmp_path / "train", _packed(**none, label=np.zeros(0, np.int32)))
    np.save(tmp_path / "train" / "rows" / "label.npy", np.array([Opened()]))
    with pytest.raises(InputError, match=r"label\.npy: not readable as an array"):
        arrays.read_packed(tmp_path / "train", whole=False)
    assert not (tmp_path / "opened").exists()


def test_splits_belong_together(tmp_path):
    """A copy of another split, or a split of another sample, is not what it is taken for."""
    for split in ("train", "test"):
        write_packed(tmp_path / split, _packed(split=split))
    parts = arrays.read_splits(tmp_path, ["train", "test"], ["s"], "mine")
    assert [part.split for part in parts] == ["train", "test"]
    assert parts[0].digest != parts[1].digest
    with pytest.raises(InputError, match="train/rows: is sample `mine`, not `other`"):
        arrays.read_splits(tmp_path, ["train", "test"], sample="other")
    write_packed(tmp_path / "test", _packed(split="calibration"))
    with pytest.raises(InputError, match="test/rows: is split `calibration`, not `test`"):
        arrays.read_splits(tmp_path, ["train", "test"])
    write_packed(tmp_path / "test", _packed(split="test", generators=("h",)))
    with pytest.raises(InputError, match="test: has other generators than split train"):
        arrays.read_splits(tmp_path, ["train", "test"])
    write_packed(tmp_path / "test", _packed(split="test", groups=_sequence([0, 0, 0], 0)))
    longer = arrays.SequenceGroup(np.zeros((3, 2), np.float32), np.array([0, 1, 3]), ("x", "y"))
    write_packed(tmp_path / "train", _packed(groups={"s": longer}))
    assert len(arrays.read_splits(tmp_path, ["train", "test"])) == 2
    with pytest.raises(InputError, match="test: has other features than split train"):
        arrays.read_splits(tmp_path, ["train", "test"], ["s"])
    write_packed(tmp_path / "test", _packed(split="test"))
    (tmp_path / "test/s").rename(tmp_path / "test/kept")
    (tmp_path / "test/ak4").rename(tmp_path / "test/s")
    with pytest.raises(InputError, match="test/s: is group `ak4`, not `s`"):
        arrays.read_packed(tmp_path / "test", ["s"])


def test_a_damaged_checkpoint_is_dropped(tmp_path, capsys):
    """It would block its training for ever; the others come back to the byte."""
    path = tmp_path / "checkpoint"
    assert io.read_sealed(path) is None
    io.write_sealed(path, b"weights")
    assert io.read_sealed(path) == b"weights"
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[1:], b"W" + whole[1:], whole[:-1] + b"z", whole + b"x"):
        path.write_bytes(damaged)
        assert io.read_sealed(path) is None
        assert not path.exists()
        assert f"{path}: this checkpoint is damaged" in capsys.readouterr().err
