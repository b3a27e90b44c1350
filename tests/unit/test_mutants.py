"""The faults that `make mutants` tries are real ones, and a test that fails is noticed."""

import ast

from tests.mutants.__main__ import file_of, noticed, unit_tests_of
from tests.mutants.faults import faults

SOURCE = '''
def cut(pt: "float", low: float = 30.0, sign: int = -1) -> bool:
    """Docstring 5 < 6."""
    if pt < 0 and not low:
        raise ValueError(f"pt is {pt + 1}")
    sign = len(f"{pt}" + f"{low}")
    return abs(pt) >= max(low, sign)
'''


def test_faults():
    """Comparisons turned, signs and calls dropped, raises removed, numbers moved; text is left alone."""
    found = [fault.what for fault in faults(SOURCE)]
    for wanted in (
        "pt < 0  ->  pt <= 0",
        "pt < 0  ->  pt > 0",
        "pt < 0 and (not low)  ->  pt < 0 or not low",
        "not low  ->  low",
        "raise ValueError(f'pt is {pt + 1}')  ->  pass",
        "abs(pt)  ->  pt",
        "max(low, sign)  ->  min(low, sign)",
        "abs(pt) >= max(low, sign)  ->  abs(pt) > max(low, sign)",
        "30.0  ->  45.0",
        "-1  ->  1",
    ):
        assert wanted in found, wanted
    assert not [what for what in found if "pt + 1 " in what or what.startswith(("'float'", "5 <"))]


def test_each_fault_is_one():
    """Every fault is a module that Python reads, other than the one that it came from."""
    sources = [fault.source for fault in faults(SOURCE)]
    plain = ast.unparse(ast.parse(SOURCE))
    assert len(sources) == len(set(sources)) > 10
    assert plain not in sources
    for source in sources:
        ast.parse(source)


def test_tests_of_a_module():
    """Those named after it come first, though they import what its package hands on."""
    assert unit_tests_of("cuts")[0] == "tests/unit/test_cuts.py"
    assert unit_tests_of("metrics.curves")[0] == "tests/unit/test_metrics.py"
    assert unit_tests_of("training")[0] == "tests/unit/test_training.py"


def test_a_fault_is_noticed():
    """A fault fails a test of its module, the module as it is fails none: the count can go both ways."""
    assert "tests/unit/test_hashing.py" in unit_tests_of("hashing")
    tests = ["tests/unit/test_hashing.py"]
    source = file_of("hashing").read_text()
    assert not noticed("hashing", tests, source)
    assert noticed("hashing", tests, source.replace("2.0**-53", "2.0**-52"))
