"""What is not tested is said, with the command that brings it; in CI nothing may be skipped."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.requirements import closing_line

ROOT = Path(__file__).parent.parent.parent
SKIPS = {
    "require": "from tests.requirements import require\n\ndef test_it():\n    require('no such thing')\n",
    "module": "import pytest\npytest.importorskip('no_such_module')\n",
    "mark": "import pytest\n\n@pytest.mark.skip\ndef test_it():\n    pass\n",
}


def test_closing_line():
    """Each kind with its number and its command; what has no command, with its reason."""
    skipped = {"a": ("golden", "workflow"), "b": ("golden",), "c": ("cluster",), "d": ("unit",)}
    line = closing_line(skipped, dict.fromkeys(skipped, "no such thing"))
    assert line == (
        "skipped: 2 golden (`JETSMITH_DATA=/folder/of/real/files make test`), 1 cluster "
        "(`make test-cluster`), 1 others (no such thing)"
    )
    assert closing_line({}, {}) == "nothing was skipped"


def run(folder, strict, *options):
    """pytest on a folder of tests, with the hooks of this project."""
    environment = {name: value for name, value in os.environ.items() if name != "JETSMITH_REQUIRE_DATA"}
    environment |= {"JETSMITH_REQUIRE_DATA": "1"} if strict else {}
    environment |= {"JETSMITH_SKIPPED": str(folder / "skipped")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull]
    return subprocess.run(
        [*command, *options, str(folder)], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("content", SKIPS.values(), ids=SKIPS)
@pytest.mark.parametrize("strict", [False, True])
def test_skips(tmp_path, content, strict):
    """Whatever way a test is skipped: a newcomer's run is green and says so, CI's is red."""
    (tmp_path / "test_it.py").write_text(content)
    done = run(tmp_path, strict)
    # A module that is skipped leaves no test, which pytest has an exit code of its own for.
    assert (done.returncode in (0, 5)) is not strict, done.stdout
    if not strict:
        assert re.match(r"skipped: 1 others \(.+\)$", done.stdout.splitlines()[-1])
        assert len((tmp_path / "skipped").read_text().splitlines()) == 1


@pytest.mark.parametrize("strict", [False, True])
def test_skips_of_several_processes(tmp_path, strict):
    """The same where processes share the tests: each skip once, under the name that plain pytest knows."""
    for name, content in SKIPS.items():
        (tmp_path / f"test_{name}.py").write_text(content)
    done = run(tmp_path, strict, "-n", "2")
    assert done.returncode == strict, done.stdout
    expected = ["test_mark.py::test_it", "test_module.py", "test_require.py::test_it"][: 2 if strict else 3]
    assert done.stdout.splitlines()[-1].startswith(f"skipped: {len(expected)} others (")
    names = [re.sub(".*/", "", name) for name in (tmp_path / "skipped").read_text().splitlines()]
    assert sorted(names) == expected


MODULES = {
    "tests/test_a.py": "alone",
    "tests/test_b.py": "workflow",
    "tests/workflow/test_reruns.py": "workflow",
    "tests/workflow/test_run.py": "workflow",
}
NOTES = """
import os, time
import pytest
pytestmark = pytest.mark.{mark}

@pytest.mark.parametrize("n", range(4))
def test_it(n):
    begin = time.monotonic()
    time.sleep(0.2)
    with open({notes!r}, "a") as notes:
        print({module!r}, os.getpid(), begin, time.monotonic(), file=notes)
"""


def test_modules_of_several_processes(tmp_path):
    """A module, or modules that share what is made once, stay in one process; one marked `alone` runs so."""
    notes = tmp_path / "notes"
    for module, mark in MODULES.items():
        path = tmp_path / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(NOTES.format(mark=mark, notes=str(notes), module=module))
    done = run(tmp_path, False, "-n", "2", "--rootdir", str(tmp_path))
    assert done.returncode == 0, done.stdout
    rows = [line.split() for line in notes.read_text().splitlines()]
    assert len(rows) == 4 * len(MODULES)
    processes = {module: {pid for name, pid, *_ in rows if name == module} for module in MODULES}
    assert all(len(found) == 1 for found in processes.values())
    assert processes["tests/workflow/test_run.py"] == processes["tests/workflow/test_reruns.py"]
    assert len(set.union(*processes.values())) == 2
    begin, end = ([float(row[k]) for row in rows if row[0] == "tests/test_a.py"] for k in (2, 3))
    for name, _, first, last in rows:
        assert name == "tests/test_a.py" or float(last) < min(begin) or float(first) > max(end)


def test_blank_in_the_path(tmp_path):
    """Snakemake cannot start Python there: `make` says so in one line before it installs anything."""
    folder = tmp_path / "with blank"
    folder.mkdir()
    (folder / "Makefile").write_text((ROOT / "Makefile").read_text())
    done = subprocess.run(["make", "demo"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "has a blank in its path" in line
    assert list(folder.iterdir()) == [folder / "Makefile"]
