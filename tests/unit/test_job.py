"""job and progress: the user sees one clear message and how long it still takes."""

import io

import pytest

from jetsmith.errors import InputError
from jetsmith.job import job
from jetsmith.progress import Progress


def test_bad_input_is_one_message(tmp_path, capsys):
    """Bad input ends a job with exit code 1 and its message, on the terminal and in the log."""
    with pytest.raises(SystemExit) as caught, job(tmp_path / "job.log"):
        raise InputError("a.root: empty")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: a.root: empty\n" == (tmp_path / "job.log").read_text()


def test_defects_keep_their_traceback(tmp_path):
    """Our own errors must stay findable, in the log too."""
    with pytest.raises(KeyError, match="oops"), job(tmp_path / "job.log"):
        raise KeyError("oops")
    assert "Traceback" in (tmp_path / "job.log").read_text()
    assert "KeyError: 'oops'" in (tmp_path / "job.log").read_text()


def test_progress_says_how_much_is_left():
    """What, how much of all, the rest."""
    stream = io.StringIO()
    progress = Progress("skim ttbar 000", 200, "events", every_s=0, stream=stream)
    progress.update(50)
    progress.update(200, "done")
    first, last = stream.getvalue().splitlines()
    assert first.startswith("[skim ttbar 000] 50 of 200 events (25%), ")
    assert "left" in first
    assert "left" not in last
    assert last.endswith("done")


def test_progress_is_quiet_between():
    """Not a line a call."""
    stream = io.StringIO()
    progress = Progress("train", 100, "epochs", every_s=1000, stream=stream)
    progress.update(1)
    assert stream.getvalue() == ""
