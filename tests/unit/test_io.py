"""io: stage files come back as they were, and no killed or failed write leaves one behind."""

import subprocess
import sys

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.errors import InputError


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


@pytest.mark.parametrize("n", [0, 3])
def test_packed_round_trip(tmp_path, n):
    """A split comes back from its memory maps, an empty one too."""
    lengths = np.arange(n)
    packed = io.Packed(
        flat=np.arange(2 * n, dtype=np.float32).reshape(n, 2),
        flat_names=("a", "b"),
        sequences={
            "charged": io.Ragged(
                np.arange(lengths.sum() * 2, dtype=np.float32).reshape(-1, 2),
                np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
                ("x", "y"),
            )
        },
        label=np.arange(n, dtype=np.int32),
        weight=np.ones(n),
        columns={"event": np.arange(n, dtype=np.uint64)},
        datasets=("one",),
        generators=("pythia",),
    )
    io.write_packed(tmp_path / "train", packed)
    back = io.read_packed(tmp_path / "train")
    assert len(back) == n
    np.testing.assert_array_equal(back.flat, packed.flat)
    np.testing.assert_array_equal(back.sequences["charged"].offsets, packed.sequences["charged"].offsets)
    assert back.flat_names == ("a", "b")
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
