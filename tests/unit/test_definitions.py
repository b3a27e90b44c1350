"""definitions: an edit reruns the stages that reach the definition, and no others; never a stale result."""

import ast
from pathlib import Path

import pytest

from jetsmith import provenance
from jetsmith.definitions import REST, WHOLE, read
from tests.unit.code_cache import begin_anew, forget, forget_notes

SCRIPT = """
from jetsmith.stage import run
with job():
    run(1)
"""
FILES = {
    "stage": """
from jetsmith import tools, settings
from jetsmith.inner import helper as renamed
from jetsmith.records import Record

LIMIT, OTHER = 5, 6

def run(n: "Record"):
    \"\"\"Docstring.\"\"\"
    return tools.twice(n) + renamed(LIMIT)

def unused():
    return tools.thrice(1)
""",
    "tools": """
from jetsmith.inner import helper
from jetsmith import table

def twice(n):
    return helper(n) + getattr(table, "first")

def thrice(n):
    return 3 * n
""",
    "inner/__init__": """
from jetsmith.inner.deep import helper
""",
    "inner/deep": """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jetsmith.other import Foreign

class Base:
    size = 1

class Sub(Base):
    def method(self):
        from jetsmith.late import value
        return value()

def helper(n):
    return Sub().method()

def lonely():
    return 0
""",
    "late": """
def value():
    return globals()["hid" + "den"]

hidden = 7
""",
    "table": """
first = 1
second = 2
""",
    "records": """
class Record:
    a = Field(1, description="what it is")
    b: "Part" = 2

class Part:
    c = 3

class Another:
    d = 4
""",
    "settings": """
import warnings
from jetsmith.registry import REGISTRY
warnings.simplefilter("ignore")
REGISTRY["settings"] = 1
spare = 1
""",
    "registry": """
REGISTRY = {}

def register(what):
    REGISTRY[what.__name__] = what
    return what

@register
def plug():
    return 1
""",
    "other": "class Foreign:\n    x = 1\n",
    "progress": "interval = 1\n",
}
# file, what stands there, what comes in its place, whether the stage reruns
EDITS = {
    "the function itself": ("stage", "renamed(LIMIT)", "renamed(LIMIT + 1)", True),
    "its docstring": ("stage", "Docstring.", "Another.", False),
    "a comment": ("stage", "def unused", "# why\ndef unused", False),
    "a constant that it uses": ("stage", "= 5, 6", "= 7, 6", True),
    "a function that nobody uses": ("stage", "thrice(1)", "thrice(2)", False),
    "a new function": ("tools", "def thrice", "def new():\n    return 1\n\ndef thrice", False),
    "behind a module's name": ("tools", "helper(n) +", "helper(n) -", True),
    "a sister of that": ("tools", "3 * n", "4 * n", False),
    "behind another name, through a package": ("inner/deep", "return Sub()", "return 1 + Sub()", True),
    "a method": ("inner/deep", "return value()", "return -value()", True),
    "a base class": ("inner/deep", "size = 1", "size = 2", True),
    "a sister of all these": ("inner/deep", "return 0", "return 1", False),
    "an import inside a function": ("late", '"den"]', '"den"] + 1', True),
    "what no name tells": ("late", "hidden = 7", "hidden = 8", True),
    "a module that is handed on as such": ("table", "second = 2", "second = 3", True),
    "a record in an annotation": ("records", "a = Field(1,", "a = Field(2,", True),
    "the description of a field": ("records", "what it is", "what it was", False),
    "a record in that record's annotation": ("records", "c = 3", "c = 4", True),
    "another record": ("records", "d = 4", "d = 5", False),
    "what runs at the import": ("settings", '"ignore"', '"error"', True),
    "an item that an import sets": ("settings", '"settings"] = 1', '"settings"] = 2', True),
    "what a decorator may register": ("registry", "return 1", "return 2", True),
    "a value beside what an import runs": ("settings", "spare = 1", "spare = 2", False),
    "what only annotations of a type checker name": ("other", "x = 1", "x = 2", False),
    "the terminal": ("progress", "interval = 1", "interval = 2", False),
    "an import that is taken away": ("stage", "import tools, settings", "import tools", True),
}


def digest(folder: Path) -> str:
    """Of the script, read anew."""
    forget()
    forget_notes()
    return provenance.script_digests(folder / "script.py")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A little package in the place of the real one, and a script."""
    for name, content in FILES.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    begin_anew(monkeypatch)
    yield tmp_path
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize("edit", EDITS)
def test_what_an_edit_reruns(package, edit):
    """An edit counts where the stage reaches it, by whatever way, and nowhere else."""
    name, old, new, counts = EDITS[edit]
    before = digest(package)
    path = package / f"{name}.py"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    assert (digest(package) != before) is counts


def test_the_script_counts(package):
    """Its own statements, but not its comments."""
    before = digest(package)
    (package / "script.py").write_text(SCRIPT + "# a remark\n")
    assert digest(package) == before
    (package / "script.py").write_text(SCRIPT.replace("run(1)", "run(2)"))
    assert digest(package) != before


def test_definitions_of_a_file():
    """Names, what they refer to, and what is left over."""
    found = read(
        ast.parse("from jetsmith import io\nA = 1\ndef f():\n    return io.read(A)\nprint(A)\n"), "jetsmith"
    )
    assert found.keys() == {"io", "A", "f", REST}
    assert found["f"].here == ("A",)
    assert found["f"].there == ("jetsmith:io.read",)
    assert found[REST].here == ("A",)
    assert read(ast.parse("def f():\n    return globals()\n"), "jetsmith")["f"].here == (WHOLE,)
    both = ast.parse("if TYPE_CHECKING:\n    a = 1\nelse:\n    b()\n")
    assert read(both, "jetsmith")[REST].digest  # the other branch runs
