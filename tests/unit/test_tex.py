"""tex: a label that matplotlib cannot show is said when the configuration is read, not at the last plot."""

import json
import re
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser

from jetsmith import tex
from jetsmith.configuration.load import load
from jetsmith.errors import ConfigError

from .spoil import ROOT, edit, put, run_of

BAD = {
    r"$\foo$": r"matplotlib cannot read `\foo` in `$\foo$`: Unknown symbol: \foo",
    r"jet $x^{2$": "Expected end_group, found end of text",
    "$a^b^c$": "Double superscript",
    r"not H\to b\bar{b": "Expected",
    r"$\frac{1}$": r"Expected \frac{num}{den}",
    "cost $, $x$": "a `$` too many",
    "$$": "matplotlib cannot read ``",
}


@pytest.mark.parametrize(("label", "said"), BAD.items(), ids=BAD)
def test_unreadable(label, said):
    """With the key, the label, and what matplotlib says of it."""
    (problem,) = tex.unreadable([("good", "$p_T$"), ("b.label", label)])
    assert problem.startswith("b.label: ")
    assert said in problem


def test_at_load(tmp_path):
    """With file and line: a class and a feature."""
    folder = shutil.copytree(ROOT / "config", tmp_path / "config")
    edit(folder / "flavours.yaml", put("b", "label", value=r"\foo b"))
    edit(folder / "features/event.yaml", put("features", "z_pt", "label", value="$m_{Z$"))
    with pytest.raises(ConfigError) as caught:
        load(run_of(folder), folder)
    first, second = str(caught.value).splitlines()
    assert re.search(r"flavours\.yaml:\d+: b\.label: matplotlib cannot read", first)
    assert re.search(r"event\.yaml:\d+: features\.z_pt\.label: matplotlib cannot read `m_{Z`", second)


@settings(max_examples=100)
@given(
    formula=st.from_regex(
        tex.EVIDENT, fullmatch=True, alphabet=st.characters(min_codepoint=32, max_codepoint=126)
    )
)
def test_what_is_taken_unread_can_be_read(formula):
    """The rule of thumb never takes a formula that matplotlib refuses."""
    MathTextParser("path").parse(f"${formula}$")


def test_the_demo_needs_no_parser(tmp_path, monkeypatch):
    """matplotlib takes as long to import as all else at the parse: our own labels do without."""
    monkeypatch.setattr(tex, "parse_error", lambda formula: pytest.fail(f"`{formula}` is not evident"))
    load(run_of(ROOT / "config"), ROOT / "config", accepted=tmp_path / "labels.json")
    assert not (tmp_path / "labels.json").exists()


def test_accepted_once(tmp_path, monkeypatch):
    """What matplotlib took is not shown to it again; what it refused is; a damaged note is no note."""
    note, label = tmp_path / ".snakemake/labels.json", r"$\frac{a}{b}$"
    assert list(tex.unreadable([("a", label), ("b", "$a^b^c$")], note)) != []
    assert json.loads(note.read_text()) == [r"\frac{a}{b}"]
    monkeypatch.setattr(tex, "parse_error", lambda formula: f"asked for {formula}")
    assert list(tex.unreadable([("a", label)], note)) == []
    assert "asked for a^b^c" in next(tex.unreadable([("b", "$a^b^c$")], note))
    note.write_text("{")
    assert "asked for" in next(tex.unreadable([("a", label)], note))
