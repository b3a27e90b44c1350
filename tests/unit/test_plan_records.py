"""The plan as a record: it comes back from JSON as it was, and nothing else passes for one."""

import copy
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.skimming.records import (
    Damaged,
    FileFound,
    Part,
    Plan,
    Range,
    Runs,
    Schema,
    plain,
    read_plan,
    write,
)

COUNT = st.integers(0, 2**53)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="ascii"), max_size=5)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
MAYBE_TEXT = st.none() | TEXT
CONTENT = st.dictionaries(TEXT, MAYBE_TEXT | st.lists(TEXT, max_size=2), max_size=2)


def several(kind):
    return st.lists(kind, max_size=2).map(tuple)


RUNS = st.none() | st.builds(Runs, st.none() | COUNT, NUMBER, st.none() | NUMBER)
SCHEMAS = st.builds(
    Schema, MAYBE_TEXT, TEXTS, TEXTS, TEXTS, st.booleans(), st.dictionaries(TEXT, TEXT, max_size=2),
    st.none() | CONTENT,
)  # fmt: skip
FILES = st.builds(FileFound, TEXT, TEXT, TEXT, COUNT, COUNT, COUNT, TEXT, several(COUNT), NUMBER, RUNS)
PARTS = st.builds(Part, TEXT, several(st.builds(Range, TEXT, TEXT, COUNT, COUNT)))
PLANS = st.builds(
    Plan, TEXT, TEXT, MAYBE_TEXT, TEXTS, COUNT, COUNT, CONTENT, several(SCHEMAS), several(FILES),
    several(st.builds(Damaged, TEXT, TEXT, COUNT)), several(PARTS),
)  # fmt: skip


def nodes(value):
    """All objects in some JSON that are records: not what a file says, which is open."""
    if isinstance(value, dict):
        yield value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, (dict, list, tuple)) and key not in ("content", "unreadable"):
            yield from nodes(inner)


@given(plan=PLANS)
def test_a_plan_comes_back(plan):
    """Written and read, it is what it was."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        write(path, plan)
        assert read_plan(path) == plan
        assert io.read_json(path) == io.read_json(_written(path, plain(plan)))


def _written(path, content):
    io.write_json(path, content)
    return path


@given(plan=PLANS, data=st.data())
def test_another_plan_is_refused_or_the_same(plan, data):
    """A key less, a key more, or a value of another type, anywhere: refused, with the file's name."""
    content = copy.deepcopy(plain(plan))
    node = data.draw(st.sampled_from(list(nodes(content))))
    key = data.draw(st.sampled_from(sorted(node)))
    how = data.draw(st.sampled_from(["less", "more", "type"]))
    if how == "less":
        del node[key]
    elif how == "more":
        node["strange"] = 1
    else:
        node[key] = data.draw(st.sampled_from([None, "1", 1.5, True, [1], {"a": 1}]))
    with tempfile.TemporaryDirectory() as folder:
        path = _written(Path(folder) / "plan.json", content)
        found, said = None, ""
        try:
            found = read_plan(path)
        except InputError as error:
            said = str(error)
        if found is None:
            assert said.startswith(str(path))
            assert said.endswith("remove it and run again")
        else:
            assert how == "type"  # another value of the right type, which is kept as it is
            assert io.read_json(path) == io.read_json(_written(path, plain(found)))


def test_what_is_wrong_is_named(tmp_path):
    """The message says which key, and of a plan of another dataset, whose it is."""
    plan = Plan("test", "ak4", None, (), 0, 0, {}, (), (), (), (Part("000", ()),))
    path = tmp_path / "plan.json"
    io.write_json(path, {**plain(plan), "n_entries": "0"})
    with pytest.raises(InputError, match=r"plan\.json: is no Plan .*n_entries: .*valid integer"):
        read_plan(path)
    write(path, plan)
    with pytest.raises(InputError, match="is of dataset `test`, not `other`"):
        read_plan(path, dataset="other")
