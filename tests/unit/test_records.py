"""Records in files: one comes back from JSON as it was, and nothing else passes for one."""

import copy
import json
import tempfile
import types
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.account import Account, CutStep, PartReport
from jetsmith.handed.plan import Content, Part, Plan
from jetsmith.io.json_files import without_checksum
from tests.unit.plans import file_found, plan_of

TEXT = st.text(st.characters(codec="ascii"), max_size=5)
SIMPLE = {
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: TEXT,
    bool: st.booleans(),
    type(None): st.none(),
}


def made(kind):
    """All values of a type, of records too: by the types of their fields."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: made(hints[field.name]) for field in fields(kind)})
    if origin is tuple:
        return st.lists(made(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(TEXT, made(inner[1]), max_size=2)
    if origin is types.UnionType:
        return st.one_of(*map(made, inner))
    return SIMPLE[kind]


RECORDS = st.one_of(made(Plan), made(PartReport), made(Account))


def nodes(value):
    """All objects in some JSON that are records: those with a key that no dictionary has here."""
    if isinstance(value, dict):
        yield value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, (dict, list, tuple)) and key not in OPEN:
            yield from nodes(inner)


OPEN = {"unreadable", "unable", "instead", "absent_hlt", "not_applied"} | {
    name for kind in (PartReport, Account) for name, hint in typing.get_type_hints(kind).items()
    if typing.get_origin(hint) is dict
}  # fmt: skip


@given(record=RECORDS)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
def test_a_record_comes_back(record):
    """Protects: written and read, it is what it was, to the last bit of each number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        io.write_record(path, record)
        text = path.read_text()
        assert without_checksum(text) is not None
        assert io.read_record(type(record), path) == record
        path.write_text(json.dumps(json.loads(text)))  # the same in another form
        assert io.read_record(type(record), path) == record


def said_of(content: typing.Any) -> typing.Any:
    """Without `applied: true`, the default, which a record does not write."""
    if isinstance(content, dict):
        return {k: said_of(v) for k, v in content.items() if (k, v) != ("applied", True) or v is not True}
    return list(map(said_of, content)) if isinstance(content, list) else content


@given(record=RECORDS, data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=100)
def test_another_record_is_refused_or_the_same(record, data):
    """Protects: a key less, a key more, or a value of another type, anywhere, and the file is named."""
    content = copy.deepcopy(io.plain(record))
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
        path = Path(folder) / "record.json"
        path.write_text(json.dumps(content))
        found, said = None, ""
        try:
            found = io.read_record(type(record), path)
        except InputError as error:
            said = str(error)
        if found is None:
            assert said.startswith(f"{path}: is no {type(record).__name__}")
            assert said.endswith("remove it and run again")
        else:
            assert how == "type" or key == "applied"  # another value of the type, which is kept as it is
            assert said_of(json.loads(json.dumps(io.plain(found)))) == said_of(json.loads(path.read_text()))


PLAN = plan_of([file_found("a.root")])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_entries": "0"}, r"n_entries: Input should be a valid integer, and is '0'"),
        ({"columns": {"a": 1}}, r"columns: Input should be a valid array, and is \{'a': 1\}"),
        ({"n_events": 3}, "n_events: an unknown key"),
        ({"files": [{"file": "a.root"}]}, r"files\.0\.uuid: the key is missing; .*and 6 more mistakes"),
        ({"layout": ["x" * 99]}, r"layout: .*string, and is \['x{38}…"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, words):
    """Protects: file, place, what would be right and what is there."""
    path = tmp_path / "plan.json"
    io.write_json(path, io.plain(PLAN) | change)
    with pytest.raises(InputError, match=rf"plan\.json: is no Plan as this version writes it \({words}"):
        io.read_record(Plan, path)


def test_a_file_of_something_else_is_named_as_that(tmp_path):
    """Protects: of another dataset, damaged, cut short, or not there: as `read_json` says it."""
    path = tmp_path / "plan.json"
    io.write_record(path, PLAN)
    with pytest.raises(InputError, match="is of dataset `test`, not `other`"):
        io.read_record(Plan, path, dataset="other")
    with pytest.raises(InputError, match="is of dataset `test`, not `other`"):
        io.read_record(Account, path, dataset="other")
    text = path.read_text()
    path.write_text(text.replace('"n_entries": 100', '"n_entries": 101'))
    with pytest.raises(InputError, match=r"plan\.json: its content does not fit its checksum"):
        io.read_record(Plan, path)
    path.write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match=r"plan\.json: not readable as JSON"):
        io.read_record(Plan, path)
    path.write_bytes(b"\xff\x00")
    with pytest.raises(InputError, match=r"plan\.json: not readable as JSON"):
        io.read_record(Plan, path)
    path.unlink()
    with pytest.raises(InputError, match=r"plan\.json: not readable as JSON: .*No such file"):
        io.read_record(Plan, path)


def test_a_default_is_left_out():
    """Protects: files hold what they always did: a step that was applied does not say so."""
    assert io.plain(CutStep(3, 1.5, 2.0, "pt")) == {"cut": "pt", "n": 3, "sum_w": 1.5, "sum_w2": 2.0}
    assert io.plain(CutStep(3, 1.5, 2.0, "pt", applied=False))["applied"] is False


def test_only_records_are_closed():
    """Protects: the test above looks into every record that there is."""
    found = {tuple(sorted(node)) for node in nodes(io.plain(PLAN))}
    assert {tuple(sorted(field.name for field in fields(kind))) for kind in (Plan, Content, Part)} <= found
