"""What batch systems have in common."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith.batch.common import end_of, error_in, pieces, run_name, walltime_s
from jetsmith.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("04:00:00", 14400), ("00:10:30", 630), ("90", 5400), ("90:30", 5430),
        ("2-00:00:00", 172800), ("1-12", 129600), ("1-12:30", 131400),
    ],
)  # fmt: skip
def test_walltimes(text, seconds):
    """As Slurm writes them."""
    assert walltime_s(text) == seconds


@pytest.mark.parametrize("text", ["", 43200, "soon", "1:2:3:4", "-5", "1h", "01:-2:00"])
def test_walltimes_that_are_none(text):
    """A message instead of a worker that ends at once."""
    with pytest.raises(ConfigError, match="walltime"):
        walltime_s(text)


@given(st.lists(st.integers(1, 50), min_size=1), st.integers(1, 100))
def test_pieces(sizes, limit):
    """Nothing is lost or twice; each is as long as the limit lets it be."""
    cut = [sizes[piece] for piece in pieces(sizes, limit)]
    assert [size for piece in cut for size in piece] == sizes
    assert all(sum(piece) <= limit or len(piece) == 1 for piece in cut)
    assert all(sum(piece) + following[0] > limit for piece, following in itertools.pairwise(cut))


def test_what_a_job_said(tmp_path):
    """The message of a failure has the last error that the job named itself."""
    log = tmp_path / "log"
    assert error_in(end_of(log)) == ""
    log.write_text(10_000 * "a line\n" + "error: first\nerror: file x is no ROOT file\nsrun: error: exit 1\n")
    assert error_in(end_of(log)) == "It said: file x is no ROOT file. "


def test_names_of_runs():
    """Two folders of one name have two; all are names that Slurm takes."""
    names = {run_name(Path(path)) for path in ("/a/my run", "/b/my run", "/c/" + 60 * "x")}
    assert len(names) == 3
    assert all(name.replace("-", "").isalnum() and len(name) < 50 for name in names)
