"""job and progress: the user sees one clear message and how long it still takes."""

import errno
import importlib
import io
import os
import runpy
import shutil
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from jetsmith.errors import InputError, OutputError, no_room
from jetsmith.job import EXTRAS, job, of_training
from jetsmith.progress import Progress

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


def of(log):
    """Snakemake's object of a script that runs outside a run."""
    return SimpleNamespace(log=[str(log)], params=None)


def test_bad_input_is_one_message(tmp_path, capsys):
    """Bad input ends a job with exit code 1 and its message, on the terminal and in the log."""
    with pytest.raises(SystemExit) as caught, job(of(tmp_path / "job.log")):
        raise InputError("a.root: empty")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: a.root: empty\n" == (tmp_path / "job.log").read_text()


def test_every_training_gets_what_its_job_has():
    """Memory, GPUs and TensorBoard's folder: also where a point is trained again, or a fold left out."""
    snakemake = SimpleNamespace(
        log=["logs/train/mine.log"], threads=2, params=SimpleNamespace(seed=3),
        resources={"gpu": 1, "mem_mb": 900}, config={"tensorboard": True}, input={},
    )  # fmt: skip
    folder = Path("logs/train/mine")
    given = {"seed": 3, "threads": 2, "gpus": 1, "memory_mb": 900, "events": folder}
    assert of_training(snakemake) == given | {"start": None}
    snakemake.input = {"start": ["results/models/other"]}
    assert of_training(snakemake)["start"] == Path("results/models/other")
    snakemake.input = {"start": ["mine/model.keras", "mine/spec.json", "mine/meta.json"]}
    assert of_training(snakemake)["start"] == Path("mine")
    snakemake.config, snakemake.resources, snakemake.input = {}, {}, {"start": []}
    assert of_training(snakemake) == given | {"gpus": 0, "memory_mb": 0, "events": None, "start": None}
    trains = [path for path in SCRIPTS.glob("*.py") if "from jetsmith.training import" in path.read_text()]
    assert {p.stem for p in trains} == {"train", "train_fold", "retrain"}
    for path in trains:
        assert "**of_training(snakemake)" in path.read_text(), path


def test_defects_keep_their_traceback(tmp_path):
    """Our own errors must stay findable, in the log too."""
    with pytest.raises(KeyError, match="oops"), job(of(tmp_path / "job.log")):
        raise KeyError("oops")
    assert "Traceback" in (tmp_path / "job.log").read_text()
    assert "KeyError: 'oops'" in (tmp_path / "job.log").read_text()


def test_a_missing_extra_is_one_message(tmp_path, capsys, monkeypatch):
    """The script of a bundle where no ONNX is: it says what installs it. A module of nobody's is a defect."""
    for name in ("jetsmith.bundling", *(name for name in sys.modules if name.startswith("jetsmith.bundles"))):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(SCRIPTS / "bundle.py"), {"snakemake": of(tmp_path / "job.log")})
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: `onnx` is not installed: make setup EXTRAS=bundle\n"
    with pytest.raises(ModuleNotFoundError, match="nobody"), job(of(tmp_path / "job.log")):
        importlib.import_module("nobody")


def test_extras_that_are_named_are_those_that_bring_it():
    """Each module of the table is a requirement of its extra."""
    project = tomllib.loads((SCRIPTS.parent / "pyproject.toml").read_text())["project"]
    for module, extra in EXTRAS.items():
        brings = project["optional-dependencies"][extra]
        assert module in {requirement.partition(">")[0] for requirement in brings}


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("at", ["open", "write"])
def test_full_disk_costs_the_log_and_not_the_message(tmp_path, capsys, monkeypatch, at):
    """The message comes whole, once, with exit code 1, and no traceback behind it."""

    def opened(path, mode="r"):
        if at == "open":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return Full()

    monkeypatch.setattr(Path, "open", opened)

    def work():
        with job(of(tmp_path / "job.log")):
            print("at work", file=sys.stderr)
            raise OutputError("packed/a: cannot be written: No space left on device")

    with pytest.raises(SystemExit) as caught:
        work()
    assert caught.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "error: packed/a: cannot be written: No space left on device"
    assert sorted(lines[:-1]) == [f"{tmp_path}/job.log: no log: No space left on device", "at work"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_in_earnest(capsys):
    """The log's last buffer cannot be written at its close either."""
    with pytest.raises(SystemExit), job(of("/dev/full")):
        raise InputError("a.root: empty")
    assert capsys.readouterr().err.splitlines() == [
        "error: a.root: empty",
        "/dev/full: no log: No space left on device",
    ]


def test_full_disk_anywhere_is_one_message(tmp_path, capsys):
    """A writer that explains nothing, such as a library in the folder of temporary files."""
    with pytest.raises(SystemExit), job(of(tmp_path / "job.log")):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/tmp/x")
    assert (
        capsys.readouterr().err
        == f"error: /tmp/x: cannot be written: {os.strerror(errno.EDQUOT)}; make room\n"
    )


def test_other_errors_of_files_keep_their_traceback(tmp_path):
    """A file that is not there is a defect here, not a full disk."""
    with pytest.raises(FileNotFoundError), job(of(tmp_path / "job.log")):
        Path(tmp_path / "absent").read_text()
    assert "Traceback" in (tmp_path / "job.log").read_text()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "x"), os.strerror(errno.ENOSPC)),
        (OSError("100352 requested and 25568 written"), os.strerror(errno.ENOSPC)),
        (OSError("Can't write data (file write failed: errno = 28, error message = '…')"), os.strerror(28)),
        (OSError("Unable to open file (errno = 2)"), None),
        (shutil.Error([("a", "b", "[Errno 13] Permission denied: 'b'")]), None),
        (
            shutil.Error([("a", "b", "[Errno 13] Permission denied: 'b'"), ("c", "d", "[Errno 28] full")]),
            os.strerror(28),
        ),
        (OSError(errno.EACCES, "100 requested and 20 written"), None),
        (OSError("something else"), None),
    ],
)
def test_full_disks_of_all_libraries(error, reason):
    """NumPy's error has no number, HDF5's and that of a copied folder have it in the text alone."""
    assert no_room(error) == reason


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
