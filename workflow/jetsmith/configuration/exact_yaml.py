"""YAML read exactly: what a lenient reader passes over in silence becomes a message with file and line.

A key given twice, a key that is no text, a tag, an alias bomb, endless brackets, a byte that is no UTF-8, a
number to base 8 or 60 that looks like another.
The events of libyaml are put together on a stack of our own: that is faster than PyYAML's constructor, keeps
the lines, and no depth of nesting can exhaust Python's stack.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from jetsmith.errors import ConfigError

MAX_BYTES = 20_000_000  # a list of 100,000 remote files takes 10 MB
MAX_DEPTH = 100
MAX_ALIASED = 100_000  # values that aliases stand for, all together

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVERS: dict[str, Any] = yaml.SafeLoader.yaml_implicit_resolvers
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OCTAL = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*")
_CORE = "tag:yaml.org,2002:"
_MAKER = yaml.constructor.SafeConstructor()
_MAKE: dict[str, Callable[[yaml.ScalarNode], Any]] = {
    f"{_CORE}null": _MAKER.construct_yaml_null,
    f"{_CORE}bool": _MAKER.construct_yaml_bool,
    f"{_CORE}int": _MAKER.construct_yaml_int,
    f"{_CORE}float": _MAKER.construct_yaml_float,
    f"{_CORE}timestamp": _MAKER.construct_yaml_timestamp,
}
_MERGE = object()
_NO_KEY = object()


@dataclass(frozen=True)
class Document:
    """A file's content with the lines of its keys.

    Attributes:
        path: The file.
        content: Plain values; not necessarily a mapping.
        lines: By `id` of each mapping and list in `content`: the line (from 1) of each key or index.
    """

    path: Path
    content: Any
    lines: dict[int, dict[Any, int]]

    def line(self, keys: Iterable[Any]) -> int | None:
        """Line of the deepest of the keys, one below the other, that is there; None where none is."""
        place, found = self.content, None
        for key in keys:
            known = self.lines.get(id(place), {})
            if key not in known:
                break
            place, found = place[key], known[key]
        return found


def read(path: Path) -> Document:
    """Read a file.

    Raises:
        ConfigError: It cannot be read, or is no YAML that can be read in one way only.
    """
    text = _text(path)
    loader = _LOADER(text)
    try:
        builder = _Builder(path)
        builder.build(_events(loader))
        return Document(path, builder.content, builder.lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{place}: not valid YAML: {_problem(error, text)}") from error
    finally:
        loader.dispose()


def _text(path: Path) -> str:
    """The file as text; a byte or character that YAML does not know is named with line and column."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(f"{path}: {size / 1e6:.0f} MB; {MAX_BYTES / 1e6:.0f} at most are read")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before, newline = content[: error.start], b"\n"
        line, column = before.count(newline) + 1, len(before) - before.rfind(newline)
        raise ConfigError(
            f"{path}:{line}: column {column}: byte 0x{content[error.start]:02x} is no UTF-8; "
            "save the file as UTF-8"
        ) from error
    if bad := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        raise ConfigError(f"{path}:{line}: column {column}: control character U+{ord(bad.group()):04X}")
    return text.replace("\t", " ") if path.suffix == ".json" else text  # JSON indents with tabs, YAML may not


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _events(loader: Any) -> Iterator[Any]:
    while loader.check_event():
        yield loader.get_event()


# What libyaml says of mistakes that are made often, and where to look: it names neither tab nor character.
_HINTS = {
    "mapping values are not allowed in this context": (
        "is the line indented as its neighbours, and is a blank behind each colon, also in the line above?"
    ),
    "did not find expected key": "is the line indented as its neighbours?",
    "could not find expected ':'": "does the line above lack its colon, or a blank behind it?",
}


def _problem(error: yaml.YAMLError, text: str) -> str:
    problem, context = (getattr(error, name, None) for name in ("problem", "context"))
    mark, begin = (getattr(error, name, None) for name in ("problem_mark", "context_mark"))
    said = ", ".join(part for part in (problem, context) if part) or str(error)
    if context and mark and begin and begin.line < mark.line:
        said = f"{said} from line {begin.line + 1} on"
    hint = _HINTS.get(problem or "")
    if mark and "token" in (problem or "") and (found := text[mark.index : mark.index + 1]):
        hint = "a tab; indent with blanks" if found == "\t" else f"`{found}`; put the value in quotes"
    return f"{said}: {hint}" if hint else said


@dataclass
class _Frame:
    """A mapping or list that is not finished."""

    value: Any
    line: int
    anchor: str | None
    lines: dict[Any, int] = field(default_factory=dict)
    key: Any = _NO_KEY
    merged: list[dict[str, Any]] = field(default_factory=list)
    size: int = 1


class _Builder:
    """Puts the values of a file together, event by event."""

    def __init__(self, path: Path) -> None:
        self.content: Any = None
        self.lines: dict[int, dict[Any, int]] = {}
        self._path = path
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._documents = 0

    def build(self, events: Iterator[Any]) -> None:
        """Take all events of a file."""
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, {} if kind is yaml.MappingStartEvent else [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._close()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._documents += 1
                if self._documents > 1:
                    self._refuse(event, "a second document begins here (`---`); a file is one")

    def _refuse(self, event: Any, problem: str) -> NoReturn:
        line = _line(event)
        inside = ".".join(self._place())
        raise ConfigError(f"{self._path}:{line}: {f'{inside}: ' if inside else ''}{problem}")

    def _place(self) -> list[str]:
        """Keys and indices that lead to what is being read."""
        steps = [len(frame.value) if isinstance(frame.value, list) else frame.key for frame in self._stack]
        return ["<<" if step is _MERGE else str(step) for step in steps if step is not _NO_KEY]

    def _scalar(self, event: Any) -> None:
        text = event.value
        value = text
        if event.tag is not None:
            self._refuse(event, f"tag `{event.tag.replace(_CORE, '!!')}`; values have none here")
        if event.implicit[0]:
            for tag, pattern in _RESOLVERS.get(text[:1], ()):
                if pattern.match(text):
                    value = self._resolved(event, tag)
                    break
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is _NO_KEY:
            self._key(event, frame, value)
        else:
            value = text if value is _MERGE else value
            self._remember(event.anchor, value, 1)
            self._put(value, _line(event), 1)

    def _resolved(self, event: Any, tag: str) -> Any:
        if tag == f"{_CORE}merge":
            return _MERGE
        if tag in (f"{_CORE}int", f"{_CORE}float"):
            self._refuse_bases(event)
        try:
            return _MAKE[tag](yaml.ScalarNode(tag, event.value))
        except (ValueError, KeyError, OverflowError):
            kind = tag.removeprefix(_CORE)
            self._refuse(event, f"`{event.value:.40}` is no {kind}; put it in quotes if it is text")

    def _refuse_bases(self, event: Any) -> None:
        """Numbers that YAML 1.1 reads to another base than they look like, and 1.2 reads as they look."""
        text = event.value
        if ":" in text:
            said = f"`{text:.40}` is a number to base 60 for YAML"
            self._refuse(event, f"{said}; put it in quotes if it is text")
        if _OCTAL.fullmatch(text):
            said = f"`{text:.40}` is a number to base 8 for YAML; leave out the 0 in front"
            self._refuse(event, f"{said}, or put it in quotes if it is text")

    def _key(self, event: Any, frame: _Frame, key: Any) -> None:
        if key is not _MERGE and not isinstance(key, str):
            said = f"key `{event.value}` is {key!r} ({type(key).__name__}) for YAML"
            self._refuse(event, f"{said}; put it in quotes: '{event.value}'")
        if key in frame.lines:
            first = frame.lines[key]
            self._refuse(event, f"key `{event.value}` is given twice; the first is in line {first}")
        frame.key, frame.lines[key] = key, _line(event)

    def _open(self, event: Any, value: Any) -> None:
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is _NO_KEY:
            self._refuse(event, "a list or mapping as a key; keys are words")
        if event.tag is not None:
            self._refuse(event, f"tag `{event.tag.replace(_CORE, '!!')}`; values have none here")
        if len(self._stack) >= MAX_DEPTH:
            raise ConfigError(
                f"{self._path}:{_line(event)}: more than {MAX_DEPTH} lists or mappings inside each other"
            )
        self._stack.append(_Frame(value, _line(event), event.anchor))
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)

    def _close(self) -> None:
        frame = self._stack.pop()
        value = frame.value
        for source in frame.merged:
            frame.lines = self.lines.get(id(source), {}) | frame.lines
            value = source | value
        frame.lines.pop(_MERGE, None)
        self.lines[id(value)] = frame.lines
        self._remember(frame.anchor, value, frame.size)
        self._put(value, frame.line, frame.size)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            self._refuse(event, f"alias `*{event.anchor}` stands for nothing that is complete before it")
        value, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            self._refuse(event, f"aliases stand for more than {MAX_ALIASED:,} values; write them out")
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is _NO_KEY:
            self._refuse(event, f"alias `*{event.anchor}` as a key; write the key out")
        self._put(value, _line(event), size)

    def _remember(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)

    def _put(self, value: Any, line: int, size: int) -> None:
        """Put a finished value where it belongs."""
        if not self._stack:
            self.content = value
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.lines[len(frame.value)] = line
            frame.value.append(value)
        elif frame.key is _MERGE:
            self._merge(frame, value)
            frame.key = _NO_KEY
        else:
            frame.value[frame.key] = value
            frame.key = _NO_KEY

    def _merge(self, frame: _Frame, value: Any) -> None:
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise ConfigError(f"{self._path}:{frame.lines[_MERGE]}: `<<` takes a mapping, or a list of them")
        frame.merged += sources
