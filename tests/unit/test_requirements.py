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


@pytest.mark.parametrize("content", SKIPS.values(), ids=SKIPS)
@pytest.mark.parametrize("strict", [False, True])
def test_skips(tmp_path, content, strict):
    """Whatever way a test is skipped: a newcomer's run is green and says so, CI's is red."""
    (tmp_path / "test_it.py").write_text(content)
    environment = {name: value for name, value in os.environ.items() if name != "JETSMITH_REQUIRE_DATA"}
    environment |= {"JETSMITH_REQUIRE_DATA": "1"} if strict else {}
    environment |= {"JETSMITH_SKIPPED": str(tmp_path / "skipped")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    # A module that is skipped leaves no test, which pytest has an exit code of its own for.
    assert (done.returncode in (0, 5)) is not strict, done.stdout
    if not strict:
        assert re.match(r"skipped: 1 others \(.+\)$", done.stdout.splitlines()[-1])
        assert len((tmp_path / "skipped").read_text().splitlines()) == 1


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
