"""exact_yaml: a file is read in the one way that it can be meant, or a message names file and line."""

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jetsmith.configuration import exact_yaml
from jetsmith.configuration.records import read_yaml
from jetsmith.errors import ConfigError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MAPPING_BOMB = "a: &a {x: 1, y: 2}\n" + "".join(
    f"k{i}: &k{i} {{p: *{before}, q: *{before}}}\n"
    for i, before in enumerate(["a", *(f"k{i}" for i in range(40))])
)
REFUSED = {
    "key twice": (b"seed: 1\ntitle: a\nseed: 2\n", ":3: key `seed` is given twice; the first is in line 1"),
    "nested key twice": (
        b"samples:\n  a: {datasets: [x]}\n  b:\n    folds: 0\n    folds: 2\n",
        ":5: samples.b: key `folds` is given twice; the first is in line 4",
    ),
    "twice in one line": (b"a: {b: 1, 'b': 2}\n", ":1: a: key `b` is given twice"),
    "in a list": (b"a:\n- b: 1\n- c: 1\n  c: 2\n", ":4: a.1: key `c` is given twice"),
    "bomb": (BOMB.encode(), "aliases stand for more than 100,000 values"),
    "bomb of mappings": (MAPPING_BOMB.encode(), "aliases stand for more than 100,000 values"),
    "in itself": (b"a: &a [*a]\n", ":1: a.0: alias `*a` stands for nothing that is complete before it"),
    "brackets": (b"x: " + b"[" * 5000 + b"]" * 5000, ":1: more than 100 lists"),
    "open brackets": (b"x: " + b"{a: " * 200_000, ":1: more than 100 lists"),
    "latin-1": ("title: ja\nlabel: für\n".encode("latin-1"), ":2: column 9: byte 0xfc is no UTF-8"),
    "utf-16": ("a: 1\n".encode("utf-16"), ":1: column 1: byte 0xff is no UTF-8"),
    "nul": (b"a: 1\nb: x\0y\n", ":2: column 5: control character U+0000"),
    "escape": (b"a: \x1b[31mred\n", ":1: column 4: control character U+001B"),
    "tab": ("é: 1\na:\n\tb: 1\n".encode(), ":3: not valid YAML: found character that cannot start any token"),
    "tab by its name": ("é: 1\na:\n\tb: 1\n".encode(), ": a tab; indent with blanks"),
    "at sign": (b"a: 1\nb: @x\n", "while scanning for the next token: `@`; put the value in quotes"),
    "indented more": (b"a:\n  b: 1\n   c: 2\n", ":3: not valid YAML: mapping values are not allowed in this"),
    "indented less": (b"a:\n  b: 1\n c: 2\n", "from line 1 on: is the line indented as its neighbours?"),
    "no blank": (b"a:1\nb: 2\n", "and is a blank behind each colon, also in the line above?"),
    "no colon": (b"a: 1\nb 2\nc: 3\n", ": does the line above lack its colon"),
    "no end": (b"a: 1\nb: 'x\nc: 1\n", "end of stream, while scanning a quoted scalar from line 2 on"),
    "tag": (
        b"a: 1\nb: !!python/object/apply:os.system [ls]\n",
        ":2: b: tag `!!python/object/apply:os.system`",
    ),
    "tag of a scalar": (b"a: !!str 5\n", ":1: a: tag `!!str`"),
    "truth value as a key": (b"on: 1\n", ":1: key `on` is True (bool) for YAML; put it in quotes: 'on'"),
    "number as a key": (b"a: 1\n1: 2\n", ":2: key `1` is 1 (int) for YAML; put it in quotes: '1'"),
    "null as a key": (b"~: 1\n", ":1: key `~` is None (NoneType) for YAML"),
    "list as a key": (b"[a]: 1\n", ":1: a list or mapping as a key"),
    "alias as a key": (b"a: &a b\n*a : 1\n", ":2: alias `*a` as a key"),
    "no day": (b"a: 2026-02-31\n", ":1: a: `2026-02-31` is no timestamp; put it in quotes"),
    "octal": (b"selection: {pt_min_gev: 030}\n", ":1: selection.pt_min_gev: `030` is a number to base 8"),
    "negative octal": (b"a: -0_17\n", ":1: a: `-0_17` is a number to base 8 for YAML; leave out the 0"),
    "minutes": (b"a: [1:30]\n", ":1: a.0: `1:30` is a number to base 60 for YAML; put it in quotes"),
    "seconds": (b"a: 190:20:30.15\n", ":1: a: `190:20:30.15` is a number to base 60"),
    "many minutes": (b"a: 1" + b":1" * 1_000_000 + b"\n", ":1: a: `1:1:1:"),
    "two documents": (b"a: 1\n---\nb: 1\n", ":2: a second document begins here"),
    "merge of a word": (b"a:\n  <<: x\n", ":2: `<<` takes a mapping"),
    "empty": (b"", ":1: is empty"),
    "comment": (b"# nothing\n", ":1: is empty"),
    "list": (b"- a\n- b\n", ":1: is a list; must be a mapping"),
    "word": (b"hello\n", ":1: is a single value; must be a mapping"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_refused(tmp_path, content, said):
    """Each with file and line; no other exception, and never busy for long (a bomb took minutes)."""
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    start = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert time.process_time() - start < 5  # a hang, not a speed
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_unreadable(tmp_path):
    """A folder, a file that is gone, one that is too large to be a configuration."""
    for path, said in ((tmp_path, "cannot be read: Is a directory"), (tmp_path / "b", "No such file")):
        with pytest.raises(ConfigError, match=said):
            read_yaml(path)
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(21_000_000)
    with pytest.raises(ConfigError, match="21 MB; 20 at most"):
        read_yaml(tmp_path / "large.yaml")


def test_lines(tmp_path):
    """A key, an item of a list, what an anchor or a merge brought; the deepest that is there."""
    path = tmp_path / "a.yaml"
    path.write_text("a: &base\n  x: 1\n  y: [1,\n    2]\nb:\n  <<: *base\n  z: 3\nc: *base\n")
    document = exact_yaml.read(path)
    assert document.content == {
        "a": {"x": 1, "y": [1, 2]}, "b": {"x": 1, "y": [1, 2], "z": 3}, "c": {"x": 1, "y": [1, 2]}
    }  # fmt: skip
    found = {
        "a": 1, "a.x": 2, "a.y": 3, "a.y.1": 4, "b": 5, "b.z": 7, "b.x": 2, "c": 8, "c.y.1": 4, "c.gone": 8
    }  # fmt: skip
    for keys, line in found.items():
        assert document.line([int(key) if key.isdigit() else key for key in keys.split(".")]) == line
    assert document.line(["gone"]) is None


def test_merged_keys_give_way(tmp_path):
    """To the mapping's own, and a later source to an earlier, as PyYAML does it."""
    text = "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd: {z: 3, <<: *b}\n"
    (tmp_path / "a.yaml").write_text(text)
    assert read_yaml(tmp_path / "a.yaml") == yaml.safe_load(text)


def test_byte_order_mark_and_line_ends_of_other_systems(tmp_path):
    """Neither changes what a file says."""
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    document = exact_yaml.read(tmp_path / "a.yaml")
    assert document.content == {"a": 1, "b": 2}
    assert document.line(["b"]) == 2


def test_json_with_tabs(tmp_path):
    """Snakemake takes a JSON file as a run, too."""
    (tmp_path / "a.json").write_text('{\n\t"a": {"b": [1, 2.5, null, true, "x"]}\n}\n')
    assert read_yaml(tmp_path / "a.json") == {"a": {"b": [1, 2.5, None, True, "x"]}}


ODD = [
    *(
        "8e-1",
        "8.0e-1",
        "000",
        "0o10",
        "0b11",
        "0x1F",
        "1_000",
        ".inf",
        "-.INF",
        "+1",
    ),
    *("1.", ".5", "yes", "Off", "on", "NULL", "~", "2026-01-01", "=", "<<", "-"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(ODD),
)
CONTENTS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=100)
@given(content=CONTENTS, flow=st.booleans())
def test_what_pyyaml_reads(tmp_path_factory, content, flow):
    """Wherever a file is beyond doubt, its values are those of PyYAML's safe loader, types too."""
    path = tmp_path_factory.getbasetemp() / "same.yaml"
    text = yaml.safe_dump(content, default_flow_style=flow, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    assert repr(read_yaml(path)) == repr(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        *sorted(set(ODD) - {"=", "<<", "-"}),
        "",
        "2026-01-01 10:00:00",
        "'on'",
        '"1"',
        "|\n  a\n  b",
        ">-\n  a",
    ],
)
def test_plain_values(tmp_path, text):
    """YAML 1.1's spellings are resolved as everywhere, Snakemake included."""
    (tmp_path / "a.yaml").write_text(f"a: {text}\n")
    assert repr(read_yaml(tmp_path / "a.yaml")) == repr(yaml.safe_load(f"a: {text}\n"))
