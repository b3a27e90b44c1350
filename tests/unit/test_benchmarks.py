"""The harness of the benchmarks is honest: its processes, clocks, memory and files are what they say."""

import json
import math
import sys
import time

import pytest

from tests import gaussians
from tests.benchmarks import _command, _harness, closure, gpu


@pytest.fixture
def benchmark(monkeypatch, tmp_path):
    """A benchmark `tiny` in the place of the real ones, and the folder of its results."""
    module = type(sys)("tests.benchmarks.tiny")
    module.run = lambda: {
        "seconds": 1.5,
        "rounds": 3,
        "sizes": {"1": {"seconds": 1.5}, "16": {"seconds": 9.5}, "4": {"seconds": 2.5, "mb": 7}},
    }
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(_command, "names", lambda: ["tiny"])
    return tmp_path


def test_last_line_is_json_and_the_file_says_the_same(benchmark, capsys):
    """What a site reads from the terminal is what docs/benchmarks.md is made from."""
    assert _command.main(["tiny"], benchmark) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    written = json.loads((benchmark / "tiny.json").read_text())
    assert written.pop("checksum")
    assert said == written
    assert said["seconds"] == 1.5
    assert {"date", "cpu", "cores", "load_before", "load_after"} == set(said["machine"])
    assert {"snakemake", "uproot"} <= set(said["provenance"]["versions"])


def test_table(benchmark, capsys):
    """Inputs stand side by side, by size; what one of them lacks stays blank."""
    _command.main(["tiny"], benchmark)
    _command.main(["--table"], benchmark)
    lines = capsys.readouterr().out.splitlines()
    assert "| field | 1 | 4 | 16 |" in lines
    assert "| seconds | 1.5 | 2.5 | 9.5 |" in lines
    assert "| mb |  | 7 |  |" in lines
    assert "| rounds | 3 |" in lines


def test_unknown_names_list_the_choices(benchmark, capsys):
    """A typo costs a second."""
    with pytest.raises(SystemExit):
        _command.main(["tyni"], benchmark)
    assert "there are: tiny" in capsys.readouterr().err


def test_names_are_modules_with_run():
    """One module a benchmark; those with an underscore help."""
    assert {"bdt", "dag", "deepjet", "dips", "gpu", "loader", "pack", "rntuple", "skim"} <= set(
        _command.names()
    )


def test_gpu_says_where_there_is_none(monkeypatch):
    """Then nothing is measured, and no package is installed for it."""
    monkeypatch.setattr(gpu, "name", lambda: None)
    monkeypatch.setattr(_harness, "peer", lambda name: pytest.fail(name))
    assert gpu.run() == {"device": "none: nvidia-smi finds no GPU here, nothing was measured"}


def test_clocks_are_those_of_the_process():
    """Sleep is wall time alone, work is CPU time too."""
    sleeping = _harness.call([sys.executable, "-c", "import time; time.sleep(0.3); print('{\"a\": 1}')"])
    assert sleeping.said == {"a": 1}
    assert sleeping.seconds > 0.3 > sleeping.cpu_seconds
    working = _harness.call([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"])
    assert working.cpu_seconds >= 0.3


def test_memory_is_that_of_the_process():
    """Linux hands the peak of the process that starts another on to it; such a number is none."""
    code = """
import json, sys
from tests.benchmarks import _harness
def peak(mb):
    return _harness.call([sys.executable, "-c", f"x = b'x' * {mb}_000_000"]).peak_rss_mb
small = peak(100)
ballast = b"x" * 200_000_000
print(json.dumps([small, peak(300), peak(1)]))
"""
    done = _harness.call([sys.executable, "-c", code])
    small, large, unknown = json.loads(done.output)
    assert 100 < small < 150
    assert 290 < large < 350
    assert math.isnan(unknown)


def test_failures_are_failures():
    """A benchmark that cannot run says why."""
    with pytest.raises(RuntimeError, match="no such thing"):
        _harness.call([sys.executable, "-c", "import sys; sys.exit('no such thing')"])


def test_processes_begin_together():
    """Those that wait say `ready` first and begin on one signal."""
    code = (
        "import sys, time; print('hi', flush=True); sys.stdin.readline(); print('{\"t\":', time.time(), '}')"
    )
    waiting = [_harness.start([sys.executable, "-c", code], waits=True) for _ in range(2)]
    time.sleep(0.1)
    before = time.time()
    _harness.go(waiting)
    assert min(process.finish().said["t"] for process in waiting) >= before


def test_ratios_are_medians_of_pairs():
    """A busy moment that hits both of a pair does not count."""
    found = _harness.in_turn({"a": iter([2.0, 20.0, 2.0]).__next__, "b": iter([1.0, 10.0, 4.0]).__next__}, 3)
    assert _harness.ratio(found["a"], found["b"]) == 2.0


def test_closure_counts_what_passed_and_what_intervals_cover():
    """Statuses and gates by kind of weights and events; the interval of the coverage is exact."""
    right = [{"status": "passed", "gates": {"sum": "passed"}, "covers": k < 7} for k in range(10)]
    wrong = [{"status": "failed", "gates": {"sum": "failed", "swapped": "passed"}, "covers": True}] * 2
    found = closure.summary({("right", 4000): right, ("ten times", 4000): wrong})["sizes"]["4000"]
    assert (found["right_toys"], found["right_passed"], found["right_failed"]) == (10, 10, 0)
    assert found["right_coverage"] == 0.7
    assert (found["right_coverage_low"], found["right_coverage_high"]) == (0.348, 0.933)
    assert (found["ten_times_failed"], found["ten_times_failed_by"]) == (2, "sum 2")
    assert set(closure.WRONG) == set(gaussians.WRONG)
    every = closure.summary({("unit", 4000): [{**toy, "covers": True} for toy in right]})["sizes"]["4000"]
    assert every["unit_coverage_high"] == 1
